"""Attacks on a model that is known: one step, or several, along the sign of its loss's gradient, and the control.

The control is a random sign of the same size: what such a change does that is not aimed at anything.

Source: Goodfellow et al. 2015, arXiv 1412.6572 (FGSM); Madry et al. 2018, arXiv 1706.06083 (PGD).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from .models import Gradient

STEPS = 7


def fgsm(
    images: Float[np.ndarray, "n ..."], labels: Num[np.ndarray, "n ..."], gradient: Gradient, eps: float,
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Float[np.ndarray, "n ..."]:  # fmt: skip
    """Return images that one step against the model made.

    Args:
        images: inputs.
        labels: theirs.
        gradient: of the loss over the inputs.
        eps: size of the step, in the unit of the inputs.
        limits: least and largest value; None for signals, which have none.
    """
    return _within(images + eps * np.sign(gradient(images, labels)), limits).astype(images.dtype)


def pgd(
    images: Float[np.ndarray, "n ..."], labels: Num[np.ndarray, "n ..."], gradient: Gradient, eps: float,
    rng: np.random.Generator, *, steps: int = STEPS, limits: tuple[float, float] | None = (0.0, 1.0),
) -> Float[np.ndarray, "n ..."]:  # fmt: skip
    """Return images that several steps made, none farther than `eps` from where it came from; from a random start.

    Args:
        images: inputs.
        labels: theirs.
        gradient: of the loss over the inputs.
        eps: farthest that a value moves.
        rng: of the start.
        steps: how many, each of 2.5 eps over their number.
        limits: least and largest value, or None.
    """
    x = _within(images + rng.uniform(-eps, eps, images.shape), limits).astype(images.dtype)
    for _ in range(steps):
        x = x + 2.5 * eps / steps * np.sign(gradient(x, labels))
        x = _within(np.clip(x, images - eps, images + eps), limits).astype(images.dtype)
    return x


def random_sign(
    images: Float[np.ndarray, "n ..."], eps: float, rng: np.random.Generator,
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Float[np.ndarray, "n ..."]:  # fmt: skip
    """Return images with every value up or down by `eps` at random: the control of the attacks."""
    return _within(images + eps * rng.choice([-1.0, 1.0], images.shape), limits).astype(images.dtype)


def _within(x: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    return x if limits is None else np.clip(x, *limits)
