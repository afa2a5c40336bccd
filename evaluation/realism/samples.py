"""A cloud of feature vectors that knows whose each one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Num

FEWEST_PATIENTS = 10  # a side with fewer has no halves worth comparing


@dataclass(frozen=True)
class Sample:
    """Feature vectors.

    Attributes:
        x: features (n, d), finite; kept as float64.
        patients: whose each row is, n names. A name that stands on two sides is one patient.
    """

    x: Num[np.ndarray, "n d"]
    patients: Sequence[str]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: not (n, d), not one patient a row, or a value that is not finite.
        """
        x = np.asarray(self.x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] < 1:
            raise ValueError(f"features have the shape {x.shape}; they must be (rows, features)")
        if len(self.patients) != len(x):
            raise ValueError(f"{len(x)} rows of features name {len(self.patients)} patients; each row needs one")
        broken = int((~np.isfinite(x)).any(axis=1).sum())
        if broken:
            raise ValueError(f"{broken} of {len(x)} rows hold a value that is not finite; leave them out or fill them")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "patients", tuple(str(name) for name in self.patients))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.x)

    @property
    def n_patients(self) -> int:
        """Return how many patients there are."""
        return len(set(self.patients))

    def rows(self, index: Int[np.ndarray, " m"]) -> Sample:
        """Return some rows, in the order asked for."""
        return Sample(self.x[index], [self.patients[i] for i in index.tolist()])


def check_sides(first: Sample, second: Sample, names: tuple[str, str] = ("real", "synthetic")) -> None:
    """Refuse what cannot be compared.

    Raises:
        ValueError: fewer than ten patients on a side, or other numbers of features.
    """
    for sample, name in zip((first, second), names, strict=True):
        if sample.n_patients < FEWEST_PATIENTS:
            said = f"{sample.n_patients} {name} patients ({len(sample)} rows) are too few to compare"
            raise ValueError(f"{said}; at least {FEWEST_PATIENTS} are needed")
    if first.x.shape[1] != second.x.shape[1]:
        raise ValueError(f"{names[0]} rows have {first.x.shape[1]} features, {names[1]} rows {second.x.shape[1]}")


def standardised(by: Sample, *others: Sample) -> tuple[Sample, ...]:
    """Return `by` and the others less the mean of `by` and over its standard deviation, feature by feature.

    Distances between features of different units mean nothing without it. A feature that is constant in
    `by` is only shifted.
    """
    mean, sd = by.x.mean(axis=0), by.x.std(axis=0)
    scale = np.where(sd > 1e-12 * np.maximum(1, np.abs(mean)), sd, 1.0)
    return tuple(Sample((s.x - mean) / scale, s.patients) for s in (by, *others))
