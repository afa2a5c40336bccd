"""Whether samples obey, in sentences for the first screen: what they show, show too weakly, or do not show.

An attribute is shown where it is read above its floor and no worse than the ceiling's interval allows; it is disobeyed
where it reads at its floor although the reader reads real rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..finding import Finding
from ..tables import percent, ranged
from .result import AgreementRow, ObedienceResult, ReaderRow

PART = "obedience"
MOST = 4
WRONG, MANY_WRONG = 0.05, 0.25  # share of mislabelled rows, by the interval's lower end: to mind, and to stop at
FIRST = ("auroc", "correlation")


def obedience_findings(result: ObedienceResult) -> tuple[Finding, ...]:
    """Return what follows of the result, one finding a level, the worst attribute's figure first."""
    rows = [r for r in result.agreement if r.measure in FIRST]
    sorted_ = {name: [r for r in rows if level_of(r) == name] for name in ("blind", "few", "floor", "weak", "shown")}
    made: list[Finding] = []
    if sorted_["floor"]:
        made.append(_of("stop", "Synthetic samples do not show {}: they read as if conditions were dealt out anew.",
                        sorted_["floor"]))  # fmt: skip
    made += _contradicting(result)
    if sorted_["weak"]:
        made.append(_of("care", "Synthetic samples show {} less than real ones do.", sorted_["weak"]))
    if sorted_["shown"]:
        made.append(_of("good", "Synthetic samples show {} as real ones do.", sorted_["shown"]))
    if sorted_["blind"]:
        made.append(_of("unknown", "Whether {} is shown cannot be told: it cannot be read off real samples either, or "
                        "not surely enough.", sorted_["blind"]))  # fmt: skip
    if sorted_["few"]:
        made.append(_of("unknown", "Whether {} is shown cannot be told: too few samples.", sorted_["few"]))
    if result.unread:
        name, why = next(iter(result.unread.items()))
        claim = f"Not read: {_names(list(result.unread))}."
        made.append(_finding("unknown", claim, f"{name}: {why}"))
    if not rows and not result.unread:
        made.append(_finding("unknown", "No condition was given to read back."))
    return tuple(made)


def level_of(row: AgreementRow) -> str:
    """Return `shown`, `weak`, `floor`, `few`, or `blind` where the reader cannot tell."""
    s, c, f = row.synthetic, row.ceiling, row.floor
    if row.small:
        return "few"
    if s.low is None or s.high is None or c.low is None or f.high is None or c.low <= f.high:
        return "blind"
    if s.high < c.low:
        return "floor" if s.value is not None and s.value <= f.high else "weak"
    return "shown" if s.low > f.high else "blind"


def _contradicting(result: ObedienceResult) -> list[Finding]:
    """Return the attributes of which more rows are mislabelled than their uncertainty explains."""
    small = {r.attribute for r in result.agreement if r.small}
    known = [r for r in result.readers if r.mislabelled.low is not None and r.attribute not in small]
    made = []
    for level, rows in (
        ("stop", [r for r in known if _low(r) > MANY_WRONG]),
        ("care", [r for r in known if WRONG < _low(r) <= MANY_WRONG]),
    ):
        if rows:
            worst = max(rows, key=_low)
            claim = f"Samples contradict their own condition more often than real ones do: {_names(_sorted(rows))}."
            made.append(_finding(level, claim, f"{worst.attribute}: {percent(worst.mislabelled)} mislabelled"))
    return made


def _sorted(rows: Sequence[ReaderRow]) -> list[str]:
    return [r.attribute for r in sorted(rows, key=_low, reverse=True)]


def _low(row: ReaderRow) -> float:
    return -1.0 if row.mislabelled.low is None else row.mislabelled.low


def _of(level: str, claim: str, rows: Sequence[AgreementRow]) -> Finding:
    worst = min(rows, key=lambda r: r.synthetic.value if r.synthetic.value is not None else 2.0)
    figure = (
        f"{worst.attribute}: {worst.measure} {ranged(worst.synthetic, 2)}, real {ranged(worst.ceiling, 2)}, "
        f"floor {ranged(worst.floor, 2)}"
    )
    return _finding(level, claim.format(_names([r.attribute for r in rows])), figure)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def _finding(level: str, claim: str, figure: str = "") -> Finding:
    return Finding.model_validate({"part": PART, "question": "use", "level": level, "claim": claim, "figure": figure})
