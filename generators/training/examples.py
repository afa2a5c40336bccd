"""Data to train on: rows that make batches, and their split by patient."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int

from ...conditioning.dataset.schema import canonical
from ...conditioning.seeds import stream

_LOOKED_AT = 16  # rows whose content enters a fingerprint


@runtime_checkable
class Examples(Protocol):
    """Rows of a data set; a batch is a pure function of row numbers, so augmentation belongs into the loss.

    Attributes:
        patients: whose each row is, one name per row.
    """

    @property
    def patients(self) -> Sequence[str]:
        """Return the patient of each row."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return the rows' tensors, each (b, ...) on the CPU, real numbers as float32."""
        ...


class Subset:
    """Some rows of other examples."""

    def __init__(self, examples: Examples, rows: Int[np.ndarray, " n"]) -> None:
        """Keep `rows` of `examples`, in their order."""
        self._examples = examples
        self._rows = np.asarray(rows, np.int64)
        self.patients: Sequence[str] = [examples.patients[row] for row in self._rows.tolist()]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return the tensors of rows counted within the subset."""
        return self._examples.batch(self._rows[rows])


def split_by_patient(patients: Sequence[str], share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those to validate on, both sorted; no patient is on both sides.

    A patient's side is drawn from (seed, name), so it stays the same when other patients come or go. Where the draw
    leaves a side empty, the patient nearest to it changes over.

    Args:
        patients: one name per row.
        share: of the patients that validate, about; in (0, 1).
        seed: of the split.

    Raises:
        ValueError: fewer than two patients, or a share outside (0, 1).
    """
    names = sorted(set(patients))
    if not 0 < share < 1 or len(names) < 2:
        raise ValueError(f"cannot split {len(names)} patients with share {share}: give two or more, share in (0, 1)")
    drawn = {name: float(stream(seed, f"training.split/{name}").random()) for name in names}
    nearest = sorted(names, key=lambda name: (drawn[name], name))
    validates = {name for name in nearest[1:-1] if drawn[name] < share} | {nearest[0]}
    chosen = np.array([name in validates for name in patients])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def check_examples(train: Examples, validation: Examples | None) -> None:
    """Refuse data that cannot be trained on honestly.

    Raises:
        ValueError: no rows, a row without its patient, or a patient on both sides of the split.
    """
    for name, examples in (("training", train), ("validation", validation)):
        if examples is None:
            continue
        if len(examples) < 1:
            raise ValueError(f"the {name} data have no rows")
        if len(examples.patients) != len(examples):
            raise ValueError(f"the {name} data name {len(examples.patients)} patients for {len(examples)} rows")
    shared = set(train.patients) & set(validation.patients) if validation is not None else set()
    if shared:
        said = f"{len(shared)} patients are in both training and validation data ({min(shared)!r} is one)"
        raise ValueError(f"{said}; split by patient")


def fingerprint(examples: Examples | None) -> dict[str, Any] | None:
    """Return what tells data from other data: counts, a hash of whose the rows are, a hash of some rows' content."""
    if examples is None:
        return None
    n = len(examples)
    rows = np.unique(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
    digest = hashlib.sha256()
    batch = examples.batch(rows)
    for key in sorted(batch):
        value = batch[key].detach().cpu().contiguous()
        digest.update(canonical([key, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.numpy().tobytes())
    patients = hashlib.sha256(canonical(list(examples.patients)).encode()).hexdigest()
    return {
        "rows": n,
        "patients": len(set(examples.patients)),
        "patients_sha256": patients,
        "content_sha256": digest.hexdigest(),
    }
