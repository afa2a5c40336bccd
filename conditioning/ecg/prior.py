"""The population prior: what is drawn for an adult when a condition leaves it out.

Centres and spreads are set so that the 2nd and 98th percentiles over both sexes lie at the
published limits (heart rate 48-98 bpm, PR 113-212 ms, QRS 69-109 ms, QRS axis -40 to 91 degrees,
QTc by Fridericia 359-445 ms: Mason et al., J Electrocardiol 40:228, 2007). Sex and age: QRS is
longer and QTc shorter in men (women's means 85 and 413 ms: Rautaharju et al. 2013), the axis turns
left and QTc grows with age (Rijnbeek et al., J Electrocardiol 47:914, 2014), RR variability falls
with age (van den Berg et al., Front Physiol 9:424, 2018) around 50 ms at rest (Nunan et al., Pacing
Clin Electrophysiol 33:1407, 2010). The slopes are our choice inside those limits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .condition import EcgCondition
from .vocabulary import RATE_BPM, SINUS_DRIVEN, Finding, Noise, Rhythm, Sex, TwaPattern

_MEDIAN_RATE = {
    Rhythm.sinus: 66.0,
    Rhythm.sinus_bradycardia: 52.0,
    Rhythm.sinus_tachycardia: 115.0,
    Rhythm.atrial_fibrillation: 85.0,
    Rhythm.atrial_flutter: 95.0,
    Rhythm.premature_atrial_complexes: 72.0,
    Rhythm.premature_ventricular_complexes: 72.0,
    Rhythm.ventricular_bigeminy: 75.0,
    Rhythm.av_block_first_degree: 66.0,
    Rhythm.av_block_wenckebach: 58.0,
    Rhythm.av_block_mobitz_ii: 48.0,
    Rhythm.av_block_third_degree: 38.0,
    Rhythm.paced: 68.0,
}
_WIDE = {Finding.left_bundle_branch_block: (143.0, 10.0), Finding.right_bundle_branch_block: (138.0, 9.0)}


def complete(condition: EcgCondition, person: np.random.Generator, visit: np.random.Generator) -> EcgCondition:
    """Return the condition with everything that it left out drawn.

    Args:
        condition: what was asked for.
        person: stream of what stays with the patient (sex, age, intervals, axis).
        visit: stream of what changes from record to record (rate, breathing, noise).

    Returns:
        A condition with every field set but those that its rhythm rules out, `kernels`, and the
        patient's name and seed.
    """
    asked = {name: value for name, value in condition.__dict__.items() if value is not None}
    z = [*person.standard_normal(6).tolist(), *visit.standard_normal(6).tolist()]
    u = person.random(2)
    rhythm = condition.rhythm or Rhythm.sinus
    findings = condition.findings or ()
    sex = condition.sex or (Sex.F if u[0] < 0.5 else Sex.M)
    age = condition.age_years if condition.age_years is not None else round(min(95.0, max(18.0, 55 + 18 * z[0])), 1)
    drawn: dict[str, Any] = {"sex": sex, "age_years": age, "rhythm": rhythm, "findings": findings}
    drawn["heart_rate_bpm"] = _rate(rhythm, sex, z[6], condition.hrv_sd_ms)
    rate = asked.get("heart_rate_bpm", drawn["heart_rate_bpm"])
    if condition.kernels is None:  # a heart of one's own has its own intervals and axis
        drawn |= _intervals(condition, sex, age, rate, z)
        drawn["axis_deg"] = _axis(findings, rhythm, age, z[4])
    drawn |= _variability(condition, age, rate, z)
    drawn["twa_uv"] = 0.0
    if condition.twa_uv:
        drawn["twa_pattern"] = TwaPattern.exact
    drawn |= _noise(condition, z[10])
    return EcgCondition.model_construct(**{**_DEFAULTS, **drawn, **asked})


_DEFAULTS = {name: field.default for name, field in EcgCondition.model_fields.items()}


def _rate(rhythm: Rhythm, sex: Sex, z: float, hrv_sd_ms: float | None) -> float:
    low, high = RATE_BPM[rhythm]
    if hrv_sd_ms:
        high = min(high, 0.199 * 60000 / hrv_sd_ms)  # the spread that is asked needs room around the mean
    spread = 0.17 if rhythm in (Rhythm.sinus, Rhythm.atrial_fibrillation) else 0.12
    median = _MEDIAN_RATE[rhythm] + (1.5 if sex is Sex.F else -1.5)
    return round(min(high, max(low, median * math.exp(spread * z))), 2)


def _intervals(c: EcgCondition, sex: Sex, age: float, rate: float, z: list[float]) -> dict[str, float]:
    findings = c.findings or ()
    rhythm = c.rhythm or Rhythm.sinus
    out: dict[str, float] = {}
    wide = next((_WIDE[f] for f in findings if f in _WIDE), None)
    male = 1.0 if sex is Sex.M else -1.0
    if wide:
        out["qrs_ms"] = max(122.0, wide[0] + wide[1] * z[1])
    elif Finding.wolff_parkinson_white in findings:
        out["qrs_ms"] = max(110.0, 128 + 9 * z[1])
    elif rhythm is Rhythm.paced:
        out["qrs_ms"] = max(130.0, 155 + 11 * z[1])
    else:
        out["qrs_ms"] = min(116.0, max(64.0, 89 + 4.5 * male + 8.5 * z[1]))
    if Finding.left_ventricular_hypertrophy in findings and not wide:
        out["qrs_ms"] = min(119.0, out["qrs_ms"] + 8)
    if Finding.long_qt in findings:
        out["qtc_ms"] = max(480.0, 510 + 22 * z[2])
    else:
        extra = max(0.0, c.qrs_ms or out["qrs_ms"]) - 100 if wide else 0.0
        out["qtc_ms"] = min(465.0, max(345.0, 402 - 5.5 * male + 0.2 * (age - 50) + 19 * z[2])) + max(0.0, extra)
    out |= _pr(rhythm, findings, sex, age, rate, z[3])
    return {k: round(v, 1) for k, v in out.items()}


def _pr(rhythm: Rhythm, findings: tuple[Finding, ...], sex: Sex, age: float, rate: float, z: float) -> dict[str, float]:
    no_pr = (Rhythm.atrial_fibrillation, Rhythm.atrial_flutter, Rhythm.av_block_third_degree, Rhythm.paced)
    if rhythm in no_pr:
        return {}
    if rhythm is Rhythm.av_block_first_degree:
        return {"pr_ms": min(340.0, max(208.0, 240 * math.exp(0.11 * z)), 0.45 * 60000 / rate + 60)}
    if Finding.wolff_parkinson_white in findings:
        return {"pr_ms": min(118.0, max(85.0, 103 + 7 * z))}
    median = 155 + (3 if sex is Sex.M else -3) + 0.25 * (age - 50)
    slower = min(1.08, (66 / rate) ** 0.2)  # conduction hastens as the rate rises
    return {"pr_ms": min(199.0, max(105.0, slower * median * math.exp(0.13 * z)))}


def _axis(findings: tuple[Finding, ...], rhythm: Rhythm, age: float, z: float) -> float:
    if Finding.left_anterior_fascicular_block in findings:
        return round(min(-45.0, max(-80.0, -57 + 8 * z)), 1)
    if rhythm is Rhythm.paced:
        return round(max(-100.0, min(-40.0, -72 + 12 * z)), 1)
    if Finding.left_bundle_branch_block in findings:
        return round(max(-60.0, min(80.0, 5 + 28 * z)), 1)
    return round(max(-30.0, min(100.0, 43 - 0.8 * (age - 50) + 27 * z)), 1)


def _variability(c: EcgCondition, age: float, rate: float, z: list[float]) -> dict[str, Any]:
    in_band = c.lf_hf is not None
    out: dict[str, Any] = {"resp_rate_bpm": round(min(24.0 if in_band else 26.0, max(10.0, 15.5 + 2.6 * z[7])), 2)}
    if (c.rhythm or Rhythm.sinus) not in SINUS_DRIVEN:
        return out
    rr_ms = 60000 / rate
    sd = 50 * math.exp(-0.011 * (age - 25) + 0.45 * z[8]) * (rr_ms / 900) ** 1.3
    out["hrv_sd_ms"] = round(min(sd, 0.12 * rr_ms), 2)
    resp = c.resp_rate_bpm if c.resp_rate_bpm is not None else out["resp_rate_bpm"]
    if c.hrv_sd_ms != 0 and 9.6 <= resp <= 24:
        out["lf_hf"] = round(min(20.0, max(0.05, 1.5 * math.exp(0.7 * z[9]))), 3)
    return out


def _noise(c: EcgCondition, z: float) -> dict[str, Any]:
    kinds = c.noise
    if kinds is None:
        mains = c.fs_hz > 2 * (c.powerline_hz or 50)
        kinds = tuple(k for k in Noise if mains or k is not Noise.powerline)
    out: dict[str, Any] = {"noise": kinds}
    if kinds:
        out["snr_db"] = round(min(38.0, max(8.0, 15.8 + 4.5 * z)), 2)
    if Noise.powerline in kinds:
        out["powerline_hz"] = 50
    return out
