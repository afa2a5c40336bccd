"""plan: a cohort from its rules, written as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...conditioning.plan import CohortPlan


def plan(
    out: str | Path,
    generator: str,
    n: int,
    *,
    balance: Sequence[str] = (),
    sets: Sequence[str] = (),
    quotas: Sequence[str] = (),
    records_per_patient: int = 1,
    seed: int = 0,
) -> CohortPlan:
    """Make a cohort plan and write it.

    Args:
        out: a .parquet or .csv file.
        generator: registry name of the generator that it is for.
        n: number of samples.
        balance: columns over whose product the samples are spread evenly.
        sets: FIELD=VALUE, FIELD=A,B,C or FIELD=LOW..HIGH.
        quotas: FIELD=VALUE:SHARE.
        records_per_patient: records that share one patient.
        seed: run seed, 0 to 2^63 - 1.

    Raises:
        ValueError: a rule cannot hold or contradicts another; it is named.
    """
    from ...conditioning.plan import make_plan, parse_quota, parse_sets
    from ...generators.protocol import generator_class

    condition_type = generator_class(generator).condition_type
    fixed, choices, ranges = parse_sets(sets, condition_type)
    made = make_plan(
        condition_type,
        n,
        balance=balance,
        fixed=fixed,
        choices=choices,
        ranges=ranges,
        quotas=[parse_quota(text) for text in quotas],
        records_per_patient=records_per_patient,
        seed=seed,
    )
    made.write(out)
    return made
