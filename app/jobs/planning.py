"""plan: a cohort from its rules, written as a table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent

if TYPE_CHECKING:
    from ...conditioning.plan import CohortPlan

Warn = Callable[[str], None]


def unheard(line: str) -> None:
    """Tell nobody."""


def plan(
    out: str | Path,
    generator: str,
    n: int,
    *,
    balance: Sequence[str] = (),
    sets: Sequence[str] = (),
    quotas: Sequence[str] = (),
    records_per_patient: int = 1,
    like: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
    warn: Warn = unheard,
) -> CohortPlan:
    """Make a cohort plan and write it.

    Args:
        out: a .parquet or .csv file.
        generator: the generator that it is for: a registry name, or a trained model's folder.
        n: number of samples.
        balance: columns over whose product the samples are spread evenly.
        sets: FIELD=VALUE, FIELD=A,B,C or FIELD=LOW..HIGH.
        quotas: FIELD=VALUE:SHARE.
        records_per_patient: records that share one patient.
        like: real data (READER:PATH, embedded:NAME or a data set) from whose records the fields that no rule decides
            are drawn together.
        seed: run seed, 0 to 2^63 - 1.
        progress: called with (samples checked, samples).
        warn: called with a sentence on each value that the generator saw in few training images, and on what had no
            like in the real data.

    Raises:
        ValueError: a rule cannot hold or contradicts another, or a value is one that the generator has no training
            image of; it is named.
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
        like=like,
        seed=seed,
        progress=progress,
        warn=warn,
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
    like: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
    warn: Warn = unheard,
) -> CohortPlan:
    """Make a cohort plan and write nothing; the arguments are those of `plan`.

    Raises:
        ValueError: a rule cannot hold or contradicts another, or a value is one that the generator has no training
            image of; it is named.
    """
    from ...conditioning.plan import Like, make_plan, parse_quota, parse_sets
    from .models import class_of, support_of
    from .support import check_support, taught

    condition_type = class_of(generator).condition_type
    fixed, choices, ranges = parse_sets(sets, condition_type)
    shares = [parse_quota(text) for text in quotas]
    support = support_of(generator)
    ruled = {*fixed, *choices, *ranges, *(quota[0] for quota in shares)}
    for field, words in taught(support, [name for name in balance if name not in ruled]).items():
        choices[field] = tuple(words)
        warn(f"{field} is balanced over {', '.join(words)}: no training image of {generator} had another")
    made = make_plan(
        condition_type,
        n,
        balance=balance,
        fixed=fixed,
        choices=choices,
        ranges=ranges,
        quotas=shares,
        records_per_patient=records_per_patient,
        like=Like.read(like, condition_type) if like else None,
        seed=seed,
        progress=progress,
    )
    for field, rows in made.rules.get("like", {}).get("let_go", {}).items():
        warn(f"{rows} of {n} samples have a {field} that no record of {like} has beside their other fields")
    check_support(made, support, generator, warn)
    return made


def plan_from(
    out: str | Path | None,
    source: str,
    generator: str,
    *,
    sets: Sequence[str] = (),
    seed: int = 0,
    read_files: bool = True,
    progress: Progress = silent,
    warn: Warn = unheard,
) -> CohortPlan:
    """Make a plan of what is there: a row for each patient who leaves something to make.

    Args:
        out: a .parquet or .csv file; None writes nothing.
        source: `READER:PATH`, such as `brats:DIR`.
        generator: the generator that it is for: a registry name, or a trained model's folder.
        sets: FIELD=VALUE for all rows, such as `wanted=flair`.
        seed: run seed, 0 to 2^63 - 1.
        read_files: read and check every file, not only its hash.
        progress: called with (patients looked at, patients).
        warn: called with a sentence on each patient who is left out.

    Raises:
        ValueError: the source or a file in it cannot be used, or nothing is left to make.
        OSError: the file cannot be written.
    """
    from ...conditioning.plan import parse_sets
    from ...conditioning.plan.files import suffix_of
    from ...conditioning.plan.there import names_a_reader, plan_there
    from .models import class_of

    if out is not None:
        suffix_of(Path(out))
    condition_type = class_of(generator).condition_type
    if not names_a_reader(source):
        raise ValueError(f"{source!r} is not READER:PATH, such as brats:DIR")
    fixed, choices, ranges = parse_sets(sets, condition_type)
    if choices or ranges:
        field = next(iter({**choices, **ranges}))
        raise ValueError(f"{field}: a plan of what is there takes FIELD=VALUE, the same for all rows")
    made = plan_there(
        source, condition_type, fixed=fixed, seed=seed, read_files=read_files, progress=progress, warn=warn
    )
    if out is not None:
        made.write(out)
    return made


def plan_command(rules: Mapping[str, Any], generator: str, out: str) -> str:
    """Return the command line that makes a plan from its rules, as a plan's file keeps them.

    Args:
        rules: a plan's `rules`.
        generator: registry name of the generator.
        out: the plan's file.
    """
    if "from" in rules:
        words = ["clinsynth", "plan", out, "--from", rules["from"], "--generator", generator]
        sets = [word for name, value in rules.get("fixed", {}).items() for word in ("--set", f"{name}={value}")]
        return shlex.join([*words, "--seed", str(rules["seed"]), *sets])
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
    if rules.get("like"):
        words += ["--like", rules["like"]["source"]]
    return shlex.join(words)


def _text(value: Any) -> str:
    """Return a value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return "|".join(map(_text, value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
