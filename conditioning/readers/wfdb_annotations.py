"""WFDB annotation files as tables: beats and rhythms from `.atr`, waves from one file per lead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ecg.vocabulary import LEADS, Rhythm
from ..record import Table

BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
_RHYTHM_NOTES = {
    "N": Rhythm.sinus,
    "NSR": Rhythm.sinus,
    "SBR": Rhythm.sinus_bradycardia,
    "AFIB": Rhythm.atrial_fibrillation,
    "AFL": Rhythm.atrial_flutter,
    "B": Rhythm.ventricular_bigeminy,
    "BI": Rhythm.av_block_first_degree,
    "B3": Rhythm.av_block_third_degree,
    "P": Rhythm.paced,
}
# ecgpuwave writes in `num` of an onset or offset which wave it bounds; LUDB leaves it 0.
_WAVE_NUM = {"P": 0, "QRS": 1, "T": 2}
_LONGEST_PQ_S = 0.5
_LONGEST_QT_S = 0.7


def read_tables(base: Path, leads: Sequence[str], fs_hz: float, n_samples: int) -> dict[str, Table]:
    """Return the annotation that stands beside a record.

    Args:
        base: the record's path without suffix.
        leads: names of the record's leads.
        fs_hz: sampling rate.
        n_samples: length of the record.

    Returns:
        `beats` and `rhythms` where there is a `.atr` file; `waves` where leads have files of their
        own (`.avf` or `.atr_avf`), and of lead `global` where the `.atr` file bounds waves.

    Raises:
        ValueError: an annotation file that cannot be read, by name.
    """
    tables: dict[str, Table] = {}
    waves: list[tuple[str, str, int, int, int]] = []
    if base.with_name(base.name + ".atr").is_file():
        annotation = _rdann(base, "atr")
        tables["beats"] = _beats(annotation, fs_hz, n_samples)
        if any(note.startswith("(") for note in annotation.aux_note):
            tables["rhythms"] = _rhythms(annotation, n_samples)
        if "(" in annotation.symbol:
            waves += [("global", *wave) for wave in delineation(annotation, n_samples)]
    waves += [
        (lead, *wave)
        for lead in leads
        if lead in LEADS  # any other name would choose which file is opened
        for extension in (lead.lower(), f"atr_{lead.lower()}")
        if base.with_name(f"{base.name}.{extension}").is_file()
        for wave in delineation(_rdann(base, extension), n_samples)
    ]
    if waves:
        tables["waves"] = waves_table(waves, fs_hz)
    return tables


def _rdann(base: Path, extension: str) -> Any:
    import wfdb

    try:
        return wfdb.rdann(str(base), extension)
    except Exception as error:  # a foreign parser on an untrusted file fails in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{base}.{extension}: cannot be read: {reason}") from error


def _beats(annotation: Any, fs_hz: float, n_samples: int) -> Table:
    kept = [
        (sample, symbol)
        for sample, symbol in zip(annotation.sample, annotation.symbol, strict=True)
        if symbol in BEAT_SYMBOLS and 0 <= sample < n_samples
    ]
    sample = np.array([sample for sample, _ in kept], dtype=np.int64)
    return {
        "sample": sample,
        "label": np.array([symbol for _, symbol in kept], dtype="<U1"),
        "rr_s": np.diff(sample, prepend=np.nan) / fs_hz,
        "twa_state": np.full(len(kept), -1, dtype=np.int64),
    }


def _rhythms(annotation: Any, n_samples: int) -> Table:
    """Return rhythm spans [start, end); a word outside our vocabulary is kept as the file writes it."""
    marks = [
        (int(sample), note.strip("\0 ")[1:])
        for sample, note in zip(annotation.sample, annotation.aux_note, strict=True)
        if note.startswith("(") and 0 <= sample < n_samples
    ]
    starts = [sample for sample, _ in marks]
    words = [_RHYTHM_NOTES[word].value if word in _RHYTHM_NOTES else word for _, word in marks]
    return {
        "start": np.array(starts, dtype=np.int64),
        "end": np.array([*starts[1:], n_samples][: len(starts)], dtype=np.int64),
        "rhythm": np.array(words, dtype=str),
    }


def delineation(annotation: Any, n_samples: int) -> list[tuple[str, int, int, int]]:
    """Return (wave, onset, peak, offset) from `(`, peak and `)` marks; a missing mark is -1.

    Peaks are `p`, `t`, or a beat of any label. Where onsets and offsets are numbered by wave, a P
    wave may begin before the T wave ends; a beat with no mark about it at all is no wave.
    """
    marks = list(zip(annotation.sample, annotation.symbol, annotation.num, strict=True))
    numbered = any(num for _, symbol, num in marks if symbol in "()")
    onset: dict[int, int] = {}
    last: dict[int, list[Any]] = {}
    found: list[list[Any]] = []
    for sample, symbol, num in marks:
        wave = {"p": "P", "t": "T"}.get(symbol) or ("QRS" if symbol in BEAT_SYMBOLS else None)
        key = 0 if not numbered else num if wave is None else _WAVE_NUM[wave]
        if symbol == "(":
            onset[key] = int(sample)
        elif wave:
            last[key] = [wave, onset.pop(key, -1), int(sample), -1]
            found.append(last[key])
        elif symbol == ")" and key in last:
            last.pop(key)[3] = int(sample)
    waves = [(str(w), int(on), int(at), int(off)) for w, on, at, off in found if w != "QRS" or (on, off) != (-1, -1)]
    return [wave for wave in waves if 0 <= wave[2] < n_samples and wave[3] < n_samples]


def waves_table(waves: Sequence[tuple[str, str, int, int, int]], fs_hz: float) -> Table:
    """Return (lead, wave, onset, peak, offset) rows as the `waves` table, beats numbered."""
    lead, wave, onset, peak, offset = (np.array(column) for column in zip(*waves, strict=True))
    samples = {"onset": onset.astype(np.int64), "peak": peak.astype(np.int64), "offset": offset.astype(np.int64)}
    return {"lead": lead, "wave": wave, "beat": beat_numbers(wave, samples["peak"], fs_hz), **samples}


def beat_numbers(wave: np.ndarray, peak: np.ndarray, fs_hz: float) -> np.ndarray:
    """Return which beat each wave belongs to, the same number in all leads.

    A beat is a group of QRS peaks, over all leads, with less than 150 ms between neighbours. A P
    wave belongs to the QRS that follows within 0.5 s, a T wave to the one that it follows within
    0.7 s, else to none (-1): a blocked P wave, or the neighbour of a beat that is not annotated.

    Args:
        wave: `P`, `QRS` or `T` per row.
        peak: sample of each wave's peak.
        fs_hz: sampling rate.
    """
    beat = np.full(len(wave), -1, dtype=np.int64)
    qrs = np.sort(peak[wave == "QRS"])
    if qrs.size == 0:
        return beat
    group = np.cumsum(np.diff(qrs, prepend=qrs[0]) > 0.15 * fs_hz)
    beat[wave == "QRS"] = group[np.searchsorted(qrs, peak[wave == "QRS"])]
    centre = np.array([np.median(qrs[group == g]) for g in range(group[-1] + 1)])
    for name, side, reach_s in (("P", 0, _LONGEST_PQ_S), ("T", -1, _LONGEST_QT_S)):
        rows = np.flatnonzero(wave == name)
        nearest = np.searchsorted(centre, peak[rows]) + side
        there = (nearest >= 0) & (nearest < centre.size)
        distance = np.abs(centre[np.clip(nearest, 0, centre.size - 1)] - peak[rows])
        beat[rows] = np.where(there & (distance <= reach_s * fs_hz), nearest, -1)
    return beat
