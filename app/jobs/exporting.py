"""export: a finished data set in the files that other tools read."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..progress import Progress, silent

if TYPE_CHECKING:
    from ...conditioning.dataset import DatasetReader

_DIGEST = "sha256_"


@dataclass(frozen=True)
class _Sample:
    """One sample's manifest row and its files, bytes per suffix, already held against their hashes."""

    name: str
    row: dict[str, Any]
    files: dict[str, bytes]


def export(
    dataset: str | Path, file_format: str, out: str | Path, *, keep: Collection[str] | None = None,
    progress: Progress = silent,
) -> int:  # fmt: skip
    """Write a data set's samples in another form and return how many there were.

    Args:
        dataset: a finished data set.
        file_format: `csv` (tables and one file of samples a record, an image as PNG), `wfdb` (records and RECORDS),
            `dicom`, `png` or `png16` (a file an image, and samples.csv), `nifti` (a folder a sample with a file a
            volume, and samples.csv), or `webdataset` (a tar a shard).
        out: a new or empty folder; it appears whole or not at all.
        keep: names of the samples to write; all when None.
        progress: called with (samples done, samples).

    Raises:
        ValueError: the format is not known or the data set does not hold it, the data set is unfinished,
            or `out` is not empty.
        DamagedDataset: a file does not fit its hash.
    """
    from ...conditioning.dataset import open_dataset

    check_format(file_format)
    reader = open_dataset(dataset)
    if not reader.complete:
        raise ValueError(f"{dataset} is unfinished; run the command that makes it again, then export")
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} exists and is not an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _under_another_name(target) as work:
        some = reader if keep is None else cast("DatasetReader", _Some(reader, frozenset(keep)))
        _EXPORTERS[file_format](some, work, progress)
        work.chmod(0o755)
        os.replace(work, target)
    return len(some)


def check_format(file_format: str) -> None:
    """Refuse a format that nothing can be exported in.

    Raises:
        ValueError: the message has those that there are.
    """
    from ...conditioning.words import unknown

    if file_format not in _EXPORTERS:
        raise ValueError(unknown("format", file_format, _EXPORTERS))


class _Some:
    """A data set's reader that knows of some samples alone."""

    def __init__(self, reader: DatasetReader, keep: frozenset[str]) -> None:
        self.reader, self.keep = reader, keep

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def __len__(self) -> int:
        return sum(name in self.keep for name in self.reader.manifest()["sample_id"].to_pylist())

    def __iter__(self) -> Iterator[Any]:
        return (record for record in self.reader if record.record_id in self.keep)

    def manifest(self) -> Any:
        """Return the manifest rows of these samples."""
        return self._mine(self.reader.manifest())

    def table(self, name: str) -> Any:
        """Return the rows of a truth table that are of these samples."""
        return self._mine(self.reader.table(name))

    def _mine(self, table: Any) -> Any:
        return table.filter([str(name) in self.keep for name in table["sample_id"].to_pylist()])


@contextmanager
def _under_another_name(target: Path) -> Iterator[Path]:
    """Yield a folder beside `target` that goes when it was not renamed; errors name `target` in its place."""
    prefix = f".{target.name}-"
    hidden = os.path.join(os.path.abspath(target.parent), prefix)
    work: Path | None = None
    try:
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        yield work
    except OSError as error:
        unnamed = error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if unnamed or os.path.abspath(str(error.filename)).startswith(hidden):
            raise OSError(error.errno, error.strerror, str(target)) from None
        raise
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _samples(reader: DatasetReader, k: int) -> Iterator[_Sample]:
    """Yield the samples of one shard with their files."""
    from ...conditioning.dataset import DamagedDataset
    from ...conditioning.dataset.reader import read_shard_table
    from ...conditioning.dataset.shard_files import shard_files

    files = shard_files(reader.root, reader.info.layout, k)
    for row in read_shard_table(reader.root, reader.info, k, "manifest").to_pylist():
        name = str(row["sample_id"])
        if isinstance(reader, _Some) and name not in reader.keep:
            continue
        suffixes = [key.removeprefix(_DIGEST) for key in row if key.startswith(_DIGEST) and row[key] is not None]
        found = {suffix: files.read(f"{name}.{suffix}") for suffix in suffixes}
        for suffix, data in found.items():
            if hashlib.sha256(data).hexdigest() != row[_DIGEST + suffix]:
                raise DamagedDataset(f"{name}.{suffix} in {files.path} does not fit its sha256")
        yield _Sample(name, row, found)


def _all(reader: DatasetReader, progress: Progress) -> Iterator[tuple[int, Iterator[_Sample]]]:
    """Yield (shard, its samples), counting samples as they are taken."""
    done = 0

    def counted(k: int) -> Iterator[_Sample]:
        nonlocal done
        for sample in _samples(reader, k):
            yield sample
            done += 1
            progress(done, len(reader))

    for k in reader.receipts:
        yield k, counted(k)


def _to_wfdb(reader: DatasetReader, out: Path, progress: Progress) -> None:
    """Write the WFDB records of every shard into a folder, and RECORDS, which lists them."""
    if reader.info.file_format != "wfdb":
        raise ValueError(f"{reader.root} holds {reader.info.file_format}, not wfdb")
    names = []
    for k, samples in _all(reader, progress):
        folder = out / f"{k:06d}"
        folder.mkdir()
        for sample in samples:
            names.append(f"{folder.name}/{sample.name}")
            for suffix, data in sample.files.items():
                if suffix != "json":
                    (folder / f"{sample.name}.{suffix}").write_bytes(data)
    (out / "RECORDS").write_text("".join(f"{name}\n" for name in names))


def _to_images(reader: DatasetReader, out: Path, progress: Progress, file_format: str) -> None:
    """Write every image in a format, in a folder a shard, and samples.csv with each one's file and condition.

    A file of that format goes as it is; another is decoded and encoded, as if the data set had been made in it.
    """
    again = _encoded_as(reader, file_format)
    rows = []
    for k, samples in _all(reader, progress):
        folder = out / f"{k:06d}"
        folder.mkdir()
        for sample in samples:
            for suffix, data in again(sample).items():
                name = f"{folder.name}/{sample.name}.{suffix}"
                (out / name).write_bytes(data)
                rows.append({"file_name": name} | _flat(sample.row))
    _write_rows(out / "samples.csv", rows)


def _encoded_as(reader: DatasetReader, file_format: str) -> Callable[[_Sample], dict[str, bytes]]:
    """Return the function that gives an image's files in a format."""
    from ...conditioning.dataset.formats import decoder
    from ...conditioning.record import Record
    from ...generators.storage.formats import IMAGES, encoder
    from ...generators.storage.origin import origin_of

    held = reader.info.file_format
    if held not in IMAGES:
        raise ValueError(f"{reader.root} holds {held}, not images; it cannot be exported as {file_format}")
    decode, encode, origin = decoder(held), encoder(file_format), origin_of(reader.info)

    def again(sample: _Sample) -> dict[str, bytes]:
        files = {suffix: data for suffix, data in sample.files.items() if suffix != "json"}
        if held == file_format:
            return files
        arrays, geometry = decode(sample.name, files)
        condition, provenance = reader.condition_of(sample.row), json.loads(sample.row["provenance"])
        return encode(Record(sample.name, arrays, condition, geometry, provenance), origin)

    return again


def _to_nifti(reader: DatasetReader, out: Path, progress: Progress) -> None:
    """Write SAMPLE/SAMPLE_NAME.nii.gz per volume, as `nifti:` reads a folder, and samples.csv."""
    rows = []
    for sample, names in _volumes(reader, out, progress):
        rows.append({"folder": sample.name, "volumes": "|".join(names)} | _flat(sample.row))
    _write_rows(out / "samples.csv", rows)


def _volumes(reader: DatasetReader, out: Path, progress: Progress) -> Iterator[tuple[_Sample, list[str]]]:
    """Write the volumes of every sample into a folder of its own and yield the sample and their names."""
    from ...conditioning.dataset.nifti_record import ENDING

    if reader.info.file_format != "nifti":
        raise ValueError(f"{reader.root} holds {reader.info.file_format}, not nifti")
    for _, samples in _all(reader, progress):
        for sample in samples:
            folder = out / sample.name
            folder.mkdir(parents=True)
            names = [suffix.removesuffix(ENDING) for suffix in sample.files if suffix.endswith(ENDING)]
            for name in names:
                short = "seg" if name == "segmentation" else name
                (folder / f"{sample.name}_{short}{ENDING}").write_bytes(sample.files[f"{name}{ENDING}"])
            yield sample, names


def _to_webdataset(reader: DatasetReader, out: Path, progress: Progress) -> None:
    """Write a tar a shard, each sample its files and a .json of condition and truth; the tars hold no time or owner."""
    for k, samples in _all(reader, progress):
        with tarfile.open(out / f"{k:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for sample in samples:
                for suffix, data in {**sample.files, "json": _about(sample)}.items():
                    member = tarfile.TarInfo(f"{sample.name}.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def _about(sample: _Sample) -> bytes:
    row = sample.row
    about = {"sample_id": sample.name, "synthetic": True, "seed": row["seed"]}
    about |= {key: json.loads(row[key]) for key in ("condition", "truth", "provenance")}
    return json.dumps(about, sort_keys=True).encode()


def _to_csv(reader: DatasetReader, out: Path, progress: Progress) -> None:
    """Write samples.csv (conditions and truth), a CSV per truth table, and each record's signal under signals/.

    An image goes as PNG under images/: as it is, or with the 16 bit of a DICOM file; volumes go as they are, under
    volumes/.
    """
    from ...generators.storage.formats import IMAGES

    rows = [_flat(row) for row in reader.manifest().to_pylist()]
    _write_rows(out / "samples.csv", rows)
    names = {
        file.removesuffix(".parquet") for r in reader.receipts.values() for file in r.files if file.endswith(".parquet")
    }
    for name in sorted(names - {"manifest"}):
        _write_rows(out / f"{name}.csv", reader.table(name).to_pylist())
    if reader.info.file_format in IMAGES:
        return _write_images(reader, out / "images", progress)
    if reader.info.file_format == "nifti":
        for _ in _volumes(reader, out / "volumes", progress):
            pass
        return
    for done, record in enumerate(reader, start=1):
        _write_signal(out / "signals" / f"{record.record_id}.csv", record)
        progress(done, len(reader))


def _write_images(reader: DatasetReader, folder: Path, progress: Progress) -> None:
    folder.mkdir()
    again = _encoded_as(reader, "png" if reader.info.file_format == "png" else "png16")
    for _, samples in _all(reader, progress):
        for sample in samples:
            for suffix, data in again(sample).items():
                (folder / f"{sample.name}.{suffix}").write_bytes(data)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest row with condition and truth as columns; lists as `a|b`, tables as JSON, hashes left out."""
    flat = {"sample_id": row["sample_id"], "seed": row["seed"]}
    for prefix, key in (("", "condition"), ("truth_", "truth")):
        for name, value in json.loads(row[key]).items():
            flat[prefix + name] = _cell(value)
    return flat | {name: value for name, value in row.items() if name.startswith("qc_")}


def _cell(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value)):
        return json.dumps(value, sort_keys=True)
    return "|".join(map(str, value)) if isinstance(value, list) else value


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_signal(path: Path, record: Any) -> None:
    """Write time_s and one column a lead, in the record's unit."""
    import numpy as np

    path.parent.mkdir(exist_ok=True)
    signal, geometry = record.arrays["signal"], record.geometry
    time_s = np.arange(signal.shape[1]) / geometry.fs_hz
    head = ",".join(["time_s", *(f"{lead}_{geometry.unit}" for lead in geometry.leads)])
    table = np.column_stack([time_s, signal.T])
    np.savetxt(path, table, delimiter=",", header=head, comments="", fmt=["%.6f", *["%.4f"] * len(signal)])


_EXPORTERS: dict[str, Callable[[DatasetReader, Path, Progress], None]] = {
    "csv": _to_csv,
    "nifti": _to_nifti,
    "dicom": partial(_to_images, file_format="dicom"),
    "png": partial(_to_images, file_format="png"),
    "png16": partial(_to_images, file_format="png16"),
    "wfdb": _to_wfdb,
    "webdataset": _to_webdataset,
}
