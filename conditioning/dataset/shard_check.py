"""Holds one shard against its receipt: the tables' hashes, the samples' hashes, the ids."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .layout import MANIFEST, SHARDS, receipt_path, shard_file, shard_name
from .reader import DIGEST, read_receipt, read_shard_table
from .schema import DamagedDataset, DatasetInfo, Receipt
from .shard_files import shard_files


def file_sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes, or None if it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def check_shard(
    root: Path, info: DatasetInfo, k: int, ids: list[str] | None = None
) -> tuple[Receipt | None, list[str]]:
    """Check one shard against its receipt.

    Args:
        root: the data set's folder.
        info: what `dataset.json` says.
        k: index of the shard.
        ids: the plan's ids of this shard, if they are to be checked.

    Returns:
        The receipt, None if there is none or it does not verify; the problems, one line each, with the remedy.
    """
    try:
        receipt = read_receipt(root, k)
    except DamagedDataset as error:
        return None, [_with_remedy(str(error), k)]
    if receipt is None:
        return None, []
    problems = _receipt_fits(root, info, k, receipt, ids)
    damaged = _files_fit(root, info, k, receipt)
    if damaged:  # what fails its hash is not opened: it could say anything, or break its reader
        problems += damaged
    else:
        try:
            problems += _samples_fit(root, info, k, receipt)
        except DamagedDataset as error:
            problems.append(str(error))
    return receipt, [_with_remedy(p, k) for p in problems]


def _with_remedy(problem: str, k: int) -> str:
    return f"{problem}; remedy: delete {SHARDS}/{shard_name(k)}* and run the command that made the data set again"


def _receipt_fits(root: Path, info: DatasetInfo, k: int, receipt: Receipt, ids: list[str] | None) -> list[str]:
    path = receipt_path(root, k)
    problems = []
    if receipt.shard != k or receipt.recipe_sha256 != info.recipe_sha256:
        problems.append(f"{path} is the receipt of shard {receipt.shard} of another data set or place")
    if ids is not None and list(receipt.ids) != ids:
        problems.append(f"{path} lists other ids than the plan has for shard {k}")
    bad = {q.sample_id for q in receipt.quarantined}
    if not bad <= set(receipt.ids) or receipt.count != len(receipt.written_ids):
        problems.append(f"{path} counts {receipt.count} samples and lists {len(receipt.written_ids)}")
    return problems


def _files_fit(root: Path, info: DatasetInfo, k: int, receipt: Receipt) -> list[str]:
    needed = {f"{MANIFEST}.parquet"} | ({f"{shard_name(k)}.tar"} if info.layout == "webdataset" else set())
    problems = [f"{receipt_path(root, k)} names no {name}" for name in sorted(needed - receipt.files.keys())]
    for name, said in receipt.files.items():
        path = shard_file(root, info.layout, k, name)
        found = file_sha256(path)
        if found is None:
            problems.append(f"{path} is missing")
        elif found != said:
            problems.append(f"{path} does not fit its sha256 in the receipt")
    return problems


def _samples_fit(root: Path, info: DatasetInfo, k: int, receipt: Receipt) -> list[str]:
    expected, ids = sample_digests(root, info, k)
    problems = [] if ids == receipt.written_ids else [f"the manifest of shard {k} has other ids than its receipt"]
    files = shard_files(root, info.layout, k)
    found = set(files.names()) - receipt.files.keys()
    problems += [f"{files.path / name} is missing" for name in sorted(expected.keys() - found)]
    problems += [f"{files.path / name} is in no manifest" for name in sorted(found - expected.keys())]
    for name in sorted(expected.keys() & found):
        if hashlib.sha256(files.read(name)).hexdigest() != expected[name]:
            problems.append(f"{files.path / name} does not fit its sha256 in the manifest")
    return problems


def sample_digests(root: Path, info: DatasetInfo, k: int) -> tuple[dict[str, str], list[str]]:
    """Return, as shard k's manifest says them, the sha256 of every sample file by name, and the ids.

    Raises:
        DamagedDataset: the manifest cannot be read.
    """
    manifest = read_shard_table(root, info, k, MANIFEST)
    if "sample_id" not in manifest.column_names:
        raise DamagedDataset(f"the manifest of shard {k} has no column sample_id")
    ids = manifest.column("sample_id").to_pylist()
    files: dict[str, str] = {}
    for column in manifest.column_names:
        if column.startswith(DIGEST):
            digests = manifest.column(column).to_pylist()
            files |= {f"{i}.{column.removeprefix(DIGEST)}": d for i, d in zip(ids, digests, strict=True) if d}
    return files, ids
