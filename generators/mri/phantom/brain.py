"""BrainPhantom: paired contrasts of brains of which everything is known, from a condition and a seed.

One anatomy, four signal equations, one scanner; the record's truth has tissue volumes, relaxation times and settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from ....conditioning.mri.anatomy import Anatomy, build
from ....conditioning.mri.contrasts import CONTRASTS, Contrast
from ....conditioning.mri.phantom_condition import BrainPhantomCondition, Protocol
from ....conditioning.mri.phantom_prior import complete
from ....conditioning.mri.tissue import INDEX, TISSUES, Tissue
from ....conditioning.record import ImageGeometry, Record
from ....conditioning.seeds import stream
from ...protocol import check_seeds
from .imaging import ideal_image
from .relaxation import Relaxation, draw_relaxation
from .scanner import acquire, bias_field


class BrainPhantom:
    """Makes brains with T1, T1 with contrast agent, T2, FLAIR and labels; needs no training."""

    name: ClassVar[str] = "mri-phantom"
    condition_type: ClassVar[type[BrainPhantomCondition]] = BrainPhantomCondition
    shard_size: ClassVar[int] = 16
    formats: ClassVar[tuple[str, ...]] = ("nifti",)

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output: the phantom has none but its version."""
        return {"generator": self.name, "model": "mni152-1"}

    def generate(self, conditions: Sequence[BrainPhantomCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: what is asked for; fields left out are drawn.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length.
        """
        check_seeds(conditions, seeds)
        for condition, seed in zip(conditions, seeds, strict=True):
            yield image_brain(condition, int(seed))


def image_brain(condition: BrainPhantomCondition, seed: int) -> Record:
    """Return the record of one condition and seed."""
    patient = condition.patient_seed if condition.patient_seed is not None else seed
    c = complete(condition, patient, seed)
    anatomy = build(c, patient)
    assert c.field_tesla is not None
    relaxation = draw_relaxation(stream(patient, "mri.relaxation"), float(c.field_tesla), c.protocol)
    texture = _texture(anatomy, c, patient)
    arrays: dict[str, np.ndarray] = {}
    scales: dict[str, float] = {}
    for contrast in CONTRASTS:
        ideal = ideal_image(contrast, c, anatomy, relaxation, texture)
        arrays[contrast], scales[contrast] = _scan(contrast, c, anatomy, ideal, stream(seed, f"mri.scan.{contrast}"))
    arrays["segmentation"] = anatomy.labels
    return Record(
        record_id=f"brain-{seed}",
        arrays=arrays,
        condition=c,
        geometry=ImageGeometry(
            (anatomy.spacing_mm,) * 3, tuple(tuple(float(v) for v in row) for row in anatomy.affine), "a.u."
        ),
        provenance={
            "synthetic": True, "generator": BrainPhantom.name, "seed": seed,
            "patient": c.patient_id or f"phantom-{patient}",
        },
        truth=_truth(c, anatomy, relaxation, scales),
    )  # fmt: skip


def _texture(anatomy: Anatomy, c: BrainPhantomCondition, patient: int) -> np.ndarray:
    """Return smooth log factors of T1 and T2 inside tissue: brains, and tumours more so, are not of one piece."""
    from ....conditioning.mri.anatomy_warp import smooth_noise

    rng = stream(patient, "mri.texture")
    depth = 0.09 if c.protocol is Protocol.randomised else 0.06
    fields = []
    for _ in range(2):
        coarse, fine = (smooth_noise(rng, anatomy.mask.shape, mm / anatomy.spacing_mm) for mm in (6.0, 2.5))
        fields.append(np.float32(depth) * (0.8 * coarse + 0.6 * fine)[anatomy.mask])
    return np.stack(fields)


def _scan(
    contrast: Contrast, c: BrainPhantomCondition, anatomy: Anatomy, ideal: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Return the image on the scanner's scale, 0 outside the brain, and what a signal of 1 became."""
    assert c.noise_percent is not None and c.bias_percent is not None
    wide = c.protocol is Protocol.randomised
    reference = Tissue.white if contrast in (Contrast.t1, Contrast.t1ce) else Tissue.grey
    level = _mean_of(reference, anatomy, ideal)
    sigma = level * c.noise_percent / 100
    field = bias_field(rng, anatomy.mask, c.bias_percent, anatomy.spacing_mm)
    slice_mm = getattr(c, f"{contrast}_slice_mm")
    blur = float(rng.uniform(0.6, 3.2 if wide else 2.2))
    image = acquire(rng, anatomy.on_grid(ideal) * field, sigma, anatomy.spacing_mm, slice_mm, blur)
    low, high = (20, 20_000) if wide else (120, 2_500)
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) / max(level, 1e-6)
    return np.asarray(image * np.float32(scale) * anatomy.on_grid(anatomy.edge), np.float32), scale


def _mean_of(tissue: Tissue, anatomy: Anatomy, ideal: np.ndarray) -> float:
    """Return the mean signal of voxels that hold one tissue."""
    share = anatomy.shares[INDEX[tissue]]
    pure = share > 0.9
    return float(ideal[pure].mean()) if pure.any() else float((ideal * share).sum() / max(share.sum(), 1e-6))


def _truth(c: BrainPhantomCondition, a: Anatomy, r: Relaxation, scales: dict[str, float]) -> dict[str, Any]:
    voxel = a.spacing_mm**3
    truth: dict[str, Any] = {
        "brain_ml": round(float(a.mask.sum()) * a.voxel_ml, 3),
        "ventricles_ml": round(a.ventricles_ml, 3),
        **{f"{tissue}_ml": round(a.volume_ml(tissue), 3) for tissue in TISSUES},
        "tumour_mm3": round(float((a.labels > 0).sum()) * voxel, 1),
        **{f"label_{k}_mm3": round(float((a.labels == k).sum()) * voxel, 1) for k in (1, 2, 3)},
        "tumours": len(a.seeds),
        "tumour_centres_mm": [[round(float(v), 2) for v in s.centre_mm] for s in a.seeds],
        "least_jacobian": round(a.least_jacobian, 4),
    }
    for k, tissue in enumerate(TISSUES):
        truth |= {f"{tissue}_t1_ms": round(float(r.t1_ms[k]), 2), f"{tissue}_t2_ms": round(float(r.t2_ms[k]), 2)}
        truth[f"{tissue}_pd"] = round(float(r.pd[k]), 4)
    settings = [name for name in type(c).model_fields if name.endswith(("_tr_ms", "_te_ms", "_ti_ms", "_flip_deg"))]
    truth |= {name: getattr(c, name) for name in settings if getattr(c, name) is not None}
    truth |= {f"{contrast}_scale": round(scale, 4) for contrast, scale in scales.items()}
    return truth
