"""Attacks on synthetic sets: nothing on new records, everything on copies, and figures with known values."""

import math

import numpy as np
import pytest
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.evaluation.privacy import (
    Losses,
    PrivacyResult,
    canary_attack,
    extraction_attack,
    loss_attacks,
    losses_of,
    privacy_findings,
    privacy_of,
    privacy_section,
    ranks,
    with_canaries,
)
from clinsynth.evaluation.privacy.distances import nearest_k
from clinsynth.evaluation.privacy.reidentification import Side, linear, reidentification, reidentifier
from clinsynth.evaluation.privacy.risk import clopper_pearson, ranked_control, risk, wilson
from clinsynth.evaluation.privacy.tail import tail_line
from clinsynth.evaluation.realism import Sample
from clinsynth.evaluation.result import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cdist

D = 16


def sample(x, tag):
    return Sample(x, [f"{tag}{i}" for i in range(len(x))])


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    training, held_out, fresh = rng.normal(size=(3, 500, D))
    leak = fresh.copy()
    leak[:25] = training[:25] + 0.05 * rng.normal(size=(25, D))
    return {"training": training, "held_out": held_out, "fresh": fresh, "leak": leak}


def look(world, synthetic, **settings):
    sides = sample(world["training"], "t"), sample(world["held_out"], "h"), sample(synthetic, "s")
    return privacy_of(*sides, **{"repeats": 0, "seed": 3} | settings)


SCREENS = ("near_copies", "tail", "nearest", "nndr", "authenticity", "membership_nearest", "membership_density")


# Risk


@given(st.integers(20, 400), st.integers(20, 400), st.floats(0, 1), st.floats(0, 0.9))
@settings(max_examples=60, deadline=None)
def test_risk_lies_in_its_interval_and_has_its_ends(n, m, a, c):
    got = risk(wilson(round(a * n) / n, n), wilson(round(c * m) / m, m))
    if round(c * m) < m:
        assert got.low - 1e-9 <= got.value <= got.high + 1e-9 and got.high <= 1
    same = wilson(0.3, n)
    assert risk(same, same).value == pytest.approx(0) and risk(same, same).low < 0 < risk(same, same).high
    assert risk(wilson(1.0, n), wilson(0.1, m)).value == 1


def test_risk_interval_covers():
    rng, inside = np.random.default_rng(1), []
    want = (0.3 - 0.1) / 0.9
    for _ in range(400):
        got = risk(wilson(rng.binomial(80, 0.3) / 80, 80), wilson(rng.binomial(60, 0.1) / 60, 60))
        inside.append(got.low <= want <= got.high)
    assert 0.92 <= np.mean(inside) <= 0.99


def test_intervals_agree_with_scipy():
    count = stats.binomtest(7, 60)
    exact, score = count.proportion_ci(), count.proportion_ci(method="wilson")
    assert clopper_pearson(7 / 60, 60).low == pytest.approx(exact.low)
    assert clopper_pearson(7 / 60, 60).high == pytest.approx(exact.high)
    assert (wilson(7 / 60, 60).low, wilson(7 / 60, 60).high) == pytest.approx((score.low, score.high))
    assert clopper_pearson(0.0, 50).low == 0 and clopper_pearson(1.0, 50).high == 1


def test_a_line_drawn_at_few_controls_is_passed_by_as_many_as_it_says():
    rng, k, n = np.random.default_rng(2), 2, 40
    passed = np.array([(rng.random(2000) < np.sort(rng.random(n))[k - 1]).mean() for _ in range(500)])
    said = ranked_control(k, n)
    assert passed.mean() == pytest.approx(said.value, abs=0.005)
    assert np.mean((passed >= said.low) & (passed <= said.high)) == pytest.approx(0.95, abs=0.03)


# Distances


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_nearest_rows_agree_with_all_distances(seed, k):
    rng = np.random.default_rng(seed)
    x, y = 100 + rng.normal(size=(9, 3)), 100 + rng.normal(size=(12, 3))
    x[0] = y[5]
    mine, theirs = rng.integers(0, 3, 9), rng.integers(0, 3, 12)
    d = np.where(mine[:, None] == theirs[None], np.inf, cdist(x, y))
    got, row = nearest_k(x, y, k, mine, theirs)
    np.testing.assert_allclose(got, np.sort(d, axis=1)[:, :k])
    reached = np.isfinite(got)
    np.testing.assert_allclose(np.take_along_axis(d, np.maximum(row, 0), 1)[reached], got[reached])
    assert (row[~reached] == -1).all()
    assert nearest_k(x, y, 1)[0][0, 0] == 0


# All screens


def test_new_records_have_no_risk(world):
    result = look(world, world["fresh"])
    for name in SCREENS:
        got = result.attack(name).risk
        assert got.low <= 1e-12 and 0 <= got.high and abs(got.value) < 0.05
    assert result.exact == (0, 0)
    assert not [f for f in privacy_findings(result) if f.level in ("stop", "care")]


def test_copies_have_risk_one(world):
    result = look(world, world["training"])
    for name in SCREENS:
        assert result.attack(name).risk.value == pytest.approx(1) and result.attack(name).risk.low > 0.98
    assert result.exact == (500, 0) and result.attack("membership_nearest").figure("auc").value.value == 1
    assert privacy_findings(result)[0].level == "stop"


def test_a_leak_of_five_percent_is_found_and_its_records_named(world):
    result = look(world, world["leak"])
    for name in ("near_copies", "tail", "nearest", "nndr", "membership_nearest", "membership_density"):
        assert result.attack(name).found and result.attack(name).risk.value == pytest.approx(0.05, abs=0.03)
    assert {(p.synthetic, p.training) for p in result.nearest[:20]} <= {(i, i) for i in range(25)}
    assert result.attack("nearest").figure("median_ratio").value.value > 0.9  # the median cannot see it
    assert any(f.level == "stop" for f in privacy_findings(result))


@pytest.mark.parametrize(("ratio", "level"), [((0.89, 0.78, 1.1), "unknown"), ((0.6, 0.5, 0.7), "stop"),
                                               ((0.95, 0.8, 1.1), "good")])  # fmt: skip
def test_a_median_that_may_as_well_be_that_of_strangers_stops_nothing(world, ratio, level):
    result = look(world, world["fresh"])
    attack = result.attack("nearest")
    value = attack.figure("median_ratio").value.model_copy(
        update=dict(zip(("value", "low", "high"), ratio, strict=True))
    )
    figures = tuple(f.model_copy(update={"value": value}) if f.name == "median_ratio" else f for f in attack.figures)
    changed = tuple(a.model_copy(update={"figures": figures}) if a.name == "nearest" else a for a in result.attacks)
    found = privacy_findings(result.model_copy(update={"attacks": changed}))
    assert [f.level for f in found if "nearer to training" in f.claim] == [level]


def test_order_of_records_does_not_matter(world):
    rng = np.random.default_rng(4)
    turn = rng.permutation(500)
    sides = sample(world["training"], "t"), sample(world["held_out"], "h")
    s = sample(world["leak"], "s")
    one = privacy_of(*sides, s, repeats=0, seed=1)
    two = privacy_of(*sides, s.rows(turn), repeats=0, seed=1)
    for a, b in zip(one.attacks, two.attacks, strict=True):
        assert a.risk.value == (None if b.risk.value is None else pytest.approx(b.risk.value))
    assert [p.training for p in one.nearest] == [p.training for p in two.nearest]


def test_power_says_which_screen_sees_a_leak_at_this_number(world):
    power = {a.name: a.power for a in look(world, world["fresh"], repeats=6).attacks}
    assert power["near_copies"].here.value == 1 and power["near_copies"].enough
    assert power["nearest"].held_out.value == 1
    assert not power["authenticity"].enough  # 5 % drown in the 35 % that are not authentic by chance
    assert all(p.false_alarms.value <= 0.34 for p in power.values() if p is not None)
    few = privacy_of(
        *(sample(world[side][:40], side[0]) for side in ("training", "held_out")), sample(world["fresh"][:40], "s"),
        repeats=6, seed=2,
    )  # fmt: skip
    assert not few.attack("nearest").power.enough
    assert any(f.level == "unknown" and "would not have seen" in f.claim for f in privacy_findings(few))


def test_a_screen_is_never_called_a_guarantee(world):
    for x in (world["fresh"], world["training"]):
        said = privacy_section(look(world, x))
        assert "screens, not a guarantee" in said.texts[0]


def test_results_survive_json_and_are_kept(world, tmp_path):
    told = []
    first = look(world, world["leak"], folder=tmp_path, progress=lambda k, n: told.append((k, n)))
    assert PrivacyResult.model_validate_json(first.model_dump_json()) == first
    assert look(world, world["leak"], folder=tmp_path) == first and told[-1] == (5, 5)
    assert look(world, world["fresh"], folder=tmp_path) != first


@pytest.mark.parametrize("kind", ["few", "constant", "shared"])
def test_input_that_says_nothing_is_told_and_not_a_crash(world, kind):
    t, h, s = world["training"][:60], world["held_out"][:60], world["fresh"][:60]
    sides = [sample(t, "t"), sample(h, "h"), sample(s, "s")]
    if kind == "few":
        sides[2] = sample(s[:2], "s")
    if kind == "constant":
        sides = [sample(np.ones_like(x.x), tag) for x, tag in zip(sides, "ths", strict=True)]
    if kind == "shared":
        sides[1] = sample(h, "t")
    result = privacy_of(*sides, repeats=1, seed=0)
    assert all(a.reason and a.risk.value is None for a in result.attacks)
    levels = {f.level for f in privacy_findings(result)}
    assert levels == {"unknown"} and privacy_section(result).items


def test_features_that_do_not_fit_are_refused(world):
    with pytest.raises(ValueError, match="16, 16, 3 features"):
        look(world, world["fresh"][:, :3])
    with pytest.raises(ValueError, match="NaN|not finite"):
        look(world, np.full((20, D), np.nan))


@pytest.mark.parametrize("d", [1, 3, 16])
def test_the_tail_of_real_distances_is_crossed_as_seldom_as_it_says(d):
    rng, crossed = np.random.default_rng(20), []
    for _ in range(200):
        training, controls, fresh = rng.normal(size=(300, d)), rng.normal(size=(80, d)), rng.normal(size=(100, d))
        line = tail_line(nearest_k(controls, training)[0][:, 0], 100)
        crossed.append((nearest_k(fresh, training)[0][:, 0] < line).any())
    assert np.mean(crossed) <= 0.06


def test_one_copy_in_a_few_records_is_seen_by_the_tail_alone(world):
    x = world["fresh"][:25].copy()
    x[3] = world["training"][7] + 0.02
    sides = sample(world["training"][:50], "t"), sample(world["held_out"][:25], "h")
    result = privacy_of(*sides, sample(x, "s"), repeats=0, seed=0)
    assert [a.name for a in result.attacks if a.found] == ["tail"]
    assert privacy_findings(result)[0].level == "stop"
    quiet = privacy_of(*sides, sample(world["fresh"][:25], "s"), repeats=0, seed=0)
    assert not [a.name for a in quiet.attacks if a.found]
    assert math.isnan(tail_line(np.ones(8), 10)) and math.isnan(tail_line(np.ones(80), 10))


# Losses


def toy_losses(rng, n, gain, models=16):
    """Records of very different difficulty; a model fits its own by `gain` better."""
    hard = rng.gamma(2, 2, 2 * n)
    own = hard + 0.3 * rng.normal(size=2 * n)
    own[:n] -= gain
    out = hard[:, None] + 0.3 * rng.normal(size=(2 * n, models))
    return Losses(own[:n], own[n:], out_members=out[:n], out_strangers=out[n:])


def test_reference_models_see_an_overfit_model_where_a_threshold_cannot():
    attacks = {a.name: a for a in loss_attacks(toy_losses(np.random.default_rng(5), 300, 1.0), seed=0)}
    threshold, ratio = (attacks[name].figure("auc").value for name in ("membership_loss", "membership_reference"))
    assert ratio.value > 0.95 and threshold.value < 0.7
    # sd 0.3 sqrt(1 + 1/16), gain 1: AUC = Phi(gain / (sd sqrt 2)), which a spread estimated per record lowers a little
    assert ratio.value == pytest.approx(stats.norm.cdf(1 / (0.3 * math.sqrt(2 * (1 + 1 / 16)))), abs=0.015)
    assert attacks["membership_reference"].found


@pytest.mark.parametrize("models", [1, 4, 16])
def test_a_model_that_did_not_overfit_is_not_accused(models):
    for attack in loss_attacks(toy_losses(np.random.default_rng(6), 400, 0.0, models), seed=0):
        area = attack.figure("auc").value
        assert area.low < 0.5 < area.high and abs(area.value - 0.5) < 0.06 and not attack.found


def test_models_with_the_record_make_the_ratio_two_sided():
    rng = np.random.default_rng(7)
    n, gain = 300, 1.0
    losses = toy_losses(rng, n, gain)
    within = np.concatenate([losses.out_members, losses.out_strangers]) - gain
    both = Losses(losses.members, losses.strangers, out_members=losses.out_members, out_strangers=losses.out_strangers,
                  in_members=within[:n], in_strangers=within[n:])  # fmt: skip
    assert loss_attacks(both, seed=0)[1].figure("auc").value.value > 0.95


def test_rates_that_too_few_records_cannot_show_are_not_printed():
    few, many = (loss_attacks(toy_losses(np.random.default_rng(8), n, 1.0, 4), seed=0)[1] for n in (300, 1200))
    assert few.figure("tpr_at_0.001").value.value is None and "1000" in few.figure("tpr_at_0.001").reason
    assert few.figure("tpr_at_0.01").value.value is not None
    assert many.figure("tpr_at_0.001").value.value is not None
    value = many.figure("tpr_at_0.01").value
    assert value.low < value.value < value.high


def test_losses_are_asked_of_a_function_and_checked():
    records = canary_records(12)
    got = losses_of(lambda rs: np.array([r.arrays["image"].mean() for r in rs]), records[:6], records[6:],
                    without=[lambda rs: np.ones(len(rs))])  # fmt: skip
    assert got.member_patients == tuple(f"p{i}" for i in range(6)) and got.out_strangers.shape == (6, 1)
    assert all(a.reason for a in loss_attacks(got, seed=0))  # six patients a side are too few
    with pytest.raises(ValueError, match="together"):
        Losses(np.ones(3), np.ones(3), out_members=np.ones((3, 1)))


# Canaries


def canary_records(n, size=16):
    rng = np.random.default_rng(9)
    return [
        Record(f"r{i}", {"image": rng.random((size, size)).astype(np.float32)},
               RadiographCondition(sex="F" if i % 2 else "M", age_years=30 + i % 40, patient_id=f"p{i}"),
               ImageGeometry((1.0, 1.0)), {"synthetic": False, "patient_id": f"p{i}"})
        for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["marked", "mislabelled", "unique"])
def test_canaries_are_put_in_and_their_twins_are_not(kind):
    records = canary_records(20)
    made = with_canaries(records, 5, kind=kind, twins=3, copies=2, seed=1)
    again = with_canaries(records, 5, kind=kind, twins=3, copies=2, seed=1)
    assert [r.record_id for r in made.training] == [r.record_id for r in again.training]
    ids = {r.record_id for r in made.training}
    assert len(made.training) == len(ids) == 20 + 10 and {r.record_id for r in records} <= ids
    twins = [t for each in made.twins for t in each]
    assert len(twins) == 15 and not ids & {t.record_id for t in twins}
    assert {r.record_id for r in made.inserted} <= ids
    by_id = {r.record_id: r for r in records}
    for canary in made.inserted:
        assert canary.provenance["canary"] == kind and canary.condition.patient_id.startswith("canary")
        x = canary.arrays["image"]
        assert np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1
        same = any(np.array_equal(x, r.arrays["image"]) for r in by_id.values())
        assert same == (kind == "mislabelled")
    first = made.inserted[0]
    alike = [np.array_equal(first.arrays["image"], t.arrays["image"]) for t in made.twins[0]]
    assert all(alike) if kind == "mislabelled" else not any(alike)


def test_exposure_of_what_was_remembered_and_of_what_was_not():
    rng = np.random.default_rng(10)
    canaries, twins = rng.normal(size=(40, 8)), rng.normal(size=(40, 31, 8))
    blank = ranks(canaries, list(twins), rng.normal(size=(200, 8)))
    said = canary_attack(blank, 31, seed=0)
    bits = said.figure("exposure_bits")
    assert bits.value.low < bits.control.value < bits.value.high and not said.found
    known = ranks(canaries, list(twins), np.concatenate([canaries + 0.01, rng.normal(size=(200, 8))]))
    found = canary_attack(known, 31, seed=0)
    assert (known == 1).all() and found.risk.value == 1 and found.figure("exposure_bits").value.value == 5
    assert canary_attack(known[:3], 31, seed=0).reason


# Extraction


def test_clumps_that_are_training_records_are_extracted_and_others_are_not(world):
    rng = np.random.default_rng(11)
    sides = sample(world["training"], "t"), sample(world["held_out"], "h")

    def drawn_often(source, k):
        return np.concatenate([source[:k].repeat(5, axis=0) + 0.02 * rng.normal(size=(5 * k, D)), world["fresh"]])

    plain = extraction_attack(*sides, sample(world["fresh"], "s"))
    assert plain.figure("clumps").value.value == 0 and not plain.found
    known = extraction_attack(*sides, sample(drawn_often(world["training"], 6), "s"))
    assert known.figure("extracted").value.value == 6 and known.figure("extracted_held_out").value.value == 0
    assert known.found and known.attack.value == pytest.approx(30 / 530)
    made_up = extraction_attack(*sides, sample(drawn_often(rng.normal(size=(6, D)), 6), "s"))
    assert made_up.figure("clumps").value.value == 6 and made_up.figure("extracted").value.value == 0
    x = drawn_often(world["training"], 6)
    apart = extraction_attack(*sides, sample(x, "s"), [str(i) for i in range(len(x))])
    assert apart.figure("clumps").value.value == 0  # samples of different conditions are never one clump


# Re-identification


def people(rng, n, each, tag, basis):
    who = rng.normal(size=(n, 8)) @ basis
    noise = rng.normal(size=(n * each, D)) * np.where(np.arange(D) < 8, 0.1, 2)
    x = who.repeat(each, axis=0) + noise
    return Side(x, tuple(f"{tag}{i // each}" for i in range(n * each)))


def test_a_verifier_learns_who_is_who_and_matches_only_copies_of_a_person():
    rng = np.random.default_rng(12)
    basis = np.pad(np.eye(8), ((0, 0), (0, 8)))
    training, held_out = people(rng, 60, 3, "t", basis), people(rng, 60, 2, "h", basis)
    by = reidentifier(training, held_out, linear(0), seed=0)
    stranger = people(rng, 120, 1, "s", basis)
    plain = reidentification(by, training, stranger, seed=0)
    assert plain.figure("real_auc").value.value > 0.95 and plain.risk.low <= 0
    shown = np.array([training.x[i] for i in range(40)])
    shown[:, 8:] += 2 * rng.normal(size=(40, 8))  # the same persons in another record
    leaked = Side(np.concatenate([shown, stranger.x[:80]]), stranger.patients)
    found = reidentification(by, training, leaked, seed=0)
    assert found.found and found.risk.value > plain.risk.value + 0.1


def test_without_repeated_patients_a_verifier_is_not_taught(world):
    attack = look(world, world["fresh"]).attack("reidentification")
    assert "30 are needed" in attack.reason and attack.risk.value is None


def test_unknown_rates_give_an_unknown_risk():
    assert not risk(Result(math.nan, math.nan, math.nan, 0), wilson(0.1, 10)).known
    assert not risk(wilson(0.1, 10), wilson(1.0, 10)).known
