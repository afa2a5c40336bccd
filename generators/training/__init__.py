"""One training loop for every learned generator: `fit`, from one CPU to many GPUs."""

from .config import TrainingConfig
from .draws import Draws
from .examples import Examples, Subset, split_by_patient
from .gradient import GradientStep, MicroBatch, gradient_step
from .loop import fit
from .order import rows_of
from .report import FitReport
from .trainee import Phase, Trainee

__all__ = [
    "Draws",
    "Examples",
    "FitReport",
    "GradientStep",
    "MicroBatch",
    "Phase",
    "Subset",
    "Trainee",
    "TrainingConfig",
    "fit",
    "gradient_step",
    "rows_of",
    "split_by_patient",
]
