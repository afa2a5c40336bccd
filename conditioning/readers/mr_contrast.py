"""Which contrast a DICOM series of the brain shows: by its description, else by its timing, and by the contrast agent.

Limits between the timings of routine protocols at 1.5 and 3 T: a T2 weighting has a long echo and repetition time, and
FLAIR inverts first and waits until fluid is nulled. The words are those that scanners' makers use.
Source: Bernstein, King, Zhou, "Handbook of MRI Pulse Sequences" (2004).
"""

from __future__ import annotations

import re
from typing import Any

_LEFT = re.compile(
    r"\b(adc|dwi|dti|trace|b1000|swi|swan|perf\w*|dsc|dce|mra|tof|bold|fmri|asl|cbf|cbv|loc\w*|scout|survey|"
    r"phase|t2\s*\*|t2star|gre|field\s*map|mip|projection)\b"
)
_T1 = re.compile(r"\b(t1\w*|mp2?rage|spgr|bravo|vibe|fspgr)\b")
_T2 = re.compile(r"\b(t2\w*|tse|fse|space|cube)\b")
_FLAIR = re.compile(r"\b(flair|darkfluid|dark fluid|tirm)\b")
_AFTER = re.compile(r"(\bpost\b|\bgd\b|\bgad\w*|\bce\b|\+\s*c\b|\bcontrast\b|\bkm\b|\bt1ce\b|\bt1c\b|\bt1gd\b)")
_BEFORE = re.compile(r"\b(pre|non\s*contrast|without|w\s*o|native)\b")
_NO_AGENT = frozenset({"", "none", "no", "n", "0", "no contrast"})
LONG_TE_MS, LONG_TR_MS, SHORT_TE_MS, NULLS_FLUID_MS = 60, 2000, 30, 1500


def contrast_of(head: Any) -> str | None:
    """Return `t1`, `t1ce`, `t2` or `flair`; None of a series that is none of them, or of which nothing can be told.

    Args:
        head: header of one of its slices.
    """
    kind = {str(word).upper() for word in head.get("ImageType") or ()}
    words = _words(head)
    if str(head.get("Modality", "")) != "MR" or kind & {"LOCALIZER", "PROJECTION IMAGE", "ADC"} or _LEFT.search(words):
        return None
    shown = _by_words(words) or _by_timing(head)
    return "t1ce" if shown == "t1" and _enhanced(head, words) else shown


def _words(head: Any) -> str:
    said = " ".join(str(head.get(name) or "") for name in ("SeriesDescription", "ProtocolName"))
    return re.sub(r"[_\-./,()]+", " ", said.lower())


def _by_words(words: str) -> str | None:
    if _T1.search(words):  # "T1 FLAIR" is a T1-weighted image
        return "t1"
    if _FLAIR.search(words):
        return "flair"
    return "t2" if _T2.search(words) else None


def _by_timing(head: Any) -> str | None:
    tr, te, ti = (_ms(head, name) for name in ("RepetitionTime", "EchoTime", "InversionTime"))
    inverts = "IR" in {str(word) for word in _many(head.get("ScanningSequence"))} or ti is not None
    if te is None or tr is None:
        return None
    if te >= LONG_TE_MS and tr >= LONG_TR_MS:
        return "flair" if inverts and (ti or 0) >= NULLS_FLUID_MS else "t2"
    short = te < SHORT_TE_MS and (tr < LONG_TR_MS or (inverts and (ti or 0) < NULLS_FLUID_MS))
    return "t1" if short else None


def _ms(head: Any, name: str) -> float | None:
    value = head.get(name)
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError):
        return None


def _many(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _enhanced(head: Any, words: str) -> bool:
    if _BEFORE.search(words):
        return False
    agent = str(head.get("ContrastBolusAgent") or "").strip().lower()
    return agent not in _NO_AGENT or bool(_AFTER.search(words))
