"""What the findings task came to: arms at each share and site, the groups that are missed, and what each rests on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ...comparison import Interval
from ...downstream import DownstreamResult
from ...fairness import FairnessResult
from ...robustness import RobustnessResult
from .settings import FindingsSettings

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class CellRow(BaseModel):
    """The false `No Finding` rate of one cell.

    Attributes:
        axis: attributes that are crossed, such as `sex x view`.
        cell: such as `F ap`.
        arm: name of the arm.
        images: sick images of the cell; `rate.n` are their patients.
        compared: whether the cell is large enough to be compared with others.
        rate: share of them called healthy, mean over seeds, with an interval over patients and seeds.
    """

    model_config = _FROZEN
    axis: str
    cell: str
    arm: str
    images: int
    compared: bool
    rate: Interval


class NoiseRow(BaseModel):
    """How large a gap the draw of patients alone would show.

    Attributes:
        axis: attributes that are crossed.
        arm: name of the arm.
        gap: 95 of 100 draws stay under it where all cells are treated alike; None where nothing is compared.
    """

    model_config = _FROZEN
    axis: str
    arm: str
    gap: float | None


class ShareResult(BaseModel):
    """All arms on one share of the real patients, tested at one site.

    Attributes:
        site: where the test images are from.
        share: of the real patients.
        result: arms and their differences.
        cells: groups that are missed.
        noise: of the gaps.
    """

    model_config = _FROZEN
    site: str
    share: float
    result: DownstreamResult
    cells: tuple[CellRow, ...]
    noise: tuple[NoiseRow, ...]


class FindingCount(BaseModel):
    """Patients with and without a finding; a patient with images of both kinds is on both sides."""

    model_config = _FROZEN
    finding: str
    present: int
    absent: int


class Side(BaseModel):
    """What a side of the comparison holds.

    Attributes:
        name: of the site, or of the training data.
        images: how many.
        patients: how many.
        findings: patients with and without each finding.
    """

    model_config = _FROZEN
    name: str
    images: int
    patients: int
    findings: tuple[FindingCount, ...]

    def enough(self, finding: str, fewest: int) -> bool:
        """Return whether so many patients have a finding and as many have not."""
        one = next(f for f in self.findings if f.finding == finding)
        return min(one.present, one.absent) >= fewest


class FindingsResult(BaseModel):
    """The whole task.

    Attributes:
        settings: how it was run.
        findings: what is classified.
        training: real, and synthetic where there are any.
        tests: the sites; the first is that of the training data.
        shares: one for each site and share.
        fairness: on whom errors fall at the first site, of the largest share; None where it was not asked for.
        robustness: how classifiers of that share stand worse images; likewise.
    """

    model_config = _FROZEN
    settings: FindingsSettings
    findings: tuple[str, ...]
    training: tuple[Side, ...]
    tests: tuple[Side, ...]
    shares: tuple[ShareResult, ...]
    fairness: FairnessResult | None = None
    robustness: RobustnessResult | None = None

    def at(self, site: str, share: float) -> ShareResult:
        """Return what came out at a site and share."""
        return next(s for s in self.shares if (s.site, s.share) == (site, share))
