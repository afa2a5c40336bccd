"""Networks that read sex, age, race, view and findings off a radiograph, and features of it."""

from .augmentation import AugmentConfig
from .inspector import Inspector, Verdict
from .networks import Architecture, NetworkConfig
from .readings import Readings
from .readout import RadiographReadout
from .scores import Score
from .teaching import TeachingConfig
from .thresholds import Limit, Thresholds

__all__ = [
    "Architecture",
    "AugmentConfig",
    "Inspector",
    "Limit",
    "NetworkConfig",
    "RadiographReadout",
    "Readings",
    "Score",
    "TeachingConfig",
    "Thresholds",
    "Verdict",
]
