"""Small brains whose contrasts follow from three tissues, and a small untrained translator that says something."""

import numpy as np
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.mri.wavelet import ModelConfig, MriDiffusion, SamplingConfig
from clinsynth.generators.mri.wavelet.intensity import Scales
from clinsynth.generators.mri.wavelet.model_folder import new_networks
from learned_ecg_toy import stirred

LOOKS = {  # grey of fluid, grey matter, white matter, and of a tumour
    "t1": (150, 400, 550, 380),
    "t1ce": (150, 420, 560, 900),
    "t2": (1500, 700, 500, 1100),
    "flair": (100, 420, 340, 800),
}
AFFINE = ((-2.0, 0.0, 0.0, 30.0), (0.0, 2.0, 0.0, -40.0), (0.0, 0.0, 2.0, -20.0), (0.0, 0.0, 0.0, 1.0))


def brain(seed=0, sides=(22, 26, 18), noise=0.02, gain=1.0, spacing=2.0, name=None) -> Record:
    """Return an ellipsoid of three tissues, folded by waves, with a ball of tumour in it."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij")
    radius = np.sqrt(sum((a / 0.85) ** 2 for a in axes))
    waves = sum(np.sin(float(rng.uniform(4, 8)) * a + float(rng.uniform(0, 6))) for a in axes) / 3
    depth = radius + 0.25 * waves
    tissue = np.where(radius < 0.3, 0, np.where(depth > 0.75, 1, 2))
    centre = rng.uniform(-0.35, 0.35, 3)
    tumour = sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) < 0.2**2
    tissue[tumour] = 3
    inside = radius < 1
    arrays = {}
    for contrast, greys in LOOKS.items():
        clean = np.asarray(greys, float)[tissue] * gain
        noisy = clean * (1 + noise * rng.standard_normal(sides))
        arrays[contrast] = np.where(inside, np.maximum(noisy, 1), 0).astype(np.float32)
    arrays["segmentation"] = np.where(tumour & inside, 3, 0).astype(np.uint8)
    patient = name or f"patient-{seed}"
    condition = MriCondition(**dict.fromkeys(LOOKS, "somewhere.nii.gz"), patient_id=patient)
    about = {"synthetic": False, "patient": patient}
    return Record(patient, arrays, condition, ImageGeometry((spacing,) * 3, AFFINE, "a.u."), about)


def without(record: Record, *names: str) -> Record:
    arrays = {name: array for name, array in record.arrays.items() if name not in names}
    return Record(record.record_id, arrays, record.condition, record.geometry, record.provenance)


def tiny_model(kind="bridge", **model) -> ModelConfig:
    denoiser = {"base": 4, "multiples": (1, 2), "blocks": 1, "groups": 2}
    settings = {
        "denoiser": denoiser,
        "objective": {"kind": kind},
        "labels": (1, 2, 3),
        "facts": True,
        "voxelwise": 8,
    } | model
    return ModelConfig.model_validate(settings)


SCALES = Scales(
    log_size={"t1": 6.4, "t1ce": 6.8, "t2": 7.3, "flair": 6.6}, subjects={"t1": 3, "t1ce": 2, "t2": 3, "flair": 3}
)


def tiny(model=None, seed=0, scales=SCALES, **sampling) -> MriDiffusion:
    model = model or tiny_model()
    return MriDiffusion(
        stirred(new_networks(model, seed), seed),
        model,
        SamplingConfig.model_validate({"steps": 3, "samples": 2} | sampling),
        scales,
    )


def write_nifti(folder, record: Record, names=None) -> dict[str, str]:
    """Write a record's arrays and return the file of each."""
    import nibabel

    paths = {}
    for name in names or record.arrays:
        path = folder / f"{record.record_id}_{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(record.arrays[name], np.asarray(record.geometry.affine)), path)
        paths[name] = str(path)
    return paths


def tiny_quick() -> MriDiffusion:
    """Return one that draws in two calls of the network."""
    return tiny(steps=2, samples=1)
