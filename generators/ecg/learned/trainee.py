"""The learned ECG generator as the training loop wants it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ...diffusion import LogNormal, Preconditioning, denoising_loss
from ...training import Draws, Phase
from .encoder import BEATS_SHARE, hushed, numbers_needed
from .generator import EcgDiffusion
from .grid import CONDITIONS, draw_grid
from .mean_beat import Told
from .model_folder import new_networks
from .settings import ModelConfig, SamplingConfig


class EcgDiffusionTrainee:
    """Networks, loss, sample grid and export."""

    def __init__(self, model: ModelConfig, levels: LogNormal, sampling: SamplingConfig, seed: int) -> None:
        """Start untrained.

        Args:
            model: what is trained.
            levels: the noise levels that it is trained at.
            sampling: how the grid is drawn, and the trained generator's setting.
            seed: of the initial weights.
        """
        self.networks: dict[str, nn.Module] = new_networks(model, seed)
        self.phases = (Phase("denoise", ("denoiser", "encoder"), self.loss),)
        self._model, self._levels, self._sampling = model, levels, sampling
        self._scaling = Preconditioning(model.scale.sigma_data)

    def loss(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor], draws: Draws) -> Tensor:
        """Return the denoising loss of each example, (b,), with conditions and beats left out at random."""
        said = hushed(batch["said"], draws.uniform("hushed", (numbers_needed(),)), self._model.condition)
        cond = networks["encoder"](batch["value"], said)
        told = (draws.uniform("beats", ()) < BEATS_SHARE).float()
        beats = Told(batch["beats"], batch["weights"], batch["place"]).hushed(told)
        eps = draws.normal("eps", tuple(batch["x"].shape[1:]))

        def network(x: Tensor, c_noise: Tensor) -> Tensor:
            return networks["denoiser"](x, c_noise, cond, beats)

        return denoising_loss(network, batch["x"], self._levels.sigma(draws), eps, self._scaling)

    def sample_grid(self, networks: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Draw the same conditions from the same seeds and write them as `folder/step-NNNNNN.png`."""
        generator = EcgDiffusion(networks, self._model, self._sampling)
        draw_grid(list(generator.generate(CONDITIONS, range(len(CONDITIONS)))), folder / f"step-{step:06d}.png")

    def save_pretrained(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        """Write the generator into a new folder."""
        EcgDiffusion(networks, self._model, self._sampling).save_pretrained(folder)
