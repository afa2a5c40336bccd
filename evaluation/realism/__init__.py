"""Real against synthetic as clouds of feature vectors: distance, neighbourhoods, discriminators, nearest neighbours.

Nothing here knows what the features are of. Every metric comes with an interval over patients and with
its floor: what one real half scores against the other at the same number of rows.
"""

from .compare import compare_features
from .curves import curve_distance, curve_gap
from .discriminator import CLASSIFIERS, discriminate
from .floors import Measured
from .frechet import frechet, frechet_distance, frechet_gaussian
from .kid import kernel_distance, kid
from .neighbours import Neighbours, Pair, nearest, neighbours, neighbours_at
from .pairs import Pairs, likeness_gap, same_condition_pairs
from .prdc import neighbourhoods, prdc
from .samples import FEWEST_PATIENTS, Sample, standardised

__all__ = [
    "CLASSIFIERS",
    "FEWEST_PATIENTS",
    "Measured",
    "Neighbours",
    "Pair",
    "Pairs",
    "Sample",
    "compare_features",
    "curve_distance",
    "curve_gap",
    "discriminate",
    "frechet",
    "frechet_distance",
    "frechet_gaussian",
    "kernel_distance",
    "kid",
    "likeness_gap",
    "nearest",
    "neighbourhoods",
    "neighbours",
    "neighbours_at",
    "prdc",
    "same_condition_pairs",
    "standardised",
]
