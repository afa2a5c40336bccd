"""Quality control: wrong images are caught and drawn again from the next sub-seed, real ones pass at a stated rate."""

import json

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.radiograph import Finding, RadiographCondition, Sex, View
from clinsynth.conditioning.seeds import sample_seed
from clinsynth.generators.ecg.simulator import EcgSimulator
from clinsynth.generators.radiograph import quality_control
from clinsynth.generators.radiograph.quality_control import TOGETHER, QualityControlled, try_seed
from clinsynth.generators.readout.radiograph import Inspector, Readings, Verdict
from clinsynth.generators.readout.radiograph.attributes import Attributes, Said
from clinsynth.generators.readout.radiograph.thresholds import asked, thresholds
from hypothesis import given, settings
from hypothesis import strategies as st
from marked_radiographs import NETWORK, TEACHING, Marker, marked


@pytest.fixture(scope="module")
def inspector():
    return Inspector.trained(
        marked(160, race=None), network=NETWORK, teaching=TEACHING, steps=150, folds=2, share=0.9, seed=2
    )


def asking(n):
    return [RadiographCondition(sex="MF"[k % 2], view=["ap", "pa"][k // 2 % 2]) for k in range(n)]


def same(a, b):
    return np.array_equal(a.arrays["image"], b.arrays["image"]) and a.truth == b.truth and a.provenance == b.provenance


def test_wrong_images_are_caught_and_right_ones_pass_at_the_stated_rate(inspector):
    marker, n = Marker(wrong=0.5), 160
    conditions = [RadiographCondition(sex=c.sex) for c in asking(n)]
    made = list(QualityControlled(marker, inspector, retries=0).generate(conditions, range(n)))
    wrong = np.array([marker.errs(k) for k in range(n)])
    passed = np.array([r.truth["qc_passed"] for r in made])
    assert passed[~wrong].mean() > 0.9 - 3 * np.sqrt(0.9 * 0.1 / (~wrong).sum())
    limits = inspector.thresholds.limits
    catches = min(limits["sex=F"].catches, limits["sex=M"].catches)
    assert catches > 0.8 and passed[wrong].mean() < 1 - catches + 3 * np.sqrt(0.1 / wrong.sum())
    failed = [r.truth["qc_failed"] for r in made if not r.truth["qc_passed"]]
    assert all(sentence.startswith("sex=") and "(at least 0." in sentence for sentence in failed)


def test_a_failing_image_is_drawn_again_from_the_next_sub_seed(inspector):
    marker = Marker(wrong=0.5)
    made = list(QualityControlled(marker, inspector, retries=2).generate(asking(24), range(24)))
    for k, record in enumerate(made):
        tries = record.truth["qc_tries"]
        assert [t["seed"] for t in tries] == [try_seed(k, attempt) for attempt in range(len(tries))]
        assert [t["passed"] for t in tries[:-1]] == [False] * (len(tries) - 1)
        assert tries[-1]["passed"] is record.truth["qc_passed"] and tries[-1]["scores"] == record.truth["qc_scores"]
        assert record.truth["qc_passed"] or (len(tries) == 3 and record.truth["qc_failed"])
        assert record.provenance["seed"] == tries[-1]["seed"]
    assert {len(r.truth["qc_tries"]) for r in made} == {1, 2, 3}
    assert try_seed(7, 0) == 7 and len({try_seed(7, k) for k in range(100)}) == 100
    assert try_seed(7, 1) != try_seed(7 + 2**40, 1) and 0 <= try_seed(7, 1) < 2**63


def test_retries_pay_and_nothing_but_failures_is_left_at_the_end(inspector):
    shares = []
    for retries in (0, 3):
        made = QualityControlled(Marker(wrong=0.5), inspector, retries=retries).generate(asking(40), range(40))
        shares.append(np.mean([r.truth["qc_passed"] for r in made]))
    assert shares[0] < 0.6 and shares[1] == pytest.approx(1 - (1 - shares[0]) ** 4, abs=0.15)
    hopeless = list(QualityControlled(Marker(wrong=1.0), inspector, retries=1).generate(asking(12), range(12)))
    assert len(hopeless) == 12 and np.mean([r.truth["qc_passed"] for r in hopeless]) < 0.4


def test_records_do_not_depend_on_what_is_drawn_beside_them(inspector, monkeypatch):
    monkeypatch.setattr(quality_control, "TOGETHER", 8)
    n = 18
    conditions, seeds = asking(n), [sample_seed(0, str(k)) for k in range(n)]
    controlled = QualityControlled(Marker(wrong=0.4), inspector, retries=2)
    whole = list(controlled.generate(conditions, seeds))
    for size in (1, 7):
        cut = [slice(first, first + size) for first in range(0, n, size)]
        parts = [r for part in cut for r in controlled.generate(conditions[part], seeds[part])]
        assert all(map(same, parts, whole))
    back = list(controlled.generate(conditions[::-1], seeds[::-1]))[::-1]
    assert all(map(same, back, whole))


def test_images_that_pass_at_once_are_the_models_own(inspector):
    alone = list(Marker(wrong=0.3).generate(asking(20), range(20)))
    controlled = QualityControlled(Marker(wrong=0.3), inspector, retries=1).generate(asking(20), range(20))
    first = [(a, b) for a, b in zip(alone, controlled, strict=True) if len(b.truth["qc_tries"]) == 1]
    assert len(first) > 5 and all(np.array_equal(a.arrays["image"], b.arrays["image"]) for a, b in first)


def test_what_is_left_open_is_not_judged_and_what_cannot_be_is_named(inspector):
    image = marked(1)[0].arrays["image"]
    assert inspector.judge(image, RadiographCondition()) == Verdict(True, {})
    verdict = inspector.judge(image, RadiographCondition(race="white", absent=["hernia"]))
    assert verdict.passed and verdict.scores == {} and verdict.unjudged == ("race=white", "hernia=absent")
    assert not inspector.judge(np.full_like(image, np.nan), RadiographCondition()).passed


def test_the_contract_of_a_generator_is_kept(inspector):
    marker = Marker(wrong=0)
    controlled = QualityControlled(marker, inspector, retries=2)
    assert (controlled.name, controlled.formats, controlled.shard_size) == ("marker", ("png",), 64)
    config = json.loads(json.dumps(controlled.config()))
    assert config["generator"] == "marker" and config["quality_control"]["retries"] == 2
    assert config["quality_control"]["weights_sha256"] == inspector.weights_sha256
    assert set(config["quality_control"]["thresholds"]["limits"]) >= {"sex=F", "sex=M", "view=pa", "age_years"}
    assert controlled.weights_sha256 == marker.weights_sha256
    next(controlled.generate(asking(1000), range(1000)))
    assert len(marker.seeds) <= 3 * TOGETHER
    for record in controlled.generate(asking(2), range(2)):
        json.dumps(dict(record.truth))
    with pytest.raises(ValueError, match="2 conditions but 1 seeds"):
        list(controlled.generate(asking(2), [0]))
    with pytest.raises(ValueError, match="retries = -1"):
        QualityControlled(marker, inspector, retries=-1)
    with pytest.raises(ValueError, match="reads radiographs"):
        QualityControlled(EcgSimulator(), inspector)
    assert EcgSimulator.condition_type is EcgCondition


def test_an_inspector_survives_the_disk(inspector, tmp_path):
    inspector.save_pretrained(tmp_path / "inspector")
    again = Inspector.from_pretrained(tmp_path / "inspector")
    assert again.config() == inspector.config()
    for record in marked(3, seed=4):
        assert again.judge(record.arrays["image"], record.condition) == inspector.judge(
            record.arrays["image"], record.condition
        )
    (tmp_path / "inspector/thresholds/config.json").write_text('{"share": 2}')
    with pytest.raises(ValueError, match="share = 2"):
        Inspector.from_pretrained(tmp_path / "inspector")


def read_as(male):
    """Return readings of sex alone."""
    n, empty = len(male), np.empty((len(male), 0))
    nan = np.full(n, np.nan)
    return Readings(Attributes(sex=True), male, nan, nan, empty, empty, empty)


def known_as(male):
    n = len(male)
    return Said(male, np.full(n, np.nan), np.full(n, -1), np.full(n, -1), np.empty((n, 0)))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(20, 120), st.sampled_from([0.8, 0.9, 0.95]))
def test_at_least_the_stated_share_of_each_class_passes(seed, n, share):
    rng = np.random.default_rng(seed)
    male = np.repeat([0.0, 1.0], n)
    found = thresholds(read_as(rng.random(2 * n)), known_as(male), share=share, judge=["sex"])
    assert set(found.limits) == {"sex=F", "sex=M"}
    assert all(limit.passes >= share and limit.images == n for limit in found.limits.values())


def test_new_images_pass_as_often_as_stated():
    rng = np.random.default_rng(0)
    male, passed = np.ones(59), []
    for _ in range(400):
        limit = thresholds(read_as(rng.random(59)), known_as(male), judge=["sex"]).limits["sex=M"].limit
        passed.append((rng.random(100) >= limit).mean())
    assert np.mean(passed) == pytest.approx(0.95, abs=0.006)  # k = 3 of 60


def test_few_images_give_no_limit_and_say_so():
    rng = np.random.default_rng(0)
    male = np.repeat([0.0, 1.0], [18, 30])
    found = thresholds(read_as(rng.random(48)), known_as(male), judge=["sex"])
    assert set(found.limits) == {"sex=M"} and found.not_judged["sex=F"] == "18 real images; 19 are needed"


def test_a_check_that_catches_nothing_is_not_made_unless_asked_for():
    rng = np.random.default_rng(0)
    read, known = read_as(rng.random(400)), known_as(np.repeat([0.0, 1.0], 200))
    assert thresholds(read, known).limits == {} and "would be caught" in thresholds(read, known).not_judged["sex=F"]
    assert len(thresholds(read, known, judge=["sex"]).limits) == 2
    for judge in ("race", "sexx", "effusion"):
        with pytest.raises(ValueError, match="cannot be judged"):
            thresholds(read, known, judge=[judge])
    with pytest.raises(ValueError, match="share = 1"):
        thresholds(read, known, share=1.0)


def test_the_values_of_an_attribute_are_judged_together_or_not_at_all():
    rng = np.random.default_rng(0)
    chance = np.concatenate([rng.uniform(0, 0.3, 190), rng.uniform(0, 1, 10), rng.uniform(0.2, 1, 200)])
    alone = thresholds(read_as(chance), known_as(np.repeat([0.0, 1.0], 200)), judge=["sex"]).limits
    weak, strong = sorted(limit.catches for limit in alone.values())
    between = (weak + strong) / 2
    for least, judged in ((between - 0.01, 2), (between + 0.01, 0)):
        found = thresholds(read_as(chance), known_as(np.repeat([0.0, 1.0], 200)), least_caught=least)
        assert len(found.limits) == judged and weak < least < strong


def test_a_condition_asks_for_what_it_names():
    condition = RadiographCondition(sex=Sex.F, view=View.ap, age_years=40, findings=[Finding.mass], absent=["edema"])
    assert asked(condition) == {
        "sex=F": "sex", "view=ap": "view", "age_years": "age_years", "edema=absent": "edema", "mass=present": "mass",
    }  # fmt: skip
    assert asked(RadiographCondition(uncertain=["edema"])) == {}
