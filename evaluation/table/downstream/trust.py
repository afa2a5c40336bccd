"""On whom the errors of a table's classifiers fall, and how these stand worse samples: arms at the largest share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ... import trust
from ...downstream import Outcomes
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC
from ...fairness import FairnessResult, fairness_of
from ...finding import Finding
from ...robustness import Model, TorchModel
from ...robustness.arms import WornLook, limits_of
from ...trust import PERMUTATIONS, RESAMPLES
from .arms import FIRST, MIXED
from .prepared import Coding, Prepared
from .result import TableTaskResult
from .task import TableModel, told

LOOKED = (REAL, SYNTHETIC, MIXED, FIRST, SAME_COMPUTE)
HEALTHY = frozenset({"no_finding", "normal", "healthy", "negative", "none", "benign", "control"})
KINDS = ("classification", "multilabel")


def worn_look(arms: Sequence[str], real: Prepared) -> WornLook:
    """Return the look at arms, by their names at their share.

    Args:
        arms: their names.
        real: training samples, whose values say what a sample may hold.
    """
    signals = real.rows.dims == 1
    opened = _chances if real.rows.kind == "classification" else _chances_of_labels
    kind, limits = ("signals", (0.0, 1.0)) if signals else ("images", limits_of(real.rows.x))
    return WornLook(tuple(arms), opened, _given, kind, limits)  # type: ignore[arg-type]


def _chances(model: TableModel) -> Model:
    return _opened(model, multilabel=False)


def _chances_of_labels(model: TableModel) -> Model:
    return _opened(model, multilabel=True)


def _opened(model: TableModel, *, multilabel: bool) -> Model:
    network = model.network.eval()
    device = str(next(network.parameters()).device)
    return TorchModel(network, prepared=lambda x: x, multilabel=multilabel, device=device).model()


def _given(test: Prepared) -> tuple[np.ndarray, np.ndarray, list[str]]:
    return test.rows.x, test.rows.y, list(test.patients)


def judged_fairness(
    outcomes: Mapping[str, Sequence[Outcomes]], coding: Coding, test: Prepared, training: Prepared
) -> FairnessResult | None:
    """Return on whom the errors fall; None where no group is stated.

    One of several classes is decided where its chance is above all others'; a label where its chance is above one half.
    Underdiagnosis needs a class of the name of `HEALTHY`, or labels, of which a healthy row has none.

    Args:
        outcomes: by the arm's name, one entry a seed.
        coding: the classes.
        test: rows that were judged.
        training: real rows that arms were trained on.
    """
    groups = {name: list(column) for name, column in test.groups.items() if any(column)}
    if len(set(filter(None, test.sites))) > 1:
        groups["site"] = list(test.sites)
    if not groups:
        return None
    label = told(next(iter(outcomes.values()))[0].values, coding)[0]
    names = _named(coding)
    scores = {
        arm: {name: np.stack([_score(told(o.values, coding)[1], k, coding) for o in rows]) for k, name in names.items()}
        for arm, rows in outcomes.items()
    }
    healthy = next((name for name in names.values() if name.lower().replace(" ", "_") in HEALTHY), None)
    given = {name: list(training.groups.get(name, ("",) * len(training))) for name in groups if name != "site"}
    given |= {"site": list(training.sites)} if "site" in groups else {}
    return fairness_of(
        {name: label[:, k] for k, name in names.items()}, scores, groups, list(test.patients),
        thresholds=dict.fromkeys(names.values(), 0.0), no_finding=healthy,
        training=given if all(any(column) for column in given.values()) else None, resamples=RESAMPLES,
        permutations=PERMUTATIONS, underdiagnosis=healthy is not None or coding.kind == "multilabel",
    )  # fmt: skip


def _named(coding: Coding) -> dict[int, str]:
    """Return the classes that are decided, by their place: of two the one that is not healthy decides for both."""
    words = dict(enumerate(coding.words))
    if coding.kind == "classification" and len(words) == 2:
        sick = next((k for k, word in words.items() if word.lower().replace(" ", "_") in HEALTHY), None)
        return words if sick is not None else {1: words[1]}
    return words


def _score(chance: np.ndarray, k: int, coding: Coding) -> np.ndarray:
    """Return what is above zero where a class is decided."""
    if coding.kind == "multilabel":
        return chance[:, k] - 0.5
    return chance[:, k] - np.delete(chance, k, axis=1).max(axis=1)


def trust_findings(result: TableTaskResult) -> tuple[Finding, ...]:
    """Return what the first screen says of groups and worse samples; that no group is stated is a finding too."""
    found = trust.trust_findings(result)
    if result.fairness is None and result.settings.fairness and result.kind in KINDS:
        claim = "On whom the errors of a model fall could not be told: no held-out row states a sex, an age or a race."
        return (Finding(part="fairness", question="risk", level="unknown", claim=claim), *found)
    return found
