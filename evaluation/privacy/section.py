"""The privacy part of a page, and what its first screen says of it."""

from __future__ import annotations

from ..comparison import Interval
from ..finding import Finding, Level
from ..report import Cell, Section, Table
from ..tables import DASH, percent, ranged
from .copies import LEAST_RATIO
from .result import Attack, Figure, PrivacyResult

RISK_LINE = 0.05  # a risk that is surely above this stops the release
SCREEN = (
    "These are screens, not a guarantee. An attack that fails here may succeed with more knowledge, and data that pass "
    "every distance screen can be highly vulnerable to membership inference (arXiv 2505.01524). Only training with "
    "differential privacy bounds what any attack can learn."
)
READING = (
    "Each attack is set beside its control, the same attack on real records that were not trained on. "
    "Risk = (attack - control) / (1 - control): 0 where the attack does no better than on those, 1 where it always "
    "succeeds. Intervals are 95 %; several attacks are asked at once, so one in forty raises a false alarm. The power "
    "check plants slightly noisy copies of training records, 5 % of all, and says how often each screen sees them: at "
    "this number of records, among half of the held-out ones, and how often it is alarmed by that half alone."
)
_PERSONS = ("near_copies", "tail", "extraction", "reidentification", "reidentification_images")  # they name who leaked


def privacy_section(result: PrivacyResult) -> Section:
    """Return the section: what was tried, what it found, and whether it could have found anything."""
    n, p = result.n, result.patients
    sides = zip(("training", "held-out", "synthetic"), n, p, strict=True)
    about = ", ".join(f"{k} {name} records of {m} patients" for name, k, m in sides)
    exact = (
        f"{result.exact[0]} synthetic and {result.exact[1]} held-out records have the features of a training record."
    )
    return Section(
        name="privacy",
        title="Privacy: what the data give away",
        texts=(SCREEN, READING, f"{about}; {result.dimensions} features. {exact}", *result.notes),
        tables=(_attacks(result), _figures(result), _power(result)),
        items=tuple(f"{a.label}: not known, {a.reason}." for a in result.attacks if a.reason),
    )


def _attacks(result: PrivacyResult) -> Table:
    rows = tuple(
        (Cell(text=a.label), Cell(text=percent(a.attack)), Cell(text=percent(a.control)),
         Cell(text=ranged(a.risk, 3), heat=_heat(a)))
        for a in result.attacks
        if not a.reason
    )  # fmt: skip
    head = ("attack", "succeeds", "control", "risk [95 %]")
    return Table(caption="Attacks beside their controls", head=head, rows=rows)


def _heat(attack: Attack) -> int:
    low = attack.risk.low
    return 0 if low is None or low <= 0 else 3 if low > RISK_LINE else 2


def _figures(result: PrivacyResult) -> Table:
    rows = tuple(
        tuple(Cell(text=t) for t in (a.label, f.label, _shown(f, f.value), _shown(f, f.control), f.reason))
        for a in result.attacks
        for f in a.figures
    )
    return Table(
        caption="More figures of each attack", head=("attack", "figure", "value", "control", "note"), rows=rows,
        folded=True, prose=True,
    )  # fmt: skip


def _shown(figure: Figure, value: Interval | None) -> str:
    if value is None or value.value is None:
        return DASH
    if value.low == value.value == value.high:
        return f"{value.value:g}"
    if figure.name.startswith("tpr"):
        return percent(value)
    return ranged(value, 3)


def _power(result: PrivacyResult) -> Table:
    rows = []
    for a in result.attacks:
        if a.power is not None:
            here, held, false = a.power.here, a.power.held_out, a.power.false_alarms
            said = "" if a.power.enough else "cannot see a leak of 5 % at this number of records"
            rows.append(tuple(Cell(text=t) for t in (a.label, percent(here), percent(held), percent(false), said)))
    head = ("screen", "finds 5 % copies here", "among held-out records", "false alarms", "")
    return Table(caption="Power: how often planted copies are seen", head=head, rows=tuple(rows), prose=True)


def privacy_findings(result: PrivacyResult) -> tuple[Finding, ...]:
    """Return what the first screen says: leaks first, then what was looked at, then what could not be told."""
    leaks = _leaks([a for a in result.attacks if a.found], len([a for a in result.attacks if not a.reason]))
    copies = _exact(result)
    answered = [a for a in result.attacks if not a.reason]
    quiet = [a for a in answered if not a.found]
    blind = [a for a in quiet if a.power is not None and not a.power.enough]
    seeing = [a for a in quiet if a.power is not None and a.power.enough]
    rest: list[Finding] = []
    ratio = _median_ratio(result)
    if ratio is not None:
        rest.append(ratio)
    if not leaks and not copies and seeing:
        names = ", ".join(a.label for a in seeing)
        worst = max(a.risk.high or 0.0 for a in seeing)
        rest.append(
            _finding("good", f"Screens that would have seen 5 % of copies found none: {names}; screens, no guarantee",
                     f"risk at most {worst:.3f}")
        )  # fmt: skip
    if blind:
        names = ", ".join(a.label for a in blind)
        least = min(a.power.here.value or 0.0 for a in blind if a.power is not None)
        claim = f"These screens would not have seen that 5 % are copies, at this number of records: {names}"
        rest.append(_finding("unknown", claim, f"power down to {least:.2f}, line 0.80"))
    if not answered:
        why = result.attacks[0].reason if result.attacks else "no attack was made"
        rest.append(_finding("unknown", f"Privacy was not looked at: {why}", ""))
    elif any(a.reason for a in result.attacks):
        names = "; ".join(f"{a.label} ({a.reason})" for a in result.attacks if a.reason)
        rest.append(_finding("unknown", f"Not attacked: {names}", ""))
    return (*copies, *leaks, *rest)


def _exact(result: PrivacyResult) -> list[Finding]:
    synthetic, held_out = result.exact
    n_s, n_h = result.n[2], result.n[1]
    if not synthetic:
        return []
    level: Level = "stop" if not held_out else "care"
    figure = f"{synthetic} of {n_s}, held-out {held_out} of {n_h}"
    return [_finding(level, "Synthetic records have exactly the features of training records", figure)]


def _leaks(found: list[Attack], asked: int) -> list[Finding]:
    """Return one finding of the attacks that point at persons or are strong, and one of the others."""
    made = []
    levels: tuple[tuple[Level, list[Attack]], ...] = (
        ("stop", [a for a in found if _stops(a)]), ("care", [a for a in found if not _stops(a)])
    )  # fmt: skip
    for level, some in levels:
        if some:
            worst = max(some, key=lambda a: a.risk.low or 0.0)
            names = ", ".join(a.label for a in some)
            claim = f"Training records are given away, as {len(some)} of {asked} attacks show: {names}"
            made.append(_finding(level, claim, f"{worst.label}: {_risk(worst)}"))
    return made


def _stops(attack: Attack) -> bool:
    return attack.name in _PERSONS or (attack.risk.low or 0.0) > RISK_LINE


def _risk(attack: Attack) -> str:
    return f"risk {ranged(attack.risk, 3)}; {percent(attack.attack)} against {percent(attack.control)} on controls"


def _median_ratio(result: PrivacyResult) -> Finding | None:
    found = {a.name: a for a in result.attacks}.get("nearest")
    if found is None or found.reason:
        return None
    value = found.figure("median_ratio").value
    if value.value is None:
        return None
    figure = f"{ranged(value, 2)}, line {LEAST_RATIO}"
    if value.value >= LEAST_RATIO:
        return _finding("good", "Synthetic records lie no nearer to training than held-out ones, as a whole", figure)
    if value.high is None or value.high >= LEAST_RATIO:
        claim = "Whether synthetic records as a whole lie nearer to training than held-out ones do: too few to tell"
        return _finding("unknown", claim, figure)
    return _finding("stop", "Synthetic records as a whole lie nearer to training than held-out ones do", figure)


def _finding(level: Level, claim: str, figure: str) -> Finding:
    return Finding(part="privacy", question="risk", level=level, claim=claim, figure=figure)
