"""Arms of a downstream task: what each is trained on, what is kept, and what the paired intervals say."""

import json

import numpy as np
import pytest
from clinsynth.evaluation.downstream import (
    Arm,
    DownstreamResult,
    Metric,
    Outcomes,
    Stage,
    accuracy,
    auroc,
    balanced_accuracy,
    compare_arms,
    content_sha256,
    downstream,
    mean,
    run_arms,
    standard_arms,
)
from sklearn import metrics as library
from sklearn.linear_model import SGDClassifier

SEEDS = (1, 2, 3)


class Rows:
    """Features with a class and a patient each."""

    def __init__(self, x, label, patients):
        self.x, self.labels, self.patients = x, label, patients

    def __len__(self):
        return len(self.x)

    def fingerprint(self):
        return content_sha256(self.x, np.asarray(self.labels, dtype=np.int64), self.patients)


class LineTask:
    """A logistic line by stochastic gradients: eight rows a step, classical augmentation by noise."""

    name = "line"
    metrics = (Metric("auroc"), Metric("balanced accuracy"))

    def __init__(self, rate=0.02, fail_after=None):
        self.rate, self.fail_after, self.calls, self.starts = rate, fail_after, [], []

    def config(self):
        return {"rate": self.rate}

    def initial(self, seed):
        return np.random.default_rng(seed).normal(0, 0.1, 1 + 8)

    def join(self, first, second):
        x, label = np.concatenate([first.x, second.x]), [*first.labels, *second.labels]
        return Rows(x, label, [*first.patients, *second.patients])

    def train(self, examples, initial, seed, steps, *, augment):
        if self.fail_after == len(self.calls):
            raise KeyboardInterrupt
        self.calls.append((len(examples), seed, steps, augment))
        self.starts.append(initial)
        rng = np.random.default_rng(seed)
        rows = rng.integers(len(examples), size=8 * steps)
        x, label = examples.x[rows], np.asarray(examples.labels)[rows]
        x = x + 0.1 * rng.normal(size=x.shape) if augment else x
        line = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=self.rate, max_iter=1, tol=None,
                             shuffle=False)  # fmt: skip
        line.fit(x, label, coef_init=initial[None, 1:].copy(), intercept_init=initial[:1].copy())
        return np.concatenate([line.intercept_, line.coef_[0]])

    def score(self, model, test):
        return Outcomes(np.column_stack([test.labels, test.x @ model[1:] + model[0]]), test.patients)

    def measure(self, values, weight):
        label, score = values.T
        found = {"auroc": auroc(label > 0, score, weight)}
        return found | {"balanced accuracy": balanced_accuracy(label, (score > 0).astype(float), weight)}


def ecg_rows(rng, n, tag, flip=0.0):
    """Eight band powers of made beats: class 1 has a wide QRS."""
    t, rows, label = np.arange(0, 1, 1 / 250), [], rng.integers(0, 2, n)
    for k in label:
        width = rng.normal(0.09 + 0.03 * k, 0.012) / 2.5
        x = np.exp(-0.5 * ((t - 0.5) / width) ** 2) + 0.02 * rng.normal(size=len(t))
        rows.append(np.log([p.sum() for p in np.array_split(np.abs(np.fft.rfft(x))[1:41] ** 2, 8)]))
    return Rows(np.array(rows) / 2, [int(k != (rng.random() < flip)) for k in label], [f"{tag}{i}" for i in range(n)])


def image_rows(rng, n, tag, flip=0.0):
    """Eight coarse row sums of made 16 x 16 images: class 1 has a blob."""
    y, x = np.mgrid[:16, :16]
    label, at = rng.integers(0, 2, n), rng.uniform(5, 11, size=(n, 2, 1, 1))
    blob = np.exp(-((x - at[:, 0]) ** 2 + (y - at[:, 1]) ** 2) / 8)
    images = 0.25 * label[:, None, None] * blob + 0.2 * rng.normal(size=(n, 16, 16))
    features = images.reshape(n, 8, 32).sum(-1)
    return Rows(features, [int(k != (rng.random() < flip)) for k in label], [f"{tag}{i}" for i in range(n)])


def toy(seed=0, n_real=12, n_synthetic=60, n_test=40, make=image_rows, **other):
    rng = np.random.default_rng(seed)
    real, synthetic = make(rng, n_real, "r"), make(rng, n_synthetic, "s", **other)
    return {"real": real, "synthetic": synthetic}, make(rng, n_test, "t")


# What is trained


def test_arms_have_the_data_steps_and_controls_that_were_promised():
    arms = {arm.name: arm for arm in standard_arms(20, 50)}
    assert list(arms) == ["real", "synthetic", "mixed", "synthetic -> real", "real, same compute", "real, augmented",
                          "real, augmented, same compute"]  # fmt: skip
    assert [s.data for s in arms["synthetic -> real"].stages] == [("synthetic",), ("real",)]
    assert arms["mixed"].stages[0].data == ("real", "synthetic")
    same = arms["real, same compute"]
    assert [s.steps for s in same.stages] == [50, 20] and same.steps == arms["synthetic -> real"].steps == 70
    assert {s.data for s in same.stages} == {("real",)} and not any(s.augment for s in same.stages)
    assert all(s.augment for s in arms["real, augmented"].stages)
    assert not any(s.augment for arm in standard_arms(20, augment=False) for s in arm.stages)


def test_every_arm_starts_from_the_same_weights_and_shared_stages_are_trained_once():
    task, (sources, test) = LineTask(), toy()
    runs = run_arms(task, sources, test, standard_arms(20), SEEDS)
    assert runs.trained == 7 * 3
    per_seed = len(task.calls) // 3
    # real and synthetic are the first stages of three arms more; the other seven trainings differ.
    assert per_seed == 7
    for k, seed in enumerate(SEEDS):
        calls, starts = (x[k * per_seed : (k + 1) * per_seed] for x in (task.calls, task.starts))
        first = [start for call, start in zip(calls, starts, strict=True) if call[1] == calls[0][1]]
        assert len(first) == 4 and all((start == first[0]).all() for start in first), seed
        assert len({call[1] for call in calls}) == 2  # one stream of batches a stage
    assert len({start.tobytes() for start in task.starts[::per_seed]}) == 3
    assert {call[0] for call in task.calls} == {12, 60, 72}


def test_a_shared_stage_gives_what_training_it_alone_gives():
    task, (sources, test) = LineTask(), toy()
    arms = standard_arms(20, 35)
    together = run_arms(task, sources, test, arms, SEEDS)
    for arm in arms:
        alone = run_arms(LineTask(), sources, test, [arm], SEEDS)
        for one, other in zip(alone.outcomes[arm.name], together.outcomes[arm.name], strict=True):
            assert (one.values == other.values).all()


@pytest.mark.parametrize("make", [ecg_rows, image_rows])
def test_good_data_help_and_mislabelled_data_harm_in_signals_and_in_images(make):
    sources, test = toy(3, 12, 400, 150, make)
    good = downstream(LineTask(), sources, test, standard_arms(60, 400), SEEDS, resamples=300)
    first = good.difference("synthetic -> real", "real, same compute", "auroc")
    assert good.row("synthetic", "auroc").result.value > 0.8 and first.difference.value > 0
    wrong = {"real": sources["real"], "synthetic": make(np.random.default_rng(4), 400, "s", flip=1.0)}
    harmed = downstream(LineTask(), wrong, test, standard_arms(60, 400), SEEDS, resamples=300)
    assert harmed.difference("synthetic", "real", "auroc").verdict == "worse"
    assert harmed.row("real", "auroc") == good.row("real", "auroc")
    for row in good.rows:
        assert row.result.low <= row.result.value <= row.result.high and row.result.n == 150 == good.test_patients
        assert row.result.value == pytest.approx(np.mean(row.by_seed)) and len(row.by_seed) == 3


def test_more_sources_make_other_ladders():
    sources, test = toy()
    sources["rhythms"] = image_rows(np.random.default_rng(9), 30, "q")
    stages = (Stage(data=("rhythms",), steps=5), Stage(data=("synthetic", "real"), steps=5))
    arms = [Arm(name="real", stages=(Stage(data=("real",), steps=5),)), Arm(name="all", stages=stages)]
    result = downstream(LineTask(), sources, test, arms, SEEDS, resamples=20)
    assert {(d.arm, d.reference) for d in result.differences} == {("all", "real")}


# What is kept


def test_results_are_found_again_and_are_the_same(tmp_path):
    sources, test = toy()
    arms = standard_arms(20)
    first = downstream(LineTask(), sources, test, arms, SEEDS, folder=tmp_path / "runs", resamples=50)
    again = LineTask()
    assert downstream(again, sources, test, arms, SEEDS, folder=tmp_path / "runs", resamples=50) == first
    assert not again.calls and len(list((tmp_path / "runs").iterdir())) == 21
    text = first.model_dump_json()
    assert DownstreamResult.model_validate_json(text) == first
    json.loads(text, parse_constant=pytest.fail)


def test_only_what_changed_is_trained_again(tmp_path):
    sources, test = toy()
    arms = standard_arms(20)
    told = []
    run_arms(LineTask(), sources, test, arms, SEEDS, folder=tmp_path, progress=lambda *at: told.append(at))
    assert told == [(k + 1, 21) for k in range(21)]

    def trained(task=None, sources=sources, test=test, arms=arms, seeds=SEEDS):
        return run_arms(task or LineTask(), sources, test, arms, seeds, folder=tmp_path).trained

    assert trained() == 0 and trained(arms=arms[::-1]) == 0
    assert trained(seeds=(1, 2, 3, 4)) == 7
    assert trained(arms=standard_arms(20, 21)) == 3 * 3  # the arms of two stages
    assert trained(task=LineTask(rate=0.03)) == 21
    other = {"real": sources["real"], "synthetic": toy(1)[0]["synthetic"]}
    assert trained(sources=other) == 3 * 3  # synthetic, mixed, synthetic -> real
    assert trained(test=toy(1)[1]) == 21
    assert trained() == 0


def test_a_stopped_run_keeps_what_was_finished(tmp_path):
    sources, test = toy()
    arms = standard_arms(20)
    with pytest.raises(KeyboardInterrupt):
        run_arms(LineTask(fail_after=9), sources, test, arms, SEEDS, folder=tmp_path)
    kept = len(list(tmp_path.iterdir()))
    assert 0 < kept < 21
    runs = run_arms(LineTask(), sources, test, arms, SEEDS, folder=tmp_path)
    straight = run_arms(LineTask(), sources, test, arms, SEEDS)
    assert runs.trained == 21 - kept
    for name, outcomes in straight.outcomes.items():
        assert all((a.values == b.values).all() for a, b in zip(outcomes, runs.outcomes[name], strict=True))


@pytest.mark.parametrize("harm", [lambda s: s.replace('"values":[[', '"values":[[9'), lambda s: s[:-20],
                                  lambda s: "[]", lambda s: s.replace('"seed":1', '"seed":7')])  # fmt: skip
def test_a_changed_result_is_refused_by_name(tmp_path, harm):
    sources, test = toy()
    run_arms(LineTask(), sources, test, standard_arms(5)[:1], SEEDS, folder=tmp_path)
    path = next(tmp_path.glob("real-seed1-*.json"))
    changed = harm(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(ValueError, match="is damaged or of another run; remove it"):
        run_arms(LineTask(), sources, test, standard_arms(5)[:1], SEEDS, folder=tmp_path)
    path.unlink()
    assert run_arms(LineTask(), sources, test, standard_arms(5)[:1], SEEDS, folder=tmp_path).trained == 1


# Intervals


class MeanTask(LineTask):
    """Measures the mean of whatever the outcomes are; an error, so less is better."""

    metrics = (Metric("error", "ms", higher_is_better=False),)

    def measure(self, values, weight):
        return {"error": mean(values[:, 0], weight)}


def arm(name):
    return Arm(name=name, stages=(Stage(data=("real",), steps=1),))


def compared(by_arm, patients, **kwargs):
    outcomes = {name: [Outcomes(v[:, None], patients) for v in by_seed] for name, by_seed in by_arm.items()}
    n = len(next(iter(by_arm.values())))
    return compare_arms(MeanTask(), [arm(name) for name in by_arm], range(n), outcomes, **kwargs)


def test_the_same_errors_differ_by_nothing_and_a_constant_by_itself():
    rng = np.random.default_rng(0)
    real, patients = rng.normal(20, 9, size=(3, 60)), [f"t{i}" for i in range(60)]
    result = compared({"real": real, "copy": real, "less": real - 4, "more": real + 4}, patients, resamples=200)
    for name, shift, verdict in (("copy", 0, "open"), ("less", -4, "better"), ("more", 4, "worse")):
        row = result.difference(name, "real", "error")
        d = row.difference
        assert [d.low, d.value, d.high] == pytest.approx([shift] * 3, abs=1e-9) and row.verdict == verdict
    alone = result.row("real", "error").result
    assert alone.high - alone.low > 2  # far wider than the paired difference


def test_paired_intervals_cover_a_true_difference_over_patients_and_seeds():
    rng, covered, true = np.random.default_rng(1), 0, 1.0
    for trial in range(60):
        patient, shared = rng.normal(0, 5, 40), rng.normal(0, 2, (6, 1))
        gain = true + rng.normal(0, 2, 40)  # differs from patient to patient
        real = 10 + patient + shared + rng.normal(0, 0.5, (6, 40)) + rng.normal(0, 0.5, (6, 1))
        other = 10 + patient + shared + gain + rng.normal(0, 0.5, (6, 40)) + rng.normal(0, 0.5, (6, 1))
        names = [f"t{i}" for i in range(40)]
        result = compared({"real": real, "other": other}, names, resamples=200, seed=trial)
        d = result.difference("other", "real", "error").difference
        covered += d.low <= true <= d.high
    assert covered >= 51, covered


def test_seeds_that_disagree_widen_an_interval_as_their_standard_error_says():
    by_seed = np.array([1.0, 2.0, 6.0])
    result = compared({"real": by_seed[:, None] * np.ones(20)}, [f"t{i}" for i in range(20)], resamples=4000)
    got = result.row("real", "error").result
    share = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, 100_000) @ by_seed / 3
    low, high = 3 + np.sqrt(1.5) * (np.quantile(share, [0.025, 0.975]) - 3)
    assert np.sqrt(1.5) * share.std() == pytest.approx(by_seed.std(ddof=1) / np.sqrt(3), rel=0.01)
    assert (got.low, got.high) == pytest.approx((low, high))


def test_rows_of_one_patient_are_no_independent_evidence():
    rng = np.random.default_rng(2)
    errors = rng.normal(0, 1, 30).repeat(10) * np.ones((3, 1))
    width = []
    for patients in ([f"t{i // 10}" for i in range(300)], [f"t{i}" for i in range(300)]):
        r = compared({"real": errors}, patients, resamples=1000).row("real", "error").result
        width.append(r.high - r.low)
        assert r.n == len(set(patients))
    assert width[0] / width[1] == pytest.approx(np.sqrt(10), rel=0.15)


def test_groups_are_measured_on_their_own_rows_and_an_empty_one_is_unknown():
    rng = np.random.default_rng(3)
    errors, patients = rng.normal(size=(3, 30)), [f"t{i}" for i in range(30)]
    groups = {"F": np.arange(30) < 12, "nobody": np.zeros(30, bool)}
    result = compared({"real": errors, "other": errors + 1}, patients, groups=groups, resamples=100)
    row = result.row("real", "error", "F")
    assert row.result.value == pytest.approx(errors[:, :12].mean()) and row.result.n == 12
    empty = result.difference("other", "real", "error", "nobody")
    assert empty.difference.value is None and empty.difference.n == 0 and empty.verdict == "open"
    assert result.row("real", "error").result.value == pytest.approx(errors.mean())
    assert DownstreamResult.model_validate_json(result.model_dump_json()) == result
    with pytest.raises(ValueError, match="group 'F' marks 4 rows; the outcomes have 30"):
        compared({"real": errors}, patients, groups={"F": np.ones(4, bool)})


def test_weighted_scores_agree_with_the_library():
    rng = np.random.default_rng(4)
    label, predicted, score = rng.integers(0, 3, 50), rng.integers(0, 3, 50), np.round(rng.normal(size=50), 1)
    weight = rng.integers(0, 4, size=(5, 50)).astype(float)

    def each(f, a, b):
        return pytest.approx([f(a, b, sample_weight=w) for w in weight])

    assert accuracy(label, predicted, weight) == each(library.accuracy_score, label, predicted)
    assert balanced_accuracy(label, predicted, weight) == each(library.balanced_accuracy_score, label, predicted)
    assert auroc(label > 0, score, weight) == each(library.roc_auc_score, label > 0, score)
    assert mean(np.array([1.0, np.nan, 3.0]), np.array([[1.0, 5.0, 3.0], [0, 2, 0]])).tolist()[0] == 2.5


def test_missing_outcomes_survive_the_file(tmp_path):
    class Holes(MeanTask):
        def score(self, model, test):
            x = super().score(model, test).values[:, 1:]
            return Outcomes(np.where(np.arange(len(x))[:, None] % 3 == 0, np.nan, x), test.patients)

    sources, test = toy()
    first, again = (downstream(Holes(), sources, test, standard_arms(5), SEEDS, folder=tmp_path, resamples=20)
                    for _ in range(2))  # fmt: skip
    assert first == again and first.row("real", "error").result.value is not None


# What is refused


def refused(match, sources, test, arms=None, seeds=SEEDS, **kwargs):
    task = LineTask()
    with pytest.raises(ValueError, match=match) as caught:
        run_arms(task, sources, test, arms or standard_arms(5), seeds, **kwargs)
    assert not task.calls and "\n" not in str(caught.value)


def test_data_that_prove_nothing_are_refused_before_any_training():
    sources, test = toy()
    real, synthetic = sources["real"], sources["synthetic"]
    ones = Rows(real.x, [1] * len(real), real.patients)
    refused("training data 'real' are of one class only .1.", {**sources, "real": ones}, test)
    refused("test data are of one class only", sources, Rows(test.x, [0] * len(test), test.patients))
    five = Rows(real.x[:5], [0, 1, 0, 1, 0], real.patients[:5])
    refused("training data 'real' have 5 patients .5 rows.; at least 10", {**sources, "real": five}, test)
    refused("test data have 5 patients", sources, Rows(five.x, five.labels, [f"t{i}" for i in range(5)]))
    twin = Rows(synthetic.x, synthetic.labels, [*test.patients[:2], *synthetic.patients[2:]])
    refused("2 patients are both in the test data and in the training data 'synthetic' .'t0' is one.; split by patient",
            {**sources, "synthetic": twin}, test)  # fmt: skip
    refused("name 3 patients for 12 rows", {**sources, "real": Rows(real.x, real.labels, ["a", "b", "c"])}, test)
    few = run_arms(LineTask(), {**sources, "real": five}, test, standard_arms(5), SEEDS, fewest_train=5)
    assert few.trained == 21  # a few-shot ladder says so


def test_arms_and_seeds_that_cannot_be_compared_are_refused():
    sources, test = toy()
    refused("at least three, all different", sources, test, seeds=(1, 2))
    refused("at least three, all different", sources, test, seeds=(1, 2, 3, 3))
    refused("trains on 'synthetic'; the data are real", {"real": sources["real"]}, test)
    refused("each with its own name", sources, test, arms=[arm("a"), arm("a")])
    with pytest.raises(ValueError, match="steps"):
        Stage(data=("real",), steps=0)
    with pytest.raises(ValueError, match="scored on other rows"):
        outcomes = {"real": [Outcomes(np.ones((3, 1)), ["a", "b", c]) for c in "ccd"]}
        compare_arms(MeanTask(), [arm("real")], SEEDS, outcomes)
    with pytest.raises(ValueError, match="1 outcomes are infinite"):
        Outcomes(np.array([[np.inf], [1.0]]), ["a", "b"])
    with pytest.raises(ValueError, match="no content hash"):
        content_sha256(np.array([{}], dtype=object))


def test_content_hashes_tell_values_shapes_types_and_names():
    x = np.arange(6.0)
    seen = [content_sha256(*p) for p in ((x,), (x + 1,), (x.reshape(2, 3),), (x.astype(np.float32),), (x, ["a"]),
                                         (x, ["b"]), (x[::-1],))]  # fmt: skip
    assert len(set(seen)) == len(seen) and content_sha256(x[::-1]) == content_sha256(x[::-1].copy())
