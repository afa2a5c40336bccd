"""How well the studio's classifiers read real radiographs, what quality control would catch, and what the encoder sees.

    python benchmarks/bench_radiograph_readout.py [--seeds 3] [--steps 300] [--other DIR ...]

Trained on the train split of `embedded:nih64`, measured on its held-out patients. DIR holds `metadata.csv` with a
column `image` (paths of 8-bit grey PNG files, relative to DIR): radiographs of another site, which are mixed in for
the encoder. Prints Markdown as it goes.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.embedded import embedded  # noqa: E402
from clinsynth.conditioning.radiograph import RadiographCondition, Sex  # noqa: E402
from clinsynth.conditioning.record import Record  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.realism.frechet import frechet_distance  # noqa: E402
from clinsynth.generators.readout.radiograph import Inspector, RadiographEncoder  # noqa: E402
from clinsynth.generators.readout.radiograph.degrading import blurred, noisy  # noqa: E402
from clinsynth.generators.readout.radiograph.folds import patient_folds  # noqa: E402
from clinsynth.generators.readout.radiograph.images import sized  # noqa: E402
from PIL import Image  # noqa: E402

SIZE = 64


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--other", type=Path, nargs="*", default=[])
    o = parser.parse_args()
    torch.set_num_threads(1)
    train, held_out = (list(embedded("nih64", split=split)) for split in ("train", "held_out"))
    for seed in range(o.seeds):
        for architecture in ("resnet", "densenet"):
            readout(architecture, seed, o.steps, train, held_out)
        encoder(seed, o.steps, train, held_out, o.other)


def readout(architecture: str, seed: int, steps: int, train: Sequence[Record], held_out: Sequence[Record]) -> None:
    """Print how one readout reads, and what its inspector does with right and wrong conditions."""
    start = time.process_time()
    inspector = Inspector.trained(train, architecture=architecture, seed=seed, steps=steps)
    print(f"\n## {architecture}, seed {seed}: {time.process_time() - start:.0f} s of one core", flush=True)
    inside = {(s.name, s.measure): s for s in inspector.readout.out_of_fold}
    for score in inspector.readout.scores(held_out):
        single = inside[score.name, score.measure].value
        shown = f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
        print(f"| {score.name} | {score.measure} | {shown} | {score.positives} of {score.images} | {single:.3f} |")
    print("\n| check | limit | images | passes out of fold | catches out of fold |")
    for name, limit in inspector.thresholds.limits.items():
        print(f"| {name} | {limit.limit:.3f} | {limit.images} | {limit.passes:.3f} | {limit.catches:.3f} |")
    print(f"\nheld-out images that pass: {passing(inspector, held_out)}", flush=True)


def passing(inspector: Inspector, records: Sequence[Record]) -> str:
    """Return how many images pass for their own sex, view and age, and with another one."""
    cases: dict[str, list[bool]] = {}
    for record in records:
        c = record.condition
        assert isinstance(c, RadiographCondition) and c.age_years is not None and c.sex and c.view
        other = Sex.F if c.sex is Sex.M else Sex.M
        asked = {
            "own sex": {"sex": c.sex},
            "other sex": {"sex": other},
            "own view": {"view": c.view},
            "other view": {"view": "ap" if c.view == "pa" else "pa"},
            "own age": {"age_years": c.age_years},
            "age 30 years off": {"age_years": c.age_years + (30 if c.age_years < 60 else -30)},
            "own sex, view, age": {"sex": c.sex, "view": c.view, "age_years": c.age_years},
            "all that is said": c.model_dump(exclude={"patient_id"}),
        }
        for name, fields in asked.items():
            verdict = inspector.judge(record.arrays["image"], RadiographCondition.model_validate(fields))
            cases.setdefault(name, []).append(verdict.passed)
    return "; ".join(f"{name} {np.mean(each):.3f}" for name, each in cases.items())


def encoder(seed: int, steps: int, train: Sequence[Record], held_out: Sequence[Record], other: Sequence[Path]) -> None:
    """Print Fréchet distances between the training split and the held-out one, made worse in steps."""
    start = time.process_time()
    made = RadiographEncoder.trained(train, seed=seed, steps=steps)
    print(f"\n## encoder, seed {seed}: {time.process_time() - start:.0f} s of one core", flush=True)
    real, x = made.features(train), np.stack([r.arrays["image"] for r in held_out])
    fold = patient_folds([r.provenance["patient_id"] for r in held_out], 2, seed)
    features = made.features(x)
    print(f"held-out halves by patient: {frechet_distance(features[fold == 0], features[fold == 1]):.2f}")
    print(f"train against held-out: {frechet_distance(real, features):.2f}")
    images, rng = torch.from_numpy(x)[:, None], stream(seed, "bench.noise")
    for sigma in (0.5, 1.0, 2.0):
        worse = blurred(images, torch.full((len(x),), sigma))[:, 0].clamp(0, 1).numpy()
        print(f"| blur of {sigma} pixels | {frechet_distance(real, made.features(worse)):.2f} |")
    for sd in (0.02, 0.05, 0.1):
        worse = noisy(images, torch.full((len(x),), sd), rng)[:, 0].numpy()
        print(f"| noise of {sd} | {frechet_distance(real, made.features(worse)):.2f} |")
    for folder in other:
        away = site(folder)
        for share in (0.1, 0.25, 0.5, 1.0):
            n = min(round(share * len(x)), len(away))
            mixed = np.concatenate([away[:n], x[n:]]) if share < 1 else away
            print(f"| {share:.0%} of {folder.name} | {frechet_distance(real, made.features(mixed)):.2f} |", flush=True)


def site(folder: Path) -> np.ndarray:
    """Return the images of another site, (n, 64, 64) in [0, 1], in an order without pattern."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        paths = [folder / row["image"] for row in csv.DictReader(file)]
    images = [np.asarray(Image.open(path).convert("L"), dtype=np.float32)[None] / 255 for path in paths]
    x = torch.cat([sized(image, SIZE) for image in images])[:, 0].numpy()
    return x[stream(0, "bench.site").permutation(len(x))]


if __name__ == "__main__":
    main()
