"""A plan keeps every rule exactly, whatever the condition model, and says which rule it cannot keep."""

from collections import Counter
from enum import StrEnum
from typing import Literal

import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import band_of, make_plan, parse_quota, parse_sets
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field


class Colour(StrEnum):
    red = "red"
    green = "green"
    blue = "blue"


class Marble(BaseModel):
    """A second, made-up condition: nothing of plans may be tied to ECGs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sex: Literal["F", "M"] | None = None
    age_years: int | None = Field(None, ge=0, le=100)
    colour: Colour | None = None
    weight_g: float | None = Field(None, gt=0, le=50)
    scratches: int = Field(0, ge=0, le=9)
    marks: tuple[Literal["dot", "line", "ring", "star"], ...] | None = None
    polished: bool | None = None


MODELS = st.sampled_from([EcgCondition, Marble])
SEEDS = st.integers(0, 2**63 - 1)


def rows(plan):
    return plan.table.to_pylist()


def refused(words, condition_type=EcgCondition, n=100, **rules):
    with pytest.raises(ValueError) as error:
        make_plan(condition_type, n, **rules)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@given(model=MODELS, n=st.integers(8, 120), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_balanced_cells_differ_by_at_most_one(model, n, seed):
    plan = make_plan(model, n, balance=["sex", "age_band"], seed=seed)
    cells = Counter((row["sex"], band_of(row["age_years"])) for row in rows(plan))
    assert sum(cells.values()) == n and len(cells) == 8
    assert max(cells.values()) - min(cells.values()) <= 1


@given(n=st.integers(12, 90), seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_balance_takes_lists_booleans_and_numbers_with_values(n, seed):
    plan = make_plan(
        Marble,
        n,
        balance=["marks", "polished", "weight_g"],
        seed=seed,
        choices={"marks": ["dot", "line|ring"], "weight_g": [1, 2.5, 4]},
    )
    cells = Counter((tuple(r["marks"]), r["polished"], r["weight_g"]) for r in rows(plan))
    assert len(cells) == 12 and max(cells.values()) - min(cells.values()) <= 1


@given(n=st.integers(20, 200), share=st.floats(0.05, 0.95), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_scalar_quotas_are_exact_to_one_sample(n, share, seed):
    plan = make_plan(Marble, n, quotas=[("colour", "red", share), ("colour", "blue", 1 - share)], seed=seed)
    counts = Counter(row["colour"] for row in rows(plan))
    assert counts["red"] + counts["blue"] == n
    assert abs(counts["red"] - share * n) < 1 + 1e-6


@given(n=st.integers(20, 150), a=st.floats(0.1, 0.9), b=st.floats(0.1, 0.9), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_quotas_on_a_list_compose(n, a, b, seed):
    plan = make_plan(Marble, n, quotas=[("marks", "dot", a), ("marks", "star", b)], seed=seed)
    held = [row["marks"] for row in rows(plan)]
    assert sum("dot" in marks for marks in held) == round(a * n)
    assert sum("star" in marks for marks in held) == round(b * n)


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_findings_that_exclude_each_other_land_on_different_rows(seed):
    blocks = ("left_bundle_branch_block", "right_bundle_branch_block")
    quotas = [("findings", blocks[0], 0.5), ("findings", blocks[1], 0.5), ("findings", "long_qt", 0.5)]
    held = [set(row["findings"]) for row in rows(make_plan(EcgCondition, 40, quotas=quotas, seed=seed))]
    assert sum(blocks[0] in h for h in held) == sum(blocks[1] in h for h in held) == 20
    assert not any(set(blocks) <= h for h in held)


def test_the_value_that_clashes_most_is_placed_first():
    quotas = [
        ("findings", name, 0.5)
        for name in ("right_bundle_branch_block", "left_anterior_fascicular_block", "left_bundle_branch_block")
    ]
    held = [set(row["findings"]) for row in rows(make_plan(EcgCondition, 40, quotas=quotas))]
    assert sum("left_bundle_branch_block" in h for h in held) == 20


def test_quotas_are_spread_over_the_balance_cells():
    plan = make_plan(EcgCondition, 400, balance=["sex", "age_band"], quotas=[("findings", "long_qt", 0.5)])
    per_cell = Counter((r["sex"], band_of(r["age_years"])) for r in rows(plan) if "long_qt" in r["findings"])
    assert max(per_cell.values()) - min(per_cell.values()) <= 2 and sum(per_cell.values()) == 200


@given(low=st.integers(30, 100), span=st.integers(0, 100), seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_ranges_hold_and_whole_numbers_stay_whole(low, span, seed):
    plan = make_plan(EcgCondition, 50, ranges={"heart_rate_bpm": (low, low + span)}, seed=seed)
    assert all(low <= row["heart_rate_bpm"] <= low + span for row in rows(plan))
    plan = make_plan(Marble, 50, ranges={"scratches": (2, 4)}, seed=seed)
    assert {row["scratches"] for row in rows(plan)} == {2, 3, 4}


@given(model=MODELS, n=st.integers(8, 60), seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_same_seed_gives_the_same_plan_and_another_seed_another(model, n, seed):
    rules = dict(balance=["sex"], choices={"age_years": [30, 40, 50]})
    plan = make_plan(model, n, seed=seed, **rules)
    assert make_plan(model, n, seed=seed, **rules).sha256 == plan.sha256
    assert make_plan(model, n, seed=seed ^ 1, **rules).sha256 != plan.sha256


def test_one_rule_more_does_not_move_what_the_others_drew():
    plain = make_plan(EcgCondition, 60, balance=["sex"], ranges={"snr_db": (5, 30)}, seed=3)
    more = make_plan(EcgCondition, 60, balance=["sex"], ranges={"snr_db": (5, 30), "twa_uv": (0, 50)}, seed=3)
    for name in ("sample_id", "seed", "sex", "snr_db"):
        assert plain.table.column(name) == more.table.column(name)


@given(n=st.integers(4, 60), k=st.integers(2, 4), seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_records_of_one_patient_share_who_the_patient_is(n, k, seed):
    plan = make_plan(EcgCondition, n, records_per_patient=k, ranges={"snr_db": (10, 30)}, seed=seed)
    patients = {}
    for row in rows(plan):
        shared = (row["patient_seed"], row["sex"], row["age_years"])
        assert patients.setdefault(row["patient_id"], shared) == shared
    assert len(patients) == -(-n // k) == len({p[0] for p in patients.values()})
    assert len(set(plan.seeds)) == n


def test_patients_are_balanced_as_patients():
    plan = make_plan(
        EcgCondition, 48, balance=["sex", "age_band", "twa_uv"], choices={"twa_uv": [0, 40]}, records_per_patient=3
    )
    patients = {row["patient_id"]: (row["sex"], band_of(row["age_years"])) for row in rows(plan)}
    assert set(Counter(patients.values()).values()) == {2}
    assert set(Counter(row["twa_uv"] for row in rows(plan)).values()) == {24}


def test_every_row_makes_a_condition():
    plan = make_plan(EcgCondition, 100, balance=["rhythm"], seed=1)
    assert len(plan.conditions(EcgCondition)) == 100
    assert plan.conditions(EcgCondition, 10, 12) == plan.conditions(EcgCondition)[10:12]


def test_texts_of_the_command_line_become_rules():
    texts = ["sex=F", "age_band=18-39,40-59", "snr_db=5..30", "leads=I|II", "findings="]
    fixed, choices, ranges = parse_sets(texts, EcgCondition)
    assert ranges == {"snr_db": (5, 30)} and choices == {"age_band": ("18-39", "40-59")}
    plan = make_plan(EcgCondition, 30, fixed=fixed, choices=choices, ranges=ranges)
    assert {tuple(row["leads"]) for row in rows(plan)} == {("I", "II")}
    assert all(18 <= row["age_years"] < 60 and row["sex"] == "F" and row["findings"] == [] for row in rows(plan))
    assert parse_quota("findings=long_qt:0.5") == ("findings", "long_qt", 0.5)


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        (["'sexx'", "did you mean 'sex'"], {"balance": ["sexx"]}),
        (["'sinos'", "did you mean 'sinus'"], {"fixed": {"rhythm": "sinos"}}),
        (["'sexx'", "did you mean 'sex'"], {"quotas": [("sexx", "F", 0.5)]}),
        (["'V7'", "V1"], {"choices": {"leads": ["I", "V7"]}}),
        (["sex", "1.2"], {"quotas": [("sex", "F", 0.7), ("sex", "M", 0.5)]}),
        (["quota on sex", "sex=M"], {"quotas": [("sex", "F", 0.7)], "fixed": {"sex": "M"}}),
        (["balance over sex", "sex=M"], {"balance": ["sex"], "fixed": {"sex": "M"}}),
        (["balance over sex", "quota"], {"balance": ["sex"], "quotas": [("sex", "F", 0.5)]}),
        (["balance names sex twice"], {"balance": ["sex", "sex"]}),
        (["quota rhythm=paced:0.001", "less than one"], {"quotas": [("rhythm", "paced", 0.001)]}),
        (["above 0 and at most 1"], {"quotas": [("sex", "F", 1.5)]}),
        (["quotas on rhythm cover 0.3"], {"quotas": [("rhythm", "paced", 0.3)]}),
        (["age_years=10..50", "18"], {"ranges": {"age_years": (10, 50)}}),
        (["low end", "high end"], {"ranges": {"snr_db": (30, 10)}}),
        (["rhythm is not a number"], {"ranges": {"rhythm": (1, 2)}}),
        (["age_band", "age_years", "keep one"], {"balance": ["age_band"], "ranges": {"age_years": (20, 30)}}),
        (["8 cells", "n = 3"], {"n": 3, "balance": ["sex", "age_band"]}),
        (["balance over age_years", "age_band"], {"balance": ["age_years"]}),
        (
            ["rhythm=atrial_fibrillation and lf_hf=1 contradict"],
            {"fixed": {"rhythm": "atrial_fibrillation", "lf_hf": 1}},
        ),
        (
            ["rhythm=sinus_bradycardia and heart_rate_bpm=30..70", "below 60"],
            {"n": 1, "fixed": {"rhythm": "sinus_bradycardia"}, "ranges": {"heart_rate_bpm": (30, 70)}},
        ),
        (["balance over rhythm (", "heart_rate_bpm=70"], {"balance": ["rhythm"], "fixed": {"heart_rate_bpm": 70}}),
        (
            ["quota findings=right_bundle_branch_block:0.7", "exclude each other"],
            {"quotas": [("findings", "left_bundle_branch_block", 0.7), ("findings", "right_bundle_branch_block", 0.7)]},
        ),
        (["exclude each other"], {"fixed": {"findings": "left_bundle_branch_block|right_bundle_branch_block"}}),
        (["'young'", "LOW-HIGH"], {"fixed": {"age_band": "young"}}),
        (["records_per_patient = 200", "n = 100"], {"records_per_patient": 200}),
        (["records_per_patient sets patient_id"], {"records_per_patient": 2, "fixed": {"patient_id": "x"}}),
        (["n = 0"], {"n": 0}),
        (["twice"], {"choices": {"sex": ["F", "F"]}}),
    ],
)
def test_rules_that_cannot_hold_are_refused_by_name(words, rules):
    refused(words, **rules)


def test_a_condition_without_patients_gives_one_record_each():
    refused(["patient_id", "Marble"], condition_type=Marble, records_per_patient=2)


@pytest.mark.parametrize("text", ["sex", "=F", "sex:F"])
def test_a_set_that_is_no_set_is_refused(text):
    with pytest.raises(ValueError, match="FIELD=VALUE"):
        parse_sets([text], EcgCondition)


@pytest.mark.parametrize("text", ["sex=F", "sex:F:0.5", "sex=F:half", "=F:0.5"])
def test_a_quota_that_is_no_quota_is_refused(text):
    with pytest.raises(ValueError, match="FIELD=VALUE:SHARE"):
        parse_quota(text)
