"""An encoder of 12-lead ECGs that needs no labels: crops of one record lie together, those of others apart.

Trained on the user's own real records, it sees what tells one heart and recorder from another, which
is what a copy or a fake would give away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from ...conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ...conditioning.record import Record, SignalGeometry
from .signal import band_limited
from .supervised import Schedule, initialise, train

FS_HZ = 125.0
CROP = 500  # samples: 4 s
BATCH = 32
WIDTHS = (16, 24, 32, 48)
FEATURES = 24
TEMPERATURE = 0.2


class EcgEncoderNetwork(nn.Module):
    """(batch, 8, samples) at 125 Hz in mV -> (batch, 24): mean and spread over time of the last layer, mixed."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in zip((len(INDEPENDENT_LEADS), *WIDTHS[:-1]), WIDTHS, strict=True):
            layers += [nn.Conv1d(a, b, 7, stride=2, padding=3), nn.GroupNorm(4, b), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.features = nn.Linear(2 * WIDTHS[-1], FEATURES)
        self.projection = nn.Sequential(nn.SiLU(), nn.Linear(FEATURES, FEATURES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        features: torch.Tensor = self.features(torch.cat([y.mean(-1), y.std(-1)], dim=1))
        return features


@dataclass(frozen=True)
class EcgEncoder:
    """A trained encoder."""

    network: nn.Module

    @classmethod
    def trained(cls, records: Sequence[Record], *, seed: int = 0, steps: int = 400) -> EcgEncoder:
        """Return an encoder trained on records by contrast.

        Args:
            records: real ECGs with I, II and V1 to V6, of 5 s or more, one or more a patient.
            seed: of weights and batches.
            steps: of the training, about 30 ms each on one core.

        Raises:
            ValueError: fewer than ten records, a lead is missing, or a record is too short.

        Source: Chen et al. 2020, arXiv 2002.05709 (NT-Xent).
        """
        if len(records) < 10:
            raise ValueError(f"{len(records)} real records cannot train an encoder; ten are needed at least")
        signals = [prepared(record) for record in records]

        def batch(rng: np.random.Generator) -> Mapping[str, torch.Tensor]:
            rows = rng.choice(len(signals), size=min(BATCH, len(signals)), replace=False)
            pairs = [[_crop(signals[row], rng) for row in rows] for _ in range(2)]
            return {"x": torch.from_numpy(np.stack([*pairs[0], *pairs[1]]))}

        network = initialise(EcgEncoderNetwork, seed)
        return cls(train(network, batch, _contrast, Schedule(steps, learning_rate=2e-3), seed))

    def features(self, records: Sequence[Record]) -> Float[np.ndarray, "records 24"]:
        """Return the features of records: the mean over crops that overlap by half."""
        rows = []
        for record in records:
            x = prepared(record)
            starts = range(0, x.shape[1] - CROP + 1, CROP // 2)
            crops = np.stack([x[:, s : s + CROP] for s in starts])
            with torch.inference_mode():
                rows.append(self.network(torch.from_numpy(crops)).double().mean(0).numpy())
        return np.stack(rows)


def prepared(record: Record) -> Float[np.ndarray, "8 samples"]:
    """Return I, II and V1 to V6 at 125 Hz, 0.5 to 40 Hz, in mV.

    Raises:
        ValueError: not such an ECG.
    """
    geometry = record.geometry
    if not isinstance(geometry, SignalGeometry) or not set(INDEPENDENT_LEADS) <= set(geometry.leads):
        raise ValueError(f"record {record.record_id} lacks some of the leads {', '.join(INDEPENDENT_LEADS)}")
    rows = [geometry.leads.index(lead) for lead in INDEPENDENT_LEADS]
    x = np.nan_to_num(np.asarray(record.arrays["signal"], dtype=np.float64)[rows])
    x = band_limited(x, geometry.fs_hz, FS_HZ)
    if x.shape[1] < CROP:
        raise ValueError(f"record {record.record_id} lasts {x.shape[1] / FS_HZ:.1f} s; the encoder needs 4 s")
    return x.astype(np.float32)


def _crop(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return 4 s from anywhere, a little louder or softer."""
    start = int(rng.integers(x.shape[1] - CROP + 1))
    return x[:, start : start + CROP] * np.float32(np.exp(0.05 * rng.standard_normal()))


def _contrast(network: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    z = nn.functional.normalize(network.projection(network(batch["x"])), dim=1)
    n = len(z) // 2
    likeness = z @ z.T / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return nn.functional.cross_entropy(likeness, partner)
