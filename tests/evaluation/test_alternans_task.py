"""The alternans task: its examples, its scores and its rows."""

import dataclasses
import json

import numpy as np
import pytest
from clinsynth.conditioning.embedded import embedded
from clinsynth.evaluation.downstream import Task, downstream
from clinsynth.evaluation.ecg.alternans.downstream_task import (
    ARRHYTHMIA,
    AlternansTask,
    by_methods,
    ladder_arms,
    of_setting,
    outcomes,
)
from clinsynth.evaluation.ecg.alternans.examples import (
    Examples,
    artificial_examples,
    changes,
    real_examples,
    rhythm_examples,
)
from clinsynth.evaluation.ecg.alternans.ladder import ARTIFICIAL, REAL, Sets, Steps, batches, control_of, rungs
from clinsynth.evaluation.ecg.alternans.recordings import FEW_LEADS
from clinsynth.evaluation.ecg.alternans.subjects import SHORT, patients
from clinsynth.evaluation.ecg.alternans.task import auroc, rows, run, trials
from clinsynth.generators.readout.alternans import Beats
from scipy.stats import mannwhitneyu


@pytest.fixture(scope="module")
def real():
    return real_examples(list(embedded("ludb", split="tuning"))[:3], short=4, long=2, seed=1)


@pytest.fixture(scope="module")
def trial():
    records = list(embedded("ludb", split="held_out"))[:3]
    return trials(patients(records, 2, lengths=(SHORT, "64 beats")), [50.0], [None, 20.0], seed=2)


def test_half_of_the_changes_alternate_and_a_quarter_are_shuffled():
    plan = changes(40, 3)
    assert sum(c.alternates for c in plan) == 20 and sum(c.shuffled for c in plan) == 10
    sizes = [c.twa_uv for c in plan if c.alternates]
    assert min(sizes) >= 10 and max(sizes) <= 100 and plan == changes(40, 3) != changes(40, 4)


def test_real_examples_know_their_patients_and_come_in_two_lengths(real):
    assert len(set(real.patient)) == 3 and set(real.answer) == {0, 1}
    lengths = sorted(len(b) for b in real.beats)
    assert lengths[0] <= 16 and lengths[-1] >= 60


def test_artificial_examples_are_balanced_and_rhythms_cover_the_vocabulary():
    found = artificial_examples(8, seed=5)
    assert found.answer == (0, 1) * 4 and len(set(found.patient)) == 8
    again = artificial_examples(4, seed=5)
    assert np.array_equal(again.beats[1].x_uv, found.beats[1].x_uv)  # one by one as in a larger set
    assert len(set(rhythm_examples(13, seed=6).answer)) >= 12


def test_batches_are_balanced_and_a_function_of_their_stream(real):
    draw = batches(real)
    one, same = draw(np.random.default_rng(0)), draw(np.random.default_rng(0))
    assert float(one["answer"].float().mean()) == 0.5 and (one["signal"] == same["signal"]).all()
    assert {draw(np.random.default_rng(k))["signal"].shape[1] > 16 for k in range(12)} == {True, False}


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class"):
        real_examples(list(embedded("ludb", split="tuning"))[:1], short=1, long=0, seed=0)


def test_auroc_is_mann_whitney_and_draws_repeat_patients():
    rng = np.random.default_rng(0)
    neg, pos = rng.integers(6, size=20).astype(float), rng.integers(3, 9, size=20).astype(float)
    wanted = mannwhitneyu(pos, neg).statistic / 400
    take = rng.multinomial(20, np.full(20, 0.05))
    got = auroc(neg[None, :, None], pos[None, :, None], np.stack([np.ones(20), take]))
    assert got[0] == pytest.approx(wanted)
    who = np.repeat(np.arange(20), take)
    assert got[1] == pytest.approx(mannwhitneyu(pos[who], neg[who]).statistic / 400)
    both = auroc(np.stack([neg, neg])[:, :, None], np.stack([pos, -pos])[:, :, None], np.ones((1, 20)))
    assert both[0] == pytest.approx((wanted + mannwhitneyu(-pos, neg).statistic / 400) / 2)


def test_a_patient_without_a_score_is_left_out_and_counted_so():
    rng = np.random.default_rng(1)
    neg, pos = rng.standard_normal((1, 12, 1)), rng.standard_normal((1, 12, 1)) + 1
    some = np.ones((1, 12))
    wanted = auroc(neg[:, 1:], pos[:, 1:], some[:, 1:])
    pos[0, 0] = np.nan
    assert auroc(neg, pos, some) == pytest.approx(wanted)


def test_rows_follow_from_the_scores_and_gains_are_paired(trial):
    def score(bias):
        return {
            s: np.array([[s.change.twa_uv * s.change.alternates + bias * k for k in range(3)]]) for s in trial.beats
        }

    trained = {"real": score(0.0), "all": score(0.0), "artificial": score(40.0), control_of("all"): score(40.0)}
    found = rows(trained, {"mma_uv": score(0.0)}, trial, [50.0], [None, 20.0], 0, 200)
    cells = {(r.method, r.question, r.length, r.snr_db, r.twa_uv): r for r in found}
    best = cells["all", "alternans", "10 s", None, 50.0]
    assert best.auroc.value == best.auroc.low == 1 and best.gain.value == best.gain.low == best.gain.high == 0
    worse = cells["artificial", "alternans", "64 beats", 20.0, None]
    assert worse.gain.value == pytest.approx(worse.auroc.value - 1) and worse.gain.value < 0
    whole = cells["all", "alternans", "64 beats", 20.0, None]
    assert whole.gain_same_compute.value == pytest.approx(-worse.gain.value) and not worse.gain_same_compute.known
    assert not cells["real", "T-shaped", "10 s", None, 50.0].gain.known
    assert not cells["mma_uv", "alternans", "10 s", None, 50.0].gain.known
    assert json.loads(json.dumps([r.as_dict() for r in found]))[0]["auroc"]["n"] == 3


def test_every_rung_ends_on_real_records_and_its_control_takes_as_many_steps():
    ladder = rungs(["simulated", "simulated + cinc"])
    assert list(ladder)[:5] == [
        "real", "real + arrhythmia (simulated)", "real + arrhythmia (simulated + cinc)", "real + artificial", "all",
    ]  # fmt: skip
    assert all(stages[-1] == REAL for arm, stages in ladder.items() if arm != ARTIFICIAL)
    assert ladder["all"] == ("simulated + cinc", ARTIFICIAL, REAL)
    for arm, stages in ladder.items():
        control = control_of(arm)
        assert (control is None) == (arm in ("real", ARTIFICIAL) or arm.startswith("real, compute"))
        assert control is None or len(ladder[control]) == len(stages)
        assert control is None or all(kind.startswith(REAL) for kind in ladder[control])


def test_the_whole_ladder_runs_and_patients_must_differ(real, trial):
    rhythms = rhythm_examples(13, 8)
    sets = Sets(real, artificial_examples(6, 7), {"simulated": rhythms, "both": rhythms}, FEW_LEADS)
    found = run(sets, [trial], Steps(1, 1, 1), [0, 1], [50.0], [None, 20.0])
    trained = {r.method: r.seeds for r in found}
    assert {name: trained[name] for name in rungs(["simulated", "both"])} == dict.fromkeys(
        rungs(["simulated", "both"]), 2
    )
    assert {r.length for r in found if r.method == "spectral_k"} == {"64 beats"}
    assert {(r.length, r.question) for r in found if r.method == "mma_uv"} == {(r.length, r.question) for r in found}
    shared = dataclasses.replace(sets, real=dataclasses.replace(real, patient=(trial.patients[0],) * len(real)))
    pretrained = dataclasses.replace(rhythms, patient=(trial.patients[1],) * len(rhythms))
    for bad, who in ((shared, 0), (dataclasses.replace(sets, arrhythmia={"labels": pretrained}), 1)):
        with pytest.raises(ValueError, match=f"patient {trial.patients[who]} is in training and test"):
            run(bad, [trial], Steps(0, 0, 0), [0], [50.0], [None])
    with pytest.raises(ValueError, match="two records"):
        record = next(iter(embedded("ludb", split="held_out")))
        trials(patients([record, record], 0, lengths=(SHORT,)), [50.0], [None], 0)


def test_a_third_of_the_batches_are_reduced_to_few_leads_where_asked(real):
    few, all_leads = batches(real, few_leads=FEW_LEADS), batches(real)
    reduced = 0
    for k in range(30):
        some, whole = (draw(np.random.default_rng(k))["signal"][:, :, :8] for draw in (few, all_leads))
        there = [lead for lead in range(8) if float(some[:, :, lead].abs().max()) > 0]
        reduced += there == [1, 6]
        assert there in ([1, 6], list(range(8)))
        np.testing.assert_array_equal(some[:, :, there], whole[:, :, there])
    assert 3 <= reduced <= 18


def test_the_ladder_runs_as_arms_of_the_protocol(real, trial):
    task, test = AlternansTask(uv=(50.0,)), of_setting(trial, "10 s", [50.0])
    assert isinstance(task, Task) and sorted(test.answer) == [0, 0, 0, 1, 1, 1]
    assert sorted(test.twa_uv) == [0, 0, 0, 50, 50, 50]
    sources = {REAL: real, ARTIFICIAL: artificial_examples(6, 7), ARRHYTHMIA: rhythm_examples(13, 8)}
    arms = ladder_arms(Steps(1, 1, 1))
    found = downstream(task, sources, test, arms, [0, 1, 2], resamples=50, fewest_train=3, fewest_test=3)
    assert [arm.name for arm in arms][:4] == ["real", "real + arrhythmia", "real + artificial", "all"]
    assert {row.arm for row in found.rows} == {arm.name for arm in arms}
    assert all(found.row(arm.name, "AUROC").result == found.row(arm.name, "AUROC at 50 uV").result for arm in arms)
    assert set(by_methods(task, test)) == {"modified moving average", "mean difference"}


def test_each_amount_is_scored_against_all_records_without():
    beats = Beats(np.zeros((4, 8, 94), np.float32), np.ones(4), np.ones(4, bool))
    answer, uv, score = (0, 0, 1, 1, 1, 1), (0.0, 0.0, 10.0, 10.0, 50.0, 50.0), np.array([0.0, 1, 0.5, 0.5, 2, 3])
    test = Examples((beats,) * 6, answer, tuple("ababab"), twa_uv=uv)
    got = AlternansTask(uv=(10.0, 50.0)).measure(outcomes(test, score).values, np.ones((1, 6)))
    assert {name: v[0] for name, v in got.items()} == {"AUROC": 0.75, "AUROC at 10 uV": 0.5, "AUROC at 50 uV": 1.0}


def test_rows_of_a_kind_join_and_hashes_follow_the_content(real):
    beats = Beats(np.zeros((2, 8, 94), np.float32), np.ones(2), np.ones(2, bool))
    few = Examples((beats,), (1,), ("a",))
    joined = AlternansTask().join(few, real)
    assert len(joined) == 2 * len(real) and joined.fingerprint() != real.fingerprint()
    assert (
        dataclasses.replace(few, answer=(0,)).fingerprint()
        != few.fingerprint()
        == Examples((beats,), (1,), ("a",)).fingerprint()
    )
    with pytest.raises(ValueError, match="cannot be put together"):
        few + rhythm_examples(13, 1)


def test_augmentation_changes_beats_but_not_answers(real):
    plain, changed = (batches(real, augment=a)(np.random.default_rng(3)) for a in (False, True))
    assert (plain["answer"] == changed["answer"]).all() and (plain["mask"] == changed["mask"]).all()
    assert (plain["signal"][:, :, 8] == changed["signal"][:, :, 8]).all()  # RR stays
    assert (plain["signal"] != changed["signal"]).float().mean() > 0.5
