"""Obedience: planted wrong labels in their interval, shuffled conditions at the floor, good samples, bad input."""

import numpy as np
import pytest
from clinsynth.evaluation.obedience import ObedienceResult, Said, obedience_findings, obedience_of, obedience_section
from clinsynth.evaluation.obedience.concepts import directions, effect, placed
from clinsynth.evaluation.obedience.conditions import attributes_of
from clinsynth.evaluation.obedience.measures import class_accuracy, class_auroc, concordance_correlation, kappa
from clinsynth.evaluation.obedience.mislabelled import shares
from clinsynth.evaluation.obedience.readers import Space, class_reader
from clinsynth.evaluation.realism import Sample
from clinsynth.evaluation.robustness.calibration import Claims, bins_of, calibration_error, errors_by_chance
from sklearn import metrics as library

TURN = np.linalg.qr(np.random.default_rng(9).normal(size=(20, 20)))[0]


def made(seed, n, tag, *, flip=0.0, strength=2.0, shuffle=False):
    """Features that show sex, view, age and a finding; a share of the first and last is said wrongly."""
    rng = np.random.default_rng(seed)
    sex, view, age, sick = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.uniform(20, 90, n), rng.random(n) < 0.4
    x = rng.normal(size=(n, 20))
    x[:, :5] += strength * np.column_stack([sex, view == 1, view == 2, (age - 55) / 20, sick])
    sex, sick = (np.where(rng.random(n) < flip, 1 - v, v) for v in (sex, sick.astype(int)))
    order = rng.permutation(n) if shuffle else np.arange(n)
    said = {
        "sex": [("F", "M")[k] for k in sex[order]], "view": [("ap", "lateral", "pa")[k] for k in view[order]],
        "age": age[order], "findings": [["effusion"] if k else [] for k in sick[order]],
    }  # fmt: skip
    return Sample(x @ TURN, [f"{tag}{k // 2}" for k in range(n)]), said


def judged(seed=0, n=(300, 200, 240), names=("sex", "view", "age", "findings"), **how):
    (a, ca), (b, cb), (c, cc) = made(seed, n[0], "a"), made(seed + 1, n[1], "b"), made(seed + 2, n[2], "s", **how)
    return obedience_of(a, b, c, {k: Said(ca[k], cb[k], cc[k]) for k in names}, seed=seed, resamples=150)


def test_samples_that_could_be_real_are_shown_as_real():
    result = judged()
    assert [f.level for f in obedience_findings(result)] == ["good"]
    for row in result.agreement:
        if row.measure != "error":
            assert row.floor.high < row.ceiling.low and row.synthetic.value > row.floor.high
    for c in result.concepts:
        assert c.synthetic.low > 0 and c.positives.value == pytest.approx(1, abs=0.35)
        assert c.negatives.value == pytest.approx(0, abs=0.35) and c.real.value > c.by_chance


def test_shuffled_conditions_read_at_the_floor_and_stop():
    result = judged(shuffle=True)
    for row in result.agreement:
        assert row.floor.low - 0.05 <= row.synthetic.value <= row.floor.high + 0.05 or row.measure == "error"
    stops = [f for f in obedience_findings(result) if f.level == "stop"]
    assert all(any(name in f.claim for f in stops) for name in ("sex", "view", "age", "effusion"))
    for c in result.concepts:
        assert abs(c.synthetic.value) < 0.5 < c.real.value
        assert c.positives.value == pytest.approx(c.negatives.value, abs=0.25)


def test_a_fifth_of_wrong_labels_is_estimated():
    """One draw; the slow test below counts how often the interval holds it."""
    for r in judged(0, (300, 240, 300), ("sex", "findings"), flip=0.2).readers:
        assert r.mislabelled.low <= 0.2 <= r.mislabelled.high and r.mislabelled.high - r.mislabelled.low < 0.35
    said = [f for f in obedience_findings(judged(0, names=("sex", "view"), flip=0.4)) if "contradict" in f.claim]
    assert said and said[0].level in ("stop", "care") and "sex" in said[0].claim


@pytest.mark.slow
def test_the_interval_holds_a_fifth_of_wrong_labels_as_often_as_it_says():
    held, values = 0, []
    for seed in range(0, 100, 5):
        for r in judged(seed, (300, 240, 300), ("sex", "findings"), flip=0.2).readers:
            held += r.mislabelled.low <= 0.2 <= r.mislabelled.high
            values.append(r.mislabelled.value)
    assert held >= 35 and np.mean(values) == pytest.approx(0.2, abs=0.03)  # 40 intervals of 95 %


def test_a_right_set_has_no_wrong_labels():
    low = [r.mislabelled.low for seed in range(0, 10, 5) for r in judged(seed, names=("sex", "findings")).readers]
    assert np.mean(np.array(low) == 0) >= 0.75


def test_the_mislabelled_share_by_closed_form():
    """A perfect reader: the share is that of rows read as another class."""
    asked, shown = np.array([0.0] * 50 + [1.0] * 50), np.array([0] * 40 + [1] * 10 + [1] * 45 + [0] * 5)
    label, once = np.array([0.0, 0, 1, 1]), (np.ones((1, 100)), np.ones((1, 4)))
    share, apart = shares(asked, np.eye(2)[shown], label, np.eye(2)[label.astype(int)], *once)
    assert share[0] == pytest.approx(0.15) and apart[0] == pytest.approx(1)
    blurred = np.array([[0.8, 0.2], [0.3, 0.7]])  # an erring reader: the same share, by its errors
    share, apart = shares(asked, blurred[shown], label, blurred[label.astype(int)], *once)
    assert share[0] == pytest.approx(0.15) and apart[0] < 1


def test_a_reader_that_cannot_read_real_rows_says_that_it_cannot_tell():
    (a, ca), (b, cb), (c, cc) = made(0, 300, "a"), made(1, 200, "b"), made(2, 240, "s")
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 2, len(s)).astype(bool) for s in (a, b, c)]
    result = obedience_of(a, b, c, {"smoker": noise, "sex": Said(ca["sex"], cb["sex"], cc["sex"])}, resamples=100)
    found = {f.level: f.claim for f in obedience_findings(result)}
    assert "smoker" in found["unknown"] and "sex" in found["good"] and set(found) == {"unknown", "good"}
    assert result.reader("smoker").unknown and result.reader("smoker").mislabelled.value is None


def test_weaker_signs_are_weaker_than_real():
    found = {f.level: f.claim for f in obedience_findings(judged(5, strength=0.8))}
    assert "less than real" in found["care"] or "contradict" in found["care"]
    assert "good" not in found


@pytest.mark.parametrize("calibration", ["platt", "isotonic"])
def test_readers_chances_are_calibrated_on_patients_that_they_had_not_seen(calibration):
    """Many features and few rows: raw scores are far too sure, calibrated ones are not."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1200, 60)), rng.integers(0, 2, 1200).astype(float)
    x[:, 0] += y
    patients = [f"p{k // 2}" for k in range(1200)]
    training = Sample(x[:300], patients[:300])
    (attribute,) = attributes_of({"sex": Said(y[:300], y[300:], y[300:])}, (300, 900, 900))
    space = Space.of(training)
    reader = class_reader(space(training), attribute, training.patients, 0, calibration)
    z = space(Sample(x[300:], patients[300:]))
    claims = Claims.of(y[300:].astype(int), reader.chances(z))
    code = bins_of(claims.claim, 10, adaptive=True)
    error = calibration_error(claims, code, np.ones((1, 900)))[0]
    chance = errors_by_chance(claims, code, rng)
    assert error < np.quantile(chance, 0.95) + 0.05
    np.testing.assert_allclose(reader.even(z).sum(axis=1), 1)


def test_a_turned_space_loses_nothing():
    sample = Sample(np.random.default_rng(0).normal(size=(30, 50)), [str(k) for k in range(30)])
    z = Space.of(sample)(sample)
    centred = (sample.x - sample.x.mean(axis=0)) / sample.x.std(axis=0)
    np.testing.assert_allclose(z @ z.T, centred @ centred.T, atol=1e-8)


def test_measures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    answer, read = rng.integers(0, 3, 200).astype(float), rng.dirichlet(np.ones(3), 200)
    read[np.arange(200), answer.astype(int)] += 0.3
    read /= read.sum(axis=1, keepdims=True)
    one, best = np.ones((1, 200)), read.argmax(axis=1)
    assert kappa(answer, read, one)[0] == pytest.approx(library.cohen_kappa_score(answer, best))
    assert class_accuracy(answer, read, one)[0] == pytest.approx(library.balanced_accuracy_score(answer, best))
    assert class_auroc(answer, read, one)[0] == pytest.approx(library.roc_auc_score(answer, read, multi_class="ovr"))
    x, y = rng.normal(size=200), rng.normal(size=200)
    ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert concordance_correlation(x, y, one)[0] == pytest.approx(ccc)


def test_a_concepts_direction_and_effect_by_closed_form():
    """Equal spherical clouds: the direction is the difference of means, and d their distance in deviations."""
    rng = np.random.default_rng(0)
    x, positive = rng.normal(size=(4000, 5)), np.arange(4000) % 2 == 1
    x[positive, 0] += 2.0
    way = directions(x, positive, rng, random=50)
    assert abs(way.concept[0]) > 0.99
    np.testing.assert_allclose(np.linalg.norm(way.random, axis=1), 1)
    one, along = np.ones((1, 4000)), x @ way.concept
    assert effect(along[:, None], positive, one)[0, 0] == pytest.approx(2.0, abs=0.15)
    assert np.abs(effect(x @ way.random.T, positive, one)).max() < 2.1
    assert placed(along[positive], one[:, positive], along, positive, one)[0] == pytest.approx(1)
    assert placed(along[~positive], one[:, ~positive], along, positive, one)[0] == pytest.approx(0)


def test_conditions_become_attributes():
    sides = Said(["a", "b", None], ["b", "a", ""], ["a", "c", "b"])
    flags = Said([True, False, None], [1, 0, np.nan], np.array([0.0, 1, 1]))
    labels = Said([["x"], [], None], [["x", "y"], [], ["y"]], [[], ["y"], ["x"]])
    table = Said(*(np.array([[1.0, 0], [0, 1], [np.nan, np.nan]]),) * 3)
    ages = Said([20.0, 30, None], [1.0, 2, 3], [4.0, 5, 6])
    found = {
        a.name: a for a in attributes_of(
            {"w": sides, "f": flags, "l": labels, "t": table, "n": ages}, (3, 3, 3)
        )
    }  # fmt: skip
    assert list(found) == ["w", "f", "l: x", "l: y", "t: 0", "t: 1", "n"]
    assert found["w"].levels == ("a", "b") and found["w"].strange == ("c",) and np.isnan(found["w"].synthetic[1])
    assert found["f"].levels == ("no", "yes") and found["n"].kind == "number"
    np.testing.assert_array_equal(found["l: x"].training, [1, 0, np.nan])
    np.testing.assert_array_equal(found["t: 1"].held_out, [0, 1, np.nan])


def test_what_cannot_be_read_is_said_and_the_result_round_trips():
    (a, ca), (b, cb), (c, _) = made(0, 60, "a"), made(1, 40, "b"), made(2, 30, "s")
    result = obedience_of(
        a, b, c,
        {
            "one value": Said(ca["sex"], cb["sex"], ["F"] * 30), "nothing": Said([None] * 60, [None] * 40, [None] * 30),
            "new": Said(ca["sex"], cb["sex"], ["X"] * 30), "rare": Said([1] + [0] * 59, [0, 1] * 20, [0, 1] * 15),
            "constant age": Said([50.0] * 60, np.arange(40.0), np.arange(30.0)),
        },
        resamples=20,
    )  # fmt: skip
    assert set(result.unread) == {"one value", "nothing", "new", "rare", "constant age"}
    assert {f.level for f in obedience_findings(result)} == {"unknown"}
    assert "no training row says X" in result.unread["new"]
    assert obedience_section(result).texts and ObedienceResult.model_validate_json(result.model_dump_json()) == result
    full = judged(n=(80, 60, 60))
    assert ObedienceResult.model_validate_json(full.model_dump_json()) == full
    section = obedience_section(full)
    assert len(section.pictures) == 2 and len(section.tables) == 3


def test_constant_features_and_two_rows_are_a_clear_word():
    flat = [Sample(np.ones((n, 3)), [f"{tag}{k}" for k in range(n)]) for n, tag in ((20, "a"), (10, "b"), (10, "c"))]
    result = obedience_of(*flat, {"sex": ([0, 1] * 10, [0, 1] * 5, [0, 1] * 5)})
    assert "constant" in result.unread["sex"]
    two = [Sample(np.random.default_rng(k).normal(size=(2, 3)), [f"{k}a", f"{k}b"]) for k in range(3)]
    assert "training rows" in obedience_of(*two, {"sex": ([0, 1],) * 3}).unread["sex"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"conditions": {"sex": ([0, 1], [0] * 10, [0] * 10)}}, "says 2 values of 20 training rows"),
        ({"conditions": {"sex": (["F", 1] * 10, ["F"] * 10, ["F"] * 10)}}, "words and numbers"),
        ({"held_out": Sample(np.ones((10, 2)), [str(k) for k in range(10)])}, "features; all need the same"),
        ({"held_out": Sample(np.ones((10, 3)), ["a0"] * 10)}, "both trained on and held out"),
        ({"synthetic": Sample(np.ones((1, 3)), ["s"])}, "two a side"),
    ],
)
def test_wrong_input_is_refused_in_one_line(change, word):
    x = np.random.default_rng(0).normal(size=(20, 3))
    given = {
        "training": Sample(x, [f"a{k}" for k in range(20)]), "held_out": Sample(x[:10], [f"b{k}" for k in range(10)]),
        "synthetic": Sample(x[:10], [f"s{k}" for k in range(10)]), "conditions": {},
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=word) as error:
        obedience_of(**given)
    assert "\n" not in str(error.value)
