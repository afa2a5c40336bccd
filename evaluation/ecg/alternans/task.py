"""The task: say whether an ECG alternates; networks taught in several ways, beside the field's methods.

Every test patient gives one record without alternans and one for each amount, at each length and
noise; the score is the area under the ROC curve, its interval from resampled patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ....conditioning.record import Record
from ....conditioning.seeds import sample_seed, stream
from ....generators.readout.alternans import BeatNetwork, Beats
from ...result import Result, unknown_result
from .baselines import scores
from .examples import LONG_BEATS, SHORT_BEATS, Change, lengthened, made, patient
from .ladder import CONTROLS, LADDER, Sets, Steps, ladder, logits

REFERENCE = "real"
TRAINED = (*LADDER, *CONTROLS)
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
LENGTHS: Mapping[str, int] = {"10 s": SHORT_BEATS, "64 beats": LONG_BEATS}


@dataclass(frozen=True)
class Trials:
    """Test records: for each setting one of each patient, in the same order."""

    patients: tuple[str, ...]
    beats: Mapping[Setting, tuple[Beats, ...]]
    dropped: tuple[str, ...] = ()


def trials(records: Sequence[Record], uv: Sequence[float], snr: Sequence[float | None], seed: int) -> Trials:
    """Return the test: every patient once in each setting that the questions need.

    A patient's 64-beat records come from one continuation. Patients of whom a setting cannot be made
    (too few beats found) are dropped from all, by name.

    Raises:
        ValueError: a patient twice.
    """
    names = [patient(r) for r in records]
    if len(set(names)) < len(names):
        raise ValueError("a patient has two records in the test; one each is needed")
    settings = _settings(uv, snr)
    whole: dict[str, dict[Setting, Beats]] = {}
    for record, name in zip(records, names, strict=True):
        base = {
            length: lengthened(record, None if beats == SHORT_BEATS else beats, sample_seed(seed, f"test/{name}"))
            for length, beats in LENGTHS.items()
        }
        found = {s: _tested(base[s.length], s, sample_seed(seed, f"test/{name}/{s}")) for s in settings}
        there = {s: b for s, b in found.items() if b is not None}
        if len(there) == len(found):
            whole[name] = there
    kept = tuple(n for n in names if n in whole)
    dropped = tuple(n for n in names if n not in whole)
    return Trials(kept, {s: tuple(whole[n][s] for n in kept) for s in settings}, dropped)


def _settings(uv: Sequence[float], snr: Sequence[float | None]) -> list[Setting]:
    out = [
        Setting(length, s, make(u))
        for length in LENGTHS
        for question, pair in QUESTIONS.items()
        for s in (snr if question == HEADLINE else (None,))
        for make in pair
        for u in uv
    ]
    return list(dict.fromkeys(out))


def _tested(record: Record | None, setting: Setting, seed: int) -> Beats | None:
    found = made(record, setting.change, seed, setting.snr_db)
    return None if found is None else found.part(0, LENGTHS[setting.length])


@dataclass(frozen=True)
class Row:
    """One detector in one setting.

    Attributes:
        method: a rung of the ladder, or a method of the field.
        question: `alternans` against nothing put in; the control `against shuffled`, where the negatives have
            the same changes in an order that does not alternate; or `T-shaped`, alternans in the shape of the
            record's own T wave, which no real training record had.
        length: `10 s` or `64 beats`.
        snr_db: of the noise added; None where none was.
        twa_uv: alternans of the positives; None where all amounts are taken together.
        auroc: mean over training seeds; the interval resamples patients.
        gain: difference to `real` on the same resamples; unknown for `real` itself and the field's methods.
        seeds: training seeds; 0 for what is not trained.
    """

    method: str
    question: str
    length: str
    snr_db: float | None
    twa_uv: float | None
    auroc: Result
    gain: Result
    seeds: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self) | {"auroc": self.auroc.as_dict(), "gain": self.gain.as_dict()}


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
    return np.asarray(np.einsum("di,ij,dj->d", draws, pairs, draws) / draws.sum(axis=1) ** 2)


def rows(
    found: Mapping[str, Scores], trial: Trials, uv: Sequence[float], snr: Sequence[float | None], seed: int,
    resamples: int = RESAMPLES,
) -> tuple[Row, ...]:  # fmt: skip
    """Return every method's rows: by amount and over all amounts, for each question, length and noise."""
    n = len(trial.patients)
    drawn = stream(seed, "alternans.bootstrap").multinomial(n, np.full(n, 1 / n), size=resamples)
    draws = np.concatenate([np.ones((1, n), int), drawn]).astype(float)
    out: list[Row] = []
    for length in LENGTHS:
        for question in QUESTIONS:
            for s in snr if question == HEADLINE else (None,):
                for amount in (*uv, None):
                    cell = (question, length, s, amount)
                    out += _rows(found, cell, uv if amount is None else [amount], draws)
    return tuple(out)


def _rows(
    found: Mapping[str, Scores], cell: tuple[str, str, float | None, float | None], uv: Sequence[float],
    draws: np.ndarray,
) -> list[Row]:  # fmt: skip
    question, length, snr, _ = cell
    with_it, without = ([Setting(length, snr, make(u)) for u in uv] for make in QUESTIONS[question])
    values = {
        name: auroc(np.stack([f[s] for s in without], -1), np.stack([f[s] for s in with_it], -1), draws)
        for name, f in found.items()
        if all(s in f for s in (*with_it, *without))
    }
    n, out = draws.shape[1], []
    for name, value in values.items():
        trained = name in TRAINED
        compared = trained and name != REFERENCE and REFERENCE in values
        gain = _result(value - values[REFERENCE], n) if compared else unknown_result(n)
        used = [found[name][s] for s in (*with_it, *without)]
        known = int((~np.isnan(np.concatenate(used)).any(axis=0)).sum())
        out.append(Row(name, *cell, _result(value, known), gain, len(used[0]) if trained else 0))
    return out


def _result(values: np.ndarray, n: int) -> Result:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Result(float(values[0]), float(low), float(high), n)


def run(
    sets: Sets, trial: Trials, steps: Steps, seeds: Sequence[int], uv: Sequence[float], snr: Sequence[float | None]
) -> tuple[Row, ...]:
    """Train the ladder with each seed and return the rows of all methods.

    Raises:
        ValueError: a patient of the test is among those trained on, or no seed.
    """
    shared = set(trial.patients) & set(sets.real.patient)
    if shared:
        raise ValueError(f"patient {sorted(shared)[0]} is in training and test; their patients must differ")
    if not seeds:
        raise ValueError("no seed: at least one is needed")
    trained = [ladder(sets, steps, seed) for seed in seeds]
    found: dict[str, Scores] = {name: network_scores([t[name] for t in trained], trial) for name in trained[0]}
    return rows({**found, **method_scores(trial)}, trial, uv, snr, seed=0)
