"""Chest radiographs as conditions: who, how, and what is seen."""

from ..demographics import Race, Sex
from .condition import RadiographCondition
from .vocabulary import DISEASES, IMPLIES, NO_DISEASE, Finding, View, implied

__all__ = [
    "DISEASES",
    "IMPLIES",
    "NO_DISEASE",
    "Finding",
    "Race",
    "RadiographCondition",
    "Sex",
    "View",
    "implied",
]
