"""A brain as the parts that know no contrasts take it: a record a volume, its contrast for a class; and back again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...conditioning.mri.contrasts import CONTRASTS
from ...conditioning.record import Record
from ...conditioning.table import TableCondition
from .case import contrasts_of, patient_of

VOLUME, LABELS, UNCERTAINTY = "volume", "segmentation", "uncertainty"
_OF = "brain"  # in the provenance of a volume: the record that it is of


def volumes_of(record: Record) -> list[Record]:
    """Return a record a contrast, with the array `volume` and what belongs to it, classed by contrast.

    Raises:
        ValueError: it has no contrast.
    """
    held = contrasts_of(record)
    if not held:
        said = ", ".join(record.arrays) or "no array"
        raise ValueError(f"{record.record_id} has {said}; a brain has some of {', '.join(CONTRASTS)}")
    return [_volume(record, str(contrast)) for contrast in held]


def brains_of(volumes: Sequence[Record]) -> list[Record]:
    """Return the brains that volumes are of, in their order, each with the contrasts that are left.

    A brain has no condition here; `provenance["from"]` says what each contrast was made from, where that is known.
    """
    grouped: dict[str, list[Record]] = {}
    for volume in volumes:
        grouped.setdefault(str(volume.provenance[_OF]), []).append(volume)
    return [_brain(name, parts) for name, parts in grouped.items()]


def _volume(record: Record, contrast: str) -> Record:
    arrays = {VOLUME: np.asarray(record.arrays[contrast])}
    for name, own in ((f"{contrast}_uncertainty", UNCERTAINTY), (LABELS, LABELS)):
        if name in record.arrays:
            arrays[own] = np.asarray(record.arrays[name])
    c = record.condition
    said: dict[str, Any] = {
        "label": contrast, "patient_id": patient_of(record), "sex": getattr(c, "sex", None),
        "age_years": getattr(c, "age_years", None),
    }  # fmt: skip
    about = {**record.provenance, _OF: record.record_id, "contrast": contrast, "from": _inputs(record, contrast)}
    return replace(
        record, record_id=f"{record.record_id} {contrast}", arrays=arrays, condition=TableCondition(**said),
        provenance=about, tables={}, truth={},
    )  # fmt: skip


def _inputs(record: Record, contrast: str) -> list[str] | None:
    """Return what a contrast was made from, where the record says it."""
    made = record.provenance.get("made")
    if isinstance(made, dict) and isinstance(made.get(contrast), dict) and made[contrast].get("from"):
        return [str(name) for name in made[contrast]["from"]]
    present = getattr(record.condition, "present", None)
    if present is None or not record.synthetic:
        return None
    return [str(c) for c in present if str(c) != contrast] or None


def _brain(name: str, parts: Sequence[Record]) -> Record:
    arrays: dict[str, np.ndarray] = {}
    for part in parts:
        contrast = str(part.provenance["contrast"])
        arrays[contrast] = part.arrays[VOLUME]
        if UNCERTAINTY in part.arrays:
            arrays[f"{contrast}_uncertainty"] = part.arrays[UNCERTAINTY]
        if LABELS in part.arrays:
            arrays[LABELS] = part.arrays[LABELS]
    patient = getattr(parts[0].condition, "patient_id", None)
    sources = {str(part.provenance["contrast"]): part.provenance["from"] for part in parts}
    about = {**parts[0].provenance, "patient": patient, "from": sources}
    return replace(parts[0], record_id=name, arrays=arrays, condition=None, provenance=about)
