"""Which volumes are trained on, and the rows that are cut from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ....conditioning.record import Record
from ....conditioning.seeds import stream
from ...training import Subset, split_by_patient
from ..phantom.cohort import read_brains
from .intensity import Scales
from .prepared import Prepared, prepared
from .settings import ModelConfig, Side


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        sources: each a `READER:PATH`, an `embedded:NAME`, a data set's folder, or `phantom:brain?n=...`.
        shares: how often rows of each source come, relative to each other; all patients equally often when empty.
        only: patients that are looked at; all when empty.
        patch: sides in voxels of what the network sees at a time. Smaller brains are filled up, larger ones cut at
            random.
        shift: largest shift, in voxels along each axis, of a patch around the middle of a brain that fits in; it also
            meets the transform's pairs of voxels differently.
        rows: rows in all, about; each is a patient's patch with a place of its own.
        held_out: patients that validate; a share of them when empty.
        validation_share: that share.
        cache: folder in which prepared volumes are kept, read from the disk by every process and the next run; in
            memory when None.
        seed: of places and split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sources: tuple[str, ...] = Field(("embedded:tcga_lgg",), min_length=1)
    shares: tuple[Annotated[float, Field(gt=0)], ...] = ()
    only: tuple[str, ...] = ()
    patch: tuple[Side, Side, Side] = (80, 96, 80)
    shift: int = Field(4, ge=0, le=64)
    rows: int = Field(512, ge=2)
    held_out: tuple[str, ...] = ()
    validation_share: float = Field(0.1, gt=0, lt=1)
    cache: Path | None = None
    seed: int = Field(0, ge=0)


class Patients:
    """All patients of the sources, prepared.

    Attributes:
        names: of the patients, one a record.
        origin: number of the source of each.
    """

    def __init__(self, data: DataConfig, model: ModelConfig) -> None:
        """Read the sources.

        Raises:
            ValueError: nothing can be read, or a record leaves nothing to learn; the message names it.
        """
        if data.shares and len(data.shares) != len(data.sources):
            raise ValueError(f"shares = {list(data.shares)}: one for each of the {len(data.sources)} sources is needed")
        self.names: list[str] = []
        self.origin: list[int] = []
        self._kept: list[Prepared] = []
        for number, record in _records(data):
            self._kept.append(_shelved(_prepared(record, model), record, model, data.cache))
            self.names.append(patient_of(record))
            self.origin.append(number)
        if not self._kept:
            raise ValueError(f"{', '.join(data.sources)}: no patient of {list(data.only) or 'any name'} is there")

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._kept)

    def __getitem__(self, k: int) -> Prepared:
        """Return a prepared record; its `x` may be float16."""
        return self._kept[k]


class Patches:
    """Rows of patches.

    Attributes:
        patients: whose each row is.
    """

    def __init__(self, patients: Patients, data: DataConfig, model: ModelConfig) -> None:
        """Place `data.rows` patches."""
        wrong = [side for side in data.patch if side % model.multiple]
        if wrong:
            raise ValueError(f"patch = {list(data.patch)}: each side must be a multiple of {model.multiple}")
        self._patients, self._data = patients, data
        self._of_row = _rows(patients, data)
        self.patients: Sequence[str] = [patients.names[k] for k in self._of_row]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._of_row)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, Tensor]:
        """Return `x` (b, n, x, y, z), `there` (b, n), `inside` (b, 1, x, y, z), `labels`, `labelled` and `facts`."""
        cut = [self._cut(int(row)) for row in rows]
        return {key: torch.from_numpy(np.stack([c[key] for c in cut]).astype(np.float32)) for key in cut[0]}

    def _cut(self, row: int) -> dict[str, np.ndarray]:
        one = self._patients[self._of_row[row]]
        at = _place(one.inside.shape, self._data, stream(self._data.seed, f"mri.place/{row}"))
        return {
            "x": np.stack([_window(x, at, self._data.patch) for x in one.x]),
            "there": one.there,
            "inside": _window(one.inside, at, self._data.patch)[None],
            "labels": _window(one.labels, at, self._data.patch),
            "labelled": np.array(one.labelled),
            "facts": one.facts,
        }


@lru_cache(maxsize=2)
def _patients_of(data: DataConfig, model: str) -> Patients:
    return Patients(data, ModelConfig.model_validate_json(model))


def patients_of(data: DataConfig, model: ModelConfig) -> Patients:
    """Return the patients of the sources; the parts of one run share them."""
    return _patients_of(data, model.model_dump_json())


def sides_of(data: DataConfig, model: ModelConfig) -> tuple[Subset, Subset]:
    """Return rows to train on and rows to validate on; no patient is on both sides.

    Raises:
        ValueError: a patient that is held out is not there, or nobody is left.
    """
    rows = Patches(patients_of(data, model), data, model)
    if not data.held_out:
        train, validation = split_by_patient(rows.patients, data.validation_share, data.seed)
        return Subset(rows, train), Subset(rows, validation)
    if missing := set(data.held_out) - set(rows.patients):
        raise ValueError(f"held_out: there is no patient {min(missing)!r}; there are {sorted(set(rows.patients))[:8]}")
    out = np.isin(np.asarray(rows.patients), data.held_out)
    if out.all():
        raise ValueError("held_out names every patient; nobody is left to train on")
    one_each = np.unique(np.asarray(rows.patients)[out], return_index=True)[1]
    return Subset(rows, np.flatnonzero(~out)), Subset(rows, np.flatnonzero(out)[np.sort(one_each)])


def trained_patients(data: DataConfig, model: ModelConfig) -> set[str]:
    """Return the patients that are trained on."""
    return set(sides_of(data, model)[0].patients)


def scales_of(data: DataConfig, model: ModelConfig) -> Scales:
    """Return the scales of the patients that are trained on."""
    patients, trained = patients_of(data, model), trained_patients(data, model)
    return Scales.of([patients[k].scales for k in range(len(patients)) if patients.names[k] in trained])


def held_out_records(data: DataConfig, model: ModelConfig, most: int = 1) -> list[Record]:
    """Return records of patients that validate, in the sources' order."""
    trained = trained_patients(data, model)
    found = (record for _, record in _records(data) if patient_of(record) not in trained)
    return list(islice(found, most))


def patient_of(record: Record) -> str:
    """Return whose a record is; its own name where nothing says it."""
    told = record.provenance.get("patient") or record.provenance.get("patient_id")
    return str(told or getattr(record.condition, "patient_id", None) or record.record_id)


def _records(data: DataConfig) -> Iterator[tuple[int, Record]]:
    for number, source in enumerate(data.sources):
        for record in read_brains(source):
            if not data.only or patient_of(record) in data.only:
                yield number, record


def _prepared(record: Record, model: ModelConfig) -> Prepared:
    one = prepared(record, model)
    have = [name for name, there in zip(model.names, one.there, strict=True) if there]
    pairs = [(a, b) for a in model.targets for b in model.sources if a != b and {a, b} <= set(have)]
    if not pairs:
        said = f"{record.record_id} has {', '.join(have)}; a target of {list(model.targets)}"
        raise ValueError(f"{said} and a source of {list(model.sources)} beside it are needed")
    return one


def _shelved(one: Prepared, record: Record, model: ModelConfig, cache: Path | None) -> Prepared:
    """Return the same with its volumes in half precision, in memory or on the disk."""
    x = one.x.astype(np.float16)
    if cache is not None:
        digest = hashlib.sha256(model.model_dump_json().encode() + np.ascontiguousarray(x).tobytes()).hexdigest()
        cache.mkdir(parents=True, exist_ok=True)
        path = cache / f"{digest[:32]}.npy"
        if not path.is_file():
            partial = path.with_suffix(f".{record.record_id}.partial")
            with partial.open("wb") as file:
                np.save(file, x)
            partial.replace(path)
        x = np.load(path, mmap_mode="r")
    return Prepared(x, one.there, one.inside, one.labels, one.labelled, one.facts, one.scales, one.frame)


def _rows(patients: Patients, data: DataConfig) -> list[int]:
    """Return the record of each row: about `data.rows`, each source with its share, each patient at least once."""
    origin = np.asarray(patients.origin)
    counts = np.bincount(origin, minlength=len(data.sources))
    share = np.asarray(data.shares, float)[origin] / counts[origin] if data.shares else np.ones(len(origin))
    each = np.maximum(1, np.rint(share / share.sum() * data.rows)).astype(int)
    return [k for k, n in enumerate(each) for _ in range(int(n))]


def _place(sides: tuple[int, ...], data: DataConfig, rng: np.random.Generator) -> tuple[int, ...]:
    """Return the first voxel of a patch: in the middle and shifted a little, or anywhere where the patch is smaller."""
    at = []
    for side, patch in zip(sides, data.patch, strict=True):
        spare = side - patch
        middle = int(rng.integers(-data.shift, data.shift + 1)) + spare // 2
        at.append(middle if spare <= 0 else int(rng.integers(0, spare + 1)))
    return tuple(at)


def _window(volume: np.ndarray, at: tuple[int, ...], sides: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(sides, volume.dtype)
    first = [max(a, 0) for a in at]
    last = [min(a + side, whole) for a, side, whole in zip(at, sides, volume.shape, strict=True)]
    if all(b > a for a, b in zip(first, last, strict=True)):
        outer = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        inner = tuple(slice(a - o, b - o) for a, b, o in zip(first, last, at, strict=True))
        out[inner] = volume[outer]
    return out
