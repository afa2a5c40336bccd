"""Networks that read sex, age, race, view and findings off a radiograph, and features of it."""

from .augmentation import AugmentConfig
from .encoder import EncoderConfig, RadiographEncoder
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
    "EncoderConfig",
    "Inspector",
    "Limit",
    "NetworkConfig",
    "RadiographEncoder",
    "RadiographReadout",
    "Readings",
    "Score",
    "TeachingConfig",
    "Thresholds",
    "Verdict",
]
