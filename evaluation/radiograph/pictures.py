"""Radiographs on a page: sheets of real beside synthetic ones, closest pairs, and the curves behind the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ..distributions import REAL, SYNTHETIC
from ..drawing import data_uri
from ..realism.texture import frequencies, radial_spectra_db
from ..report import Picture
from .obedience import ObedienceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TILE_IN = 0.95  # edge of an image on a sheet, in inches
GAP_IN = 0.06
LEAST_IN = 11.0  # width of a sheet: a page shows all of them equally wide


@dataclass(frozen=True)
class Tile:
    """One image on a sheet.

    Attributes:
        image: (h, w), 0 to 1; None leaves the place empty.
        below: a word under it.
    """

    image: Float[np.ndarray, "h w"] | None
    below: str = ""


def sheet(
    rows: Sequence[tuple[str, Sequence[Tile]]], heads: Sequence[tuple[str, int]], alt: str, caption: str = ""
) -> Picture:
    """Return images in a grid as a PNG, scaled up bicubically.

    Args:
        rows: (label, tiles), all of as many tiles.
        heads: (title, tiles it spans) over the columns.
        alt: what it shows in words.
        caption: shown below.
    """
    from matplotlib.figure import Figure

    wide, below = sum(n for _, n in heads), any(t.below for _, tiles in rows for t in tiles)
    step_y = TILE_IN + GAP_IN + (0.17 if below else 0)
    gutter, top = 1.35, 0.3
    gaps = 0.15 * (len(heads) - 1)
    width = max(LEAST_IN, gutter + wide * (TILE_IN + GAP_IN) + gaps)
    height = top + len(rows) * step_y
    figure = Figure(figsize=(width, height), facecolor="white", dpi=110)
    starts = _starts(heads, gutter)
    canvas = np.ones((round(height * figure.dpi), round(width * figure.dpi)), np.float32)
    for r, (label, tiles) in enumerate(rows):
        y = height - top - r * step_y - TILE_IN
        figure.text(0.05 / width, (y + TILE_IN / 2) / height, label, size=8.5, va="center", wrap=True)
        for x, tile in zip(starts, tiles, strict=True):
            _draw(canvas, tile, round(x * figure.dpi), round((height - y - TILE_IN) * figure.dpi), figure.dpi)
            figure.text((x + TILE_IN / 2) / width, (y - 0.02) / height, tile.below, size=6.5, ha="center", va="top")
    axes = figure.add_axes((0, 0, 1, 1), zorder=-1)
    axes.set_axis_off()
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    at = 0
    for title, n in heads:
        middle = (starts[at] + starts[at + n - 1] + TILE_IN) / 2
        figure.text(middle / width, 1 - 0.07 / height, title, size=9, weight="bold", ha="center", va="top")
        at += n
    return Picture(uri=data_uri(figure, "png"), alt=alt, caption=caption, wide=True, of="both")


def _starts(heads: Sequence[tuple[str, int]], gutter: float) -> list[float]:
    starts, x = [], gutter
    for _, n in heads:
        starts += [x + k * (TILE_IN + GAP_IN) for k in range(n)]
        x += n * (TILE_IN + GAP_IN) + 0.15
    return starts


def _draw(canvas: Float[np.ndarray, "h w"], tile: Tile, left: int, top: int, dpi: float) -> None:
    """Put an image on the sheet's pixels: an axes for each would take most of the time that a page takes."""
    if tile.image is None:
        return
    from PIL import Image

    edge = round(TILE_IN * dpi)
    image = Image.fromarray(np.asarray(tile.image, np.float32)).resize((edge, edge), Image.Resampling.BICUBIC)
    there = canvas[max(top, 0) : top + edge, left : left + edge]
    there[:] = np.clip(np.asarray(image), 0, 1)[: there.shape[0], : there.shape[1]]


def curves_picture(real: Float[np.ndarray, "n h w"], synthetic: Float[np.ndarray, "m h w"]) -> Picture:
    """Return grey levels and radial power spectra of both sides: mean, and the middle half of images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 2.9), facecolor="white")
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, 65)
    for x, colour, style, name in ((real, REAL, "-", "real"), (synthetic, SYNTHETIC, "--", "synthetic")):
        shares = np.histogram(x, edges)[0] / x.size
        left.plot((edges[1:] + edges[:-1]) / 2, 100 * shares, color=colour, ls=style, label=f"{name}, n = {len(x)}")
        spectra, at = radial_spectra_db(x), frequencies(x.shape[-1])
        right.plot(at, spectra.mean(axis=0), color=colour, ls=style)
        right.fill_between(at, *np.quantile(spectra, [0.25, 0.75], axis=0), color=colour, alpha=0.15, lw=0)
    left.set(xlabel="grey level (1 is white)", ylabel="% of pixels", xlim=(0, 1))
    right.set(xlabel="spatial frequency (cycles per pixel)", ylabel="dB of the image's power")
    left.legend(fontsize=8, frameon=False)
    _plain(figure.axes)
    figure.tight_layout(pad=0.5)
    return Picture(
        uri=data_uri(figure),
        alt="Grey levels and radial power spectra of real and synthetic radiographs",
        caption="Left: all pixels. Right: power in rings of equal spatial frequency; bands hold the middle half.",
        wide=True,
    )


def obedience_picture(rows: Sequence[ObedienceRow]) -> Picture:
    """Return every attribute's area under the ROC curve between its floor and its ceiling."""
    from matplotlib.figure import Figure

    shown = [r for r in rows if r.metric == "auroc"][::-1]
    figure = Figure(figsize=(7.2, 0.7 + 0.27 * len(shown)), facecolor="white")
    axes = figure.subplots()
    for y, row in enumerate(shown):
        if row.floor.low is not None and row.floor.high is not None:
            axes.plot([row.floor.low, row.floor.high], [y, y], color="#cbd2d9", lw=7, solid_capstyle="butt")
        for part, colour, mark, up in ((row.ceiling, REAL, "s", 0.16), (row.synthetic, SYNTHETIC, "o", -0.16)):
            if part.value is not None and part.low is not None and part.high is not None:
                axes.plot([part.low, part.high], [y + up, y + up], color=colour, lw=1.4)
                axes.plot([part.value], [y + up], mark, color=colour, ms=4.5, mfc="white" if row.small else colour)
    axes.set_yticks(range(len(shown)), [r.label for r in shown])
    axes.set(xlim=(0, 1.02), ylim=(-0.7, len(shown) - 0.3), xlabel="area under the ROC curve")
    axes.axvline(0.5, color="#9aa5b1", lw=0.8, zorder=0)
    _plain(figure.axes)
    figure.tight_layout(pad=0.5)
    return Picture(
        uri=data_uri(figure),
        alt="Area under the ROC curve of each attribute: synthetic images, held-out real ones, shuffled conditions",
        caption="Orange dot: synthetic images. Grey square: the same judge on held-out real images (ceiling). Grey "
        "bar: shuffled conditions (floor). Hollow marks: few images.",
        wide=True,
    )


def distances_picture(real: Sequence[float], synthetic: Sequence[float], by: str) -> Picture:
    """Return the distances to the nearest training image of held-out real and of synthetic images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 2.4), facecolor="white")
    axes = figure.subplots()
    edges = np.linspace(0, max(*real, *synthetic) * 1.02 or 1.0, 33).tolist()
    axes.hist(real, edges, density=True, color=REAL, alpha=0.35, label=f"held-out real, n = {len(real)}")
    axes.hist(
        synthetic,
        edges,
        density=True,
        histtype="step",
        color=SYNTHETIC,
        lw=1.5,
        label=f"synthetic, n = {len(synthetic)}",
    )
    axes.axvline(float(np.quantile(real, 0.01)), color=REAL, lw=1, ls=":")
    axes.set(xlabel="distance to the nearest training image", yticks=[])
    axes.legend(fontsize=7, frameon=False)
    _plain(figure.axes)
    figure.tight_layout(pad=0.5)
    name = "aligned pixels" if by == "pixels" else "the encoder"
    return Picture(
        uri=data_uri(figure),
        alt=f"Distances to the nearest training image by {name}, of held-out real and of synthetic images",
        caption=f"By {name}. Dotted: the held-out's 1st percentile.",
    )


def _plain(axes: Sequence[Axes]) -> None:
    for a in axes:
        a.tick_params(labelsize=8)
        a.xaxis.label.set_fontsize(8.5)
        a.yaxis.label.set_fontsize(8.5)
        a.spines[["top", "right"]].set_visible(False)
