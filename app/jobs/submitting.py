"""submit: the same parts of `sample` on an engine that the user has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..failures import flag_of
from ..progress import Progress, silent
from .sampling import prepared, sample
from .settings import at_least_one


@dataclass(frozen=True)
class Submission:
    """A data set to make in W parts.

    Attributes:
        model: registry name of a generator.
        plan: the plan's file, on a disk that every node sees.
        out: the data set's folder, likewise.
        parts: W.
        settings: further arguments of `sample`.
        options: the engine's own options, such as SLURM's partition.
        progress: shows how far a local run is.
    """

    model: str
    plan: str
    out: str
    parts: int
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    progress: Progress = silent


def submit(
    engine: str,
    model: str,
    plan: str | Path,
    out: str | Path,
    *,
    parts: int,
    settings: dict[str, Any] | None = None,
    options: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Make a data set in parts on an engine; a part that was cut off goes on when it is submitted again.

    Args:
        engine: `local`, `accelerate`, `slurm` or `ray`.
        model: registry name of a generator.
        plan: the plan's file.
        out: the data set's folder.
        parts: how many parts; one process, rank, array task or Ray task each.
        settings: further arguments of `sample`.
        options: KEY=VALUE for the engine (slurm: submitit's parameters such as slurm_partition; ray: ray.init's).
        progress: shows how far a local run is.

    Returns:
        `engine`, `parts`, and what the engine said (job ids, or that the data set is done).

    Raises:
        ValueError: the engine is not known or not installed, or the submission cannot be.
    """
    from ...conditioning.plan.there import names_a_reader
    from ...conditioning.words import unknown

    if engine not in ENGINES:
        raise ValueError(unknown("engine", engine, ENGINES))
    at_least_one("parts", parts)
    if names_a_reader(str(plan)):
        raise ValueError(f"the parts of {plan} need one plan: clinsynth plan PLAN.parquet --from {plan}, and name that")
    if not Path(plan).is_file():
        raise FileNotFoundError(f"plan {str(plan)!r} is not a file")
    given = Submission(
        model,
        str(Path(plan).absolute()),
        str(Path(out).absolute()),
        parts,
        dict(settings or {}),
        dict(_option(text) for text in options),
        progress,
    )
    if engine != "local":  # there `sample` looks first; elsewhere a refusal would come from a job that has begun
        _refuse(given)
    return {"engine": engine, "parts": parts, **ENGINES[engine](given)}


def _refuse(given: Submission) -> None:
    """Refuse here what every part would refuse."""
    settings = {key: value for key, value in given.settings.items() if key not in ("workers", "progress")}
    prepared(given.model, given.plan, given.out, (0, given.parts), **settings)


def run_part(given: Submission, w: int) -> dict[str, Any]:
    """Make one part; this is what an array task or a Ray task calls."""
    return sample(given.model, given.plan, given.out, part=(w, given.parts), **given.settings).as_dict()


def _local(given: Submission) -> dict[str, Any]:
    done = sample(given.model, given.plan, given.out, workers=given.parts, progress=given.progress, **given.settings)
    return done.as_dict()


def accelerate_command(given: Submission) -> list[str]:
    """Return the command line under which each rank makes the part that its RANK and WORLD_SIZE name."""
    launch = ["accelerate", "launch", "--num_processes", str(given.parts)]
    launch += [word for key, value in given.options.items() for word in (f"--{key}", *([value] if value else []))]
    verb = ["-m", "clinsynth", "sample", "--model", given.model, "--plan", given.plan, "--out", given.out]
    flags = [word for key, value in given.settings.items() if value is not None for word in (flag_of(key), str(value))]
    return [*launch, *verb, "--part", "rank", *flags]


def _accelerate(given: Submission) -> dict[str, Any]:
    command = accelerate_command(given)
    module = [sys.executable, "-m", "accelerate.commands.accelerate_cli", *command[1:]]
    code = subprocess.run(module, stdout=sys.stderr, env=dict(os.environ)).returncode
    if code != 0:
        raise RuntimeError(f"accelerate launch ended with code {code}; finished shards are kept")
    from .sampling import standing

    return standing(given.out).as_dict()


def _slurm(given: Submission) -> dict[str, Any]:
    """Submit an array job with one task a part; a task that is preempted and requeued goes on where it stood."""
    try:
        import submitit
    except ImportError:
        raise ValueError("engine slurm needs submitit: pip install 'clinsynth[submit]'") from None

    cluster = given.options.get("cluster")  # submitit's own: slurm, or local or debug to try without a cluster
    folder = Path(given.out).parent / f"{Path(given.out).name}-slurm"
    executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
    executor.update_parameters(**{k: _number(v) for k, v in given.options.items() if k != "cluster"})
    quiet = Submission(given.model, given.plan, given.out, given.parts, given.settings)
    jobs = executor.map_array(run_part, [quiet] * given.parts, range(given.parts))
    return {"jobs": [job.job_id for job in jobs], "logs": str(folder)}


def _ray(given: Submission) -> dict[str, Any]:
    """Run one stateless Ray task a part; a task that dies is tried again and goes on where it stood."""
    try:
        import ray
    except ImportError:
        raise ValueError("engine ray needs ray: pip install 'clinsynth[ray]'") from None

    ray.init(**{k: _number(v) for k, v in given.options.items()}, ignore_reinit_error=True)
    quiet = Submission(given.model, given.plan, given.out, given.parts, given.settings)
    task = ray.remote(num_cpus=1, max_retries=3)(run_part)
    return {"parts_done": ray.get([task.remote(quiet, w) for w in range(given.parts)])}


def _option(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key.strip():
        raise ValueError(f"--option {text!r} is not KEY=VALUE")
    return key.strip().lstrip("-"), value.strip()


def _number(text: str) -> Any:
    return int(text) if text.lstrip("-").isdigit() else text


ENGINES: dict[str, Callable[[Submission], dict[str, Any]]] = {
    "local": _local,
    "accelerate": _accelerate,
    "slurm": _slurm,
    "ray": _ray,
}
