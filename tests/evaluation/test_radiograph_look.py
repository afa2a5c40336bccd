"""Obedience, leaks, groups and the whole look at radiographs: a perfect stand-in, a disobedient one, and bad input."""

import re
from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import Record
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.comparison import Interval
from clinsynth.evaluation.downstream import DifferenceRow, DownstreamResult
from clinsynth.evaluation.radiograph import look as looking
from clinsynth.evaluation.radiograph.attributes import columns, stated_alike
from clinsynth.evaluation.radiograph.eyes import scores_of
from clinsynth.evaluation.radiograph.leaks import leaks
from clinsynth.evaluation.radiograph.look import radiograph_look, sides_of
from clinsynth.evaluation.radiograph.making import making_section
from clinsynth.evaluation.radiograph.obedience import Read, obedience
from clinsynth.evaluation.radiograph.page import page
from clinsynth.evaluation.radiograph.together import together
from clinsynth.evaluation.radiograph.verdict import radiograph_findings
from clinsynth.evaluation.report import html
from radiograph_toy import conditions, drawn, record, records, toy_eyes


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(looking, "RESAMPLES", 20)
    monkeypatch.setattr(looking, "SPLITS", 10)


def read_of(asked, scores, name):
    """Return a side whose images are all of different patients."""
    return Read(columns(asked), scores, [f"{name}{k}" for k in range(len(asked))])


def perfect(asked, noise=0.0, seed=0):
    """Return scores that say what is asked."""
    rng = stream(seed, "noise")
    found = {k: c.value for k, c in columns(asked).items() if np.isfinite(c.value).any()}
    return {k: v + noise * (20 if k == "age_years" else 1) * rng.standard_normal(len(v)) for k, v in found.items()}


NAMES = ["sex", "view=pa", "age_years", "effusion"]


def test_a_perfect_stand_in_is_obeyed_in_full_and_shuffled_conditions_are_the_floor():
    synthetic, real = conditions(160, 1), conditions(120, 2)
    rows = obedience(
        read_of(synthetic, perfect(synthetic), "s"),
        read_of(real, perfect(real, 0.3), "r"),
        NAMES,
        seed=0,
        resamples=100,
    )
    found = {(r.attribute, r.metric): r for r in rows}
    assert len(found) == 7 and not any(r.small for r in rows)
    for (name, metric), row in found.items():
        wanted = 0 if metric == "mae_years" else 1
        # the age's line is fitted to noisy real readings, so its slope falls short
        assert row.synthetic.value == pytest.approx(wanted, abs=4 if metric == "mae_years" else 1e-9), name
        if metric in ("auroc", "accuracy"):
            assert row.floor.value == pytest.approx(0.5, abs=0.05) and row.floor.low < 0.5 < row.floor.high
            assert row.floor.high < row.ceiling.low < row.ceiling.value <= 1


def test_images_that_do_not_obey_are_read_like_shuffled_ones():
    synthetic, other, real = conditions(160, 1), conditions(160, 9), conditions(120, 2)
    rows = obedience(
        read_of(synthetic, perfect(other), "s"), read_of(real, perfect(real), "r"), NAMES, seed=0, resamples=200
    )
    for row in rows:
        if row.metric == "auroc":
            assert row.synthetic.low < 0.5 < row.synthetic.high and row.ceiling.value == 1
        if row.metric == "correlation":
            assert row.synthetic.low < 0 < row.synthetic.high


def test_one_class_gives_no_row_and_few_images_are_marked():
    synthetic, real = conditions(60, 1, sex="F"), conditions(60, 2)
    real = [c.model_copy(update={"view": "ap"}) if k > 4 else c for k, c in enumerate(real)]
    rows = obedience(
        read_of(synthetic, perfect(synthetic), "s"), read_of(real, perfect(real), "r"), NAMES, seed=0, resamples=20
    )
    assert {r.attribute for r in rows} == {"view=pa", "age_years", "effusion"}
    assert [r.small for r in rows if r.attribute == "view=pa"] == [True]


def test_a_sex_that_is_read_from_the_view_is_a_leak_and_independent_readings_are_none():
    synthetic, real = conditions(240, 3), conditions(160, 4)
    fair = perfect(synthetic, 0.5, 5)
    leaky = fair | {"sex": fair["sex"] + 0.8 * columns(synthetic)["view=pa"].value}
    about = read_of(real, perfect(real, 0.5, 6), "r")
    off = [
        {
            (r.asked, r.read)
            for r in leaks(read_of(synthetic, s, "s"), about, NAMES, seed=0, resamples=200)
            if r.stands_out
        }
        for s in (leaky, fair)
    ]
    assert off[0] == {("view=pa", "sex")} and not off[1]


def test_what_is_drawn_together_is_read_together():
    real = conditions(160, 4)
    synthetic = conditions(200, 3)
    fair = perfect(synthetic, 0.2, 5)
    tied = fair | {"effusion": 0.5 * fair["effusion"] + 0.5 * fair["sex"]}
    about = read_of(real, perfect(real, 0.2, 6), "r")
    for scores, low, high in ((fair, -0.25, 0.25), (tied, 0.5, 0.9)):
        rows = together(read_of(synthetic, scores, "s"), about, NAMES, seed=0, resamples=50)
        assert len(rows) == 6
        row = next(r for r in rows if {r.first, r.second} == {"sex (male)", "effusion"})
        assert low < row.synthetic.value < high and abs(row.asked.value) < 0.25 and abs(row.real.value) < 0.25


def test_real_labels_say_no_more_of_absence_than_the_plan_does():
    real = [
        RadiographCondition(findings=("mass",), absent=("effusion",)),
        RadiographCondition(findings=("no_finding",)),
    ]
    plan = [RadiographCondition(findings=("effusion",))]
    alike, dropped = stated_alike(real, plan)
    assert (
        dropped and columns(alike)["effusion"].value.tolist()[1] == 0 and np.isnan(columns(alike)["effusion"].value[0])
    )
    stating = [RadiographCondition(findings=("mass",), absent=("edema",))]
    assert stated_alike(real, stating) == (real, False)


def test_readings_become_scores_by_name_and_what_was_not_learned_is_left_out():
    class Names:
        races, views, findings = (), ("ap", "pa"), ("effusion",)

    class Readings:
        attributes = Names
        male, age_years = np.array([0.2, 0.9]), np.full(2, np.nan)
        race, view, findings = np.empty((2, 0)), np.array([[0.1, 0.9], [0.7, 0.3]]), np.array([[0.5], [0.6]])

    scores = scores_of(Readings)
    assert set(scores) == {"sex", "view=ap", "view=pa", "effusion"} and scores["view=pa"].tolist() == [0.9, 0.3]


@pytest.fixture(scope="module")
def real_sides():
    return records(80, 1, synthetic=False, images_each=2), records(60, 2, synthetic=False, images_each=2)


@pytest.fixture(scope="module")
def whole(real_sides, tmp_path_factory):
    folder = tmp_path_factory.mktemp("look")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "RESAMPLES", 20)
        patch.setattr(looking, "SPLITS", 10)
        sides = sides_of(*real_sides, records(80, 3, synthetic=True))
        return sides, radiograph_look(sides, 80, eyes=toy_eyes(), folder=folder), folder


def test_a_generator_like_the_clinic_stands_at_every_floor_and_copies_nothing(whole):
    _, look, _ = whole
    everyone = {m.name: m for m in look.realism.groups[0].metrics}
    assert {"frechet", "kid", "coverage", "greys", "spectrum_db", "ms_ssim"} <= set(everyone)
    for name in ("frechet", "kid", "greys", "spectrum_db", "ms_ssim"):
        assert everyone[name].matched.value < 1.5 * abs(everyone[name].floor.high), name
    read = {(r.attribute, r.metric): r.synthetic.value for r in look.obedience.rows}
    assert read["sex", "auroc"] > 0.95 and read["view=pa", "auroc"] > 0.95 and read["age_years", "correlation"] > 0.9
    assert all(check.passes for check in look.copies.checks)
    assert [g.name for g in look.realism.groups if g.kind == "finding"] == ["no finding", "effusion"]
    assert all(bool(g.metrics) or g.small for g in look.realism.groups)


def test_copies_of_training_images_are_found_and_said(real_sides):
    training, held_out = real_sides
    copies = [
        record(f"c{k}", np.roll(r.arrays["image"], 1, axis=1), c, synthetic=True)
        for k, r in enumerate(training)
        for c in [r.condition.model_copy(update={"patient_id": None})]
    ]
    sides = sides_of(training, held_out, copies)
    look = radiograph_look(sides, len(copies), eyes=toy_eyes())
    by_pixels = look.copies.checks[0]
    assert by_pixels.passes is False and by_pixels.median_ratio.whole.high < 0.5
    assert by_pixels.pairs[0].distance < 0.1 < by_pixels.real_pairs[0].distance
    said = [f for f in page(look, sides).findings if f.part == "copies"]
    assert {f.question for f in said} == {"risk"} and said[0].level == "stop" and "line 0.9" in said[0].figure


def test_parts_are_kept_and_a_cut_one_is_made_again(whole, monkeypatch):
    sides, look, folder = whole
    kept = {p.name: p.stat().st_mtime_ns for p in (folder / "parts").iterdir()}
    assert len(kept) == 5
    monkeypatch.setattr(looking, "realism", lambda *a, **k: pytest.fail("measured again"))
    eyes = replace(toy_eyes(), encoder=lambda *a: pytest.fail("trained again"), judge=lambda *a: pytest.fail("again"))
    assert radiograph_look(sides, 80, eyes=eyes, folder=folder) == look
    cut = next(p for p in (folder / "parts").iterdir() if p.name.startswith("copies"))
    cut.write_text(cut.read_text()[:50])
    assert radiograph_look(sides, 80, eyes=eyes, folder=folder) == look and cut.stat().st_size > 50


def test_the_page_holds_its_pictures_and_says_them_in_words(whole):
    sides, look, _ = whole
    made = making_section([], [])
    text = html(page(look, sides, more=[made]), title="radiographs", provenance={})
    names = [s.name for s in page(look, sides).sections]
    assert (
        names[0] == "images"
        and names[-1] == "limits"
        and {"images", "realism", "groups", "obedience", "copies"} <= set(names)
    )
    pictures = [p for s in page(look, sides).sections for p in s.pictures]
    assert all(p.uri.startswith("data:image/") and p.alt for p in pictures)
    assert sum(p.uri.startswith("data:image/png") for p in pictures) == 4
    words = re.sub(r'"data:[^"]*"', "", text)
    assert "http" not in words and not re.search(r"\bnan\b", words.lower()) and 'id="use"' in words


@pytest.mark.parametrize(
    ("low", "verdict", "level"), [(0.01, "better", "good"), (-0.02, "open", "unknown"), (-0.3, "worse", "care")]
)
def test_a_gain_counts_where_it_stands_against_the_same_compute(whole, low, verdict, level):
    sides, look, _ = whole
    rows = tuple(
        DifferenceRow(
            group="all", metric="macro AUROC", arm="synthetic -> real", reference=reference,
            difference=Interval(value=low + 0.02, low=low, high=low + 0.05, n=40),
            verdict="better" if reference == "real" else verdict,
        )
        for reference in ("real", "real, same compute")
    )  # fmt: skip
    task = DownstreamResult(
        task="findings", config={}, metrics=({"name": "macro AUROC", "unit": "", "higher_is_better": True},), arms=(),
        seeds=(0, 1, 2), test_patients=40, rows=(), differences=rows,
    )  # fmt: skip
    said = [f for f in page(look, sides, task).findings if "macro AUROC" in f.figure]
    assert [f.level for f in said] == [level] and "less 'real, same compute'" in said[0].figure


def test_without_training_data_realism_alone_is_measured(real_sides):
    look = radiograph_look(sides_of([], real_sides[1], records(30, 3, synthetic=True)), 30, eyes=toy_eyes())
    assert look.obedience is None and look.copies is None and look.eyes is None
    assert {m.name for m in look.realism.groups[0].metrics} == {"greys", "spectrum_db", "ms_ssim"}
    unknown = {(f.part, f.question) for f in radiograph_findings(look, None) if f.level == "unknown"}
    assert unknown == {("obedience", "purpose"), ("copies", "risk"), ("downstream", "purpose")}


def test_constant_images_are_set_aside_and_said(real_sides):
    made = records(40, 3, synthetic=True)
    grey = [record(f"g{k}", np.full((32, 32), 0.5, np.float32), made[0].condition, synthetic=True) for k in range(7)]
    sides = sides_of(*real_sides, [*made, *grey])
    assert len(sides.synthetic) == 40 and sides.synthetic.flat == 7
    look = radiograph_look(sides_of([], real_sides[1], [*made, *grey]), 47, eyes=None)
    assert look.flat == {"synthetic": 7}
    said = [f for f in radiograph_findings(look, None) if "constant" in f.claim]
    assert [(f.question, f.level, f.figure) for f in said] == [("use", "stop", "7 of 47, line 0")]


def test_sizes_that_differ_are_brought_to_one_and_said(real_sides):
    sides = sides_of([], real_sides[1], records(30, 3, synthetic=True, size=64))
    assert sides.size == 32 and sides.synthetic.x.shape[1:] == (32, 32)
    look = radiograph_look(sides, 30, eyes=None)
    assert "synthetic 64 x 64 (30)" in look.sizes and "bicubic" in look.sizes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, h, s: (t, h, s[:5]), "5 synthetic radiographs of 5 patients; 10 patients or more"),
        (lambda t, h, s: (t, t[:30], s), "15 patients are both trained on and held out"),
        (lambda t, h, s: (t, h, [replace(s[0], arrays={})]), "image is none"),
        (lambda t, h, s: (t, h, [record("x", s[0].arrays["image"] * 300, None, synthetic=True)]), "must be in 0 to 1"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(real_sides, change, message):
    made: list[Record] = records(30, 3, synthetic=True)
    with pytest.raises(ValueError, match=message) as refused:
        sides_of(*change(*real_sides, made))
    assert "\n" not in str(refused.value)


def test_quality_control_is_told_by_its_tries():
    made = [
        record(str(k), drawn(c, k), c, synthetic=True) for k, c in enumerate(conditions(4, 1))
    ]  # fmt: skip
    tries = [[True], [False, True], [False, False, True], [True]]
    told = [
        replace(r, truth={"qc_tries": [{"passed": p} for p in t], "qc_scores": {"sex": 0.9}})
        for r, t in zip(made, tries, strict=True)
    ]
    section = making_section(told, [])
    assert "2 of 4 (50 %) passed at the first try, 4 (100 %) in the end; 1.75 tries" in section.texts[1]
    assert [[c.text for c in row] for row in section.tables[0].rows] == [["1", "2"], ["2", "1"], ["3", "1"]]
    assert "No quality control" in making_section(made, []).texts[1]
