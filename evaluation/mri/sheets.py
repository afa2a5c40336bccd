"""Slices of real and made contrasts with their error beside them; SYNTHETIC stands over what was made.

The slice is the one with the most tumour, else the middle of the brain: it is not picked by the looks of what was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ..distributions import SYNTHETIC
from ..drawing import data_uri
from ..report import Picture
from .paired import on_one_scale
from .pairs import Pair

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 8  # pairs that are shown
ERROR_TO = 0.4  # of the range: what the error map shows brightest
_TILE_IN, _GAP_IN, _LEFT_IN, _TOP_IN = 1.65, 0.06, 1.15, 0.3
_DPI = 110


def error_sheet(pairs: Sequence[Pair]) -> Picture:
    """Return the first pairs, a row each: real, made, absolute error, and the uncertainty where there is one."""
    shown = pairs[:MOST]
    spread = any(p.uncertainty is not None for p in shown)
    heads = ("real", "SYNTHETIC", "error of it", *(("uncertainty of it",) if spread else ()))
    figure = _grid([(_words(p), tiles(p)[: len(heads)]) for p in shown], heads)
    more = "" if len(pairs) <= MOST else f" The first {MOST} of {len(pairs)} pairs."
    caption = (
        "Axial slices with the most tumour, else through the middle of the brain; the patient's right on the left. "
        "Real and made on the real volume's scale; the error, and the standard deviation of the samples, from 0 to "
        f"{ERROR_TO:g} of that range.{more}"
    )
    alt = "Real and SYNTHETIC slices with error maps: " + ", ".join(p.name for p in shown)
    return Picture(uri=data_uri(figure, "png"), alt=alt, caption=caption, wide=True, of="both")


def slice_of(pair: Pair) -> int:
    """Return the axial slice that is shown: the one with the most tumour, else the middle one of the brain."""
    case = pair.case
    if case.labels is not None and (case.labels > 0).any():
        return int((case.labels > 0).sum(axis=(0, 1)).argmax())
    held = np.flatnonzero(case.brain.any(axis=(0, 1)))
    return int(held[len(held) // 2])


def tiles(pair: Pair) -> list[Float[np.ndarray, "rows columns"] | None]:
    """Return real, made, error and uncertainty of the slice, as pictures from 0 to 1; None without an uncertainty."""
    case, z = pair.case, slice_of(pair)
    made, real = on_one_scale(pair.made / case.tops[pair.contrast], case.volumes[pair.contrast], case.brain)
    error = np.abs(made - real) * case.brain / ERROR_TO
    cells = [_upright(v[:, :, z]) for v in (real, made, np.clip(error, 0, 1))]
    if pair.uncertainty is None:
        return [*cells, None]
    spread = pair.uncertainty * case.brain / case.tops[pair.contrast] / ERROR_TO
    return [*cells, _upright(np.clip(spread, 0, 1)[:, :, z])]


def _upright(plane: Float[np.ndarray, "x y"]) -> Float[np.ndarray, "rows columns"]:
    """Return a slice with the front upwards and the patient's right on the left."""
    return np.asarray(plane[:, ::-1].T)


def _words(pair: Pair) -> str:
    inputs = " + ".join(pair.inputs)
    return f"{pair.case.patient}\n{pair.contrast}" + (f"\nfrom {inputs}" if inputs else "")


def _grid(rows: Sequence[tuple[str, Sequence[np.ndarray | None]]], heads: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    step = _TILE_IN + _GAP_IN
    width, height = _LEFT_IN + len(heads) * step, _TOP_IN + len(rows) * step
    figure = Figure(figsize=(width, height), facecolor="white", dpi=_DPI)
    for k, head in enumerate(heads):
        x = (_LEFT_IN + k * step + _TILE_IN / 2) / width
        colour = SYNTHETIC if head == "SYNTHETIC" else "black"
        figure.text(x, 1 - 0.06 / height, head, size=9.5, weight="bold", ha="center", va="top", color=colour)
    for row, (words, cells) in enumerate(rows):
        low = height - _TOP_IN - row * step - _TILE_IN
        text = words.replace(" + ", "\n+ ")
        figure.text((_LEFT_IN - 0.1) / width, (low + _TILE_IN / 2) / height, text, size=8, ha="right", va="center")
        for k, cell in enumerate(cells):
            if cell is None:
                continue
            axes = figure.add_axes(
                ((_LEFT_IN + k * step) / width, low / height, _TILE_IN / width, _TILE_IN / height), facecolor="black"
            )
            axes.set_xticks([])
            axes.set_yticks([])
            axes.imshow(cell, cmap="gray" if k < 2 else "inferno", vmin=0, vmax=1, interpolation="bicubic")
            if k == 1:
                axes.text(
                    0.97, 0.02, "SYNTHETIC", size=6.5, color="white", ha="right", va="bottom", transform=axes.transAxes
                )
    return figure
