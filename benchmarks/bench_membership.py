"""What a trained image model gives away of who it was trained on: loss threshold, LiRA, canaries.

    python benchmarks/bench_membership.py [--source embedded:nih64?split=train] [--steps 2000] [--pairs 8] [--shipped 0]
    python benchmarks/bench_membership.py --source pneumoniamnist.npz --most 3000 --steps 4000

A source is READER:PATH, or a MedMNIST file of grey images, each taken for a patient of its own. Patients are cut in
halves, members and strangers. Two small diffusion models (three layers, images of 16 x 16) learn the members, one with
canaries among them and one without; pairs of reference models learn random halves of all patients and their
complements, so that half of the references know a record and half do not. Each line gives the area under the ROC curve
and the true positive rates at 0.1 % and 1 % false positives with 95 % intervals over patients; exposure is in bits,
with what a blank gives. With --shipped N the threshold attack is run on the radiograph model that the package carries
too, on N images that it learned and N of other patients.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.square import squared
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.privacy.canaries import Canaries, canary_attack, ranks, with_canaries
from clinsynth.evaluation.privacy.losses import Losses, loss_attacks, losses_of
from clinsynth.evaluation.privacy.result import Attack
from clinsynth.evaluation.tables import ranged
from clinsynth.generators.diffusion import Preconditioning, denoising_loss
from clinsynth.generators.diffusion.record_loss import averaged_loss
from clinsynth.generators.diffusion.sampler import SamplerConfig, sample
from torch import Tensor, nn

CANARIES, TWINS, COPIES = 16, 63, 8
SIDE, BATCH, WIDTH = 16, 32, 512
DRAWN = 512  # images that are generated to look for canaries
SCALING = Preconditioning(1.0)


class Denoiser(nn.Module):
    """Three layers on all pixels and the noise level."""

    def __init__(self) -> None:
        super().__init__()
        n = SIDE * SIDE
        self.layers = nn.Sequential(
            nn.Linear(n + 1, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, n)
        )

    def forward(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """Return (b, pixels) of scaled (b, pixels) and (b,)."""
        out: Tensor = self.layers(torch.cat([x, c_noise[:, None]], 1))
        return out


@dataclass(frozen=True)
class Trained:
    """A network and the scale of its images."""

    network: Denoiser
    mean: float
    sd: float

    def loss(self, records: Sequence[Record]) -> np.ndarray:
        """Return the denoising loss of each record."""

        def at(rows: Sequence[int], x0: Tensor, level: float, eps: Tensor) -> Tensor:
            return denoising_loss(self.network, x0, torch.full((len(x0),), level), eps, SCALING)

        x0 = (pixels(records) - self.mean) / self.sd
        return averaged_loss(at, x0, [r.record_id for r in records], draws=4, batch=256)

    def drawn(self, n: int, seed: int) -> np.ndarray:
        """Return generated images, (n, pixels), in [0, 1]."""
        eps = torch.from_numpy(stream(seed, "drawn").standard_normal((n, SIDE * SIDE), np.float32))
        with torch.no_grad():
            x = sample(SCALING.denoiser(self.network), eps, SamplerConfig())
        return np.clip(x.numpy() * self.sd + self.mean, 0, 1)


def pixels(records: Sequence[Record]) -> np.ndarray:
    """Return images as (n, pixels), 16 x 16."""
    return np.stack([squared(np.asarray(r.arrays["image"], np.float32), SIDE).ravel() for r in records])


def trained(records: Sequence[Record], steps: int, seed: int) -> Trained:
    """Return a model of the records."""
    x, rng = pixels(records), stream(seed, "bench.training")
    mean, sd = float(x.mean()), float(x.std())
    data = torch.from_numpy((x - mean) / sd)
    torch.manual_seed(seed)
    network = Denoiser()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x0 = data[torch.from_numpy(rng.integers(len(data), size=BATCH))]
        sigma = torch.from_numpy(np.exp(rng.normal(-1.0, 1.2, BATCH)).astype(np.float32))
        eps = torch.from_numpy(rng.standard_normal(x0.shape, np.float32))
        optimiser.zero_grad()
        denoising_loss(network, x0, sigma, eps, SCALING).mean().backward()
        optimiser.step()
        schedule.step()
    return Trained(network.eval(), mean, sd)


def read_source(source: str) -> list[Record]:
    """Return the records of READER:PATH, or of a MedMNIST file."""
    if not source.endswith(".npz"):
        return list(read(source))
    with np.load(source) as found:
        images = np.concatenate([found[f"{part}_images"] for part in ("train", "val", "test")])
    grey = images.astype(np.float32) / 255
    return [Record(f"r{k}", {"image": one}, None, ImageGeometry((1.0, 1.0)), {}) for k, one in enumerate(grey)]


def patient(record: Record) -> str:
    """Return whose a record is."""
    named = record.provenance.get("patient_id") or getattr(record.condition, "patient_id", None)
    return str(named or record.record_id)


def references(
    records: Sequence[Record], names: Sequence[str], chosen: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """Return every record's losses under the models that learned it, and under those that did not, (n, pairs) each."""
    inside, outside = np.empty((2, len(records), chosen.pairs))
    for k in range(chosen.pairs):
        order = stream(chosen.seed, f"bench.membership/{k}").permutation(names)
        known = set(order[: len(names) // 2].tolist())
        mine = np.array([patient(r) in known for r in records])
        for side in (True, False):
            taught = [r for r, m in zip(records, mine.tolist(), strict=True) if m is side]
            loss = trained(taught, chosen.steps, 100 + 2 * k + side).loss(records)
            inside[mine == side, k], outside[mine != side, k] = loss[mine == side], loss[mine != side]
    return inside, outside


def exposure(model: Trained, canaries: Canaries, seed: int) -> list[Attack]:
    """Return how exposed canaries are by the model's loss and by what it draws."""
    loss = np.stack(
        [
            model.loss([replace(r, record_id=c.record_id) for r in (c, *twins)])  # all meet the same noise
            for c, twins in zip(canaries.inserted, canaries.twins, strict=True)
        ]
    )
    by_loss = 1 + (loss[:, 1:] < loss[:, :1]).sum(1) + (loss[:, 1:] == loss[:, :1]).sum(1) / 2
    by_draws = ranks(pixels(canaries.inserted), [pixels(t) for t in canaries.twins], model.drawn(DRAWN, seed))
    kinds = (("by its loss", by_loss), ("by what it draws", by_draws))
    return [canary_attack(rank, TWINS, seed=seed, kind=kind) for kind, rank in kinds]


def said(attack: Attack) -> str:
    """Return an attack's figures in one line."""
    if attack.reason:
        return attack.reason
    return "; ".join(f"{f.name} {ranged(f.value, 3)} (blank {ranged(f.control, 3)})" for f in attack.figures)


def main() -> None:
    """Train the models and print each attack on both targets."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--source", default="embedded:nih64?split=train")
    options.add_argument("--most", type=int, default=None)
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--pairs", type=int, default=8)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--shipped", type=int, default=0)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    records, began = read_source(chosen.source)[: chosen.most], time.process_time()
    names = sorted({patient(r) for r in records})
    half = set(stream(chosen.seed, "bench.membership").permutation(names)[: len(names) // 2].tolist())
    members, strangers = ([r for r in records if (patient(r) in half) is side] for side in (True, False))
    canaries = with_canaries(members, CANARIES, twins=TWINS, copies=COPIES, seed=chosen.seed)
    print(f"{len(members)} images of {len(half)} members, {len(strangers)} of {len(names) - len(half)} strangers; "
          f"{CANARIES} canaries {COPIES} times each, {TWINS} twins; {chosen.steps} steps of {BATCH}; "
          f"{2 * chosen.pairs} reference models", flush=True)  # fmt: skip
    inside, outside = references(records, names, chosen)
    of = {r.record_id: k for k, r in enumerate(records)}
    sides = [np.array([of[r.record_id] for r in side]) for side in (members, strangers)]
    who = [[patient(r) for r in side] for side in (members, strangers)]
    for name, taught in (("with canaries", canaries.training), ("without canaries", members)):
        model = trained(taught, chosen.steps, chosen.seed)
        loss = model.loss(records)
        tables = [table[side] for table in (outside, inside) for side in sides]
        losses = Losses(loss[sides[0]], loss[sides[1]], *who, *tables)
        offline = Losses(loss[sides[0]], loss[sides[1]], *who, *tables[:2])
        print(f"trained {name}: loss of members {losses.members.mean():.3f}, of strangers "
              f"{losses.strangers.mean():.3f}", flush=True)  # fmt: skip
        attacks = [*loss_attacks(losses, seed=chosen.seed), loss_attacks(offline, seed=chosen.seed)[1]]
        labels = ["loss threshold", "reference models, LiRA with models of both kinds", "LiRA, models without it alone"]
        for label, attack in zip(labels, attacks, strict=True):
            print(f"  {label}: {said(attack)}", flush=True)
        for attack in exposure(model, canaries, chosen.seed):
            print(f"  {attack.label}: {said(attack)}", flush=True)
    if chosen.shipped:
        shipped(chosen.shipped, chosen.seed)
    print(f"{time.process_time() - began:.0f} CPU seconds")


def shipped(n: int, seed: int) -> None:
    """Print the threshold attack on the radiograph model that the package carries."""
    from clinsynth.app.jobs.models import build
    from clinsynth.generators.radiograph.latent.record_loss import radiograph_loss

    sides = []
    for split in ("train", "held_out"):
        all_of_them = list(read(f"embedded:nih64?split={split}"))
        order = stream(seed, f"bench.membership/{split}").permutation(len(all_of_them))[:n]
        sides.append([all_of_them[k] for k in order.tolist()])
    losses = losses_of(radiograph_loss(build("radiograph")), *sides)
    print(f"the carried radiograph model: loss of {len(sides[0])} learned {losses.members.mean():.3f}, of "
          f"{len(sides[1])} held-out {losses.strangers.mean():.3f}")  # fmt: skip
    print(f"  loss threshold: {said(loss_attacks(losses, seed=seed)[0])}")


if __name__ == "__main__":
    main()
