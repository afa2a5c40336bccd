"""The 3D Haar transform beside ptwt's: medians of interleaved runs, forward and back.

    python benchmarks/bench_haar.py [--runs 10] [--shape 1 4 160 224 160]

Both transform the same float32 volumes on one thread, one after the other, so that the load of the machine meets both.
CPU seconds, and the ratio of their medians; above 2 forward and 1.5 back are the lines.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import ptwt  # noqa: E402
import torch  # noqa: E402
from clinsynth.generators.diffusion.haar3d import haar3d, inverse_haar3d  # noqa: E402


def cpu_s(step: Callable[[], Any]) -> float:
    """Return the CPU seconds of a step."""
    begun = time.process_time()
    step()
    return time.process_time() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--shape", type=int, nargs=5, default=(1, 4, 160, 224, 160))
    o = parser.parse_args()
    torch.set_num_threads(1)
    x = torch.rand(*o.shape)
    bands, theirs = haar3d(x), ptwt.wavedec3(x, "haar", level=1, mode="zero")
    steps = {
        "forward": (lambda: haar3d(x), lambda: ptwt.wavedec3(x, "haar", level=1, mode="zero"), 2.0),
        "inverse": (lambda: inverse_haar3d(bands), lambda: ptwt.waverec3(theirs, "haar"), 1.5),
    }
    for name, (ours, ptwts, line) in steps.items():
        pairs = np.array([(cpu_s(ours), cpu_s(ptwts)) for _ in range(o.runs)])
        mine, other = np.median(pairs, axis=0)
        said = f"{name}: {mine:.3f} s against ptwt's {other:.3f} s, ratio {other / mine:.2f} (line {line})"
        print(said, f"; of single runs {(pairs[:, 1] / pairs[:, 0]).min():.2f} at least")
    print(f"largest difference after there and back: {float((inverse_haar3d(bands) - x).abs().max()):.1e}")


if __name__ == "__main__":
    main()
