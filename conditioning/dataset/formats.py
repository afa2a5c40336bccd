"""The file formats that a data set's reader knows, and the condition types that it may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from pydantic import BaseModel

from ..record import ImageGeometry, SignalGeometry
from ..words import unknown

Decoded = tuple[Mapping[str, np.ndarray], SignalGeometry | ImageGeometry]
Decode = Callable[[str, Mapping[str, bytes]], Decoded]

# A line per format: name -> "module:function" that turns a sample's files (bytes per suffix) into arrays and geometry.
DECODERS: dict[str, str] = {
    "wfdb": ".wfdb_record:decode",
    "png": ".png_record:decode",
    "png16": ".png_record:decode",
    "dicom": ".dicom_record:decode",
    "nifti": ".nifti_record:decode",
}

# A line per condition type, named as `dataset.json` names it; a file never decides what is imported.
CONDITIONS: dict[str, str] = {
    "BrainPhantomCondition": "..mri.phantom_condition:BrainPhantomCondition",
    "EcgCondition": "..ecg.condition:EcgCondition",
    "MriCondition": "..mri.condition:MriCondition",
    "RadiographCondition": "..radiograph.condition:RadiographCondition",
}


def decoder(name: str) -> Decode:
    """Return the decoder of a file format.

    Raises:
        ValueError: no such format.
    """
    return _load("file format", name, DECODERS)


def condition_type(name: str) -> type[BaseModel]:
    """Return the condition type that is registered under `name`.

    Raises:
        ValueError: no such condition type.
    """
    return _load("condition type", name, CONDITIONS)


def _load(kind: str, name: str, registry: Mapping[str, str]) -> Any:
    if name not in registry:
        raise ValueError(unknown(kind, name, registry))
    module, attribute = registry[name].split(":")
    return getattr(import_module(module, __package__), attribute)
