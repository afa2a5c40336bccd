"""One real ECG as a Record: the signal checked, and as much of the condition as our model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from ..ecg import LEADS, EcgCondition
from ..record import Record, SignalGeometry, Table
from ..words import one_line
from .leads import lead_order
from .meaning import Meaning, findings_of, rhythm_of
from .resample import resampled, rescaled_tables


def ecg_record(
    record_id: str,
    signal_mv: Float[np.ndarray, "leads samples"],
    leads: Sequence[str],
    fs_hz: float,
    *,
    facts: Mapping[str, Any],
    provenance: Mapping[str, Any],
    tables: Mapping[str, Table] | None = None,
    wanted_leads: Sequence[str] | str | None = None,
    wanted_fs_hz: float | None = None,
) -> Record:
    """Return a real ECG with its leads in order, at the rate wanted.

    Args:
        record_id: name unique in its source.
        signal_mv: (leads, samples) in mV.
        leads: names of the rows.
        fs_hz: sampling rate.
        facts: fields of `EcgCondition` that the source states. One that our adult model refuses
            (an age below 18) is left out of the condition and kept in `provenance["left_out"]`.
        provenance: where the record comes from.
        tables: annotation, counted in samples of this signal.
        wanted_leads: leads in the order wanted; standard leads first when None.
        wanted_fs_hz: rate wanted; the record's own when None.

    Raises:
        ValueError: no samples, values that are not finite, a lead that is not there, a rate out of range.
    """
    rows = lead_order(leads, wanted_leads)
    names = tuple(leads[row] for row in rows)
    signal = np.ascontiguousarray(signal_mv[rows], dtype=np.float32)
    _check_values(signal, names)
    annotation = {name: _of_leads(table, names) for name, table in (tables or {}).items()}
    rate = fs_hz if wanted_fs_hz is None else float(wanted_fs_hz)
    if rate != fs_hz:
        signal = resampled(signal, fs_hz, rate)
        annotation = rescaled_tables(annotation, fs_hz, rate, signal.shape[-1])
    standard = tuple(name for name in names if name in LEADS)
    condition, left_out = condition_from(
        {"fs_hz": rate, "duration_s": signal.shape[-1] / rate, "leads": standard or None, **facts}
    )
    if standard != names:
        left_out["leads"] = f"{', '.join(n for n in names if n not in LEADS)}: not of the twelve standard leads"
    about = {"synthetic": False, **provenance, **({"left_out": left_out} if left_out else {})}
    return Record(record_id, {"signal": signal}, condition, SignalGeometry(rate, names, "mV"), about, annotation)


def _check_values(signal: Float[np.ndarray, "leads samples"], names: Sequence[str]) -> None:
    if signal.shape[-1] == 0:
        raise ValueError("has no samples")
    for name, row in zip(names, signal, strict=True):
        bad = np.flatnonzero(~np.isfinite(row))
        if bad.size:
            first = f"the first is sample {bad[0]}"
            raise ValueError(f"lead {name}: {bad.size} of {row.size} samples are not numbers ({first})")


def _of_leads(table: Table, names: Sequence[str]) -> Table:
    if "lead" not in table:
        return table
    kept = np.isin(table["lead"], [*names, "global"])
    return {column: np.asarray(values)[kept] for column, values in table.items()}


def label_facts(meanings: Iterable[Meaning]) -> dict[str, Any]:
    """Return rhythm and findings of a labelled record as condition fields.

    `findings` is empty where labels exist and none of them is a finding of our vocabulary.
    """
    told = list(meanings)
    return {"rhythm": rhythm_of(told), "findings": findings_of(told)}


def condition_from(facts: Mapping[str, Any]) -> tuple[EcgCondition, dict[str, str]]:
    """Return the condition that holds every fact it can, and the facts left out with the reason.

    Facts enter one at a time, in the order given, findings singly: what our model refuses, alone
    or beside the facts before it, is left out. A fact that is None is not stated.
    """
    given = {name: value for name, value in facts.items() if value is not None}
    try:
        return EcgCondition(**given), {}
    except ValidationError:
        pass  # the rare record: find out which fact it is
    kept: dict[str, Any] = {"findings": ()} if "findings" in given else {}
    left_out: dict[str, list[str]] = {}
    for name, value in _single_facts(given):
        trial = {**kept, name: (*kept["findings"], value) if name == "findings" else value}
        try:
            EcgCondition(**trial)
        except ValidationError as error:
            left_out.setdefault(name, []).append(f"{value}: {one_line(error, EcgCondition)}")
        else:
            kept = trial
    return EcgCondition(**kept), {name: "; ".join(reasons) for name, reasons in left_out.items()}


def _single_facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        yield from ((name, word) for word in value) if name == "findings" else ((name, value),)
