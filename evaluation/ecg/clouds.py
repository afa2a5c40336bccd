"""Real and synthetic ECGs as clouds in the features of an encoder that was trained on the user's own real records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ...conditioning.record import Record, SignalGeometry
from ...generators.readout.ecg_encoder import EcgEncoder
from ..realism import Measured, Neighbours, Sample, compare_features, neighbours
from .delineation_task import patient_of

LEAST_S = 4.1  # of a record, so that the encoder has its crop of 4 s at any sampling rate


@dataclass(frozen=True)
class Clouds:
    """What an encoder says.

    Attributes:
        metrics: Fréchet distance, precision and its kin, and a discriminator's AUC, each with its floor.
        near: how near synthetic records lie to training records, against held-out real ones.
        pairs: (synthetic record, training record, distance, share of held-out records at least as near).
        n: (training, held-out, synthetic) records.
    """

    metrics: tuple[Measured, ...]
    near: Neighbours
    pairs: tuple[tuple[str, str, float, float], ...]
    n: tuple[int, int, int]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "metrics": [m.as_dict() for m in self.metrics],
            "closer": self.near.closer.as_dict(),
            "nearer": self.near.nearer.as_dict(),
            "pairs": self.pairs,
            "n": self.n,
        }


def clouds(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], *,
    seed: int = 0, steps: int = 400, resamples: int = 100, classifiers: Sequence[str] = ("logistic",),
    features: Sequence[np.ndarray] | None = None,
) -> Clouds:  # fmt: skip
    """Train the encoder on training records and compare synthetic with held-out ones.

    Args:
        training: real records that the generator, or its kernels, came from.
        held_out: real records of other patients.
        synthetic: what is judged.
        seed: of the encoder and of all resamples.
        steps: of the encoder's training.
        resamples: of each bootstrap.
        classifiers: which discriminators, of `realism.CLASSIFIERS`.
        features: of the three sides in an encoder that was trained before, by `seen_by_encoder`.

    Raises:
        ValueError: a patient stands on both real sides, or there are too few records.
    """
    three = (training, held_out, synthetic)
    if features is None:
        features = seen_by_encoder(*three, seed=seed, steps=steps)
    sides = [Sample(x, [patient_of(r) for r in records]) for x, records in zip(features, three, strict=True)]
    both = set(sides[0].patients) & set(sides[1].patients)
    if both:
        raise ValueError(f"{len(both)} patients are both trained on and held out ({min(both)!r} is one)")
    near = neighbours(*sides, seed=seed)
    pairs = tuple(
        (synthetic[p.synthetic].record_id, training[p.training].record_id, p.distance, p.held_out_nearer)
        for p in near.pairs
    )
    metrics = compare_features(
        sides[1], sides[2], seed=seed, resamples=resamples, classifiers=classifiers, trained_splits=10
    )
    return Clouds(metrics, near, pairs, (len(training), len(held_out), len(synthetic)))


def seen_by_encoder(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], *, seed: int, steps: int = 400
) -> list[Float[np.ndarray, "n d"]]:
    """Return the features of all sides in an encoder that learns on the training records.

    Raises:
        ValueError: fewer than ten training records, a lead is missing, or a record is too short.
    """
    encoder = EcgEncoder.trained(training, seed=seed, steps=steps)
    return [encoder.features(records) for records in (training, held_out, synthetic)]


def unseen(records: Sequence[Record]) -> str:
    """Return why the encoder cannot look at some of these records; empty where it can."""
    for record in records:
        geometry, x = record.geometry, record.arrays["signal"]
        if not isinstance(geometry, SignalGeometry) or not set(INDEPENDENT_LEADS) <= set(geometry.leads):
            return f"record {record.record_id} lacks some of the leads {', '.join(INDEPENDENT_LEADS)}"
        if x.shape[1] / geometry.fs_hz < LEAST_S:
            return f"record {record.record_id} lasts {x.shape[1] / geometry.fs_hz:.1f} s; {LEAST_S:g} s are needed"
    return ""
