"""What a downstream task's page says of groups and of worse inputs, of whatever task it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .arm_findings import merged
from .downstream import Outcomes
from .fairness import FairnessResult, fairness_findings, fairness_section
from .finding import Finding
from .report import Section
from .robustness import RobustnessResult, robustness_findings, robustness_section
from .robustness.arms import WornLook

RESAMPLES, PERMUTATIONS = 200, 200  # of fairness


class Trusted(Protocol):
    """A task's result that may hold either; None where it was not measured."""

    @property
    def fairness(self) -> FairnessResult | None:
        """Return on whom the errors of its models fall."""
        ...

    @property
    def robustness(self) -> RobustnessResult | None:
        """Return how its models stand worse inputs."""
        ...


def trust_sections(result: Trusted) -> tuple[Section, ...]:
    """Return the sections on groups and on worse inputs, of what was measured."""
    return (
        *((fairness_section(result.fairness),) if result.fairness is not None else ()),
        *((robustness_section(result.robustness),) if result.robustness is not None else ()),
    )


def trust_findings(result: Trusted) -> tuple[Finding, ...]:
    """Return what the first screen says of groups and worse inputs; arms of which the same was found stand together."""
    found: list[Finding] = []
    if result.fairness is not None:
        found += merged(fairness_findings(result.fairness), result.fairness.arms)
    if result.robustness is not None:
        found += merged(robustness_findings(result.robustness), result.robustness.arms)
    return tuple(found)


def robustness_of(
    look: WornLook, looked: Mapping[str, Sequence[Outcomes]], names: Mapping[str, str], test: Any
) -> RobustnessResult:
    """Return how arms stand worse inputs, under the names that they are shown by.

    Args:
        look: what was asked of the trained models.
        looked: what it saw, by the arms' names at their share.
        names: as arms are shown, by those.
        test: all test rows.
    """
    return look.result({names[arm]: outcomes for arm, outcomes in looked.items()}, test)
