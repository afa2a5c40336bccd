"""The studio's own latent diffusion: any subset of attributes asked for, from 64 to 512 pixels."""

from .generator import RadiographDiffusion
from .settings import ModelConfig, SamplingConfig

__all__ = ["ModelConfig", "RadiographDiffusion", "SamplingConfig"]
