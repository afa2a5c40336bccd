"""`wfdb:DIR`: every WFDB record below a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..ecg.vocabulary import Rhythm
from ..record import Record, Table
from .ecg_record import ecg_record, label_facts
from .meaning import Meaning
from .policy import OnError, each, folder, inside
from .snomed import snomed_meaning
from .stated import age_years, parse_comments, sex_letter
from .wfdb_annotations import read_tables
from .wfdb_signal import read_signal
from .wording import wording_meaning


def read_wfdb(
    path: str,
    *,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    physical: bool = True,
    verify_checksum: bool = True,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield every WFDB record below a folder, in mV, with the annotation that stands beside it.

    A file `RECORDS` in a folder decides which records are read there; otherwise every `.hea` is.
    A record's id is its path below the folder. Header comments give age, sex and diagnoses (words,
    or SNOMED CT codes); `.atr` gives beats and rhythms; one annotation file per lead gives waves.

    Args:
        path: the folder.
        leads: leads in the order wanted; all, the twelve standard ones first, when None.
        fs_hz: rate to resample to; the record's own when None.
        physical: use the headers' gains. LUDB's gains scale every lead to 1 mV peak to peak;
            `physical=False` takes the stored counts as microvolts, which for LUDB is consistent
            between leads and plausible in amplitude.
        verify_checksum: hold samples against the checksums in the header.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, no records in it, or (while iterating) a faulty record, by name.
    """
    root = folder(path)
    headers = header_paths(root)
    if not headers:
        raise ValueError(f"{path} has no WFDB records (.hea files) in it or below")
    read_one = partial(
        wfdb_record, root=root, leads=leads, fs_hz=fs_hz, physical=physical, verify_checksum=verify_checksum
    )
    return each(headers, read_one, on_error, skipped)


def header_paths(root: Path) -> list[Path]:
    """Return the headers of all records below `root`; `RECORDS` files are honoured.

    Raises:
        ValueError: a `RECORDS` entry leads out of its folder.
    """
    return _headers(root, set())


def _headers(root: Path, seen: set[Path]) -> list[Path]:
    # A link that leads back up would never end.
    if root.resolve() in seen:
        return []
    seen.add(root.resolve())
    listing = root / "RECORDS"
    if not listing.is_file():
        own = sorted(root.glob("*.hea"))
        return own + [h for below in sorted(p for p in root.iterdir() if p.is_dir()) for h in _headers(below, seen)]
    found: list[Path] = []
    for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip():
            continue
        entry = inside(root, line.strip(), f"{listing}: entry")
        found += _headers(entry, seen) if entry.is_dir() else [entry.with_name(entry.name + ".hea")]
    return found


def wfdb_record(
    header: Path,
    *,
    root: Path,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    physical: bool = True,
    verify_checksum: bool = True,
    provenance: dict[str, Any] | None = None,
) -> Record:
    """Return the record of one header, with condition and annotation as far as they are stated.

    Args:
        header: the .hea file, below `root`.
        root: folder that record ids are relative to.
        provenance: entries that take precedence over the reader's own.

    Raises:
        ValueError: one line that names the file.
    """
    read = read_signal(header, leads=leads, physical=physical, verify_checksum=verify_checksum)
    base = header.with_suffix("")
    tables = read_tables(base, read.leads, read.fs_hz, read.signal_mv.shape[-1])
    stated = parse_comments(read.comments)
    facts: dict[str, Any] = {"sex": sex_letter(stated.sex), "age_years": age_years(stated.age)}
    if stated.labels:
        facts |= label_facts(label_meaning(label) for label in stated.labels)
    else:
        facts["rhythm"] = _annotated_rhythm(tables)
    about: dict[str, Any] = {
        "synthetic": stated.synthetic,
        "reader": "wfdb",
        "age": stated.age,
        "sex": stated.sex,
        "labels": list(stated.labels),
    }
    about |= {"caution": read.caution} if read.caution else {}
    about |= {} if physical else {"scale": "stored counts taken as microvolts"}
    try:
        return ecg_record(
            base.relative_to(root).as_posix(), read.signal_mv, read.leads, read.fs_hz,
            facts=facts, provenance=about | (provenance or {}), tables=tables,
            wanted_leads=read.leads, wanted_fs_hz=fs_hz,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{header}: {error}") from error


def label_meaning(label: str) -> Meaning:
    """Return what one label, a SNOMED CT code or words, says in our vocabulary."""
    return snomed_meaning(label) if label.isdigit() else wording_meaning(label)


def _annotated_rhythm(tables: dict[str, Table]) -> Rhythm | None:
    """Return the rhythm that one annotated span, the only one, gives to the whole record."""
    words = {str(word) for word in tables.get("rhythms", {}).get("rhythm", ())}
    only = words.pop() if len(words) == 1 else ""
    return Rhythm(only) if only in set(Rhythm) else None
