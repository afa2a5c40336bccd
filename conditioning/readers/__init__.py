"""Readers of real data: every one yields `Record`s: signals in mV, images from 0 to 1, brains in RAS on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ..embedded import embedded
from ..record import Record
from ..words import unknown
from .options import split_options
from .registry import call_registered

__all__ = ["READERS", "read"]

# A line here is all that a new reader needs: name -> "module:function".
READERS: dict[str, str] = {
    "bids": "clinsynth.conditioning.readers.bids:read_bids",
    "brats": "clinsynth.conditioning.readers.brats:read_brats",
    "chexpert": "clinsynth.conditioning.readers.chexpert:read_chexpert",
    "cinc": "clinsynth.conditioning.readers.cinc:read_cinc",
    "dicom": "clinsynth.conditioning.readers.dicom_folder:read_dicom",
    "dicom-series": "clinsynth.conditioning.readers.dicom_series:read_dicom_series",
    "mimic-cxr": "clinsynth.conditioning.readers.mimic_cxr:read_mimic_cxr",
    "nifti": "clinsynth.conditioning.readers.nifti_patients:read_nifti",
    "nih": "clinsynth.conditioning.readers.nih:read_nih",
    "padchest": "clinsynth.conditioning.readers.padchest:read_padchest",
    "ptbxl": "clinsynth.conditioning.readers.ptbxl:read_ptbxl",
    "table": "clinsynth.conditioning.readers.table:read_table",
    "vindr": "clinsynth.conditioning.readers.vindr:read_vindr",
    "wfdb": "clinsynth.conditioning.readers.wfdb_folder:read_wfdb",
}


def read(source: str, **options: Any) -> Iterator[Record]:
    """Open real or synthetic data by name and yield its records.

    What is wrong with the source or an option is raised here; what is wrong with a single record
    when the iterator reaches it.

    Args:
        source: `READER:PATH` with a reader of `READERS`, `embedded:NAME`, or the folder of a data
            set that the studio wrote. Options may stand behind it: `wfdb:DIR?physical=false`.
        options: the reader's own options, and these of all ECG readers:
            `leads` (names in the order wanted; all leads, the twelve standard ones first, when
            left out), `fs_hz` (resample to this rate, annotations included), `on_error` (`raise`,
            or `skip` a record that cannot be read), `skipped` (a list that receives one line per
            record skipped); of all radiograph readers `size` (a square of that side), `resample`, `images`
            (False for conditions alone), `limit`, `on_error` and `skipped`, and `split` where there is an official one;
            of all readers of brains `images`, `resample` (bring a contrast of another grid onto the first one's),
            `whole_head` (accept what is not skull-stripped), `limit`, `on_error` and `skipped`.

    Returns:
        An iterator over records, each read when it is asked for.

    Raises:
        ValueError: unknown reader or option (with the nearest word), a path that is missing or
            not of its kind, or, while iterating, a record that cannot be read.
    """
    source, behind = split_options(source)
    if twice := behind.keys() & options.keys():
        raise ValueError(f"option {sorted(twice)[0]!r} stands both behind {source!r} and beside it")
    options = {**behind, **options}
    name, colon, rest = source.partition(":")
    if colon and name in (*READERS, "embedded"):
        if not rest:
            raise ValueError(f"{source!r} names no {'data' if name == 'embedded' else 'path'} after {name + ':'!r}")
        if name == "embedded":
            return embedded(rest, **options)
        return call_registered(READERS[name], f"reader {name!r}", (rest,), options)
    if Path(source).exists():
        return _open_dataset(Path(source), options)
    if colon and "/" not in name:
        raise ValueError(unknown("reader", name, [*READERS, "embedded"]))
    known = ", ".join([*sorted(READERS), "embedded"])
    raise ValueError(f"{source} does not exist; name a data set, or READER:PATH with one of {known}")


def _open_dataset(path: Path, options: dict[str, Any]) -> Iterator[Record]:
    # A data set is what a generator wrote: it needs neither another order nor another rate.
    if not path.is_dir():
        raise ValueError(f"{path} is a file; a data set is a folder (or name a reader: table:{path})")
    if options:
        raise ValueError(f"option {sorted(options)[0]!r} belongs to readers of real data; a data set has none")
    open_dataset = import_module("clinsynth.conditioning.dataset").open_dataset
    return iter(open_dataset(path))
