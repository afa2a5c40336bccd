"""Two samples in one small picture: histogram above, distribution function below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from .comparison import Feature
from .statistics import finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REAL, SYNTHETIC = "#52606d", "#c2410c"  # told apart by lightness too, for print and colour blindness
BINS = 24


def distribution_figure(feature: Feature, real: Float[np.ndarray, " n"], synthetic: Float[np.ndarray, " m"]) -> Figure:
    """Return histogram and empirical distribution function of real and synthetic values.

    The horizontal axis spans the central 99 % of both samples.
    """
    from matplotlib.figure import Figure

    real, synthetic = finite(real), finite(synthetic)
    figure = Figure(figsize=(3.3, 2.9), facecolor="white")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    edges = _edges(real, synthetic)
    _histogram(top, real, synthetic, edges)
    for x, colour, style in ((real, REAL, "-"), (synthetic, SYNTHETIC, "--")):
        if len(x):
            bottom.plot(np.sort(x), np.arange(1, len(x) + 1) / len(x), color=colour, ls=style, lw=1.3)
    bottom.set(ylim=(0, 1), yticks=(0, 0.5, 1), xlim=(edges[0], edges[-1]))
    unit = f" ({feature.unit})" if feature.unit else ""
    top.set_title(f"{feature.label}{unit}", size=9, loc="left")
    top.set_yticks([])
    for axes in (top, bottom):
        axes.tick_params(labelsize=7.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(pad=0.4)
    return figure


def _edges(real: np.ndarray, synthetic: np.ndarray) -> np.ndarray:
    both = [np.quantile(x, [0.005, 0.995]) for x in (real, synthetic) if len(x)]
    low, high = (min(b[0] for b in both), max(b[1] for b in both)) if both else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _histogram(axes: Axes, real: np.ndarray, synthetic: np.ndarray, edges: np.ndarray) -> None:
    if len(real):
        axes.hist(real, list(edges), density=True, color=REAL, alpha=0.35, label=f"real, n = {len(real)}")
    if len(synthetic):
        axes.hist(
            synthetic, list(edges), density=True, histtype="step", color=SYNTHETIC, lw=1.5,
            label=f"synthetic, n = {len(synthetic)}",
        )  # fmt: skip
    axes.legend(fontsize=6.5, frameon=False, handlelength=1.2)
