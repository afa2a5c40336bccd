"""How a model's errors fall on groups of people."""

from .cells import age_bands, attributes_of, axes_of, cells_of
from .findings import fairness_findings
from .measuring import fairness_of
from .result import FairnessResult
from .section import fairness_section

__all__ = [
    "FairnessResult",
    "age_bands",
    "attributes_of",
    "axes_of",
    "cells_of",
    "fairness_findings",
    "fairness_of",
    "fairness_section",
]
