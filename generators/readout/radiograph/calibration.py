"""Makes chances of a network's outputs, by what it gave for patients that it was not trained on.

Few numbers are fitted, and held towards "as they are", for there may be few patients.

Source: Platt 1999; Guo et al. 2017, arXiv 1706.04599.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from scipy.special import expit, softmax

from ..scaling import LEAST_SLOPE, STIFFNESS, Scaling, scaled_classes
from .attributes import Attributes, Said
from .losses import AGE_MEAN, AGE_SD
from .readings import Readings


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
            fitted[name] = scaled_classes(given[name][known], index[known], weight[known])
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
    fit = scaled_classes(pair, state[known].astype(np.int64), weight[known])
    return Scaling(slope=fit.slope, offsets=(fit.offsets[1] - fit.offsets[0],))


def _age(given: np.ndarray, age: np.ndarray, weight: np.ndarray) -> tuple[Scaling, float]:
    """Fit a line by weighted least squares, held towards slope 1, and the expected error by its mean."""
    known = ~np.isnan(age)
    x, y, w = _years(given)[known, 0], age[known], weight[known] / weight[known].sum()
    mx, my = float(w @ x), float(w @ y)
    held = STIFFNESS / known.sum() * AGE_SD**2
    slope = max(LEAST_SLOPE, float((w @ ((x - mx) * (y - my)) + held) / (w @ (x - mx) ** 2 + held)))
    line = Scaling(slope=slope, offsets=(my - slope * mx,))
    error = np.abs(line(x[:, None])[:, 0] - y)
    return line, float((w @ error) / (w @ (AGE_SD * np.exp(given[known, 1]))))
