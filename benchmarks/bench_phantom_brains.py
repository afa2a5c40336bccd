"""Phantom brains beside real ones: contrast between tissues and histograms, measured in the same way on both.

    python benchmarks/bench_phantom_brains.py [--real embedded:tcga_lgg] [--n 24] [--seed 0] [--picture out.png]

Voxels are told apart as white, grey or fluid by a mixture of three Gaussians over the logs of T1, T2 and FLAIR, with
the template's tissue maps, fitted to the brain's box and blurred, as prior. Voxels of a lesion, of the brain's edge and
the brightest 7 % of FLAIR are left out. A ratio is one of medians; a percentile one of the brain, over the brain's
median. The instrument sees images alone, and is held against the phantoms' known volumes. The line at the end says how
many of the real brains' values lie within the phantoms' range, from the 2nd to the 98th percentile.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from scipy import ndimage  # noqa: E402

NAMES = ("t1", "t1ce", "t2", "flair")
PERCENTILES = (1, 5, 25, 75, 95, 99, 99.8)
Measured = dict[str, float]


def prior(mask: np.ndarray) -> np.ndarray:
    """Return the chance of white, grey and fluid for each voxel of a mask, from the template in the mask's box."""
    from clinsynth.conditioning.mri.anatomy_template import template

    base = template()
    places = [np.percentile(np.argwhere(m), (1, 99), axis=0) for m in (mask, base.depth_mm > 0)]
    (low, high), (start, end) = places
    at = ((np.argwhere(mask) - low) / (high - low) * (end - start) + start).T
    maps = (base.white, base.grey, base.ventricle + base.outer)
    chance = np.stack([ndimage.map_coordinates(ndimage.gaussian_filter(p, 1.5), at, order=1) for p in maps]) + 0.05
    return np.asarray(chance / chance.sum(0))


def mixture(x: np.ndarray, chance: np.ndarray, used: np.ndarray, rounds: int = 25) -> np.ndarray:
    """Return the share of each class in each voxel: expectation maximisation of Gaussians with a prior by place."""
    share = chance.copy()
    for _ in range(rounds):
        level = np.empty_like(share)
        for k, weight in enumerate(share * used):
            weight = weight / weight.sum()
            away = x - (x * weight).sum(1, keepdims=True)
            spread = (away * weight) @ away.T + 2e-4 * np.eye(len(x))
            far = np.einsum("in,ij,jn->n", away, np.linalg.inv(spread), away)
            level[k] = np.log(chance[k]) - 0.5 * far - 0.5 * np.linalg.slogdet(spread)[1]
        share = np.exp(level - level.max(0))
        share /= share.sum(0)
    return share


def measure(arrays: Any) -> Measured:
    """Return ratios of tissues, percentiles and tissue shares of one brain."""
    mask = np.all([arrays[k] > 0 for k in NAMES], axis=0)
    inner = ndimage.binary_erosion(mask, iterations=2)
    logs = [np.log(np.maximum(arrays[k][inner], 1e-3) / np.median(arrays[k][inner])) for k in ("t1", "t2", "flair")]
    x = np.clip(np.stack(logs), -2.5, 2.5)
    used = x[2] < np.percentile(x[2], 93)
    if "segmentation" in arrays:
        used &= ~ndimage.binary_dilation(arrays["segmentation"] > 0, iterations=2)[inner]
    share = mixture(x, prior(mask)[:, inner[mask]], used)
    found: Measured = {}
    for k in NAMES:
        white, grey, fluid = (float(np.median(arrays[k][inner][used & (s > 0.8)])) for s in share)
        found |= {f"{k} white / grey": white / grey, f"{k} fluid / grey": fluid / grey}
    for k in NAMES:
        values = np.percentile(arrays[k][mask], PERCENTILES) / np.median(arrays[k][mask])
        found |= {f"{k} p{p:g}": float(v) for p, v in zip(PERCENTILES, values, strict=True)}
    total = (share * used).sum(1) / used.sum()
    return found | {f"share of {name}": float(v) for name, v in zip(("white", "grey", "fluid"), total, strict=True)}


def phantoms(n: int, seed: int, **fields: Any) -> tuple[list[Any], float]:
    """Return records, and the CPU seconds that one of them took."""
    from clinsynth.generators.mri.phantom import read_brains

    next(iter(read_brains("phantom:brain?n=1")))  # what is made once a process
    start = time.process_time()
    records = list(read_brains("phantom:brain", n=n, seed=seed, **fields))
    return records, (time.process_time() - start) / n


def picture(real: Sequence[Any], made: Sequence[Any], path: Path) -> None:
    """Draw a brain a row, real ones first: four contrasts of an axial and a coronal or sagittal slice."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [(r, "real") for r in real] + [(r, "phantom") for r in made]
    figure, axes = plt.subplots(len(rows), 12, figsize=(15, 1.5 * len(rows)), facecolor="black", squeeze=False)
    for line, (record, kind) in zip(axes, rows, strict=True):
        mask = np.argwhere(record.arrays["t1"] > 0)
        box = tuple(slice(a, b + 1) for a, b in zip(mask.min(0), mask.max(0), strict=True))
        seg = record.arrays.get("segmentation", np.zeros_like(record.arrays["t1"]))[box]
        middle = [int(0.5 * n) for n in seg.shape]
        at = [int(np.argmax(seg.any((1, 2)) * seg.sum((1, 2)))), int(np.argmax(seg.sum((0, 2)))), 0]
        at[2] = int(np.argmax(seg.sum((0, 1))))
        x, y, z = at if seg.any() else middle
        for k, contrast in enumerate(NAMES):
            image = record.arrays[contrast][box]
            top = np.percentile(image[image > 0], 99.3)
            for j, plane in enumerate((image[:, :, z], image[:, y], image[x])):
                axis = line[3 * k + j]
                axis.imshow(plane.T, origin="lower", cmap="gray", vmin=0, vmax=top, interpolation="bicubic")
                axis.axis("off")
                if j == 0:
                    axis.set_title(f"{kind} {contrast}", color="white", fontsize=6, pad=1)
    figure.subplots_adjust(0, 0, 1, 0.985, 0.02, 0.08)
    figure.savefig(path, dpi=75, facecolor="black")


def within(real: list[Measured], made: list[Measured], names: Sequence[str]) -> tuple[int, int]:
    """Return how many of the real values lie in the phantoms' range, and of how many."""
    inside = [
        np.percentile([m[name] for m in made], 2) <= r[name] <= np.percentile([m[name] for m in made], 98)
        for r in real
        for name in names
    ]
    return sum(map(bool, inside)), len(inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", nargs="*", default=["embedded:tcga_lgg"])
    parser.add_argument("--leave-out", nargs="*", default=[], help="names of real records that are left out")
    parser.add_argument("--n", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    from clinsynth.conditioning.readers import read

    real = [r for source in given.real for r in read(source) if r.record_id not in given.leave_out]
    cohorts = {p: phantoms(given.n, given.seed, protocol=p) for p in ("clinical", "randomised")}
    values = [measure(r.arrays) for r in real]
    made = {p: [measure(r.arrays) for r in records] for p, (records, _) in cohorts.items()}
    print("| measure | " + " | ".join(r.record_id for r in real) + " | clinical 2-50-98 % | randomised 2-50-98 % |")
    print("|---" * (len(real) + 3) + "|")
    for name in values[0]:
        ranges = [np.percentile([m[name] for m in cohort], (2, 50, 98)) for cohort in made.values()]
        cells = [f"{v[name]:.2f}" for v in values] + [" – ".join(f"{v:.2f}" for v in part) for part in ranges]
        print(f"| {name} | {' | '.join(cells)} |")
    records = cohorts["clinical"][0]
    for tissue, parts in (("white", ("white", "hyperintensity")), ("grey", ("grey",)), ("fluid", ("fluid",))):
        true = np.mean([sum(r.truth[f"{p}_ml"] for p in parts) / r.truth["brain_ml"] for r in records])
        seen = np.mean([m[f"share of {tissue}"] for m in made["clinical"]])
        print(f"instrument: share of {tissue} {seen:.3f}, true {true:.3f} (of the brain with its edge and lesions)")
    kinds = {"tissue ratios": [n for n in values[0] if "/" in n], "percentiles": [n for n in values[0] if " p" in n]}
    for protocol, cohort in made.items():
        counts = {kind: within(values, cohort, names) for kind, names in kinds.items()}
        told = " and ".join(f"{a} of {b} {kind}" for kind, (a, b) in counts.items())
        print(f"{protocol}: {told} of real brains in the phantoms' range; {cohorts[protocol][1]:.2f} CPU s a phantom")
    if given.picture:
        wanted = ("none", "low_grade", "high_grade", "metastasis")
        shown = [next(r for r in records if r.condition.tumour == kind) for kind in wanted]
        picture(real[:2], shown, given.picture)


if __name__ == "__main__":
    main()
