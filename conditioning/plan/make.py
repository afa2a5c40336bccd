"""Draws a cohort from its rules: first the balance, then quotas, lists and ranges, each from its own stream."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel

from ..seeds import sample_seed, stream
from .absences import state_absences
from .bands import AGE, AGE_BAND, AGE_BANDS, label, parse_band
from .cohort import CohortPlan
from .columns import columns_of
from .contradictions import refuse_contradictions
from .like import Like, draw_like
from .quotas import assign_lists, counts_of, spread
from .rules import PATIENT_COLUMNS, Quota, Rules, domain, rest_of


def make_plan(
    condition_type: type[BaseModel],
    n: int,
    *,
    balance: Sequence[str] = (),
    fixed: Mapping[str, Any] | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    quotas: Iterable[Quota | tuple[str, Any, float]] = (),
    records_per_patient: int = 1,
    like: Like | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CohortPlan:
    """Return a cohort that keeps every rule exactly, or refuse the rules; the same seed gives the same plan.

    Args:
        condition_type: pydantic model of one sample's condition.
        n: number of samples, 1 or more.
        balance: columns over whose product counts differ by at most 1; `age_band` stands for bands of age_years.
        fixed: field to value, for all samples.
        choices: field to values, in equal shares where balanced, else drawn.
        ranges: field to (low, high), drawn uniformly; whole numbers stay whole.
        quotas: (field, value, share); share 0 to 1, rounded to a count; for a list field the share that holds it. A
            radiograph's rows without a finding that a quota or a list of findings names have it under `absent`.
        records_per_patient: K records share patient_id, patient_seed, sex and age.
        like: real conditions; the fields that no rule decides are drawn from them together, row by row.
        seed: run seed, 0 to 2^63 - 1.
        progress: called with (samples checked, n), now and then.

    Raises:
        ValueError: a rule cannot hold or contradicts another; the message names it.
    """
    rules = Rules.of(
        condition_type,
        n=n,
        balance=tuple(balance),
        fixed=dict(fixed or {}),
        choices={k: tuple(v) for k, v in (choices or {}).items()},
        ranges=dict(ranges or {}),
        quotas=tuple(Quota(*q) for q in quotas),
        records_per_patient=records_per_patient,
        seed=seed,
    )
    cells, strata = _drawn(rules, condition_type)
    assign_lists(rules, condition_type, cells, strata)
    state_absences(rules, condition_type, cells)
    drawn = draw_like(rules, condition_type, cells, like) if like is not None else None
    refuse_contradictions(rules, condition_type, cells, progress)
    digits = max(6, len(str(n - 1)))
    ids = [f"{i:0{digits}d}" for i in range(n)]
    cells |= {"sample_id": ids, "seed": [sample_seed(seed, name) for name in ids]}

    from .files import build_table

    kept = json.loads(rules.model_dump_json()) | ({"like": drawn} if drawn else {})
    return CohortPlan(build_table(cells, condition_type), seed, kept)


def _drawn(rules: Rules, condition_type: type[BaseModel]) -> tuple[dict[str, list[Any]], Int[np.ndarray, " n"]]:
    """Return all columns but quotas on lists, and the balance cell of every row."""
    patient = np.arange(rules.n) // rules.records_per_patient
    cells: dict[str, list[Any]] = {}
    strata = np.zeros(rules.n, dtype=np.int64)
    for shared in (True, False):
        fields = [f for f in rules.balance if _shared(rules, f) == shared]
        where = patient if shared else np.arange(rules.n)
        lots = [_lots(rules, condition_type, field) for field in fields]
        count = math.prod(len(lot) for lot in lots)
        which = balanced(strata[_first_rows(where)], count, stream(rules.seed, f"plan/balance/{shared}"))[where]
        for field, value in zip(fields, zip(*itertools.product(*lots), strict=True) if fields else (), strict=True):
            cells[field] = [value[i] for i in which]
        strata = strata * count + which
    for field in _others(rules, condition_type):
        where = patient if _shared(rules, field) else np.arange(rules.n)
        values = _values(rules, condition_type, field, strata[_first_rows(where)])
        cells[field] = [values[i] for i in where]
    if rules.records_per_patient > 1:
        cells["patient_id"] = [f"p{i:06d}" for i in patient]
        cells["patient_seed"] = [sample_seed(rules.seed, f"patient {i}") for i in patient]
    _age_inside_band(rules, condition_type, cells, patient)
    return cells, strata


def balanced(strata: Int[np.ndarray, " units"], cells: int, rng: np.random.Generator) -> Int[np.ndarray, " units"]:
    """Return a cell, 0 to `cells` - 1, per unit; counts differ by at most 1, in all and within every stratum.

    Units are dealt to the cells in turn, stratum after stratum, shuffled inside the stratum.
    """
    order = np.lexsort((rng.random(len(strata)), strata))
    which = np.empty(len(strata), dtype=np.int64)
    which[order] = rng.permutation(cells)[np.arange(len(strata)) % cells]
    return which


def _shared(rules: Rules, field: str) -> bool:
    return rules.records_per_patient > 1 and field in (*PATIENT_COLUMNS, AGE_BAND)


def _first_rows(where: Int[np.ndarray, " n"]) -> Int[np.ndarray, " units"]:
    """Return the first row of every unit (a patient, or a row itself)."""
    return np.unique(where, return_index=True)[1]


def _lots(rules: Rules, condition_type: type[BaseModel], field: str) -> tuple[Any, ...]:
    """Return the values that a balanced column takes."""
    column = domain(condition_type, field)
    return rules.choices.get(field) or column.words or (False, True)


def _others(rules: Rules, condition_type: type[BaseModel]) -> list[str]:
    """Return the scalar columns that are left after the balance, and those that patients must share."""
    scalar_quotas = [f for f in rules.quota_fields if not domain(condition_type, f).listed]
    named = dict.fromkeys([*rules.fixed, *scalar_quotas, *rules.choices, *rules.ranges])
    if rules.records_per_patient > 1:
        columns = columns_of(condition_type)
        named |= dict.fromkeys(name for name in PATIENT_COLUMNS if name in columns and columns[name].words)
        if AGE in columns and AGE not in named and AGE_BAND not in named:
            named[AGE_BAND] = None
    return [field for field in named if field not in rules.balance]


def _values(rules: Rules, condition_type: type[BaseModel], field: str, strata: Int[np.ndarray, " units"]) -> list[Any]:
    """Return one column's values, one per unit."""
    units, rng = len(strata), stream(rules.seed, f"plan/{field}")
    if field in rules.fixed:
        return [rules.fixed[field]] * units
    if field in rules.quota_fields:
        return _by_quota(rules, condition_type, field, strata, rng)
    if field in rules.ranges:
        return _from_range(rules, condition_type, field, units, rng)
    lots = rules.choices.get(field) or domain(condition_type, field).words
    return [lots[i] for i in rng.integers(len(lots), size=units)]


def _by_quota(
    rules: Rules,
    condition_type: type[BaseModel],
    field: str,
    strata: Int[np.ndarray, " units"],
    rng: np.random.Generator,
) -> list[Any]:
    """Return a scalar column with exact shares, spread evenly over the balance cells."""
    quotas = [q for q in rules.quotas if q.field == field]
    counts = counts_of([q.share for q in quotas], len(strata))
    rest = len(strata) - sum(counts)
    values = [q.value for q, count in zip(quotas, counts, strict=True) for _ in range(count)]
    if rest and field in rules.ranges:
        values += _from_range(rules, condition_type, field, rest, rng)
    elif rest:
        others = rest_of(rules, condition_type, field)
        values += [others[i] for i in rng.permutation(np.arange(rest) % len(others))]
    placed: list[Any] = [None] * len(strata)
    for unit, value in zip(spread(strata, rng), values, strict=True):
        placed[unit] = value
    return placed


def _from_range(
    rules: Rules, condition_type: type[BaseModel], field: str, units: int, rng: np.random.Generator
) -> list[Any]:
    """Return uniform draws, both ends included, rounded to a ten-thousandth of the span."""
    low, high = rules.ranges[field]
    if domain(condition_type, field).kind == "integer":
        return [int(x) for x in rng.integers(int(low), int(high), size=units, endpoint=True)]
    digits = 4 - math.floor(math.log10(high - low)) if high > low else 15
    drawn = np.round(rng.uniform(low, high, size=units), max(0, digits))
    return [float(x) for x in np.clip(drawn, low, high)]


def _age_inside_band(
    rules: Rules, condition_type: type[BaseModel], cells: dict[str, list[Any]], patient: Int[np.ndarray, " n"]
) -> None:
    """Replace the column `age_band` by an age in whole years drawn inside each patient's band."""
    bands = cells.pop(AGE_BAND, None)
    if bands is None:
        return
    share = stream(rules.seed, "plan/age_years").random(int(patient[-1]) + 1)
    of = {name: parse_band(name) for name in {*bands, *(label(b) for b in AGE_BANDS)}}
    parse = columns_of(condition_type)[AGE].parse
    cells[AGE] = [
        parse(of[band][0] + int(share[p] * (of[band][1] - of[band][0] + 1)))
        for band, p in zip(bands, patient, strict=True)
    ]
