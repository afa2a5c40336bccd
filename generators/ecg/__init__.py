"""Artificial ECGs by a physiological vector model."""

from .simulator import EcgSimulator

__all__ = ["EcgSimulator"]
