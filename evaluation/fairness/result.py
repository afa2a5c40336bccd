"""What was found of groups: their rates, how far they lie apart, by chance and between arms."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval
from .thresholds import ThresholdRow

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class CellRow(BaseModel):
    """One rate of one group.

    Attributes:
        arm: whose scores.
        label: what is decided.
        axis: attribute or crossing, such as `sex x age band`.
        cell: the group, such as `F 60-79`.
        measure: `true positive rate`, `false positive rate`, `selection rate`, `accuracy`, `auroc` or `underdiagnosis`.
        rate: with its interval over patients; n counts the rows that the rate is a mean of.
        positives: rows of the group with the label.
        negatives: rows without it.
        patients: of the group.
        small: whether the group has fewer than twenty positives or negatives.
    """

    model_config = _FROZEN
    arm: str
    label: str
    axis: str
    cell: str
    measure: str
    rate: Interval
    positives: int
    negatives: int
    patients: int
    small: bool


class GapRow(BaseModel):
    """How far the groups of an axis lie apart in one rate: the largest less the smallest.

    Attributes:
        arm: whose scores.
        label: what is decided.
        axis: attribute or crossing.
        measure: a rate's name, or `equalised odds`, the larger of the gaps in true and false positive rates.
        gap: of the groups that are compared, with its interval over patients; n counts these groups.
        lowest: group with the smallest rate.
        highest: group with the largest.
        every: the gap with small groups too, whatever they are worth.
        left_out: groups with too few rows that count, shown and not compared.
        chance: the mean gap by chance alone.
        chance_high: the gap that chance stays under in 95 of 100 cases.
        p: chance of such a gap or a larger one where all are treated alike.
        p_corrected: by Holm, over all gaps in true and false positive rates and underdiagnosis of the arm.
        by: how chance was simulated.
        unknown: why there is no gap; empty where there is one.
    """

    model_config = _FROZEN
    arm: str
    label: str
    axis: str
    measure: str
    gap: Interval
    lowest: str
    highest: str
    every: float | None
    left_out: tuple[str, ...]
    chance: float | None
    chance_high: float | None
    p: float | None
    p_corrected: float | None
    by: str
    unknown: str = ""


class OthersRow(BaseModel):
    """One group against all other rows of known group.

    Attributes:
        arm: whose scores.
        label: what is decided.
        axis: attribute or crossing.
        cell: the group.
        statistical_parity: its true definition, P(called 1 | group) - P(called 1 | others).
        accuracy_less_others: the group's accuracy less the others': what Tayebi Arasteh et al. 2024 call "statistical
            parity difference", which it is not.
        prevalence: share of the group with the label, less the others': parity cannot hold beside it for a good
            classifier.
        small: whether the group has fewer than twenty positives or negatives.
    """

    model_config = _FROZEN
    arm: str
    label: str
    axis: str
    cell: str
    statistical_parity: Interval
    accuracy_less_others: Interval
    prevalence: Interval
    small: bool


class SizeRow(BaseModel):
    """Whether larger groups are served better.

    Attributes:
        arm: whose scores.
        label: what is decided.
        axis: attribute or crossing.
        measure: `auroc` or `accuracy` of each group.
        counted: `training rows` or `test rows`: what sizes are.
        groups: how many there are.
        pearson: correlation of size and performance, with its interval over test patients.
        spearman: the same of ranks.
        pearson_chance: the size of correlation that sizes dealt out anew stay under in 95 of 100 cases.
        spearman_chance: likewise.
        unknown: why there is none; empty where there is one.
    """

    model_config = _FROZEN
    arm: str
    label: str
    axis: str
    measure: str
    counted: str
    groups: int
    pearson: Interval
    spearman: Interval
    pearson_chance: float | None
    spearman_chance: float | None
    unknown: str = ""


class GapDifference(BaseModel):
    """How much wider an arm's gap is than the reference's, on the same patients.

    Attributes:
        arm: whose scores.
        reference: whose they are compared with.
        label: what is decided.
        axis: attribute or crossing.
        measure: of the gap.
        difference: arm's gap less the reference's, with the interval of paired draws.
        verdict: `wider`, `narrower`, or `open` where the interval holds zero.
    """

    model_config = _FROZEN
    arm: str
    reference: str
    label: str
    axis: str
    measure: str
    difference: Interval
    verdict: str


class FairnessResult(BaseModel):
    """All that was found of groups.

    Attributes:
        arms: whose scores were judged; the first is the reference.
        labels: what is decided.
        axes: attributes and crossings.
        rows: test rows.
        patients: test patients.
        thresholds: where scores become decisions, and how that was chosen.
        cells: rates of groups.
        gaps: how far groups lie apart.
        others: each group against the rest.
        sizes: correlations of size and performance.
        differences: between arms.
        unknown: what could not be told, and why.
    """

    model_config = _FROZEN
    arms: tuple[str, ...]
    labels: tuple[str, ...]
    axes: tuple[str, ...]
    rows: int
    patients: int
    thresholds: tuple[ThresholdRow, ...]
    cells: tuple[CellRow, ...]
    gaps: tuple[GapRow, ...]
    others: tuple[OthersRow, ...]
    sizes: tuple[SizeRow, ...]
    differences: tuple[GapDifference, ...]
    unknown: tuple[str, ...] = ()

    def gap(self, arm: str, label: str, axis: str, measure: str) -> GapRow:
        """Return one gap."""
        wanted = (arm, label, axis, measure)
        return next(g for g in self.gaps if (g.arm, g.label, g.axis, g.measure) == wanted)
