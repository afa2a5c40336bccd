"""Mean spectra of real and synthetic ECGs, with the floor as a band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ..comparison import SPLITS
from ..distributions import REAL, SYNTHETIC
from .spectrum import FREQUENCIES_HZ, half_differences_db, mean_db

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrum_figure(
    real: Float[np.ndarray, "n bins"], synthetic: Float[np.ndarray, "m bins"], *, seed: int, size: int
) -> Figure:
    """Return both mean log spectra; the band is where the mean of half of the real records lies.

    Args:
        real: dB at FREQUENCIES_HZ, one row a record.
        synthetic: likewise.
        seed: seed of the halves.
        size: records in a half.
    """
    from matplotlib.figure import Figure

    gap = half_differences_db(real, range(seed, seed + SPLITS), size)
    low, high = np.quantile(gap, [0.025, 0.975], axis=0)
    middle = mean_db(real)
    figure = Figure(figsize=(9, 3.4), facecolor="white")
    axes = figure.subplots()
    f = FREQUENCIES_HZ
    axes.fill_between(f, middle + low, middle + high, color=REAL, alpha=0.3, lw=0, label="real against real, 95 %")
    axes.plot(f, middle, color=REAL, lw=1.4, label=f"real, mean of {len(real)}")
    axes.plot(f, mean_db(synthetic), color=SYNTHETIC, ls="--", lw=1.4, label=f"synthetic, mean of {len(synthetic)}")
    axes.set(xscale="log", xlim=(f[0], f[-1]), xlabel="Hz", ylabel="dB over the mean of 1 to 40 Hz")
    ticks = [0.25, 0.5, 1, 2, 5, 10, 20, 40, 50, 60, 100, 150]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks], size=7.5)
    axes.minorticks_off()
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    figure.tight_layout(pad=0.5)
    return figure
