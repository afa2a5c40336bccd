"""A generator of brains for tests of storage and plans: what is missing becomes the mean of what is there."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.mri.subject import subject_of
from clinsynth.conditioning.record import Record
from clinsynth.conditioning.seeds import stream


class ToyMri:
    """The mean of the inputs with seeded grain in the brain, and how large the grain is."""

    name: ClassVar[str] = "toy-mri"
    condition_type: ClassVar[type[MriCondition]] = MriCondition
    shard_size: ClassVar[int] = 2
    formats: ClassVar[tuple[str, ...]] = ("nifti",)

    def config(self) -> dict[str, Any]:
        return {"grain": 1.0}

    def generate(self, conditions: Sequence[MriCondition], seeds: Sequence[int]) -> Iterator[Record]:
        for condition, seed in zip(conditions, seeds, strict=True):
            real = subject_of(condition)
            mean = np.mean([real.arrays[c] for c in condition.present], axis=0)
            arrays = {}
            for target in condition.targets:
                grain = stream(seed, str(target)).normal(size=mean.shape)
                arrays[str(target)] = np.where(mean > 0, mean + grain, 0).astype(np.float32)
                arrays[f"{target}_uncertainty"] = np.where(mean > 0, 1, 0).astype(np.float32)
            if "segmentation" in real.arrays:
                arrays["segmentation"] = real.arrays["segmentation"]
            about = {"synthetic": True, "generator": self.name, "seed": seed, "inputs": real.provenance["inputs"]}
            about |= {"patient": condition.patient_id, "copied": ["segmentation"] if "segmentation" in arrays else []}
            yield Record("", arrays, condition, real.geometry, about)
