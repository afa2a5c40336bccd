"""The task: say whether an ECG alternates; networks taught in several ways, beside the field's methods.

Every test patient (or window of one recording) gives one record without alternans and one for each
amount, at each length and noise; the score is the area under the ROC curve, its interval from
resampled patients (or windows).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ....conditioning.seeds import sample_seed, stream
from ....generators.readout.alternans import BeatNetwork, Beats
from ...result import Result, unknown_result
from .baselines import scores
from .examples import Change, made
from .ladder import REFERENCE, Sets, Steps, control_of, ladder, logits
from .subjects import LENGTHS, Subject

RESAMPLES = 1000


@dataclass(frozen=True)
class Setting:
    """How test records were made: their length, the noise added in dB (None: none) and what was put in."""

    length: str
    snr_db: float | None
    change: Change


NONE = Change(0.0)
# What is told from what: alternans from nothing, and two controls, made without added noise only.
QUESTIONS: Mapping[str, tuple[Callable[[float], Change], Callable[[float], Change]]] = {
    "alternans": (Change, lambda uv: NONE),
    "against shuffled": (Change, lambda uv: Change(uv, shuffled=True)),
    "T-shaped": (lambda uv: Change(uv, shape="t_wave"), lambda uv: NONE),
}
HEADLINE = "alternans"


@dataclass(frozen=True)
class Trials:
    """Test records: for each setting one of each patient, in the same order.

    Attributes:
        name: of the test, shown in tables.
        patients: whose the records are; or names of windows of one recording.
        beats: the records of each setting.
        dropped: those of whom a setting could not be made.
        source: patients whose recordings these are, where `patients` names windows.
    """

    name: str
    patients: tuple[str, ...]
    beats: Mapping[Setting, tuple[Beats, ...]]
    dropped: tuple[str, ...] = ()
    source: tuple[str, ...] = ()


def trials(
    subjects: Sequence[Subject], uv: Sequence[float], snr: Sequence[float | None], seed: int, *,
    name: str = "LUDB", questions: Sequence[str] = tuple(QUESTIONS),
) -> Trials:  # fmt: skip
    """Return the test: every subject once in each setting that the questions need.

    Subjects of whom a setting cannot be made (too few beats found) are dropped from all, by name.

    Args:
        subjects: patients, or windows of a recording, all at the same lengths.
        uv: amounts of alternans.
        snr: noise to add in dB; None for none.
        seed: of phases and noise.
        name: of the test.
        questions: which of `QUESTIONS`.

    Raises:
        ValueError: a subject twice, lengths that differ, or none that can be used.
    """
    names = [s.name for s in subjects]
    if len(set(names)) < len(names):
        raise ValueError("a patient has two records in the test; one each is needed")
    if len({tuple(s.records) for s in subjects}) != 1:
        raise ValueError(f"the {len(subjects)} subjects of test {name!r} are not all of the same lengths, or none is")
    settings = _settings(list(subjects[0].records), questions, uv, snr)
    whole: dict[str, dict[Setting, Beats]] = {}
    for subject in subjects:
        found = {s: _tested(subject, s, sample_seed(seed, f"test/{subject.name}/{s}")) for s in settings}
        there = {s: b for s, b in found.items() if b is not None}
        if len(there) == len(found):
            whole[subject.name] = there
    if not whole:
        raise ValueError(f"none of the {len(subjects)} records of test {name!r} has beats enough")
    kept = tuple(n for n in names if n in whole)
    dropped = tuple(n for n in names if n not in whole)
    source = tuple(dict.fromkeys(s.patient for s in subjects))
    return Trials(name, kept, {s: tuple(whole[n][s] for n in kept) for s in settings}, dropped, source)


def _settings(
    lengths: Sequence[str], questions: Sequence[str], uv: Sequence[float], snr: Sequence[float | None]
) -> list[Setting]:
    out = [
        Setting(length, s, make(u))
        for length in lengths
        for question in questions
        for s in (snr if question == HEADLINE else (None,))
        for make in QUESTIONS[question]
        for u in uv
    ]
    return list(dict.fromkeys(out))


def _tested(subject: Subject, setting: Setting, seed: int) -> Beats | None:
    found = made(subject.records[setting.length], setting.change, seed, setting.snr_db, subject.leads)
    return None if found is None else found.part(0, LENGTHS[setting.length])


@dataclass(frozen=True)
class Row:
    """One detector in one setting.

    Attributes:
        test: which test records.
        method: a rung of the ladder, or a method of the field.
        question: `alternans` against nothing put in; the control `against shuffled`, where the negatives have
            the same changes in an order that does not alternate; or `T-shaped`, alternans in the shape of the
            record's own T wave, which no real training record had.
        length: `10 s`, `64 beats` or `128 beats`.
        snr_db: of the noise added; None where none was.
        twa_uv: alternans of the positives; None where all amounts are taken together.
        auroc: mean over training seeds; the interval resamples patients.
        gain: difference to `real` on the same resamples; unknown for `real` itself and the field's methods.
        gain_same_compute: difference to the arm that takes the same steps on real records alone; unknown for others.
        seeds: training seeds; 0 for what is not trained.
    """

    test: str
    method: str
    question: str
    length: str
    snr_db: float | None
    twa_uv: float | None
    auroc: Result
    gain: Result
    gain_same_compute: Result
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        results = {name: getattr(self, name).as_dict() for name in ("auroc", "gain", "gain_same_compute")}
        return asdict(self) | results


Scores = Mapping[Setting, np.ndarray]  # (seeds, patients)


def method_scores(trial: Trials) -> dict[str, dict[Setting, np.ndarray]]:
    """Return (1, patients) scores of the field's methods.

    The spectral ones are NaN where fewer than 64 beats were found, and left out where that is all.
    """
    out: dict[str, dict[Setting, np.ndarray]] = {}
    for setting, rows in trial.beats.items():
        found = [scores(beats) for beats in rows]
        for name in sorted(set().union(*found)):
            out.setdefault(name, {})[setting] = np.array([[f.get(name, np.nan) for f in found]])
    return out


def network_scores(networks: Sequence[BeatNetwork], trial: Trials) -> dict[Setting, np.ndarray]:
    """Return (seeds, patients) logits of one rung's networks in every setting."""
    return {
        setting: np.stack([logits(network, rows, LENGTHS[setting.length]) for network in networks])
        for setting, rows in trial.beats.items()
    }


def auroc(negative: np.ndarray, positive: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve in each draw of patients, mean over seeds and amounts.

    Patients with a score that is NaN are left out.

    Args:
        negative: (seeds, patients, amounts) scores of the records without alternans.
        positive: (seeds, patients, amounts) of those with.
        draws: (draws, patients) how often each patient is taken.
    """
    known = ~np.isnan(positive).any(axis=(0, 2)) & ~np.isnan(negative).any(axis=(0, 2))
    draws = draws * known
    p, n = positive[:, :, None], negative[:, None]
    pairs = ((p > n) + 0.5 * (p == n)).mean(axis=(0, 3))  # (positive's patient, negative's patient)
    total = draws.sum(axis=1) ** 2
    area = np.einsum("di,ij,dj->d", draws, pairs, draws)
    return np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0)


def rows(
    trained: Mapping[str, Scores], field: Mapping[str, Scores], trial: Trials, uv: Sequence[float],
    snr: Sequence[float | None], seed: int, resamples: int = RESAMPLES,
) -> tuple[Row, ...]:  # fmt: skip
    """Return every method's rows: by amount and over all amounts, for each question, length and noise there is.

    Args:
        trained: scores of the ladder's rungs by name.
        field: scores of methods that are not trained.
        trial: the test.
        uv: amounts of alternans.
        snr: noise added.
        seed: of the resamples.
        resamples: how many.
    """
    n = len(trial.patients)
    drawn = stream(seed, "alternans.bootstrap").multinomial(n, np.full(n, 1 / n), size=resamples)
    draws = np.concatenate([np.ones((1, n), int), drawn]).astype(float)
    out: list[Row] = []
    for length in LENGTHS:
        for question in QUESTIONS:
            for s in snr if question == HEADLINE else (None,):
                for amount in (*uv, None):
                    cell = _Cell(trial.name, question, length, s, amount)
                    out += _rows(trained, field, cell, uv if amount is None else [amount], draws)
    return tuple(out)


@dataclass(frozen=True)
class _Cell:
    test: str
    question: str
    length: str
    snr_db: float | None
    twa_uv: float | None

    def settings(self, uv: Sequence[float]) -> tuple[list[Setting], list[Setting]]:
        """Return the settings of the positives and of the negatives, one an amount."""
        with_it, without = (
            [Setting(self.length, self.snr_db, make(u)) for u in uv] for make in QUESTIONS[self.question]
        )
        return with_it, without


def _rows(
    trained: Mapping[str, Scores], field: Mapping[str, Scores], cell: _Cell, uv: Sequence[float], draws: np.ndarray
) -> list[Row]:
    with_it, without = cell.settings(uv)
    found = {**trained, **field}
    there = {name: f for name, f in found.items() if all(s in f for s in (*with_it, *without))}
    values = {
        name: auroc(np.stack([f[s] for s in without], -1), np.stack([f[s] for s in with_it], -1), draws)
        for name, f in there.items()
    }
    n, out = draws.shape[1], []

    def difference(name: str, reference: str | None) -> Result:
        if name not in trained or reference is None or reference == name or reference not in values:
            return unknown_result(n)
        return _result(values[name] - values[reference], n)

    for name, f in there.items():
        used = [f[s] for s in (*with_it, *without)]
        known = int((~np.isnan(np.concatenate(used)).any(axis=0)).sum())
        gains = difference(name, REFERENCE), difference(name, control_of(name))
        seeds = len(used[0]) if name in trained else 0
        where = (cell.question, cell.length, cell.snr_db, cell.twa_uv)
        out.append(Row(cell.test, name, *where, _result(values[name], known), *gains, seeds))
    return out


def _result(values: np.ndarray, n: int) -> Result:
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not len(drawn):
        return unknown_result(n)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Result(float(values[0]), float(low), float(high), n)


def run(
    sets: Sets, tests: Sequence[Trials], steps: Steps, seeds: Sequence[int], uv: Sequence[float],
    snr: Sequence[float | None], on_seed: Callable[[int], None] = lambda done: None,
) -> tuple[Row, ...]:  # fmt: skip
    """Train the ladder with each seed and return the rows of all methods on every test.

    Raises:
        ValueError: a patient of a test is among those trained on, or no seed.
    """
    for trial in tests:
        shared = {*trial.patients, *trial.source} & set(sets.patients)
        if shared:
            raise ValueError(f"patient {sorted(shared)[0]} is in training and test; their patients must differ")
    if not seeds:
        raise ValueError("no seed: at least one is needed")
    trained = []
    for done, seed in enumerate(seeds, 1):
        trained.append(ladder(sets, steps, seed))
        on_seed(done)
    out: list[Row] = []
    for trial in tests:
        found = {name: network_scores([t[name] for t in trained], trial) for name in trained[0]}
        out += rows(found, method_scores(trial), trial, uv, snr, seed=0)
    return tuple(out)
