"""Beats as the network takes them: stacked, scaled, and padded to one number with a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from .beats import Beats

CHANNELS = 9
UNIT_UV = 100.0
_CLIP = 20.0  # in units: 2 mV
_USUAL_RR_S = 0.85


def scaled(beats: Beats) -> Float[np.ndarray, "beats 9 samples"]:
    """Return I, II, V1-V6 in units of 100 uV, clipped softly at 2 mV, and RR as a constant channel.

    RR is 3 log(RR / 0.85 s): 0 at 71 beats per minute, 1 at 51.
    """
    n, _, samples = beats.x_uv.shape
    out = np.empty((n, CHANNELS, samples), np.float32)
    out[:, :8] = _CLIP * np.tanh(beats.x_uv / (UNIT_UV * _CLIP))
    out[:, 8] = 3 * np.log(np.clip(beats.rr_s, 0.2, 4.0) / _USUAL_RR_S)[:, None]
    return out


def stack(
    rows: Sequence[Beats], beats: int
) -> tuple[Float[np.ndarray, "rows beats 9 samples"], Bool[np.ndarray, "rows beats"]]:
    """Return the first `beats` beats of each row, padded with zeros, and the mask of those that are there.

    Raises:
        ValueError: there is no row, or `beats` is below 1.
    """
    if not rows or beats < 1:
        raise ValueError(f"{len(rows)} rows of {beats} beats: at least one of each is needed")
    signal = np.zeros((len(rows), beats, CHANNELS, rows[0].x_uv.shape[-1]), np.float32)
    mask = np.zeros((len(rows), beats), bool)
    for k, row in enumerate(rows):
        n = min(len(row), beats)
        signal[k, :n] = scaled(row.part(0, n))
        mask[k, :n] = True
    return signal, mask
