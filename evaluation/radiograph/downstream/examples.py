"""Radiographs as rows to train and test on: pixels of one size, what is said of each finding, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float16, Float64, Int

from ....conditioning.radiograph import DISEASES, Finding, RadiographCondition
from ....conditioning.record import Record
from ...downstream import content_sha256
from ...groups import AGE_BANDS, SEXES

SIZE = 64
FEWEST_PATIENTS = 10
VIEWS = ("pa", "ap", "lateral")
ATTRIBUTES = {"sex": SEXES, "age band": tuple(name for name, _, _ in AGE_BANDS), "view": VIEWS}


@dataclass(frozen=True)
class Radiographs:
    """Radiographs of which is said whether they show any disease.

    Attributes:
        image: (n, size, size) in [0, 1], white is dense.
        label: (n, findings): 1 present, 0 absent, NaN not said.
        attribute: (n, 3): place in its list of `ATTRIBUTES`, -1 where it is not stated.
        weight: how often each row is drawn, relative to the others.
        synthetic: which rows a generator made.
        patient: whose each row is.
        site: where each row is from.
        findings: names of the label's columns; the first is `no_finding`.
    """

    image: Float16[np.ndarray, "n size size"]
    label: Float64[np.ndarray, "n findings"]
    attribute: Int[np.ndarray, "n 3"]
    weight: Float64[np.ndarray, " n"]
    synthetic: Bool[np.ndarray, " n"]
    patient: tuple[str, ...]
    site: tuple[str, ...]
    findings: tuple[str, ...]

    @classmethod
    def of(cls, records: Iterable[Record], findings: Sequence[str], *, size: int = SIZE, site: str = "") -> Radiographs:
        """Return records as rows; those of which no disease is said, present or absent, are left out.

        Args:
            records: with `image`, (rows, cols) in [0, 1], and a `RadiographCondition`.
            findings: from `findings_of`.
            size: rows and columns that every image gets.
            site: where they are from.

        Raises:
            ValueError: a record without an image or with another condition, or none is left.
        """
        wanted = [Finding(name) for name in findings]
        rows = [(r, c) for r in records for c in [condition_of(r)] if c.state(Finding.no_finding) is not None]
        if not rows:
            raise ValueError(f"no record {f'of {site} ' if site else ''}says whether any disease is present")
        return cls(
            np.stack([squared(image_of(r), size) for r, _ in rows]).astype(np.float16),
            np.array([[_number(c.state(f)) for f in wanted] for _, c in rows], dtype=float),
            np.array([_attributes(c) for _, c in rows], dtype=np.int64),
            np.ones(len(rows)),
            np.array([r.synthetic for r, _ in rows], dtype=bool),
            tuple(patient_of(r) for r, _ in rows),
            (site,) * len(rows),
            tuple(findings),
        )

    def rows(self, mask: Bool[np.ndarray, " n"]) -> Radiographs:
        """Return some of the rows."""
        at = np.flatnonzero(mask)
        kept: dict[str, Any] = {name: _taken(column, at) for name, column in self._columns().items()}
        return replace(self, **kept)

    def only(self, patients: Iterable[str]) -> Radiographs:
        """Return the rows of some patients."""
        wanted = set(patients)
        return self.rows(np.array([name in wanted for name in self.patient], dtype=bool))

    def and_(self, other: Radiographs) -> Radiographs:
        """Return the rows of both, each with its weight.

        Raises:
            ValueError: they have other findings or another size.
        """
        if self.findings != other.findings or self.image.shape[1:] != other.image.shape[1:]:
            raise ValueError("radiographs of different findings or sizes cannot be put together")
        more = other._columns()
        both: dict[str, Any] = {
            name: np.concatenate([column, more[name]]) if isinstance(column, np.ndarray) else column + more[name]
            for name, column in self._columns().items()
        }
        return replace(self, **both)

    def halved_with(self, other: Radiographs) -> Radiographs:
        """Return the rows of both, drawn so often that each side is half of what is drawn."""
        sides = [replace(s, weight=s.weight / s.weight.sum()) for s in (self, other)]
        return sides[0].and_(sides[1])

    @property
    def patients(self) -> Sequence[str]:
        """Return the patient of each row."""
        return self.patient

    @property
    def labels(self) -> Sequence[str]:
        """Return `healthy` or `sick` for each row."""
        return ["healthy" if healthy else "sick" for healthy in self.label[:, 0] == 1]

    def fingerprint(self) -> str:
        """Return a hash of the content."""
        arrays = (self.image, self.label, self.attribute, self.weight, self.synthetic)
        return content_sha256(*arrays, self.patient, self.site, self.findings)

    def __len__(self) -> int:
        return len(self.image)

    def _columns(self) -> dict[str, Any]:
        """Return all that has an entry a row."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "findings"}


def findings_of(records: Iterable[Record], fewest: int = FEWEST_PATIENTS) -> tuple[str, ...]:
    """Return `no_finding` and the diseases that at least so many patients have and as many have not.

    Patients count, not images: one patient's twenty images of one heart teach and test one heart.

    Args:
        records: real training records.
        fewest: patients on each side.

    Raises:
        ValueError: `no_finding` or every disease is too rare.
    """
    conditions = [(patient_of(r), condition_of(r)) for r in records]

    def enough(finding: Finding) -> bool:
        sides = ({who for who, c in conditions if c.state(finding) is state} for state in (True, False))
        return all(len(side) >= fewest for side in sides)

    found = tuple(f.value for f in (Finding.no_finding, *DISEASES) if enough(f))
    if len(found) < 2 or found[0] != Finding.no_finding.value:
        said = "no_finding and one disease at least must be present in some and absent in others"
        raise ValueError(f"{said}, {fewest} patients each; found: {', '.join(found) or 'none'}")
    return found


def condition_of(record: Record) -> RadiographCondition:
    """Return a record's condition.

    Raises:
        ValueError: it is no radiograph's.
    """
    if not isinstance(record.condition, RadiographCondition):
        kind = type(record.condition).__name__
        raise ValueError(f"record {record.record_id!r} has the condition {kind}; a RadiographCondition is needed")
    return record.condition


def image_of(record: Record) -> Float[np.ndarray, "rows cols"]:
    """Return a record's image.

    Raises:
        ValueError: there is none, or it is not (rows, cols).
    """
    image = record.arrays.get("image")
    if image is None or image.ndim != 2:
        shape = "none" if image is None else str(image.shape)
        raise ValueError(f"record {record.record_id!r} needs an array 'image' (rows, cols); it has {shape}")
    return np.asarray(image, dtype=np.float32)


def patient_of(record: Record) -> str:
    """Return the patient of a record; each without one is its own."""
    named = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named) if named else f"record {record.record_id}"


def squared(image: Float[np.ndarray, "rows cols"], size: int) -> Float[np.ndarray, "size size"]:
    """Return the central square of an image at another size: means over areas where it shrinks, else bilinear."""
    import torch
    from torch.nn import functional

    side = min(image.shape)
    top, left = ((n - side) // 2 for n in image.shape)
    square = np.ascontiguousarray(image[top : top + side, left : left + side], dtype=np.float32)
    if side == size:
        return square
    x = torch.from_numpy(square)[None, None]
    y = functional.adaptive_avg_pool2d(x, size) if side > size else functional.interpolate(x, size, mode="bilinear")
    return np.asarray(y[0, 0].numpy())


def _number(state: bool | None) -> float:
    return np.nan if state is None else float(state)


def _attributes(c: RadiographCondition) -> tuple[int, int, int]:
    age = -1.0 if c.age_years is None else c.age_years
    band = next((k for k, (_, low, high) in enumerate(AGE_BANDS) if low <= age < high), -1)
    return _place(SEXES, c.sex), band, _place(VIEWS, c.view)


def _place(words: Sequence[str], word: str | None) -> int:
    return -1 if word is None else words.index(str(word))


def _taken(column: Any, at: np.ndarray) -> Any:
    return column[at] if isinstance(column, np.ndarray) else tuple(column[k] for k in at.tolist())
