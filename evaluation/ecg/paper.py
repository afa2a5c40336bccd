"""The 12-lead sheet: an ECG as a cardiologist reads it, on paper of 25 mm/s and 10 mm/mV.

The axes fill the page and their unit is the millimetre, so what is drawn at 25 is 25 mm from the edge.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.vocabulary import LEADS
from ...conditioning.record import Record, SignalGeometry
from .heading import heading, mark
from .spectrum import millivolts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Layout = Literal["3x4", "12x1"]
MM_PER_S = 25.0
MM_PER_MV = 10.0
MM_PER_INCH = 25.4
WIDTH_MM = 297.0
HEADER_MM, FOOTER_MM = 25.0, 10.0
LEFT_MM = 25.0  # where time 0 lies; the calibration pulse stands before it
STRIP_S = 10.0
ROWS: dict[str, tuple[tuple[str, ...], ...]] = {
    "3x4": (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",)),
    "12x1": tuple((lead,) for lead in LEADS),
}
ROW_MM = {"3x4": 40.0, "12x1": 20.0}
FINE, BOLD, INK = "#f6d5d5", "#e8a5a5", "#1c1c1c"
WAVE_COLOUR = {"P": "#2b6cb0", "QRS": "#b83280", "T": "#2f855a"}


def sheet(record: Record, *, layout: Layout = "3x4", truth: bool = False) -> Figure:
    """Return the sheet of one ECG.

    Args:
        record: an ECG of any sampling rate, length and leads. The first 10 s are drawn; leads that
            were not recorded stay empty and say so.
        layout: `3x4` (2.5 s a lead and a strip of lead II) or `12x1` (10 s a lead).
        truth: mark onsets, peaks and offsets of the record's `waves`.

    Returns:
        A figure of 297 mm width, whose only axes fill it in millimetres.

    Raises:
        ValueError: no ECG, or an unknown layout.
    """
    if layout not in ROWS:
        raise ValueError(f"layout {layout!r} is not known (allowed: {', '.join(ROWS)})")
    leads = millivolts(record)
    height = HEADER_MM + FOOTER_MM + ROW_MM[layout] * len(ROWS[layout])
    figure, axes = _page(height)
    _grid(axes, height)
    for k, names in enumerate(ROWS[layout]):
        zero = height - HEADER_MM - ROW_MM[layout] * (k + 0.5)
        _row(axes, record, leads, names, zero, layout, truth)
    _words(axes, record, height)
    return figure


def _page(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, height / MM_PER_INCH), dpi=150, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH_MM), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def _grid(axes: Axes, height: float) -> None:
    """Draw the paper: a line each millimetre, a bold one each five, time 0 on a bold one."""
    from matplotlib.collections import LineCollection

    top, right = height - HEADER_MM + 5, WIDTH_MM - 7
    for step, colour, width in ((1, FINE, 0.25), (5, BOLD, 0.45)):
        columns = [[(x, FOOTER_MM), (x, top)] for x in np.arange(5, right + 0.5, step)]
        rows = [[(5, y), (right, y)] for y in np.arange(FOOTER_MM, top + 0.5, step)]
        axes.add_collection(LineCollection(columns + rows, colors=colour, linewidths=width, gid=f"grid-{step}mm"))


def _row(
    axes: Axes, record: Record, leads: dict[str, np.ndarray], names: tuple[str, ...], zero: float,
    layout: Layout, truth: bool,
) -> None:  # fmt: skip
    """Draw one strip: the pulse, then its leads side by side, each showing its own time."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    bottom, top = FOOTER_MM, axes.get_ylim()[1] - HEADER_MM + 5
    paper = Rectangle((5, bottom), WIDTH_MM - 12, top - bottom, transform=axes.transData)
    seconds = STRIP_S / len(names)
    _pulse(axes, zero)
    for column, name in enumerate(names):
        x0 = LEFT_MM + column * seconds * MM_PER_S
        start = _start(record, leads.get(name), column * seconds, seconds)
        drawn = name in leads and bool(np.isfinite(leads[name]).any())
        label = (x0 + 1, zero + 16) if layout == "3x4" else (x0 - 4.5, zero + 1.5)
        halo = [Stroke(linewidth=3, foreground="white"), Normal()]
        axes.text(*label, name, size=9, weight="bold", color=INK, zorder=5, path_effects=halo)
        if column:
            axes.plot([x0, x0], [zero + 3, zero - 3], color=INK, lw=0.6, gid="separator")
        if not drawn:
            axes.text(x0 + 10, zero, "not recorded", size=8, color="#8a8a8a", va="center")
            continue
        if truth:
            _marks(axes, record, name, leads[name], start, seconds, x0, zero)
        x, y = _trace(leads[name], record, start, seconds)
        (line,) = axes.plot(x0 + x * MM_PER_S, zero + y * MM_PER_MV, color=INK, lw=0.7, gid=f"trace-{name}")
        line.set_clip_path(paper)  # a tall wave ends with the paper, as on a recorder


def _start(record: Record, x: np.ndarray | None, wanted: float, seconds: float) -> float:
    """Return where a panel starts: as wanted, or earlier where the record ends before."""
    assert isinstance(record.geometry, SignalGeometry)
    length = 0.0 if x is None else len(x) / record.geometry.fs_hz
    return wanted if wanted + seconds <= length else max(0.0, min(wanted, length - seconds))


def _trace(
    x: np.ndarray, record: Record, start: float, seconds: float
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return seconds from the panel's start, and mV about the record's median, of one panel."""
    assert isinstance(record.geometry, SignalGeometry)
    fs_hz = record.geometry.fs_hz
    first = round(start * fs_hz)
    part = x[first : first + round(seconds * fs_hz) + 1]
    return np.arange(len(part)) / fs_hz, part - np.nanmedian(x)


def _pulse(axes: Axes, zero: float) -> None:
    """Draw the calibration: 1 mV for 0.2 s."""
    x = LEFT_MM - np.array([15, 12.5, 12.5, 7.5, 7.5, 5])
    axes.plot(x, zero + MM_PER_MV * np.array([0, 0, 1, 1, 0, 0]), color=INK, lw=0.8, gid="calibration")


def _marks(
    axes: Axes, record: Record, lead: str, x: np.ndarray, start: float, seconds: float, x0: float, zero: float
) -> None:
    """Shade the true waves of a lead (of the whole heart, where the lead has none) and dot the peaks."""
    waves = record.tables.get("waves")
    if waves is None:
        return
    assert isinstance(record.geometry, SignalGeometry)
    fs_hz = record.geometry.fs_hz
    names = np.asarray(waves["lead"])
    mine = names == (lead if (names == lead).any() else "global")
    columns = (np.asarray(waves[c])[mine] for c in ("wave", "onset", "peak", "offset"))
    for kind, onset, peak, offset in zip(*columns, strict=True):
        span = np.clip(np.array([onset, offset]) / fs_hz - start, 0, seconds)
        if span[1] <= span[0]:
            continue
        left, right = x0 + span * MM_PER_S
        colour = WAVE_COLOUR.get(str(kind), INK)
        axes.fill_between([left, right], zero - 9, zero + 9, color=colour, alpha=0.14, lw=0, gid="truth")
        if 0 <= peak < len(x) and 0 <= peak / fs_hz - start <= seconds:
            height = zero + (x[peak] - np.nanmedian(x)) * MM_PER_MV
            axes.plot([x0 + (peak / fs_hz - start) * MM_PER_S], [height], ".", color=colour, ms=4, gid="truth")


def _words(axes: Axes, record: Record, height: float) -> None:
    """Write who and what above the paper, and what the paper is below it."""
    lines = heading(record)
    for k, line in enumerate(lines):
        size, weight = (10, "bold") if k == 0 else (8.5, "normal")
        axes.text(6, height - 6 - 5 * k, line, size=size, weight=weight, color=INK)
    fs = f"{record.geometry.fs_hz:g} Hz" if isinstance(record.geometry, SignalGeometry) else ""
    axes.text(6, 4, f"25 mm/s · 10 mm/mV · {fs}", size=8, color=INK)
    word, note = mark(record)
    synthetic = record.synthetic
    axes.text(
        WIDTH_MM - 8, height - 7, word, size=15 if synthetic else 10, weight="bold", ha="right", va="center",
        color="#b00020" if synthetic else "#555555", gid="mark",
    )  # fmt: skip
    axes.text(WIDTH_MM - 8, 4, note, size=8, ha="right", color="#b00020" if synthetic else "#555555")


def save_sheet(record: Record, path: Path | str, *, layout: Layout = "3x4", truth: bool = False) -> Path:
    """Write a sheet as SVG, PNG or PDF, by the path's suffix; the same record gives the same bytes.

    Returns:
        The path.

    Raises:
        ValueError: another suffix, no ECG, or an unknown layout.
    """
    from ..drawing import save

    return save(sheet(record, layout=layout, truth=truth), path)
