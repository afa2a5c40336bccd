"""What somebody needs to repeat an evaluation, ticked where it is stated and with the reason where it is not.

Filled from the run itself. What changes from run to run, hardware and time, is in the JSON alone: a page of the same
content has the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..conditioning.record import Record
from .finding import Finding
from .report import Cell, Section, Table

ASIDE = "in checklist.json beside this page"
SIDES = ("real", "training", "synthetic")


@dataclass(frozen=True)
class DataSide:
    """One side's data.

    Attributes:
        role: `real`, `training` or `synthetic`.
        source: as it was named.
        n: records.
        sha256: of ids, arrays and conditions, whatever their order.
        patients: the patients that records name.
        unnamed: records that name none.
        contents: a hash of each record's arrays.
    """

    role: str
    source: str
    n: int
    sha256: str
    patients: frozenset[str]
    unnamed: int
    contents: frozenset[bytes]


class Item(BaseModel):
    """One line of the checklist.

    Attributes:
        group: what it is about.
        name: what is to be stated.
        ticked: whether it is.
        value: what is stated.
        reason: why it is not, where it is not.
        varies: it differs from run to run, and is kept off the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    group: str
    name: str
    ticked: bool
    value: str = ""
    reason: str = ""
    varies: bool = False


class Checklist(BaseModel):
    """All lines."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    items: tuple[Item, ...]


def data_side(role: str, source: str, records: Iterable[Record]) -> DataSide:
    """Return what the checklist says of one side; records are read once, and only hashes are held."""
    ids, contents, patients, unnamed = [], set(), set(), 0
    for record in records:
        content = _content(record)
        contents.add(content)
        said = "" if record.condition is None else record.condition.model_dump_json(exclude_none=True)
        ids.append(hashlib.sha256(f"{record.record_id}\0{said}\0".encode() + content).digest())
        patient = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
        unnamed += not patient
        patients |= {str(patient)} if patient else set()
    whole = hashlib.sha256(b"".join(sorted(ids))).hexdigest()
    return DataSide(role, source, len(ids), whole, frozenset(patients), unnamed, frozenset(contents))


def _content(record: Record) -> bytes:
    whole = hashlib.sha256()
    for name, array in sorted(record.arrays.items()):
        x = np.ascontiguousarray(array)
        whole.update(f"{name} {x.dtype.str} {x.shape} ".encode())
        whole.update(x.data if x.size else b"")
    return whole.digest()


def checklist(
    sides: Sequence[DataSide], *, seeds: Mapping[str, int | None], weights: str | None, versions: Mapping[str, str],
    made_by: Mapping[str, str] | None, commands: Sequence[str], hardware: Mapping[str, Any],
    seconds: Mapping[str, float], findings: Iterable[Finding] = (), encoder: str | None = None,
) -> Checklist:  # fmt: skip
    """Return the checklist of one evaluation.

    Args:
        sides: the data.
        seeds: by what they are of; None where nobody states one.
        weights: the hash of the generator's weights, or a word on why there are none; None when not stated.
        versions: of the software that evaluated.
        made_by: versions of the software that made the synthetic data; None when not stated.
        commands: that repeat it.
        hardware: what it ran on.
        seconds: wall time of each part.
        findings: of the page: what stays unknown was not measured.
        encoder: whose features were compared, with the hash of its weights.
    """
    items = [
        *_data(sides),
        _split(sides),
        *_overlaps(sides),
        *(_stated("Seeds", what, seed, "whoever made the data does not state it") for what, seed in seeds.items()),
        _stated("Software", "versions that evaluated", _listed(versions), "unknown"),
        _stated("Software", "versions that made the data", _listed(made_by or {}), "the data do not state them"),
        _stated("Software", "weights of the generator", weights, "the data do not state them"),
        _stated("Software", "encoder", encoder, "none was used"),
        _stated("Commands", "that repeat it", "; ".join(commands), "none is known"),
        _stated("Machine", "hardware", _listed(hardware), "not found out", varies=True),
        _stated("Machine", "wall time of each part", _times(seconds), "a part was read from disk", varies=True),
        _measured(findings),
    ]
    return Checklist(items=tuple(items))


def checklist_section(checked: Checklist) -> Section:
    """Return the checklist as a section of the page."""
    rows = tuple(
        (
            Cell(text=f"{i.group}: {i.name}"),
            Cell(text="✓ yes" if i.ticked else "✗ no", heat=0 if i.ticked else 1),
            Cell(text=i.reason if not i.ticked else ASIDE if i.varies else i.value),
        )
        for i in checked.items
    )
    table = Table(caption="Reproducibility", head=("item", "stated", "what, or why not"), rows=rows, prose=True)
    ticked = sum(i.ticked for i in checked.items)
    text = f"{ticked} of {len(rows)} items are stated; filled by the evaluation itself."
    return Section(name="checklist", title="Can it be repeated", texts=(text,), tables=(table,))


def _stated(group: str, name: str, value: Any, reason: str, varies: bool = False) -> Item:
    known = value not in (None, "")
    said = {"value": str(value)} if known else {"reason": reason}
    return Item(group=group, name=name, ticked=known, varies=varies, **said)


def _data(sides: Sequence[DataSide]) -> list[Item]:
    items = []
    given = {side.role: side for side in sides}
    for role in SIDES:
        side = given.get(role)
        if side is None or not side.n:
            items.append(Item(group="Data", name=role, ticked=False, reason="none was named"))
            continue
        people = f", {len(side.patients)} patients" if side.patients else ""
        said = f"{side.source}: {side.n} records{people}"
        items.append(Item(group="Data", name=role, ticked=True, value=f"{said}; sha256 {side.sha256}"))
        if role != "synthetic" and side.unnamed:
            reason = f"{side.unnamed} of {side.n} records name no patient and count as patients of their own"
            items.append(Item(group="Data", name=f"{role}, patients", ticked=False, reason=reason))
    return items


def _split(sides: Sequence[DataSide]) -> Item:
    given = {side.role: side for side in sides}
    real, training = given.get("real"), given.get("training")
    if real is None or training is None or not training.n:
        return Item(group="Data", name="split by patient", ticked=False, reason="no training data were named")
    if real.unnamed or training.unnamed:
        reason = "not every real record names its patient, so one could stand on both sides"
        return Item(group="Data", name="split by patient", ticked=False, reason=reason)
    both = len(real.patients & training.patients)
    said = f"{both} of {len(real.patients)} real patients were trained on" + (" and were left out" if both else "")
    return Item(group="Data", name="split by patient", ticked=True, value=said)


def _overlaps(sides: Sequence[DataSide]) -> list[Item]:
    items = []
    for a, b in combinations([s for s in sides if s.n], 2):
        n = len(a.contents & b.contents)
        name = f"no record is both {a.role} and {b.role}"
        said = {"reason": f"{n} are, to the last bit"} if n else {"value": "0 are, to the last bit"}
        items.append(Item(group="Data", name=name, ticked=not n, **said))
    return items


def _measured(findings: Iterable[Finding]) -> Item:
    missing = [f.claim for f in findings if f.level == "unknown"]
    if not missing:
        return Item(group="Measured", name="everything asked", ticked=True, value="nothing is unknown")
    n = len(missing)
    reason = f"{n} {'thing is' if n == 1 else 'things are'} unknown, as the first screen says"
    return Item(group="Measured", name="everything asked", ticked=False, reason=reason, value=" ".join(missing))


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items())


def _times(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {s:.1f} s" for part, s in seconds.items())
