"""Small brains for tests: three tissues in an ellipsoid, four contrasts of them, a tumour with its three labels."""

from __future__ import annotations

import numpy as np
from clinsynth.conditioning.mri import Contrast, MriCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from scipy.ndimage import gaussian_filter

SHAPE = (24, 26, 20)
# Signal of cerebrospinal fluid, grey and white matter, necrosis, oedema and enhancing tumour.
SIGNALS = {
    Contrast.t1: (60, 240, 330, 150, 210, 240),
    Contrast.t1ce: (60, 250, 330, 140, 210, 520),
    Contrast.t2: (700, 330, 250, 520, 480, 400),
    Contrast.flair: (60, 280, 230, 240, 420, 340),
}
SPACING_MM = 6.0
AFFINE = ((6.0, 0.0, 0.0, -70.0), (0.0, 6.0, 0.0, -80.0), (0.0, 0.0, 6.0, -60.0), (0.0, 0.0, 0.0, 1.0))


def brain_record(
    seed: int, *, gain: float = 1.0, tumour: bool = True, contrasts: tuple[Contrast, ...] = tuple(Contrast)
) -> Record:
    """Return a real record of the patient `p{seed}`."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    radius = np.sqrt((at**2).sum(0))
    brain = radius < 0.85
    wavy = gaussian_filter(rng.standard_normal(SHAPE), 2.0) * 4 - radius
    tissue = np.digitize(wavy, np.quantile(wavy[brain], [0.12, 0.34]))  # the same shares in each patient
    labels = np.zeros(SHAPE, np.uint8)
    if tumour:
        place = rng.uniform(-0.3, 0.3, 3).reshape(3, 1, 1, 1) + np.array([0.35, 0.0, 0.1]).reshape(3, 1, 1, 1)
        far = np.sqrt(((at - place) ** 2).sum(0))
        for limit, label in ((0.38, 2), (0.25, 3), (0.12, 1)):
            labels[(far < limit) & brain] = label
    kind = np.where(labels > 0, np.array([0, 3, 4, 5])[labels], tissue)
    arrays: dict[str, np.ndarray] = {}
    for contrast in contrasts:
        signal = np.array(SIGNALS[contrast], float)[kind] * gain
        noisy = signal * (1 + 0.03 * rng.standard_normal(SHAPE))
        arrays[contrast] = np.where(brain, np.clip(noisy, 1, None), 0).astype(np.float32)
    if tumour:
        arrays["segmentation"] = labels
    name = f"p{seed}"
    condition = MriCondition.model_validate({c: f"{name}_{c}.nii.gz" for c in contrasts} | {"patient_id": name})
    geometry = ImageGeometry((SPACING_MM,) * 3, AFFINE, "a.u.")
    return Record(name, arrays, condition, geometry, {"synthetic": False, "patient": name})
