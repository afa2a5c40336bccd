"""Missing contrasts by conditional diffusion of wavelet bands in 3D; the same model translates any volumes."""

from .generator import MriDiffusion
from .settings import ModelConfig, SamplingConfig

__all__ = ["ModelConfig", "MriDiffusion", "SamplingConfig"]
