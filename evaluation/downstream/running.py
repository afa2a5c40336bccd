"""Trains every arm at every seed and keeps what came out, so that a stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool

from ...conditioning.dataset.schema import sha256_of
from ...conditioning.seeds import sample_seed
from .arms import REAL, SAME_COMPUTE, Arm, Stage, check_arms, file_stem
from .files import VERSION, read_outcomes, write_outcomes
from .paired import DownstreamResult, compare_arms
from .task import Examples, Look, ManyWays, Outcomes, Task, check_data

E = TypeVar("E", bound=Examples)
M = TypeVar("M")
Sources = Mapping[str, E] | Callable[[int], Mapping[str, E]]
FEWEST_PATIENTS = 10


@dataclass(frozen=True)
class Runs:
    """What every arm came to at every seed.

    Attributes:
        arms: the arms.
        seeds: the seeds.
        outcomes: one list an arm, one entry a seed; all have the same patients in the same order.
        trained: how many (arm, seed) were trained by this call; the others were read.
        looked: what each look saw of the same models, by its name and then like `outcomes`.
    """

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    outcomes: Mapping[str, Sequence[Outcomes]]
    trained: int
    looked: Mapping[str, Mapping[str, Sequence[Outcomes]]] = field(default_factory=dict)


def downstream(
    task: Task[E, M], sources: Sources[E], test: E, arms: Sequence[Arm], seeds: Sequence[int], *,
    folder: str | Path | None = None, references: Sequence[str] = (REAL, SAME_COMPUTE),
    groups: Mapping[str, Bool[np.ndarray, " n"]] | None = None, resamples: int = 1000,
    fewest_train: int = FEWEST_PATIENTS, fewest_test: int = FEWEST_PATIENTS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> DownstreamResult:  # fmt: skip
    """Train all arms, score them on one test set and compare them; see `run_arms` and `compare_arms`.

    Returns:
        Plain rows; `model_dump_json()` writes them.
    """
    runs = run_arms(
        task, sources, test, arms, seeds,
        folder=folder, fewest_train=fewest_train, fewest_test=fewest_test, progress=progress,
    )  # fmt: skip
    return compare_arms(task, runs.arms, runs.seeds, runs.outcomes, references, groups=groups, resamples=resamples)


def run_arms(
    task: Task[E, M], sources: Sources[E], test: E, arms: Sequence[Arm], seeds: Sequence[int], *,
    folder: str | Path | None = None, fewest_train: int = FEWEST_PATIENTS, fewest_test: int = FEWEST_PATIENTS,
    progress: Callable[[int, int], None] = lambda done, total: None, workers: int = 1,
    looks: Sequence[Look[E, M]] = (),
) -> Runs:  # fmt: skip
    """Train every arm at every seed from the same initial weights and score it on the same test set.

    The k-th stage of a seed has the same stream of batches in all arms, and stages that arms begin with in common
    are trained once.

    Args:
        task: what to train and how to judge it.
        sources: training data by the names that the arms use, such as `real` and `synthetic`; or a function of the
            seed that returns them, such as another draw of the patients.
        test: the test set; no patient of it is in any source.
        arms: what to compare.
        seeds: at least three.
        folder: where results are kept; one whose fingerprint (task, settings, stages, seed, data) is the same is read
            and not trained again.
        fewest_train: fewest patients of a source; a few-shot ladder states its own.
        fewest_test: fewest patients of the test set.
        progress: called with (results had, results in all).
        workers: processes; seeds are shared among them, and each has one thread.
        looks: what else is asked of the trained models; kept and found again as results are.

    Raises:
        ValueError: data or arms that cannot be compared, or a result file that was changed.
    """
    used = {source for arm in arms for stage in arm.stages for source in stage.data}
    for seed in [*seeds] or [0]:
        given = _of_seed(sources, seed)
        check_arms(arms, list(given), seeds)
        check_data({name: given[name] for name in sorted(used & set(given))}, test, fewest_train, fewest_test)
        if not callable(sources):
            break
    if any(stage.method for arm in arms for stage in arm.stages) and not isinstance(task, ManyWays):
        raise ValueError(f"task {task.name!r} knows one way to train; its arms cannot name a method")
    where = None if folder is None else Path(folder)
    views = tuple(looks)
    outcomes_of: dict[tuple[str, str], list[Outcomes]] = {}
    total, trained = len(arms) * len(seeds), 0
    for found, new in _by_seed(task, sources, test, tuple(arms), tuple(seeds), where, views, workers, progress, total):
        trained += new
        for key, outcomes in found.items():
            outcomes_of.setdefault(key, []).append(outcomes)
    parts = {
        part: {arm: rows for (of, arm), rows in outcomes_of.items() if of == part}
        for part in ("", *(look.name for look in views))
    }
    return Runs(tuple(arms), tuple(seeds), parts.pop(""), trained, parts)


Found = tuple[dict[tuple[str, str], Outcomes], int]  # by the look's name, empty for the task's own scores, and arm


def _by_seed(
    task: Task[E, M], sources: Sources[E], test: E, arms: tuple[Arm, ...], seeds: tuple[int, ...], folder: Path | None,
    looks: tuple[Look[E, M], ...], workers: int, progress: Callable[[int, int], None], total: int,
) -> Iterator[Found]:  # fmt: skip
    """Yield what each seed came to, in their order; each seed is a process of its own where there are workers."""
    if workers <= 1:
        for k, seed in enumerate(seeds):
            done = k * len(arms)
            yield _run_seed(
                task, _of_seed(sources, seed), test, arms, seed, folder, looks,
                lambda n, done=done: progress(done + n, total),  # type: ignore[misc]
            )  # fmt: skip
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        jobs = [
            pool.submit(_run_seed, task, _of_seed(sources, seed), test, arms, seed, folder, looks) for seed in seeds
        ]
        for k, job in enumerate(jobs):
            yield job.result()
            progress((k + 1) * len(arms), total)


def _run_seed(
    task: Any, given: Mapping[str, Any], test: Any, arms: Sequence[Arm], seed: int, folder: Path | None,
    looks: Sequence[Any] = (), tell: Callable[[int], None] = lambda done: None,
) -> Found:  # fmt: skip
    """Return what every arm of a seed came to, and how many were trained for it."""
    used = {source for arm in arms for stage in arm.stages for source in stage.data}
    content = {name: given[name].fingerprint() for name in sorted(used)} | {"": test.fingerprint()}
    training, trained = _Training(task, given, seed), 0
    found: dict[tuple[str, str], Outcomes] = {}
    for k, arm in enumerate(arms):
        made_from = _made_from(task, arm, seed, content)
        scorers: list[tuple[str, Any, dict[str, Any]]] = [("", task, {})]
        scorers += [
            (look.name, look, {"look": look.name, "look_config": dict(look.config())})
            for look in looks if arm.name in look.arms
        ]  # fmt: skip
        new = False
        for part, scorer, more in scorers:
            key = made_from | more
            path = None if folder is None else folder / f"{file_stem(arm, seed, sha256_of(key))}.json"
            outcomes = None if path is None else read_outcomes(path, key)
            if outcomes is None:
                outcomes, new = scorer.score(training.model(arm.stages), test), True
                if path is not None:
                    write_outcomes(path, key, outcomes)
            found[part, arm.name] = outcomes
        trained += new
        tell(k + 1)
    return found, trained


def _of_seed(sources: Sources[E], seed: int) -> Mapping[str, E]:
    return sources(seed) if callable(sources) else sources


class _Training:
    """Models of one seed, each sequence of stages trained once."""

    def __init__(self, task: Task[E, M], sources: Mapping[str, E], seed: int) -> None:
        self._task: Any = task
        self._sources: Mapping[str, Any] = sources
        self._seed = seed
        self._models: dict[tuple[Stage, ...], Any] = {}

    def model(self, stages: tuple[Stage, ...]) -> Any:
        if stages not in self._models:
            self._models[stages] = self._made(stages)
        return self._models[stages]

    def _made(self, stages: tuple[Stage, ...]) -> Any:
        if not stages:
            return self._task.initial(sample_seed(self._seed, "downstream.initial"))
        *before, last = stages
        examples = self._sources[last.data[0]]
        for name in last.data[1:]:
            examples = self._task.join(examples, self._sources[name])
        start, seed = self.model(tuple(before)), sample_seed(self._seed, f"downstream.stage/{len(before)}")
        if last.method:
            return self._task.train_by(last.method, examples, start, seed, last.steps, augment=last.augment)
        return self._task.train(examples, start, seed, last.steps, augment=last.augment)


def _made_from(task: Task[E, M], arm: Arm, seed: int, content: Mapping[str, str]) -> dict[str, Any]:
    """Return all that a result depends on; an arm's name is not among it."""
    used = sorted({name for stage in arm.stages for name in stage.data})
    return {
        "version": VERSION,
        "task": task.name,
        "config": dict(task.config()),
        "stages": [_stage(stage) for stage in arm.stages],
        "seed": seed,
        "training_sha256": {name: content[name] for name in used},
        "test_sha256": content[""],
    }


def _stage(stage: Stage) -> dict[str, Any]:
    """Return a stage as JSON; a method is among it where there is one, so that results without keep their names."""
    said = stage.model_dump(mode="json")
    return said if stage.method else {k: v for k, v in said.items() if k != "method"}


def _one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
