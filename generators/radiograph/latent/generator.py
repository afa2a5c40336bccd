"""The studio's own radiograph generator: condition and seed in, chest radiograph out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.radiograph.prompt import with_text
from ....conditioning.record import ImageGeometry, Record
from ....conditioning.seeds import stream
from ...diffusion import weights_sha256
from ...diffusion.attention import backend, use
from ...diffusion.precision import in_precision
from ...protocol import check_seeds
from .autoencoder import config_of, images_from
from .condition import encode, refuse
from .drawing import Told, draw
from .model_folder import read_model, write_model
from .networks import ENCODER, UNET, VAE, as_network, encoded
from .settings import ModelConfig, SamplingConfig, told_apart

INSPECTOR = "inspector"
SHIPPED = Path(__file__).parent / "weights"
_FIELD_MM = 1024 * 0.143  # side of the field in most of the NIH's images, on which the shipped weights were trained


class RadiographDiffusion:
    """Draws chest radiographs from a latent diffusion model that was trained on labelled ones.

    It obeys sex, age_years, race, view, findings, absent, uncertain and text, those values of them that its training
    images had, and any subset of them; other values are refused by name. What a condition leaves open comes as the
    training images have it and stays out of the record's condition. On a CPU an image is the same bit for bit whatever
    is drawn beside it.

    Source: latent diffusion: Rombach et al. 2022, arXiv 2112.10752; conditions of radiographs: Moroianu et al. 2025
    (RoentGen-v2).
    """

    name: ClassVar[str] = "radiograph"
    condition_type: ClassVar[type[RadiographCondition]] = RadiographCondition
    shard_size: ClassVar[int] = 64
    formats: ClassVar[tuple[str, ...]] = ("png", "png16", "dicom")

    folder: Path | None = None

    def __init__(
        self,
        networks: Mapping[str, nn.Module] | None = None,
        model: ModelConfig | None = None,
        sampling: SamplingConfig | None = None,
        support: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """Draw with trained networks.

        Args:
            networks: `unet`, `vae` and `condition_encoder`; those that the package carries when None.
            model: their settings; needed with networks.
            sampling: how to draw.
            support: how many training images had each value of each field; needed with networks.

        Raises:
            ValueError: no networks are given and the package carries none, or the sampling settings do not fit.
        """
        if networks is None:
            if not SHIPPED.is_dir():
                raise ValueError("radiograph carries no weights; train them with fit and name the model's folder")
            networks, model, carried, support = read_model(SHIPPED)
            sampling = sampling or carried
            self.folder = SHIPPED
        assert model is not None and support is not None
        self.networks = {name: network.eval() for name, network in networks.items()}
        self.model = model
        self.sampling = (sampling or SamplingConfig()).checked(model)
        self._support = {field: dict(counts) for field, counts in support.items()}
        self._per_pass = self.sampling.records_per_pass

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> RadiographDiffusion:
        """Return the generator that `save_pretrained` or a training run wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        made = cls(*read_model(Path(folder)))
        made.folder = Path(folder)
        return made

    @property
    def inspector_folder(self) -> Path | None:
        """Return the folder of the inspector that came with the model, which judges what it draws."""
        place = None if self.folder is None else self.folder / INSPECTOR
        return place if place is not None and place.is_dir() else None

    def save_pretrained(self, folder: str | Path, *, half: bool = False) -> None:
        """Write `model_index.json` and a folder per component into a new or empty folder.

        Args:
            folder: new or empty.
            half: store weights in half precision; `halved` rounds a model to what such a folder holds.

        Raises:
            ValueError: the folder is not empty.
        """
        write_model(Path(folder), self.networks, self.model, self.sampling, self._support, half)

    def support(self) -> dict[str, dict[str, int]]:
        """Return how many training images had each value of each field; ages by band."""
        return {field: dict(counts) for field, counts in self._support.items()}

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256(self.networks)

    @property
    def device(self) -> str:
        """Return where and with which attention code it computes, as run logs have it; no hashed file does."""
        return f"{self._device}, attention {backend(self.sampling.attention, self._device)}"

    @property
    def _device(self) -> torch.device:
        return next(self.networks[UNET].parameters()).device

    def halve_pass(self) -> int | None:
        """Let fewer images go through the networks together, after memory ran out, and return how many; None at one.

        Images then differ from those of a whole pass by rounding; the data set's receipt says so.
        """
        now = self._per_pass
        self._per_pass = max(1, now // 2)
        return self._per_pass if now > 1 else None

    def to(self, device: str | torch.device) -> RadiographDiffusion:
        """Compute on a device from now on; noise still comes from the CPU.

        Raises:
            ValueError: the attention code that is asked for cannot run there.
        """
        name = backend(self.sampling.attention, torch.device(device))
        for network in self.networks.values():
            network.to(device)
        use(self.networks[UNET], name)
        return self

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output, but for the weights."""
        sampling = self.sampling.model_dump(mode="json", exclude={"attention"})
        settings = {"model": self.model.model_dump(mode="json"), "sampling": sampling}
        return {"generator": self.name, "size": self.size} | settings

    @property
    def size(self) -> int:
        """Return the side of the images in pixels."""
        return config_of(self.networks[VAE]).size

    def generate(self, conditions: Sequence[RadiographCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: what is asked for; what they leave out is open.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length, or a condition has a value that the model was not taught.
        """
        check_seeds(conditions, seeds)
        read = [self._read(condition) for condition in conditions]
        per_pass = self._per_pass
        for first in range(0, len(read), per_pass):
            some, own = read[first : first + per_pass], [int(seed) for seed in seeds[first : first + per_pass]]
            for k, image in enumerate(self._pass(some, own)):
                yield self._record(conditions[first + k], own[k], image)

    def _read(self, condition: RadiographCondition) -> RadiographCondition:
        """Return the condition with what its text says, or refuse it."""
        read = with_text(condition)
        refuse(read, self.model.condition, self._support)
        return read

    @torch.inference_mode()
    def _pass(
        self, conditions: Sequence[RadiographCondition], seeds: Sequence[int]
    ) -> Float[np.ndarray, "b size size"]:
        """Return the images of a pass's conditions, at most as many as go together."""
        spare = self._per_pass - len(seeds)
        rows = [*seeds, *[seeds[-1]] * spare]
        told = [encode(condition, self.model.condition) for condition in conditions]
        value, said = (torch.from_numpy(np.stack(each)) for each in zip(*told, *[told[-1]] * spare, strict=True))
        shape = config_of(self.networks[VAE]).shape
        eps = torch.from_numpy(np.stack([_noise(seed, shape) for seed in rows]))
        unet = self.networks[UNET]
        heard = self._told(value.to(self._device), said.to(self._device))
        network = in_precision(as_network(unet), self.sampling.precision, self._device.type)
        z = draw(network, eps.to(self._device), heard, self.model.objective, self.sampling, rows)
        return images_from(self.networks[VAE], z)[: len(seeds)]

    def _told(self, value: Tensor, said: Tensor) -> Told:
        encoder = self.networks[ENCODER]
        without = {}
        for field in told_apart(self.sampling.guidance, self.sampling.guidance_of):
            less = said.clone()
            less[:, list(self.model.condition.places(field))] = 0
            without[field] = encoded(encoder, value, less)
        free = encoded(encoder, value, torch.zeros_like(said))
        return Told(encoded(encoder, value, said), free, without)

    def _record(self, condition: RadiographCondition, seed: int, image: Float[np.ndarray, "size size"]) -> Record:
        pixel_mm = _FIELD_MM / self.size
        return Record(
            record_id=f"radiograph-{seed}",
            arrays={"image": image},
            condition=condition,
            geometry=ImageGeometry((pixel_mm, pixel_mm)),
            provenance={"synthetic": True, "generator": self.name, "seed": seed},
        )


def _noise(seed: int, shape: tuple[int, ...]) -> Float[np.ndarray, "c y x"]:
    return stream(seed, "radiograph.noise").standard_normal(shape, np.float32)
