"""The studio's verbs as functions: the one place where conditioning, generators and evaluation are composed."""

from .checkup import doctor
from .demos import demo
from .evaluating import evaluate, report
from .exporting import export
from .fitting import fit
from .models import Control, describe_model, models
from .planning import plan, plan_from
from .sampling import Sampled, sample
from .submitting import submit
from .verifying import verify

__all__ = [
    "Control",
    "Sampled",
    "demo",
    "describe_model",
    "doctor",
    "evaluate",
    "export",
    "fit",
    "models",
    "plan",
    "plan_from",
    "report",
    "sample",
    "submit",
    "verify",
]
