"""Arms against each other: one draw of test patients and of seeds for all of them, and the difference in each draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from ...conditioning.seeds import stream
from ..comparison import Interval, interval
from ..realism.resampling import LEVEL, patient_weights
from ..result import Result, unknown_result
from .arms import REAL, SAME_COMPUTE, Arm
from .task import Outcomes, Task

ALL = "all"
_FROZEN = ConfigDict(frozen=True, extra="forbid")
_BATCH = 4_000_000  # weights held at once


class ArmRow(BaseModel):
    """One metric of one arm in one group of test rows.

    Attributes:
        group: name of the group.
        metric: name of the metric.
        arm: name of the arm.
        steps: of its whole training.
        result: mean over seeds, with an interval over patients and seeds.
        by_seed: the value at each seed.
    """

    model_config = _FROZEN
    group: str
    metric: str
    arm: str
    steps: int
    result: Interval
    by_seed: tuple[float | None, ...]


class DifferenceRow(BaseModel):
    """How much more an arm scores than another one.

    Attributes:
        group: name of the group.
        metric: name of the metric.
        arm: name of the arm.
        reference: name of the arm that it is compared with.
        difference: arm less reference, with the interval of the paired draws.
        verdict: `better`, `worse`, or `open` where the interval holds zero.
        relative: the difference as a share of the reference, of the same draws; None where the reference may be zero.
    """

    model_config = _FROZEN
    group: str
    metric: str
    arm: str
    reference: str
    difference: Interval
    verdict: str
    relative: Interval | None = None


class DownstreamResult(BaseModel):
    """All arms of a task.

    Attributes:
        task: its name.
        config: its settings.
        metrics: what was measured.
        arms: the arms with their stages.
        seeds: the seeds.
        test_patients: how many patients were tested on.
        rows: one a group, metric and arm.
        differences: one a group, metric, arm and reference.
    """

    model_config = _FROZEN
    task: str
    config: dict[str, Any]
    metrics: tuple[dict[str, Any], ...]
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    test_patients: int
    rows: tuple[ArmRow, ...]
    differences: tuple[DifferenceRow, ...]

    def row(self, arm: str, metric: str, group: str = ALL) -> ArmRow:
        """Return one row of an arm."""
        return next(r for r in self.rows if (r.arm, r.metric, r.group) == (arm, metric, group))

    def difference(self, arm: str, reference: str, metric: str, group: str = ALL) -> DifferenceRow:
        """Return one row of a difference."""
        wanted = (arm, reference, metric, group)
        return next(r for r in self.differences if (r.arm, r.reference, r.metric, r.group) == wanted)


def compare_arms(
    task: Task[Any, Any], arms: Sequence[Arm], seeds: Sequence[int], outcomes: Mapping[str, Sequence[Outcomes]],
    references: Sequence[str] = (REAL, SAME_COMPUTE), *,
    groups: Mapping[str, Bool[np.ndarray, " n"]] | None = None, resamples: int = 1000, seed: int = 0,
) -> DownstreamResult:  # fmt: skip
    """Return each arm's metrics and its differences to reference arms.

    Patients are drawn with replacement, the same for all arms and seeds; seeds are drawn likewise, the same for all
    arms, since arms of one seed start from the same weights. Training data that are the same for all seeds are as they
    are: an interval then says nothing of other training patients. Verdicts are not corrected for their number.

    Args:
        task: for its metrics.
        arms: the arms.
        seeds: the seeds of training.
        outcomes: what each arm came to, one entry a seed.
        references: names of arms to compare with; one that was not run is passed over.
        groups: which rows of the outcomes belong to a group, by its name; `all` is always there.
        resamples: of the bootstrap.
        seed: seed of the bootstrap.

    Raises:
        ValueError: outcomes of other rows, or a group of another length.
    """
    patients = _shared_rows(outcomes, len(seeds))
    masks = {ALL: np.ones(len(patients), dtype=bool)} | dict(groups or {})
    for name, mask in masks.items():
        if len(mask) != len(patients):
            raise ValueError(f"group {name!r} marks {len(mask)} rows; the outcomes have {len(patients)}")
    (weight,) = patient_weights([patients], resamples, stream(seed, "downstream.patients"))
    drawn = _seed_shares(len(seeds), resamples, stream(seed, "downstream.seeds"))
    rows: list[ArmRow] = []
    differences: list[DifferenceRow] = []
    for group, mask in masks.items():
        n = len({p for p, m in zip(patients, mask.tolist(), strict=True) if m})
        values = {a.name: [_measured(task, o, weight, mask) for o in outcomes[a.name]] for a in arms}
        for metric in task.metrics:
            table = {name: np.array([v[metric.name] for v in by_seed]) for name, by_seed in values.items()}
            rows += [_row(group, metric.name, arm, table[arm.name], drawn, n) for arm in arms]
            differences += [
                DifferenceRow(
                    group=group, metric=metric.name, arm=arm.name, reference=reference, difference=interval(result),
                    verdict=_verdict(result, metric.higher_is_better),
                    relative=_relative(table[arm.name], table[reference], drawn, n),
                )
                for arm in arms for reference in references if reference in table and reference != arm.name
                for result in [_result(table[arm.name] - table[reference], drawn, n)]
            ]  # fmt: skip
    return DownstreamResult(
        task=task.name, config=dict(task.config()), metrics=tuple(vars(m) for m in task.metrics), arms=tuple(arms),
        seeds=tuple(seeds), test_patients=len(set(patients)), rows=tuple(rows), differences=tuple(differences),
    )  # fmt: skip


def _shared_rows(outcomes: Mapping[str, Sequence[Outcomes]], n_seeds: int) -> Sequence[str]:
    """Return the patients of the rows of all outcomes."""
    first = next(iter(outcomes.values()))[0]
    for name, by_seed in outcomes.items():
        if len(by_seed) != n_seeds:
            raise ValueError(f"arm {name!r} has outcomes of {len(by_seed)} seeds, not of {n_seeds}")
        for one in by_seed:
            if one.patients != first.patients or one.values.shape != first.values.shape:
                raise ValueError(f"arm {name!r} was scored on other rows; all arms need the same test set")
    return first.patients


def _seed_shares(n: int, resamples: int, rng: np.random.Generator) -> Float[np.ndarray, "resamples n"]:
    """Return what each seed counts in each resample.

    Means of n draws from n spread too little by (n - 1) / n, which matters with three seeds: they are stretched.
    """
    share = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
    return np.asarray(1 / n + np.sqrt(n / (n - 1)) * (share - 1 / n))


def _measured(task: Task[Any, Any], outcomes: Outcomes, weight: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Return each metric of the group's rows as they are (first) and of every resample."""
    values, w = outcomes.values[mask], np.concatenate([np.ones((1, len(mask))), weight])[:, mask]
    step = max(1, _BATCH // max(1, w.shape[1]))
    parts = [task.measure(values, w[k : k + step]) for k in range(0, len(w), step)]
    return {m.name: np.concatenate([part[m.name] for part in parts]) for m in task.metrics}


def _row(group: str, metric: str, arm: Arm, table: np.ndarray, drawn: np.ndarray, n: int) -> ArmRow:
    by_seed = tuple(float(v) if np.isfinite(v) else None for v in table[:, 0])
    result = interval(_result(table, drawn, n))
    return ArmRow(group=group, metric=metric, arm=arm.name, steps=arm.steps, result=result, by_seed=by_seed)


def _result(table: np.ndarray, drawn: np.ndarray, n: int) -> Result:
    """Return the mean over seeds and its interval.

    Args:
        table: (seeds, 1 + resamples): the metric of all rows, then of each resample of patients.
        drawn: (resamples, seeds): what each seed counts.
        n: patients that it rests on.
    """
    value = float(table[:, 0].mean())
    draws = (drawn * table[:, 1:].T).sum(axis=1)
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not len(draws):
        return unknown_result(n)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Result(value, float(low), float(high), n)


def _relative(arm: np.ndarray, reference: np.ndarray, drawn: np.ndarray, n: int) -> Interval | None:
    """Return the difference as a share of the reference; None where the reference is not above zero in all draws.

    Args:
        arm: (seeds, 1 + resamples), as in `_result`.
        reference: likewise.
        drawn: (resamples, seeds).
        n: patients that it rests on.
    """
    below = np.concatenate([[reference[:, 0].mean()], (drawn * reference[:, 1:].T).sum(axis=1)])
    over = np.concatenate([[(arm - reference)[:, 0].mean()], (drawn * (arm - reference)[:, 1:].T).sum(axis=1)])
    known = np.isfinite(below) & np.isfinite(over)
    if not known[0] or not known[1:].any() or (below[known] <= 1e-9).any():
        return None
    share = over[known] / below[known]
    low, high = np.quantile(share[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return interval(Result(float(share[0]), float(low), float(high), n))


def _verdict(result: Result, higher_is_better: bool) -> str:
    if not result.known or result.low <= 0 <= result.high:
        return "open"
    return "better" if (result.low > 0) == higher_is_better else "worse"
