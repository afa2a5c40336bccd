"""Made radiographs in which every attribute draws a mark that a small network can see, and a generator that errs."""

from __future__ import annotations

import numpy as np
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import stream
from clinsynth.generators.readout.radiograph import AugmentConfig, NetworkConfig, TeachingConfig

EDGE = 32
NETWORK = NetworkConfig(size=32, width=8, features=16, dropout=0.0)
TEACHING = TeachingConfig(batch=16, augment=AugmentConfig(shift=0.02, turn_deg=3, scale=0.03, contrast=0.1, gamma=0.1))
RACES = ("asian", "black")
VIEWS = ("ap", "pa", "lateral")


def drawn(condition, rng) -> np.ndarray:
    """Return an image: a noisy ground with a square for sex, view, race and effusion each, and a bar as long as age."""
    image = 0.3 + 0.03 * rng.standard_normal((EDGE, EDGE))
    if condition.sex is not None:
        image[4:10, 4:10] += 0.5 if condition.sex == "M" else -0.2
    if condition.view is not None:
        column = 11 + 7 * VIEWS.index(condition.view)
        image[3:9, column : column + 6] += 0.5
    if condition.race is not None:
        row = 13 + 7 * RACES.index(condition.race)
        image[row : row + 5, 3:9] += 0.5
    if condition.findings and "effusion" in condition.findings:
        image[24:30, 20:30] += 0.4
    if condition.age_years is not None:
        image[15:20, 12 : 12 + int(condition.age_years / 5)] += 0.4
    return np.clip(image, 0, 1).astype(np.float32)


def marked(n: int, seed: int = 0, **fixed) -> list[Record]:
    """Return n records, two of a patient, with everything said; `fixed` fields are as given."""
    records = []
    for k in range(n):
        rng = stream(seed, f"marked/{k}")
        said = some(rng) | {"patient_id": f"p{k // 2}"} | fixed
        condition = RadiographCondition.model_validate({name: v for name, v in said.items() if v is not None})
        records.append(record(f"marked-{seed}-{k}", condition, drawn(condition, rng), synthetic=False))
    return records


def some(rng) -> dict:
    """Return fields drawn at random, everything said."""
    return {
        "sex": rng.choice(["F", "M"]), "view": rng.choice(VIEWS), "race": rng.choice(RACES),
        "age_years": float(rng.uniform(20, 90)), ("findings" if rng.random() < 0.5 else "absent"): ["effusion"],
    }  # fmt: skip


def record(name, condition, image, **provenance) -> Record:
    """Return a radiograph's record."""
    return Record(name, {"image": image}, condition, ImageGeometry((1.0, 1.0)), provenance)


class Marker:
    """Draws what is asked, the rest at random, but for `wrong` of its tries, in which the sex is the other one.

    Attributes:
        seeds: every seed that it was given, in order.
    """

    name, condition_type, shard_size, formats = "marker", RadiographCondition, 64, ("png",)
    weights_sha256 = "0" * 64

    def __init__(self, wrong: float) -> None:
        self.wrong, self.seeds = wrong, []

    def errs(self, seed: int) -> bool:
        """Whether it draws the other sex with this seed."""
        return bool(stream(seed, "err").random() < self.wrong)

    def config(self):
        return {"generator": self.name, "wrong": self.wrong}

    def generate(self, conditions, seeds):
        for condition, seed in zip(conditions, seeds, strict=True):
            self.seeds.append(seed)
            rng = stream(seed, "draw")
            shown = some(rng) | condition.model_dump(exclude_none=True)
            if self.errs(seed):
                shown["sex"] = "F" if shown["sex"] == "M" else "M"
            about = {"synthetic": True, "generator": self.name, "seed": seed}
            yield record(f"made-{seed}", condition, drawn(RadiographCondition(**shown), rng), **about)
