"""Radiographs by a local folder in the Stable Diffusion format: drawn from, and trained further."""

from .generator import RadiographStableDiffusion
from .settings import DataConfig, LoraConfig, LossConfig, ModelConfig, SamplingConfig

__all__ = [
    "DataConfig",
    "LoraConfig",
    "LossConfig",
    "ModelConfig",
    "RadiographStableDiffusion",
    "SamplingConfig",
]
