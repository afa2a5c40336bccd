"""Real against synthetic as clouds of feature vectors: distance, neighbourhoods, discriminators, nearest neighbours.

Nothing here knows what the features are of. Every metric comes with an interval over patients and with
its floor: what one real half scores against the other at the same number of rows.
"""

from .compare import compare_features
from .discriminator import CLASSIFIERS, discriminate
from .floors import Measured
from .frechet import frechet, frechet_distance, frechet_gaussian
from .neighbours import Neighbours, Pair, nearest, neighbours
from .prdc import neighbourhoods, prdc
from .samples import FEWEST_PATIENTS, Sample, standardised

__all__ = [
    "CLASSIFIERS",
    "FEWEST_PATIENTS",
    "Measured",
    "Neighbours",
    "Pair",
    "Sample",
    "compare_features",
    "discriminate",
    "frechet",
    "frechet_distance",
    "frechet_gaussian",
    "nearest",
    "neighbourhoods",
    "neighbours",
    "prdc",
    "standardised",
]
