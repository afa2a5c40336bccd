"""The start of a data set: makes `dataset.json` and the plan, or holds them against what is asked now."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...conditioning.dataset.layout import INFO, PLAN, RUN, SHARDS, TEMPORARY
from ...conditioning.dataset.reader import read_info
from ...conditioning.dataset.schema import DatasetInfo, seal
from ...conditioning.dataset.verify import check_plan_file
from ...conditioning.plan import CohortPlan
from ...conditioning.plan.files import plan_bytes
from .config import differences
from .disk import Disk


def refuse_foreign(root: Path) -> None:
    """Refuse a place that holds something and is not a data set.

    Raises:
        ValueError: a file is there, or a folder with other things in it than an interrupted start leaves.
    """
    if not root.exists():
        return
    if not root.is_dir():
        raise ValueError(f"{root} is a file; a data set is a folder")
    names = sorted(path.name for path in root.iterdir())
    foreign = [name for name in names if name != RUN and not name.startswith(TEMPORARY)]
    if INFO not in names and foreign:
        raise ValueError(f"{root} is not empty and no data set (it holds {foreign[0]!r}); name a new or empty folder")


def refuse_other(root: Path, asked: DatasetInfo) -> DatasetInfo | None:
    """Return the data set that `root` holds, if any, after holding it against what is asked; nothing is made.

    Raises:
        ValueError: the folder holds a data set with other settings.
        DamagedDataset: its `dataset.json` does not verify.
    """
    if not (root / INFO).exists():
        return None
    info = read_info(root)
    changed = differences(info, asked)
    if changed:
        said = f"{root} holds a data set with other settings: {'; '.join(changed[:3])}"
        raise ValueError(f"{said}; repeat its command to go on with it, or name another folder")
    return info


def start(root: Path, plan: CohortPlan, asked: DatasetInfo, disk: Disk) -> DatasetInfo:
    """Return what the data set in `root` is, after making its start or checking it; the caller holds the lock.

    `dataset.json` comes first, so that a folder is a data set from its first file on.

    Args:
        root: the data set's folder.
        plan: what is asked for.
        asked: what the data set is to be; the hash of its plan's file is set here.
        disk: what is written with.

    Raises:
        ValueError: the folder holds a data set with other settings.
        DamagedDataset: its `dataset.json` or plan does not verify.
    """
    info = refuse_other(root, asked)
    if info is None:
        info = asked.model_copy(update={"plan_file_sha256": hashlib.sha256(_plan_bytes(plan)).hexdigest()})
        disk.publish(root / INFO, seal(info))
        disk.settle(root.parent)
    if not (root / PLAN).exists():
        disk.publish(root / PLAN, _plan_bytes(plan))
    check_plan_file(root, info)
    (root / SHARDS).mkdir(exist_ok=True)
    disk.settle(root)
    return info


def _plan_bytes(plan: CohortPlan) -> bytes:
    return plan_bytes(plan, Path(PLAN).suffix)
