"""Outcomes of one arm and one seed as a JSON file that is whole or absent, and found again by its fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...conditioning.dataset.schema import canonical, sha256_of
from ...generators.storage.disk import Disk
from .task import Outcomes

VERSION = 1


def write_outcomes(path: Path, fingerprint: Mapping[str, Any], outcomes: Outcomes) -> None:
    """Write outcomes and what they were made from.

    Args:
        path: the file; its folder is made.
        fingerprint: JSON values that tell this result from every other.
        outcomes: to be written; NaN is null.
    """
    values = [[None if np.isnan(v) else v for v in row] for row in outcomes.values.tolist()]
    body = {"version": VERSION, "made_from": dict(fingerprint), "patients": list(outcomes.patients), "values": values}
    path.parent.mkdir(parents=True, exist_ok=True)
    Disk().publish(path, canonical(body | {"sha256": sha256_of(body)}).encode())


def read_outcomes(path: Path, fingerprint: Mapping[str, Any]) -> Outcomes | None:
    """Return the outcomes in a file; None where there is no file.

    Raises:
        ValueError: the file was changed or is of something else.
    """
    if not path.is_file():
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        kept = body.pop("sha256")
        whole = kept == sha256_of(body) and body["made_from"] == json.loads(canonical(dict(fingerprint)))
        values = np.array([[np.nan if v is None else v for v in row] for row in body["values"]], dtype=float)
        found = Outcomes(values, body["patients"]) if whole else None
    except (ValueError, KeyError, TypeError, AttributeError):
        found = None
    if found is None:
        raise ValueError(f"result {str(path)!r} is damaged or of another run; remove it to train that arm again")
    return found
