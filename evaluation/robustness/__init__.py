"""What a model does when its input gets worse, and whether its probabilities mean what they say."""

from .findings import robustness_findings
from .measuring import robustness_of
from .models import Model, TorchModel, ensemble
from .result import RobustnessResult
from .section import robustness_section

__all__ = [
    "Model",
    "RobustnessResult",
    "TorchModel",
    "ensemble",
    "robustness_findings",
    "robustness_of",
    "robustness_section",
]
