"""What became of models as their inputs got worse, and how far their probabilities can be trusted."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval

_FROZEN = ConfigDict(frozen=True, extra="forbid")
CLEAN, MEAN = "clean", "all corruptions"
ENSEMBLE = ", ensemble"  # behind the name of an arm whose models' probabilities are meaned


class ScoreRow(BaseModel):
    """One measure of one arm under one corruption.

    Attributes:
        arm: its name.
        corruption: its name; `clean`; `all corruptions`, the mean over corruptions and severities but attacks; `FGSM`,
            `PGD`, or `random sign`, which is the attacks' control.
        severity: 0 where clean or a mean, 1 to 5, or the place of an attack's size.
        level: its size in words.
        measure: `accuracy`, `balanced accuracy`, `auroc`, `ece`, `adaptive ece`, `brier` or `nll`.
        value: with its interval over patients.
        change: value less the clean one, on the same draws of patients.
        floor: what a model that sees nothing scores; of calibration errors what right probabilities stay under in 95 of
            100 cases.
    """

    model_config = _FROZEN
    arm: str
    corruption: str
    severity: int
    level: str
    measure: str
    value: Interval
    change: Interval
    floor: float | None


class ArmDifference(BaseModel):
    """How much more an arm scores than the reference under the same corruption of the same inputs.

    Attributes:
        arm: its name.
        reference: the first arm.
        corruption: as in `ScoreRow`.
        severity: likewise.
        measure: likewise.
        difference: arm less reference, with the interval of paired draws.
        verdict: `better`, `worse`, or `open` where the interval holds zero.
    """

    model_config = _FROZEN
    arm: str
    reference: str
    corruption: str
    severity: int
    measure: str
    difference: Interval
    verdict: str


class BinRow(BaseModel):
    """One bin of a reliability diagram: mean claim, share that was so, and rows."""

    model_config = _FROZEN
    claimed: float
    true: float
    n: int


class CalibrationRow(BaseModel):
    """An arm's probabilities on clean inputs.

    Attributes:
        arm: its name.
        bins: of the reliability diagram, holding equally many rows; of several labels all of them together.
        temperature: fitted on validation rows; None without any.
        validation_rows: that it was fitted on.
        ece_change: adaptive calibration error after the temperature less before, clean.
        nll_change: negative log likelihood, likewise.
        nll_change_corrupted: likewise, meaned over all corruptions.
    """

    model_config = _FROZEN
    arm: str
    bins: tuple[BinRow, ...]
    temperature: float | None
    validation_rows: int
    ece_change: Interval
    nll_change: Interval
    nll_change_corrupted: Interval


class RobustnessResult(BaseModel):
    """All arms under all corruptions.

    Attributes:
        arms: the first is the reference.
        rows: test rows.
        of: test rows that there were; fewer are used to save time.
        patients: test patients.
        classes: of the labels; 0 for several labels at once.
        scores: one row an arm, corruption, severity and measure.
        differences: one row an arm but the first.
        calibration: one row an arm.
        unknown: what could not be told, and why.
    """

    model_config = _FROZEN
    arms: tuple[str, ...]
    rows: int
    of: int
    patients: int
    classes: int
    scores: tuple[ScoreRow, ...]
    differences: tuple[ArmDifference, ...]
    calibration: tuple[CalibrationRow, ...]
    unknown: tuple[str, ...] = ()

    def row(self, arm: str, measure: str, corruption: str = CLEAN, severity: int = 0) -> ScoreRow:
        """Return one score."""
        wanted = (arm, measure, corruption, severity)
        return next(r for r in self.scores if (r.arm, r.measure, r.corruption, r.severity) == wanted)
