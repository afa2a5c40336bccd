"""A small radiograph model that says something without having been trained, and images with a mark per attribute."""

import csv

import numpy as np
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.generators.radiograph.latent import ModelConfig, RadiographDiffusion, SamplingConfig
from clinsynth.generators.radiograph.latent.autoencoder import AutoencoderConfig, new_autoencoder
from clinsynth.generators.radiograph.latent.condition import support_of
from clinsynth.generators.radiograph.latent.networks import new_networks
from learned_ecg_toy import stirred

TAUGHT = [
    {"sex": "F", "age_years": 30, "view": "pa", "findings": ["no_finding"]},
    {"sex": "M", "age_years": 70, "view": "ap", "findings": ["effusion"], "absent": ["cardiomegaly", "no_finding"]},
    {"sex": "M", "age_years": 50, "view": "pa", "findings": ["cardiomegaly"], "uncertain": ["effusion"]},
]
FINDINGS = ("no_finding", "cardiomegaly", "effusion")


def tiny_model(kind="edm", **condition) -> ModelConfig:
    denoiser = {"widths": (32, 32), "attention": 1}
    told = {"findings": FINDINGS, "width": 8} | condition
    return ModelConfig.model_validate({"denoiser": denoiser, "condition": told, "objective": {"kind": kind}})


def tiny_autoencoder(size=16):
    vae = new_autoencoder(AutoencoderConfig(size=size, widths=(8, 8), latent_channels=2), 0)
    stirred({"vae": vae})
    return vae


def tiny(model=None, seed=0, per_pass=4, **sampling) -> RadiographDiffusion:
    model = model or tiny_model()
    networks = new_networks(model, tiny_autoencoder(), seed)
    stirred({name: networks[name] for name in ("unet", "condition_encoder")}, seed)
    settings = SamplingConfig.model_validate({"steps": 3, "records_per_pass": per_pass} | sampling)
    support = support_of([RadiographCondition.model_validate(asked) for asked in TAUGHT], model.condition)
    return RadiographDiffusion(networks, model, settings, support)


MARKS = {  # attribute -> word -> where its square lies
    "sex": {"F": (0, 0), "M": (0, 1)},
    "race": {"asian": (1, 0), "black": (1, 1), "white": (1, 2)},
    "view": {"ap": (2, 0), "lateral": (2, 1), "pa": (2, 2)},
}


def marked(rng, size=16, **said):
    """Return noise with a bright square for each word said."""
    image = np.clip(0.3 + 0.05 * rng.standard_normal((size, size)), 0, 1)
    cell = size // 4
    for attribute, word in said.items():
        row, column = MARKS[attribute][word]
        image[row * cell : row * cell + cell - 1, column * cell : column * cell + cell - 1] = 0.9
    return image.astype(np.float32)


def marked_records(n, seed=0, size=16, **fixed):
    from clinsynth.conditioning.record import ImageGeometry, Record

    rng = np.random.default_rng(seed)
    made = []
    for k in range(n):
        said = {name: str(rng.choice(sorted(words))) for name, words in MARKS.items()} | fixed
        condition = RadiographCondition.model_validate(said | {"patient_id": f"p{k}"})
        image = {"image": marked(rng, size, **said)}
        made.append(Record(f"m{k}", image, condition, ImageGeometry((1.0, 1.0)), {"patient_id": f"p{k}"}))
    return made


def write_table(folder, records):
    """Write records as PNG files and a CSV table of them."""
    from PIL import Image

    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "sex", "race", "view", "patient_id"])
        for record in records:
            grey = np.rint(record.arrays["image"] * 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / f"{record.record_id}.png")
            c = record.condition
            writer.writerow([f"{record.record_id}.png", c.sex.value, c.race.value, c.view.value, c.patient_id])
    return path
