"""Any source of real ECGs as sides of the task: who is trained on, who is tested on, and what is pretrained on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ....conditioning.record import Record
from ....generators.readout.alternans.beats import chosen_leads
from .downstream_task import AlternansTask
from .examples import Examples, labelled_rhythms, patient, real_examples, rhythm_examples

TEST_FOLDS = (9, 10)  # PTB-XL's better-labelled ones
_TEST_SHARE = 0.4
_FROM_PTBXL = re.compile(r"HR\d{5}$")
_SHORT_ROWS, _LONG_ROWS = 720, 240  # of real records, whatever the number of patients
FEWEST = 12
SIMULATED = "simulated"


@dataclass(frozen=True)
class Sides:
    """Records to train on and to test on; no patient is on both, and each tested one has one record."""

    train: tuple[Record, ...]
    test: tuple[Record, ...]


def sides(records: Iterable[Record], limit: int) -> Sides:
    """Return real records split by patient: by PTB-XL's folds where they have one, else two in five to the test.

    Args:
        records: of any reader.
        limit: most patients a side; reading ends when both are full.

    Raises:
        ValueError: fewer than 12 patients on a side, or a record lacks one of I, II, V1-V6.
    """
    found: dict[bool, dict[str, list[Record]]] = {False: {}, True: {}}
    for record in records:
        chosen_leads(record)
        side, who = found[_tested(record)], patient(record)
        if who in side or len(side) < limit:
            side.setdefault(who, []).append(record)
        if all(len(side) >= limit for side in found.values()):
            break
    for name, side in (("train", found[False]), ("test", found[True])):
        if len(side) < FEWEST:
            raise ValueError(f"{len(side)} patients are there to {name} on; {FEWEST} or more are needed")
    train = tuple(record for some in found[False].values() for record in some)
    return Sides(train, tuple(some[0] for some in found[True].values()))


def _tested(record: Record) -> bool:
    fold = record.provenance.get("strat_fold")
    if fold is not None:
        return int(fold) in TEST_FOLDS
    drawn = int.from_bytes(hashlib.sha256(patient(record).encode()).digest()[:4], "big")
    return drawn < _TEST_SHARE * 2**32


def without_ptbxl(records: Iterable[Record]) -> Iterator[Record]:
    """Yield the records of the CinC Challenge without those that it took from PTB-XL (`HR00001` and so on)."""
    return (record for record in records if not _FROM_PTBXL.match(record.record_id.rsplit("/", 1)[-1]))


def real_rows(records: tuple[Record, ...], seed: int) -> Examples:
    """Return about 960 rows of real records, a quarter of them 64 beats long; of many records four each."""
    short, long = (max(fewest, round(rows / len(records))) for fewest, rows in ((3, _SHORT_ROWS), (1, _LONG_ROWS)))
    return real_examples(records, short=short, long=long, seed=seed)


def arrhythmia_sets(simulated: int, pretrain: Mapping[str, Iterable[Record]], seed: int) -> dict[str, Examples]:
    """Return what the arrhythmia rungs learn first: simulated rhythms, and these with all sources' labelled ones.

    Args:
        simulated: how many simulated records.
        pretrain: real records with labels, by the name to show.
        seed: of the simulated ones.

    Raises:
        ValueError: a source's labels name fewer than two rhythms.
    """
    together = alone = rhythm_examples(simulated, seed)
    for name, records in pretrain.items():
        try:
            together = AlternansTask().join(together, labelled_rhythms(records))
        except ValueError as error:
            raise ValueError(f"pretraining on {name}: {error}") from error
    return {SIMULATED: alone} | ({" + ".join([SIMULATED, *pretrain]): together} if pretrain else {})
