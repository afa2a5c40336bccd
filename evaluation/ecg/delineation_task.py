"""Delineation as a downstream task: trained on marked ECGs, scored against the marks of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.ecg.vocabulary import LEADS
from ...conditioning.record import Record
from ...generators.readout.delineation import Delineator, Traces, traces
from ...generators.readout.supervised import Schedule
from ..downstream.task import Metric, Outcomes, content_sha256
from .delineators import Find, by_network
from .wave_scores import KINDS, POINTS, f1, mean_ms, sd_ms, sums, tally

SCOPES: Mapping[str, tuple[str, ...]] = {"II": ("II",), "all leads": LEADS}
_CELLS = tuple((scope, kind, point) for scope in SCOPES for kind in KINDS for point in POINTS)
_SCORES: tuple[tuple[str, str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("F1", "", f1), ("mean error", "ms", mean_ms), ("sd of error", "ms", sd_ms),
)  # fmt: skip


@dataclass(frozen=True)
class MarkedEcgs:
    """ECGs with marked waves, as the task trains and tests on them.

    Attributes:
        traces: their leads, ready for the network.
        records: the ECGs themselves; empty where they are only trained on.
        patient: patient of each record by its id.
    """

    traces: Traces
    records: tuple[Record, ...]
    patient: Mapping[str, str]

    @classmethod
    def of(cls, records: Iterable[Record], *, keep: bool = False) -> MarkedEcgs:
        """Return ECGs; `keep` holds the records too, as a test set needs them."""
        kept: list[Record] = []
        patient: dict[str, str] = {}

        def passing() -> Iterable[Record]:
            for record in records:
                patient[record.record_id] = patient_of(record)
                if keep:
                    kept.append(record)
                yield record

        made = traces(passing())
        return cls(made, tuple(kept), patient)

    def only(self, patients: Iterable[str]) -> MarkedEcgs:
        """Return the ECGs of some patients."""
        wanted = set(patients)
        ids = [r for r, p in self.patient.items() if p in wanted]
        records = tuple(r for r in self.records if r.record_id in set(ids))
        return MarkedEcgs(self.traces.of(ids), records, {r: self.patient[r] for r in ids})

    @property
    def patients(self) -> Sequence[str]:
        """Return the patient of each lead."""
        return [self.patient[r] for r in self.traces.record]

    @property
    def labels(self) -> None:
        """Return nothing: waves are no classes of records."""
        return None

    def fingerprint(self) -> str:
        """Return a hash of the content."""
        return content_sha256(self.traces.signal, self.traces.label, self.traces.record, self.traces.lead)

    def __len__(self) -> int:
        return len(self.traces)


def patient_of(record: Record) -> str:
    """Return the patient of a record; each artificial record without one is its own."""
    named = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named) if named else f"record {record.record_id}"


@dataclass(frozen=True)
class DelineationTask:
    """P, QRS and T in every lead by a one-dimensional U-Net.

    Attributes:
        learning_rate: peak rate of a first training.
        tuning_rate: peak rate where training goes on from trained weights.
    """

    learning_rate: float = 3e-3
    tuning_rate: float = 1e-3
    name: str = "delineation"

    @property
    def metrics(self) -> Sequence[Metric]:
        """Return F1, and mean and standard deviation of the error, of each boundary in lead II and in all leads."""
        return [
            Metric(f"{scope} {kind} {point} {score}", unit, higher_is_better=score == "F1")
            for scope, kind, point in _CELLS
            for score, unit, _ in _SCORES
        ]

    def config(self) -> Mapping[str, Any]:
        """Return what changes a result."""
        return {"learning_rate": self.learning_rate, "tuning_rate": self.tuning_rate, "network": "DelineationUNet/1"}

    def initial(self, seed: int) -> Delineator:
        """Return an untrained delineator."""
        return Delineator.initial(seed)

    def join(self, first: MarkedEcgs, second: MarkedEcgs) -> MarkedEcgs:
        """Return both, the smaller one repeated until it has half the leads at least."""
        small, large = sorted((first, second), key=len)
        both = large.traces.and_(small.traces, times=len(large) // len(small))
        return MarkedEcgs(both, (), {**first.patient, **second.patient})

    def train(self, examples: MarkedEcgs, initial: Delineator, seed: int, steps: int, *, augment: bool) -> Delineator:
        """Return a delineator trained on from `initial`."""
        rate = self.tuning_rate if initial.steps else self.learning_rate
        return initial.trained(examples.traces, Schedule(steps, learning_rate=rate), seed, augment=augment)

    def score(self, model: Delineator, test: MarkedEcgs) -> Outcomes:
        """Return hits, misses, false findings and errors of each record of the test set."""
        return outcomes(test, lambda record: by_network(model, record))

    def measure(
        self, values: Float[np.ndarray, "n k"], weight: Float[np.ndarray, "resamples n"]
    ) -> Mapping[str, Float[np.ndarray, " resamples"]]:
        """Return each metric of weighted records."""
        total = (weight @ values).reshape(len(weight), len(_CELLS), 6)
        return {
            f"{scope} {kind} {point} {score}": statistic(total[:, k])
            for k, (scope, kind, point) in enumerate(_CELLS)
            for score, _, statistic in _SCORES
        }


def outcomes(test: MarkedEcgs, find: Callable[[Record], Find]) -> Outcomes:
    """Return what a delineator comes to on marked ECGs, a row a record.

    Raises:
        ValueError: the test set holds no records.
    """
    if not test.records:
        raise ValueError("the test set holds no records; make it with keep=True")
    tallies = [tally(record, find(record), LEADS) for record in test.records]
    columns = [sums(tallies, SCOPES[scope], kind, point) for scope, kind, point in _CELLS]
    return Outcomes(np.concatenate(columns, axis=1), [test.patient[r.record_id] for r in test.records])
