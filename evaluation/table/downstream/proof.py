"""Runs a table's task: every arm at every share of the real patients, at sites left out, and probes of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...comparison import interval
from ...downstream import Arm, DownstreamResult, Outcomes, Runs, compare_arms, delong, run_arms
from ...downstream.arms import REAL, SYNTHETIC
from .arms import UNLABELLED, at_share, pairs, site_arms, source_name, table_arms
from .examples import Examples
from .prepared import Coding, Prepared, coding_of, prepared
from .probes import UNTRAINED, ProbeTask, probe_arms
from .result import DeLongRow, ShareResult, Side, SiteResult, TableTaskResult
from .settings import TableTaskSettings
from .shares import nested
from .task import MAIN, TableTask, judged_of, told, weights_hash

Progress = Callable[[int, int], None]
TRAINING, HELD_OUT = "training", "held-out"
FEWEST_GROUP = 10  # test patients of a group that is shown apart


@dataclass(frozen=True)
class _Sides:
    """The prepared data and how to run on them."""

    task: TableTask
    real: Prepared
    test: Prepared
    synthetic: Prepared | None
    settings: TableTaskSettings
    folder: Path | None
    workers: int

    @property
    def steps(self) -> int:
        return self.settings.steps_of(self.task.coding.kind)

    def made(self) -> dict[str, Prepared]:
        return {} if self.synthetic is None else {SYNTHETIC: self.synthetic}

    def run(self, task: Any, sources: Any, test: Prepared, arms: Sequence[Arm], part: str, progress: Progress) -> Runs:
        folder = None if self.folder is None else self.folder / part
        return run_arms(
            task, sources, test, arms, range(self.settings.seeds), folder=folder,
            fewest_train=self.settings.fewest_train, fewest_test=self.settings.fewest_test, progress=progress,
            workers=self.workers,
        )  # fmt: skip


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
    sides = _Sides(task, real, test, made, s, None if folder is None else Path(folder), workers)
    notes = [*_notes(coding, task), *_names(coded)]
    ladder, bases = _ladder(sides)
    sited, why = _sites(sides)
    notes += why
    steps = _steps_of_progress(sides, ladder, sited)
    count = _Counter(progress, sum(steps.values()))
    runs = _with_shares(sides, ladder, count)
    shares = tuple(_share(sides, bases[share], runs, share) for share in sorted(s.shares))
    sites = tuple(_site(sides, name, count) for name in sited)
    probes = _probes(sides, count) if _probed(sides) else None
    if s.probes and probes is None:
        notes.append(f"features were not probed: {coding.kind} has no figure a sample that a line could tell")
    return TableTaskResult(
        settings=s, kind=coding.kind, words=coding.words, shape=coding.shape, main=MAIN[coding.kind],
        sides=tuple(_side(name, *pair, coding) for name, pair in coded.items()), shares=shares, sites=sites,
        probes=probes, notes=tuple(notes),
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


def _ladder(sides: _Sides) -> tuple[list[Arm], dict[float, tuple[Arm, ...]]]:
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


def _with_shares(sides: _Sides, ladder: Sequence[Arm], progress: Progress) -> Runs:
    def sources(seed: int) -> dict[str, Prepared]:
        parts = nested(sides.real, sides.settings.shares, seed)
        return {source_name(share): rows for share, rows in parts.items()} | {REAL: sides.real} | sides.made()

    return sides.run(sides.task, sources, sides.test, ladder, "shares", progress)


def _share(sides: _Sides, bases: Sequence[Arm], runs: Runs, share: float) -> ShareResult:
    outcomes = {arm.name: runs.outcomes[at_share(arm, share).name] for arm in bases}
    groups = {
        f"{kind} {value}": mask
        for kind, column in sides.test.groups.items()
        for value in sorted(set(filter(None, column)))
        for mask in [np.array([v == value for v in column], dtype=bool)]
        if len({p for p, m in zip(sides.test.patients, mask.tolist(), strict=True) if m}) >= FEWEST_GROUP
    }
    result = _compared(sides, sides.task, bases, runs.seeds, outcomes, groups)
    patients = len(set(nested(sides.real, [share], 0)[share].patients))
    return ShareResult(share=share, patients=patients, result=result, delong=_delong(sides, outcomes))


def _compared(
    sides: _Sides, task: Any, arms: Sequence[Arm], seeds: Sequence[int], outcomes: Mapping[str, Sequence[Outcomes]],
    groups: Mapping[str, np.ndarray] | None = None, wanted: Sequence[tuple[str, str]] | None = None,
) -> DownstreamResult:  # fmt: skip
    """Return the comparison with those differences alone that matter."""
    kept = pairs([arm.name for arm in arms]) if wanted is None else tuple(wanted)
    references = tuple(dict.fromkeys(b for _, b in kept))
    made = compare_arms(
        task,
        arms,
        seeds,
        outcomes,
        references,
        groups=groups,
        resamples=sides.settings.resamples_of(sides.task.coding.kind),
    )
    rows = tuple(d for d in made.differences if (d.arm, d.reference) in kept)
    return made.model_copy(update={"differences": rows})


def _delong(sides: _Sides, outcomes: Mapping[str, Sequence[Outcomes]]) -> tuple[DeLongRow, ...]:
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


def _sites(sides: _Sides) -> tuple[list[str], list[str]]:
    """Return the sites to leave out, the one with most held-out patients first, and why others are not."""
    s = sides.settings
    if not s.sites:
        return [], []
    tested = {name: _patients(sides.test, name) for name in sorted(set(filter(None, sides.test.sites)))}
    why = []
    usable = []
    for name, patients in sorted(tested.items(), key=lambda item: (-item[1], item[0])):
        said = _unusable(sides, name, patients)
        if said:
            why.append(f"site {name} was not left out: {said}")
        else:
            usable.append(name)
    if usable:
        if sides.synthetic is not None and not all(sides.synthetic.sites):
            why.append(
                "synthetic samples without a site were kept when a site was left out: their generator may have seen it"
            )
        return usable[: s.sites], why
    if s.adapt and sides.task.coding.kind == "classification" and sides.synthetic is not None:
        why.append("no site could be left out; what synthetic data teach was adapted to the real training samples "
                   "without their labels, and no real-trained classifier could be its control")  # fmt: skip
        return [""], why
    return [], [*why, "no site could be left out: tests out of distribution were not run"]


def _unusable(sides: _Sides, site: str, patients: int) -> str:
    """Return why a site cannot be left out; empty where it can."""
    if patients < sides.settings.fewest_test:
        return f"it has {patients} held-out patients; {sides.settings.fewest_test} are needed"
    test = sides.test.at(_of(sides.test, site))
    other = sides.real.at(~_of(sides.real, site))
    if len(set(other.patients)) < sides.settings.fewest_train:
        return "no training patients are left at other sites"
    for part, side in (("held-out", test), ("training", other)):
        if part == "training" or sides.task.coding.kind == "classification":
            if part and side.labels is not None and len(set(side.labels)) < 2:
                return f"its {part} samples are of one class" if part == "held-out" else "other sites have one class"
    if not judged_of(test, sides.task.coding):
        return "no class can be judged on its held-out patients"
    return ""


def _site(sides: _Sides, site: str, progress: Progress) -> SiteResult:
    arms, sources, test, task, unlabelled = _at_site(sides, site)
    runs = sides.run(task, sources, test, arms, f"site-{site or 'none'}", progress)
    result = _compared(sides, task, arms, runs.seeds, runs.outcomes)
    patients = len(set(sources[REAL].patients)) if REAL in sources else 0
    return SiteResult(site=site, train_patients=patients, unlabelled=unlabelled, result=result)


def _at_site(sides: _Sides, site: str) -> tuple[tuple[Arm, ...], dict[str, Prepared], Prepared, TableTask, int]:
    test = sides.test.at(_of(sides.test, site)) if site else sides.test
    here = sides.real.at(_of(sides.real, site)) if site else sides.real
    sources: dict[str, Prepared] = {}
    if site:
        sources[REAL] = sides.real.at(~_of(sides.real, site))
    if sides.synthetic is not None:
        kept = sides.synthetic.at(~_of(sides.synthetic, site)) if site else sides.synthetic
        if len(set(kept.patients)) >= sides.settings.fewest_train and (
            kept.labels is None or len(set(kept.labels)) > 1
        ):
            sources[SYNTHETIC] = kept
    adapt = sides.settings.adapt and len(set(here.patients)) >= sides.settings.fewest_train
    if adapt:
        sources[UNLABELLED] = replace(here, labelled=False)
    arms = site_arms(
        sides.steps, sides.task.coding.kind, synthetic=SYNTHETIC in sources, adapt=adapt, real=REAL in sources
    )
    task = replace(sides.task, judged=judged_of(test, sides.task.coding))
    return arms, sources, test, task, len(here) if adapt else 0


def _of(side: Prepared, site: str) -> np.ndarray:
    return np.array([name == site for name in side.sites], dtype=bool)


def _patients(side: Prepared, site: str) -> int:
    return len({who for who, where in zip(side.patients, side.sites, strict=True) if where == site})


def _probed(sides: _Sides) -> bool:
    return sides.settings.probes and sides.task.coding.kind not in ("segmentation", "detection")


def _probe_arms(sides: _Sides) -> tuple[Arm, ...]:
    return probe_arms(sides.steps, sides.settings.pretraining, synthetic=sides.synthetic is not None)


def _probes(sides: _Sides, progress: Progress) -> DownstreamResult:
    task, arms = ProbeTask(sides.task), _probe_arms(sides)
    runs = sides.run(task, {REAL: sides.real} | sides.made(), sides.test, arms, "probes", progress)
    names = [arm.name for arm in arms]
    wanted = [(name, UNTRAINED) for name in names if name != UNTRAINED]
    wanted += [(f"{way} on {SYNTHETIC}", f"{way} on {REAL}") for way in sides.settings.pretraining]
    kept = [(a, b) for a, b in wanted if a in names and b in names]
    return _compared(sides, task, arms, runs.seeds, runs.outcomes, wanted=kept)


def _steps_of_progress(sides: _Sides, ladder: Sequence[Arm], sites: Sequence[str]) -> dict[str, int]:
    seeds = sides.settings.seeds
    counts = {"shares": len(ladder) * seeds}
    counts |= {f"site {name}": len(_at_site(sides, name)[0]) * seeds for name in sites}
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
