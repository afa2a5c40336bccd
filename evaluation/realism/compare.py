"""Every metric of two clouds in one call."""

from __future__ import annotations

from collections.abc import Sequence

from .discriminator import CLASSIFIERS, discriminate
from .floors import Measured
from .frechet import frechet
from .prdc import K, neighbourhoods
from .samples import Sample, standardised


def compare_features(
    real: Sample, synthetic: Sample, *, seed: int, k: int = K, standardise: bool = True,
    classifiers: Sequence[str] = tuple(CLASSIFIERS), resamples: int = 200, splits: int = 50,
    retrainings: int = 30, trained_splits: int = 10,
) -> tuple[Measured, ...]:  # fmt: skip
    """Return Fréchet distance, precision, recall, density, coverage and the discriminators' AUC.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: seed of all resamples and splits.
        k: neighbour that precision and its kin reach to.
        standardise: put both on the mean and spread of the real rows first, as measured quantities of different
            units need; an encoder's features are usually left as they are.
        classifiers: names of `CLASSIFIERS`.
        resamples: of each bootstrap.
        splits: random halves for the floors.
        retrainings: draws for the intervals of discriminators, which are trained for each.
        trained_splits: random halves for the floors of discriminators, likewise.

    Raises:
        ValueError: too few patients on a side, or features that do not match.
    """
    if standardise and real.x.shape[1] == synthetic.x.shape[1]:
        real, synthetic = standardised(real, synthetic)
    return (
        frechet(real, synthetic, seed=seed, resamples=resamples, splits=splits),
        *neighbourhoods(real, synthetic, seed=seed, k=k, resamples=resamples, splits=splits),
        *(
            discriminate(real, synthetic, seed=seed, classifier=name, retrainings=retrainings, splits=trained_splits)
            for name in classifiers
        ),
    )
