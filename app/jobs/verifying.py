"""verify: every receipt and every hash of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...conditioning.dataset import VerifyReport


def verify(dataset: str | Path) -> VerifyReport:
    """Check every receipt and hash of a data set; the report lists what fails.

    Raises:
        ValueError: the folder is not a data set.
        DamagedDataset: its `dataset.json` does not verify.
    """
    from ...conditioning import dataset as storage

    return storage.verify(dataset)
