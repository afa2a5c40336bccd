"""The list of what inputs are put through, each made anew from the clean ones and its own stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...conditioning.seeds import stream
from ...conditioning.words import unknown
from . import corruptions, signals
from .attacks import fgsm, pgd, random_sign
from .models import Gradient
from .result import CLEAN

FGSM, PGD, RANDOM = "FGSM", "PGD", "random sign"
ATTACKS = (FGSM, PGD)
EPS = (0.002, 0.005, 0.01, 0.02)  # of the range of values, or of a signal's standard deviation


@dataclass(frozen=True)
class Condition:
    """One corruption at one severity.

    Attributes:
        name: of the corruption.
        severity: its place.
        level: its size in words.
        make: clean inputs to corrupted ones; None where the model is needed.
        eps: size of an attack; 0 for others.
    """

    name: str
    severity: int
    level: str
    make: Callable[[np.ndarray], np.ndarray] | None
    eps: float = 0.0


def image_conditions(
    names: Sequence[str] | None, severities: Sequence[int], limits: tuple[float, float], seed: int
) -> list[Condition]:
    """Return the corruptions of images; all where `names` is None."""

    def make(name: str, severity: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: corruptions.corrupted(name, x, severity, _rng(seed, name, severity), limits)

    chosen = _chosen(names, severities, corruptions.LEVELS)
    return [
        Condition(name, s, f"{corruptions.LEVELS[name][s - 1]:g}", make(name, s))
        for name in chosen for s in severities
    ]  # fmt: skip


def _chosen(names: Sequence[str] | None, severities: Sequence[int], levels: Mapping[str, object]) -> list[str]:
    """Return the corruptions that are wanted.

    Raises:
        ValueError: an unknown name, or a severity that is none.
    """
    for name in names or ():
        if name not in levels:
            raise ValueError(unknown("corruption", name, levels))
    for s in severities:
        if s not in corruptions.SEVERITIES:
            raise ValueError(f"severity = {s}; it must be 1 to 5")
    return list(levels) if names is None else list(names)


def signal_conditions(
    names: Sequence[str] | None, severities: Sequence[int], fs_hz: float, seed: int
) -> list[Condition]:
    """Return the corruptions of signals; all where `names` is None."""

    def make(name: str, severity: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda x: signals.corrupted_signals(name, x, severity, _rng(seed, name, severity), fs_hz=fs_hz)

    chosen = _chosen(names, severities, signals.LEVELS)
    return [
        Condition(name, s, f"{signals.LEVELS[name][s - 1]:g}", make(name, s))
        for name in chosen for s in severities
    ]  # fmt: skip


def attack_conditions(eps: Sequence[float], scale: float, limits: tuple[float, float] | None, seed: int) -> list[
    Condition
]:  # fmt: skip
    """Return attacks and their control at each size, which is a share of `scale`."""
    made = []
    for k, e in enumerate(eps):
        size = e * scale

        def control(x: np.ndarray, size: float = size, k: int = k) -> np.ndarray:
            return random_sign(x, size, _rng(seed, RANDOM, k), limits)

        made += [Condition(name, k + 1, f"{e:g}", None, size) for name in ATTACKS]
        made.append(Condition(RANDOM, k + 1, f"{e:g}", control))
    return made


def attacked(
    condition: Condition, x: np.ndarray, y: np.ndarray, gradient: Gradient, limits: tuple[float, float] | None,
    seed: int,
) -> np.ndarray:  # fmt: skip
    """Return inputs that an attack made of clean ones."""
    if condition.name == FGSM:
        return fgsm(x, y, gradient, condition.eps, limits)
    return pgd(x, y, gradient, condition.eps, _rng(seed, PGD, condition.severity), limits=limits)


def clean() -> Condition:
    """Return inputs as they are."""
    return Condition(CLEAN, 0, "", lambda x: x)


def _rng(seed: int, name: str, severity: int) -> np.random.Generator:
    return stream(seed, f"robustness/{name}/{severity}")
