"""A training step and a sampling step of the MRI translator beside the same network in a bare loop; peak memory.

    python benchmarks/bench_mri_speed.py [--base 16] [--side 48] [--runs 10] [--full] [--checkpointing]

The bare loop has the same U-Net, optimiser and sizes, the bands ready in memory, one target, no masks, no draws by key:
what is left when everything is taken away. Runs are interleaved; CPU seconds on one thread. `--full` instead takes one
training step and one sampling step of the published size on a volume of 240 x 240 x 155 and prints the process's peak
memory, on a GPU where there is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.record import ImageGeometry, Record  # noqa: E402
from clinsynth.generators.mri.wavelet import ModelConfig, MriDiffusion, SamplingConfig  # noqa: E402
from clinsynth.generators.mri.wavelet.intensity import Scales  # noqa: E402
from clinsynth.generators.mri.wavelet.model_folder import new_networks  # noqa: E402
from clinsynth.generators.mri.wavelet.trainee import MriDiffusionTrainee  # noqa: E402
from clinsynth.generators.training import Draws  # noqa: E402


def seconds(step: Callable[[], Any]) -> float:
    """Return the seconds of a step: of the CPU, or on a GPU by the clock."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        begun = time.perf_counter()
        step()
        torch.cuda.synchronize()
        return time.perf_counter() - begun
    begun = time.process_time()
    step()
    return time.process_time() - begun


def record(model: ModelConfig, sides: tuple[int, int, int]) -> Record:
    """Return noise in the names of a model, everywhere above 0."""
    source = np.random.default_rng(0)
    arrays = {name: (1 + source.random(sides)).astype(np.float32) for name in model.names}
    return Record("noise", arrays, None, ImageGeometry((1.0, 1.0, 1.0), unit="a.u."), {"synthetic": True})


def batch_of(model: ModelConfig, sides: tuple[int, int, int], device: str) -> dict[str, torch.Tensor]:
    """Return one example of noise."""
    x = torch.rand(1, len(model.names), *sides)
    flat = {"there": torch.ones(1, len(model.names)), "labelled": torch.zeros(1), "facts": torch.zeros(1, 4)}
    whole = {"x": x, "inside": torch.ones(1, 1, *sides), "labels": torch.zeros(1, *sides)}
    return {key: value.to(device) for key, value in (flat | whole).items()}


def ours(model: ModelConfig, batch: dict[str, torch.Tensor]) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the house's training step (its loss, backward pass, optimiser) and its sampling of one volume."""
    device = str(batch["x"].device)
    trainee = MriDiffusionTrainee(model, SamplingConfig(), Scales(), 0)
    networks = {name: network.to(device) for name, network in trainee.networks.items()}
    optimiser = torch.optim.AdamW([p for network in networks.values() for p in network.parameters()], 1e-4)
    counter = iter(range(10**9))

    def train() -> None:
        draws = Draws(0, f"step-{next(counter)}", np.arange(1), torch.device(device))
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            loss = trainee.loss(networks, batch, draws).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    sides = tuple(int(side) for side in batch["x"].shape[2:])
    generator = MriDiffusion(networks, model, SamplingConfig(steps=1, precision="bf16"), Scales())
    given = record(model, sides)  # type: ignore[arg-type]
    return train, lambda: void(generator.translate(given, [model.targets[0]], 0))


def bare(model: ModelConfig, batch: dict[str, torch.Tensor]) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return a training step and a call of the same networks, with everything else taken away."""
    device = str(batch["x"].device)
    networks = {name: network.to(device) for name, network in new_networks(model, 0).items()}
    unet = networks["unet"]
    optimiser = torch.optim.AdamW(unet.parameters(), 1e-4)
    sides = [side // 2 for side in batch["x"].shape[2:]]
    x = torch.randn(1, model.in_channels, *sides, device=device)
    target = torch.randn(1, model.out_channels, *sides, device=device)
    t, told = torch.zeros(1, device=device), torch.zeros(1, model.told, device=device)

    def train() -> None:
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            loss = (unet(x, t, told).float() - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    @torch.inference_mode()
    def call() -> None:
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            unet(x, t, told)

    return train, call


def void(_: Any) -> None:
    """Return nothing."""


def compared(model: ModelConfig, side: int, runs: int, device: str) -> None:
    """Print the ratios of interleaved runs."""
    batch = batch_of(model, (side, side, side), device)
    steps = list(zip(ours(model, batch), bare(model, batch), strict=True))
    for (mine, plain), name in zip(steps, ("training step", "sampling, one step"), strict=True):
        for step in (mine, plain):
            step()
        pairs = np.array([(seconds(mine), seconds(plain)) for _ in range(runs)])
        a, b = np.median(pairs, axis=0)
        print(f"{name}: {a:.3f} s, the bare network {b:.3f} s, ratio {a / b:.2f}", flush=True)


def full(model: ModelConfig, device: str) -> None:
    """Print time and peak memory of one step of each kind at full size; the CPU's peak is of the whole process."""
    sides = (240, 240, 160)  # 155 slices, filled up to what the network can halve
    train, sample = ours(model, batch_of(model, sides, device))
    for name, step in (("sampling, one step", sample), ("training step", train)):
        print(f"{name} at 240 x 240 x 155: {seconds(step):.1f} s, peak {peak_gib(device):.1f} GiB", flush=True)


def peak_gib(device: str) -> float:
    """Return the largest memory so far."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=int, default=16)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--full", action="store_true", help="one step of the published size at 240 x 240 x 155")
    parser.add_argument("--checkpointing", action="store_true")
    o = parser.parse_args()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size: dict[str, Any] = {"base": o.base, "multiples": [1, 2, 4], "groups": 8}
    if o.full and o.base == 64:
        size = {"base": 64, "multiples": [1, 2, 2, 4, 4], "blocks": 2, "groups": 32, "scale_shift": False}
    denoiser = size | {"gradient_checkpointing": o.checkpointing}
    model = ModelConfig.model_validate({"denoiser": denoiser, "labels": (), "facts": False})
    full(model, device) if o.full else compared(model, o.side, o.runs, device)


if __name__ == "__main__":
    main()
