"""A stand-in for a trained generator of radiographs: it counts its training images and makes grey squares."""

import json
from pathlib import Path

import numpy as np
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record

COUNTS = {
    "sex": {"F": 120, "M": 197},
    "race": {"black": 19, "white": 1, "asian": 0},
    "view": {"pa": 200, "ap": 117, "lateral": 0},
    "age_band": {"18-39": 12, "40-59": 150, "60-79": 155},
    "findings": {"no_finding": 100, "effusion": 40, "mass": 3},
    "absent": {"effusion": 200, "mass": 250},
}


class RadiographToy:
    """Grey squares for radiographs."""

    name = "radiograph-toy"
    condition_type = RadiographCondition
    shard_size = 8
    formats = ("png",)

    def __init__(self, counts=None):
        self.counts = COUNTS if counts is None else counts

    def support(self):
        return self.counts

    def config(self):
        return {}

    def generate(self, conditions, seeds):
        for condition, seed in zip(conditions, seeds, strict=True):
            image = np.full((8, 8), (seed % 100) / 100, np.float32)
            yield Record(str(seed), {"image": image}, condition, ImageGeometry((1.0, 1.0)), {"synthetic": True})

    @classmethod
    def from_pretrained(cls, folder):
        return cls(json.loads((Path(folder) / "counts.json").read_text()))

    def save_pretrained(self, folder):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "model_index.json").write_text(json.dumps({"_class_name": "RadiographToy"}))
        (Path(folder) / "counts.json").write_text(json.dumps(self.counts))
