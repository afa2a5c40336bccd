"""`ptbxl:DIR`: PTB-XL as PhysioNet distributes it, both sampling rates, chosen folds.

Source: Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Scientific
Data 7:154 (2020); version 1.0.3.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..record import Record
from .ecg_record import ecg_record, label_facts
from .policy import OnError, each, file, folder, inside
from .scp import scp_meanings
from .stated import age_years
from .wfdb_signal import read_signal

T = TypeVar("T")
_COLUMNS = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", "filename_lr", "filename_hr")
_FILENAME = {100: "filename_lr", 500: "filename_hr"}
_SEX = {"0": "M", "1": "F"}
_FOLDS = tuple(str(fold) for fold in range(1, 11))
_LONGEST_CODES = 10_000


def read_ptbxl(
    path: str,
    *,
    sampling_rate: int = 500,
    folds: Sequence[int] = tuple(range(1, 11)),
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield PTB-XL's records in mV, in the order of `ptbxl_database.csv`.

    `provenance` keeps `patient_id`, `strat_fold`, all SCP codes with their likelihood
    (`scp_codes`), their codes and descriptions (`labels`, `label_names`), device and site.

    Args:
        path: the folder that holds `ptbxl_database.csv`.
        sampling_rate: 500 reads `records500`, 100 reads `records100`.
        folds: which of the ten recommended folds to read (9 and 10 are the better-labelled ones).
        leads: leads in the order wanted; the twelve standard ones when None.
        fs_hz: rate to resample to; `sampling_rate` when None.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder or table, a column missing, an option out of range, or (while
            iterating) a faulty row or record, by name.
    """
    if sampling_rate not in _FILENAME:
        raise ValueError(f"sampling_rate = {sampling_rate}: PTB-XL has 100 and 500 Hz")
    wanted = {str(fold) for fold in folds}
    if not wanted or not wanted <= set(_FOLDS):
        raise ValueError(f"folds = {list(folds)}: at least one of 1 to 10 is needed")
    root = folder(path)
    table = file(root / "ptbxl_database.csv")
    names = _statement_names(root / "scp_statements.csv")

    def read_one(numbered: tuple[int, Mapping[str, str]]) -> Record:
        number, row = numbered
        try:
            return _record(root, row, _FILENAME[sampling_rate], names, leads, fs_hz)
        except ValueError as error:
            raise ValueError(f"{table.name}, row {number}: {error}") from error

    return each(_rows(table, wanted), read_one, on_error, skipped)


def _rows(table: Path, folds: set[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Check the table's header now, and return its numbered rows of the folds wanted."""
    with table.open(newline="", encoding="utf-8", errors="replace") as text:
        columns = next(csv.reader(text), [])
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise ValueError(f"{table} has no column {missing[0]!r}; is it PTB-XL's ptbxl_database.csv?")
    return _iterate_rows(table, folds)


def _iterate_rows(table: Path, folds: set[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    with table.open(newline="", encoding="utf-8", errors="replace") as text:
        for number, row in enumerate(_checked(csv.DictReader(text), table), start=1):
            cells = {name: value or "" for name, value in row.items() if isinstance(name, str)}
            fold = _whole(cells["strat_fold"])
            if fold in folds or fold not in _FOLDS:
                yield number, cells


def _checked(rows: Iterator[T], table: Path) -> Iterator[T]:
    try:
        yield from rows
    except csv.Error as error:
        raise ValueError(f"{table}: is no CSV file: {error}") from error


def _record(
    root: Path,
    row: Mapping[str, str],
    filename: str,
    names: Mapping[str, str],
    leads: Sequence[str] | str | None,
    fs_hz: float | None,
) -> Record:
    ecg_id, patient = _whole(row["ecg_id"]), _whole(row["patient_id"])
    if not ecg_id.isdigit():
        raise ValueError(f"ecg_id {row['ecg_id']!r} is no number")
    if _whole(row["strat_fold"]) not in _FOLDS:
        raise ValueError(f"strat_fold {row['strat_fold']!r} is not one of 1 to 10")
    codes = parse_scp_codes(row["scp_codes"])
    base = inside(root, row[filename], filename)
    read = read_signal(base.with_name(base.name + ".hea"), leads=leads)
    facts = {
        "sex": _SEX.get(_whole(row["sex"])),
        "age_years": age_years(row["age"]),
        "patient_id": patient or None,
        **(label_facts(scp_meanings(codes)) if codes else {}),
    }
    about: dict[str, Any] = {
        "reader": "ptbxl", "source": "PTB-XL", "licence": "CC BY 4.0", "patient_id": patient,
        "strat_fold": int(_whole(row["strat_fold"])), "age": row["age"], "sex": row["sex"],
        "labels": list(codes), "label_names": [names.get(code, code) for code in codes], "scp_codes": codes,
        "device": row.get("device", ""), "site": _whole(row.get("site", "")),
    }  # fmt: skip
    return ecg_record(
        f"{int(ecg_id):05d}", read.signal_mv, read.leads, read.fs_hz,
        facts=facts, provenance=about, wanted_leads=read.leads, wanted_fs_hz=fs_hz,
    )  # fmt: skip


def parse_scp_codes(text: str) -> dict[str, float]:
    """Return SCP statements with their likelihood in percent, from the table's Python literal.

    Raises:
        ValueError: anything but a dictionary of codes and numbers.
    """
    try:
        value = ast.literal_eval(text.strip()) if len(text) <= _LONGEST_CODES else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    codes: dict[Any, Any] = value if isinstance(value, dict) else {None: None}
    if not all(isinstance(code, str) and type(share) in (int, float) for code, share in codes.items()):
        raise ValueError(f"scp_codes {text[:60]!r} is not a dictionary of codes and likelihoods")
    return {code: float(share) for code, share in codes.items()}


def _statement_names(path: Path) -> dict[str, str]:
    """Return descriptions by SCP code; the file has codes in its first column and may be missing."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as text:
        rows = csv.DictReader(text)
        first = (rows.fieldnames or [""])[0]
        return {row[first]: row.get("description") or row[first] for row in rows}


def _whole(text: str) -> str:
    """Return `15709.0`, as pandas writes an integer column with gaps, without its zero."""
    return text.strip().removesuffix(".0")
