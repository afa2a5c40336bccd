"""What synthetic data are worth to a model that someone trains on them: arms, controls, paired intervals.

A `Task` brings its examples, its training and its scores; nothing here knows what they are of.
"""

from .arms import Arm, Stage, standard_arms
from .delong import DeLong, delong
from .paired import ArmRow, DifferenceRow, DownstreamResult, compare_arms
from .running import Runs, downstream, run_arms
from .scores import accuracy, auroc, balanced_accuracy, correlation, f1, mean, r2
from .task import Examples, Look, ManyWays, Metric, Outcomes, Task, content_sha256

__all__ = [
    "Arm",
    "ArmRow",
    "DeLong",
    "DifferenceRow",
    "DownstreamResult",
    "Examples",
    "Look",
    "ManyWays",
    "Metric",
    "Outcomes",
    "Runs",
    "Stage",
    "Task",
    "accuracy",
    "auroc",
    "balanced_accuracy",
    "compare_arms",
    "content_sha256",
    "correlation",
    "delong",
    "downstream",
    "f1",
    "mean",
    "r2",
    "run_arms",
    "standard_arms",
]
