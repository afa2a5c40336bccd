"""Parts of an evaluation as files, found again by what they were made from: a stopped run goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from ..conditioning.dataset.schema import canonical, sha256_of
from ..generators.storage.disk import Disk

M = TypeVar("M", bound=BaseModel)
PARTS = "parts"


def kept(folder: Path | None, name: str, made_from: Mapping[str, Any], kind: type[M], make: Callable[[], M]) -> M:
    """Return a part that stands in `folder`, or make it and put it there.

    Args:
        folder: of the evaluation; nothing is kept when None.
        name: of the part.
        made_from: JSON values that tell it from every other.
        kind: its type.
        make: makes it.
    """
    if folder is None:
        return make()
    path = folder / PARTS / f"{name}-{sha256_of(dict(made_from))[:16]}.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        if body["made_from"] == json.loads(canonical(dict(made_from))):
            return kind.model_validate(body["part"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        pass  # not there, cut or of another version: made again
    part = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {"made_from": dict(made_from), "part": part.model_dump(mode="json")}
    Disk().publish(path, (json.dumps(body, allow_nan=False) + "\n").encode())
    return part


def kept_arrays(
    folder: Path | None, name: str, made_from: Mapping[str, Any], make: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return arrays that stand in `folder`, or make them and put them there; see `kept`."""
    if folder is None:
        return dict(make())
    path = folder / PARTS / f"{name}-{sha256_of(dict(made_from))[:16]}.npz"
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, KeyError):
        pass
    arrays = dict(make())
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own flags
    Disk().publish(path, out.getvalue())
    return arrays
