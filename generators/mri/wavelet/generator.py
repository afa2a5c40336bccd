"""The MRI generator: a patient's contrasts in, those that are missing out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ....conditioning.mri import MriCondition
from ....conditioning.record import Record
from ....conditioning.seeds import stream
from ...diffusion import weights_sha256
from ...diffusion.precision import in_precision
from ...protocol import check_seeds
from .asked import UNET, Asked, as_network, asked_of, in_tiles
from .drawing import draw
from .dropping import inputs_beside
from .intensity import Scales
from .model_folder import read_model, write_model
from .prepared import Prepared, prepared
from .settings import ModelConfig, SamplingConfig

SHIPPED = Path(__file__).parent / "weights"


class MriDiffusion:
    """Makes missing contrasts of a brain from those that are there, whichever they are.

    One network makes every contrast that it was taught, from any non-empty subset of the others, at any size and voxel
    size; what it makes lies on the grid of the inputs, is 0 where they are, and has an intensity scale that follows
    from theirs (`Scales`). The same network translates any other volumes, with the names that it was trained on:
    `translate` takes records.

    Source: conditional wavelet diffusion: Friedrich et al. 2024, arXiv 2411.17203; presence of inputs as channels and
    modality dropout: Ferreira et al. 2024 (BraTS 2024, task 7), Havaei et al. 2016, arXiv 1607.05194.
    """

    name: ClassVar[str] = "mri"
    condition_type: ClassVar[type[MriCondition]] = MriCondition
    shard_size: ClassVar[int] = 2
    formats: ClassVar[tuple[str, ...]] = ("nifti",)

    folder: Path | None = None

    def __init__(
        self,
        networks: Mapping[str, nn.Module] | None = None,
        model: ModelConfig | None = None,
        sampling: SamplingConfig | None = None,
        scales: Scales | None = None,
    ) -> None:
        """Draw with trained networks.

        Args:
            networks: `unet` and, where the model has one, `voxelwise`; those that the package carries when None.
            model: their settings; needed with networks.
            sampling: how to draw.
            scales: intensity scales of the training subjects; needed with networks.

        Raises:
            ValueError: no networks are given and the package carries none, or the sampling settings do not fit.
        """
        if networks is None:
            if not SHIPPED.is_dir():
                raise ValueError("mri carries no weights; train them with fit and name the model's folder")
            networks, model, carried, scales = read_model(SHIPPED)
            sampling, self.folder = sampling or carried, SHIPPED
        assert model is not None and scales is not None
        self.networks = {name: network.eval() for name, network in networks.items()}
        self.model, self.scales = model, scales
        self.sampling = (sampling or SamplingConfig()).checked(model)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MriDiffusion:
        """Return the generator that `save_pretrained` or a training run wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        made = cls(*read_model(Path(folder)))
        made.folder = Path(folder)
        return made

    def save_pretrained(self, folder: str | Path, *, half: bool = False) -> None:
        """Write `model_index.json` and a folder per component into a new or empty folder.

        Args:
            folder: new or empty.
            half: store weights in half precision.

        Raises:
            ValueError: the folder is not empty.
        """
        write_model(Path(folder), self.networks, self.model, self.sampling, self.scales, half)

    def support(self) -> dict[str, dict[str, int]]:
        """Return how many training subjects had each contrast that can be asked for."""
        return {"wanted": {name: self.scales.subjects.get(name, 0) for name in self.model.targets}}

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256(self.networks)

    @property
    def device(self) -> str:
        """Return where it computes, as run logs have it; no hashed file does."""
        return str(self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.networks[UNET].parameters()).device

    def to(self, device: str | torch.device) -> MriDiffusion:
        """Compute on a device from now on; noise still comes from the CPU."""
        for network in self.networks.values():
            network.to(device)
        return self

    def with_sampling(self, **changes: Any) -> MriDiffusion:
        """Return a generator with the same weights and other sampling settings.

        Raises:
            ValueError: a setting that does not exist or does not fit.
        """
        settings = SamplingConfig.model_validate(self.sampling.model_dump() | changes)
        return type(self)(self.networks, self.model, settings, self.scales)

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output, but for the weights."""
        settings = {"model": self.model, "sampling": self.sampling, "scales": self.scales}
        return {"generator": self.name} | {name: made.model_dump(mode="json") for name, made in settings.items()}

    def generate(self, conditions: Sequence[MriCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: where each patient's volumes lie and which are wanted.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length, a contrast is wanted that the model was not taught or that has
                no input, or volumes cannot be read; when the record's turn has come.
        """
        from ....conditioning.mri.subject import subject_of

        check_seeds(conditions, seeds)
        for condition, seed in zip(conditions, seeds, strict=True):
            if not condition.targets:
                raise ValueError("nothing is to be made: all four contrasts are there, and wanted names none")
            self._check_taught([str(target) for target in condition.targets])
            subject = subject_of(condition)
            made = self.translate(subject, [str(target) for target in condition.targets], int(seed))
            yield replace(made, record_id=f"mri-{int(seed)}", condition=condition)

    def translate(
        self, record: Record, targets: Sequence[str], seed: int, *, sources: Sequence[str] | None = None
    ) -> Record:
        """Return the wanted arrays of one record, made from its others.

        Args:
            record: arrays by name on one grid; a wanted one that it has is not looked at while it is made.
            targets: names of what is wanted.
            seed: of the noise.
            sources: which arrays may be looked at; all that the model knows when None.

        Returns:
            A record with each target, float32 in the inputs' grid, and with several samples `<target>_uncertainty`,
            their standard deviation in the same unit.

        Raises:
            ValueError: a target that the model was not taught, or that has no input.
        """
        self._check_taught(targets)
        arrays: dict[str, np.ndarray] = {}
        made: dict[str, Any] = {}
        for target in targets:
            use = [name for name in sources or self.model.sources if name != target]
            one = prepared(record, self.model, [name for name in use if name in self.model.sources])
            mean, spread = self._drawn(one, target, seed)
            scale = self.scales.scale_for(target, one.scales, self.model.intensity_of(target))
            arrays[target] = scale.own(one.frame.back(mean))
            if spread is not None:
                arrays[f"{target}_uncertainty"] = scale.spread(one.frame.back(spread))
            made[target] = {"from": sorted(one.scales), "scale": scale.size, "scale_rule": "training subjects' ratio"}
        patient = record.provenance.get("patient") or record.provenance.get("patient_id")
        about = {
            "synthetic": True, "generator": self.name, "seed": seed, "patient": patient, "patient_id": patient,
            "made": made, "samples": self.sampling.samples, "inputs": record.provenance.get("inputs"),
        }  # fmt: skip
        return Record(record.record_id, arrays, record.condition, record.geometry, about)

    def _check_taught(self, targets: Sequence[str]) -> None:
        for target in targets:
            if target not in self.model.targets:
                raise ValueError(f"{target} is not taught; the model makes {', '.join(self.model.targets)}")
            if self.scales.subjects and not self.scales.subjects.get(target):
                raise ValueError(f"{target} was in no training subject; those had {', '.join(self.scales.subjects)}")

    @torch.inference_mode()
    def _drawn(
        self, one: Prepared, target: str, seed: int
    ) -> tuple[Float[np.ndarray, "i j k"], Float[np.ndarray, "i j k"] | None]:
        """Return mean and, of several draws, standard deviation as the network has values."""
        asked, inside = self._asked(one, target), _row(one.inside, self._device)[:, None]
        whole = in_precision(as_network(self.networks, self.model), self.sampling.precision, self._device.type)
        network = in_tiles(whole, self.sampling.tile, self.sampling.overlap)
        top, draws = self.model.intensity_of(target).top, []
        for k in range(self.sampling.samples):
            fresh = self._noise(seed, f"mri.noise/{target}/{k}", asked.source.shape[2:])
            made = draw(network, asked, inside, top, self.model, self.sampling, fresh)
            draws.append(made[0, 0].float().cpu().numpy())
        if len(draws) == 1:
            return draws[0], None
        return np.mean(draws, axis=0), np.std(draws, axis=0, ddof=1)

    def _asked(self, one: Prepared, target: str) -> Asked:
        x, there, labels, facts = (_row(each, self._device) for each in (one.x, one.there, one.labels, one.facts))
        wanted = torch.zeros(1, len(self.model.targets), device=self._device)
        wanted[0, self.model.targets.index(target)] = 1
        labelled = torch.full((1,), float(one.labelled), device=self._device)
        sources = x[:, : len(self.model.sources)]
        return asked_of(
            sources, inputs_beside(there, wanted, self.model), wanted, labels, labelled, facts, self.model
        )  # fmt: skip

    def _noise(self, seed: int, name: str, sides: Sequence[int]) -> Callable[[], Tensor]:
        source = stream(seed, name)

        def fresh() -> Tensor:
            return torch.from_numpy(source.standard_normal((1, 8, *sides), np.float32)).to(self._device)

        return fresh


def _row(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))[None].to(device)
