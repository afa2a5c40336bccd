"""When the ventricles of an asked record beat: drawn by the simulator's rhythm process, before the network draws leads.

For the same condition and seed they are the beats of the simulator's record. A rate or rhythm that the condition leaves
out is drawn as the simulator draws it (sinus, at a rate of the population's): left to the network it would be a beat
that nobody can name, while so the record says what it shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....conditioning.ecg import EcgCondition, Rhythm
from ....conditioning.ecg.prior import complete
from ....conditioning.record import Table
from ....conditioning.seeds import stream
from ..rhythm import NORMAL, process
from .beat_times import BeatTimes
from .condition import LONGEST_S

Asked = tuple[EcgCondition, BeatTimes | None]

_RATE_IN_THE_NAME = (Rhythm.sinus_bradycardia, Rhythm.sinus_tachycardia)
_WRITTEN_ALIKE = {"duration_s": LONGEST_S, "fs_hz": 500.0}  # how a record is written does not move its beats


def drawn(condition: EcgCondition, seed: int) -> tuple[EcgCondition, BeatTimes]:
    """Return the condition with its rate and rhythm filled in, and the beats of ten seconds of it.

    Args:
        condition: what is asked for.
        seed: of the record.
    """
    person, visit = stream(seed, "ecg.patient"), stream(seed, "ecg.visit")
    whole = complete(condition.model_copy(update=_WRITTEN_ALIKE), person, visit)
    span, _, beats = process(whole, visit)
    times = BeatTimes(beats.r_s - span.start_s, beats.kind != NORMAL).within(LONGEST_S)
    filled = {"heart_rate_bpm": whole.heart_rate_bpm, "rhythm": whole.rhythm}
    return condition.model_copy(update=filled), times


def with_rate(condition: EcgCondition, seed: int) -> tuple[EcgCondition, None]:
    """Return the condition with a rate where the rhythm's name is a matter of rate and none is given; no beats."""
    if condition.rhythm not in _RATE_IN_THE_NAME or condition.heart_rate_bpm is not None:
        return condition, None
    whole = complete(condition, stream(seed, "ecg.patient"), stream(seed, "ecg.visit"))
    return condition.model_copy(update={"heart_rate_bpm": whole.heart_rate_bpm}), None


def beat_table(beats: BeatTimes, condition: EcgCondition) -> tuple[dict[str, Table], dict[str, Any]]:
    """Return the asked beats as a record's tables and what they come to as its truth.

    Args:
        beats: of ten seconds.
        condition: its duration and rate of sampling decide which beats the record has, and where.

    Returns:
        `beats` with `sample` (R peak), `label` (WFDB: N or V) and `rr_s` (to the beat before; NaN at first), and
        `heart_rate_bpm` over the record, where there are three beats or more.
    """
    n = round(condition.duration_s * condition.fs_hz)
    sample = np.rint(beats.at_s * condition.fs_hz).astype(np.int64)
    keep = sample < n
    at_s = beats.at_s[keep]
    table = {
        "sample": sample[keep],
        "label": np.where(beats.ventricular[keep], "V", "N"),
        "rr_s": np.diff(at_s, prepend=np.nan),
    }
    rate = BeatTimes(at_s, beats.ventricular[keep]).rate_bpm
    return {"beats": table}, {} if rate is None else {"heart_rate_bpm": round(rate, 3)}
