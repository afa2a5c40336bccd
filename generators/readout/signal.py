"""What the networks that read ECGs see of a trace: another rate, and a band without drift and mains."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.signal import butter, sosfiltfilt

from ...conditioning.readers.resample import resampled

BAND_HZ = (0.5, 40.0)


def band_limited(
    x: Float[np.ndarray, "leads samples"], fs_hz: float, new_fs_hz: float
) -> Float[np.ndarray, "leads new_samples"]:
    """Return leads at another rate, 0.5 to 40 Hz, without a shift in time.

    Raises:
        ValueError: the rates are too far apart.
    """
    sos = butter(2, BAND_HZ, "bandpass", fs=new_fs_hz, output="sos")
    return np.asarray(sosfiltfilt(sos, resampled(x.astype(np.float64), fs_hz, new_fs_hz), axis=-1))
