"""A Stable Diffusion folder as the training loop wants it: U-Net and text encoder trained, autoencoder held still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...diffusion.attention import backend, use
from ...training import Draws, Phase
from .folder import Parts, write_folder
from .generator import RadiographStableDiffusion
from .grid import CONDITIONS, draw_grid
from .latents import drawn, moments_of
from .lora import Pairs, add_pairs, pairs_of, with_pairs, without_pairs
from .quiet import quiet
from .schedulers import able_name
from .settings import LossConfig, ModelConfig, SamplingConfig
from .text import encoded, repeated, shown, windows
from .weighting import alphas_cumprod, noised, steps_of, trained_scheduler, weight


class RadiographStableDiffusionTrainee:
    """Networks, loss, sample grid and export.

    Source: fine-tuning of U-Net and text encoder as in RoentGen-v2; here with prompts left out at random, which that
    lacked, so that guidance leads away from something that was learned.
    """

    def __init__(
        self, parts: Parts, model: ModelConfig, loss: LossConfig, sampling: SamplingConfig, seed: int = 0
    ) -> None:
        """Start at a folder's weights.

        Args:
            parts: of the folder, and this trainee's from now on: LoRA puts its matrices into them.
            model: what is trained.
            loss: what for.
            sampling: how the grid is drawn, and the trained folder's setting.
            seed: of the first LoRA matrices.

        Raises:
            ValueError: loss, sampling or LoRA do not fit the folder; the message says why.
        """
        self._model, self._loss, self._sampling = model, loss, sampling
        scheduler = trained_scheduler(parts.scheduler, loss)
        scheduler["_class_name"] = sampling.scheduler or able_name(scheduler, sampling)
        self._parts = replace(parts, scheduler=scheduler, sampling=sampling)
        RadiographStableDiffusion(self._parts, sampling)  # refuses before training what could not draw after it
        self._alphas = alphas_cumprod(scheduler)
        self._predicts = str(scheduler["prediction_type"])
        self._empty = windows(parts.tokenizer, "", parts.length, "windows")
        self.networks: dict[str, nn.Module] = {name: self._trainable(name, seed) for name in self._names()}
        self.phases = (Phase("denoise", self._names(), self.loss),)

    @property
    def environment(self) -> dict[str, str]:
        """Return what changes speed and memory alone, for the run's record."""
        return {"attention": backend("auto", _device())}

    def loss(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor], draws: Draws) -> Tensor:
        """Return the weighted denoising loss of each example, (b,), with prompts left out at random."""
        moments = batch["moments"] if "moments" in batch else self._moments(batch["image"])
        shape = (moments.shape[1] // 2, *moments.shape[2:])
        x0 = drawn(moments, draws.normal("posterior", shape), self._parts.vae.config.scaling_factor)
        t = steps_of(draws.uniform("t", ()), len(self._alphas))
        alphas = self._alphas.to(t.device)[t]
        xt, target = noised(x0, draws.normal("eps", shape), alphas, self._predicts)
        tokens = self._with_some_unsaid(batch["tokens"], draws.uniform("prompt", ()))
        said = networks["unet"](
            xt,
            t,
            encoder_hidden_states=encoded(self._text_encoder(networks, t.device), tokens),
            encoder_attention_mask=shown(batch["windows"], tokens.shape[1], tokens.shape[2]),
            return_dict=False,
        )[0].float()
        error = (said - target).square().flatten(1).mean(1)
        return error * weight(alphas / (1 - alphas).clamp(min=1e-12), self._predicts, self._loss)

    def sample_grid(self, networks: Mapping[str, nn.Module], folder: Path, step: int) -> None:
        """Draw the same conditions from the same seeds and write them as `folder/step-NNNNNN.png`."""
        unet: Any = networks["unet"]
        generator = RadiographStableDiffusion(self._with(networks), self._sampling).to(unet.device)
        draw_grid(list(generator.generate(CONDITIONS, range(len(CONDITIONS)))), folder / f"step-{step:06d}.png")

    def save_pretrained(self, folder: Path, networks: Mapping[str, nn.Module]) -> None:
        """Write the folder in the layout of diffusers' pipeline, LoRA matrices merged or beside the weights."""
        with quiet():
            whole = {name: network.cpu() for name, network in networks.items()}
        lora = self._model.lora
        if lora is None:
            write_folder(folder, self._with(whole), self._sampling)
            return
        pairs: dict[str, Pairs] = {name: pairs_of(network) for name, network in whole.items()}
        plain = {name: without_pairs(network) for name, network in whole.items()}
        if lora.keep == "merged":
            for name, network in plain.items():
                add_pairs(network, pairs[name], "lora")
        write_folder(folder, self._with(plain), self._sampling, pairs if lora.keep == "adapters" else None)

    def _names(self) -> tuple[str, ...]:
        return ("unet", "text_encoder") if self._model.text_encoder else ("unet",)

    def _trainable(self, name: str, seed: int) -> nn.Module:
        network: Any = self._parts.networks[name].requires_grad_(True)
        if name == "unet":
            use(network, backend("auto", _device()))
        if self._model.gradient_checkpointing:
            _check_point(network)
        lora = self._model.lora
        if lora is None:
            return network
        targets = lora.unet_targets if name == "unet" else lora.text_targets
        return with_pairs(network, targets, lora, seed)

    def _with(self, networks: Mapping[str, nn.Module]) -> Parts:
        return replace(self._parts, **networks)

    def _moments(self, images: Tensor) -> Tensor:
        with quiet():
            vae = self._parts.vae.to(images.device)
        return moments_of(vae, images)

    def _text_encoder(self, networks: Mapping[str, nn.Module], device: torch.device) -> Any:
        return networks["text_encoder"] if self._model.text_encoder else self._parts.text_encoder.to(device)

    def _with_some_unsaid(self, tokens: Tensor, uniform: Tensor) -> Tensor:
        """Return token ids (b, w, length) with the empty prompt in place of some prompts, in as many windows."""
        empty = torch.from_numpy(repeated(self._empty, tokens.shape[1])).to(tokens.device)
        return torch.where((uniform < self._loss.prompt_dropout)[:, None, None], empty, tokens)


def _check_point(network: Any) -> None:
    """Let a network of either library compute its activations again in the backward pass."""
    if hasattr(network, "activation_checkpointing_enable"):
        network.activation_checkpointing_enable({"use_reentrant": False})
    else:
        network.enable_gradient_checkpointing()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
