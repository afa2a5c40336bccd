"""Names of leads, their order, and the step from a header's unit to millivolts."""

from __future__ import annotations

from collections.abc import Sequence

from ..ecg.vocabulary import LEADS
from ..words import nearest

_STANDARD = {name.lower(): name for name in LEADS} | {"mlii": "MLII", "mliii": "MLIII", "mli": "MLI"}
_PREFIXES = ("ecg lead ", "lead ", "ecg ")
_MV_PER_UNIT = {"v": 1000.0, "mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "nv": 1e-6}


def lead_names(names: Sequence[str | None]) -> tuple[str, ...]:
    """Return lead names as the field writes them, each of them once.

    `i` becomes `I`, `avr` or `Lead AVR` becomes `aVR`; a name that is no standard lead stays as it
    is (`MLII`, `vx`), a missing one becomes `lead_1`, and a second `ECG` becomes `ECG_2`.
    """
    found: list[str] = []
    for index, raw in enumerate(names):
        name = _standard(raw or "") or f"lead_{index + 1}"
        count = 2
        unique = name
        while unique in found:
            unique, count = f"{name}_{count}", count + 1
        found.append(unique)
    return tuple(found)


def _standard(raw: str) -> str:
    name = " ".join(raw.split())
    low = name.lower()
    for prefix in _PREFIXES:
        low = low.removeprefix(prefix)
    return _STANDARD.get(low, name)


def lead_order(present: Sequence[str], asked: Sequence[str] | str | None) -> list[int]:
    """Return the rows to take from a signal so that its leads stand in the order asked for.

    Args:
        present: lead names of the signal's rows.
        asked: lead names, or `I|II|V1` or `I,II,V1`; when None, the standard leads that are
            present in their usual order, then all others in theirs.

    Raises:
        ValueError: a lead is not there or asked for twice.
    """
    if asked is None:
        known = [present.index(name) for name in LEADS if name in present]
        return known + [i for i in range(len(present)) if i not in known]
    names = lead_list(asked)
    for name in names:
        if name not in present:
            raise ValueError(f"has no lead {name!r}{nearest(name, present)} (leads: {', '.join(present)})")
    return [list(present).index(name) for name in names]


def lead_list(asked: Sequence[str] | str) -> tuple[str, ...]:
    """Return the lead names that an option or a table's cell asks for, standard names normalised.

    Raises:
        ValueError: no lead, or one twice.
    """
    words = asked.replace(",", "|").split("|") if isinstance(asked, str) else list(asked)
    names = tuple(_standard(word) for word in words if word.strip())
    if not names:
        raise ValueError("leads is empty; at least one lead is needed")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"leads has {twice[0]!r} twice")
    return names


def mv_per_unit(unit: str) -> float:
    """Return how many millivolts one `unit` is (V, mV, uV or nV, in any case).

    Raises:
        ValueError: the unit is not a voltage, as WFDB's `NU` (no unit) is not.
    """
    factor = _MV_PER_UNIT.get(unit.strip().lower())
    if factor is None:
        raise ValueError(f"unit {unit!r} is not a voltage (V, mV, uV or nV)")
    return factor
