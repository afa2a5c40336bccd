"""A brain as the segmenter takes it: each contrast with mean 0 and deviation 1 in the brain, and 0 outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Num, UInt8

from ....conditioning.mri.contrasts import CONTRASTS, Contrast

MULTIPLE = 4  # the network halves twice


@dataclass(frozen=True)
class Scan:
    """One brain.

    Attributes:
        x: (contrast, z, y, x), in the order of `CONTRASTS`; the last axis runs from left to right, the one that may
            be mirrored.
        labels: (z, y, x): 1 necrosis, 2 oedema, 3 enhancing; None where nobody drew them.
    """

    x: Float32[np.ndarray, "contrast z y x"]
    labels: UInt8[np.ndarray, "z y x"] | None = None


def scan_of(
    volumes: Mapping[Contrast, Num[np.ndarray, "x y z"]],
    brain: Bool[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"] | None = None,
) -> Scan:
    """Return volumes on any scale as a scan.

    A volume that is 0 in the whole brain stays 0: a contrast that is not there.

    Raises:
        ValueError: a contrast is not among the volumes.
    """
    absent = [c for c in CONTRASTS if c not in volumes]
    if absent:
        raise ValueError(f"the segmenter takes all of {', '.join(CONTRASTS)}; {', '.join(absent)} is not there")
    x = np.stack([_standard(np.asarray(volumes[c], dtype=np.float32), brain).T for c in CONTRASTS])
    return Scan(np.ascontiguousarray(x), None if labels is None else np.ascontiguousarray(labels.T))


def _standard(volume: Float32[np.ndarray, "x y z"], brain: Bool[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
    inside = volume[brain]
    deviation = float(inside.std())
    if deviation == 0:
        return np.zeros_like(volume)
    return np.where(brain, (volume - inside.mean()) / deviation, 0).astype(np.float32)


def padded(x: Num[np.ndarray, "*batch z y x"], least: int = MULTIPLE) -> Num[np.ndarray, "*batch zz yy xx"]:
    """Return arrays with zeros behind their last three axes, up to a multiple of 4 that is no less than `least`."""
    more = [max(-n % MULTIPLE, least - n) for n in x.shape[-3:]]
    return np.pad(x, [(0, 0)] * (x.ndim - 3) + [(0, m) for m in more])
