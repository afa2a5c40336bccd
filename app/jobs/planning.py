"""plan: a cohort from its rules, written as a table."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent

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
    progress: Progress = silent,
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
        progress: called with (samples checked, samples).

    Raises:
        ValueError: a rule cannot hold or contradicts another; it is named.
        OSError: the file cannot be written.
    """
    from ...conditioning.plan.files import suffix_of

    suffix_of(Path(out))  # a wrong name is told before the work
    made = cohort(
        generator,
        n,
        balance=balance,
        sets=sets,
        quotas=quotas,
        records_per_patient=records_per_patient,
        seed=seed,
        progress=progress,
    )
    made.write(out)
    return made


def cohort(
    generator: str,
    n: int,
    *,
    balance: Sequence[str] = (),
    sets: Sequence[str] = (),
    quotas: Sequence[str] = (),
    records_per_patient: int = 1,
    seed: int = 0,
    progress: Progress = silent,
) -> CohortPlan:
    """Make a cohort plan and write nothing; the arguments are those of `plan`.

    Raises:
        ValueError: a rule cannot hold or contradicts another; it is named.
    """
    from ...conditioning.plan import make_plan, parse_quota, parse_sets
    from ...generators.protocol import generator_class

    condition_type = generator_class(generator).condition_type
    fixed, choices, ranges = parse_sets(sets, condition_type)
    return make_plan(
        condition_type,
        n,
        balance=balance,
        fixed=fixed,
        choices=choices,
        ranges=ranges,
        quotas=[parse_quota(text) for text in quotas],
        records_per_patient=records_per_patient,
        seed=seed,
        progress=progress,
    )


def plan_command(rules: Mapping[str, Any], generator: str, out: str) -> str:
    """Return the command line that makes a plan from its rules, as a plan's file keeps them.

    Args:
        rules: a plan's `rules`.
        generator: registry name of the generator.
        out: the plan's file.
    """
    words = ["clinsynth", "plan", out, "--generator", generator, "--n", str(rules["n"]), "--seed", str(rules["seed"])]
    if rules.get("balance"):
        words += ["--balance", ",".join(rules["balance"])]
    for name, value in rules.get("fixed", {}).items():
        words += ["--set", f"{name}={_text(value)}"]
    for name, values in rules.get("choices", {}).items():
        words += ["--set", f"{name}={','.join(map(_text, values))}"]
    for name, (low, high) in rules.get("ranges", {}).items():
        words += ["--set", f"{name}={_text(low)}..{_text(high)}"]
    for name, value, share in rules.get("quotas", ()):
        words += ["--quota", f"{name}={_text(value)}:{share!r}"]
    if rules.get("records_per_patient", 1) > 1:
        words += ["--records-per-patient", str(rules["records_per_patient"])]
    return shlex.join(words)


def _text(value: Any) -> str:
    """Return a value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return "|".join(map(_text, value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
