"""Speed and memory of the realism metrics against the libraries that others use, in one run and one thread.

    python benchmarks/bench_realism.py [--rows 10000] [--features 2048] [--large 50000] [--rounds 1]

Fréchet distance: ours from streamed moments, theirs by `numpy.cov` and `scipy.linalg.sqrtm`. PRDC: ours in blocks,
theirs by the `prdc` package (which may use as many threads as it likes: CPU seconds are compared, and wall seconds are
shown). KID: the mean over 100 subsets of 1,000 rows on both sides, theirs by torchmetrics, and ours over all pairs.
Values are compared too. Then both distances on `--large` rows in a process of its own, whose peak memory is read.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

RANK = 300  # directions that made features vary in


def clouds(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two clouds as a network's last layer gives them: none below 0, many directions, some of them faint."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((RANK, features), dtype=np.float32) / np.sqrt(np.arange(1, RANK + 1))[:, None]
    mix = mix.astype(np.float32)
    found = []
    for shift, scale in ((0.0, 1.0), (0.1, 0.97)):
        x = np.empty((rows, features), np.float32)
        for start in range(0, rows, 5000):
            n = min(5000, rows - start)
            z = scale * rng.standard_normal((n, RANK), dtype=np.float32) + np.float32(shift)
            noise = 0.2 * rng.standard_normal((n, features), dtype=np.float32)
            x[start : start + n] = np.maximum(z @ mix + noise, 0)
        found.append(x)
    return found[0], found[1]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what `work` gives, and the CPU and wall seconds that it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    value = work()
    return value, time.process_time() - cpu, time.perf_counter() - wall


def fd_ours(x: np.ndarray, y: np.ndarray) -> float:
    """Return the squared Fréchet distance from streamed moments."""
    from clinsynth.evaluation.realism import Moments, frechet_of

    return frechet_of(Moments.of(x), Moments.of(y))


def fd_theirs(x: np.ndarray, y: np.ndarray) -> float:
    """Return it by a matrix square root."""
    from scipy import linalg

    a, b = (z.astype(np.float64) for z in (x, y))
    c, d = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(linalg.sqrtm(c @ d))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * np.trace(root))


def prdc_ours(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return precision, recall, density and coverage."""
    from clinsynth.evaluation.realism import prdc

    return prdc(x, y, 5)


def prdc_theirs(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return them by the package."""
    from prdc import compute_prdc

    return {k: float(v) for k, v in compute_prdc(x, y, 5).items()}


def kid_ours(x: np.ndarray, y: np.ndarray) -> float:
    """Return KID over 100 subsets of 1,000."""
    from clinsynth.evaluation.realism import kid_over_subsets

    return kid_over_subsets(x, y, seed=0)[0]


def kid_all_pairs(x: np.ndarray, y: np.ndarray) -> float:
    """Return KID over all pairs of rows."""
    from clinsynth.evaluation.realism import Sample, kernel_distance

    return kernel_distance(*(Sample(z, [f"{side}{i}" for i in range(len(z))]) for z, side in ((x, "r"), (y, "s"))))


def kid_theirs(x: np.ndarray, y: np.ndarray) -> float:
    """Return it over as many subsets, as torchmetrics computes it from features."""
    import torch
    from torchmetrics.image.kid import poly_mmd

    torch.set_num_threads(1)
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    values = []
    for k in range(100):
        rng = np.random.default_rng(k)
        i, j = (torch.from_numpy(rng.permutation(len(z))[:1000]) for z in (x, y))
        values.append(float(poly_mmd(a[i], b[j])))
    return float(np.mean(values))


PAIRS = (
    ("Fréchet distance", fd_ours, fd_theirs, "scipy sqrtm"),
    ("PRDC", prdc_ours, prdc_theirs, "prdc"),
    ("KID, 100 subsets of 1,000", kid_ours, kid_theirs, "torchmetrics"),
    ("KID, all pairs", kid_all_pairs, kid_theirs, "torchmetrics, 100 subsets of 1,000"),
)


def side_by_side(rows: int, features: int, rounds: int) -> None:
    """Print CPU and wall seconds of both sides, their ratio and their values."""
    x, y = clouds(rows, features)
    fd_ours(x[:50], y[:50]), prdc_ours(x[:50], y[:50]), prdc_theirs(x[:50], y[:50])  # import
    print(f"{rows} x {features}, one thread:")
    for what, ours, theirs, name in PAIRS:
        for _ in range(rounds):
            a, cpu_a, wall_a = timed(lambda: ours(x, y))  # noqa: B023
            b, cpu_b, wall_b = timed(lambda: theirs(x, y))  # noqa: B023
            print(
                f"{what}: {cpu_a:.1f} s CPU ({wall_a:.1f} s wall) against {cpu_b:.1f} s ({wall_b:.1f} s) of {name}: "
                f"{cpu_b / cpu_a:.1f} times as fast; {shown(a)} against {shown(b)}",
                flush=True,
            )


def shown(value: Any) -> str:
    """Return a value or some in a few digits."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:.4f}" for k, v in value.items())
    return f"{value:.6g}"


def large(rows: int, features: int) -> None:
    """Print seconds and peak memory of both distances on many rows; run in a process of its own."""
    x, y = clouds(rows, features)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for what, work in (("Fréchet distance", fd_ours), ("PRDC", prdc_ours)):
        value, cpu, wall = timed(lambda: work(x, y))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{what}: {cpu:.0f} s CPU ({wall:.0f} s wall), peak {peak:.2f} GiB; {shown(value)}", flush=True)
    print(f"the two clouds alone, in float32, with what made them: {held:.2f} GiB")


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--large", type=int, default=50_000, help="rows of the second part; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only-large", action="store_true")
    given = parser.parse_args()
    if given.only_large:
        large(given.large, given.features)
        return
    side_by_side(given.rows, given.features, given.rounds)
    if given.large:
        print(f"{given.large} x {given.features}, one thread, a process of its own:", flush=True)
        again = [sys.executable, __file__, "--only-large", f"--large={given.large}", f"--features={given.features}"]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
