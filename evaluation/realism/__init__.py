"""Real against synthetic as clouds of feature vectors: distance, neighbourhoods, discriminators, nearest neighbours.

Nothing here knows what the features are of. Every metric comes with an interval over patients and with
its floor: what one real half scores against the other at the same number of rows.
"""

from .appearance import appearance
from .compare import compare_features
from .curves import curve_distance, curve_gap
from .discriminator import CLASSIFIERS, discriminate
from .floors import Measured
from .frechet import frechet, frechet_distance, frechet_gaussian, frechet_of, frechet_pooled
from .frechet_infinity import frechet_infinity
from .groupwise import GroupRow, TwoSides, condition_groups
from .kid import kernel_distance, kid, kid_over_subsets
from .look import finite_rows, realism_of
from .memorising import authenticity, c_t, generalisation
from .mmd import gaussian_mmd, mmd
from .moments import Moments, MomentsStream, pooled, streamed
from .neighbours import Neighbours, Pair, nearest, neighbours, neighbours_at
from .pairs import Pairs, likeness_gap, same_condition_pairs
from .prdc import neighbourhoods, prdc
from .radiomics import radiomics
from .result import FigureRow, RealismResult
from .rows import MeasuredRow, measured_row
from .samples import FEWEST_PATIENTS, Sample, standardised
from .section import realism_findings, realism_section

__all__ = [
    "CLASSIFIERS",
    "FEWEST_PATIENTS",
    "FigureRow",
    "GroupRow",
    "Measured",
    "MeasuredRow",
    "Moments",
    "MomentsStream",
    "Neighbours",
    "Pair",
    "Pairs",
    "RealismResult",
    "Sample",
    "TwoSides",
    "appearance",
    "authenticity",
    "c_t",
    "compare_features",
    "condition_groups",
    "curve_distance",
    "curve_gap",
    "discriminate",
    "finite_rows",
    "frechet",
    "frechet_distance",
    "frechet_gaussian",
    "frechet_infinity",
    "frechet_of",
    "frechet_pooled",
    "gaussian_mmd",
    "generalisation",
    "kernel_distance",
    "kid",
    "kid_over_subsets",
    "likeness_gap",
    "measured_row",
    "mmd",
    "nearest",
    "neighbourhoods",
    "neighbours",
    "neighbours_at",
    "pooled",
    "prdc",
    "radiomics",
    "realism_findings",
    "realism_of",
    "realism_section",
    "same_condition_pairs",
    "standardised",
    "streamed",
]
