"""Runs a table's task: every arm at every share of the real patients, at sites left out, and probes of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...comparison import interval
from ...downstream import Arm, DownstreamResult, Outcomes, Runs, delong
from ...downstream.arms import REAL, SYNTHETIC
from ...fairness import FairnessResult
from ...robustness.arms import WornLook
from ...trust import robustness_of
from .arms import at_share, pairs, source_name, table_arms
from .examples import Examples
from .prepared import Coding, Prepared, coding_of, prepared
from .probes import UNTRAINED, ProbeTask, probe_arms
from .result import DeLongRow, ShareResult, Side, TableTaskResult
from .settings import TableTaskSettings
from .shares import nested
from .sides import Progress, Sides, compared
from .sites import at_site, site_result, usable_sites
from .task import MAIN, TableTask, judged_of, told, weights_hash
from .trust import KINDS, LOOKED, judged_fairness, worn_look

TRAINING, HELD_OUT = "training", "held-out"
FEWEST_GROUP = 10  # test patients of a group that is shown apart


def table_task(
    training: Examples, held_out: Examples, synthetic: Examples | None, settings: TableTaskSettings | None = None, *,
    folder: str | Path | None = None, progress: Progress = lambda done, total: None, workers: int = 1,
) -> TableTaskResult:  # fmt: skip
    """Train networks on real, synthetic and both kinds of samples, and judge them on real ones of other patients.

    All sides are brought to the size of the training samples (`settings.size` at most). Every seed has its own weights,
    batches and draw of the patients of each share, common to all arms. A site is left out of training and of the
    synthetic data that name it, and is tested on its held-out patients; synthetic data that name no site may come from
    a generator that saw it, which is said.

    Args:
        training: real samples, which the generator was trained on too.
        held_out: real samples of other patients.
        synthetic: made ones; None for the real arms alone.
        settings: how to run it.
        folder: where finished arms are kept and found again.
        progress: called with (results had, results in all).
        workers: processes.

    Raises:
        ValueError: the data allow no task or several, sides do not fit together, too few patients, one class, or a
            patient both trained and tested on.
    """
    s = settings or TableTaskSettings()
    if len(set(s.shares)) < len(s.shares):
        raise ValueError(f"shares are {list(s.shares)}; give each once")
    coding = coding_of(training, s.kind, s.size)
    given = {TRAINING: training, HELD_OUT: held_out} | ({} if synthetic is None else {SYNTHETIC: synthetic})
    coded = {name: prepared(side, coding, name) for name, side in given.items()}
    real, test = coded[TRAINING][0], coded[HELD_OUT][0]
    made = _nobody(coded[SYNTHETIC][0]) if SYNTHETIC in coded else None
    _check_something(test, coding)
    task = _task(coding, test, s)
    sides = Sides(task, real, test, made, s, None if folder is None else Path(folder), workers)
    notes = [*_notes(coding, task), *_names(coded)]
    ladder, bases = _ladder(sides)
    sited, why = usable_sites(sides)
    notes += why
    steps = _steps_of_progress(sides, ladder, sited)
    count = _Counter(progress, sum(steps.values()))
    top = max(s.shares)
    names = {at_share(arm, top).name: arm.name for arm in bases[top] if arm.name in LOOKED}
    look = worn_look(list(names), real)
    classes = coding.kind in KINDS
    runs = _with_shares(sides, ladder, count, (look,) if classes and s.robustness else ())
    shares = tuple(_share(sides, bases[share], runs, share) for share in sorted(s.shares))
    sites = tuple(site_result(sides, name, count) for name in sited)
    probes = _probes(sides, count) if _probed(sides) else None
    if s.probes and probes is None:
        notes.append(f"features were not probed: {coding.kind} has no figure a sample that a line could tell")
    return TableTaskResult(
        settings=s, kind=coding.kind, words=coding.words, shape=coding.shape, main=MAIN[coding.kind],
        sides=tuple(_side(name, *pair, coding) for name, pair in coded.items()), shares=shares, sites=sites,
        probes=probes, notes=tuple(notes),
        fairness=_fairness(sides, runs, names) if classes and s.fairness else None,
        robustness=robustness_of(look, runs.looked[look.name], names, test) if runs.looked else None,
    )  # fmt: skip


class _Counter:
    """Adds up the progress of the parts."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._before, self._now = progress, total, 0, 0

    def __call__(self, done: int, total: int) -> None:
        self._now = done
        self._progress(self._before + done, self._total)
        if done == total:
            self._before, self._now = self._before + done, 0


def _task(coding: Coding, test: Prepared, s: TableTaskSettings) -> TableTask:
    standard = s.standard or ("none" if coding.kind == "regression" else "image")
    return TableTask(
        coding, s.network, standard, s.batch_of(coding.kind, len(coding.shape)), *s.rates_of(coding.kind),
        judged_of(test, coding), s.device, weights_hash(s.network),
    )  # fmt: skip


def _check_something(test: Prepared, coding: Coding) -> None:
    if coding.kind == "detection" and not any(len(one) for one in test.rows.boxes):
        raise ValueError("no held-out sample has a box; there is nothing to find")
    if coding.kind == "segmentation" and not (test.rows.y > 0).any():
        raise ValueError("no held-out mask marks anything; there is nothing to segment")
    if coding.kind == "regression" and test.rows.y.std() < 1e-12:
        raise ValueError(f"the target of the {len(test)} held-out samples does not vary; nothing can be judged by it")


def _nobody(synthetic: Prepared) -> Prepared:
    """Return synthetic samples whose patients are none of the real ones, whatever their tables call them."""
    return replace(synthetic, patients=tuple(f"{SYNTHETIC} {name}" for name in synthetic.patients))


def _names(coded: Mapping[str, tuple[Prepared, int]]) -> list[str]:
    if SYNTHETIC not in coded:
        return []
    both = sum(name in set(coded[HELD_OUT][0].patients) for name in coded[SYNTHETIC][0].patients)
    said = "synthetic samples bear the name of a held-out patient: by chance, or made of data that they are judged on"
    return [f"{both} {said}"] if both else []


def _notes(coding: Coding, task: TableTask) -> list[str]:
    said = []
    if coding.rare:
        said.append(f"labels left out as too rare in training: {', '.join(coding.rare)}")
    missing = [word for k, word in enumerate(coding.words) if k not in task.judged]
    if missing:
        said.append(
            f"not among the macro averages, as fewer than 2 held-out patients are on a side: {', '.join(missing)}"
        )
    return said


def _ladder(sides: Sides) -> tuple[list[Arm], dict[float, tuple[Arm, ...]]]:
    """Return all arms at all shares, and those of each share under their plain names."""
    s, ends = sides.settings, (min(sides.settings.shares), max(sides.settings.shares))
    dense = sides.task.coding.kind in ("segmentation", "detection")
    ways = tuple(way for way in s.pretraining if not (dense and way == "contrastive"))
    bases = {
        share: table_arms(
            sides.steps, synthetic=sides.synthetic is not None, baselines=s.baselines and share in ends,
            pretraining=ways if share in ends else (), standardised=sides.task.standard == "image",
        )
        for share in s.shares
    }  # fmt: skip
    ladder = {at_share(arm, share).name: at_share(arm, share) for share, arms in bases.items() for arm in arms}
    return list(ladder.values()), bases


def _with_shares(sides: Sides, ladder: Sequence[Arm], progress: Progress, looks: Sequence[WornLook] = ()) -> Runs:
    def sources(seed: int) -> dict[str, Prepared]:
        parts = nested(sides.real, sides.settings.shares, seed)
        return {source_name(share): rows for share, rows in parts.items()} | {REAL: sides.real} | sides.made()

    return sides.run(sides.task, sources, sides.test, ladder, "shares", progress, looks)


def _fairness(sides: Sides, runs: Runs, names: Mapping[str, str]) -> FairnessResult | None:
    """Return on whom the errors of the arms fall, by the names that they are shown by."""
    outcomes = {shown: runs.outcomes[name] for name, shown in names.items()}
    return judged_fairness(outcomes, sides.task.coding, sides.test, sides.real)


def _share(sides: Sides, bases: Sequence[Arm], runs: Runs, share: float) -> ShareResult:
    outcomes = {arm.name: runs.outcomes[at_share(arm, share).name] for arm in bases}
    groups = {
        f"{kind} {value}": mask
        for kind, column in sides.test.groups.items()
        for value in sorted(set(filter(None, column)))
        for mask in [np.array([v == value for v in column], dtype=bool)]
        if len({p for p, m in zip(sides.test.patients, mask.tolist(), strict=True) if m}) >= FEWEST_GROUP
    }
    result = compared(sides, sides.task, bases, runs.seeds, outcomes, groups)
    patients = len(set(nested(sides.real, [share], 0)[share].patients))
    return ShareResult(share=share, patients=patients, result=result, delong=_delong(sides, outcomes))


def _delong(sides: Sides, outcomes: Mapping[str, Sequence[Outcomes]]) -> tuple[DeLongRow, ...]:
    coding, judged = sides.task.coding, list(sides.task.judged)
    if coding.kind not in ("classification", "multilabel") or not judged:
        return ()
    names = list(outcomes)
    label = told(outcomes[names[0]][0].values, coding)[0][:, judged]
    score = np.array([[told(o.values, coding)[1][:, judged] for o in outcomes[name]] for name in names])
    found = delong(label, score, sides.test.patients)
    rows = []
    for a, b in pairs(names):
        result, p = found.difference(names.index(a), names.index(b))
        rows.append(DeLongRow(arm=a, reference=b, difference=interval(result), p=p if np.isfinite(p) else None))
    return tuple(rows)


def _probed(sides: Sides) -> bool:
    return sides.settings.probes and sides.task.coding.kind not in ("segmentation", "detection")


def _probe_arms(sides: Sides) -> tuple[Arm, ...]:
    return probe_arms(sides.steps, sides.settings.pretraining, synthetic=sides.synthetic is not None)


def _probes(sides: Sides, progress: Progress) -> DownstreamResult:
    task, arms = ProbeTask(sides.task), _probe_arms(sides)
    runs = sides.run(task, {REAL: sides.real} | sides.made(), sides.test, arms, "probes", progress)
    names = [arm.name for arm in arms]
    wanted = [(name, UNTRAINED) for name in names if name != UNTRAINED]
    wanted += [(f"{way} on {SYNTHETIC}", f"{way} on {REAL}") for way in sides.settings.pretraining]
    kept = [(a, b) for a, b in wanted if a in names and b in names]
    return compared(sides, task, arms, runs.seeds, runs.outcomes, wanted=kept)


def _steps_of_progress(sides: Sides, ladder: Sequence[Arm], sites: Sequence[str]) -> dict[str, int]:
    seeds = sides.settings.seeds
    counts = {"shares": len(ladder) * seeds}
    counts |= {f"site {name}": len(at_site(sides, name)[0]) * seeds for name in sites}
    return counts | ({"probes": len(_probe_arms(sides)) * seeds} if _probed(sides) else {})


def _side(name: str, side: Prepared, left_out: int, coding: Coding) -> Side:
    rows, kind = side.rows, coding.kind
    counts: dict[str, int] = {}
    for k, word in enumerate(coding.words):
        if kind == "classification":
            counts[word] = int((rows.y == k).sum())
        elif kind == "multilabel":
            counts[word] = int((rows.y[:, k] == 1).sum())
        elif kind == "segmentation":
            counts[word] = int((rows.y == k + 1).reshape(len(rows), -1).any(axis=1).sum())
        elif kind == "detection":
            counts[word] = sum(bool((one[:, -1] == k).any()) for one in rows.boxes)
    return Side(name=name, samples=len(side), patients=len(set(side.patients)), left_out=left_out, classes=counts)
