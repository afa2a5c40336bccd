"""What stands above an ECG sheet: who, rate and intervals, rhythm and findings, and whether it is real."""

from __future__ import annotations

from typing import Any

from ...conditioning.record import Record

LINE = 115  # characters that fit beside the mark


def heading(record: Record) -> tuple[str, str, str]:
    """Return the three lines above a sheet; a dash stands for what is not known.

    Intervals are the truth of an artificial record, or else what its condition states.
    """
    who = f"{record.record_id}   {_sex(record)}, {_number(_field(record, 'age_years'), 0)} years"
    rate = _number(_known(record, "heart_rate_bpm"), 0)
    pr, qrs = (_number(_known(record, name), 0) for name in ("pr_ms", "qrs_ms"))
    qtc = _number(_known(record, "qtc_ms"), 0)
    axis = _number(_field(record, "axis_deg"), 0)
    numbers = f"Rate {rate} bpm   PR {pr} ms   QRS {qrs} ms   QTc {qtc} ms   Axis {axis}°"
    return _cut(who), numbers, _cut(_said(record))


def mark(record: Record) -> tuple[str, str]:
    """Return the word at the top and the note at the bottom that say whether a patient stands behind it."""
    if not record.synthetic:
        return "real record", str(record.provenance.get("source", ""))[:80]
    made = " ".join(f"{k} {record.provenance[k]}" for k in ("generator", "seed") if k in record.provenance)
    return "SYNTHETIC", f"SYNTHETIC: not from a patient   {made}"


def _said(record: Record) -> str:
    rhythm = _field(record, "rhythm")
    findings = _field(record, "findings") or ()
    words = [str(w).replace("_", " ") for w in (rhythm, *findings) if w is not None]
    return ", ".join(words) if words else "–"


def _known(record: Record, name: str) -> Any:
    value = record.truth.get(name)
    return _field(record, name) if value is None else value


def _field(record: Record, name: str) -> Any:
    return getattr(record.condition, name, None)


def _sex(record: Record) -> str:
    sex = _field(record, "sex")
    return "–" if sex is None else str(sex)


def _number(value: Any, digits: int) -> str:
    return "–" if value is None else f"{float(value):.{digits}f}"


def _cut(text: str) -> str:
    return text if len(text) <= LINE else text[: LINE - 1] + "…"
