"""The studio's Stable Diffusion beside diffusers' own pipeline, and its training beside a bare loop, side by side.

    python benchmarks/bench_radiograph_sd.py [--shape tiny|small] [--rounds 5]

Same networks, scheduler, steps, guidance and batch on both sides, in turns in one process; the ratio is the median over
the rounds, in seconds of one core (others may share the machine). What a sample's own seed costs is timed by itself.
Peak memory is of a process of its own for each side.
The weights are random: `tiny` is the tests' folder (32 pixels), `small` has the layout of Stable Diffusion 1.5 (four
levels, two layers each, an autoencoder of factor 8) with a quarter of its channels and a small text encoder, at 128.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.radiograph import RadiographCondition  # noqa: E402
from clinsynth.conditioning.radiograph.prompt import prompt  # noqa: E402
from clinsynth.generators.diffusion.schedulers import step_sources  # noqa: E402
from clinsynth.generators.radiograph.stable_diffusion import (  # noqa: E402
    DataConfig,
    LossConfig,
    ModelConfig,
    RadiographStableDiffusion,
    SamplingConfig,
)
from clinsynth.generators.radiograph.stable_diffusion.examples import RadiographExamples  # noqa: E402
from clinsynth.generators.radiograph.stable_diffusion.folder import Parts, read_folder  # noqa: E402
from clinsynth.generators.radiograph.stable_diffusion.generator import first_noise  # noqa: E402
from clinsynth.generators.radiograph.stable_diffusion.trainee import RadiographStableDiffusionTrainee  # noqa: E402
from clinsynth.generators.radiograph.table import Table  # noqa: E402
from clinsynth.generators.training import Subset, TrainingConfig, fit, gradient_step  # noqa: E402
from stable_diffusion_toy import tiny_folder, unet, vae, write_stable_diffusion  # noqa: E402

BATCH, STEPS, GUIDANCE = 2, 5, 3.0
ASKED = [RadiographCondition(sex="F", age_years=50 + k, findings=["effusion"]) for k in range(BATCH)]


def small_folder(root: Path) -> Path:
    """Write a folder of Stable Diffusion 1.5's layout with a quarter of its channels."""
    return write_stable_diffusion(
        root,
        make_unet=lambda: unet(size=16, widths=(80, 160, 320, 320), heads=8, layers=2),
        make_vae=lambda: vae(widths=(32, 64, 128, 128)),
    )


def ours(parts: Parts) -> Callable[[int], None]:
    """Return what draws a batch with the studio."""
    generator = RadiographStableDiffusion(parts, sampling())
    return lambda k: [None for _ in generator.generate(ASKED, range(k * BATCH, (k + 1) * BATCH))] and None


def plain(parts: Parts) -> Callable[[int], None]:
    """Return what draws a batch with diffusers' pipeline."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    scheduler = DDIMScheduler.from_config(parts.scheduler, clip_sample=False)
    pipeline = StableDiffusionPipeline(
        **parts.networks, tokenizer=parts.tokenizer, scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    said = [prompt(condition) for condition in ASKED]

    def draw(k: int) -> None:
        source = torch.Generator().manual_seed(k)
        pipeline(said, generator=source, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="np")

    return draw


def sampling() -> SamplingConfig:
    """Return the settings of both sides."""
    return SamplingConfig(scheduler="DDIMScheduler", steps=STEPS, guidance=GUIDANCE, records_per_pass=BATCH)


def examples(parts: Parts) -> RadiographExamples:
    """Return rows whose latents are made already; the numbers in them do not matter here."""
    channels, h, w = parts.latent_shape(None)
    rows = np.random.default_rng(0).standard_normal((64, 2 * channels, h, w)).astype(np.float16)
    table = Table(rows, tuple(ASKED * (64 // BATCH)), tuple(f"p-{k}" for k in range(64)))
    return RadiographExamples(table, parts.tokenizer, parts.length, DataConfig(source="made"))


def trainee(parts: Parts) -> RadiographStableDiffusionTrainee:
    """Return the folder as it is trained: U-Net and text encoder."""
    return RadiographStableDiffusionTrainee(parts, ModelConfig(folder=Path(".")), LossConfig(), sampling())


def our_steps(parts: Parts, n: int) -> float:
    """Return the seconds of one step of the studio's loop, over n steps after the first two."""
    begun: list[float] = []

    def timed(*arguments):  # type: ignore[no-untyped-def]
        begun.append(time.process_time())
        return gradient_step(*arguments)

    rows = examples(parts)
    made = trainee(parts)
    made.sample_grid = lambda *_: None  # type: ignore[method-assign]
    made.save_pretrained = lambda folder, _: folder.mkdir()  # type: ignore[method-assign]
    config = TrainingConfig(steps=n + 3, batch_size=BATCH, learning_rate=1e-5, weight_decay=0.01, log_every=10**6)
    with tempfile.TemporaryDirectory() as run:
        whole = Subset(rows, np.arange(len(rows)))
        fit(made, whole, None, config, Path(run) / "run", model_config={}, gradient_step=timed)
    return (begun[-1] - begun[2]) / n


def bare_steps(parts: Parts, n: int) -> float:
    """Return the seconds of one step of a bare loop: the same forward pass, loss, clipping, AdamW and average."""
    rows, made = examples(parts), trainee(parts)
    unet_, text = made.networks["unet"].train(), made.networks["text_encoder"].train()
    moved = [*unet_.parameters(), *text.parameters()]
    average = [p.detach().clone() for p in moved]
    optimiser = torch.optim.AdamW(moved, 1e-5, weight_decay=0.01)
    alphas = made._alphas
    begun = []
    for step in range(n + 3):
        begun.append(time.process_time())
        batch = rows.batch(np.random.default_rng(step).integers(len(rows), size=BATCH))
        mean, logvar = batch["moments"].chunk(2, dim=1)
        x0 = 0.18215 * (mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
        t, eps = torch.randint(1000, (BATCH,)), torch.randn_like(x0)
        a = alphas[t][:, None, None, None]
        cond = text(batch["tokens"][:, 0], return_dict=False)[0]
        said = unet_(a.sqrt() * x0 + (1 - a).sqrt() * eps, t, cond, return_dict=False)[0]
        loss = (said - eps).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(moved, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(average, [p.detach() for p in moved], 0.1)
    return (begun[-1] - begun[2]) / n


def seeds_share(parts: Parts, batch_s: float) -> float:
    """Return the share of a batch's time that its samples' own noise takes, stochastic steps included."""
    shape, begun = parts.latent_shape(None), time.process_time()
    for k in range(100):
        for source in step_sources([k] * BATCH, "bench"):
            torch.randn(shape, generator=source)
        np.stack([first_noise(k, shape) for _ in range(BATCH)])
    return (time.process_time() - begun) / 100 / batch_s


def timed(act: Callable[[int], None], k: int) -> float:
    """Return the seconds that one call takes."""
    begun = time.process_time()
    act(k)
    return time.process_time() - begun


def peak_mib(side: str, folder: Path) -> float:
    """Return the peak memory of a process that does one side's work and nothing else."""
    words = [sys.executable, __file__, "--only", side, "--folder", str(folder)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1])


SIDES: dict[str, Callable[[Parts], object]] = {
    "ours": lambda parts: ours(parts)(0),
    "plain": lambda parts: plain(parts)(0),
    "our steps": lambda parts: our_steps(parts, 3),
    "bare steps": lambda parts: bare_steps(parts, 3),
}


def measure(name: str, folder: Path, rounds: int, steps: int) -> None:
    """Print the ratios and peaks of one folder."""
    parts = read_folder(folder)
    draw, draw_plain = ours(parts), plain(parts)
    draw(0), draw_plain(0)
    pairs = np.array([(timed(draw, k), timed(draw_plain, k)) for k in range(rounds)])
    mine, theirs = np.median(pairs, axis=0)
    ratios = np.sort(pairs[:, 1] / pairs[:, 0])
    print(
        f"{name}: {sum(p.numel() for p in parts.unet.parameters()) / 1e6:.1f} M parameters in the U-Net, batch {BATCH}"
    )
    print(
        f"  images per core second {BATCH / mine:.2f}, diffusers {BATCH / theirs:.2f}; ratio {np.median(ratios):.3f}",
        end=" ",
    )
    print(
        f"[{ratios[0]:.3f} to {ratios[-1]:.3f}] over {rounds} rounds; own seeds {seeds_share(parts, mine):.2%}",
        flush=True,
    )
    turns = np.array([(our_steps(parts, steps), bare_steps(parts, steps)) for _ in range(rounds)])
    ratios = np.sort(turns[:, 1] / turns[:, 0])
    print(
        f"  training step, core seconds {np.median(turns[:, 0]):.3f}, bare loop {np.median(turns[:, 1]):.3f};", end=" "
    )
    print(f"ratio {np.median(ratios):.3f} [{ratios[0]:.3f} to {ratios[-1]:.3f}]")
    print("  peak MiB", ", ".join(f"{side} {peak_mib(side, folder):.0f}" for side in SIDES), flush=True)


def main() -> None:
    """Measure both folders, or do one side's work and print the peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("tiny", "small"), default=None, help="one of them; both when left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=tuple(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    o = parser.parse_args()
    torch.set_num_threads(1)
    if o.only:
        SIDES[o.only](read_folder(o.folder))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    if o.shape != "small":
        measure("tiny", tiny_folder(), o.rounds, 20)
    if o.shape != "tiny":
        with tempfile.TemporaryDirectory() as root:
            measure("small", small_folder(Path(root)), o.rounds, 3)


if __name__ == "__main__":
    main()
