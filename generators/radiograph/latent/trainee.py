"""The radiograph model as the training loop wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from ....conditioning.radiograph import RadiographCondition
from ...diffusion import Preconditioning, denoising_loss
from ...diffusion.preconditioning import alongside
from ...diffusion.zero_snr import ZeroSnrConfig, drawn_steps, v_loss
from ...readout.radiograph.inspector import Inspector
from ...training import Draws, Phase
from .autoencoder import config_of
from .condition import Support, hushed
from .drawing import SIGMA_DATA, Network, edm_network
from .generator import INSPECTOR, RadiographDiffusion
from .images import contact_sheet
from .networks import ENCODER, UNET, VAE, as_network, encoded, new_networks
from .settings import Edm, ModelConfig, SamplingConfig

_COLUMNS = 8


class RadiographDiffusionTrainee:
    """Networks, loss, sample grid and export.

    Attributes:
        inspector: makes the classifiers that are saved with the model, if there are to be any.
    """

    inspector: Callable[[], Inspector] | None = None

    def __init__(
        self, model: ModelConfig, vae: AutoencoderKL, sampling: SamplingConfig, support: Support, seed: int
    ) -> None:
        """Start untrained, beside a trained autoencoder that stays as it is.

        Args:
            model: what is trained.
            vae: the autoencoder.
            sampling: how the grid is drawn, and the trained generator's setting.
            support: how many training images have each value.
            seed: of the initial weights.
        """
        networks = new_networks(model, vae, seed)
        self._vae = vae
        self.networks: dict[str, nn.Module] = {name: networks[name] for name in (UNET, ENCODER)}
        if model.denoiser.gradient_checkpointing:
            networks[UNET].enable_gradient_checkpointing()
        self.phases = (Phase("denoise", (UNET, ENCODER), self.loss),)
        self._model, self._sampling, self._support = model, sampling.checked(model), support
        self._shape = config_of(vae).shape
        self._v = None if isinstance(model.objective, Edm) else _Steps(model.objective.schedule)

    def loss(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor], draws: Draws) -> Tensor:
        """Return the loss of each example, (b,), with attributes left out at random."""
        numbers = 2 + len(self._model.condition.attributes)
        said = hushed(batch["said"], draws.uniform("hushed", (numbers,)))
        told = encoded(networks[ENCODER], batch["value"], said)
        eps, network = draws.normal("eps", self._shape), as_network(networks[UNET])
        if self._v is not None:
            return self._v.loss(network, batch["x"], told, eps, draws)
        assert isinstance(self._model.objective, Edm)
        sigma = self._model.objective.levels.sigma(draws)
        return denoising_loss(edm_network(network, told), batch["x"], sigma, eps, Preconditioning(SIGMA_DATA))

    def sample_grid(self, networks: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Draw the same conditions from the same seeds and write them as `folder/step-NNNNNN.png`."""
        from PIL import Image

        generator = self._generator(networks)
        conditions = grid_conditions(self._support)
        drawn = [r.arrays["image"] for r in generator.generate(conditions, range(len(conditions)))]
        sheet = contact_sheet(drawn, columns=_COLUMNS, scale=max(1, 128 // generator.size))
        Image.fromarray(sheet).save(folder / f"step-{step:06d}.png")

    def save_pretrained(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        """Write the generator into a new folder."""
        self._generator(networks).save_pretrained(folder)
        if self.inspector is not None:
            self.inspector().save_pretrained(folder / INSPECTOR)

    def _generator(self, networks: Mapping[str, nn.Module]) -> RadiographDiffusion:
        self._vae.to(next(networks[UNET].parameters()).device)
        whole = {**networks, VAE: self._vae}
        return RadiographDiffusion(whole, self._model, self._sampling, self._support)


class _Steps:
    """The loss of v at drawn time steps."""

    def __init__(self, config: ZeroSnrConfig) -> None:
        self._config = config
        alpha, sigma = config.alpha_sigma()
        self._of_step = torch.stack([alpha, sigma, config.weights()]).float()

    def loss(self, network: Network, x0: Tensor, told: Tensor, eps: Tensor, draws: Draws) -> Tensor:
        t = drawn_steps(self._config, draws)
        alpha, sigma, weight = self._of_step.to(x0.device)[:, t]
        xt = alongside(alpha, x0) * x0 + alongside(sigma, x0) * eps
        return v_loss(network(xt, t, told), x0, eps, alpha, sigma, weight)


def grid_conditions(support: Support) -> list[RadiographCondition]:
    """Return what the grid shows: rows of sex and view, columns of common findings, as far as they were taught."""
    taught = {field: [word for word, n in counts.items() if n] for field, counts in support.items()}
    common = sorted(taught.get("findings", []), key=lambda word: -support["findings"][word])[: _COLUMNS - 1]
    rows = [{"sex": sex, "view": view} for view in taught.get("view") or [""] for sex in taught.get("sex") or [""]]
    said = [row | {"findings": word} for row in rows for word in ("", *common)]
    return [RadiographCondition.model_validate({k: v for k, v in each.items() if v}) for each in said]
