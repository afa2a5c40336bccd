"""The volume translator as the training loop wants it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ....conditioning.record import Record
from ...training import Draws, Phase
from .asked import Asked, all_targets, asked_of, to_bands
from .augmenting import AugmentConfig, changed, flipped
from .drawing import BRIDGE_TIME
from .dropping import DroppingConfig, drawn_subset, drawn_target, inputs_beside
from .generator import MriDiffusion
from .intensity import Scales
from .model_folder import new_networks
from .settings import Bridge, LossConfig, ModelConfig, SamplingConfig
from .sheet import quality, write_sheet


class MriDiffusionTrainee:
    """Network, loss, sample grid and export.

    Attributes:
        held_out: records that the sample grid is made of, with the quality of each target from all other arrays.
    """

    def __init__(
        self, model: ModelConfig, sampling: SamplingConfig, scales: Scales, seed: int, *,
        loss: LossConfig | None = None, dropping: DroppingConfig | None = None, augment: AugmentConfig | None = None,
        held_out: Sequence[Record] = (), start: Mapping[str, nn.Module] | None = None,
    ) -> None:  # fmt: skip
        """Start untrained, or from a trained network.

        Args:
            model: what is trained.
            sampling: how the grid is drawn, and the trained generator's setting.
            scales: intensity scales of the training subjects.
            seed: of the initial weights.
            loss: what an error costs.
            dropping: what is left out.
            augment: how far examples are changed.
            held_out: records for the grid.
            start: networks of the same sizes to go on from.
        """
        self.networks: dict[str, nn.Module] = dict(start or new_networks(model, seed))
        self.phases = (Phase("denoise", tuple(self.networks), self.loss),)
        self.held_out = held_out
        self._model, self._sampling, self._scales = model, sampling.checked(model), scales
        self._cost, self._dropping = loss or LossConfig(), dropping or DroppingConfig()
        self._augment = augment or AugmentConfig()

    def loss(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor], draws: Draws) -> Tensor:
        """Return the loss of each example, (b,): one target from a random subset of its other arrays."""
        batch = self._mirrored(batch, draws)
        model, there = self._model, batch["there"]
        wanted = drawn_target(there, draws.uniform("target", ()), model)
        inputs = self._inputs(inputs_beside(there, wanted, model), draws)
        sources = changed(batch["x"][:, : len(model.sources)], batch["inside"], self._augment, draws)
        labelled = batch["labelled"] * (draws.uniform("labels", ()) >= self._dropping.labels)
        facts = batch["facts"] * (draws.uniform("facts", ()) >= self._dropping.facts)[:, None]
        asked = asked_of(sources, inputs, wanted, batch["labels"], labelled, facts, model)
        places = [model.names.index(name) for name in model.targets]
        x0 = to_bands(batch["x"][:, places], model.low_scale).unflatten(1, (-1, 8))
        xt, time = self._noised(_picked(x0, wanted), asked.start(), draws)
        said = all_targets(networks, model)(xt, time, asked)
        return self._error(said, x0, self._judged(time, wanted, asked, there[:, places]), batch)

    def _judged(self, time: Tensor, wanted: Tensor, asked: Asked, there: Tensor) -> Tensor:
        """Return how much the word on each target counts, (b, m).

        The start of a bridge is the same for all targets, so there every one that is known and is no input is judged.
        """
        if not isinstance(self._model.objective, Bridge):
            return wanted
        given = torch.tensor([[float(a == b) for b in self._model.targets] for a in self._model.sources])
        hidden = there * (1 - asked.there @ given.to(there.device))
        return torch.where((time == 0)[:, None], hidden / hidden.sum(1, keepdim=True), wanted)

    def _mirrored(self, batch: dict[str, Tensor], draws: Draws) -> dict[str, Tensor]:
        if not self._augment.flip:
            return batch
        uniform = draws.uniform("flip", ())
        return batch | {key: flipped(batch[key], uniform) for key in ("x", "inside", "labels")}

    def _inputs(self, present: Tensor, draws: Draws) -> Tensor:
        if self._dropping.inputs == "none":
            return present
        some = drawn_subset(present, draws.uniform("subset", ()))
        whole = draws.uniform("whole", ()) < self._dropping.whole
        return torch.where(whole[:, None], present, some)

    def _noised(self, x0: Tensor, start: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the target on its way and the time as the network is told it."""
        objective = self._model.objective
        eps, uniform = draws.normal("eps", tuple(x0.shape[1:])), draws.uniform("t", ())
        if isinstance(objective, Bridge):
            t = objective.bridge.drawn(uniform)
            return objective.bridge.between(start, x0, t, eps), BRIDGE_TIME * t
        step = objective.schedule.drawn(uniform)
        return objective.schedule.noised(x0, step, eps), objective.schedule.time(step)

    def _error(self, said: Tensor, x0: Tensor, judged: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Return the mean squared error of each example over targets, bands and blocks that count."""
        error = (said - x0).square()
        if self._cost.weighting == "image":
            error = torch.cat([error[:, :, :1] * self._model.low_scale**2, error[:, :, 1:]], dim=2)
        mean = (error.mean(2) * judged[:, :, None, None, None]).sum(1, keepdim=True)
        weight = torch.ones_like(mean)
        if self._cost.where == "inside":
            weight = nn.functional.max_pool3d(batch["inside"], 2)
        if self._cost.label_weight != 1:
            marked = nn.functional.max_pool3d((batch["labels"] > 0).float()[:, None], 2)
            weight = weight * (1 + (self._cost.label_weight - 1) * marked)
        total = weight.sum((1, 2, 3, 4)).clamp(min=1)
        return (mean * weight).sum((1, 2, 3, 4)) / total

    def sample_grid(self, networks: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Make each array of the held-out records from all others: a picture, and PSNR beside it as JSON."""
        generator = self._generator(networks)
        rows, found = [], dict[str, dict[str, float]]()
        for record in self.held_out:
            targets = [name for name in self._model.targets if self._possible(record, name)]
            made = generator.translate(record, targets, 0)
            found[record.record_id] = {name: quality(record.arrays[name], made.arrays[name]) for name in targets}
            rows.append((record, made, targets))
        write_sheet(rows, folder / f"step-{step:06d}.png")
        body: dict[str, Any] = {"step": step, "psnr_db": found}
        (folder / f"step-{step:06d}.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")

    def _possible(self, record: Record, target: str) -> bool:
        others = [name for name in self._model.sources if name != target and name in record.arrays]
        return target in record.arrays and bool(others)

    def save_pretrained(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        """Write the generator into a new folder."""
        self._generator(networks).save_pretrained(folder)

    def _generator(self, networks: Mapping[str, nn.Module]) -> MriDiffusion:
        return MriDiffusion(networks, self._model, self._sampling, self._scales)


def _picked(x0: Tensor, wanted: Tensor) -> Tensor:
    """Return the wanted target's bands of each example, (b, 8, i, j, k)."""
    return (x0 * wanted[:, :, None, None, None, None]).sum(1)
