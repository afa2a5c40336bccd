"""Plans of radiographs: findings balanced and shared out, absence stated, real co-occurrence kept or overridden."""

from collections import Counter

import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.plan import Like, band_of, make_plan, parse_quota, parse_sets
from clinsynth.conditioning.radiograph import Finding, RadiographCondition
from hypothesis import given, settings
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**63 - 1)
TRAIN = "embedded:nih64?split=train"


@pytest.fixture(scope="module")
def like():
    return Like.read(TRAIN, RadiographCondition)


def plan_of(n, sets=(), balance=(), quotas=(), **rules):
    fixed, choices, ranges = parse_sets(sets, RadiographCondition)
    shares = [parse_quota(text) for text in quotas]
    return make_plan(
        RadiographCondition, n, balance=balance, fixed=fixed, choices=choices, ranges=ranges, quotas=shares, **rules
    )


def conditions(plan):
    return plan.conditions(RadiographCondition)


@given(n=st.integers(72, 150), seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_balance_over_who_and_what(n, seed):
    plan = plan_of(
        n, ["findings=effusion,cardiomegaly,no_finding", "race=black,white,asian"],
        ["sex", "race", "age_band", "findings"], seed=seed,
    )  # fmt: skip
    cells = Counter((c.sex, c.race, band_of(c.age_years), c.findings) for c in conditions(plan))
    assert len(cells) == 72 and max(cells.values()) - min(cells.values()) <= 1


@given(n=st.integers(20, 90), share=st.floats(0.1, 0.9), seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_a_quota_on_findings_says_where_it_is_absent(n, share, seed):
    plan = plan_of(n, quotas=[f"findings=effusion:{share}"], balance=["sex"], seed=seed)
    states = Counter(c.state(Finding.effusion) for c in conditions(plan))
    assert states[True] == round(share * n) and states[False] == n - round(share * n)
    by_sex = Counter((c.sex, c.state(Finding.effusion)) for c in conditions(plan))
    assert abs(by_sex["F", True] - by_sex["M", True]) <= 2


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_listed_findings_are_present_or_absent_and_implied_ones_are_neither(seed):
    plan = plan_of(40, ["findings=mass,lung_lesion,no_finding,effusion|edema"], ["findings"], seed=seed)
    for c in conditions(plan):
        for finding in (Finding.mass, Finding.lung_lesion, Finding.effusion, Finding.edema, Finding.no_finding):
            assert c.state(finding) is not None
    kinds = Counter((c.findings, c.absent) for c in conditions(plan))
    assert len(kinds) == 4 and set(kinds.values()) == {10}
    assert all("lung_lesion" not in (absent or ()) for findings, absent in kinds if findings == ("mass",))


def test_a_rule_on_absent_is_left_alone():
    plan = plan_of(10, ["absent=edema", "findings=effusion,mass"], ["findings"])
    assert {c.absent for c in conditions(plan)} == {("edema",)}
    with pytest.raises(ValueError, match="only 0 of 5 samples can hold it"):
        plan_of(10, ["absent=effusion"], quotas=["findings=effusion:0.5"])


def test_findings_that_exclude_each_other_land_on_different_rows():
    plan = plan_of(20, quotas=["findings=effusion:0.5", "findings=no_finding:0.5", "findings=support_devices:0.4"])
    counts = Counter(f for c in conditions(plan) for f in c.findings or ())
    assert counts == {"effusion": 10, "no_finding": 10, "support_devices": 8}
    with pytest.raises(ValueError, match="no_finding"):
        plan_of(20, quotas=["findings=effusion:0.6", "findings=no_finding:0.6"])


def test_children_where_they_are_asked_for():
    plan = plan_of(30, ["age_band=0-4,5-17,18-39"], ["age_band"])
    ages = Counter(band_of(c.age_years, [(0, 4), (5, 17), (18, 39)]) for c in conditions(plan))
    assert set(ages.values()) == {10} and len(ages) == 3
    assert min(c.age_years for c in conditions(plan_of(40, balance=["age_band"]))) >= 18
    with pytest.raises(ValueError, match="age_years"):
        plan_of(30, ["age_band=100-120"])


def joint(c):
    return (c.sex, c.age_years, c.view, c.findings, c.absent, c.uncertain)


def test_without_rules_the_plan_is_the_real_joint_distribution(like):
    plan = plan_of(2 * len(like.conditions), like=like, seed=5)
    real = Counter(joint(c) for c in like.conditions)
    assert Counter(joint(c) for c in conditions(plan)) == Counter({key: 2 * n for key, n in real.items()})


@given(seed=SEEDS, n=st.integers(40, 120))
@settings(max_examples=8, deadline=None)
def test_findings_follow_who_was_asked_for(like, seed, n):
    plan = plan_of(n, ["view=pa,ap"], ["sex", "view"], like=like, seed=seed)
    made = conditions(plan)
    cells = Counter((c.sex, c.view) for c in made)
    assert len(cells) == 4 and max(cells.values()) - min(cells.values()) <= 1
    real = {joint(c) for c in like.conditions}
    assert all(joint(c) in real for c in made)  # sex, view, age and all lists of one real record
    assert all(c.patient_id is None and c.text is None for c in made)
    assert plan.rules["like"]["let_go"] == {} and plan.rules["like"]["records"] == len(like.conditions)


def test_each_cell_has_the_real_shares_of_its_own_findings(like):
    plan = plan_of(400, ["view=pa,ap"], ["view"], like=like, seed=1)
    for view in ("pa", "ap"):
        real = Counter(c.findings for c in like.conditions if c.view == view)
        made = Counter(c.findings for c in conditions(plan) if c.view == view)
        total = sum(real.values())
        assert all(abs(made[key] - 200 * count / total) <= count + 1e-9 for key, count in real.items())
        assert set(made) <= set(real)


def test_age_bands_agree_with_the_real_ages(like):
    plan = plan_of(200, balance=["age_band"], like=like)
    real = {(c.findings, c.view, c.sex, band_of(c.age_years)) for c in like.conditions}
    assert all((c.findings, c.view, c.sex, band_of(c.age_years)) in real for c in conditions(plan))


def test_a_rule_on_findings_overrides_and_the_rest_follows_it(like):
    plan = plan_of(60, ["findings=effusion,no_finding"], ["findings"], like=like, seed=2)
    made = conditions(plan)
    assert Counter(c.findings for c in made) == {("effusion",): 30, ("no_finding",): 30}
    sick = [c for c in like.conditions if "effusion" in (c.findings or ())]
    seen = {(c.sex, c.view, c.age_years) for c in sick}
    assert all((c.sex, c.view, c.age_years) in seen for c in made if c.findings == ("effusion",))


def test_what_no_real_record_has_is_let_go_from_the_end(like):
    plan = plan_of(40, ["race=asian,black", "view=lateral,pa"], ["race", "view"], like=like)
    made = conditions(plan)
    assert Counter((c.race, c.view) for c in made) == {
        (race, view): 10 for race in ("asian", "black") for view in ("lateral", "pa")
    }
    assert all(c.findings for c in made)
    assert plan.rules["like"]["let_go"] == {"view": 20}  # race stands in no real record: nothing to agree with
    frontal = {(c.sex, c.age_years, c.findings) for c in like.conditions if c.view == "pa"}
    assert all((c.sex, c.age_years, c.findings) in frontal for c in made if c.view == "pa")


def test_the_same_seed_draws_the_same_and_rules_without_like_draw_as_before(like):
    one, two = (plan_of(50, balance=["sex"], like=like, seed=3) for _ in range(2))
    assert one.sha256 == two.sha256 != plan_of(50, balance=["sex"], like=like, seed=4).sha256
    assert "like" not in plan_of(5).rules


def test_like_is_refused_where_it_draws_nothing(like):
    with pytest.raises(ValueError, match="nothing is left to draw"):
        plan_of(20, ["sex=F", "view=pa", "findings=mass", "race=white", "age_years=40"], like=like)
    with pytest.raises(ValueError, match="EcgCondition has no fields that are drawn"):
        make_plan(EcgCondition, 10, like=like)
    with pytest.raises(ValueError, match="there are no records"):
        plan_of(10, like=Like("none", ()))
    with pytest.raises(ValueError, match="RadiographCondition is needed"):
        Like.read("embedded:ludb", RadiographCondition)


def test_like_reads_conditions_as_the_reader_does(like):
    assert list(like.conditions) == [r.condition for r in embedded("nih64", split="train")]
