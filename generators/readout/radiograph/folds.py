"""Divides records by patient, so that nobody is read by a network that saw them in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ....conditioning.seeds import stream


def patient_folds(patients: Sequence[str], folds: int, seed: int) -> Int[np.ndarray, " n"]:
    """Return the fold of each record: a patient's lie in one, and folds hold about as many records each.

    Args:
        patients: whose each record is.
        folds: how many; 2 or more.
        seed: of the order in which patients are dealt out.

    Raises:
        ValueError: fewer patients than folds.
    """
    names, counts = np.unique(np.asarray(patients), return_counts=True)
    if len(names) < folds:
        raise ValueError(f"{len(names)} patients cannot be divided into {folds} folds")
    order = stream(seed, "readout.folds").permutation(len(names))
    load, fold = np.zeros(folds), {}
    for k in sorted(order, key=lambda k: -counts[k]):
        fold[names[k]] = int(load.argmin())
        load[fold[names[k]]] += counts[k]
    return np.array([fold[name] for name in np.asarray(patients)], dtype=np.int64)


def patient_weights(patients: Sequence[str]) -> Float[np.ndarray, " n"]:
    """Return what each record counts: one over the root of its patient's records, so that no patient rules."""
    _, index, counts = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    weight: np.ndarray = 1 / np.sqrt(counts[index])
    return weight
