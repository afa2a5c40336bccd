"""T-wave alternans: put into real ECGs, and found again."""

from .baselines import modified_moving_average, spectral
from .continuation import continued
from .insertion import insert, measured_uv
from .noise import with_noise

__all__ = ["continued", "insert", "measured_uv", "modified_moving_average", "spectral", "with_noise"]
