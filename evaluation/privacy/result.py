"""What attacks on a synthetic set found, as plain JSON values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..comparison import Interval, interval
from ..result import Result
from .risk import risk

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Figure(BaseModel):
    """One more number of an attack, beside the same number of the control.

    Attributes:
        name: of the figure.
        label: how a page calls it.
        value: of the synthetic records, or of the attack.
        control: of held-out real records, or what blind guessing gives; None where there is no such thing.
        reason: why the value is not known; empty where it is.
    """

    model_config = _FROZEN
    name: str
    label: str
    value: Interval
    control: Interval | None = None
    reason: str = ""


class Power(BaseModel):
    """Whether a screen would have seen a leak.

    Attributes:
        share: of the planted records among all.
        here: detection rate when copies of training records are put among the synthetic ones, at their number.
        held_out: detection rate when they are put among one half of the held-out records and judged by the other.
        false_alarms: how often the first half alone raises the alarm.
    """

    model_config = _FROZEN
    share: float
    here: Interval
    held_out: Interval
    false_alarms: Interval

    @property
    def enough(self) -> bool:
        """Whether the leak is seen in eight of ten trials at this number of records."""
        return self.here.value is not None and self.here.value >= ENOUGH


ENOUGH = 0.8


class Attack(BaseModel):
    """One attack or screen.

    Attributes:
        name: of the attack.
        label: how a page calls it.
        method: what it does, in a sentence.
        attack: how often it succeeds.
        control: how often it succeeds on records that were not trained on.
        risk: (attack - control) / (1 - control).
        figures: more numbers.
        power: of the screen; None where it was not tried.
        reason: why there is no answer; empty where there is one.
    """

    model_config = _FROZEN
    name: str
    label: str
    method: str
    attack: Interval
    control: Interval
    risk: Interval
    figures: tuple[Figure, ...] = ()
    power: Power | None = None
    reason: str = ""

    @property
    def found(self) -> bool:
        """Whether the attack succeeds more often than its control, beyond chance."""
        return self.risk.low is not None and self.risk.low > 0

    def figure(self, name: str) -> Figure:
        """Return a figure.

        Raises:
            KeyError: there is none of that name.
        """
        return {f.name: f for f in self.figures}[name]


class Nearest(BaseModel):
    """A synthetic record and the training record nearest to it, by row number.

    Attributes:
        synthetic: row.
        training: row.
        distance: between them, in the spread of training features.
        held_out_nearer: share of held-out records that lie at least as near to some training record.
    """

    model_config = _FROZEN
    synthetic: int
    training: int
    distance: float
    held_out_nearer: float


class PrivacyResult(BaseModel):
    """What a synthetic set gives away.

    Attributes:
        n: training, held-out and synthetic records.
        patients: likewise.
        dimensions: features.
        exact: synthetic records whose features are those of a training record, and held-out ones.
        attacks: every attack, also those without an answer.
        nearest: the closest pairs, the closest first.
        notes: what a reader has to know of the data.
    """

    model_config = _FROZEN
    n: tuple[int, int, int]
    patients: tuple[int, int, int]
    dimensions: int
    exact: tuple[int, int] = (0, 0)
    attacks: tuple[Attack, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    notes: tuple[str, ...] = ()

    def attack(self, name: str) -> Attack:
        """Return an attack.

        Raises:
            KeyError: there is none of that name.
        """
        return {a.name: a for a in self.attacks}[name]


UNKNOWN = Interval(value=None, low=None, high=None, n=0)


def attack_of(
    name: str, label: str, method: str, rates: tuple[Result, Result], figures: tuple[Figure, ...] = ()
) -> Attack:
    """Return an attack from its success and its control's."""
    hit, control = rates
    return Attack(
        name=name, label=label, method=method, attack=interval(hit), control=interval(control),
        risk=interval(risk(hit, control)), figures=figures,
    )  # fmt: skip


def unanswered(name: str, label: str, method: str, reason: str) -> Attack:
    """Return an attack that could not be made, and why."""
    return Attack(name=name, label=label, method=method, attack=UNKNOWN, control=UNKNOWN, risk=UNKNOWN, reason=reason)
