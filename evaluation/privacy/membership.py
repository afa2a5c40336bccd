"""Who was trained on, told from the released records alone.

A training record that the generator favours has synthetic records nearer to it than a record of the same kind has that
was not trained on. The second attack sets that against how dense real data is about the record.

Source: van Breugel et al. 2023, arXiv 2302.12580 (DOMIAS: the ratio of synthetic to reference density).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..result import Result
from .result import Attack, attack_of
from .scores import score_figures, score_rates
from .view import View

_TINY = 1e-9  # of the median distance: nearer is as near


def nearness(view: View) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " h"]]:
    """Return scores of members and of strangers: less the distance to the nearest synthetic record."""
    return -view.members[:, 0], -view.strangers[:, 0]


def density_ratio(view: View) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " h"]]:
    """Return the logarithm of the ratio of nearest-neighbour densities, synthetic over reference, up to a factor."""
    least = _TINY * float(np.median(view.strangers)) + 1e-300

    def score(d: np.ndarray) -> np.ndarray:
        near = np.log(np.maximum(d, least))
        return np.asarray(near[:, 1] - near[:, 0])

    return score(view.members), score(view.strangers)


def _patients(view: View) -> tuple[int, int]:
    return len(set(view.member_patients)), view.held_out.n_patients


def nearness_rates(view: View) -> tuple[Result, Result]:
    """Return how often members and strangers are accused by nearness."""
    return score_rates(*nearness(view), _patients(view))


def density_rates(view: View) -> tuple[Result, Result]:
    """Return how often members and strangers are accused by the density ratio."""
    return score_rates(*density_ratio(view), _patients(view))


def released_attacks(view: View, *, seed: int) -> tuple[Attack, ...]:
    """Return both attacks with AUC and true positive rates.

    Args:
        view: distances.
        seed: of the bootstrap over patients.
    """
    made = []
    for name, label, method, rates, scores in (
        ("membership_nearest", "membership, by the nearest synthetic record", NEAREST, nearness_rates, nearness),
        ("membership_density", "membership, by density ratio", DENSITY, density_rates, density_ratio),
    ):
        who = (view.member_patients, view.held_out.patients)
        figures = score_figures(*scores(view), *who, seed=seed)
        made.append(attack_of(name, label, method, rates(view), figures))
    return tuple(made)


NEAREST = (
    "Accuses candidates that have a synthetic record nearer than all but 1 % of held-out candidates have; "
    "succeeds on training records."
)
DENSITY = (
    "Accuses candidates about which synthetic records are denser than a held-out half's real ones (DOMIAS, with "
    "nearest-neighbour densities), by a line that 1 % of the other half passes."
)
