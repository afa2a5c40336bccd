"""Checks a whole data set: every receipt and hash, the plan's ids exactly once, no file too many or too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .layout import (
    CARD,
    CROISSANT,
    PLAN,
    SHARDS,
    TEMPORARY,
    owner,
    receipt_path,
    shard_count,
    shard_name,
    shard_samples,
)
from .reader import read_info
from .schema import DamagedDataset, DatasetInfo, Receipt
from .shard_check import check_shard, file_sha256
from .tables import read_table


@dataclass(frozen=True)
class VerifyReport:
    """What `verify` found.

    Attributes:
        root: the data set's folder.
        n: samples that the plan asks for.
        written: samples in finished shards.
        quarantined: samples made and not written.
        shards: shards of the whole data set.
        shards_done: shards with a receipt.
        problems: one line each; empty if all that is receipted verifies.
        missing: which of `plan.parquet`, `README.md` and `croissant.json` are not there (yet).
    """

    root: Path
    n: int
    written: int
    quarantined: int
    shards: int
    shards_done: int
    problems: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that is receipted verifies."""
        return not self.problems

    @property
    def complete(self) -> bool:
        """Whether every shard has its receipt, and the data set its card."""
        return self.shards_done == self.shards and not self.missing


def verify(path: str | Path) -> VerifyReport:
    """Check every receipt and hash of a data set.

    What is unfinished is no problem, only work to be done; the report counts it.

    Args:
        path: the data set's folder.

    Raises:
        ValueError: the folder is not a data set.
        DamagedDataset: `dataset.json` does not verify, so nothing behind it can be checked.
    """
    root = Path(path)
    info = read_info(root)
    shards = range(shard_count(info.n, info.shard_size))
    done = [k for k in shards if receipt_path(root, k).exists()]
    missing = tuple(name for name in (PLAN, CARD, CROISSANT) if not (root / name).is_file())
    # The plan is written before the first shard: only if none is done may it be missing.
    ids, problems = (None, []) if PLAN in missing and not done else _plan_ids(root, info)
    receipts: list[Receipt] = []
    for k in shards:
        rows = shard_samples(k, info.n, info.shard_size)
        receipt, found = check_shard(root, info, k, None if ids is None else ids[rows.start : rows.stop])
        problems += found
        receipts += [receipt] if receipt else []
    problems += _strangers(root, info, receipts)
    written, quarantined = sum(r.count for r in receipts), sum(len(r.quarantined) for r in receipts)
    return VerifyReport(root, info.n, written, quarantined, len(shards), len(done), tuple(problems), missing)


def _plan_ids(root: Path, info: DatasetInfo) -> tuple[list[str] | None, list[str]]:
    try:
        check_plan_file(root, info)
        ids = read_table(root / PLAN).column("sample_id").to_pylist()
    except (DamagedDataset, KeyError) as error:
        return None, [str(error)]
    if len(ids) != info.n or len(set(ids)) != info.n:
        said = f"dataset.json says {info.n}"
        return None, [f"{root / PLAN} has {len(ids)} rows and {len(set(ids))} different ids; {said}"]
    return ids, []


def check_plan_file(root: Path, info: DatasetInfo) -> None:
    """Hold `plan.parquet` against its hash.

    Raises:
        DamagedDataset: it is missing or was changed.
    """
    found = file_sha256(root / PLAN)
    if found is None:
        raise DamagedDataset(f"{root / PLAN} is missing; remedy: run the command that made the data set again")
    if found != info.plan_file_sha256:
        remedy = "remedy: delete it and run the command that made the data set again"
        raise DamagedDataset(f"{root / PLAN} does not fit its sha256 in dataset.json; {remedy}")


def _strangers(root: Path, info: DatasetInfo, receipts: Sequence[Receipt]) -> list[str]:
    """Return what lies among the shards and belongs to none.

    Leftovers of an unfinished shard do belong: the next run sweeps them.
    """
    folder = root / SHARDS
    finished = {r.shard: _entries(info, r) for r in receipts}
    strange = []
    for name in sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []:
        k = owner(name)
        known = k is not None and k < shard_count(info.n, info.shard_size)
        if not known or (k in finished and not name.startswith(TEMPORARY) and name not in finished[k]):
            strange.append(f"{folder / name} belongs to no shard; remedy: delete it")
    return strange


def _entries(info: DatasetInfo, receipt: Receipt) -> set[str]:
    own = shard_name(receipt.shard)
    if info.layout == "folder":
        return {own, f"{own}.json"}
    return {f"{own}.json"} | {name if name.endswith(".tar") else f"{own}.{name}" for name in receipt.files}
