"""`embedded:ludb`: 100 records of LUDB with the cardiologists' delineation.

Source: Kalyakulina et al., "LUDB: A New Open-Access Validation Tool for Electrocardiogram
Delineation Algorithms", IEEE Access 8:186181 (2020). `ludb/README.md` says what was changed.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from jaxtyping import Int16

from ..ecg.vocabulary import LEADS
from ..readers.ecg_record import ecg_record, label_facts
from ..readers.policy import OnError, each
from ..readers.stated import age_years
from ..readers.wfdb_annotations import waves_table
from ..readers.wording import wording_meaning
from ..record import Record, Table

FS_HZ = 500.0
SPLITS = ("tuning", "held_out")
_DATA = files(__package__ or "clinsynth.conditioning.embedded") / "ludb"
_WaveRows = list[tuple[str, str, int, int, int]]


def read_ludb(
    *,
    split: Literal["tuning", "held_out"] | None = None,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the embedded LUDB records: 12 leads, 10 s, 500 Hz, in mV, with `waves` per lead.

    Beats are numbered alike in all leads; LUDB leaves the first and last beats without marks.
    `provenance` has `split`, `patient_id` (one record per subject), the cardiologists' `labels`,
    `rhythm` and `axis` in LUDB's wording, and age and sex as LUDB writes them.

    Args:
        split: `tuning` (60 records) or `held_out` (40 that nothing may be tuned or trained on);
            all 100 when None.
        leads: leads in the order wanted; the twelve in their usual order when None.
        fs_hz: rate to resample to; 500 when None.
        on_error: as readers of folders have it; here only options can be at fault.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: an unknown split, lead or rate.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split = {split!r} is not known (allowed: {', '.join(SPLITS)}, or none for all)")
    signals, waves = _signals(), _waves()
    rows = [row for row in _labels() if split in (None, row["split"])]

    def read_one(row: Mapping[str, str]) -> Record:
        return _record(row, signals[row["record"]], waves_table(waves[row["record"]], FS_HZ), leads, fs_hz)

    return each(rows, read_one, on_error, skipped)


def _record(
    row: Mapping[str, str],
    signal_uv: Int16[np.ndarray, "12 5000"],
    waves: Table,
    leads: Sequence[str] | str | None,
    fs_hz: float | None,
) -> Record:
    labels = row["labels"].split("|")
    facts: dict[str, Any] = {"sex": row["sex"], "age_years": age_years(row["age"]), "patient_id": row["record"]}
    about = {
        "reader": "embedded", "source": "LUDB 1.0.1", "licence": "ODC-By 1.0", "split": row["split"],
        "patient_id": row["record"], "original_record": row["original_record"], "age": row["age"], "sex": row["sex"],
        "rhythm": row["rhythm"], "axis": row["axis"], "labels": labels,
        "scale": "stored counts taken as microvolts",
    }  # fmt: skip
    return ecg_record(
        row["record"], signal_uv / np.float32(1000), LEADS, FS_HZ,
        facts=facts | label_facts(wording_meaning(label) for label in labels), provenance=about,
        tables={"waves": waves}, wanted_leads=leads, wanted_fs_hz=fs_hz,
    )  # fmt: skip


@cache
def _labels() -> tuple[Mapping[str, str], ...]:
    return tuple(csv.DictReader((_DATA / "labels.csv").read_text(encoding="utf-8").splitlines()))


@cache
def _signals() -> Mapping[str, Int16[np.ndarray, "12 5000"]]:
    """Return microvolts by record, undoing the differences in time and between limb leads."""
    with (_DATA / "signals.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        uv = np.cumsum(stored["differences"], axis=-1, dtype=np.int32)
        names = [str(name) for name in stored["record"]]
    i, ii = uv[:, 0], uv[:, 1]
    uv[:, 2] += ii - i
    uv[:, 3] -= (i + ii) >> 1
    uv[:, 4] += i - (ii >> 1)
    uv[:, 5] += ii - (i >> 1)
    microvolts = uv.astype(np.int16)
    microvolts.setflags(write=False)
    return dict(zip(names, microvolts, strict=True))


@cache
def _waves() -> Mapping[str, _WaveRows]:
    found: dict[str, _WaveRows] = {}
    with (_DATA / "waves.csv.gz").open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        for record, lead, wave, onset, peak, offset in rows:
            found.setdefault(record, []).append((lead, wave, int(onset), int(peak), int(offset)))
    return found
