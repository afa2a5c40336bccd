"""What the learned generator is trained on: the embedded real ECGs and a cohort of the simulator's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.ecg import EcgCondition, Finding, Rhythm
from ....conditioning.embedded import embedded
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ...training import Examples, Subset, split_by_patient
from .cohort import artificial
from .condition import GROUP_OF, ConditionConfig, encode
from .settings import ModelConfig
from .signal import SAMPLES, eight_leads

# LUDB's cardiologists name these wherever they see them; of other findings their silence says nothing.
_NAMED_IN_LUDB = frozenset(
    {
        Finding.left_bundle_branch_block,
        Finding.right_bundle_branch_block,
        Finding.left_anterior_fascicular_block,
        Finding.left_ventricular_hypertrophy,
        Finding.early_repolarization,
    }
)
_SLOWEST = 1.06


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        real_copies: rows per real record: itself, then slowed by up to 6 % and cut at a random place.
        artificial: rows of the simulator's, each another patient.
        validation_share: of the patients, about, that are held out.
        seed: of copies, cohort and split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    real_copies: int = Field(20, ge=0)
    artificial: int = Field(4000, ge=0)
    validation_share: float = Field(0.1, gt=0, lt=1)
    seed: int = Field(0, ge=0)


class RealExamples:
    """The 60 records of embedded LUDB that may be trained on; the 40 held-out ones are never opened."""

    def __init__(self, model: ModelConfig, copies: int, seed: int) -> None:
        """Read the records; a row's patient is the record."""
        self._model, self._copies, self._seed = model, copies, seed
        records = list(embedded("ludb", split="tuning"))
        self._leads = [eight_leads(record) for record in records]
        self._told = [known(record) for record in records]
        self.patients: Sequence[str] = [r.record_id for r in records for _ in range(copies)]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.patients)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return `x`, (b, 8, 1250) in the network's unit, and `value` and `said`, (b, attributes)."""
        return _batch([self._row(int(row)) for row in rows], self._model, "real")

    def _row(self, row: int) -> tuple[np.ndarray, EcgCondition]:
        record, copy = divmod(row, self._copies)
        if copy == 0:
            return self._leads[record], self._told[record]
        rng = stream(self._seed, f"ecg.learned.copy/{row}")
        factor = rng.uniform(1, _SLOWEST)
        told = self._told[record]
        rate = None if told.heart_rate_bpm is None else told.heart_rate_bpm / factor
        return slowed(self._leads[record], factor, rng.random()), told.model_copy(update={"heart_rate_bpm": rate})


class ArtificialExamples:
    """A cohort of the simulator's, made when it is asked for."""

    def __init__(self, model: ModelConfig, n: int, seed: int) -> None:
        """Speak of n rows, each another patient."""
        self._model, self._seed = model, seed
        self.patients: Sequence[str] = [f"artificial-{row}" for row in range(n)]
        self._row = lru_cache(maxsize=4096)(self._made)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.patients)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return `x`, `value` and `said` as RealExamples does."""
        return _batch([self._row(int(row)) for row in rows], self._model, "artificial")

    def _made(self, row: int) -> tuple[np.ndarray, EcgCondition]:
        record = artificial(self._seed, row, self._model.condition.findings)
        assert isinstance(record.condition, EcgCondition)
        return eight_leads(record), record.condition


class Joined:
    """Rows of several examples, one after the other."""

    def __init__(self, parts: Sequence[Examples]) -> None:
        """Join parts; a patient may be in one part only."""
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        self.patients: Sequence[str] = [patient for part in parts for patient in part.patients]

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._starts[-1])

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return the rows' tensors in their order."""
        which = np.searchsorted(self._starts, rows, side="right") - 1
        order, made = [], []
        for k, part in enumerate(self._parts):
            at = np.flatnonzero(which == k)
            if len(at):
                order.append(at)
                made.append(part.batch(rows[at] - self._starts[k]))
        back = torch.from_numpy(np.argsort(np.concatenate(order), kind="stable"))
        return {key: torch.cat([batch[key] for batch in made])[back] for key in made[0]}


def prepare(model: ModelConfig, data: DataConfig) -> tuple[Examples, Examples]:
    """Return examples to train on and to validate on; no patient is on both sides.

    Raises:
        ValueError: there are none.
    """
    parts: list[Examples] = []
    if data.real_copies:
        parts.append(RealExamples(model, data.real_copies, data.seed))
    if data.artificial:
        parts.append(ArtificialExamples(model, data.artificial, data.seed))
    if not parts:
        raise ValueError("real_copies = 0 and artificial = 0: there is nothing to train on")
    joined = Joined(parts)
    train, validation = split_by_patient(joined.patients, data.validation_share, data.seed)
    return Subset(joined, train), Subset(joined, validation)


def known(record: Record) -> EcgCondition:
    """Return what is known of a real record: its condition, with the mean rate of its marked beats."""
    assert isinstance(record.condition, EcgCondition) and isinstance(record.geometry, SignalGeometry)
    waves = record.tables["waves"]
    qrs = np.asarray(waves["wave"]) == "QRS"
    beat, peak = np.asarray(waves["beat"])[qrs], np.asarray(waves["peak"])[qrs]
    at = np.sort([np.median(peak[beat == k]) for k in np.unique(beat)])
    rate = 60 * record.geometry.fs_hz / float(np.mean(np.diff(at))) if len(at) > 2 else None
    rhythm: Rhythm | None = record.condition.rhythm
    told = {"heart_rate_bpm": rate, "rhythm": rhythm if rhythm in GROUP_OF else None}
    return record.condition.model_copy(update=told)


def slowed(leads: Float[np.ndarray, "8 1250"], factor: float, place: float) -> Float[np.ndarray, "8 1250"]:
    """Return leads slowed by a factor of at least 1, cut to their length again at a place from 0 to 1."""
    whole = resampled_by(leads, factor)
    start = int(place * (whole.shape[-1] - SAMPLES + 1))
    return np.ascontiguousarray(whole[:, start : start + SAMPLES])


def resampled_by(leads: Float[np.ndarray, "8 1250"], factor: float) -> Float[np.ndarray, "8 longer"]:
    """Return leads drawn at `factor` times as many points, by cubic splines."""
    from scipy.interpolate import make_interp_spline

    n = leads.shape[-1]
    at = np.arange(int((n - 1) * factor) + 1) / factor
    return make_interp_spline(np.arange(n), leads.astype(np.float64), k=3, axis=-1)(at).astype(np.float32)


def _batch(rows: Sequence[tuple[np.ndarray, EcgCondition]], model: ModelConfig, source: str) -> dict[str, torch.Tensor]:
    told = [_told(condition, model.condition, source) for _, condition in rows]
    x = model.scale.to_network(np.stack([leads for leads, _ in rows]))
    value, said = (np.stack(each) for each in zip(*told, strict=True))
    return {"x": torch.from_numpy(x), "value": torch.from_numpy(value), "said": torch.from_numpy(said)}


def _told(condition: EcgCondition, config: ConditionConfig, source: str) -> tuple[np.ndarray, np.ndarray]:
    unsure = frozenset(config.findings) - _NAMED_IN_LUDB if source == "real" else frozenset[Finding]()
    return encode(condition, config, source, unsure)
