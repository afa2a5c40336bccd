"""Makes chances of a network's outputs, by what it gave for patients that it was not trained on.

Few numbers are fitted, and held towards "as they are", for there may be few patients.

Source: Platt 1999; Guo et al. 2017, arXiv 1706.04599.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp, softmax

from .attributes import Attributes, Said
from .losses import AGE_MEAN, AGE_SD
from .readings import Readings

_STIFFNESS = 2.0  # how many records' worth the wish to change nothing weighs
_LEAST_SLOPE = 0.05  # order is kept even where nothing could be read


class Scaling(BaseModel):
    """A slope for all logits of an attribute and an offset for each: logit -> slope * logit + offset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = 1.0
    offsets: tuple[float, ...] = (0.0,)

    def __call__(self, logits: Float[np.ndarray, "b k"]) -> Float[np.ndarray, "b k"]:
        """Return calibrated logits."""
        return self.slope * logits + np.array(self.offsets)


class Calibration(BaseModel):
    """The scalings of a readout.

    Attributes:
        male: of the logit.
        race: of the logits, in one slope.
        view: likewise.
        findings: of each finding's logit.
        age: slope and offset of the mean, in years over years.
        age_scale: factor of the expected error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    male: Scaling = Scaling()
    race: Scaling = Scaling()
    view: Scaling = Scaling()
    findings: tuple[Scaling, ...] = ()
    age: Scaling = Scaling()
    age_scale: float = 1.0


def unchanged(attributes: Attributes) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(
        race=Scaling(offsets=(0.0,) * len(attributes.races)),
        view=Scaling(offsets=(0.0,) * len(attributes.views)),
        findings=(Scaling(),) * len(attributes.findings),
    )


def calibrated(
    given: Mapping[str, np.ndarray], said: Said, weight: Float[np.ndarray, " n"], attributes: Attributes
) -> Calibration:
    """Return the calibration fitted to outputs for records that the networks were not trained on.

    Args:
        given: outputs by name, as `losses.parted` names them.
        said: what those records say.
        weight: how much each record counts.
        attributes: what was learned.
    """
    start = unchanged(attributes)
    fitted: dict[str, object] = {}
    if attributes.sex:
        fitted["male"] = _state(given["male"][:, 0], said.male, weight)
    for name, index in (("race", said.race), ("view", said.view)):
        if given[name].shape[1]:
            known = index >= 0
            fitted[name] = _classes(given[name][known], index[known], weight[known])
    if attributes.age:
        fitted["age"], fitted["age_scale"] = _age(given["age"], said.age_years, weight)
    columns = zip(given["findings"].T, said.findings.T, strict=True)
    fitted["findings"] = tuple(_state(logit, state, weight) for logit, state in columns)
    return start.model_copy(update=fitted)


def readings(given: Mapping[str, np.ndarray], calibration: Calibration, attributes: Attributes) -> Readings:
    """Return what calibrated outputs mean."""
    b = len(given["male"])
    unread = np.full(b, np.nan)
    age, scale = unread, unread
    if attributes.age:
        age = calibration.age(_years(given["age"]))[:, 0]
        scale = calibration.age_scale * AGE_SD * np.exp(given["age"][:, 1])
    findings = [expit(fit(given["findings"][:, k : k + 1]))[:, 0] for k, fit in enumerate(calibration.findings)]
    return Readings(
        attributes,
        expit(calibration.male(given["male"]))[:, 0] if attributes.sex else unread,
        age,
        scale,
        softmax(calibration.race(given["race"]), axis=1) if attributes.races else np.empty((b, 0)),
        softmax(calibration.view(given["view"]), axis=1) if attributes.views else np.empty((b, 0)),
        np.stack(findings, axis=1) if findings else np.empty((b, 0)),
    )


def _years(age: np.ndarray) -> np.ndarray:
    return AGE_MEAN + AGE_SD * age[:, :1]


def _state(logit: np.ndarray, state: np.ndarray, weight: np.ndarray) -> Scaling:
    """Fit one logit as the second of two classes whose first is 0."""
    known = ~np.isnan(state)
    pair = np.stack([np.zeros(known.sum()), logit[known]], axis=1)
    fit = _classes(pair, state[known].astype(np.int64), weight[known])
    return Scaling(slope=fit.slope, offsets=(fit.offsets[1] - fit.offsets[0],))


def _classes(
    logits: Float[np.ndarray, "n k"], index: Int[np.ndarray, " n"], weight: Float[np.ndarray, " n"]
) -> Scaling:
    n, k = logits.shape
    if not n:
        return Scaling(offsets=(0.0,) * k)
    weight = weight * n / weight.sum()

    def cost(p: np.ndarray) -> tuple[float, np.ndarray]:
        z = p[0] * logits + p[1:]
        wrong = np.exp(z - logsumexp(z, axis=1, keepdims=True)) - np.eye(k)[index]
        slope = (weight * (wrong * logits).sum(1)).sum()
        gradient = np.concatenate([[slope], (weight[:, None] * wrong).sum(0)])
        away = p - np.eye(k + 1)[0]
        likely = (weight * log_softmax(z, axis=1)[np.arange(n), index]).sum()
        return float(-likely + _STIFFNESS / 2 * (away**2).sum()), gradient + _STIFFNESS * away

    bounds = [(_LEAST_SLOPE, None)] + [(None, None)] * k
    p = minimize(cost, np.eye(k + 1)[0], jac=True, bounds=bounds, method="L-BFGS-B").x
    return Scaling(slope=float(p[0]), offsets=tuple(float(v) for v in p[1:]))


def _age(given: np.ndarray, age: np.ndarray, weight: np.ndarray) -> tuple[Scaling, float]:
    """Fit a line by weighted least squares, held towards slope 1, and the expected error by its mean."""
    known = ~np.isnan(age)
    x, y, w = _years(given)[known, 0], age[known], weight[known] / weight[known].sum()
    mx, my = float(w @ x), float(w @ y)
    held = _STIFFNESS / known.sum() * AGE_SD**2
    slope = max(_LEAST_SLOPE, float((w @ ((x - mx) * (y - my)) + held) / (w @ (x - mx) ** 2 + held)))
    line = Scaling(slope=slope, offsets=(my - slope * mx,))
    error = np.abs(line(x[:, None])[:, 0] - y)
    return line, float((w @ error) / (w @ (AGE_SD * np.exp(given[known, 1]))))
