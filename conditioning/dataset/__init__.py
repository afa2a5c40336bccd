"""A data set on disk: its schema, its receipts, the reader that trusts only them, and the check of every hash."""

from .reader import DatasetReader, open_dataset
from .schema import DamagedDataset, DatasetInfo, Quarantined, Receipt
from .verify import VerifyReport, verify

__all__ = [
    "DamagedDataset",
    "DatasetInfo",
    "DatasetReader",
    "Quarantined",
    "Receipt",
    "VerifyReport",
    "open_dataset",
    "verify",
]
