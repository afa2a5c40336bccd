"""The simulator's cohort that the learned generator is taught rhythms, rates and findings with."""

from __future__ import annotations

import math

import numpy as np

from ....conditioning.ecg import EcgCondition, Finding, Rhythm, Sex
from ....conditioning.ecg.vocabulary import EXCLUSIVE_FINDINGS, RATE_BPM
from ....conditioning.record import Record
from ....conditioning.seeds import stream
from ..simulator import simulate
from .condition import RHYTHM_GROUPS

_SINUS_SHARE = 0.6
_FINDING_CHANCES = (0.6, 0.3, 0.1)  # of none, one and two
_RATES_BPM = (40.0, 160.0)  # evenly by their logarithm, within what a rhythm can have


def artificial(seed: int, row: int, findings: tuple[Finding, ...]) -> Record:
    """Return the record of one row, a function of (seed, row); its condition has what came out.

    Sexes are balanced, ages even over 18 to 95, rates wide, and rhythms and findings far more common than in life.

    Args:
        seed: of the cohort.
        row: of the record.
        findings: those that may come.
    """
    rng = stream(seed, f"ecg.learned.cohort/{row}")
    asked = _condition(rng, findings)
    record = simulate(asked, int(rng.integers(2**63)))
    known = asked.model_copy(update={"heart_rate_bpm": record.truth.get("heart_rate_bpm", asked.heart_rate_bpm)})
    return Record(f"artificial-{row}", record.arrays, known, record.geometry, record.provenance, record.tables)


def _condition(rng: np.random.Generator, findings: tuple[Finding, ...]) -> EcgCondition:
    rhythm = _rhythm(rng)
    low, high = (max(RATE_BPM[rhythm][0], _RATES_BPM[0]), min(RATE_BPM[rhythm][1], _RATES_BPM[1]))
    rate = math.exp(rng.uniform(math.log(low), math.log(high)))
    return EcgCondition(
        sex=Sex.M if rng.random() < 0.5 else Sex.F,
        age_years=round(rng.uniform(18, 95), 1),
        heart_rate_bpm=rate,
        rhythm=rhythm,
        findings=_findings(rng, findings),
    )


def _rhythm(rng: np.random.Generator) -> Rhythm:
    names = list(RHYTHM_GROUPS)
    chances = [_SINUS_SHARE] + [(1 - _SINUS_SHARE) / (len(names) - 1)] * (len(names) - 1)
    return RHYTHM_GROUPS[names[int(rng.choice(len(names), p=chances))]][0]


def _findings(rng: np.random.Generator, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    wanted = int(rng.choice(len(_FINDING_CHANCES), p=_FINDING_CHANCES))
    chosen = [findings[k] for k in rng.permutation(len(findings))[:wanted]]
    if any(pair <= set(chosen) for pair in EXCLUSIVE_FINDINGS):
        chosen = chosen[:1]
    return tuple(sorted(chosen))
