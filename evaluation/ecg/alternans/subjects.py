"""Whom alternans is looked for in: patients at several lengths, or stretches of one long recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.record import Record
from ....conditioning.seeds import sample_seed
from .examples import LONG_BEATS, SHORT_BEATS, lengthened, patient
from .recordings import windows, with_leads

SHORT = "10 s"
LENGTHS: Mapping[str, int] = {SHORT: SHORT_BEATS, f"{LONG_BEATS} beats": LONG_BEATS, "128 beats": 128}
LONG = tuple(name for name in LENGTHS if name != SHORT)
_SPARE = 4  # beats more than are compared: those at the ends may be cut


@dataclass(frozen=True)
class Subject:
    """One row of a test.

    Attributes:
        name: different for each subject of a test.
        patient: whose record it is.
        records: by the length's name; None where the record could not be made that long.
        leads: that it is read in.
    """

    name: str
    patient: str
    records: Mapping[str, Record | None]
    leads: tuple[str, ...] = INDEPENDENT_LEADS


def patients(
    records: Iterable[Record], seed: int, *, lengths: Sequence[str] = tuple(LENGTHS),
    leads: tuple[str, ...] = INDEPENDENT_LEADS,
) -> list[Subject]:  # fmt: skip
    """Return a subject for each record: as it is at 10 s, continued from its own beats at the other lengths.

    Args:
        records: one for each patient.
        seed: of the continuations.
        lengths: which of `LENGTHS`.
        leads: read in these alone; alternans is then put into them alone, too.

    Raises:
        ValueError: a record lacks a lead.
    """
    out = []
    for record in records:
        name = patient(record)
        some = record if leads == INDEPENDENT_LEADS else with_leads(record, leads)
        out.append(Subject(name, name, _made_long(some, lengths, sample_seed(seed, f"test/{name}")), leads))
    return out


def _made_long(record: Record, lengths: Sequence[str], seed: int) -> dict[str, Record | None]:
    """Return the record at each length, each a continuation of its own."""
    return {name: lengthened(record, None if name == SHORT else LENGTHS[name], seed) for name in lengths}


def stretches(record: Record, length: str, leads: tuple[str, ...]) -> list[Subject]:
    """Return the recording's own stretches of a length, none overlapping; one patient's all of them."""
    some = with_leads(record, leads)
    return [
        Subject(part.record_id, patient(record), {length: part}, leads)
        for part in windows(some, LENGTHS[length] + _SPARE)
    ]


def continuations(
    record: Record, count: int, seed: int, leads: tuple[str, ...], lengths: Sequence[str] = LONG
) -> list[Subject]:
    """Return `count` subjects from one recording that is too short: each goes on with its beats in another order."""
    some, who = with_leads(record, leads), patient(record)
    return [
        Subject(f"{who} again {k}", who, _made_long(some, lengths, sample_seed(seed, f"again/{who}/{k}")), leads)
        for k in range(count)
    ]
