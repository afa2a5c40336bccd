"""Robustness: zero severity is clean, attacks by closed form, calibration at its chance floor, arms, bad input."""

import numpy as np
import pytest
import torch
from clinsynth.evaluation.robustness import (
    Model,
    RobustnessResult,
    TorchModel,
    corruptions,
    ensemble,
    robustness_findings,
    robustness_of,
    robustness_section,
    signals,
)
from clinsynth.evaluation.robustness.attacks import fgsm, pgd, random_sign
from clinsynth.evaluation.robustness.calibration import (
    Claims,
    bins_of,
    brier,
    calibration_error,
    errors_by_chance,
    likelihood_loss,
    reliability,
    temperature,
    tempered,
)
from clinsynth.evaluation.robustness.result import MEAN
from clinsynth.evaluation.robustness.scores import ADAPTIVE, AUROC, scores
from skimage.restoration import estimate_sigma
from sklearn import metrics as library

SIDE = 24
BLOB = np.exp(-((np.mgrid[:SIDE, :SIDE] - SIDE / 2) ** 2).sum(0) / 30)
W = ((BLOB - BLOB.mean()) / (BLOB - BLOB.mean()).std()).ravel() / SIDE**2


def pictures(seed, n=160, sign=0.05):
    """Images of noise, half of which show a faint blob."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = np.clip(0.4 + 0.1 * rng.normal(size=(n, SIDE, SIDE)) + sign * BLOB * y[:, None, None], 0, 1)
    return x.astype(np.float32), y, [f"p{k // 2}" for k in range(n)]


def linear(scale=250.0, shift=0.005):
    """A logistic model of the blob, and its gradient."""

    def logit(x):
        return scale * ((x.reshape(len(x), -1) - 0.4) @ W - shift)

    def predict(x):
        return 1 / (1 + np.exp(-logit(x)))

    def gradient(x, y):
        return ((predict(x) - y)[:, None] * scale * W).reshape(x.shape)

    return Model(predict, gradient), logit


def judged(arms=None, n=160, **more):
    x, y, patients = pictures(0, n)
    quick = {"resamples": 40, "corruptions": ["gaussian noise"], "severities": (1, 5), "eps": (0.01,)} | more
    return robustness_of(arms or {"real": linear()[0]}, x, y, patients, **quick)


# What goes wrong with inputs


@pytest.mark.parametrize("name", corruptions.LEVELS)
def test_images_of_no_severity_are_clean_and_worse_ones_are_farther_off(name):
    grid = np.stack(np.meshgrid(*(np.linspace(0, 3, 20),) * 2))
    smooth = 0.5 + 0.2 * np.sin(grid[0] * 4) * np.cos(grid[1] * 3)
    x = np.stack([smooth, smooth.T, 1 - smooth] * 4).astype(np.float32)
    x += 0.05 * np.random.default_rng(0).normal(size=x.shape).astype(np.float32)

    def off(severity, images=x):
        made = corruptions.corrupted(name, images, severity, np.random.default_rng(1))
        assert made.shape == images.shape and np.isfinite(made).all() and 0 <= made.min() <= made.max() <= 1
        return float(np.abs(made - images).mean())

    x = np.clip(x, 0, 1)
    distances = [off(s, x) for s in range(6)]
    assert distances[0] == 0 and distances[1] > 0 and all(np.diff(distances) > -0.003)
    assert distances[5] > 1.5 * distances[1]
    assert off(3, np.clip(np.random.default_rng(0).random((2, 6, 9, 10)), 0, 1).astype(np.float32)) > 0


def test_values_stay_in_other_limits_and_noise_is_of_its_size():
    x = np.full((4, 64, 64), 500.0, np.float32)
    made = corruptions.corrupted("gaussian noise", x, 3, np.random.default_rng(0), (0.0, 1000.0))
    assert made.std() == pytest.approx(80, rel=0.05)
    assert estimate_sigma(made[0]) == pytest.approx(80, rel=0.1)
    shifted = corruptions.corrupted("brightness", x, 5, np.random.default_rng(0), (0.0, 1000.0))
    np.testing.assert_allclose(shifted, 850, rtol=1e-6)
    contrast = corruptions.corrupted("contrast", (x + 100) / 1000 * np.linspace(0, 1, 64), 2, np.random.default_rng(0))
    assert np.ptp(contrast) == pytest.approx(0.6 * 0.6, rel=1e-5)


@pytest.mark.parametrize("name", signals.LEVELS)
def test_signals_of_no_severity_are_clean_and_worse_ones_are_farther_off(name):
    t = np.arange(1000) / 250
    x = np.sin(2 * np.pi * (1 + np.arange(6))[None, :, None] * t).repeat(3, axis=0).astype(np.float32)
    made = [signals.corrupted_signals(name, x, s, np.random.default_rng(2), fs_hz=250) for s in range(6)]
    distances = [float(np.abs(m - x).mean()) for m in made]
    assert distances[0] == 0 and distances[5] > distances[1] > 0 and all(m.shape == x.shape for m in made)
    assert all(np.isfinite(m).all() for m in made)


def test_lost_leads_read_zero_and_mains_stand_at_50_hz():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 12, 2000)).astype(np.float32)
    lost = signals.corrupted_signals("lead loss", x, 4, rng, fs_hz=500)
    assert ((lost == 0).all(axis=2).sum(axis=1) == 6).all()
    mains = signals.corrupted_signals("powerline", x, 5, rng, fs_hz=500) - x
    power = np.abs(np.fft.rfft(mains[0, 0]))
    assert np.fft.rfftfreq(2000, 1 / 500)[power.argmax()] == 50
    faster = signals.corrupted_signals("time scaling", np.full((1, 2, 100), 3.0, np.float32), 5, rng, fs_hz=500)
    np.testing.assert_array_equal(faster, 3.0)


# Attacks


def test_one_step_moves_a_linear_models_logit_by_eps_times_its_weights():
    """The closed form: y logit falls by eps |w|_1 for every row."""
    model, logit = linear()
    x, y, _ = pictures(1)
    eps = 0.004
    made = fgsm(x.astype(float), y, model.gradient, eps, None)
    fall = np.where(y == 1, 1, -1) * (logit(x.astype(float)) - logit(made))
    np.testing.assert_allclose(fall, eps * 250 * np.abs(W).sum(), rtol=1e-6)
    right = (logit(made) > 0) == (y == 1)
    expected = np.where(y == 1, 1, -1) * logit(x.astype(float)) > eps * 250 * np.abs(W).sum()
    np.testing.assert_array_equal(right, expected)
    assert right.mean() < ((logit(x) > 0) == (y == 1)).mean()


def test_attacks_stay_near_and_hurt_more_than_their_control():
    model, logit = linear()
    x, y, _ = pictures(2)
    rng = np.random.default_rng(0)
    made = pgd(x, y, model.gradient, 0.01, rng)
    assert np.abs(made - x).max() <= 0.01 + 1e-6 and 0 <= made.min() <= made.max() <= 1
    control = random_sign(x, 0.01, rng)
    assert np.abs(control - x).max() <= 0.01 + 1e-6
    share = [float(((logit(v) > 0) == (y == 1)).mean()) for v in (x, control, made)]
    assert share[2] < share[1] - 0.3 and abs(share[1] - share[0]) < 0.1


def test_a_torch_network_gives_the_gradient_of_its_loss():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE, 3))
    x, y, _ = pictures(3, 10)
    arm = TorchModel(network, batch=4)
    p, g = arm.predict(x), arm.gradient(x, y)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    weights = network[1].weight.detach().numpy().astype(float)
    np.testing.assert_allclose(g.reshape(10, -1), (p - np.eye(3)[y]) @ weights, atol=1e-5)
    labels = TorchModel(network, multilabel=True)
    told = np.array([[1.0, np.nan, 0.0]] * 10)
    known = np.array([1.0, 0.0, 1.0])
    np.testing.assert_allclose(
        labels.gradient(x, told).reshape(10, -1), ((labels.predict(x) - np.nan_to_num(told)) * known) @ weights,
        atol=1e-5,
    )  # fmt: skip


def test_an_ensemble_is_the_mean_and_is_no_worse_by_brier():
    x, y, _ = pictures(4)
    members = [linear(250, s)[0] for s in (0.001, 0.009)]
    both = ensemble(members)
    np.testing.assert_allclose(both.predict(x), np.mean([m.predict(x) for m in members], axis=0))
    np.testing.assert_allclose(both.gradient(x, y), np.mean([m.gradient(x, y) for m in members], axis=0))
    assert ensemble([members[0], Model(members[1].predict)]).gradient is None
    one = np.ones((1, len(y)))
    of = [brier(y, np.column_stack([1 - p, p]), one)[0] for p in (both.predict(x), *(m.predict(x) for m in members))]
    assert of[0] <= np.mean(of[1:])
    with pytest.raises(ValueError, match="a member at least"):
        ensemble([])


# Probabilities


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 120), rng.dirichlet(np.ones(3), 120)
    found = {k: float(v[0]) for k, v in scores(y, p, np.ones((1, 120))).items()}
    assert found["accuracy"] == pytest.approx(library.accuracy_score(y, p.argmax(1)))
    assert found["balanced accuracy"] == pytest.approx(library.balanced_accuracy_score(y, p.argmax(1)))
    assert found["auroc"] == pytest.approx(library.roc_auc_score(y, p, multi_class="ovr"))
    assert found["nll"] == pytest.approx(library.log_loss(y, p))
    two = np.column_stack([1 - p[:, 0], p[:, 0]])
    assert brier(y % 2, two, np.ones((1, 120)))[0] == pytest.approx(library.brier_score_loss(y % 2, p[:, 0]))
    labels = np.column_stack([y == 0, y == 1]).astype(float)
    labels[:7, 0] = np.nan
    several = scores(labels, p[:, :2], np.ones((1, 120)))
    parts = [library.roc_auc_score(labels[m, k], p[m, k]) for k in (0, 1) for m in [np.isfinite(labels[:, k])]]
    assert several["auroc"][0] == pytest.approx(np.mean(parts))


def test_weights_count_as_often_as_rows_that_stand_there_so_often():
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, 80), rng.random(80)
    weight = rng.integers(0, 3, (1, 80)).astype(float)
    again = np.repeat(np.arange(80), weight[0].astype(int))
    c = Claims(p, y == 1)
    code = bins_of(p, 10)
    drawn = calibration_error(Claims(p[again], y[again] == 1), code[again], np.ones((1, len(again))))
    np.testing.assert_allclose(calibration_error(c, code, weight), drawn)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("n", [50, 400])
def test_right_probabilities_err_as_chance_does(n, adaptive):
    rng = np.random.default_rng(0)
    errors, chance, under = [], [], 0
    for _ in range(60):
        p = rng.beta(1, 2, n)
        c = Claims(p, rng.random(n) < p)
        code = bins_of(p, 15, adaptive=adaptive)
        drawn = errors_by_chance(c, code, rng, 200)
        errors.append(calibration_error(c, code, np.ones((1, n)))[0])
        chance.append(drawn.mean())
        under += errors[-1] <= np.quantile(drawn, 0.95)
    assert np.mean(errors) == pytest.approx(np.mean(chance), rel=0.12) and np.mean(errors) > 0.01
    assert under >= 51


def test_calibration_error_by_closed_form_and_bins():
    c = Claims(np.array([0.2, 0.2, 0.2, 0.2, 0.9, 0.9]), np.array([True, True, False, False, False, True]))
    code = bins_of(c.claim, 10)
    assert calibration_error(c, code, np.ones((1, 6)))[0] == pytest.approx((4 * 0.3 + 2 * 0.4) / 6)
    rows = reliability(c, code)
    assert [(b.claimed, b.true, b.n) for b in rows] == [(pytest.approx(0.2), 0.5, 4), (pytest.approx(0.9), 0.5, 2)]
    many = bins_of(np.random.default_rng(0).random(1000), 10, adaptive=True)
    assert (np.bincount(many) == 100).all()
    assert len(np.unique(bins_of(np.full(20, 0.3), 10, adaptive=True))) == 1
    assert np.isnan(calibration_error(Claims(np.empty(0), np.empty(0, bool)), np.empty(0, int), np.ones((1, 0)))[0])


def test_a_temperature_undoes_what_sharpened_logits():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3000, 3)) * 1.5
    right = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=p) for p in right])
    sharp = tempered(right, 1 / 3)
    assert temperature(y, sharp) == pytest.approx(3, rel=0.1)
    np.testing.assert_allclose(tempered(sharp, 3.0), right, atol=1e-6)
    one = np.ones((1, 3000))
    assert likelihood_loss(y, tempered(sharp, 3.0), one)[0] < likelihood_loss(y, sharp, one)[0]


# The whole


def test_clean_changes_nothing_and_worse_inputs_do():
    result = judged()
    for measure in ("auroc", "brier", ADAPTIVE):
        row = result.row("real", measure)
        assert row.change.value == row.change.low == row.change.high == 0
    worst = result.row("real", AUROC, "gaussian noise", 5)
    assert worst.change.high < 0 and worst.value.value < result.row("real", AUROC).value.value
    assert result.row("real", AUROC).floor == 0.5 and result.row("real", "accuracy").floor == 0.5
    mean = result.row("real", AUROC, MEAN)
    both = [result.row("real", AUROC, "gaussian noise", s).value.value for s in (1, 5)]
    assert mean.value.value == pytest.approx(np.mean(both))
    attack, control = (result.row("real", "balanced accuracy", n, 1) for n in ("PGD", "random sign"))
    assert attack.change.high < control.change.low
    assert any("aimed at it" in f.claim for f in robustness_findings(result))


def test_an_arm_that_is_the_reference_differs_in_nothing_and_a_worse_one_is_worse():
    rng = np.random.default_rng(0)
    good = linear()[0]
    noisy = Model(lambda x: np.clip(good.predict(x) + 0.6 * rng.normal(size=len(x)), 0, 1))
    result = judged({"real": good, "same": Model(good.predict), "noisy": noisy})
    rows = {(d.arm, d.corruption, d.measure): d for d in result.differences}
    assert all(d.difference.value == 0 and d.verdict == "open" for k, d in rows.items() if k[0] == "same")
    assert rows["noisy", "clean", AUROC].verdict == "worse" == rows["noisy", MEAN, AUROC].verdict
    said = robustness_findings(result)
    assert any("noisy is worse than real on clean" in f.claim for f in said)
    assert any("no gradient" in f.claim for f in said if f.level == "unknown")


def test_overconfidence_is_found_and_a_temperature_mends_it():
    x, y, _ = pictures(9, 300)
    sharp, _ = linear(2500.0)
    result = judged({"real": sharp}, n=300, validation=(x, y), eps=())
    row = result.row("real", ADAPTIVE)
    assert row.value.value > row.floor
    (c,) = result.calibration
    assert c.temperature > 2 and c.nll_change.high < 0 and c.ece_change.value < 0 and c.validation_rows == 300
    assert any("not what they say" in f.claim for f in robustness_findings(result))


def test_signals_and_several_labels():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (80, 2)).astype(float)
    x = rng.normal(size=(80, 2, 100)) * 0.1 + y[:, :, None]
    y[:5, 1] = np.nan

    def predict(v):
        return 1 / (1 + np.exp(-8 * (v.mean(axis=2) - 0.5)))

    result = robustness_of(
        {"m": predict}, x, y, [str(k) for k in range(80)], kind="signals", fs_hz=100.0, severities=(1, 5),
        resamples=20, validation=(x, y),
    )  # fmt: skip
    assert result.classes == 0 and result.row("m", AUROC).value.value == 1
    assert result.row("m", AUROC, "lead loss", 5).value.value < 0.9
    assert robustness_section(result).tables


def test_rows_are_whole_patients_and_a_part_of_them_stands_for_all():
    result = judged(most=60)
    assert 50 <= result.rows <= 60 and result.of == 160 and result.patients * 2 == result.rows


def test_probabilities_are_kept_and_found_again(tmp_path):
    calls = []
    model, _ = linear()

    def counted(x):
        calls.append(len(x))
        return model.predict(x)

    first = judged({"real": Model(counted)}, folder=tmp_path, versions={"real": "a"})
    n = len(calls)
    assert judged({"real": Model(counted)}, folder=tmp_path, versions={"real": "a"}) == first and len(calls) == n
    judged({"real": Model(counted)}, folder=tmp_path, versions={"real": "b"})
    assert len(calls) == 2 * n


def test_what_cannot_be_measured_is_said_and_the_result_round_trips():
    x, y, patients = pictures(5, 40)
    x[0] = np.nan
    silent = Model(lambda v: np.where(np.arange(len(v)) < 3, np.nan, 0.5))
    result = robustness_of(
        {"m": silent}, x, np.zeros(40), patients, corruptions=[], eps=(), resamples=10, validation=(x[:0], y[:0])
    )
    found = robustness_findings(result)
    said = " ".join(f.claim for f in found if f.level == "unknown")
    assert "not finite" in said and "one class only" in said and "no number for 3" in said
    assert result.row("m", AUROC).value.value is None and result.row("m", "accuracy").value.value is not None
    assert RobustnessResult.model_validate_json(result.model_dump_json()) == result
    assert robustness_section(result).tables
    two = robustness_of({"m": silent}, x[1:3], np.array([0, 1]), patients[1:3], resamples=5, severities=(1,))
    assert robustness_findings(two) and robustness_section(two).tables
    full = judged()
    assert RobustnessResult.model_validate_json(full.model_dump_json()) == full
    assert len(robustness_section(full).pictures) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"arms": {}}, "one model is needed"),
        ({"labels": np.zeros(3)}, "each needs one"),
        ({"kind": "signals"}, "fs_hz"),
        ({"corruptions": ["gaussian nose"]}, "did you mean 'gaussian noise'"),
        ({"severities": (7,)}, "must be 1 to 5"),
        ({"labels": np.full(8, np.nan)}, "none of 8 test rows"),
        ({"labels": np.arange(8)}, "gives 2 classes"),
        ({"arms": {"m": lambda x: x}}, "the model gave"),
        ({"arms": {"m": lambda x: np.full(len(x), 3.0)}}, "probabilities are 0 to 1"),
        ({"inputs": np.zeros((8, 5), np.float32)}, "(n, y, x)"),
        ({"limits": (1.0, 1.0)}, "must be larger"),
    ],
)
def test_wrong_input_is_refused_in_one_line(change, word):
    x, y, patients = pictures(6, 8)
    given = {"arms": {"m": linear()[0]}, "inputs": x, "labels": y, "patients": patients, "resamples": 5} | change
    with pytest.raises(ValueError) as error:
        robustness_of(**given)
    assert word in str(error.value) and "\n" not in str(error.value)


def test_a_model_without_skill_is_not_called_robust():
    blind = Model(lambda x: np.random.default_rng(0).random(len(x)))
    found = robustness_findings(judged({"blind": blind}, eps=()))
    assert any("nothing to lose" in f.claim for f in found) and not any("stands mild" in f.claim for f in found)
