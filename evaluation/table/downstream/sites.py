"""Tests out of distribution: a site that training left out, and classifiers adapted to it without its labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...downstream import Arm
from ...downstream.arms import REAL, SYNTHETIC
from .arms import UNLABELLED, site_arms
from .prepared import Prepared
from .result import SiteResult
from .sides import Progress, Sides, compared
from .task import TableTask, judged_of


def usable_sites(sides: Sides) -> tuple[list[str], list[str]]:
    """Return the sites to leave out, the one with most held-out patients first, and why others are not.

    An empty name stands for all real data as one site, where none is named or can be left out.
    """
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


def _unusable(sides: Sides, site: str, patients: int) -> str:
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


def site_result(sides: Sides, site: str, progress: Progress) -> SiteResult:
    """Return what came out at a site; see `usable_sites`."""
    arms, sources, test, task, unlabelled = at_site(sides, site)
    runs = sides.run(task, sources, test, arms, f"site-{site or 'none'}", progress)
    result = compared(sides, task, arms, runs.seeds, runs.outcomes)
    patients = len(set(sources[REAL].patients)) if REAL in sources else 0
    return SiteResult(site=site, train_patients=patients, unlabelled=unlabelled, result=result)


def at_site(sides: Sides, site: str) -> tuple[tuple[Arm, ...], dict[str, Prepared], Prepared, TableTask, int]:
    """Return arms, training data, test data, task, and how many unlabelled samples a site has."""
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
