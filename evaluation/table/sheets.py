"""What is shown of a table's records: real and synthetic side by side, the first of each class, never picked by looks.

The word SYNTHETIC stands beside the pictures and never in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..distributions import REAL, SYNTHETIC
from ..drawing import data_uri
from ..radiograph.pictures import GAP_IN, LEAST_IN, TILE_IN
from ..report import Picture
from .arrays import Cohort, Compared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = 5  # images a side in a row
MOST_ROWS = 8
STRIPS = 4  # signals a side
MOST_LEADS = 3
MOST_S = 10.0
HEADS = ("real", "SYNTHETIC")
_DPI = 110
_GUTTER, _TOP, _BETWEEN, _WORDS = 1.25, 0.32, 0.25, 0.17


def contact_sheet(sides: Compared) -> Picture:
    """Return the first records of each class, real ones on the left and synthetic ones on the right."""
    return {"image": _images, "volume": _volumes, "signal": _signals}[sides.kind](sides)


def rows_of(real: Cohort, synthetic: Cohort, most: int, across: int) -> list[tuple[str, list[int], list[int]]]:
    """Return (class, real records, synthetic records) to show: the classes of both sides, the commonest first.

    Where neither side states a class, the first records stand in rows of `across`.
    """
    counts = [Counter(word for c in side.conditions for word in c.classes or ()) for side in (real, synthetic)]
    words = sorted(set(counts[0]) | set(counts[1]), key=lambda w: (-min(c[w] for c in counts), w))[:most]
    if words:
        return [(word, _bearing(real, word)[:across], _bearing(synthetic, word)[:across]) for word in words]
    starts = range(0, min(3 * across, max(len(real), len(synthetic))), across)
    return [("", list(range(len(real)))[s : s + across], list(range(len(synthetic)))[s : s + across]) for s in starts]


def _bearing(side: Cohort, word: str) -> list[int]:
    return [i for i, c in enumerate(side.conditions) if word in (c.classes or ())]


def _images(sides: Compared) -> Picture:
    rows = rows_of(sides.real, sides.synthetic, MOST_ROWS, ACROSS)
    lines = [(name, [[side.x[i] for i in at] for side, at in _pairs(sides, a, b)]) for name, a, b in rows]
    figure = _grid(lines, ACROSS, TILE_IN)
    shown = ", ".join(name for name, *_ in rows if name)
    return Picture(
        uri=data_uri(figure, "png"),
        alt=f"Real and synthetic images side by side{': ' + shown if shown else ''}",
        caption="Left: real. Right: SYNTHETIC. The first records of each class in the order of the data. An empty "
        "place: there is no more.",
        wide=True,
    )


def _pairs(sides: Compared, real: Sequence[int], synthetic: Sequence[int]) -> list[tuple[Cohort, Sequence[int]]]:
    return [(sides.real, real), (sides.synthetic, synthetic)]


def _volumes(sides: Compared) -> Picture:
    rows = rows_of(sides.real, sides.synthetic, 4, 2)
    lines = []
    for name, a, b in rows:
        for k in range(max(len(a), len(b))):
            cells = [
                [piece for i in at[k : k + 1] for piece in mid_slices(side.x[i])] for side, at in _pairs(sides, a, b)
            ]
            lines.append((name, cells))
    figure = _grid(lines, 3, 1.45)
    return Picture(
        uri=data_uri(figure, "png"),
        alt="Three middle slices of real and of synthetic volumes side by side",
        caption="Left: real. Right: SYNTHETIC. The middle slices across the third, the second and the first axis; of "
        "NIfTI files axial, coronal and sagittal, the patient's right on the left. The first records of each "
        "class in the order of the data.",
        wide=True,
    )


def mid_slices(volume: np.ndarray) -> list[np.ndarray]:
    """Return the middle slices across z, y and x, front or head upwards and the first axis from right to left."""
    x, y, z = (n // 2 for n in volume.shape)
    return [volume[::-1, ::-1, z].T, volume[::-1, y, ::-1].T, volume[x, :, ::-1].T]


def _grid(lines: Sequence[tuple[str, Sequence[Sequence[np.ndarray]]]], across: int, edge: float) -> Figure:
    """Return pictures in a grid: a line's words, its real ones, its synthetic ones."""
    from matplotlib.figure import Figure

    half = across * (edge + GAP_IN)
    width = max(LEAST_IN, _GUTTER + 2 * half + _BETWEEN)
    gutter = width - 2 * half - _BETWEEN
    height = _TOP + len(lines) * (edge + GAP_IN)
    figure = Figure(figsize=(width, height), facecolor="white", dpi=_DPI)
    starts = (gutter, gutter + half + _BETWEEN)
    for start, head, colour in zip(starts, HEADS, ("black", SYNTHETIC), strict=True):
        x = (start + half / 2) / width
        figure.text(x, 1 - 0.07 / height, head, size=9.5, weight="bold", ha="center", va="top", color=colour)
    for line, (name, cells) in enumerate(lines):
        y = height - _TOP - line * (edge + GAP_IN) - edge
        label = _wrapped(name)
        figure.text((gutter - 0.12) / width, (y + edge / 2) / height, label, size=8.5, va="center", ha="right")
        for start, pictures in zip(starts, cells, strict=True):
            for k, picture in enumerate(pictures):
                place = (start + k * (edge + GAP_IN)) / width, y / height, edge / width, edge / height
                axes = figure.add_axes(place)
                axes.set_axis_off()
                axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="bicubic", aspect="auto")
    return figure


def _wrapped(text: str, at: int = 15) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text.replace("_", " "), at)[:4])


def _signals(sides: Compared) -> Picture:
    from matplotlib.figure import Figure

    leads = list(range(min(MOST_LEADS, len(sides.leads))))
    rows = rows_of(sides.real, sides.synthetic, STRIPS, 1)
    if not rows[0][0]:
        rows = [("", [k], [k]) for k in range(min(STRIPS, len(sides.real), len(sides.synthetic)))]
    n = min(sides.real.x.shape[2], round(MOST_S * sides.fs_hz))
    time_s = np.arange(n) / sides.fs_hz
    figure = Figure(figsize=(LEAST_IN, 0.5 + 1.25 * len(rows)), facecolor="white")
    grid = figure.subplots(len(rows), 2, squeeze=False, sharex=True, sharey=True)
    step = float(np.quantile(np.abs(sides.real.x - np.median(sides.real.x, axis=2, keepdims=True)), 0.999)) * 1.6 or 1.0
    for line, (name, a, b) in enumerate(rows):
        axes_of_row = grid[line]
        for axes, (side, at), head, colour in zip(
            axes_of_row, _pairs(sides, a, b), HEADS, (REAL, SYNTHETIC), strict=True
        ):
            for i in at[:1]:
                for lead in leads:
                    y = side.x[i, lead, :n]
                    axes.plot(time_s, y - np.median(y) - lead * step, color=colour, lw=0.7)
            if line == 0:
                axes.set_title(head, fontsize=9.5, weight="bold", color="black" if head == "real" else SYNTHETIC)
            axes.set_yticks([-lead * step for lead in leads], [sides.leads[lead] for lead in leads], fontsize=7)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=7)
        if name:
            axes_of_row[0].set_ylabel(_wrapped(name), fontsize=8, rotation=0, ha="right", va="center", labelpad=6)
    for axes in grid[-1]:
        axes.set_xlabel("s", fontsize=8)
    figure.tight_layout(pad=0.4)
    more = "" if len(leads) == len(sides.leads) else f" The first {len(leads)} of {len(sides.leads)} leads."
    return Picture(
        uri=data_uri(figure),
        alt="Strips of real and synthetic signals side by side",
        caption="Left: real. Right: SYNTHETIC. The first record of each class in the order of the data, on one scale; "
        f"leads stand {step:.3g} {sides.unit} apart.{more}",
        wide=True,
    )
