"""Guidance and steps against realism, obedience and time: the quality-cost curve of the radiograph model.

    python benchmarks/bench_radiograph_sweep.py [MODEL_FOLDER] [--images 286] [--guidance 1:1,2:4,...] [--steps 6,9,...]
        [--out FILE.json]

Each setting draws images for the same conditions and seeds: those of the embedded held-out patients, in turn. Realism
is the Fréchet distance to the held-out images in the studio's encoder, obedience what the judge reads back (it is not
the one of quality control); both were trained on the embedded training split. First, at the most steps, pairs of a
guidance and of the age's own: the smallest distance is taken among those that obey in view (AUROC .95), sex (.80) and
age (correlation .5), or the most obedient where none does. Then steps: the fewest within 5 % of the smallest distance
are the default. One CPU thread.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.evaluation.radiograph.attributes import columns
from clinsynth.evaluation.radiograph.eyes import Features, Reader, studio_eyes
from clinsynth.evaluation.realism import frechet_distance
from clinsynth.generators.radiograph.latent import RadiographDiffusion
from sklearn.metrics import roc_auc_score

LINES = {"view": 0.95, "sex": 0.80, "age": 0.5}
HEADS = (
    "guidance", "of age", "steps", "Fréchet", "AUROC view", "AUROC sex", "AUROC no finding", "corr. age",
    "CPU s an image",
)  # fmt: skip


class Sweep:
    """What all settings have in common."""

    def __init__(self, folder: str | None, n: int) -> None:
        self.model = RadiographDiffusion.from_pretrained(folder) if folder else RadiographDiffusion()
        train, held_out = (list(embedded("nih64", split=split)) for split in ("train", "held_out"))
        eyes = studio_eyes()
        self.features: Features = eyes.encoder(train, 0)
        self.reader: Reader = eyes.judge(train, 0)
        self.real = self.features(np.stack([r.arrays["image"] for r in held_out]))
        told = [r.condition.model_copy(update={"patient_id": None}) for r in held_out]
        self.conditions = [told[k % len(told)] for k in range(n)]

    def row(self, guidance: float, age: float, steps: int) -> dict[str, float]:
        """Draw with one setting and return what came of it."""
        changes = {"guidance": guidance, "steps": steps, "guidance_of": {"age_years": age}}
        settings = self.model.sampling.model_copy(update=changes)
        generator = RadiographDiffusion(self.model.networks, self.model.model, settings, self.model.support())
        start = time.process_time()
        images = np.stack([r.arrays["image"] for r in generator.generate(self.conditions, range(len(self.conditions)))])
        seconds = (time.process_time() - start) / len(images)
        distance = frechet_distance(self.real, self.features(images))
        setting = {"guidance": guidance, "of age": age, "steps": steps}
        return setting | {"frechet": distance} | self.obeyed(images) | {"cpu_s": seconds}

    def obeyed(self, images: np.ndarray) -> dict[str, float]:
        """Return the AUROC of view, sex and no_finding, and the correlation of the age."""
        read, asked = self.reader(images), columns(self.conditions)
        found = {}
        for name, column in (("view", "view=ap"), ("sex", "sex"), ("no finding", "no_finding")):
            value = asked[column].value
            known = np.isfinite(value)
            found[name] = float(roc_auc_score(value[known] > 0.5, read[column][known]))
        age = asked["age_years"].value
        return found | {"age": float(np.corrcoef(age, read["age_years"])[0, 1])}

    def floor(self) -> float:
        """Return the distance of one half of the held-out images from the other, in the mean of 20 divisions."""
        rng, n = np.random.default_rng(0), len(self.real)
        cuts = [rng.permutation(n) for _ in range(20)]
        return float(np.mean([frechet_distance(self.real[c[: n // 2]], self.real[c[n // 2 :]]) for c in cuts]))


def numbers(text: str) -> list[float]:
    return [float(each) for each in text.split(",")]


def show(row: dict[str, float]) -> dict[str, float]:
    """Print a row of the table."""
    cells = (f"{v:g}" if k in ("guidance", "of age", "steps") else f"{v:.3f}" for k, v in row.items())
    print(f"| {' | '.join(cells)} |", flush=True)
    return row


def pairs(text: str) -> list[tuple[float, float]]:
    found = [each.split(":") for each in text.split(",")]
    return [(float(guidance), float(age)) for guidance, age in found]


def nearest(rows: list[dict[str, float]]) -> dict[str, float]:
    return min(rows, key=lambda row: row["frechet"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--images", type=int, default=286)
    parser.add_argument("--guidance", type=pairs, default=pairs("1:1,1.5:1.5,2:2,2:4,2.5:5,3:6"))
    parser.add_argument("--steps", type=numbers, default=[6, 9, 12, 16, 24, 36])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sweep, most = Sweep(args.model, args.images), int(max(args.steps))
    print(f"real half against real half: {sweep.floor():.3f} (at {len(sweep.real) // 2} images a side)")
    print(f"| {' | '.join(HEADS)} |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = [show(sweep.row(guidance, age, most)) for guidance, age in args.guidance]
    obedient = [row for row in rows if all(row[name] >= line for name, line in LINES.items())]
    missed = {id(row): sum(min(row[name] - line, 0) for name, line in LINES.items()) for row in rows}
    first = nearest(obedient) if obedient else max(rows, key=lambda row: missed[id(row)])
    guidance, age = first["guidance"], first["of age"]
    curve = [first, *(show(sweep.row(guidance, age, int(n))) for n in sorted(args.steps, reverse=True)[1:])]
    least = nearest(curve)["frechet"]
    chosen = min((row for row in curve if row["frechet"] <= 1.05 * least), key=lambda row: row["steps"])
    print(f"default: guidance {guidance:g}, of age {age:g}, {chosen['steps']:g} steps")
    if args.out:
        args.out.write_text(json.dumps({"rows": rows, "curve": curve, "floor": sweep.floor()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
