"""Writes data sets: shards with receipts, in any format of the registry, resumable after a kill at any moment."""

from .config import StorageConfig
from .disk import Checkpoint, StorageFailure
from .stop import Interrupted, StopFlag, stop_on_signals
from .writer import PartReport, settle, write_part

__all__ = [
    "Checkpoint",
    "Interrupted",
    "PartReport",
    "StopFlag",
    "StorageConfig",
    "StorageFailure",
    "settle",
    "stop_on_signals",
    "write_part",
]
