"""ECGs by a diffusion model that was trained on real and artificial ones."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .generator import EcgDiffusion

if TYPE_CHECKING:
    from .examples import DataConfig, prepare
    from .recipe import PRESETS, EcgDiffusionRecipe
    from .settings import ModelConfig, SamplingConfig
    from .trainee import EcgDiffusionTrainee

__all__ = [
    "PRESETS",
    "DataConfig",
    "EcgDiffusion",
    "EcgDiffusionRecipe",
    "EcgDiffusionTrainee",
    "ModelConfig",
    "SamplingConfig",
    "prepare",
]

# What needs torch is loaded when it is asked for, so that the generator can be listed without.
_WHERE = {
    "DataConfig": "examples",
    "prepare": "examples",
    "PRESETS": "recipe",
    "EcgDiffusionRecipe": "recipe",
    "ModelConfig": "settings",
    "SamplingConfig": "settings",
    "EcgDiffusionTrainee": "trainee",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
