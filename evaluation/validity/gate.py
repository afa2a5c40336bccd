"""The gate: every check on every synthetic record, and on the real ones for comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ...conditioning.record import Record
from .checks import Side, finite, in_range, known_label, leads_varied, measured_in, shaped, varied
from .digests import exact_sha256, main_array, rounded_sha256
from .expected import Expected, expected_of, labels_of, majority, spacing_of
from .result import Check, Validity, wilson

SHOWN = 5  # offenders named a check

# name, what every record must be, the question, and whether a record that fails can be measured no further.
_CHECKS = (
    ("finite", "every value is a number", finite, True),
    ("range", "values lie where such values can lie", in_range, True),
    ("shape", "the right kind, number of dimensions and size", shaped, True),
    ("unit", "the right unit, rate, leads and spacing", measured_in, True),
    ("constant", "not the same value everywhere", varied, True),
    ("flat_leads", "no lead that is flat", leads_varied, False),
    ("vocabulary", "labels that real records bear", known_label, False),
)


@dataclass(frozen=True)
class Source:
    """Records of one side, as far as they could be read.

    Attributes:
        records: those that could.
        unreadable: a line for each that could not.
        receipted: whether they come from a data set whose receipts were verified before.
    """

    records: Sequence[Record]
    unreadable: Sequence[str] = ()
    receipted: bool = False


@dataclass(frozen=True)
class _Digests:
    exact: tuple[str, ...]
    rounded: tuple[str, ...]


def validity(
    synthetic: Source, real: Source, training: Source | None = None
) -> tuple[Validity, Bool[np.ndarray, " synthetic"], Bool[np.ndarray, " real"], Bool[np.ndarray, " training"]]:
    """Ask every record of the synthetic side, and of the real one for comparison.

    A record that is not finite, out of range, of another shape or unit, or constant is measured no further. One that
    repeats another, copies a real one or bears a strange label stays in, so that what is said of privacy and
    obedience is said of the data as they are.

    Args:
        synthetic: what is judged.
        real: what it is held against.
        training: what the generator was trained on, if named.

    Returns:
        The result, and which synthetic, real and training records are measured further on.
    """
    trained = training or Source(())
    expected = expected_of([*real.records, *trained.records])
    made, known = _asked(synthetic.records, expected), _asked(real.records, expected)
    taught = _asked(trained.records, expected)
    checks = [_readable(synthetic, real)]
    failing = np.zeros(len(synthetic.records), bool)
    for name, asks, _, leaves_out in _CHECKS:
        why = _unasked(name, synthetic.records, expected)
        if why is not None:
            checks.append(_not_asked(name, asks, why))
            continue
        checks.append(_check(name, asks, synthetic.records, made[name], known[name], leaves_out))
        failing |= np.array([reason is not None for reason in made[name]], dtype=bool)
    digests = [_digests(source.records) for source in (synthetic, real, trained)]
    for check, bad in _copies(synthetic, real, training, digests):
        checks.append(check)
        failing |= bad
    kept = [_kept(asked) for asked in (made, known, taught)]
    n = len(synthetic.records) + len(synthetic.unreadable)
    valid = int((~failing).sum())
    result = Validity(
        n=n,
        valid=valid,
        measured=int(kept[0].sum()),
        share=wilson(valid, n),
        checks=tuple(checks),
        notes=_notes(synthetic.records, expected),
        left_out_real=int(sum((~rows).sum() for rows in kept[1:])),
    )
    return result, kept[0], kept[1], kept[2]


def _asked(records: Sequence[Record], expected: Expected) -> dict[str, list[str | None]]:
    """Return each check's reason for each record; None where it passes."""
    if not records:
        return {name: [] for name, *_ in _CHECKS}
    side = Side(*majority(records))
    return {name: [_reason(question, r, side, expected) for r in records] for name, _, question, _ in _CHECKS}


def _reason(question: Callable[..., str | None], record: Record, side: Side, expected: Expected) -> str | None:
    return question(record, side, expected)


def _kept(asked: dict[str, list[str | None]]) -> Bool[np.ndarray, " n"]:
    columns = [[reason is None for reason in asked[name]] for name, _, _, leaves_out in _CHECKS if leaves_out]
    return np.asarray(np.array(columns, dtype=bool).all(axis=0))


def _unasked(name: str, records: Sequence[Record], expected: Expected) -> str | None:
    """Return why a check has no answer for these records."""
    if name == "vocabulary":
        if not expected.labels:
            typed = records and records[0].condition is not None and not hasattr(records[0].condition, "classes")
            return "the condition's type holds every word" if typed else "real records bear no label"
        if not any(labels_of(r.condition) for r in records):
            return "synthetic records bear no label"
    if name == "flat_leads" and expected.kinds and "signal" not in expected.kinds:
        return "these are no signals"
    return None


def _readable(synthetic: Source, real: Source) -> Check:
    n, m = (len(s.records) + len(s.unreadable) for s in (synthetic, real))
    return Check(
        name="readable",
        asks="the file is there, whole, and what its name says"
        + ("; receipts and hashes were verified" if synthetic.receipted else ""),
        n=n,
        failed=len(synthetic.unreadable),
        share=wilson(len(synthetic.records), n),
        real_n=m,
        real_failed=len(real.unreadable),
        offenders=tuple(synthetic.unreadable[:SHOWN]),
        leaves_out=True,
    )


def _check(
    name: str, asks: str, records: Sequence[Record], reasons: Sequence[str | None], real: Sequence[str | None],
    leaves_out: bool,
) -> Check:  # fmt: skip
    bad = [f"{r.record_id}: {why}" for r, why in zip(records, reasons, strict=True) if why is not None]
    return Check(
        name=name,
        asks=asks,
        n=len(records),
        failed=len(bad),
        share=wilson(len(records) - len(bad), len(records)),
        real_n=len(real),
        real_failed=sum(why is not None for why in real),
        offenders=tuple(bad[:SHOWN]),
        leaves_out=leaves_out,
    )


def _not_asked(name: str, asks: str, why: str) -> Check:
    return Check(name=name, asks=asks, n=0, failed=0, share=wilson(0, 0), real_n=0, real_failed=0, unasked=why)


def _digests(records: Sequence[Record]) -> _Digests:
    arrays = [main_array(r)[1] for r in records]
    return _Digests(tuple(exact_sha256(x) for x in arrays), tuple(rounded_sha256(x) for x in arrays))


def _copies(
    synthetic: Source, real: Source, training: Source | None, digests: Sequence[_Digests]
) -> list[tuple[Check, Bool[np.ndarray, " n"]]]:
    """Return the checks for records that are one another, or real ones."""
    made, known, taught = digests
    found = [_repeats(synthetic.records, made, known)]
    names = ("copies_training", "no training record, to the bit or in 256 steps")
    if training is None:
        found.append((_not_asked(*names, "training data were not named"), np.zeros(len(synthetic.records), bool)))
    else:
        found.append(_of_others(*names, synthetic.records, made, training.records, taught, known))
    names = ("copies_real", "no record of the real side, to the bit or in 256 steps")
    return [*found, _of_others(*names, synthetic.records, made, real.records, known, None)]


def _repeats(records: Sequence[Record], made: _Digests, known: _Digests) -> tuple[Check, Bool[np.ndarray, " n"]]:
    first: dict[str, int] = {}
    reasons: list[str | None] = []
    for i, (exact, rounded) in enumerate(zip(made.exact, made.rounded, strict=True)):
        at = first.get(exact, first.get(rounded))
        reasons.append(None if at is None else f"is {records[at].record_id} again{_how(exact == made.exact[at])}")
        if at is None:
            first[exact] = first[rounded] = i
    twice: list[str | None] = ["again"] * (len(known.rounded) - len(set(known.rounded)))
    real = twice + [None] * (len(known.rounded) - len(twice))
    check = _check("repeats", "no other synthetic record, to the bit or in 256 steps", records, reasons, real, False)
    return check, np.array([why is not None for why in reasons], dtype=bool)


def _how(to_the_bit: bool) -> str:
    return "" if to_the_bit else ", in 256 steps"


def _of_others(
    name: str, asks: str, records: Sequence[Record], made: _Digests, others: Sequence[Record], theirs: _Digests,
    known: _Digests | None,
) -> tuple[Check, Bool[np.ndarray, " n"]]:  # fmt: skip
    exact = dict(zip(theirs.exact, others, strict=True))
    rounded = dict(zip(theirs.rounded, others, strict=True))
    reasons: list[str | None] = []
    for to_the_bit, in_steps in zip(made.exact, made.rounded, strict=True):
        other = exact.get(to_the_bit) or rounded.get(in_steps)
        reasons.append(None if other is None else f"is {other.record_id}{_how(to_the_bit in exact)}")
    real: list[str | None] = [] if known is None else [x if x in rounded else None for x in known.rounded]
    return _check(name, asks, records, reasons, real, False), np.array([w is not None for w in reasons], dtype=bool)


def _notes(records: Sequence[Record], expected: Expected) -> tuple[str, ...]:
    """Say what differs between the sides and is made alike before it is measured."""
    if not records or not expected.shapes:
        return ()
    shape, rate = majority(records)
    notes = []
    common = expected.shapes[0][0]
    if shape != common:
        a, b = (" x ".join(map(str, s)) for s in (common, shape))
        notes.append(f"Most real records are {a}, most synthetic ones {b}.")
    if rate is not None and expected.rates and rate != expected.rates[0][0]:
        notes.append(f"Most real records are sampled at {expected.rates[0][0]:g} Hz, most synthetic ones at {rate:g}.")
    blind = sum(bool(np.isnan(spacing_of(r)).any()) for r in records if spacing_of(r))
    if blind and expected.spaced:
        notes.append(f"{blind} of {len(records)} synthetic records do not state their spacing.")
    return tuple(notes)
