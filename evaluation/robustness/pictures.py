"""Robustness as pictures: a measure against severity, corruption by corruption, and reliability diagrams."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..distributions import REAL, SYNTHETIC
from ..drawing import data_uri
from ..report import Picture
from .result import CLEAN, ENSEMBLE, MEAN, CalibrationRow, RobustnessResult

COLOURS = (REAL, SYNTHETIC, "#1d5c87", "#7b5ea7", "#4c8c4a")
MOST_BANDS = 3  # arms whose intervals can be told apart
_ACROSS = 4


def severity_picture(result: RobustnessResult, measure: str) -> Picture | None:
    """Return one small plot a corruption: the measure of every arm against severity; None without any figure."""
    from matplotlib.figure import Figure

    arms = [arm for arm in result.arms if not arm.endswith(ENSEMBLE)]
    rows = [r for r in result.scores if r.arm in arms and r.measure == measure and r.value.value is not None]
    names = list(dict.fromkeys(r.corruption for r in rows if r.corruption not in (CLEAN, MEAN)))
    if not names:
        return None
    down = math.ceil(len(names) / _ACROSS)
    figure = Figure(figsize=(9.2, 0.5 + 1.75 * down), facecolor="white")
    grid = figure.subplots(down, _ACROSS, squeeze=False, sharey=True)
    floor = next((r.floor for r in rows if r.corruption == CLEAN), None)
    for k, name in enumerate(names):
        axes = grid[k // _ACROSS, k % _ACROSS]
        levels = {r.severity: r.level for r in rows if r.corruption == name}
        for a, arm in enumerate(arms):
            line = sorted((r for r in rows if r.arm == arm and r.corruption in (CLEAN, name)), key=lambda r: r.severity)
            values = [r.value for r in line]
            at = [r.severity for r in line]
            low, high = [v.low or 0.0 for v in values], [v.high or 0.0 for v in values]
            axes.plot(at, [v.value or 0.0 for v in values], ".-", color=COLOURS[a % len(COLOURS)], lw=1.3, ms=4)
            if a == 0 or len(arms) <= MOST_BANDS:
                axes.fill_between(at, low, high, color=COLOURS[a % len(COLOURS)], alpha=0.15, lw=0)
        if floor is not None:
            axes.axhline(floor, color="#9aa5b1", lw=0.8, ls=":", zorder=0)
        axes.set_title(name, fontsize=8.5)
        axes.set_xticks([0, *levels], ["0", *levels.values()], fontsize=6)
        axes.tick_params(axis="y", labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for k in range(len(names), down * _ACROSS):
        grid[k // _ACROSS, k % _ACROSS].set_axis_off()
    for a, arm in enumerate(arms):
        grid[0, 0].plot([], [], color=COLOURS[a % len(COLOURS)], label=arm)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), fontsize=8, frameon=False, loc="upper right", ncols=5)
    figure.supylabel(measure, fontsize=8.5)
    figure.tight_layout(pad=0.5, rect=(0.01, 0, 1, 1 - 0.28 / figure.get_figheight()))
    return Picture(
        uri=data_uri(figure), alt=f"{measure} of each arm against the severity of each corruption",
        caption=f"{measure} against the size of each corruption, 0 clean; bands are 95 % over patients, of the "
        f"{'reference alone' if len(arms) > MOST_BANDS else 'arms'}. Dotted: a "
        "model that sees nothing. Attacks stand beside changes of the same size and random sign.", wide=True,
    )  # fmt: skip


def reliability_picture(rows: Sequence[CalibrationRow]) -> Picture | None:
    """Return one reliability diagram an arm; None without any bin."""
    from matplotlib.figure import Figure

    shown = [r for r in rows if r.bins and not r.arm.endswith(ENSEMBLE)]
    if not shown:
        return None
    figure = Figure(figsize=(2.3 * len(shown) + 0.3, 2.5), facecolor="white")
    grid = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for k, (axes, row) in enumerate(zip(grid, shown, strict=True)):
        axes.plot([0, 1], [0, 1], color="#9aa5b1", lw=0.8)
        for b in row.bins:  # two standard deviations of a share of so many rows, about what was claimed
            half = 1.96 * math.sqrt(max(b.claimed * (1 - b.claimed), 1e-9) / b.n)
            axes.plot([b.claimed] * 2, [b.claimed - half, b.claimed + half], color="#cbd2d9", lw=5,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot([b.claimed for b in row.bins], [b.true for b in row.bins], "o-", color=COLOURS[k % len(COLOURS)],
                  ms=4, lw=1)  # fmt: skip
        axes.set_title(row.arm, fontsize=8)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_xlabel("claimed", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("true", fontsize=8)
    figure.tight_layout(pad=0.5)
    return Picture(
        uri=data_uri(figure), alt="Reliability diagrams: share that was so against the probability that was claimed",
        caption="Ten bins of equally many clean rows. Bars: where 95 % of the shares lie if the claims are right.",
        wide=len(shown) > 1,
    )  # fmt: skip
