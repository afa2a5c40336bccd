"""Is a tumour segmenter the better for learning on phantoms first? Fine-tuned on one real patient, tested on another.

    python benchmarks/bench_mri_gain.py [OUT] [--real SOURCE...] [--brains NAME,...] [--phantoms 24] [--seeds 3]
        [--before 200] [--after 100]

Arms: one real patient alone; the same with as many steps as pretraining and fine-tuning together; that with classical
augmentation; phantoms alone; phantoms, then the real patient; that with augmentation. Each labelled patient is the test
once for each other one that is trained on, and once for all others together where there are three or more. Every arm
starts from the same weights for a seed. What is done stays in OUT; a stopped run goes on. One CPU thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from clinsynth.evaluation.kept import kept
from clinsynth.evaluation.mri.case import Case
from clinsynth.evaluation.mri.overlap import tumour_overlap
from clinsynth.generators.readout.tumour import Scan, SegmenterConfig, TumourSegmenter, scan_of, taught_segmenter
from mri_brains import brains, phantoms
from pydantic import BaseModel

PATCH = 24  # voxels a side


class Arm(NamedTuple):
    """How an arm learns.

    Attributes:
        name: of the arm.
        first: steps on phantoms, as a multiple of `--before`.
        then: steps on the real patients, in `--before` and `--after`.
        change: augmentation of both.
    """

    name: str
    first: int
    then: tuple[int, int]
    change: str


ARMS = (
    Arm("real", 0, (0, 1), ""),
    Arm("real, same compute", 0, (1, 1), ""),
    Arm("real, same compute, augmented", 0, (1, 1), "mirrored"),
    Arm("phantoms", 1, (0, 0), ""),
    Arm("phantoms, then real", 1, (0, 1), ""),
    Arm("phantoms, then real, augmented", 1, (0, 1), "mirrored"),
)


class Scored(BaseModel):
    """Dice of one trained segmenter on a patient, by part; None where the part is in neither mask."""

    arm: str
    seed: int
    trained: list[str]
    tested: str
    dice: dict[str, float | None]
    hausdorff95_mm: dict[str, float | None]
    cpu_s: float


def main() -> None:
    """Train all arms and print their table."""
    o = arguments()
    o.out.mkdir(parents=True, exist_ok=True)
    real = [c for c in brains(o.real, o.brains) if c.labels is not None and (c.labels > 0).any()]
    found = list(scored(real, o))
    (o.out / "gain.json").write_text(json.dumps([f.model_dump() for f in found], indent=1) + "\n", encoding="utf-8")
    print(table(found))


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path("bench-mri-gain"))
    parser.add_argument("--real", nargs="+", default=["embedded:tcga_lgg"])
    parser.add_argument("--brains", type=lambda t: t.split(","), default=[])
    parser.add_argument("--phantoms", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--before", type=int, default=200)
    parser.add_argument("--after", type=int, default=100)
    return parser.parse_args()


def _scan(case: Case) -> Scan:
    return scan_of(case.volumes, case.brain, case.labels)


def splits(real: Sequence[Case]) -> Iterator[tuple[list[Case], Case]]:
    """Yield (who is trained on, who is tested): one patient, and two where a third is left to test."""
    for test in real:
        others = [c for c in real if c.patient != test.patient]
        for n in (1, 2):
            yield from ((list(some), test) for some in combinations(others, n))


def scored(real: Sequence[Case], o: argparse.Namespace) -> Iterator[Scored]:
    """Yield every arm of every split and seed."""
    pool: list[Scan] = []
    for seed in range(o.seeds):
        pretrained: dict[str, TumourSegmenter] = {}

        def first(change: str, seed: int = seed, made: dict[str, TumourSegmenter] = pretrained) -> TumourSegmenter:
            pool.extend([] if pool else [_scan(c) for c in phantoms(o.phantoms)])
            if change not in made:
                made[change] = taught_segmenter(pool, SegmenterConfig(steps=o.before, patch=PATCH, change=change), seed)
            return made[change]

        for train, test in splits(real):
            for arm in ARMS:
                key = {
                    "arm": list(arm), "seed": seed, "train": [c.name for c in train], "test": test.name,
                    "steps": [o.before, o.after], "phantoms": o.phantoms,
                }  # fmt: skip
                name = f"gain-{seed}-{test.name}-{len(train)}-{ARMS.index(arm)}"
                made = kept(o.out, name, key, Scored, _training(arm, seed, train, test, first, o))
                print(f"seed {seed}, {test.name}: {arm.name}: {made.dice}", flush=True)
                yield made


def _training(
    arm: Arm, seed: int, train: Sequence[Case], test: Case, first: Callable[[str], TumourSegmenter],
    o: argparse.Namespace,
) -> Callable[[], Scored]:  # fmt: skip
    def make() -> Scored:
        begun = time.process_time()
        start = first(arm.change) if arm.first else None
        steps = arm.then[0] * o.before + arm.then[1] * o.after
        net = start
        if steps or start is None:
            config = SegmenterConfig(steps=steps, patch=PATCH, change=arm.change)
            net = taught_segmenter([_scan(c) for c in train], config, seed, start)
        assert net is not None and test.labels is not None
        overlap = tumour_overlap(net.labels(test.volumes, test.brain), test.labels, test.spacing_mm)
        known = {part: tuple(None if np.isnan(v) else v for v in values) for part, values in overlap.items()}
        return Scored(
            arm=arm.name, seed=seed, trained=[c.name for c in train], tested=test.name,
            dice={p: v[0] for p, v in known.items()}, hausdorff95_mm={p: v[1] for p, v in known.items()},
            cpu_s=time.process_time() - begun,
        )  # fmt: skip

    return make


def table(found: Sequence[Scored]) -> str:
    """Return the arms: Dice by part and tested patient, mean over seeds and their range."""
    columns = [(n, t, p) for n in (1, 2) for t in dict.fromkeys(f.tested for f in found) for p in ("WT", "TC", "ET")]
    groups = {
        (arm.name, column): [
            f.dice[column[2]]
            for f in found
            if (f.arm, len(f.trained), f.tested) == (arm.name, column[0], column[1]) and f.dice[column[2]] is not None
        ]
        for arm in ARMS
        for column in columns
    }
    shown = [c for c in columns if any(groups[a.name, c] for a in ARMS)]
    head = ["arm", *(f"{part} of {tested}, {n} real" for n, tested, part in shown)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join([a.name, *(_cell(groups[a.name, c]) for c in shown)]) + " |" for a in ARMS]
    return "\n".join(lines)


def _cell(values: Sequence[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{np.mean(known):.2f} ({min(known):.2f} to {max(known):.2f})" if known else "–"


if __name__ == "__main__":
    main()
