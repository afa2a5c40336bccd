"""Which made contrast belongs to which real one: the same patient, the same grid, and the contrast by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ...conditioning.mri.contrasts import Contrast
from ...conditioning.record import ImageGeometry, Record
from .case import Case, case_of, contrasts_of, patient_of

SAME_GRID_MM = 0.1  # headers keep affines in single precision


@dataclass(frozen=True)
class Pair:
    """A made contrast and the real brain that it is to show.

    Attributes:
        made_id: of the made record.
        contrast: which.
        inputs: what it was made from, as far as the real brain has it; where nobody said, what was not made.
        case: the real brain, cut to its box.
        made: the made contrast there, on the scanner's scale.
        uncertainty: standard deviation of several samples, in the same unit; None of a single one.
    """

    made_id: str
    contrast: Contrast
    inputs: tuple[Contrast, ...]
    case: Case
    made: Float32[np.ndarray, "x y z"]
    uncertainty: Float32[np.ndarray, "x y z"] | None

    @property
    def name(self) -> str:
        """Return patient and contrast."""
        return f"{self.case.name} {self.contrast}"


def pairs_of(real: Sequence[Record], synthetic: Sequence[Record]) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """Return the pairs, and a sentence for each thing that has no partner or was not made.

    Args:
        real: real brains.
        synthetic: made ones, with the contrasts that were made, or beside them the real ones that they were given.
    """
    found: list[Pair] = []
    notes: list[str] = []
    if any(not made.provenance.get("from", {}).get(c) for made in synthetic for c in contrasts_of(made)):
        notes.append("Not every record states what it was made from; it is taken to be what was not made.")
    cases: dict[int, Case] = {}
    for made in synthetic:
        theirs = _of_one_patient(real, made)
        partners = [r for r in theirs if same_grid(r, made)]
        if not partners:
            why = "lies on another grid than the real brain of" if theirs else "has no real brain of"
            notes.append(f"{made.record_id} {why} {patient_of(made)} beside it.")
            continue
        partner = partners[0]
        case = cases.setdefault(id(partner), case_of(partner))
        for contrast, volume in contrasts_of(made).items():
            if contrast not in case.volumes:
                notes.append(f"{made.record_id}: {contrast} has no real one beside it.")
            elif np.array_equal(volume, partner.arrays[contrast]):
                notes.append(f"{made.record_id}: {contrast} is the real one, not a made one.")
            else:
                found.append(_pair(made, contrast, volume, case))
    return tuple(found), tuple(notes)


def _of_one_patient(real: Sequence[Record], made: Record) -> list[Record]:
    """Return the real brains of a patient; those of the record's name where readers call patients otherwise."""
    named = [r for r in real if patient_of(r) == patient_of(made)]
    return named or [r for r in real if r.record_id == made.record_id]


def _pair(made: Record, contrast: Contrast, volume: np.ndarray, case: Case) -> Pair:
    said = (made.provenance.get("from") or {}).get(contrast) or ()
    given = set(said) or set(case.volumes) - _made(made, case)
    inputs = tuple(c for c in Contrast if c in given and c in case.volumes and c != contrast)
    spread = made.arrays.get(f"{contrast}_uncertainty")
    cut = None if spread is None else np.asarray(spread[case.near], dtype=np.float32)
    return Pair(made.record_id, contrast, inputs, case, np.asarray(volume[case.near], dtype=np.float32), cut)


def _made(made: Record, case: Case) -> set[Contrast]:
    """Return the contrasts of a record that are not the real ones."""
    real = contrasts_of(case.record)
    return {c for c, v in contrasts_of(made).items() if c not in real or not np.array_equal(v, real[c])}


def same_grid(a: Record, b: Record) -> bool:
    """Return whether two records lie on one grid; one that does not say where it lies is told by its shape alone."""
    shapes = {next(iter(contrasts_of(r).values())).shape for r in (a, b)}
    if len(shapes) > 1:
        return False
    affines = [r.geometry.affine if isinstance(r.geometry, ImageGeometry) else None for r in (a, b)]
    if None in affines:
        return True
    (n,), steps = shapes, np.subtract(*(np.asarray(m, dtype=float) for m in affines))
    corners = np.array([[i, j, k, 1] for i in (0, n[0]) for j in (0, n[1]) for k in (0, n[2])], dtype=float)
    return bool(np.abs(corners @ steps.T).max() <= SAME_GRID_MM)
