"""Radiographs from any local Stable Diffusion folder: condition and seed in, grey image out."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.radiograph.prompt import prompt
from ....conditioning.record import ImageGeometry, Record
from ....conditioning.seeds import stream
from ...diffusion import weights_sha256
from ...diffusion.attention import backend, use
from ...diffusion.schedulers import step_arguments, step_sources
from ...protocol import check_seeds
from .denoising import Walk, walk
from .folder import Parts, read_folder, write_folder
from .quiet import quiet
from .schedulers import scheduler_of
from .settings import SamplingConfig
from .text import encoded, repeated, windows

_AHEAD = 4  # passes' worth of samples that are looked at together, so that prompts of one length share a pass
_DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class RadiographStableDiffusion:
    """Draws chest radiographs from a local folder in the Stable Diffusion layout, such as RoentGen-v2's.

    A condition becomes a prompt in the published form; what it leaves open is not said. How well the model obeys is a
    matter of its training. The image is the mean of the three colours; how far they differ is in `truth`. On a CPU a
    record is the same bit for bit whatever is drawn beside it.

    Source: Rombach et al. 2022, arXiv 2112.10752; guidance: Ho and Salimans 2022, arXiv 2207.12598.
    """

    name: ClassVar[str] = "radiograph-sd"
    condition_type: ClassVar[type[RadiographCondition]] = RadiographCondition
    shard_size: ClassVar[int] = 64
    formats: ClassVar[tuple[str, ...]] = ("png", "png16", "dicom")

    def __init__(self, parts: Parts | None = None, sampling: SamplingConfig | None = None) -> None:
        """Draw with the parts of a folder.

        Args:
            parts: networks, tokenizer and scheduler.
            sampling: how to draw; as the folder says, else the defaults.

        Raises:
            ValueError: no parts are given, or they cannot draw as asked; the message says why.
        """
        if parts is None:
            raise ValueError(
                f"{self.name} carries no weights; name a local folder in the Stable Diffusion layout (RadiographStable"
                "Diffusion.from_pretrained, or sample --model FOLDER)"
            )
        self.parts = parts
        self.sampling = sampling or parts.sampling or SamplingConfig()
        self._shape = parts.latent_shape(self.sampling.size)
        self._device = parts.unet.device
        scheduler_of(parts.scheduler, self.sampling)
        backend(self.sampling.attention, self._device)
        self._length = parts.length
        self._encode = lru_cache(maxsize=256)(self._encoded)

    @classmethod
    def from_pretrained(cls, folder: str | Path, sampling: SamplingConfig | None = None) -> RadiographStableDiffusion:
        """Return the generator of a local folder; nothing is ever looked for elsewhere.

        Args:
            folder: in the layout of diffusers' StableDiffusionPipeline, safetensors only.
            sampling: how to draw; as the folder says, else the defaults.

        Raises:
            ValueError: a part is missing, damaged, changed, of another kind or a pickle; the message names it.
        """
        return cls(read_folder(Path(folder)), sampling)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the same layout, which diffusers loads too, and `sampling/config.json` into a new or empty folder.

        Raises:
            ValueError: the folder is not empty.
        """
        write_folder(Path(folder), self.parts, self.sampling)

    @cached_property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256(self.parts.networks)

    @property
    def attention(self) -> str:
        """Return the attention code in use, `xformers` or `sdpa`."""
        return backend(self.sampling.attention, self._device)

    @property
    def device(self) -> str:
        """Return where and with which attention code the networks run, as run logs have it; no hashed file does."""
        return f"{self._device}, attention {self.attention}"

    def to(self, device: str | torch.device) -> RadiographStableDiffusion:
        """Compute on a device from now on; noise still comes from the CPU.

        Raises:
            ValueError: the attention code that is asked for cannot run there.
        """
        self._device = torch.device(device)
        backend(self.sampling.attention, self._device)
        self.__dict__.pop("_running", None)
        self._encode.cache_clear()
        return self

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output, but for the weights."""
        sampling = self.sampling.model_dump(mode="json", exclude={"attention"})
        return {"generator": self.name, "scheduler": self.parts.scheduler, "sampling": sampling}

    def generate(self, conditions: Sequence[RadiographCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition, `image` float32 (rows, cols) in [0, 1]; each depends on its own seed alone.

        Args:
            conditions: what is asked for; what they leave out is not said.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length, or a prompt is too long and that is to be refused.
        """
        check_seeds(conditions, seeds)
        if self.sampling.long_prompts == "refuse":
            for condition in conditions:
                self._windows(prompt(condition))
        some = _AHEAD * self.sampling.records_per_pass
        for first in range(0, len(conditions), some):
            asked = conditions[first : first + some]
            own = [int(seed) for seed in seeds[first : first + some]]
            said = [prompt(condition) for condition in asked]
            for condition, seed, rgb in zip(asked, own, self._images(said, own), strict=True):
                yield self._record(condition, seed, rgb)

    def _images(self, prompts: Sequence[str], seeds: Sequence[int]) -> Iterator[Float[np.ndarray, "3 rows cols"]]:
        """Yield the images in order; a pass holds prompts of one number of windows and is made when it is needed."""
        count, made = [len(self._windows(text)) for text in prompts], dict[int, np.ndarray]()
        for k in range(len(prompts)):
            if k not in made:
                alike = [j for j in range(k, len(prompts)) if count[j] == count[k] and j not in made]
                alike = alike[: self.sampling.records_per_pass]
                images = self._pass([prompts[j] for j in alike], [seeds[j] for j in alike])
                made |= dict(zip(alike, images, strict=True))
            yield made[k]

    @torch.inference_mode()
    def _pass(self, prompts: list[str], seeds: list[int]) -> Float[np.ndarray, "b 3 rows cols"]:
        """Return the images of at most `records_per_pass` prompts of as many windows."""
        spare = self.sampling.records_per_pass - len(seeds)
        prompts, own = prompts + [prompts[-1]] * spare, seeds + [seeds[-1]] * spare
        scheduler = scheduler_of(self.parts.scheduler, self.sampling)
        scheduler.set_timesteps(self.sampling.steps, device=self._device)
        eps = torch.from_numpy(np.stack([first_noise(seed, self._shape) for seed in own])).to(self._device)
        told = [self._encode(text) for text in prompts]
        free = self._encode("", told[0].shape[1] // self._length).expand(len(own), -1, -1)
        step = step_arguments(scheduler, self.sampling.eta, step_sources(own, "radiograph-sd.steps"))
        config = Walk(self.sampling.guidance, self.sampling.guidance_rescale, step)
        latent = walk(self._running["unet"], scheduler, eps, torch.cat(told), free, config)
        return self._decoded(latent)[: len(seeds)].float().cpu().numpy()

    def _decoded(self, latent: Tensor) -> Tensor:
        """Return colours, about 0 to 1, (b, 3, rows, cols)."""
        vae = self._running["vae"]
        return vae.decode(latent / vae.config.scaling_factor, return_dict=False)[0] / 2 + 0.5

    def _windows(self, text: str) -> np.ndarray:
        return windows(self.parts.tokenizer, text, self._length, self.sampling.long_prompts)

    def _encoded(self, text: str, w: int = 1) -> Tensor:
        """Return the encoding of one prompt, (1, windows * length, width); the empty one w times."""
        tokens = self._windows(text)
        tokens = tokens if text else repeated(tokens, w)
        return encoded(self._running["text_encoder"], torch.from_numpy(tokens)[None].to(self._device))

    @cached_property
    def _running(self) -> dict[str, Any]:
        """Return the networks on the device, U-Net and text encoder in the precision asked for.

        Half precision has an eighth of a bit per grey level to spare at best, so the decoder keeps float32.
        """
        dtype, ran = _DTYPES[self.sampling.precision], dict[str, Any]()
        for name, network in self.parts.networks.items():
            wanted = torch.float32 if name == "vae" else dtype
            own = wanted is torch.float32  # else a copy: the weights themselves are saved and hashed as they are
            with quiet():
                ran[name] = (network if own else copy.deepcopy(network)).eval().to(self._device, wanted)
        use(ran["unet"], self.attention)
        return ran

    def _record(self, condition: RadiographCondition, seed: int, rgb: Float[np.ndarray, "3 rows cols"]) -> Record:
        pixel = () if self.sampling.pixel_mm is None else (self.sampling.pixel_mm, self.sampling.pixel_mm)
        return Record(
            record_id=f"{self.name}-{seed}",
            arrays={"image": np.clip(rgb.mean(axis=0), 0, 1).astype(np.float32)},
            condition=condition,
            geometry=ImageGeometry(pixel),
            provenance={"synthetic": True, "generator": self.name, "seed": seed},
            truth={"colour_spread": float(np.ptp(rgb, axis=0).mean())},
        )


def first_noise(seed: int, shape: tuple[int, ...]) -> Float[np.ndarray, ...]:
    """Return the standard normal latent that the sample `seed` starts from, float32."""
    return stream(seed, "radiograph-sd.noise").standard_normal(shape, np.float32)
