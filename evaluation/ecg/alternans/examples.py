"""Records with and without alternans to learn from: real with alternans put in, simulated, and rhythms."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ....conditioning.ecg.condition import EcgCondition
from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS, RATE_BPM, Finding, Rhythm
from ....conditioning.record import Record
from ....conditioning.seeds import sample_seed, stream
from ....generators.ecg.simulator import simulate
from ....generators.readout.alternans import Beats, beats_of
from ....generators.readout.alternans.beats import chosen_leads
from ...downstream.task import content_sha256
from .continuation import continued
from .insertion import TAPER, Shape, insert
from .noise import with_noise

SHORT_BEATS, LONG_BEATS = 16, 64
RHYTHMS = tuple(Rhythm)
MIXED = (
    Rhythm.premature_atrial_complexes,
    Rhythm.premature_ventricular_complexes,
    Rhythm.atrial_fibrillation,
    Rhythm.av_block_first_degree,
)
FINDINGS = tuple(Finding)
_SMALLEST_UV, _LARGEST_UV = 10.0, 100.0


@dataclass(frozen=True)
class Examples:
    """Beats with their answers.

    Attributes:
        beats: of each record.
        answer: alternans (0 or 1), or the index of a rhythm.
        patient: whose record it is.
        rhythms: whether the answers are rhythms.
        twa_uv: alternans of each record, where it is to be scored by amount; empty elsewhere.
    """

    beats: tuple[Beats, ...]
    answer: tuple[int, ...]
    patient: tuple[str, ...]
    rhythms: bool = False
    twa_uv: tuple[float, ...] = ()

    @property
    def patients(self) -> Sequence[str]:
        """Return whose each record is."""
        return self.patient

    @property
    def labels(self) -> Sequence[int]:
        """Return the answers."""
        return self.answer

    def fingerprint(self) -> str:
        """Return a hash of the content."""
        arrays = [a for b in self.beats for a in (b.x_uv, b.rr_s, b.usual)]
        return content_sha256(*arrays, np.array(self.answer), np.array(self.twa_uv), self.patient, [str(self.rhythms)])

    def __add__(self, other: Examples) -> Examples:
        if self.rhythms != other.rhythms:
            raise ValueError("records with rhythms for answers and records with alternans cannot be put together")
        beats, answer = self.beats + other.beats, self.answer + other.answer
        both = self.twa_uv + other.twa_uv if self.twa_uv and other.twa_uv else ()
        return Examples(beats, answer, self.patient + other.patient, self.rhythms, both)

    def __len__(self) -> int:
        return len(self.answer)


def patient(record: Record) -> str:
    """Return the record's patient, or the record's own name where nobody stated one."""
    named = record.provenance.get("patient_id") or getattr(record.condition, "patient_id", None)
    return str(named or record.record_id)


@dataclass(frozen=True)
class Change:
    """What is put into a record: alternans, or as a control the same changes in an order that does not alternate."""

    twa_uv: float
    shuffled: bool = False
    taper: float = TAPER
    shape: Shape = "window"

    @property
    def alternates(self) -> bool:
        """Whether it is alternans."""
        return self.twa_uv > 0 and not self.shuffled


def changes(count: int, seed: int) -> list[Change]:
    """Return changes to train on: half alternans of 10 to 100 uV, a quarter shuffled ones, a quarter none.

    Amounts are even on a logarithmic scale; the window's taper is drawn, so that no one edge is learnt.
    """
    rng = stream(seed, "alternans.changes")
    out = []
    for k in range(count):
        uv, taper = _SMALLEST_UV * (_LARGEST_UV / _SMALLEST_UV) ** rng.random(), rng.uniform(0.3, 1.0)
        out.append(Change(0.0) if k % 4 == 0 else Change(float(uv), k % 4 == 2, float(taper)))
    return out


def snr_db(seed: int) -> float | None:
    """Return a training record's added noise: none in a third of them, else 5 to 30 dB."""
    rng = stream(seed, "alternans.snr")
    return None if rng.random() < 1 / 3 else float(rng.uniform(5, 30))


def real_examples(records: Iterable[Record], short: int, long: int, seed: int) -> Examples:
    """Return real records with and without alternans put in.

    Args:
        records: of the patients to train on.
        short: copies of each record at its own length, changed as `changes` says.
        long: copies continued to 64 beats, likewise.
        seed: of amounts, phases, noise and continuations.
    """
    rows: list[tuple[Beats, int, str]] = []
    for record in records:
        for kind, count in (("short", short), ("long", long)):
            first = sample_seed(seed, f"{record.record_id}/{kind}")
            for k, change in enumerate(changes(count, first)):
                one = sample_seed(first, str(k))
                found = made(lengthened(record, LONG_BEATS if kind == "long" else None, one), change, one, snr_db(one))
                if found is not None:
                    rows.append((found, int(change.alternates), patient(record)))
    return _examples(rows)


def artificial_examples(count: int, seed: int) -> Examples:
    """Return simulated ECGs of 64 beats, every second with 10 to 100 uV of alternans, one patient each.

    Sinus rhythm in most, with a finding in half of these; the others have rhythms of `MIXED`. Noise is
    drawn from the simulator's prior.
    """
    rows: list[tuple[Beats, int, str]] = []
    for k in range(count):
        one = sample_seed(seed, f"artificial/{k}")
        found = _beats(simulate(artificial_condition(k % 2 == 1, one), one))
        if found is not None:
            rows.append((found, k % 2, f"artificial-{k}"))
    return _examples(rows)


def artificial_condition(alternates: bool, seed: int) -> EcgCondition:
    """Return the condition of one artificial ECG."""
    rng = stream(seed, "alternans.condition")
    rate = float(np.clip(70 + 15 * rng.standard_normal(), 45, 120))
    uv = float(_SMALLEST_UV * (_LARGEST_UV / _SMALLEST_UV) ** rng.random())
    rhythm = MIXED[int(rng.integers(len(MIXED)))] if rng.random() < 0.4 else Rhythm.sinus
    finding = FINDINGS[int(rng.integers(len(FINDINGS)))]
    shown = (finding,) if rhythm is Rhythm.sinus and rng.random() < 0.5 else ()
    return EcgCondition(
        heart_rate_bpm=rate, rhythm=rhythm, findings=shown, twa_uv=uv if alternates else 0.0,
        duration_s=(LONG_BEATS + 6) * 60 / rate,
    )  # fmt: skip


def rhythm_examples(count: int, seed: int) -> Examples:
    """Return simulated ECGs of 10 s in all the simulator's rhythms, in turn, without alternans."""
    rows: list[tuple[Beats, int, str]] = []
    for k in range(count):
        one = sample_seed(seed, f"rhythm/{k}")
        low, high = RATE_BPM[RHYTHMS[k % len(RHYTHMS)]]
        u = stream(one, "alternans.rate").uniform(0.1, 0.9)
        rate = math.exp((1 - u) * math.log(max(low, 40.0)) + u * math.log(min(high, 160.0)))
        condition = EcgCondition(rhythm=RHYTHMS[k % len(RHYTHMS)], heart_rate_bpm=float(np.clip(rate, low, high)))
        found = _beats(simulate(condition, one))
        if found is not None:
            rows.append((found, k % len(RHYTHMS), f"rhythm-{k}"))
    return dataclasses.replace(_examples(rows), rhythms=True)


def stated_examples(records: Iterable[Record]) -> Examples:
    """Return ECGs that state their own alternans, as the simulator's do; each record is a patient where none is named.

    Raises:
        ValueError: a record states none, leads are missing, or all are of one class.
    """
    rows: list[tuple[Beats, int, str]] = []
    for record in records:
        chosen_leads(record)
        found = _beats(record)
        if found is not None:
            rows.append((found, int(stated_uv(record) > 0), patient(record)))
    return _examples(rows)


def stated_uv(record: Record) -> float:
    """Return the alternans that a record states: what was realised, else what was asked for.

    Raises:
        ValueError: it states none.
    """
    uv = record.truth.get("twa_uv", getattr(record.condition, "twa_uv", None))
    if uv is None:
        raise ValueError(f"record {record.record_id} does not state its alternans (twa_uv)")
    return float(uv)


def labelled_rhythms(records: Iterable[Record]) -> Examples:
    """Return real ECGs with their labelled rhythm for an answer, as `cinc:` and `ptbxl:` give them.

    Records whose labels name no rhythm of the vocabulary, and those with too few beats, are left out.

    Raises:
        ValueError: fewer than two rhythms are left, or leads are missing.
    """
    rows: list[tuple[Beats, int, str]] = []
    for record in records:
        rhythm = getattr(record.condition, "rhythm", None)
        if rhythm is not None:
            chosen_leads(record)
            found = _beats(record)
            rows += [] if found is None else [(found, RHYTHMS.index(rhythm), patient(record))]
    return dataclasses.replace(_examples(rows), rhythms=True)


def _examples(rows: Sequence[tuple[Beats, int, str]]) -> Examples:
    if len({answer for _, answer, _ in rows}) < 2:
        raise ValueError(f"{len(rows)} records of one class or none: there is nothing to tell apart")
    beats, answer, who = zip(*rows, strict=True)
    return Examples(beats, answer, who)


def lengthened(record: Record, beats: int | None, seed: int) -> Record | None:
    """Return the record continued to a few beats more than `beats`, or as it is; None where that cannot be done."""
    try:
        return record if beats is None else continued(record, beats + 4, seed)
    except ValueError:
        return None


def made(
    record: Record | None, change: Change, seed: int, snr: float | None, leads: Sequence[str] = INDEPENDENT_LEADS
) -> Beats | None:
    """Return the beats of a record with a change and noise, in `leads`; None where that cannot be done."""
    if record is None:
        return None
    try:
        changed = insert(record, change.twa_uv, seed, shuffled=change.shuffled, taper=change.taper, shape=change.shape)
        return beats_of(with_noise(changed, snr, seed), leads)
    except ValueError:
        return None


def _beats(record: Record) -> Beats | None:
    try:
        return beats_of(record)
    except ValueError:
        return None
