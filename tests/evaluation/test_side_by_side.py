"""Evaluations side by side: matched by name, and best only where it can be told."""

import re

import pytest
from clinsynth.evaluation.cells import DASH
from clinsynth.evaluation.finding import Finding
from clinsynth.evaluation.report import Beside, Cell, Page, Picture, Section, Table, html, tables_of
from clinsynth.evaluation.side_by_side import side_by_side

HEAD = ("metric", "all records [95 %]", "floor: real against real")


def page(rows, caption="All images", head=HEAD, findings=(), section="realism"):
    body = tuple(tuple(Cell(text=t) for t in row) for row in rows)
    table = Table(caption=caption, head=head, rows=body, better={"KID": "lower", "recall": "higher"})
    return Page(facts=(), sections=(Section(name=section, title="Real?", tables=(table,)),), findings=tuple(findings))


def compared(*pages, **more):
    names = "abcdefg"
    return side_by_side([Beside(name=names[k], title=names[k], page=p) for k, p in enumerate(pages)], **more)


def shown(result):
    """Return rows of the one aligned table as {(row, figure): [(text, mark)]}."""
    (section,) = [s for s in result.sections if s.name.startswith("beside-")]
    (table,) = section.tables
    return {(r[0].text, r[1].text): [(c.text, c.mark) for c in r[2:]] for r in table.rows}


def test_rows_are_matched_by_name_whatever_their_order_and_the_unshared_ones_left_out():
    a = page([("KID", "1 [0 to 2]", "0"), ("recall", "0.5", "0.6"), ("only a", "1", "1")])
    b = page([("recall", "0.7", "0.6"), ("KID", "9 [8 to 10]", "0")])
    rows = shown(compared(a, b))
    assert set(rows) == {(m, c) for m in ("KID", "recall") for c in HEAD[1:]}
    assert rows["KID", HEAD[1]] == [("1 [0 to 2]", "best"), ("9 [8 to 10]", "worst")]
    assert rows["recall", HEAD[1]] == [("0.5", None), ("0.7", None)]  # no interval, so nothing can be told


@pytest.mark.parametrize(
    ("metric", "cells", "marks"),
    [
        ("KID", ("1 [0 to 2]", "2 [1 to 3]"), (None, None)),
        ("KID", ("1 [0 to 2]", "1.5 [1 to 3]", "9 [8 to 10]"), (None, None, "worst")),
        ("recall", ("1 [0 to 2]", "1.5 [1 to 3]", "9 [8 to 10]"), (None, None, "best")),
        ("recall", ("1 [0 to 2]", DASH, "9 [8 to 10]"), ("worst", None, "best")),
        ("unheard of", ("1 [0 to 2]", "9 [8 to 10]"), (None, None)),
    ],
)
def test_best_and_worst_are_marked_only_where_intervals_do_not_meet(metric, cells, marks):
    rows = shown(compared(*(page([(metric, c, c)]) for c in cells)))
    assert tuple(m for _, m in rows[metric, HEAD[1]]) == marks
    assert all(m is None for _, m in rows[metric, HEAD[2]])  # a floor is not of the data that are judged


def test_nothing_is_best_where_the_real_sides_differ():
    result = compared(page([("KID", "1 [0 to 2]", "0")]), page([("KID", "9 [8 to 10]", "0")]), fair=False)
    assert all(m is None for row in shown(result).values() for _, m in row)


def test_counts_in_captions_and_heads_do_not_keep_tables_apart_but_bands_of_age_do():
    def of(n):
        tables = [
            Table(caption=f"{band}: {n + k} real, {n} synthetic", head=("feature", f"F {n}:{n}"), rows=row(n + k))
            for k, band in enumerate(("40-59", "60-79"))
        ]
        return Page(facts=(), sections=(Section(name="numbers", title="All", tables=tuple(tables)),))

    def row(value):
        return ((Cell(text="rate"), Cell(text=str(value))),)

    (section,) = compared(of(8), of(20)).sections
    assert [[c.text for c in t.rows[0]] for t in section.tables] == [["rate", "F", "8", "20"], ["rate", "F", "9", "21"]]


def test_rows_without_a_name_of_their_own_are_not_matched():
    twice = page([("KID", "1", "1"), ("KID", "1", "1")], head=("a", "b", "c"))
    assert not [s for s in compared(twice, twice).sections if s.name.startswith("beside-")]


def test_the_same_name_twice_is_refused():
    one = Beside(name="a", title="a", page=page([]))
    with pytest.raises(ValueError, match="two evaluations are called 'a'"):
        side_by_side([one, one])


def test_a_comparison_holds_answers_parts_flags_and_every_page_folded():
    said = [
        Finding(part="realism", question="use", level=level, claim=f"Claim {level}.", figure=".5, line .4")
        for level in ("good", "stop")
    ]
    pages = [page([("KID", "1 [0 to 2]", "0")], findings=[f]) for f in said]
    text = html(compared(*pages, flags=["The real data differ."]), title="two <b>", provenance={})
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids)) and {"use", "1-use", "2-use", "1-realism", "2-realism"} <= set(ids)
    assert set(re.findall(r'href="#([^"]*)"', text)) <= {*ids, "content"}
    assert text.count('<details class="report"') == 2 and "two &lt;b&gt;" in text
    assert text.index("The real data differ.") < text.index("Claim stop.")
    for word in ("In order", "Stop", "✓", "✕"):
        assert word in text
    assert text == html(compared(*pages, flags=["The real data differ."]), title="two <b>", provenance={})


def test_every_table_is_exported_once_and_linked():
    result = compared(*(page([("KID", "1", "0")], findings=[f]) for f in (_good(), _good())))
    names = [e.name for e in tables_of(result, {"seed": 1})]
    text = html(result, title="t", provenance={"seed": 1})
    assert len(set(names)) == len(names) and {"parts", "1-findings", "2-realism", "made"} <= set(names)
    assert sorted(re.findall(r'download="([^"]+)\.csv"', text)) == sorted(names)
    assert "<script" not in text and not re.findall(r'(?:src|href)="(?!data:|#)', text)


def test_whose_data_a_picture_shows_stands_beside_it_in_words():
    pictures = [Picture(uri="data:,", alt="x", of=of) for of in ("real", "synthetic", "both", None)]
    text = html(Page(facts=(), sections=(Section(name="p", title="p", pictures=pictures),)), title="t", provenance={})
    shown_as = [re.findall(r'class="of [a-z]+">([A-Z ]+)<', figure) for figure in text.split("<figure")[1:]]
    assert shown_as == [["REAL"], ["SYNTHETIC"], ["REAL AND SYNTHETIC"], []]


def _good():
    return Finding(part="realism", question="use", level="good", claim="Fine.")
