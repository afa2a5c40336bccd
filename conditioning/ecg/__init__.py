"""ECG conditions: vocabulary, the condition model, the population prior, kernel fitting."""

from .condition import EcgCondition, Kernels
from .vocabulary import INDEPENDENT_LEADS, LEADS, Finding, Noise, Rhythm, Sex, TwaPattern

__all__ = ["INDEPENDENT_LEADS", "LEADS", "EcgCondition", "Finding", "Kernels", "Noise", "Rhythm", "Sex", "TwaPattern"]
