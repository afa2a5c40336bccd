"""Radiographs a second against plain diffusers, and a training step against a bare loop; each side by side in one run.

    python benchmarks/bench_radiograph_speed.py [MODEL_FOLDER] [--rounds 5] [--images 64]

The model: the folder, else the carried weights, else an untrained one of the 64-pixel preset's size. One CPU thread.
A ratio above 1 says that the studio is faster. The plain pipeline draws as many images with the same networks, steps,
guidance and batch, diffusers' scheduler of the same order and one torch generator for the whole batch; the studio draws
each image from its own seed and writes 8-bit PNG files with their provenance. Both sides draw once before they are
timed. Peak memory is that of a process of its own for each side.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clinsynth.conditioning.plan import make_plan
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.generators.diffusion import weights_sha256
from clinsynth.generators.radiograph.latent import ModelConfig, RadiographDiffusion, SamplingConfig
from clinsynth.generators.radiograph.latent.autoencoder import AutoencoderConfig, images_from, new_autoencoder
from clinsynth.generators.radiograph.latent.condition import encode, support_of
from clinsynth.generators.radiograph.latent.networks import as_network, encoded, new_networks
from clinsynth.generators.radiograph.latent.trainee import RadiographDiffusionTrainee
from clinsynth.generators.storage import StorageConfig, write_part
from clinsynth.generators.training import TrainingConfig, fit
from diffusers import EDMDPMSolverMultistepScheduler

SIDES = ("draw-studio", "draw-plain", "train-loop", "train-bare")


def model(folder: str | None, batch: int) -> RadiographDiffusion:
    """Return the model that is timed, drawing `batch` images a pass."""
    if folder:
        made = RadiographDiffusion.from_pretrained(folder)
    else:
        try:
            made = RadiographDiffusion()
        except ValueError:
            told = ModelConfig()
            networks = new_networks(told, new_autoencoder(AutoencoderConfig(), 0), 0)
            seen = support_of([RadiographCondition(sex="F", view="pa")], told.condition)
            made = RadiographDiffusion(networks, told, SamplingConfig(), seen)
    sampling = made.sampling.model_copy(update={"records_per_pass": batch, "guidance_of": {}})
    return RadiographDiffusion(made.networks, made.model, sampling, made.support())


@torch.inference_mode()
def plain(generator: RadiographDiffusion, n: int, batch: int) -> None:
    """Draw n images as a diffusers pipeline would: one generator, the scheduler's loop, no files."""
    unet, encoder, vae = (generator.networks[name] for name in ("unet", "condition_encoder", "vae"))
    config, objective = generator.sampling, generator.model.objective
    value, said = (torch.from_numpy(v)[None] for v in encode(RadiographCondition(sex="F"), generator.model.condition))
    source = torch.Generator().manual_seed(0)
    network = as_network(unet)
    for _ in range(n // batch):
        told = encoded(encoder, value.expand(batch, -1), said.expand(batch, -1))
        free = encoded(encoder, value.expand(batch, -1), torch.zeros_like(said).expand(batch, -1))
        scheduler = EDMDPMSolverMultistepScheduler(
            sigma_min=objective.sigma_min, sigma_max=objective.sigma_max, sigma_data=1.0
        )
        scheduler.set_timesteps(config.steps)
        shape = (batch, unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
        x = torch.randn(shape, generator=source) * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            both = torch.cat([scheduler.scale_model_input(x, t)] * 2)
            out = network(both, (250 * t).expand(2 * batch), torch.cat([told, free]))
            with_cond, without = out.chunk(2)
            x = scheduler.step(without + config.guidance * (with_cond - without), t, x).prev_sample
        images_from(vae, x)


def studio(generator: RadiographDiffusion, n: int, batch: int, folder: Path) -> tuple[float, float]:
    """Draw n images into a data set and return its seconds, and those of them that networks and noise took."""
    plan = make_plan(RadiographCondition, n, fixed={"sex": "F"}, seed=int(time.time()))
    config = StorageConfig(batch_size=batch, shard_size=n, file_format="png")
    spent = list[float]()

    class Timed(RadiographDiffusion):
        def _pass(self, *told: Any) -> np.ndarray:
            start = time.perf_counter()
            images = super()._pass(*told)
            spent.append(time.perf_counter() - start)
            return images

    timed = Timed(generator.networks, generator.model, generator.sampling, generator.support())
    return seconds(lambda: write_part(timed, plan, folder, config=config, run_seed=plan.run_seed or 0)), sum(spent)


def bare(trainee: RadiographDiffusionTrainee, steps: int, batch: int, rows: dict[str, torch.Tensor]) -> None:
    """Train with nothing but the loss, AdamW, clipping and an average."""
    from clinsynth.generators.training.draws import of_step

    networks = trainee.networks
    parameters = [p for network in networks.values() for p in network.parameters()]
    mean = [p.detach().clone() for p in parameters]
    optimiser = torch.optim.AdamW(parameters, 1e-4)
    for step in range(steps):
        draws = of_step(0, step, np.arange(batch), torch.device("cpu"))
        trainee.loss(networks, rows, draws).mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            for m, p in zip(mean, parameters, strict=True):
                m.lerp_(p, 0.001)


def seconds(work: Callable[[], None]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return the ratio theirs / ours pair by pair as median and range."""
    pairs = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    return f"{statistics.median(pairs):.3f} ({pairs[0]:.3f} to {pairs[-1]:.3f})"


def drawing(generator: RadiographDiffusion, n: int, batch: int, rounds: int) -> None:
    """Print images a second of both sides and their ratio."""
    ours, theirs, drawn = list[float](), list[float](), list[float]()
    for k in range(-1, rounds):
        with tempfile.TemporaryDirectory() as folder:
            one = studio(generator, n if k >= 0 else batch, batch, Path(folder) / "set")
        other = seconds(lambda: plain(generator, n if k >= 0 else batch, batch))  # noqa: B023
        if k >= 0:
            ours.append(one[0])
            drawn.append(one[1])
            theirs.append(other)
    cost = [100 * (whole - alone) / whole for whole, alone in zip(ours, drawn, strict=True)]
    print(f"images a second, studio with files: {n / statistics.median(ours):.2f}")
    print(f"images a second, plain pipeline:    {n / statistics.median(theirs):.2f}")
    print(f"studio / plain, {rounds} paired rounds: {ratio(ours, theirs)} (line: 1.0)")
    print(f"seeds' bookkeeping, files, hashes, receipts: {statistics.median(cost):.2f} % of the time (line: under 5 %)")


class Rows:
    """Made latents in memory, all of one condition."""

    def __init__(self, generator: RadiographDiffusion, n: int) -> None:
        unet = generator.networks["unet"].config
        shape = (n, unet.in_channels, unet.sample_size, unet.sample_size)
        self._x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        self._told = [torch.from_numpy(v) for v in encode(RadiographCondition(sex="F"), generator.model.condition)]
        self.patients = [f"patient-{k}" for k in range(n)]

    def __len__(self) -> int:
        return len(self._x)

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        value, said = (each.expand(len(rows), -1) for each in self._told)
        return {"x": self._x[rows], "value": value, "said": said}


def in_the_loop(trainee: RadiographDiffusionTrainee, rows: Rows, steps: int, batch: int) -> float:
    """Return seconds for `steps` steps of the studio's loop, after as many that are not timed."""
    speeds: list[float] = []
    config = TrainingConfig(
        steps=2 * steps + 1, batch_size=batch, learning_rate=1e-4, weight_decay=0.01, log_every=steps,
        sample_every=10**6, checkpoint_every=10**6, ema_decay=0.999,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        fit(
            trainee, rows, None, config, Path(folder) / "run", model_config={},
            on_log=lambda line: speeds.append(line["examples_per_s"]),
        )  # fmt: skip
    return steps * batch / speeds[1]


def training(generator: RadiographDiffusion, steps: int, batch: int, rounds: int) -> None:
    """Print the ratio of a training step in the loop to one in a bare loop."""
    rows = Rows(generator, 64)
    ours, theirs = [], []
    for _ in range(rounds):
        vae = generator.networks["vae"]
        made = [
            RadiographDiffusionTrainee(generator.model, vae, generator.sampling, generator.support(), 0)
            for _ in range(2)
        ]
        ours.append(in_the_loop(made[0], rows, steps, batch))
        one = rows.batch(np.arange(batch))
        bare(made[1], 2, batch, one)
        theirs.append(seconds(lambda: bare(made[1], steps, batch, one)))  # noqa: B023
    print(f"training step of {batch}: loop {1e3 * statistics.median(ours) / steps:.0f} ms, "
          f"bare {1e3 * statistics.median(theirs) / steps:.0f} ms")  # fmt: skip
    print(f"loop / bare in steps a second, {rounds} paired rounds: {ratio(ours, theirs)} (line: 0.95)")


def alone(generator: RadiographDiffusion, side: str, batch: int) -> None:
    """Do one side's work and print the peak memory of this process."""
    rows = Rows(generator, 64)
    vae = generator.networks["vae"]
    if side.startswith("train"):
        trainee = RadiographDiffusionTrainee(generator.model, vae, generator.sampling, generator.support(), 0)
    with tempfile.TemporaryDirectory() as folder:
        {
            "draw-studio": lambda: studio(generator, 2 * batch, batch, Path(folder) / "set"),
            "draw-plain": lambda: plain(generator, 2 * batch, batch),
            "train-loop": lambda: in_the_loop(trainee, rows, 2, 2 * batch),
            "train-bare": lambda: bare(trainee, 4, 2 * batch, rows.batch(np.arange(2 * batch))),
        }[side]()
    # Not getrusage: it also remembers the process that started this one.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(f"{int(peak.split()[1]) / 1024:.0f}")


def memory(folder: str | None, batch: int) -> None:
    """Print the peak memory of each side, measured in a process of its own."""
    for side in SIDES:
        words = [sys.executable, __file__, *([folder] if folder else []), "--alone", side, "--batch", str(batch)]
        peak = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1]
        print(f"peak memory, {side}: {peak} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--alone", choices=SIDES, help="do one side's work and print its peak memory in MiB")
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator = model(args.model, args.batch)
    if args.alone:
        return alone(generator, args.alone, args.batch)
    print(f"weights {weights_sha256(generator.networks)[:12]}, {args.images} images, batch {args.batch}")
    drawing(generator, args.images, args.batch, args.rounds)
    training(generator, 10, 16, args.rounds)
    memory(args.model, args.batch)


if __name__ == "__main__":
    main()
