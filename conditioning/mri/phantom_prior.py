"""What a phantom's condition leaves out, drawn from the sample's own streams.

Each field has a stream of its own, so that stating one never moves another. What is the patient's comes from the
patient's seed, what is the scanner's from the sample's.

Sources: places of gliomas, frontal 40 %, temporal 29, parietal 14, occipital 3, deeper 14 (of which a part in the
cerebellum): Larjavaara et al., Neuro-Oncol 9:319 (2007). Ventricles: `anatomy_ageing`. Kinds, sizes and settings of
scanners are choices that resemble public tumour collections, not rates of a population.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..demographics import Sex
from ..seeds import stream
from .anatomy_ageing import draw_volumes, expected_hyperintensities_ml
from .anatomy_template import template
from .phantom_condition import (
    BrainPhantomCondition,
    FieldStrength,
    Protocol,
    Side,
    T1Sequence,
    Tumour,
    TumourLocation,
)

_KINDS = {Tumour.none: 0.15, Tumour.low_grade: 0.27, Tumour.high_grade: 0.43, Tumour.metastasis: 0.15}
_PLACES = {
    TumourLocation.frontal: 0.40,
    TumourLocation.temporal: 0.29,
    TumourLocation.parietal: 0.14,
    TumourLocation.occipital: 0.03,
    TumourLocation.deep: 0.11,
    TumourLocation.cerebellum: 0.03,
}
_AGES = {Tumour.none: (50, 18), Tumour.low_grade: (43, 13), Tumour.high_grade: (61, 12), Tumour.metastasis: (62, 11)}

# Ranges of each protocol: TR, TE, TI in ms, flip angle in degrees, slices and spacings in mm.
_CLINICAL: dict[str, tuple[float, float]] = {
    "spin_echo_tr": (420.0, 750.0), "spin_echo_te": (8.0, 20.0),
    "gradient_echo_tr": (7.0, 30.0), "gradient_echo_te": (2.0, 6.0), "gradient_echo_flip": (15.0, 35.0),
    "inversion_recovery_tr": (1900.0, 2600.0), "inversion_recovery_te": (3.0, 12.0),
    "inversion_recovery_ti": (900.0, 1300.0),
    "t2_tr": (3500.0, 7500.0), "t2_te": (85.0, 130.0),
    "flair_tr": (8000.0, 11000.0), "flair_te": (85.0, 140.0), "flair_off": (-0.12, 0.12),
    "noise": (1.0, 4.0), "bias": (10.0, 40.0), "gadolinium": (0.5, 1.2),
}  # fmt: skip
_RANDOMISED: dict[str, tuple[float, float]] = {
    "spin_echo_tr": (250.0, 1500.0), "spin_echo_te": (5.0, 35.0),
    "gradient_echo_tr": (5.0, 60.0), "gradient_echo_te": (1.5, 12.0), "gradient_echo_flip": (6.0, 60.0),
    "inversion_recovery_tr": (1600.0, 3500.0), "inversion_recovery_te": (2.0, 25.0),
    "inversion_recovery_ti": (650.0, 1500.0),
    "t2_tr": (1800.0, 12000.0), "t2_te": (55.0, 180.0),
    "flair_tr": (5000.0, 14000.0), "flair_te": (60.0, 200.0), "flair_off": (-0.2, 0.2),
    "noise": (0.3, 9.0), "bias": (0.0, 80.0), "gadolinium": (0.15, 2.0),
}  # fmt: skip
_RANGES = {Protocol.clinical: _CLINICAL, Protocol.randomised: _RANDOMISED}
CSF_T1_MS = 4300.0  # about the same at both fields


def complete(condition: BrainPhantomCondition, patient_seed: int, visit_seed: int) -> BrainPhantomCondition:
    """Return the condition with every field filled in that applies.

    Args:
        condition: what is asked for.
        patient_seed: of the patient.
        visit_seed: of the sample.
    """
    given = condition.model_dump(exclude_none=True)
    drawn = _patient(condition, patient_seed)
    drawn |= _scanner(condition, visit_seed)
    return BrainPhantomCondition.model_validate({**drawn, **given})


def _patient(c: BrainPhantomCondition, seed: int) -> dict[str, Any]:
    def rng(name: str) -> np.random.Generator:
        return stream(seed, f"mri.phantom.{name}")

    kinds = {kind: p for kind, p in _KINDS.items() if _possible(c, kind)}
    kind = c.tumour if c.tumour is not None else _pick(rng("tumour"), kinds)
    mean, sd = _AGES[kind]
    age = c.age_years if c.age_years is not None else round(float(np.clip(rng("age").normal(mean, sd), 18, 95)), 1)
    sex = c.sex or (Sex.F, Sex.M)[int(rng("sex").integers(2))]
    base = template()
    share = base.volume_ml(base.ventricle) / base.volume_ml(base.grey + base.white + base.ventricle + base.outer)
    volumes = draw_volumes(sex, age, share, stream(seed, "mri.volumes"))
    spots = min(volumes.hyperintensities_ml, 12 * expected_hyperintensities_ml(age), 80.0)
    out: dict[str, Any] = {
        "sex": sex, "age_years": age, "tumour": kind,
        "ventricles_ml": round(float(np.clip(volumes.ventricles_ml, 8, 120)), 2),
        "hyperintensities_ml": round(spots, 3),
    }  # fmt: skip
    return out | (_tumour(kind, rng) if kind is not Tumour.none else {})


def _possible(c: BrainPhantomCondition, kind: Tumour) -> bool:
    """Return whether a kind of tumour fits what is stated of it."""
    if (c.tumour_count or 1) > 1:
        return kind is Tumour.metastasis
    parts = (c.tumour_count, c.tumour_size_mm, c.tumour_location, c.tumour_side, c.necrosis_share, c.oedema_mm)
    return kind is not Tumour.none or all(part is None for part in parts)


def _tumour(kind: Tumour, rng: Any) -> dict[str, Any]:
    low, high = {Tumour.low_grade: (18, 50), Tumour.high_grade: (18, 55)}.get(kind, (7, 30))
    counts = {1: 0.45, 2: 0.25, 3: 0.15, 4: 0.10, 5: 0.05} if kind is Tumour.metastasis else {1: 1.0}
    if kind is Tumour.low_grade:
        necrosis = float(rng("cystic").uniform(0.1, 0.5)) if rng("necrosis").random() < 0.25 else 0.0
        oedema = float(rng("oedema").uniform(0, 9))
    else:
        some = 0.95 if kind is Tumour.high_grade else 0.6
        necrosis = float(rng("cystic").uniform(0.2, 0.8)) if rng("necrosis").random() < some else 0.0
        oedema = float(rng("oedema").uniform(4, 24))
    return {
        "tumour_count": _pick(rng("count"), counts),
        "tumour_size_mm": round(float(rng("size").uniform(low, high)), 2),
        "tumour_location": _pick(rng("location"), _PLACES),
        "tumour_side": (Side.left, Side.right)[int(rng("side").integers(2))],
        "necrosis_share": round(necrosis, 3),
        "oedema_mm": round(oedema, 2),
    }


def _scanner(c: BrainPhantomCondition, seed: int) -> dict[str, Any]:
    ranges = _RANGES[c.protocol]

    def rng(name: str) -> np.random.Generator:
        return stream(seed, f"mri.phantom.{name}")

    def within(name: str, of: str) -> float:
        return _log_uniform(rng(name), *ranges[of])

    field = c.field_tesla or (FieldStrength.low, FieldStrength.high)[int(rng("field").integers(2))]
    out: dict[str, Any] = {"field_tesla": field}
    for contrast in ("t1", "t1ce"):
        out |= _t1(c, contrast, rng, within)
    out |= {"t2_tr_ms": within("t2_tr_ms", "t2_tr"), "t2_te_ms": within("t2_te_ms", "t2_te")}
    tr = c.flair_tr_ms or within("flair_tr_ms", "flair_tr")
    off = float(rng("flair_ti_ms").uniform(*ranges["flair_off"]))
    ti = nulling_ti_ms(CSF_T1_MS, tr) * (1 + off)
    out |= {"flair_tr_ms": tr, "flair_te_ms": within("flair_te_ms", "flair_te"), "flair_ti_ms": round(ti, 1)}
    wide = c.protocol is Protocol.randomised
    for contrast in ("t1", "t1ce", "t2", "flair"):
        thin = 0.6 if contrast.startswith("t1") else 0.3
        thick = rng(f"{contrast}_slice_mm")
        out[f"{contrast}_slice_mm"] = 1.0 if thick.random() < thin else round(thick.uniform(2, 8 if wide else 5.5), 2)
    return out | {
        "noise_percent": within("noise", "noise"),
        "bias_percent": round(float(rng("bias").uniform(*ranges["bias"])), 2),
        "gadolinium_mm": within("gadolinium", "gadolinium"),
    }


def _t1(c: BrainPhantomCondition, contrast: str, rng: Any, within: Any) -> dict[str, Any]:
    weights = {T1Sequence.spin_echo: 0.45, T1Sequence.gradient_echo: 0.25, T1Sequence.inversion_recovery: 0.30}
    sequence = getattr(c, f"{contrast}_sequence") or _pick(rng(f"{contrast}_sequence"), weights)
    out = {f"{contrast}_sequence": sequence}
    names = {"tr_ms": "tr", "te_ms": "te"}
    if sequence is T1Sequence.inversion_recovery:
        names["ti_ms"] = "ti"
    if sequence is T1Sequence.gradient_echo:
        names["flip_deg"] = "flip"
    for name, of in names.items():
        out[f"{contrast}_{name}"] = within(f"{contrast}_{name}", f"{sequence}_{of}")
    stated_tr = getattr(c, f"{contrast}_tr_ms")
    if "ti_ms" in names and stated_tr is not None:  # a short TR that was asked for leaves less time to invert
        out[f"{contrast}_ti_ms"] = min(out[f"{contrast}_ti_ms"], round(0.6 * stated_tr, 1))
    return out


def nulling_ti_ms(t1_ms: float, tr_ms: float) -> float:
    """Return the inversion time at which a tissue gives no signal: T1 (ln 2 - ln(1 + exp(-TR / T1)))."""
    return t1_ms * (math.log(2) - math.log1p(math.exp(-tr_ms / t1_ms)))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.4g}")


def _pick(rng: np.random.Generator, weights: Any) -> Any:
    words: Sequence[Any] = list(weights)
    p = np.array(list(weights.values()), float)
    return words[int(rng.choice(len(words), p=p / p.sum()))]
