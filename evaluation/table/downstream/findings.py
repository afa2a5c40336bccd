"""What a table's task found, for the first screen: a gain counts only against a control of the same compute."""

from __future__ import annotations

from collections.abc import Sequence

from ...comparison import Interval
from ...downstream import DownstreamResult
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC, percent
from ...downstream.paired import DifferenceRow
from ...finding import Finding, Level
from .arms import ADAPTED, AUGMENTED, FIRST, MIXED, SMALL, WAVELET
from .result import ShareResult, SiteResult, TableTaskResult
from .trust import trust_findings

PART = "downstream"
MARGIN = 0.05  # of the reference: a loss that stands for none
JUDGED = ((MIXED, REAL), (FIRST, SAME_COMPUTE))  # said before looking; each has the same compute on both sides


def table_task_findings(result: TableTaskResult) -> tuple[Finding, ...]:
    """Return what the data are worth to the task, also where that is nothing or less.

    At the largest and the smallest share two comparisons are judged, each of equal compute: `mixed` with `real`, and
    `synthetic -> real` with real data for as long.
    """
    if not result.has_synthetic:
        nothing = _unknown(f"What synthetic data are worth to {result.kind} was not measured: there are none")
        return (nothing, *trust_findings(result))
    shares = sorted({max(result.settings.shares), min(result.settings.shares)}, reverse=True)
    found = [_gain(result, result.at(share)) for share in shares]
    found += [f for f in (_cheaper(result, result.at(max(shares))), _alone(result, result.at(max(shares)))) if f]
    for site in result.sites:
        found += _at_site(result, site)
    return (*found, *trust_findings(result))


def _gain(result: TableTaskResult, at: ShareResult) -> Finding:
    rows = _rows(result, at.result, JUDGED)
    data = f"{result.kind} with {percent(at.share)} of the real patients ({at.patients})"
    known = [row for row in rows if row.difference.value is not None]
    if not known:
        return _unknown(f"Whether synthetic data help {data} could not be told: no arm has a known {result.main}")
    better, worse = (sum(row.verdict == verdict for row in known) for verdict in ("better", "worse"))
    level: Level = "good" if better and not worse else "care"
    claim = f"Synthetic data give {data} no gain that could be seen against real data at the same compute"
    if better and worse:
        claim = f"Synthetic data help {data} one way and harm it another, against real data at the same compute"
    elif better:
        claim = f"Synthetic data help {data}, against real data at the same compute"
    elif worse:
        claim = f"Synthetic data harm {data}, against real data at the same compute"
    return _finding(level, claim, _figure(result, known))


def _cheaper(result: TableTaskResult, at: ShareResult) -> Finding | None:
    """Say whether methods without a generator do as well."""
    rows = _rows(result, at.result, ((AUGMENTED, REAL), (SMALL, REAL), (WAVELET, REAL)))
    held = _rows(result, at.result, ((MIXED, AUGMENTED), (MIXED, SMALL), (MIXED, WAVELET)))
    known = [row for row in held if row.difference.value is not None]
    if not rows or not known:
        return None
    beaten = [row.reference for row in known if row.verdict == "better"]
    if len(beaten) == len(known):
        return _finding(
            "good", "Adding synthetic data beats the methods that need no generator", _figure(result, known)
        )
    left = ", ".join(row.reference.removeprefix("real, ") for row in known if row.verdict != "better")
    claim = f"Adding synthetic data does not beat methods that need no generator ({left})"
    return _finding("care", claim, _figure(result, known))


def _alone(result: TableTaskResult, at: ShareResult) -> Finding | None:
    rows = _rows(result, at.result, ((SYNTHETIC, REAL),))
    if not rows or rows[0].difference.value is None:
        return None
    row = rows[0]
    words: dict[str, tuple[Level, str]] = {
        "worse": ("care", "Synthetic data cannot stand in for all real data: a model trained on them alone is worse"),
        "close": (
            "good",
            f"A model trained on synthetic data alone is within {MARGIN:.0%} of one trained on real data",
        ),
        "open": ("care", "Whether synthetic data can stand in for real data is open: the interval allows a large loss"),
        "better": ("good", "A model trained on synthetic data alone is better than one trained on all real data"),
    }
    close = row.verdict == "open" and _within(result, row)
    return _finding(*words["close" if close else row.verdict], _figure(result, rows))


def _within(result: TableTaskResult, row: DifferenceRow) -> bool:
    """Return whether the interval shuts out a loss of more than `MARGIN` of the reference."""
    share = row.relative
    if share is None or share.low is None or share.high is None:
        return False
    higher = next(m["higher_is_better"] for m in result.shares[0].result.metrics if m["name"] == result.main)
    return share.low >= -MARGIN if higher else share.high <= MARGIN


def _at_site(result: TableTaskResult, at: SiteResult) -> list[Finding]:
    where = f"at {at.site}, which training left out" if at.site else "on real data that it saw without labels only"
    found = []
    rows = [r for r in _rows(result, at.result, JUDGED) if r.difference.value is not None]
    if rows:
        better, worse = (sum(row.verdict == v for row in rows) for v in ("better", "worse"))
        level: Level = "good" if better and not worse else "care"
        how = "help and harm" if better and worse else "help" if better else "harm" if worse else "give no gain seen"
        found.append(_finding(level, f"Synthetic data {how} {where}, at the same compute", _figure(result, rows)))
    rows = [r for r in _rows(result, at.result, tuple((f"{SYNTHETIC} -> {how}", SYNTHETIC) for how in ADAPTED))
            if r.difference.value is not None]  # fmt: skip
    if rows:
        good, bad = (sum(row.verdict == v for row in rows) for v in ("better", "worse"))
        level = "good" if good and not bad else "care"
        how = (
            "helps one way and harms another"
            if good and bad
            else "helps"
            if good
            else "harms"
            if bad
            else "gives no gain seen"
        )
        claim = f"Adapting a synthetic-trained classifier without labels {how} {where}"
        beside = _rows(result, at.result, tuple((f"{SYNTHETIC} -> {how}", f"{REAL} -> {how}") for how in ADAPTED))
        found.append(_finding(level, claim, _figure(result, [*rows, *beside])))
    return found


def _rows(result: TableTaskResult, one: DownstreamResult, wanted: Sequence[tuple[str, str]]) -> list[DifferenceRow]:
    found = {(d.arm, d.reference): d for d in one.differences if d.metric == result.main and d.group == "all"}
    return [found[pair] for pair in wanted if pair in found]


def _figure(result: TableTaskResult, rows: Sequence[DifferenceRow]) -> str:
    parts = []
    for row in rows:
        relative = "" if row.relative is None else f" ({_percent(row.relative)})"
        parts.append(f"{row.arm} less {row.reference}: {ranged(row.difference, sign=True)}{relative}")
    return f"{result.main}; " + "; ".join(parts)


def ranged(x: Interval, *, sign: bool = False) -> str:
    """Return a value with its interval, three significant digits; a dash where there is none."""
    if x.value is None or x.low is None or x.high is None:
        return "–"
    plus = "+" if sign else ""
    digits = 3 if max(abs(x.value), abs(x.low), abs(x.high)) < 10 else 1
    return f"{x.value:{plus}.{digits}f} [{x.low:{plus}.{digits}f} to {x.high:{plus}.{digits}f}]"


def _percent(x: Interval) -> str:
    if x.value is None or x.low is None or x.high is None:
        return "–"
    return f"{100 * x.value:+.1f} % [{100 * x.low:+.1f} to {100 * x.high:+.1f}]"


def _finding(level: Level, claim: str, figure: str) -> Finding:
    return Finding(part=PART, question="purpose", level=level, claim=claim, figure=figure)


def _unknown(claim: str) -> Finding:
    return _finding("unknown", claim, "")
