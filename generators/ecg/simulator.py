"""The physiological ECG generator: condition and seed in, 12-lead record with its truth out.

Source: three-axis dipole vector model of Sameni et al. (2007) and Clifford et al. (2010), closed
form. Per beat k and kernel i: alpha_i exp(-(t - t_k - c_i)^2 / 2 w_i^2) along the dipole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...conditioning.ecg.condition import EcgCondition
from ...conditioning.ecg.heart import LEAD_INDEX, QRS, Heart, T
from ...conditioning.ecg.prior import complete
from ...conditioning.ecg.vocabulary import LEADS, Rhythm, TwaPattern
from ...conditioning.record import Record, SignalGeometry
from ...conditioning.seeds import stream
from ..protocol import check_seeds
from . import compiled
from .alternans import realised, states
from .atrial import add_atrial_waves
from .beats import Patient, draw_patient
from .noise import Workspace, electrode_noise
from .rhythm import NORMAL, Beats, process
from .rr import STEP_S, Modulation, Window
from .truth import beat_table, interval_truth, t_stretch, wave_table

_QT_MEMORY_S = 60.0  # time in which repolarisation follows a change of rate
_QT_AT_ONCE = 0.2  # share of it that follows the last interval alone
_BREATH_HZ = 20.0
_EDGE_S = 1.6  # beats this far outside still reach into the record
_LEAST_POWER_MV2 = 1e-4
_WORK = Workspace()
_TURN_RAD = np.array([0.10, 0.08, 0.07], np.float32)  # largest turn about x, y, z by the breath


@dataclass(frozen=True)
class Course:
    """What happens in one record: the window, its beats and how far repolarisation is along."""

    span: Window
    modulation: Modulation
    beats: Beats
    rr_s: np.ndarray
    t_scale: np.ndarray
    state: np.ndarray


class EcgSimulator:
    """Makes artificial 12-lead ECGs from conditions; needs no training and no data."""

    name: ClassVar[str] = "ecg"
    condition_type: ClassVar[type[EcgCondition]] = EcgCondition
    shard_size: ClassVar[int] = 1000
    formats: ClassVar[tuple[str, ...]] = ("wfdb",)

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output: the simulator has none but its version."""
        return {"generator": self.name, "model": "dipole-1"}

    def generate(self, conditions: Sequence[EcgCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: what is asked for; fields left out are drawn from the prior.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length.
        """
        check_seeds(conditions, seeds)
        for condition, seed in zip(conditions, seeds, strict=True):
            yield simulate(condition, int(seed))


def simulate(condition: EcgCondition, seed: int) -> Record:
    """Return the record of one condition and seed."""
    heart_seed = condition.patient_seed if condition.patient_seed is not None else seed
    person, visit = stream(heart_seed, "ecg.patient"), stream(seed, "ecg.visit")
    c = complete(condition, person, visit)
    course = _course(c, visit)
    kinds = set(np.unique(course.beats.kind).tolist()) if course.beats.kind.any() else {NORMAL}
    patient = draw_patient(c, kinds, bool(course.beats.p_ectopic.any()), person)
    work = _WORK.resize(round(c.duration_s * c.fs_hz))
    _dipole(c, patient, course, visit, work.vcg)
    power = compiled.turn_and_lead(work.vcg, *_breath(c, course, visit), *_fields(patient), work.clean)
    signal = np.empty((12, work.samples), np.float32)
    snr_db = _add_noise(c, power, signal, stream(seed, "ecg.noise"), work)
    return _record(c, seed, signal, snr_db, patient, course)


def _course(c: EcgCondition, rng: np.random.Generator) -> Course:
    span, m, all_beats = process(c, rng)
    rr = compiled.preceding_rr(all_beats.r_s)
    adapted = compiled.adapted_rr(rr, _QT_MEMORY_S, _QT_AT_ONCE)
    state = states(c.twa_pattern or TwaPattern.exact, rr, rng) if c.twa_uv else np.zeros(rr.size, int)
    return Course(span, m, all_beats, rr, np.cbrt(adapted), state)


def _dipole(c: EcgCondition, patient: Patient, course: Course, rng: np.random.Generator, out: np.ndarray) -> None:
    """Add every beat, P wave and atrial wave that reaches into the record to `out` (6, samples) in mV."""
    span, b = course.span, course.beats
    near = (b.r_s > span.start_s - _EDGE_S) & (b.r_s < span.start_s + span.duration_s + _EDGE_S)
    for kind, beat in patient.beats.items():
        at = np.flatnonzero(near & (b.kind == kind))
        stretch = t_stretch(course.t_scale[at], beat)
        anchor = beat.limits[12, QRS, 2]
        _draw(beat.heart, b.r_s[at], stretch, anchor, span.start_s, c.fs_hz, out)
        if patient.alternans is not None:
            odd = course.state[at] == 1
            _draw(patient.alternans.kernels, b.r_s[at][odd], stretch[odd], anchor, span.start_s, c.fs_hz, out)
    near_p = (b.p_s > span.start_s - _EDGE_S) & (b.p_s < span.start_s + span.duration_s + _EDGE_S)
    for p, mine in ((patient.p_sinus, ~b.p_ectopic), (patient.p_ectopic, b.p_ectopic)):
        if p is not None:
            at = b.p_s[near_p & mine]
            _draw(p.heart, at, at, 0.0, span.start_s, c.fs_hz, out, atria=True)
    if b.atrial_hz:
        add_atrial_waves(c.rhythm is Rhythm.atrial_flutter, b.atrial_hz, span.start_s, c.fs_hz, rng, out[3:])


def _draw(
    heart: Heart, at_s: np.ndarray, stretch: np.ndarray, anchor_s: float, start_s: float, fs_hz: float,
    out: np.ndarray, *, atria: bool = False,
) -> None:  # fmt: skip
    compiled.draw_dipole(
        at_s, stretch, anchor_s, heart.wave, atria,
        heart.centre_s, heart.width_s, heart.dipole_mv, start_s, fs_hz, out,
    )  # fmt: skip


def _breath(c: EcgCondition, course: Course, rng: np.random.Generator) -> tuple[np.ndarray, float, np.ndarray]:
    """Respiration as a sawtooth of three terms on a 20 Hz grid, and how far it turns the heart."""
    breath = np.empty(int(c.duration_s * _BREATH_HZ) + 3)
    compiled.breath_wave(course.modulation.cycles, STEP_S, course.span.start_s, _BREATH_HZ, breath)
    depth = min(1.2, math.exp(0.4 * rng.standard_normal() - 0.5))
    return breath, c.fs_hz / _BREATH_HZ, _TURN_RAD * np.float32(depth)


def _fields(patient: Patient) -> tuple[np.ndarray, np.ndarray]:
    """Return the lead fields of ventricles and atria; every beat type of a patient has the same."""
    heart = patient.usual.heart
    return heart.lead_field.astype(np.float32), heart.atrial_field.astype(np.float32)


def _add_noise(
    c: EcgCondition, power: float, signal: np.ndarray, rng: np.random.Generator, work: Workspace
) -> float | None:
    """Write the clean leads with noise at the asked SNR to `signal`; return the SNR that came out."""
    if not c.noise or c.snr_db is None:
        work.noise[:] = 0
        compiled.twelve(work.clean, work.noise, 0.0, signal)
        return None
    noise_power = electrode_noise(c.noise, c.fs_hz, c.powerline_hz, rng, work)
    # A second without a beat has no power to set the noise by; it gets that of a small ECG.
    reference = max(power, _LEAST_POWER_MV2)
    gain = math.sqrt(reference / noise_power * 10 ** (-c.snr_db / 10))
    compiled.twelve(work.clean, work.noise, gain, signal)
    return 10 * math.log10(power / (gain**2 * noise_power)) if power == reference else None


def _record(
    c: EcgCondition, seed: int, signal: np.ndarray, snr_db: float | None, patient: Patient, course: Course
) -> Record:
    n = signal.shape[1]
    beat_rows, inside = beat_table(patient, course.beats, course.rr_s, course.state, course.span, c.fs_hz, n)
    waves = wave_table(patient, course.beats, course.t_scale, course.span, c.fs_hz, n, c.leads, inside)
    limits = patient.usual.limits
    truth = interval_truth(c, patient, course.rr_s[inside], course.t_scale[inside])
    truth |= realised(patient.alternans, course.state[inside], (limits[12, QRS, 2], limits[12, T, 2]))
    if snr_db is not None:
        truth["snr_db"] = round(snr_db, 4)
    rhythm = {"start": np.array([0]), "end": np.array([n]), "rhythm": np.array([c.rhythm])}
    shown = signal if c.leads == LEADS else signal[[LEAD_INDEX[lead] for lead in c.leads]]
    return Record(
        record_id=f"ecg-{seed}",
        arrays={"signal": shown},
        condition=c,
        geometry=SignalGeometry(c.fs_hz, c.leads),
        provenance={"synthetic": True, "generator": EcgSimulator.name, "seed": seed},
        tables={"waves": waves, "beats": beat_rows, "rhythms": rhythm},
        truth=truth,
    )
