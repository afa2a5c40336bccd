"""Functions named in a registry: loaded when they are asked for, their options checked by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from ..record import Record
from ..words import unknown
from .options import typed


def call_registered(target: str, kind: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Iterator[Record]:
    """Call `module:function` and return the records that it yields.

    Args:
        target: entry of a registry.
        kind: what the function is, for the message about an unknown option.
        arguments: positional arguments.
        options: keyword arguments; each must be one that the function names. Texts are turned into its type.

    Raises:
        ValueError: an option that the function does not have, with the nearest word, or not of its type.
    """
    module, name = target.split(":")
    function = getattr(import_module(module), name)
    parameters = inspect.signature(function).parameters
    allowed = [p.name for p in parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for option in options:
        if option not in allowed:
            raise ValueError(unknown(f"option of {kind}", option, allowed))
    records: Iterator[Record] = function(*arguments, **typed(function, kind, options))
    return records
