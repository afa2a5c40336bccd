"""The Fréchet distance at infinitely many rows, found from how it falls as rows get more.

A distance of fitted Gaussians is too large by about a/n + b/m. Patients are dealt into 1, 2, 3 and 4 disjoint parts;
at f parts the excess is f times that of all rows, and the line through the means of the parts meets f = 0 at the
distance without excess. The line bends where a part has fewer rows than the features have directions: then the
answer is that there are too few rows. What it still bends is shown by a parabola, whose own answer the interval holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..result import Result, unknown_result
from .frechet import frechet_distance
from .jackknife import jackknife, patient_groups
from .samples import Sample, check_sides

PARTS = (1, 2, 3, 4)
GROUPS = 12  # of the jackknife, a side


@dataclass(frozen=True)
class Extrapolated:
    """A distance at infinitely many rows.

    Attributes:
        result: it, with a jackknife interval over patients; unknown with too few rows.
        at_parts: the mean distance with 1, 2, 3 and 4 disjoint parts a side.
        reason: why it is unknown; empty where it is known.
    """

    result: Result
    at_parts: tuple[float, ...] = ()
    reason: str = ""


def frechet_infinity(
    real: Sample, synthetic: Sample, *, seed: int, repeats: int = 4, groups: int = GROUPS
) -> Extrapolated:
    """Return the squared Fréchet distance at infinitely many rows; it can fall a little below 0.

    Args:
        real: real features.
        synthetic: synthetic features.
        seed: of the parts and of the groups.
        repeats: how often patients are dealt into parts anew.
        groups: of patients, left out one at a time for the interval.

    Raises:
        ValueError: too few patients on a side, or features that do not match.

    Source: Chong and Forsyth 2020, arXiv 1911.07023 (a line in 1/n); the disjoint parts are ours.
    """
    check_sides(real, synthetic)
    n = min(len(real), len(synthetic))
    directions = max(effective_directions(real.x), effective_directions(synthetic.x))
    need = math.ceil(PARTS[-1] * directions)
    if n < need:
        said = f"{n} rows are too few to extrapolate features of {directions:.0f} effective directions; {need} do"
        return Extrapolated(unknown_result(n), reason=said)
    means = _at_parts(real, synthetic, seed, repeats)
    rng = stream(seed, "realism.frechet_infinity/groups")
    sides = (real, synthetic)
    left_out: list[list[float]] = []
    for side, sample in enumerate(sides):
        code = patient_groups(sample, min(groups, sample.n_patients), rng)
        values = []
        for group in range(int(code.max()) + 1):
            kept = sample.rows(np.flatnonzero(code != group))
            pair = (kept, synthetic) if side == 0 else (real, kept)
            values.append(_intercept(_at_parts(*pair, seed, max(1, repeats // 2))))
        left_out.append(values)
    found = jackknife(_intercept(means), left_out, n)
    bent = float(np.polyfit(PARTS, means, 2)[2])
    held = Result(found.value, min(found.low, bent), max(found.high, bent), n) if found.known else found
    return Extrapolated(held, tuple(float(v) for v in means))


def effective_directions(x: Float[np.ndarray, "n d"]) -> float:
    """Return (sum of spreads)^2 over the sum of squared spreads, of the principal directions of a cloud.

    It is the number of features where all are independent and spread alike, and 1 where one outweighs the rest. A
    Fréchet distance adds up spreads, not variances, so many faint directions count here as they do there.
    """
    centred = x - x.mean(axis=0)
    gram = centred @ centred.T if len(x) < x.shape[1] else centred.T @ centred
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0))
    total = float((spread**2).sum())
    return float(spread.sum() ** 2 / total) if total > 0 else 0.0


def _at_parts(real: Sample, synthetic: Sample, seed: int, repeats: int) -> Float[np.ndarray, " parts"]:
    """Return the mean distance of disjoint parts, for each number of parts."""
    out = np.zeros(len(PARTS))
    for k, parts in enumerate(PARTS):
        values = []
        for repeat in range(repeats if parts > 1 else 1):
            rng = stream(seed, f"realism.frechet_infinity/{parts}/{repeat}")
            codes = [patient_groups(side, parts, rng) for side in (real, synthetic)]
            for part in range(parts):
                x, y = (s.x[code == part] for s, code in zip((real, synthetic), codes, strict=True))
                values.append(frechet_distance(x, y))
        out[k] = np.mean(values)
    return out


def _intercept(at_parts: Float[np.ndarray, " parts"]) -> float:
    """Return where the line through the distances meets 0 parts."""
    return float(np.polyfit(PARTS, at_parts, 1)[1])
