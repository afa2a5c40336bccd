"""P, QRS and T of single leads by a one-dimensional U-Net."""

from .decoding import Waves, decode
from .delineator import Delineator
from .examples import FS_HZ, Traces, traces

__all__ = ["FS_HZ", "Delineator", "Traces", "Waves", "decode", "traces"]
