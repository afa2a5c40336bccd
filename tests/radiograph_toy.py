"""Stand-ins for tests of radiographs: drawn images that obey their condition, a small encoder and a small judge.

A drawn image shows its sex by the width of the chest, its view by a bright upper edge, its age by a gradient, an
effusion by a white base on the left, all with noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from clinsynth.conditioning.radiograph import Finding, RadiographCondition, Sex, View
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import sample_seed, stream
from clinsynth.evaluation.radiograph.attributes import columns
from clinsynth.evaluation.radiograph.eyes import Eyes

SIZE = 32


def drawn(condition: RadiographCondition, seed: int, size: int = SIZE) -> np.ndarray:
    """Return an image that shows its condition, (size, size) in [0, 1]."""
    rng = stream(seed, "drawn")
    y, x = np.mgrid[0:size, 0:size] / (size - 1)
    width = (0.34 if condition.sex is Sex.M else 0.26) + 0.01 * rng.standard_normal()
    centre = 0.5 + 0.02 * rng.standard_normal()
    image = 0.75 - 0.5 * (((x - centre) / width) ** 2 + ((y - 0.5) / 0.42) ** 2 < 1)
    image[: size // 8] += 0.2 * (condition.view is View.ap)
    image += 0.25 * (x - 0.5) * ((condition.age_years or 50) - 50) / 40
    shows = condition.findings or ()
    image[3 * size // 4 :, size // 2 :] += 0.3 * (Finding.effusion in shows)
    image += 0.03 * rng.standard_normal() + 0.04 * rng.standard_normal((size, size))
    return np.clip(image, 0, 1).astype(np.float32)


def conditions(n: int, seed: int, **fixed: Any) -> list[RadiographCondition]:
    """Return conditions over sex, view, age and effusion, independent of each other."""
    rng = stream(seed, "conditions")
    made = []
    for _ in range(n):
        sex, view, ill = rng.integers(2, size=3)
        said = {
            "sex": list(Sex)[sex], "view": (View.pa, View.ap)[view], "age_years": float(rng.integers(30, 80)),
            "findings": (Finding.effusion if ill else Finding.no_finding,),
        }  # fmt: skip
        made.append(RadiographCondition(**(said | fixed)))
    return made


def records(n: int, seed: int, *, synthetic: bool, size: int = SIZE, images_each: int = 1) -> list[Record]:
    """Return drawn records; real ones have patients with `images_each` images."""
    out = []
    for k, condition in enumerate(conditions(n, seed)):
        who = f"{seed}-{k // images_each}"
        told = condition if synthetic else condition.model_copy(update={"patient_id": who})
        image = drawn(condition, sample_seed(seed, str(k)), size)
        out.append(record(f"r{seed}-{k}", image, told, synthetic=synthetic))
    return out


def record(name: str, image: np.ndarray, condition: RadiographCondition | None, *, synthetic: bool) -> Record:
    """Return a radiograph's record."""
    return Record(name, {"image": image}, condition, ImageGeometry((1.0, 1.0)), {"synthetic": synthetic})


@dataclass(frozen=True)
class Linear:
    """Ridge regression from the pixels, shrunk to 16 x 16, to every attribute that has two values."""

    weight: Mapping[str, np.ndarray]

    @classmethod
    def trained(cls, training: Sequence[Record], seed: int = 0, ridge: float = 3.0) -> Linear:
        x = _small(np.stack([r.arrays["image"] for r in training]))
        weight = {}
        for name, column in columns([r.condition for r in training]).items():
            known = np.isfinite(column.value)
            if known.sum() > 10 and np.ptp(column.value[known]) > 0:
                a, b = x[known], column.value[known]
                weight[name] = np.linalg.solve(a.T @ a + ridge * np.eye(x.shape[1]), a.T @ b)
        return cls(weight)

    def read(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: _small(images) @ w for name, w in self.weight.items()}


def _small(images: np.ndarray) -> np.ndarray:
    n, size = len(images), images.shape[-1] // 16 * 16
    blocks = images[:, :size, :size].reshape(n, 16, size // 16, 16, size // 16).mean(axis=(2, 4)).reshape(n, -1)
    return np.column_stack([blocks, np.ones(n)]).astype(np.float64)


def _principal(training: Sequence[Record], seed: int):
    x = _small(np.stack([r.arrays["image"] for r in training]))
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2][:12]
    return lambda images: (_small(images) - mean) @ axes.T


def toy_eyes() -> Eyes:
    """Return principal components as encoder and ridge regression as judge."""
    return Eyes(_principal, lambda training, seed: Linear.trained(training, seed).read, "toy eyes")


class DrawnRadiographs:
    """A generator of drawn radiographs."""

    name: ClassVar[str] = "drawn"
    condition_type: ClassVar[type[RadiographCondition]] = RadiographCondition
    shard_size: ClassVar[int] = 64
    formats: ClassVar[tuple[str, ...]] = ("png",)

    def config(self) -> dict[str, Any]:
        return {"size": SIZE}

    def generate(self, conditions: Sequence[RadiographCondition], seeds: Sequence[int]) -> Iterator[Record]:
        for condition, seed in zip(conditions, seeds, strict=True):
            about = {"synthetic": True, "generator": self.name, "seed": seed}
            yield Record("", {"image": drawn(condition, seed)}, condition, ImageGeometry((1.0, 1.0)), about)


def read_drawn(*, split: str | None = None) -> Iterator[Record]:
    """Yield drawn radiographs as if they were real: 80 to train on, 60 held out, two a patient."""
    sides = {"train": (80, 1), "held_out": (60, 2)}
    for name, (n, seed) in sides.items():
        if split in (None, name):
            yield from records(n, seed, synthetic=False, images_each=2)
