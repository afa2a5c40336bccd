"""What can be compared of any images, volumes or signals without a network: levels, spectra, radiomics and pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Num

from ...conditioning.seeds import stream
from .groupwise import TwoSides
from .ms_ssim import WINDOW, ms_ssim_pairs
from .pairs import Pairs, same_condition_pairs
from .radiomics import radiomics
from .texture import grey_shares, radial_spectra_db, value_range

MOST_PAIRS = 5000  # of a side; more tell nothing new
MOST_VOXELS = 400_000_000  # of a side whose radiomics are taken


def appearance(
    real: Num[np.ndarray, "n ..."], synthetic: Num[np.ndarray, "m ..."],
    patients: tuple[Sequence[str], Sequence[str]], *, seed: int,
    features: tuple[np.ndarray, np.ndarray] | None = None,
    conditions: tuple[Sequence[str], Sequence[str]] | None = None,
    signals: bool = False, most_pairs: int = MOST_PAIRS, with_radiomics: bool = True,
) -> TwoSides:  # fmt: skip
    """Return two sides ready to be compared.

    Args:
        real: images (n, y, x), volumes (n, z, y, x) or signals (n, leads, samples), finite.
        synthetic: likewise, of the same shape a record and in the same unit.
        patients: whose each record is.
        seed: of which pairs are taken.
        features: a network's features of both, if there is one.
        conditions: what each record shows, in words; MS-SSIM is of pairs that show the same. One for all when None.
        signals: whether the arrays are signals; they have levels and spectra only.
        most_pairs: pairs a side at most.
        with_radiomics: whether to take radiomics-style features, about 0.02 s a 64 x 64 image and 10 s a 128^3 volume.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    if real.shape[1:] != synthetic.shape[1:] or real.ndim < 2:
        raise ValueError(f"real records have the shape {real.shape[1:]}, synthetic ones {synthetic.shape[1:]}")
    for x, name in ((real, "real"), (synthetic, "synthetic")):
        if not np.isfinite(x).all():
            broken = int((~np.isfinite(x.reshape(len(x), -1))).any(axis=1).sum())
            raise ValueError(f"{broken} of {len(x)} {name} records hold a value that is not finite")
    limits = value_range(real)
    spectra = _lead_spectra if signals else radial_spectra_db
    curves = {
        "greys": (grey_shares(real, *limits), grey_shares(synthetic, *limits)),
        "spectrum_db": (spectra(real), spectra(synthetic)),
    }
    if signals:
        return TwoSides(patients, features, curves)
    rows = None
    if with_radiomics and max(real.size, synthetic.size) <= MOST_VOXELS:
        rows = (radiomics(real, limits=limits), radiomics(synthetic, limits=limits))
    return TwoSides(
        patients, features, curves, rows, _pairs(real, synthetic, limits, patients, conditions, seed, most_pairs)
    )


def _lead_spectra(x: np.ndarray) -> np.ndarray:
    """Return the spectra of all leads of a signal side by side."""
    leads = x.reshape(len(x), -1, x.shape[-1])
    return radial_spectra_db(leads.reshape(-1, x.shape[-1])).reshape(len(x), -1)


def _pairs(
    real: np.ndarray, synthetic: np.ndarray, limits: tuple[float, float],
    patients: tuple[Sequence[str], Sequence[str]], conditions: tuple[Sequence[str], Sequence[str]] | None, seed: int,
    most: int,
) -> tuple[Pairs, Pairs, int] | None:  # fmt: skip
    if min(real.shape[1:]) < WINDOW:
        return None
    named = conditions or (["all"] * len(real), ["all"] * len(synthetic))
    order = sorted(set(named[0]) | set(named[1]))
    low, high = limits
    sides = []
    for x, names, whose, side in zip((real, synthetic), named, patients, ("real", "synthetic"), strict=True):
        first, second = same_condition_pairs(names, whose)
        if len(first) > most:
            kept = np.sort(stream(seed, f"realism.appearance/{side}").permutation(len(first))[:most])
            first, second = first[kept], second[kept]
        scaled = np.clip((x.astype(np.float64) - low) / (high - low), 0, 1)
        likeness = ms_ssim_pairs(scaled, scaled, first, second)
        number = np.array([order.index(name) for name in names], dtype=np.int64)
        sides.append(Pairs(first, second, number[first], likeness, whose))
    return sides[0], sides[1], len(order)
