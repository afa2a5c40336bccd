"""What the first screen says of ECGs: it follows the figures, and says unknown where they do not tell."""

from types import SimpleNamespace

import pytest
from clinsynth.evaluation.comparison import ComparisonRow, Feature, Interval, Quartiles
from clinsynth.evaluation.ecg.clouds import Clouds
from clinsynth.evaluation.ecg.first_look import RPeakRow
from clinsynth.evaluation.ecg.verdict import first_findings, proof_findings, unproven_findings
from clinsynth.evaluation.realism import Measured
from clinsynth.evaluation.result import Result, unknown_result

ALL, NONE = Quartiles(low=1, median=2, high=3), Quartiles(low=None, median=None, high=None)


def interval(value):
    return Interval(value=value, low=value, high=value, n=9)


def look(out, within, missing=0, found=1.0):
    """A first look at `out` features that stand out, `within` that do not and `missing` ones."""
    rows, n = [], out + within + missing
    for k in range(n):
        gone = k >= out + within
        rows.append(
            ComparisonRow(
                feature=f"f{k}", group="all", n_real=9, n_synthetic=9, real=ALL, synthetic=NONE if gone else ALL,
                wasserstein=interval(None), ks=interval(None), floor=interval(1.0), matched=interval(None),
                ratio=None if gone else 3.0 if k < out else 1.0, stands_out=k < out,
            )
        )  # fmt: skip
    peaks = RPeakRow(
        lead="reference", kind="all", name="all", n_records=9, sensitivity=interval(found),
        predictive_value=interval(1.0), n_edge=0, n_edge_found=0,
    )  # fmt: skip
    feature = {f"f{k}": Feature(name=f"f{k}", label=f"feature {k}", unit="", family="x") for k in range(n)}
    return SimpleNamespace(rows=rows, feature=feature, limit=1.5, r_peaks=[peaks])


def levels(findings, part):
    return [(f.question, f.level) for f in findings if f.part == part]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 10), [("purpose", "good")]),
        ((2, 8), [("purpose", "unknown")]),
        ((3, 7), [("purpose", "care")]),
        ((0, 4, 6), [("use", "stop"), ("purpose", "good")]),
        ((0, 0, 9), [("use", "stop"), ("purpose", "unknown")]),
        ((0, 0), [("purpose", "unknown")]),
    ],
)
def test_features_count_where_more_stand_out_than_between_real_records(counts, said):
    assert levels(first_findings(look(*counts)), "summary") == said


@pytest.mark.parametrize(("found", "level"), [(1.0, "good"), (0.95, "good"), (0.9, "care"), (None, "unknown")])
def test_beats_must_lie_where_the_data_say(found, level):
    assert levels(first_findings(look(0, 9, found=found)), "r-peaks") == [("use", level)]


def clouds(auc, closer):
    near = SimpleNamespace(
        closer=Measured("closer_than_held_out", closer, matched=closer, floor=Result(0.05, 0.0, 0.2, 9))
    )
    metric = Measured("discriminator_auc_logistic", auc, matched=auc, floor=Result(0.5, 0.4, 0.6, 9))
    return Clouds((metric,), near, (), (9, 9, 9))


@pytest.mark.parametrize(
    ("closer", "level"),
    [(Result(1.0, 0.9, 1.0, 9), "stop"), (Result(0.4, 0.3, 0.5, 9), "care"), (Result(0.1, 0.0, 0.2, 9), "good"),
     (unknown_result(), "unknown")],
)  # fmt: skip
def test_copies_are_a_risk_by_how_many_lie_near(closer, level):
    said = proof_findings(clouds(Result(0.5, 0.4, 0.6, 9), closer), None)
    assert levels(said, "neighbours") == [("risk", level)]


@pytest.mark.parametrize(
    ("auc", "level"),
    [(Result(0.9, 0.8, 1, 9), "care"), (Result(0.61, 0.5, 0.7, 9), "care"), (Result(0.55, 0.5, 0.6, 9), "good"),
     (unknown_result(), "unknown")],
)  # fmt: skip
def test_a_discriminator_tells_what_they_can_stand_for(auc, level):
    said = proof_findings(clouds(auc, Result(0.1, 0.0, 0.2, 9)), None)
    assert levels(said, "clouds") == [("purpose", level)] and levels(said, "downstream") == [("purpose", "unknown")]


def test_a_discriminator_that_tells_real_halves_apart_tells_nothing():
    few = clouds(Result(0.65, 0.5, 0.8, 9), Result(0.1, 0.0, 0.2, 9))
    auc = few.metrics[0].whole
    wide = Measured("discriminator_auc_logistic", auc, matched=auc, floor=Result(0.5, 0.3, 0.7, 9))
    said = proof_findings(Clouds((wide,), few.near, (), few.n), None)
    assert levels(said, "clouds") == [("purpose", "unknown")]


def test_what_was_not_proven_is_unknown():
    assert {f.level for f in unproven_findings()} == {"unknown"}
