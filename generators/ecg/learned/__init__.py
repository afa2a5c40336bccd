"""ECGs by a diffusion model that was trained on real and artificial ones."""

from .examples import DataConfig, prepare
from .generator import EcgDiffusion
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
