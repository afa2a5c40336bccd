"""ECGs as obedience reads them: an encoder's features beside what a program measures of rates, waves and spectra.

Measurements read rhythms and findings far better than an encoder that learns without labels; what cannot be measured is
a feature too. Nothing that a condition says has a part in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from .intervals import FEATURES
from .measurement import Measurement

ABOUT = "what a program measures of rates, intervals, waves and spectra"


def reading_features(
    seen: Sequence[Float[np.ndarray, "n d"]], measured: Sequence[Sequence[Measurement]]
) -> list[Float[np.ndarray, "n e"]]:
    """Return features of all sides: as they are seen, measured values, and which values are missing.

    Args:
        seen: features of the training records first, then of the other sides.
        measured: measurements of the same records; a value that is missing becomes the training records' median.
    """
    x = [_values(side) for side in measured]
    known = np.isfinite(x[0]).any(axis=0)
    x = [side[:, known] for side in x]
    middle = np.nanmedian(x[0], axis=0)
    return [
        np.concatenate([rows, np.where(np.isfinite(v), v, middle), ~np.isfinite(v)], axis=1)
        for rows, v in zip(seen, x, strict=True)
    ]


def _values(measured: Sequence[Measurement]) -> Float[np.ndarray, "n f"]:
    return np.array([[m.features[f.name] for f in FEATURES] for m in measured], dtype=np.float64)
