"""Delineation as a downstream task."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.ecg.vocabulary import LEADS
from clinsynth.conditioning.embedded import embedded
from clinsynth.evaluation.downstream import Arm, Stage, run_arms
from clinsynth.evaluation.ecg.delineation_task import DelineationTask, MarkedEcgs, outcomes
from clinsynth.evaluation.ecg.delineators import by_neurokit
from clinsynth.evaluation.ecg.training_cohort import RHYTHMS, training_conditions, training_records
from clinsynth.evaluation.ecg.wave_scores import boundaries, tally
from clinsynth.generators.ecg.simulator import simulate


@pytest.fixture(scope="module")
def real():
    held = list(embedded("ludb", split="held_out"))[:3]
    return MarkedEcgs.of(held, keep=True)


def marks(record):
    """A delineator that copies the marks."""
    waves = record.tables["waves"]
    return lambda lead: {
        kind: {
            point: waves[point][(waves["lead"] == lead) & (waves["wave"] == kind)] / record.geometry.fs_hz
            for point in ("onset", "peak", "offset")
        }
        for kind in ("P", "QRS", "T")
    }


def test_the_marks_themselves_score_one(real):
    values = outcomes(real, marks).values
    got = DelineationTask().measure(values, np.ones((1, len(values))))
    f1 = [v[0] for name, v in got.items() if name.endswith("F1")]
    sd = [v[0] for name, v in got.items() if name.endswith("sd of error")]
    assert min(f1) == 1 and max(sd) == pytest.approx(0, abs=1e-6) and len(f1) == 18


def test_weighted_measures_agree_with_boundaries(real):
    def find(record):
        return by_neurokit("dwt", record)

    values = outcomes(real, find).values
    got = DelineationTask().measure(values, np.array([[1.0, 1, 1], [2, 0, 1]]))
    tallies = [tally(r, find(r), LEADS) for r in real.records]
    for weights, which in ((0, (0, 1, 2)), (1, (0, 0, 2))):
        rows = boundaries([tallies[k] for k in which], ["II"], np.random.default_rng(0), 10)
        for row in rows:
            assert got[f"II {row.kind} {row.point} F1"][weights] == pytest.approx(row.f1.value)
            assert got[f"II {row.kind} {row.point} sd of error"][weights] == pytest.approx(row.sd_ms.value)


def test_neurokits_peak_method_gives_peaks_alone(real):
    found = by_neurokit("peak", real.records[0])("II")
    assert all(set(points) == {"peak"} for points in found.values())
    assert len(found["QRS"]["peak"]) > 4


def test_joined_sets_are_balanced_by_repeating_the_smaller_one():
    small = MarkedEcgs.of([simulate(EcgCondition(heart_rate_bpm=60), 1)])
    large = MarkedEcgs.of(training_records(4, 0))
    joined = DelineationTask().join(small, large)
    ids = np.array(joined.traces.record)
    assert (ids == small.traces.record[0]).sum() == len(large)
    assert set(joined.patients) == set(small.patients) | set(large.patients)
    assert small.fingerprint() != large.fingerprint() == MarkedEcgs.of(training_records(4, 0)).fingerprint()


def test_training_cohort_has_every_rhythm_and_both_kinds_of_beats():
    made = training_conditions(600, 3)
    assert {c.rhythm for c in made} == set(RHYTHMS)
    assert np.mean([bool(c.findings) for c in made]) == pytest.approx(0.5, abs=0.06)
    assert made == training_conditions(600, 3) != training_conditions(600, 4)


def test_the_task_runs_through_the_arms_and_trains_nothing_twice(real, tmp_path):
    sources = {"real": MarkedEcgs.of(list(embedded("ludb", split="tuning"))[:2])}
    arms = [Arm(name="real", stages=(Stage(data=("real",), steps=2),))]
    args = (DelineationTask(), sources, real.only(real.patients[:1]), arms, (0, 1, 2))
    first = run_arms(*args, folder=tmp_path, fewest_train=2, fewest_test=1)
    again = run_arms(*args, folder=tmp_path, fewest_train=2, fewest_test=1)
    assert (first.trained, again.trained) == (3, 0)
    assert np.array_equal(first.outcomes["real"][0].values, again.outcomes["real"][0].values)
    with pytest.raises(ValueError, match="both in the test data"):
        run_arms(DelineationTask(), {"real": real}, real, arms, (0, 1, 2), fewest_train=2, fewest_test=1)
