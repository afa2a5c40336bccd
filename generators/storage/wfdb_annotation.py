"""Encodes annotations as WFDB annotation files (MIT format).

Source: WFDB Applications Guide, annot(5): a 16-bit little-endian word holds a 6-bit code and a 10-bit
interval to the previous annotation; SKIP, NUM and AUX words extend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from ...conditioning.record import Table

_SKIP, _NUM, _AUX = 59, 60, 63
_LONGEST_INTERVAL = 1023  # 10 bits; a longer one needs a SKIP

# ecgcodes: display symbol -> code
CODES: dict[str, int] = {
    symbol: code
    for code, symbol in (
        *enumerate(("N", "L", "R", "a", "V", "F", "J", "A", "S", "E", "j", "/", "Q", "~"), start=1),
        *((16, "|"), (18, "s"), (19, "T"), (20, "*"), (21, "D"), (22, '"'), (23, "="), (24, "p"), (25, "B"), (26, "^")),
        *enumerate(("t", "+", "u", "?", "!", "[", "]", "e", "n", "@", "x", "f", "(", ")", "r"), start=27),
    )
}

# Convention of PhysioNet's ecgpuwave: `num` of an onset or offset tells the wave. Peaks keep 0, because `num`
# of a `t` would tell the shape of the T wave.
_WAVE_NUM = {"P": 0, "QRS": 1, "T": 2}
_PEAK_SYMBOL = {"P": "p", "T": "t"}

# Rhythm names that PhysioNet's databases use; where none exists the nearest that is true.
RHYTHM_AUX: dict[str, str] = {
    "sinus": "(N",
    "sinus_bradycardia": "(SBR",
    "sinus_tachycardia": "(N",  # there is no code for it; the rate tells it
    "atrial_fibrillation": "(AFIB",
    "atrial_flutter": "(AFL",
    "premature_atrial_complexes": "(N",  # the beat labels tell them
    "premature_ventricular_complexes": "(N",
    "ventricular_bigeminy": "(B",
    "av_block_first_degree": "(BI",
    "av_block_wenckebach": "(BII",
    "av_block_mobitz_ii": "(BII",
    "av_block_third_degree": "(B3",
    "paced": "(P",
    "wolff_parkinson_white": "(PREX",
}


def rhythm_aux(rhythm: str, pre_excited: bool = False) -> str:
    """Return the text of a rhythm change.

    Args:
        rhythm: vocabulary word, or a text that already begins with `(`.
        pre_excited: whether the beats are Wolff-Parkinson-White; it renames a sinus rhythm.
    """
    aux = rhythm if rhythm.startswith("(") else RHYTHM_AUX.get(rhythm, f"({rhythm.upper()}")
    return RHYTHM_AUX["wolff_parkinson_white"] if pre_excited and aux == "(N" else aux


def encode_annotations(
    sample: Int[np.ndarray, " n"],
    code: Int[np.ndarray, " n"],
    num: Int[np.ndarray, " n"],
    aux: Mapping[int, str] | None = None,
) -> bytes:
    """Return the bytes of an annotation file.

    Args:
        sample: times in samples, rising, from 0.
        code: annotation codes, 1 to 49.
        num: the `num` field, 0 to 127.
        aux: text of those annotations that have one, by index; at most 255 ASCII characters.

    Raises:
        ValueError: the times fall, or begin below 0.
    """
    sample, num = sample.astype(np.int64), num.astype(np.int64)
    texts = {i: _aux_words(text) for i, text in (aux or {}).items()}
    interval = np.diff(sample, prepend=0)
    if (interval < 0).any():
        raise ValueError(f"annotation times must rise from 0; they fall at {sample[int(np.argmin(interval))]}")
    skip = interval > _LONGEST_INTERVAL
    change = np.diff(num, prepend=0) != 0  # NUM holds until the next one
    length = 1 + 3 * skip + change
    for i, words in texts.items():
        length[i] += len(words)
    start = np.cumsum(length) - length
    out = np.zeros(int(length.sum()) + 1, dtype="<u2")  # the last word, 0, ends the file
    at = start[skip]
    out[at], out[at + 1], out[at + 2] = _SKIP << 10, interval[skip] >> 16, interval[skip] & 0xFFFF
    head = start + 3 * skip
    out[head] = (code.astype(np.int64) << 10) | np.where(skip, 0, interval)
    out[head[change] + 1] = (_NUM << 10) | num[change]
    for i, words in texts.items():
        end = start[i] + length[i]
        out[end - len(words) : end] = words
    return out.tobytes()


def _aux_words(text: str) -> np.ndarray:
    raw = text.encode("ascii", "replace")[:255]
    padded = raw + b"\0" * (len(raw) % 2)
    return np.concatenate([[(_AUX << 10) | len(raw)], np.frombuffer(padded, dtype="<u2")]).astype("<u2")


def annotation_file(tables: Mapping[str, Table], pre_excited: bool = False) -> bytes | None:
    """Return a record's `.atr`: all-lead waves, beat labels at the R peaks, rhythm changes.

    Args:
        tables: the record's `waves`, `beats` and `rhythms`, any of them left out.
        pre_excited: whether the beats are Wolff-Parkinson-White.

    Returns:
        The file's bytes, or None if there is nothing to annotate.
    """
    rhythms, beats = tables.get("rhythms", {}), tables.get("beats", {})
    texts = [rhythm_aux(str(r), pre_excited) for r in rhythms.get("rhythm", ())]
    empty = np.empty(0, dtype=np.int64)
    change = np.asarray(rhythms.get("start", empty))
    peak = np.asarray(beats.get("sample", empty))
    wave_sample, wave_code, wave_num = _waves(tables.get("waves", {}))
    sample = np.concatenate([change, wave_sample, peak]).astype(np.int64)
    if not len(sample):
        return None
    beat_code = _codes(beats.get("label", ()))
    code = np.concatenate([np.full(len(change), CODES["+"]), wave_code, beat_code]).astype(np.int64)
    num = np.concatenate([np.zeros(len(change)), wave_num, np.zeros(len(peak))]).astype(np.int64)
    order = np.argsort(sample, kind="stable")  # ties keep: rhythm, the earlier wave, beat
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return encode_annotations(sample[order], code[order], num[order], {int(place[i]): t for i, t in enumerate(texts)})


def _waves(waves: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (sample, code, num) of onset, peak and offset of every all-lead wave; QRS peaks are the beats."""
    if not waves:
        return (np.empty(0, dtype=np.int64),) * 3
    rows = np.flatnonzero(np.asarray(waves["lead"]) == "global")
    rows = rows[np.argsort(np.asarray(waves["onset"])[rows], kind="stable")]
    kind = np.asarray(waves["wave"])[rows]
    edge = np.array([_WAVE_NUM.get(str(k), 3) for k in kind], dtype=np.int64)
    num = np.column_stack([edge, np.zeros_like(edge), edge])
    peak = np.array([CODES[_PEAK_SYMBOL.get(str(k), "+")] for k in kind], dtype=np.int64)
    samples = np.column_stack([np.asarray(waves[c])[rows] for c in ("onset", "peak", "offset")])
    codes = np.column_stack([np.full(len(rows), CODES["("]), peak, np.full(len(rows), CODES[")"])])
    keep = np.column_stack([samples[:, 0] >= 0, (kind == "P") | (kind == "T"), samples[:, 2] >= 0])
    return samples[keep], codes[keep], num[keep]


def _codes(labels: Sequence[str] | np.ndarray) -> np.ndarray:
    unknown = sorted({str(x) for x in labels} - CODES.keys())
    if unknown:
        raise ValueError(f"beat label {unknown[0]!r} is no WFDB annotation symbol")
    return np.array([CODES[str(x)] for x in labels], dtype=np.int64)
