"""Runs the findings task: every arm at every share of the real patients, tested at every site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ....conditioning.record import Record
from ....conditioning.seeds import stream
from ...comparison import Interval
from ...downstream import Arm, Metric, Outcomes, Runs, compare_arms, run_arms
from ...downstream.arms import SYNTHETIC
from ...realism.resampling import patient_weights
from ...trust import robustness_of
from .examples import Radiographs, findings_of
from .fairness import AXES, axis_name, cells, compared, noise_gap, underdiagnosis
from .result import CellRow, FindingCount, FindingsResult, NoiseRow, ShareResult, Side
from .settings import REFERENCES, FindingsSettings, at_share, findings_arms, source_name
from .subsets import nested
from .task import UNDER, FindingsTask, Told
from .trust import LOOKED, judged_fairness, worn_look

HELD_OUT = "held-out"
FEWEST_TRAIN = 2  # patients: the smallest share says how few it has


def findings_task(
    train_records: Iterable[Record], synthetic_records: Iterable[Record], test_records: Iterable[Record],
    settings: FindingsSettings | None = None, *, sites: Mapping[str, Iterable[Record]] | None = None,
    folder: str | Path | None = None, progress: Callable[[int, int], None] = lambda done, total: None,
) -> FindingsResult:  # fmt: skip
    """Train classifiers of findings on real, synthetic and both kinds of radiographs, and judge them on real ones.

    Every seed has its own weights, batches and draw of the patients of each share, common to all arms.

    Args:
        train_records: real radiographs to train on, which the generator was trained on too.
        synthetic_records: made ones; none for the real arms alone.
        test_records: real radiographs of other patients.
        settings: how to run it.
        sites: more test sets by name, of other places.
        folder: where finished arms are kept and found again.
        progress: called with (results had, results in all).

    Raises:
        ValueError: too few patients, findings of one class, or a patient both trained and tested on.
    """
    s = settings or FindingsSettings()
    real_records = list(train_records)
    findings = findings_of(real_records, s.fewest_patients)
    real = Radiographs.of(real_records, findings, size=s.size)
    made = list(synthetic_records)
    synthetic = Radiographs.of(made, findings, size=s.size) if made else None
    tests = [
        Radiographs.of(records, findings, size=s.size, site=name)
        for name, records in {HELD_OUT: test_records, **(sites or {})}.items()
    ]
    test = tests[0]
    for more in tests[1:]:
        test = test.and_(more)
    task, bases = FindingsTask(findings), findings_arms(s.steps, synthetic=synthetic is not None, augment=s.augment)

    def sources(seed: int) -> dict[str, Radiographs]:
        shares = {source_name(share): rows for share, rows in nested(real, s.shares, seed).items()}
        return shares | ({} if synthetic is None else {SYNTHETIC: synthetic})

    ladder = {at_share(arm, share).name: at_share(arm, share) for share in s.shares for arm in bases}
    names = {at_share(arm, max(s.shares)).name: arm.name for arm in bases if arm.name in LOOKED}
    look = worn_look(list(names))
    runs = run_arms(
        task, sources, test, list(ladder.values()), range(s.seeds),
        folder=folder, fewest_train=FEWEST_TRAIN, progress=progress, looks=(look,) if s.robustness else (),
    )  # fmt: skip
    sides = [("real", real), *([("synthetic", synthetic)] if synthetic is not None else [])]
    return FindingsResult(
        settings=s,
        findings=findings,
        training=tuple(_side(name, rows) for name, rows in sides),
        tests=tuple(_side(t.site[0], t) for t in tests),
        shares=tuple(
            _share(task, bases, runs, share, t.site[0], np.array(test.site) == t.site[0], s.resamples)
            for t in tests
            for share in s.shares
        ),
        fairness=judged_fairness(task, _at_site(runs, names, tests[0], test), real) if s.fairness else None,
        robustness=robustness_of(look, runs.looked[look.name], names, test) if s.robustness else None,
    )


def _at_site(runs: Runs, names: Mapping[str, str], site: Radiographs, test: Radiographs) -> dict[str, list[Outcomes]]:
    """Return the outcomes of a site's rows, by the arms' names as they are shown."""
    mask = np.array(test.site) == site.site[0]
    return {
        shown: [Outcomes(o.values[mask], site.patient) for o in runs.outcomes[name]] for name, shown in names.items()
    }


@dataclass(frozen=True)
class _Missed(FindingsTask):
    """The same outcomes, judged by underdiagnosis alone: many cells of them."""

    @property
    def metrics(self) -> Sequence[Metric]:
        return [Metric(UNDER, higher_is_better=False)]

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        told = Told.of(values, len(self.findings))
        return {UNDER: underdiagnosis(told.sick, told.healthy, weight)}


def _share(
    task: FindingsTask, bases: Sequence[Arm], runs: Runs, share: float, site: str, mask: np.ndarray, resamples: int
) -> ShareResult:
    """Return all arms of a share at a site, under the names that they have at every share."""
    who = np.flatnonzero(mask).tolist()
    outcomes = {
        arm.name: [
            Outcomes(o.values[mask], [o.patients[k] for k in who]) for o in runs.outcomes[at_share(arm, share).name]
        ]
        for arm in bases
    }
    result = compare_arms(task, bases, runs.seeds, outcomes, REFERENCES, resamples=resamples)
    rows = tuple(row.model_copy(update={"result": within(row.result)}) for row in result.rows)
    result = result.model_copy(update={"rows": rows})
    cell_rows, noise = judged_cells(task, bases, runs.seeds, outcomes, resamples)
    return ShareResult(site=site, share=share, result=result, cells=cell_rows, noise=noise)


def judged_cells(
    task: FindingsTask, arms: Sequence[Arm], seeds: Sequence[int], outcomes: Mapping[str, Sequence[Outcomes]],
    resamples: int,
) -> tuple[tuple[CellRow, ...], tuple[NoiseRow, ...]]:  # fmt: skip
    """Return each cell's false `No Finding` rate, and the gap that noise alone shows on each axis.

    Args:
        task: for its findings and its smallest cell.
        arms: the arms.
        seeds: the seeds of training.
        outcomes: what each arm came to, one entry a seed.
        resamples: of the bootstrap.
    """
    first = outcomes[arms[0].name][0]
    told = Told.of(first.values, len(task.findings))
    groups = {
        (axis_name(axis), name): m & told.sick for axis in AXES for name, m in cells(axis, told.attribute).items()
    }
    filled = {f"{axis}: {name}": mask for (axis, name), mask in groups.items() if mask.any()}
    missed = compare_arms(_Missed(task.findings), arms, seeds, outcomes, (), groups=filled, resamples=resamples)
    large = {
        axis_name(axis): compared(axis, told.attribute, told.sick, told.patient, task.fewest_sick) for axis in AXES
    }
    rows = tuple(
        CellRow(
            axis=axis, cell=name, arm=arm.name, images=int(mask.sum()), compared=name in large[axis],
            rate=within(missed.row(arm.name, UNDER, f"{axis}: {name}").result),
        )
        for (axis, name), mask in groups.items() if mask.any() for arm in arms
    )  # fmt: skip
    (weight,) = patient_weights([first.patients], resamples, stream(0, "findings.noise"))
    noise = tuple(
        NoiseRow(axis=axis, arm=arm.name, gap=_noise(task, large[axis], outcomes[arm.name], weight))
        for axis in large
        for arm in arms
    )
    return rows, noise


def within(x: Interval) -> Interval:
    """Return an interval cut to 0 to 1, where every metric of the task lies; few seeds stretch it beyond."""
    if x.low is None or x.high is None:
        return x
    return x.model_copy(update={"low": max(0.0, x.low), "high": min(1.0, x.high)})


def _noise(
    task: FindingsTask, cell: Mapping[str, np.ndarray], outcomes: Sequence[Outcomes], weight: np.ndarray
) -> float | None:
    if len(cell) < 2:
        return None
    told = [Told.of(o.values, len(task.findings)) for o in outcomes]
    return float(np.mean([noise_gap(cell, t.sick, t.healthy, weight) for t in told]))


def _side(name: str, rows: Radiographs) -> Side:
    patient = np.array(rows.patient, dtype=str)
    counts = [
        FindingCount(
            finding=finding,
            present=len(np.unique(patient[rows.label[:, k] == 1])),
            absent=len(np.unique(patient[rows.label[:, k] == 0])),
        )
        for k, finding in enumerate(rows.findings)
    ]
    return Side(name=name, images=len(rows), patients=len(np.unique(patient)), findings=tuple(counts))
