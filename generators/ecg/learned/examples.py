"""What the learned generator is trained on: the embedded real ECGs and a cohort of the simulator's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.ecg import EcgCondition, Finding, Rhythm
from ....conditioning.embedded import embedded
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ...training import Examples, Subset, split_by_patient
from .beat_times import BeatTimes
from .cohort import artificial
from .condition import GROUP_OF, ConditionConfig, encode
from .mean_beat import weights
from .real_beats import real_beats
from .settings import ModelConfig
from .signal import FS_HZ, SAMPLES, eight_leads
from .stretching import between_samples, varied

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


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        real_copies: rows per real record: itself, then copies with other beat times (`stretching.varied`).
        artificial: rows of the simulator's, each another patient.
        shown_s: seconds of a row, cut at random, that are trained on. The network keeps no place in the record, so what
            it learns on short cuts holds for ten seconds.
        validation_share: of the patients, about, that are held out.
        seed: of copies, cohort and split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    real_copies: int = Field(20, ge=0)
    artificial: int = Field(4000, ge=0)
    shown_s: float = Field(10.0, ge=2, le=10)
    validation_share: float = Field(0.1, gt=0, lt=1)
    seed: int = Field(0, ge=0)


_Row = tuple[np.ndarray, BeatTimes, EcgCondition]  # leads, beats, what is known


class RealExamples:
    """The 60 records of embedded LUDB that may be trained on; the 40 held-out ones are never opened."""

    def __init__(self, model: ModelConfig, copies: int, seed: int, shown_s: float = 10.0) -> None:
        """Read the records; a row's patient is the record."""
        self._model, self._copies, self._seed, self._shown_s = model, copies, seed, shown_s
        records = list(embedded("ludb", split="tuning"))
        self._leads = [eight_leads(record) for record in records]
        self._courses = [between_samples(leads) for leads in self._leads]
        self._beats = [real_beats(record) for record in records]
        self._told = [known(record) for record in records]
        self.patients: Sequence[str] = [r.record_id for r in records for _ in range(copies)]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.patients)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return `x`, (b, 8, n) in the network's unit, `beats`, (b, 5, n), `value` and `said`, (b, attributes)."""
        cuts = [cut_of(f"real/{row}", self._shown_s, self._seed) for row in rows]
        return _batch([self._row(int(row)) for row in rows], self._model, "real", cuts)

    def _row(self, row: int) -> _Row:
        record, copy = divmod(row, self._copies)
        leads, beats, told = self._leads[record], self._beats[record], self._told[record]
        if copy:
            leads, beats = varied(self._courses[record], beats, stream(self._seed, f"ecg.learned.copy/{row}"))
        return leads, beats, told.model_copy(update={"heart_rate_bpm": beats.rate_bpm})


class ArtificialExamples:
    """A cohort of the simulator's, made when it is asked for."""

    def __init__(self, model: ModelConfig, n: int, seed: int, shown_s: float = 10.0) -> None:
        """Speak of n rows, each another patient."""
        self._model, self._seed, self._shown_s = model, seed, shown_s
        self.patients: Sequence[str] = [f"artificial-{row}" for row in range(n)]
        self._row = lru_cache(maxsize=4096)(self._made)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.patients)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return `x`, `beats`, `value` and `said` as RealExamples does."""
        cuts = [cut_of(f"artificial/{row}", self._shown_s, self._seed) for row in rows]
        return _batch([self._row(int(row)) for row in rows], self._model, "artificial", cuts)

    def _made(self, row: int) -> _Row:
        record = artificial(self._seed, row, self._model.condition.findings)
        assert isinstance(record.condition, EcgCondition)
        return eight_leads(record), true_beats(record), record.condition


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
        parts.append(RealExamples(model, data.real_copies, data.seed, data.shown_s))
    if data.artificial:
        parts.append(ArtificialExamples(model, data.artificial, data.seed, data.shown_s))
    if not parts:
        raise ValueError("real_copies = 0 and artificial = 0: there is nothing to train on")
    joined = Joined(parts)
    train, validation = split_by_patient(joined.patients, data.validation_share, data.seed)
    return Subset(joined, train), Subset(joined, validation)


def known(record: Record) -> EcgCondition:
    """Return what is known of a real record but its rate: a rhythm that the network does not know is unsaid."""
    assert isinstance(record.condition, EcgCondition)
    rhythm: Rhythm | None = record.condition.rhythm
    return record.condition.model_copy(update={"rhythm": rhythm if rhythm in GROUP_OF else None})


def true_beats(record: Record) -> BeatTimes:
    """Return the beats of an artificial record, as its truth has them."""
    assert isinstance(record.geometry, SignalGeometry)
    beats = record.tables["beats"]
    return BeatTimes(np.asarray(beats["sample"]) / record.geometry.fs_hz, np.asarray(beats["label"]) == "V")


def cut_of(row: str, shown_s: float, seed: int) -> slice:
    """Return the samples of a row that are shown, a function of (seed, row)."""
    n = round(shown_s * FS_HZ)
    start = int(stream(seed, f"ecg.learned.cut/{row}").integers(SAMPLES - n + 1)) if n < SAMPLES else 0
    return slice(start, start + n)


def _batch(rows: Sequence[_Row], model: ModelConfig, source: str, cuts: Sequence[slice]) -> dict[str, torch.Tensor]:
    told = [_told(condition, model.condition, source) for *_, condition in rows]
    value, said = (np.stack(each) for each in zip(*told, strict=True))
    share, place = zip(*(weights(beats, cut) for (_, beats, _), cut in zip(rows, cuts, strict=True)), strict=True)
    x = model.scale.to_network(np.stack([leads for leads, *_ in rows]))
    arrays = {
        "x": np.stack([x[:, cut] for x, cut in zip(x, cuts, strict=True)]),
        "beats": np.stack([beats.rows()[:, cut] for (_, beats, _), cut in zip(rows, cuts, strict=True)]),
        "weights": np.stack(share),
        "place": np.stack(place),
        "value": value,
        "said": said,
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _told(condition: EcgCondition, config: ConditionConfig, source: str) -> tuple[np.ndarray, np.ndarray]:
    unsure = frozenset(config.findings) - _NAMED_IN_LUDB if source == "real" else frozenset[Finding]()
    return encode(condition, config, source, unsure)
