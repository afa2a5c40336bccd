"""What a table's task came to: arms at each share and site, DeLong's tests, probes, and what was not run and why."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ....generators.readout.table.rows import Kind
from ...comparison import Interval
from ...downstream import DownstreamResult
from ...fairness import FairnessResult
from ...robustness import RobustnessResult
from .settings import TableTaskSettings

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class DeLongRow(BaseModel):
    """The difference of two arms' macro AUROC by DeLong, seeds as they are.

    Attributes:
        arm: name of the arm.
        reference: name of the other one.
        difference: arm less reference with its normal interval.
        p: two-sided; None where they never differ.
    """

    model_config = _FROZEN
    arm: str
    reference: str
    difference: Interval
    p: float | None


class ShareResult(BaseModel):
    """All arms on one share of the real patients.

    Attributes:
        share: of the real patients.
        patients: how many those are.
        result: arms and the differences that matter.
        delong: for classes and labels.
    """

    model_config = _FROZEN
    share: float
    patients: int
    result: DownstreamResult
    delong: tuple[DeLongRow, ...] = ()


class SiteResult(BaseModel):
    """Arms tested at a site that training left out.

    Attributes:
        site: its name; empty where none is named and real data are one unlabelled site to what synthetic data teach.
        train_patients: real patients of the other sites.
        unlabelled: samples of the site, of other patients than the test's, to which classifiers are adapted.
        result: arms and the differences that matter.
    """

    model_config = _FROZEN
    site: str
    train_patients: int
    unlabelled: int
    result: DownstreamResult


class Side(BaseModel):
    """What a side of the task holds.

    Attributes:
        name: of the side.
        samples: how many.
        patients: how many.
        left_out: samples of which the truth is not said.
        classes: samples with each class or label; for masks and boxes those that hold it.
    """

    model_config = _FROZEN
    name: str
    samples: int
    patients: int
    left_out: int
    classes: dict[str, int]


class TableTaskResult(BaseModel):
    """The whole task.

    Attributes:
        settings: how it was run.
        kind: of the task.
        words: classes or labels.
        shape: of the samples that networks saw.
        main: the metric that findings rest on.
        sides: training, held-out, and synthetic where there are any.
        shares: one for each share.
        sites: one for each site that was left out.
        probes: of features, where they were run.
        notes: what was not run or left out, and why.
        fairness: on whom errors of classifiers fall, of the largest share; None where it was not measured.
        robustness: how classifiers of that share stand worse samples; likewise.
    """

    model_config = _FROZEN
    settings: TableTaskSettings
    kind: Kind
    words: tuple[str, ...]
    shape: tuple[int, ...]
    main: str
    sides: tuple[Side, ...]
    shares: tuple[ShareResult, ...]
    sites: tuple[SiteResult, ...] = ()
    probes: DownstreamResult | None = None
    notes: tuple[str, ...] = ()
    fairness: FairnessResult | None = None
    robustness: RobustnessResult | None = None

    @property
    def has_synthetic(self) -> bool:
        """Return whether synthetic data were trained on."""
        return any(side.name == "synthetic" for side in self.sides)

    def at(self, share: float) -> ShareResult:
        """Return what came out at a share."""
        return next(s for s in self.shares if s.share == share)
