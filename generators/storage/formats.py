"""The file formats that records can be written in."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ...conditioning.record import Record
from ...conditioning.words import unknown

Encode = Callable[[Record], dict[str, bytes]]

# A line per format: name -> "module:function" that turns a record into its files, bytes per suffix, the one that
# a reader opens first. A format's reader has its line in conditioning/dataset/formats.py.
ENCODERS: dict[str, str] = {
    "wfdb": ".wfdb_format:encode",
}


def encoder(name: str) -> Encode:
    """Return the encoder of a file format.

    Raises:
        ValueError: no such format.
    """
    if name not in ENCODERS:
        raise ValueError(unknown("format", name, ENCODERS))
    module, function = ENCODERS[name].split(":")
    encode: Encode = getattr(import_module(module, __package__), function)
    return encode
