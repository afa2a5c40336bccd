"""The conditions of real records without their images: of a reader's source, or of a data set."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ..words import one_line
from . import READERS, read
from .options import split_options


def read_conditions(source: str, condition_type: type[BaseModel]) -> list[BaseModel]:
    """Return the condition of every record; a reader that can leaves the images out.

    Args:
        source: as `read` takes it.
        condition_type: what they must be.

    Raises:
        ValueError: the source cannot be read, or a record has another kind of condition.
    """
    base, behind = split_options(source)
    if Path(base).is_dir():
        return _of_dataset(Path(base), condition_type)
    options = {"images": False} if _can_leave_images(base) and "images" not in behind else {}
    found = []
    for record in read(source, **options):
        if not isinstance(record.condition, condition_type):
            kind = type(record.condition).__name__
            raise ValueError(f"{source}: record {record.record_id} has a {kind}; {condition_type.__name__} is needed")
        found.append(record.condition)
    return found


def _can_leave_images(base: str) -> bool:
    name = base.partition(":")[0]
    if name not in READERS:
        return False
    module, function = READERS[name].split(":")
    return "images" in inspect.signature(getattr(import_module(module), function)).parameters


def _of_dataset(path: Path, condition_type: type[BaseModel]) -> list[BaseModel]:
    """Return the conditions that a data set's manifest holds."""
    data = import_module("clinsynth.conditioning.dataset").open_dataset(path)
    if data.info.condition != condition_type.__name__:
        raise ValueError(f"{path} has {data.info.condition}; {condition_type.__name__} is needed")
    try:
        return [condition_type.model_validate_json(text) for text in data.manifest().column("condition").to_pylist()]
    except ValidationError as error:
        raise ValueError(f"{path}: {one_line(error, condition_type)}") from error
