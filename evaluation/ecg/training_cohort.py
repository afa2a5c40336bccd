"""Artificial ECGs to learn from: more arrhythmia and noise than a clinic sees, so that rare shapes are learnt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...conditioning.ecg import EcgCondition, Finding, Rhythm
from ...conditioning.record import Record
from ...conditioning.seeds import sample_seed, stream
from ...generators.ecg.simulator import EcgSimulator

RHYTHMS = {
    Rhythm.sinus: 0.40, Rhythm.sinus_bradycardia: 0.08, Rhythm.sinus_tachycardia: 0.05,
    Rhythm.atrial_fibrillation: 0.12, Rhythm.atrial_flutter: 0.04, Rhythm.premature_atrial_complexes: 0.05,
    Rhythm.premature_ventricular_complexes: 0.06, Rhythm.ventricular_bigeminy: 0.02,
    Rhythm.av_block_first_degree: 0.05, Rhythm.av_block_wenckebach: 0.02, Rhythm.av_block_mobitz_ii: 0.02,
    Rhythm.av_block_third_degree: 0.03, Rhythm.paced: 0.06,
}  # fmt: skip
FINDING_SHARE = 0.5
SNR_DB = (8.0, 30.0)


def training_conditions(n: int, seed: int) -> list[EcgCondition]:
    """Return the conditions of `n` records: rhythms by share, half of them with one finding, SNR 8 to 30 dB."""
    rng = stream(seed, "training_cohort")
    rhythms, shares = list(RHYTHMS), np.array(list(RHYTHMS.values()))
    made: list[EcgCondition] = []
    while len(made) < n:
        rhythm = rhythms[rng.choice(len(rhythms), p=shares / shares.sum())]
        findings = (list(Finding)[rng.integers(len(Finding))],) if rng.random() < FINDING_SHARE else ()
        try:
            made.append(EcgCondition(rhythm=rhythm, findings=findings, snr_db=float(rng.uniform(*SNR_DB))))
        except ValueError:  # a finding that the rhythm rules out: draw again
            continue
    return made


def training_records(n: int, seed: int) -> Iterator[Record]:
    """Yield `n` artificial ECGs of 10 s with their truth."""
    seeds = [sample_seed(seed, f"training-{k}") for k in range(n)]
    return EcgSimulator().generate(training_conditions(n, seed), seeds)
