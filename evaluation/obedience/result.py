"""What was read off synthetic rows beside what was asked: agreement, contradictions, and activation of concepts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class AgreementRow(BaseModel):
    """One attribute by one measure.

    Attributes:
        attribute: its name.
        measure: `auroc`, `accuracy` (mean over classes), `kappa`; for a number `correlation`, `concordance`, `error`.
        synthetic: synthetic rows against what was asked.
        ceiling: held-out real rows against their labels, by the same reader.
        floor: synthetic rows against conditions that were dealt out anew: middle and central 95 %.
        fewest: rows of the rarest class on either side; all of a side for a number.
        patients: held-out patients of the rarest class, or all for a number.
        small: whether fewer than ten rows or five patients.
    """

    model_config = _FROZEN
    attribute: str
    measure: str
    synthetic: Interval
    ceiling: Interval
    floor: Interval
    fewest: int
    patients: int
    small: bool


class ReaderRow(BaseModel):
    """A reader of one attribute.

    Attributes:
        attribute: its name.
        levels: classes; none for a number.
        rows: training rows.
        strength: of its penalty: C of a logistic regression, or a ridge's penalty.
        ece: calibration error of its chances on held-out real rows; none for a number.
        ece_by_chance: the error that right chances stay under in 95 of 100 cases.
        mislabelled: share of synthetic rows that show another class than was asked, with its interval.
        unknown: why the share is not known; empty where it is.
    """

    model_config = _FROZEN
    attribute: str
    levels: tuple[str, ...]
    rows: int
    strength: float
    ece: Interval
    ece_by_chance: float | None
    mislabelled: Interval
    unknown: str = ""


class ConceptRow(BaseModel):
    """One concept's direction.

    Attributes:
        concept: an attribute, or one of its classes; of a number its upper third against its lower one.
        real: Cohen's d of held-out real rows with the concept against those without, along the direction.
        synthetic: the same of synthetic rows by what was asked.
        by_chance: the size of d that synthetic rows stay under along 95 of 100 directions of shuffled labels.
        positives: where synthetic rows that were asked to have it lie: 0 with real rows without it, 1 with those that
            have it.
        negatives: where the others lie.
        n: synthetic positives and negatives, real positives and negatives.
        small: whether one of them is below ten.
    """

    model_config = _FROZEN
    concept: str
    real: Interval
    synthetic: Interval
    by_chance: float | None
    positives: Interval
    negatives: Interval
    n: tuple[int, int, int, int]
    small: bool


class ObedienceResult(BaseModel):
    """All attributes.

    Attributes:
        features: what was read, in words, such as `RAD-DINO features`.
        rows: training, held-out and synthetic rows.
        agreement: one row an attribute and measure.
        readers: one row an attribute that could be learnt.
        concepts: one row a concept.
        unread: why an attribute was not read, by its name.
    """

    model_config = _FROZEN
    features: str
    rows: tuple[int, int, int]
    agreement: tuple[AgreementRow, ...]
    readers: tuple[ReaderRow, ...]
    concepts: tuple[ConceptRow, ...]
    unread: dict[str, str] = {}

    def row(self, attribute: str, measure: str) -> AgreementRow:
        """Return one row of agreement."""
        return next(r for r in self.agreement if (r.attribute, r.measure) == (attribute, measure))

    def reader(self, attribute: str) -> ReaderRow:
        """Return one reader."""
        return next(r for r in self.readers if r.attribute == attribute)

    def concept(self, name: str) -> ConceptRow:
        """Return one concept."""
        return next(r for r in self.concepts if r.concept == name)
