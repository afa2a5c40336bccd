"""What any model of missing contrasts has to beat: no model at all, histograms, and regressions of voxels and patches.

A baseline learns on complete cases of other patients and answers one question: this contrast from these. All take and
give values from 0 to 1 on the scale of `Case`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from ..case import Case, Missing
from .histogram import histogram_matched
from .plain import mean_of_inputs, zero_filled
from .regression import patch_regression, voxel_regression

Fill = Callable[[Case], Float32[np.ndarray, "x y z"]]
Baseline = Callable[[Sequence[Case], Missing, int], Fill]

BASELINES: Mapping[str, Baseline] = {
    "zero": zero_filled,
    "mean": mean_of_inputs,
    "histogram": histogram_matched,
    "voxel": voxel_regression,
    "patch": patch_regression,
}
WORDS: Mapping[str, str] = {
    "zero": "nothing, zeros",
    "mean": "mean of the inputs",
    "histogram": "best single contrast, histogram matched",
    "voxel": "voxel-wise regression",
    "patch": "patch regression",
}

__all__ = ["BASELINES", "WORDS", "Baseline", "Fill"]
