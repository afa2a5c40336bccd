"""A cheap deterministic generator for tests of storage, and a worker process that can be killed at a named point.

Run as a script: python storage_toy.py OUT N w/W LAYOUT [KILL_AT] writes one part of a toy data set; with KILL_AT it
kills itself with SIGKILL at the checkpoint of that name, such as "after write .tmp-000001/toy-0003.dat".
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from clinsynth.conditioning.ecg import LEADS, EcgCondition
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.conditioning.seeds import sample_seed, stream
from clinsynth.generators.storage import StorageConfig, write_part

SAMPLES = 200
RUN_SEED = 7
SHARD = 3


class ToyGenerator:
    """Twelve leads of seeded noise with a beat or two; `patient_id` asks for a fault by its name."""

    name: ClassVar[str] = "toy"
    condition_type: ClassVar[type[EcgCondition]] = EcgCondition
    shard_size: ClassVar[int] = SHARD
    formats: ClassVar[tuple[str, ...]] = ("wfdb",)

    def __init__(self, amplitude_mv: float = 1.0, memory: int | None = None) -> None:
        self.amplitude_mv = amplitude_mv
        self.memory = memory

    def config(self) -> dict[str, Any]:
        return {"amplitude_mv": self.amplitude_mv}

    def generate(self, conditions: Sequence[EcgCondition], seeds: Sequence[int]) -> Iterator[Record]:
        if self.memory is not None and len(conditions) > self.memory:
            raise MemoryError
        for condition, seed in zip(conditions, seeds, strict=True):
            if condition.patient_id == "refuse":
                raise ValueError("age_years = 200 is not known")
            yield self._record(condition, seed)

    def _record(self, condition: EcgCondition, seed: int) -> Record:
        signal = self.amplitude_mv * stream(seed, "noise").normal(0, 0.3, (len(LEADS), SAMPLES)).astype(np.float32)
        FAULTS.get(condition.patient_id or "", lambda s: None)(signal)
        onset = np.array([20, 60, 110])
        tables = {
            "waves": {
                "lead": np.array(["global"] * 3),
                "wave": np.array(["P", "QRS", "T"]),
                "beat": np.zeros(3, int),
                "onset": onset,
                "peak": onset + 10,
                "offset": onset + 20,
            },
            "beats": {
                "sample": np.array([70, 170]),
                "label": np.array(["N", "V"]),
                "rr_s": np.array([np.nan, 0.2]),
                "twa_state": np.array([0, 1]),
            },
            "rhythms": {"start": np.array([0]), "end": np.array([SAMPLES - 1]), "rhythm": np.array(["sinus"])},
        }
        whole = condition.model_copy(update={"age_years": condition.age_years or 50.0})
        provenance = {"synthetic": True, "generator": self.name, "seed": seed}
        truth = {"snr_db": 20.0, "heart_rate_bpm": float(np.float32(60)), "twa_uv_per_lead": [0.0, 1.5]}
        return Record("", {"signal": signal}, whole, SignalGeometry(500.0, LEADS), provenance, tables, truth)


def _set(lead: int, values: float) -> Callable[[np.ndarray], None]:
    def spoil(signal: np.ndarray) -> None:
        signal[lead, 5:] = values

    return spoil


def _flatten(signal: np.ndarray) -> None:
    signal[3] = 0.25


FAULTS: dict[str, Callable[[np.ndarray], None]] = {
    "nan": _set(1, np.nan),
    "inf": _set(2, -np.inf),
    "flat": _flatten,
    "clipped": _set(4, 32.768),
}


def toy_plan(n: int, run_seed: int = RUN_SEED, faults: dict[int, str] | None = None) -> CohortPlan:
    """Return a plan of n samples; `faults` names the fault of a row."""
    ids = [f"toy-{i:04d}" for i in range(n)]
    columns = {
        "sample_id": pa.array(ids, pa.string()),
        "seed": pa.array([sample_seed(run_seed, i) for i in ids], pa.int64()),
        "sex": pa.array(["FM"[i % 2] for i in range(n)], pa.string()),
        "findings": pa.array([["low_voltage"] if i % 3 == 0 else [] for i in range(n)], pa.list_(pa.string())),
        "patient_id": pa.array([(faults or {}).get(i) for i in range(n)], pa.string()),
    }
    return CohortPlan(pa.table(columns), run_seed)


def contents(root: Path, *leave_out: str) -> dict[str, str]:
    """Return path to SHA-256 of every file but the logs and locks in `run/`."""
    files = [p for p in sorted(root.rglob("*")) if p.is_file()]
    names = {p: p.relative_to(root).as_posix() for p in files}
    kept = [p for p in files if not names[p].startswith("run/") and names[p] not in leave_out]
    return {names[p]: hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


class Checkpoints:
    """Notes the checkpoints passed, and kills the process at one of them."""

    def __init__(self, kill_at: str | None = None) -> None:
        self.kill_at = kill_at
        self.passed: list[str] = []

    def __call__(self, stage: str, path: Path) -> None:
        in_shard = path.parent.name.startswith(".tmp-")
        name = f"{stage} {path.parent.name}/{path.name}" if in_shard else f"{stage} {path.name}"
        if name == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(name)


def main(out: str, n: str, part: str, layout: str, kill_at: str | None = None) -> None:
    """Write one part of a toy data set."""
    w, total = part.split("/")
    points = Checkpoints(kill_at)
    config = StorageConfig.model_validate({"layout": layout, "batch_size": 2})
    plan = toy_plan(int(n), faults={4: "nan"})
    write_part(ToyGenerator(), plan, out, config, run_seed=RUN_SEED, part=(int(w), int(total)), checkpoint=points)


if __name__ == "__main__":
    main(*sys.argv[1:])
