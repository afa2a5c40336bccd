"""`cinc:DIR`: the PhysioNet/CinC Challenges 2020 and 2021 (.hea and .mat, SNOMED CT codes)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..record import Record
from .policy import OnError, each, folder
from .snomed import snomed_name
from .wfdb_folder import header_paths, wfdb_record


def read_cinc(
    path: str,
    *,
    leads: Sequence[str] | str | None = None,
    fs_hz: float | None = None,
    verify_checksum: bool = True,
    on_error: OnError = "raise",
    skipped: list[str] | None = None,
) -> Iterator[Record]:
    """Yield the Challenge's records in mV, their SNOMED CT codes named.

    `provenance["labels"]` holds the names, `provenance["snomed_ct"]` the codes; a code that the
    table lacks is its own name. Which records are of one patient is not published, so none has a
    `patient_id`.

    Args:
        path: the folder, with or without sub-folders per database.
        leads: leads in the order wanted; the twelve standard ones when None.
        fs_hz: rate to resample to; the record's own (257 to 1000 Hz) when None.
        verify_checksum: hold samples against the checksums in the header.
        on_error: `raise`, or `skip` a record that cannot be read.
        skipped: receives a line per record skipped.

    Raises:
        ValueError: no such folder, no records in it, or (while iterating) a faulty record, by name.
    """
    root = folder(path)
    headers = header_paths(root)
    if not headers:
        raise ValueError(f"{path} has no Challenge records (.hea files) in it or below")

    def read_one(header: Path) -> Record:
        record = wfdb_record(header, root=root, leads=leads, fs_hz=fs_hz, verify_checksum=verify_checksum)
        codes = list(record.provenance["labels"])
        named = {"labels": [snomed_name(code) for code in codes], "snomed_ct": codes}
        about = {**record.provenance, "reader": "cinc", "licence": "CC BY 4.0", **named}
        return replace(record, provenance=about)

    return each(headers, read_one, on_error, skipped)
