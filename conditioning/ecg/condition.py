"""What one ECG is asked to be."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..record import Record
from ..words import listed
from .vocabulary import (
    AV_BLOCKS,
    EXCLUSIVE_FINDINGS,
    PACED_EXCLUDES,
    RATE_BPM,
    SINUS_DRIVEN,
    Finding,
    Noise,
    Rhythm,
    Sex,
    TwaPattern,
)

Lead = Literal["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


class Kernels(BaseModel):
    """A heart as a sum of Gaussian dipole kernels, and how its field reaches the leads.

    Every list has one entry per kernel. Times are seconds from the R peak of a beat with RR = 1 s.

    Attributes:
        wave: `P`, `QRS`, `ST` or `T`.
        centre_s: position of the kernel's peak.
        width_s: Gaussian standard deviation.
        dipole_mv: signed height along x (left), y (down), z (to the back).
        lead_field: 8 x 3 matrix from the ventricles' dipole to I, II, V1-V6, or None for Dower's.
        atrial_field: the same for the atria's dipole (P), or None for the ventricles'.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    wave: tuple[Literal["P", "QRS", "ST", "T"], ...]
    centre_s: tuple[Annotated[float, Field(ge=-0.6, le=1.2)], ...]
    width_s: tuple[Annotated[float, Field(gt=0, le=0.5)], ...]
    dipole_mv: tuple[tuple[float, float, float], ...]
    lead_field: tuple[tuple[float, float, float], ...] | None = None
    atrial_field: tuple[tuple[float, float, float], ...] | None = None

    @model_validator(mode="after")
    def _same_length(self) -> Kernels:
        lengths = {len(self.wave), len(self.centre_s), len(self.width_s), len(self.dipole_mv)}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"kernels: the lists have lengths {sorted(lengths)}; all must be equal and not empty")
        if "QRS" not in self.wave:
            raise ValueError("kernels: no kernel belongs to QRS; a heart needs one")
        if max(abs(v) for dipole in self.dipole_mv for v in dipole) > 20:
            raise ValueError("kernels: a dipole is above 20 mV; heights are in mV")
        for name in ("lead_field", "atrial_field"):
            field = getattr(self, name)
            if field is not None and len(field) != 8:
                raise ValueError(f"kernels: {name} has {len(field)} rows; I, II, V1-V6 need 8")
        return self


class EcgCondition(BaseModel):
    """One 12-lead ECG; what is left out is drawn from the population prior given sex and age.

    Attributes:
        sex: sex of the patient, female or male.
        age_years: age in years; the generator knows adults.
        heart_rate_bpm: mean rate of the ventricles in beats per minute. Each rhythm has a part of this range: sinus
            bradycardia less than 60, sinus tachycardia more than 100.
        rhythm: rhythm of the whole record; sinus when left out.
        findings: what the shape of every beat shows; none when left out.
        pr_ms: PR interval in ms, from the start of P to the start of QRS; not for atrial fibrillation, atrial
            flutter, third-degree AV block and paced, which have none.
        qrs_ms: QRS duration in ms.
        qtc_ms: QT interval in ms, corrected for the rate after Fridericia.
        axis_deg: QRS axis in the frontal plane, in degrees; 0 points to the left, 90 down.
        resp_rate_bpm: breathing rate in breaths per minute.
        hrv_sd_ms: heart rate variability in ms, as the standard deviation of the RR intervals over 5 minutes; at
            most a fifth of the mean RR interval, and only in rhythms that the sinus node drives.
        lf_hf: ratio of slow (0.04 to 0.15 Hz) to breathing-borne power in the heart rate's variability, without
            unit; only in rhythms that the sinus node drives.
        twa_uv: T-wave alternans in microvolts, the largest difference between the mean even and the mean odd beat
            in ST and T, over all leads; 0 when left out.
        twa_pattern: how beats alternate where twa_uv is asked for. With exact, every beat; with noisy, each beat
            with a chance of 0.8; with rate_gated, only at rates of more than 95 beats per minute. Exact when left
            out.
        noise: kinds of noise on the electrodes; all of them when left out, and an empty list asks for a clean record.
        snr_db: signal-to-noise ratio in dB, as power averaged over the leads I, II and V1 to V6; less is noisier.
        powerline_hz: mains frequency of the powerline noise in Hz; 50 when left out.
        duration_s: length of the record in seconds.
        fs_hz: sampling rate in Hz (samples per second of each lead).
        leads: which leads the record has, in this order.
        patient_id: name of the patient, 1 to 64 letters, digits, dots, hyphens or underscores; records of one
            patient share it.
        patient_seed: whole number that a patient's heart is drawn from, without unit; records with the same one come
            from the same heart.
        kernels: a heart of one's own, as a JSON object of lists with one entry per wave component, namely wave (P,
            QRS, ST or T), centre_s and width_s in seconds from the R peak, and dipole_mv (left, down and back) in
            mV; a heart of the population when left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False, allow_inf_nan=False)

    sex: Sex | None = None
    age_years: float | None = Field(None, ge=18, le=110)
    heart_rate_bpm: float | None = Field(None, ge=20, le=220)
    rhythm: Rhythm | None = None
    findings: Annotated[tuple[Finding, ...] | None, BeforeValidator(listed)] = None
    pr_ms: float | None = Field(None, ge=80, le=400)
    qrs_ms: float | None = Field(None, ge=60, le=220)
    qtc_ms: float | None = Field(None, ge=300, le=600)
    axis_deg: float | None = Field(None, ge=-180, le=180)
    resp_rate_bpm: float | None = Field(None, ge=6, le=40)
    hrv_sd_ms: float | None = Field(None, ge=0, le=300)
    lf_hf: float | None = Field(None, ge=0.05, le=20)
    twa_uv: float | None = Field(None, ge=0, le=100)
    twa_pattern: TwaPattern | None = None
    noise: Annotated[tuple[Noise, ...] | None, BeforeValidator(listed)] = None
    snr_db: float | None = Field(None, ge=-10, le=60)
    powerline_hz: Literal[50, 60] | None = None
    duration_s: float = Field(10.0, ge=1, le=3600)
    fs_hz: float = Field(500.0, ge=100, le=4000)
    leads: Annotated[tuple[Lead, ...], BeforeValidator(listed)] = get_args(Lead)
    patient_id: str | None = Field(None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")
    patient_seed: int | None = Field(None, ge=0, lt=2**63)
    kernels: Kernels | None = None

    @model_validator(mode="after")
    def _consistent(self) -> EcgCondition:
        for check in (_rate_fits_rhythm, _rhythm_allows, _findings_agree, _noise_agrees, _hrv_fits, _lists_are_sets):
            check(self)
        return self

    @classmethod
    def from_record(cls, record: Record, **overrides: Any) -> EcgCondition:
        """Return the condition of a real patient's record, with kernels fitted to the mean beat.

        Args:
            record: an ECG with at least I, II, V1-V6.
            **overrides: fields to set or change, such as `heart_rate_bpm=90`.

        Raises:
            ValueError: leads are missing, or no regular beat was found to fit.
        """
        from .fit import condition_from_record

        return condition_from_record(cls, record, overrides)


def _rate_fits_rhythm(c: EcgCondition) -> None:
    rhythm = c.rhythm or Rhythm.sinus
    low, high = RATE_BPM[rhythm]
    if c.heart_rate_bpm is not None and not low <= c.heart_rate_bpm <= high:
        bound = {"sinus_bradycardia": "below 60", "sinus_tachycardia": "above 100"}.get(
            rhythm.value, f"{low:g} to {high:g}"
        )
        raise ValueError(
            f"heart_rate_bpm = {c.heart_rate_bpm:g} does not fit rhythm {rhythm.value!r}, which has a rate {bound}"
        )


def _rhythm_allows(c: EcgCondition) -> None:
    rhythm = c.rhythm or Rhythm.sinus
    if rhythm not in SINUS_DRIVEN:
        for name in ("lf_hf", "hrv_sd_ms"):
            if getattr(c, name) is not None:
                why = "its RR series is not driven by the sinus node"
                raise ValueError(
                    f"{name} = {getattr(c, name):g} has no meaning in {rhythm.value}: {why}; leave {name} out"
                )
    no_pr = {Rhythm.atrial_fibrillation, Rhythm.atrial_flutter, Rhythm.av_block_third_degree, Rhythm.paced}
    if rhythm in no_pr and c.pr_ms is not None:
        raise ValueError(f"pr_ms = {c.pr_ms:g} has no meaning in {rhythm.value}; leave pr_ms out")
    if rhythm is Rhythm.av_block_first_degree and c.pr_ms is not None and c.pr_ms <= 200:
        raise ValueError(f"pr_ms = {c.pr_ms:g} contradicts av_block_first_degree, which has PR above 200 ms")
    if c.twa_pattern is not None and c.twa_uv is None:
        raise ValueError(f"twa_pattern = {c.twa_pattern.value!r} needs twa_uv")


def _findings_agree(c: EcgCondition) -> None:
    found = set(c.findings or ())
    rhythm = c.rhythm or Rhythm.sinus
    for pair in EXCLUSIVE_FINDINGS:
        if pair <= found:
            raise ValueError(f"findings {' and '.join(sorted(pair))} exclude each other")
    if rhythm is Rhythm.paced and found & PACED_EXCLUDES:
        raise ValueError(f"findings {sorted(found & PACED_EXCLUDES)[0]!s} cannot be told in rhythm paced")
    if rhythm in AV_BLOCKS and Finding.wolff_parkinson_white in found:
        raise ValueError(f"wolff_parkinson_white bypasses the AV node and contradicts rhythm {rhythm.value}")
    if Finding.wolff_parkinson_white in found and c.pr_ms is not None and c.pr_ms >= 120:
        raise ValueError(f"pr_ms = {c.pr_ms:g} contradicts wolff_parkinson_white, which has PR below 120 ms")
    if Finding.long_qt in found and c.qtc_ms is not None and c.qtc_ms < 470:
        raise ValueError(f"qtc_ms = {c.qtc_ms:g} contradicts long_qt, which has QTc of 470 ms or more")
    wide = found & {Finding.left_bundle_branch_block, Finding.right_bundle_branch_block}
    if wide and c.qrs_ms is not None and c.qrs_ms < 120:
        raise ValueError(f"qrs_ms = {c.qrs_ms:g} contradicts {sorted(wide)[0].value}, which has QRS of 120 ms or more")


def _noise_agrees(c: EcgCondition) -> None:
    if c.noise is not None and len(c.noise) == 0 and c.snr_db is not None:
        raise ValueError(f"snr_db = {c.snr_db:g} contradicts noise = [] (no noise asked for)")
    if c.noise is not None and Noise.powerline not in c.noise and c.powerline_hz is not None:
        raise ValueError(f"powerline_hz = {c.powerline_hz} needs powerline in noise")
    if c.noise and Noise.powerline in c.noise and c.fs_hz <= 2 * (c.powerline_hz or 50):
        raise ValueError(f"fs_hz = {c.fs_hz:g} is too low for powerline noise at {c.powerline_hz or 50} Hz")


def _hrv_fits(c: EcgCondition) -> None:
    if c.hrv_sd_ms is not None and c.heart_rate_bpm is not None:
        most = 0.2 * 60000 / c.heart_rate_bpm
        if c.hrv_sd_ms > most:
            bound = f"a fifth of the mean RR at {c.heart_rate_bpm:g} bpm (at most {most:.0f})"
            raise ValueError(f"hrv_sd_ms = {c.hrv_sd_ms:g} is more than {bound}")
    slowest = RATE_BPM[c.rhythm or Rhythm.sinus][0]
    if c.hrv_sd_ms is not None and c.heart_rate_bpm is None and c.hrv_sd_ms > 0.199 * 60000 / slowest:
        raise ValueError(f"hrv_sd_ms = {c.hrv_sd_ms:g} is more than a fifth of any RR at {slowest:g} bpm or more")
    if c.hrv_sd_ms == 0 and c.lf_hf is not None:
        raise ValueError(f"lf_hf = {c.lf_hf:g} contradicts hrv_sd_ms = 0")
    if c.lf_hf is not None and c.resp_rate_bpm is not None and not 9.6 <= c.resp_rate_bpm <= 24:
        raise ValueError(f"lf_hf = {c.lf_hf:g} needs resp_rate_bpm in 9.6 to 24 (the HF band), not {c.resp_rate_bpm:g}")


def _lists_are_sets(c: EcgCondition) -> None:
    for name in ("findings", "noise", "leads"):
        values = getattr(c, name) or ()
        if len(set(values)) != len(values):
            raise ValueError(f"{name} has {[str(v) for v in values if list(values).count(v) > 1][0]!r} twice")
    if not c.leads:
        raise ValueError("leads is empty; at least one lead is needed")
