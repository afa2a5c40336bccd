"""What curation was asked for and what it found: each record with its reason, shares and the keep-rate curve."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ..comparison import Interval
from .hamming import RADIUS

_FROZEN = ConfigDict(frozen=True, extra="forbid")
Reason = Literal["kept", "copy_of_real", "duplicate", "duplicate_by_embedding", "not_selected"]


class CurationConfig(BaseModel):
    """What is dropped.

    Attributes:
        radius: bits in which hashes of near-duplicates differ, at most.
        most_real: share of real records that may have a near-duplicate of another patient; the radius is lowered until
            no more have, since a hash that takes patients for each other would take away good records.
        within: look for duplicates in the whole set, or in each volume (or patient) alone, as before pretraining.
        share: two records are near-duplicates by embedding where they are nearer than this share of real records is to
            another patient's; 0 leaves the embedding out.
        keep: how many records are wanted; all that are no duplicates when None.
        select: how they are chosen: `quality_diversity` (farthest first, weighted by realism), `k_center` (farthest
            first), `density` (rarer ones are likelier) or `coverage` (what adds most to the real records covered, then
            farthest first).
    """

    model_config = _FROZEN
    radius: int = Field(RADIUS, ge=0, le=32)
    most_real: float = Field(0.02, ge=0, le=1)
    within: Literal["set", "volume"] = "set"
    share: float = Field(0.01, ge=0, lt=0.5)
    keep: int | None = Field(None, ge=1)
    select: Literal["quality_diversity", "k_center", "density", "coverage"] = "quality_diversity"


class Row(BaseModel):
    """What became of one record.

    Attributes:
        sample_id: its name.
        kept: whether it stays.
        reason: `kept`, or why not.
        because_of: the record that it is a copy or duplicate of; empty otherwise.
    """

    model_config = _FROZEN
    sample_id: str
    kept: bool
    reason: Reason
    because_of: str = ""


class KeepRate(BaseModel):
    """One point of the keep-rate curve: bits, share kept, and the share of real records still covered."""

    model_config = _FROZEN
    radius: int
    kept: float
    coverage: float | None


class CurationResult(BaseModel):
    """What curation found.

    Attributes:
        config: what was asked for.
        radius: in bits, that was used; -1 where the hash takes even the nearest patients for one, and was left out.
        rows: one a record, in order.
        duplicates: share of records with an earlier near-duplicate in the set, by hash.
        copies: share of records within the radius of a real record, by hash.
        real_duplicates: share of real records with a near-duplicate of another patient, by hash: the control of both.
        by_embedding: share of records with an earlier near-duplicate by embedding.
        coverage: of real records by all records and by those kept; None where there were no features.
        curve: keep rate at growing radius.
        notes: what could not be done.
    """

    model_config = _FROZEN
    config: CurationConfig
    radius: int
    rows: tuple[Row, ...]
    duplicates: Interval
    copies: Interval
    real_duplicates: Interval
    by_embedding: Interval
    coverage: tuple[float | None, float | None] = (None, None)
    curve: tuple[KeepRate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """Return the names of the records that stay, in order."""
        return tuple(row.sample_id for row in self.rows if row.kept)

    def count(self, reason: Reason) -> int:
        """Return how many records have that reason."""
        return sum(row.reason == reason for row in self.rows)

    def write_csv(self, path: Path | str) -> Path:
        """Write one line a record: sample_id, kept (1 or 0), reason, because_of."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["sample_id", "kept", "reason", "because_of"])
            writer.writerows([r.sample_id, int(r.kept), r.reason, r.because_of] for r in self.rows)
        return Path(path)
