"""A short ECG continued for as many beats as an analysis needs, from its own beats."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ....conditioning.record import Record, SignalGeometry, Table
from ....conditioning.seeds import stream
from .insertion import StT, derive, st_t_spans

_JOIN_S = 0.040  # over which one beat fades into the next
_LEAST_GAP_S = 0.060  # of what lies between the end of T and the next beat's P
_BEFORE_R_S = 0.28  # a beat begins this far before R (before its P), or 0.35 RR where that is less


def continued(record: Record, beats: int, seed: int, rr_s: Sequence[float] | None = None) -> Record:
    """Return the record continued to `beats` beats.

    Beats are drawn from the record's own whole beats, never one twice in a row: a repeated order
    would itself alternate. Each goes from before its P wave to before the next one's and loses the
    straight line between its ends, which is wander. What lies behind T is stretched or shortened to
    the drawn RR, and neighbours fade into each other over 40 ms.

    Args:
        record: an ECG in mV.
        beats: how many, 2 or more.
        seed: decides the order of beats and of RR intervals.
        rr_s: RR intervals to draw from, in runs; the record's own when None.

    Raises:
        ValueError: `beats` is below 2, an interval is not positive, or fewer than 3 whole beats are there.
    """
    assert isinstance(record.geometry, SignalGeometry)
    if beats < 2:
        raise ValueError(f"beats = {beats} is too few; at least 2 are needed")
    fs, spans = record.geometry.fs_hz, st_t_spans(record)
    own = np.diff(spans.r) / fs
    series = own if rr_s is None else np.asarray(rr_s, dtype=float)
    if not len(series) or not (series > 0).all():
        raise ValueError("rr_s must hold at least one interval, all above 0 s")
    x = np.asarray(record.arrays["signal"], dtype=np.float64)
    before = round(min(_BEFORE_R_S, 0.35 * float(np.median(own))) * fs)
    whole = _whole(spans, before, x.shape[1], round(_JOIN_S * fs))
    if len(whole) < 3:
        raise ValueError(f"record {record.record_id} has {len(whole)} whole beats; at least 3 are needed")
    rng = stream(seed, "alternans.continuation")
    order, wanted = _order(whole, beats, rng), _intervals(series, beats, rng)
    first, end = spans.r[order] - before, spans.r[order + 1] - before
    kept = spans.last[order] - first
    length = np.maximum(np.rint(wanted * fs).astype(int), kept + round(_LEAST_GAP_S * fs))
    signal = _joined(x, first, end, kept, length, round(_JOIN_S * fs / 2))
    r = np.concatenate([[0], np.cumsum(length)[:-1]]) + before
    return _record(record, signal, spans, order, r, before)


def _whole(spans: StT, before: int, samples: int, join: int) -> np.ndarray:
    """Return the beats with a follower that lie in the record with their ends and a margin for the fading."""
    start, end = spans.r[:-1] - before, spans.r[1:] - before
    return np.flatnonzero((start >= join) & (end + join < samples) & (spans.last[:-1] < end))


def _order(whole: np.ndarray, beats: int, rng: np.random.Generator) -> np.ndarray:
    """Return beats drawn at random, none twice in a row."""
    steps = np.concatenate([rng.integers(len(whole), size=1), rng.integers(1, len(whole), size=beats - 1)])
    return whole[np.cumsum(steps) % len(whole)]


def _intervals(series: np.ndarray, beats: int, rng: np.random.Generator) -> np.ndarray:
    """Return `beats` intervals: runs of the series in their order, each begun at a random place."""
    out: list[float] = []
    while len(out) < beats:
        out.extend(series[int(rng.integers(len(series))) :].tolist())
    return np.array(out[:beats])


def _record(record: Record, signal: np.ndarray, spans: StT, order: np.ndarray, r: np.ndarray, before: int) -> Record:
    assert isinstance(record.geometry, SignalGeometry)
    rr = np.concatenate([[np.nan], np.diff(r) / record.geometry.fs_hz])
    tables: dict[str, Table] = {"beats": {"sample": r, "label": np.full(len(r), "N"), "rr_s": rr}}
    waves = _waves(record, spans, order, r, before)
    if waves is not None:
        tables["waves"] = waves
    stored = derive(signal.astype(np.asarray(record.arrays["signal"]).dtype), record.geometry.leads)
    about = {**record.provenance, "continued_beats": len(order)}
    return dataclasses.replace(
        record, arrays={"signal": stored}, tables=tables, provenance=about, condition=None, truth={}
    )


def _joined(
    x: np.ndarray, first: np.ndarray, end: np.ndarray, kept: np.ndarray, length: np.ndarray, half: int
) -> np.ndarray:
    """Return the pieces first to end (samples of `x`), each brought to its length, one after the other."""
    start = np.concatenate([[0], np.cumsum(length)])
    out = np.zeros((len(x), int(start[-1]) + 2 * half))
    rise = 0.5 * (1 - np.cos(np.pi * (np.arange(2 * half) + 0.5) / (2 * half)))
    for k in range(len(length)):
        piece = _piece(x, int(first[k]), int(end[k]), int(kept[k]), int(length[k]), half)
        if k:
            piece[:, : 2 * half] *= rise
        if k < len(length) - 1:
            piece[:, piece.shape[1] - 2 * half :] *= rise[::-1]
        out[:, start[k] : start[k] + piece.shape[1]] += piece
    return out[:, half : out.shape[1] - half]


def _piece(x: np.ndarray, first: int, end: int, kept: int, length: int, half: int) -> Float[np.ndarray, "leads n"]:
    """Return samples first - half to end + half without the line between their ends, at the wanted length.

    The first `kept` samples stay as they are; the rest up to `end` is stretched to fill `length`.
    """
    t = np.arange(-half, length + half, dtype=float)
    late = t > kept
    t[late] = kept + (t[late] - kept) * (end - first - kept) / (length - kept)
    at = np.clip(first + t, 0, x.shape[1] - 1)
    part = np.stack([np.interp(at, np.arange(x.shape[1]), row) for row in x])
    levels = [x[:, k - half : k + half + 1].mean(axis=1, keepdims=True) for k in (first, end)]
    return np.asarray(part - (levels[0] + (levels[1] - levels[0]) * (t / (end - first))))


def _waves(record: Record, spans: StT, order: np.ndarray, r: np.ndarray, before: int) -> Table | None:
    """Return the marks of QRS and T, moved with their beats; None where there are none."""
    waves = record.tables.get("waves")
    if waves is None:
        return None
    lead, wave = np.asarray(waves["lead"]), np.asarray(waves["wave"])
    onset, peak, offset = (np.asarray(waves[c]) for c in ("onset", "peak", "offset"))
    marked = (np.asarray(waves["beat"]) >= 0) & np.isin(wave, ["QRS", "T"])
    rows: list[tuple[object, ...]] = []
    for k, beat in enumerate(order):
        shift = int(r[k] - spans.r[beat])
        mine = marked & (onset >= spans.r[beat] - before) & (offset < spans.r[beat + 1] - before)
        rows += [
            (lead[i], wave[i], k, onset[i] + shift, peak[i] + shift, offset[i] + shift) for i in np.flatnonzero(mine)
        ]
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(6))
    names = ("lead", "wave", "beat", "onset", "peak", "offset")
    return {name: np.array(list(column)) for name, column in zip(names, columns, strict=True)}
