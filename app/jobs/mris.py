"""evaluate, for brains: made contrasts beside the real ones of the same patients; realism where none is shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress
from . import tables
from .modalities import Measured
from .sources import Side

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.mri.case import Case
    from ...evaluation.mri.pairs import Pair
    from ...evaluation.report import Section
    from .encoders import Named

NOUN, ARRAYS = "brains", ("volume",)
ENCODERS = True
TASKS: tuple[str, ...] = ("table",)
LOOK = "mri.json"
FEWEST_PATIENTS = 6  # of real ones, for realism beside pairs

task_settings = tables.task_settings


@dataclass(frozen=True)
class Sides:
    """What is compared.

    Attributes:
        pairs: made contrasts with the real brains that they are to show; none where no patient is shared.
        notes: what has no partner.
        others: complete real brains, for the controls.
        apart: both sides as volumes without partners.
    """

    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    others: tuple[Case, ...]
    apart: tables.Sides


def seen(record: Record) -> list[Record]:
    """Return a brain's volumes, a record each.

    Raises:
        ValueError: it is no brain.
    """
    from ...evaluation.mri.volumes import volumes_of

    return volumes_of(record)


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None, task: Any
) -> Sides:
    """Return what is compared; real patients that were trained on are left out.

    Raises:
        ValueError: too little on a side.
    """
    from ...conditioning.mri.contrasts import CONTRASTS
    from ...evaluation.mri.case import case_of, contrasts_of
    from ...evaluation.mri.pairs import pairs_of
    from ...evaluation.mri.volumes import brains_of

    apart = tables.sides(real, training, synthetic, train, task)
    known, made, taught = (brains_of(records) for records in (apart.records["real"], synthetic, training))
    pairs, notes = pairs_of(known, made)
    complete = [r for r in (taught or known) if len(contrasts_of(r)) == len(CONTRASTS)] if pairs else []
    return Sides(pairs, notes, tuple(case_of(r) for r in complete), apart)


def measured(
    sides: Sides, made: Side, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress,
    encoder: Named | None = None,
) -> Measured:  # fmt: skip
    """Return the page; pairs that are done stay in the folder."""
    from ...evaluation.mri.findings import mri_findings
    from ...evaluation.mri.look import mri_look
    from ...evaluation.mri.page import mri_page

    settings: dict[str, Any] = {"task": task, "seed": seed, "workers": workers, "progress": progress}
    settings["encoder"] = encoder
    if not sides.pairs:
        found = tables.measured(sides.apart, made, folder, **settings)
        return replace(found, page=_said_apart(found.page, sides.notes))
    look = mri_look(sides.pairs, sides.notes, sides.others, seed=seed, folder=folder, progress=progress)
    (folder / LOOK).write_text(look.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sections: list[Section] = []
    findings = list(mri_findings(look))
    if len(set(sides.apart.arrays.real.patients)) >= FEWEST_PATIENTS:
        found = tables.measured(sides.apart, made, folder, **settings)
        sections = [s for s in found.page.sections if s.name != "limits"]
        findings += found.findings
    return Measured(mri_page(look, sides.pairs, sections), tuple(findings))


def _said_apart(page: Any, notes: Sequence[str]) -> Any:
    """Return a page that says first that no patient is on both sides."""
    said = "No made brain is of a patient of the real side, so nothing was compared voxel by voxel."
    return page.model_copy(update={"flags": (said, *page.flags)})
