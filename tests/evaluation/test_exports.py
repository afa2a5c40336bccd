"""Tables as CSV and JSON: everything comes back, and no cell is a formula."""

import base64
import csv
import io
import json
import re

import pytest
from clinsynth.evaluation.cells import DASH, numeral
from clinsynth.evaluation.exports import Export, exports, safe, write_tables
from clinsynth.evaluation.report import Cell, Section, Table
from hypothesis import given
from hypothesis import strategies as st

FORMULAS = ("=1+1", "+1+cmd|'/C calc'!A0", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1+1", "-")
words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)


def table(*rows, head=("metric", "value"), **more):
    return Table(caption="c", head=head, rows=tuple(tuple(Cell(text=t) for t in row) for row in rows), **more)


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(st.tuples(words, words), max_size=5))
def test_csv_gives_back_the_cells_and_none_begins_like_a_formula(rows):
    back = read(Export("t", "s", table(*rows)).csv())
    assert back[0] == ["metric", "value"] and len(back) == 1 + len(rows)
    for cell, got in zip((c for row in rows for c in row), (c for row in back[1:] for c in row), strict=True):
        assert got in (cell, f"'{cell}") or (cell, got) == (DASH, "")
        assert not got.lstrip(" \u00a0").startswith(("=", "+", "-", "@")) or numeral(got) is not None


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_quoted_in_cells_and_heads(text):
    assert safe(text) == f"'{text}"
    assert read(Export("t", "s", table((text, text), head=(text, "b"))).csv())[0][0] == f"'{text}"


@pytest.mark.parametrize("text", ["-0.3", "+1.5", "-0.31 [-0.40 to -0.20]", "+0.020 [-0.010 to +0.050] open", "-3 dB"])
def test_numbers_keep_their_sign(text):
    assert safe(text) == text and numeral(text).value == float(text.split()[0])


@given(st.floats(-1e5, 1e5), st.floats(0, 10), st.floats(0, 10), st.integers(0, 4), st.sampled_from(["", " %"]))
def test_a_number_is_read_back_as_it_is_shown(value, below, above, digits, unit):
    low, high = value - below, value + above
    shown = f"{value:.{digits}f}{unit} [{low:.{digits}f} to {high:.{digits}f}]"
    found = numeral(shown)
    assert (found.value, found.low, found.high) == tuple(float(f"{x:.{digits}f}") for x in (value, low, high))


@pytest.mark.parametrize("text", ["", DASH, "3 of 7", "F 40-59", "0.8 / 0.5 [0.7]", "12 (4)", "1 to 2", "x 3"])
def test_what_is_no_number_is_not_read_as_one(text):
    assert numeral(text) is None


def test_intervals_that_touch_or_are_missing_are_not_apart():
    a, touching, off, bare = (numeral(t) for t in ("1 [0 to 2]", "3 [2 to 4]", "5 [2.5 to 6]", "9"))
    assert a.apart_from(off) and off.apart_from(a)
    assert not (a.apart_from(touching) or a.apart_from(bare) or bare.apart_from(a))


def test_names_are_unique_and_fit_for_files():
    sections = [
        Section(name=n, title="t", tables=(table(("a", "1")),) * 2)
        for n in ("Real ism", "real-ism", "1-x", "é", "../y")
    ]
    names = [e.name for part in exports(sections) for e in part]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z0-9-]+", n) for n in names)


def test_links_hold_what_the_files_hold(tmp_path):
    export = Export("realism", "Real", table(("Fréchet", "1.5 [1.0 to 2.0]"), ("x", DASH)))
    index = write_tables([export], tmp_path)
    body = json.loads(index.read_text(encoding="utf-8"))["tables"][0]
    assert body == json.loads(base64.b64decode(export.json_uri.split(",")[1]))
    assert body["numbers"] == [[None, [1.5, 1.0, 2.0]], [None, None]] and body["rows"][1] == ["x", DASH]
    assert (tmp_path / "tables" / "realism.csv").read_bytes() == base64.b64decode(export.csv_uri.split(",")[1])


def test_tables_of_an_earlier_page_go_and_other_files_stay(tmp_path):
    write_tables([Export("a", "s", table()), Export("b", "s", table())], tmp_path)
    (tmp_path / "tables" / "mine.csv").write_text("mine")
    (tmp_path / "outside.csv").write_text("mine")
    index = tmp_path / "tables.json"
    body = json.loads(index.read_text())
    body["tables"].append({"name": "../outside"})
    index.write_text(json.dumps(body))
    write_tables([Export("b", "s", table())], tmp_path)
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {"b.csv", "mine.csv"}
    assert (tmp_path / "outside.csv").exists()
