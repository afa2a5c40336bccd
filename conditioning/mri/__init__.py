"""Brain MRI: which contrasts there are, which are wanted, and whose they are."""

from .condition import MriCondition
from .contrasts import Contrast

__all__ = ["Contrast", "MriCondition"]
