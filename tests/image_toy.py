"""A cheap deterministic generator of radiographs for tests of storage, and a worker process that can be killed.

Run as a script: python image_toy.py OUT N w/W LAYOUT FORMAT [KILL_AT]; KILL_AT as in storage_toy.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import sample_seed, stream
from clinsynth.generators.storage import StorageConfig, write_part
from storage_toy import RUN_SEED, Checkpoints

ROWS, COLUMNS = 24, 20
SPACING_MM = (1.43, 1.0 / 3.0)
SHARD = 3
FORMATS = ("png", "png16", "dicom")
VIEWS = ("pa", "ap", "lateral")


class ToyRadiographs:
    """Two dark lungs on a grey chest with seeded grain; `patient_id` asks for a fault by its name."""

    name: ClassVar[str] = "toy-radiograph"
    condition_type: ClassVar[type[RadiographCondition]] = RadiographCondition
    shard_size: ClassVar[int] = SHARD
    formats: ClassVar[tuple[str, ...]] = FORMATS

    def config(self) -> dict[str, Any]:
        return {"rows": ROWS, "columns": COLUMNS}

    def generate(self, conditions: Sequence[RadiographCondition], seeds: Sequence[int]) -> Iterator[Record]:
        for condition, seed in zip(conditions, seeds, strict=True):
            fault = condition.patient_id or ""
            provenance = {"synthetic": True, "generator": self.name, "seed": seed}
            image = {"image": picture(seed, fault)}
            yield Record("", image, condition, ImageGeometry(SPACING_MM), provenance, truth=control(seed, fault))


def picture(seed: int, fault: str = "") -> np.ndarray:
    """Return an image, float32 (ROWS, COLUMNS) in [0, 1], with a fault that its name asks for."""
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    lungs = np.exp(-((((np.abs(x) - 0.45) / 0.25) ** 2 + (y / 0.6) ** 2) ** 2))
    image = 0.75 - 0.55 * lungs + stream(seed, "grain").normal(0, 0.02, lungs.shape)
    image = np.clip(image, 0, 1).astype(np.float32)
    if fault == "nan":
        image[3, 4] = np.nan
    elif fault == "flat":
        image[:] = 0.5
    elif fault == "clipped":
        image = np.round(image)
    elif fault == "range":
        image[0, 0] = 1.001
    elif fault == "shape":
        image = image[None]
    return image


def control(seed: int, fault: str) -> dict[str, Any]:
    """Return what a generator's quality control says: two tries of which the second counts."""
    tries = [{"seed": seed % 1000 + i, "sex": 0.4 + 0.5 * i, "age_error_years": 2.0} for i in range(2)]
    said = {"qc_passed": fault != "quality", "qc_scores": {"sex": 0.9, "age_error_years": 2.0}, "qc_tries": tries}
    return said | ({} if fault != "quality" else {"qc_failed": "sex 0.31 < 0.5"})


def image_plan(n: int, run_seed: int = RUN_SEED, faults: dict[int, str] | None = None) -> CohortPlan:
    """Return a plan of n radiographs; `faults` names the fault of a row."""
    ids = [f"cxr-{i:04d}" for i in range(n)]
    columns = {
        "sample_id": pa.array(ids, pa.string()),
        "seed": pa.array([sample_seed(run_seed, i) for i in ids], pa.int64()),
        "sex": pa.array(["FM"[i % 2] for i in range(n)], pa.string()),
        "age_years": pa.array([20.0 + 7 * i for i in range(n)], pa.float64()),
        "view": pa.array([VIEWS[i % 3] for i in range(n)], pa.string()),
        "findings": pa.array([["effusion"] if i % 3 == 0 else None for i in range(n)], pa.list_(pa.string())),
        "patient_id": pa.array([(faults or {}).get(i) for i in range(n)], pa.string()),
    }
    return CohortPlan(pa.table(columns), run_seed)


def main(out: str, n: str, part: str, layout: str, file_format: str, kill_at: str | None = None) -> None:
    """Write one part of a data set of toy radiographs."""
    w, total = map(int, part.split("/"))
    config = StorageConfig.model_validate({"layout": layout, "batch_size": 2, "file_format": file_format})
    plan = image_plan(int(n), faults={4: "quality"})
    write_part(ToyRadiographs(), plan, out, config, run_seed=RUN_SEED, part=(w, total), checkpoint=Checkpoints(kill_at))


if __name__ == "__main__":
    main(*sys.argv[1:])
