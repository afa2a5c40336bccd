"""The start of a data set: makes `dataset.json` and the plan, or holds them against what is asked now."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from ...conditioning.dataset.layout import INFO, PLAN, RUN, SHARDS, TEMPORARY
from ...conditioning.dataset.reader import read_info
from ...conditioning.dataset.schema import DatasetInfo, seal
from ...conditioning.dataset.verify import check_plan_file
from ...conditioning.plan import CohortPlan
from .config import differences
from .disk import Disk

Describe = Callable[[str], DatasetInfo]


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


def start(root: Path, plan: CohortPlan, describe: Describe, disk: Disk) -> DatasetInfo:
    """Return what the data set in `root` is, after making its start or checking it; the caller holds the lock.

    `dataset.json` comes first, so that a folder is a data set from its first file on.

    Args:
        root: the data set's folder.
        plan: what is asked for.
        describe: what the data set is to be, given the hash of the stored plan.
        disk: what is written with.

    Raises:
        ValueError: the folder holds a data set with other settings.
        DamagedDataset: its `dataset.json` or plan does not verify.
    """
    if (root / INFO).exists():
        info = read_info(root)
        changed = differences(info, describe(info.plan_file_sha256))
        if changed:
            said = f"{root} holds a data set with other settings: {'; '.join(changed[:3])}"
            raise ValueError(f"{said}; repeat its command to go on with it, or name another folder")
    else:
        info = describe(hashlib.sha256(_plan_bytes(plan)).hexdigest())
        disk.publish(root / INFO, seal(info))
        disk.settle(root.parent)
    if not (root / PLAN).exists():
        disk.publish(root / PLAN, _plan_bytes(plan))
    check_plan_file(root, info)
    (root / SHARDS).mkdir(exist_ok=True)
    disk.settle(root)
    return info


def _plan_bytes(plan: CohortPlan) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PLAN
        plan.write(path)
        return path.read_bytes()
