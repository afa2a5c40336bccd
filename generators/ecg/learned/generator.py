"""The learned ECG generator: condition and seed in, 12-lead record out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float

from ....conditioning.ecg import INDEPENDENT_LEADS, EcgCondition
from ....conditioning.record import Record, SignalGeometry
from ....conditioning.seeds import stream
from ...protocol import check_seeds
from .beat_times import NO_BEATS, BeatTimes, untold
from .condition import encode, refuse
from .course import Asked, beat_table, drawn, with_rate
from .signal import SAMPLES, written

if TYPE_CHECKING:
    import torch
    from torch import nn

    from .settings import ModelConfig, SamplingConfig

SHIPPED = Path(__file__).parent / "weights"


class EcgDiffusion:
    """Draws 12-lead ECGs of up to 10 s from a trained diffusion model.

    It obeys sex, age_years, heart_rate_bpm, rhythm and findings (those that it was taught), duration_s, fs_hz and
    leads, and refuses other fields by name. When the ventricles beat is drawn by the simulator's rhythm process, a rate
    or rhythm that a condition leaves out too, and the network draws the leads around these beats; the record's `beats`
    table has the times that were asked of the network, not what is to be seen in the leads. Anything else that a
    condition leaves out is unsaid: it comes as the training data have it, findings too, and stays out of the record's
    condition. Records have no content above 62.5 Hz and no table of waves. On a CPU a record is the same bit for bit
    whatever is drawn beside it.

    Source: denoiser and samplers as in `generators.diffusion`; eight leads of which four more follow: Alcaraz and
    Strodthoff 2023, arXiv 2301.08227.
    """

    name: ClassVar[str] = "ecg-diffusion"
    condition_type: ClassVar[type[EcgCondition]] = EcgCondition
    shard_size: ClassVar[int] = 64
    formats: ClassVar[tuple[str, ...]] = ("wfdb",)

    def __init__(
        self,
        networks: Mapping[str, nn.Module] | None = None,
        model: ModelConfig | None = None,
        sampling: SamplingConfig | None = None,
    ) -> None:
        """Draw with trained networks.

        Args:
            networks: `denoiser` and `encoder`; those that the package carries when None.
            model: their settings; needed with networks.
            sampling: how to draw.

        Raises:
            ValueError: no networks are given and the package carries none.
        """
        from .settings import SamplingConfig

        if networks is None:
            from .model_folder import read_model

            if not SHIPPED.is_dir():
                raise ValueError("ecg-diffusion carries no weights; train them with fit and name the model's folder")
            networks, model, carried = read_model(SHIPPED)
            sampling = sampling or carried
        assert model is not None
        self.networks = {name: network.eval() for name, network in networks.items()}
        self.model = model
        self.sampling = sampling or SamplingConfig()

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> EcgDiffusion:
        """Return the generator that `save_pretrained` or a training run wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        from .model_folder import read_model

        return cls(*read_model(Path(folder)))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `model_index.json` and a folder per component into a new or empty folder.

        Raises:
            ValueError: the folder is not empty.
        """
        from .model_folder import write_model

        write_model(Path(folder), self.networks, self.model, self.sampling)

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        from ...diffusion import weights_sha256

        return weights_sha256(self.networks)

    def to(self, device: str | torch.device) -> EcgDiffusion:
        """Compute on a device from now on; noise still comes from the CPU."""
        for network in self.networks.values():
            network.to(device)
        return self

    def config(self) -> dict[str, Any]:
        """Return the settings that decide the output, but for the weights."""
        settings = {"model": self.model.model_dump(mode="json"), "sampling": self.sampling.model_dump(mode="json")}
        return {"generator": self.name} | settings

    def generate(self, conditions: Sequence[EcgCondition], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: what is asked for; what they leave out is unsaid.
            seeds: one seed per record, 0 to 2**63 - 1.

        Raises:
            ValueError: the sequences differ in length, or a condition has a field that the model cannot obey.
        """
        check_seeds(conditions, seeds)
        for condition in conditions:
            refuse(condition, self.model.condition)
        per_pass = self.sampling.records_per_pass
        for first in range(0, len(conditions), per_pass):
            some = [int(seed) for seed in seeds[first : first + per_pass]]
            ask = drawn if self.sampling.beats else with_rate
            asked = [ask(c, s) for c, s in zip(conditions[first : first + per_pass], some, strict=True)]
            for each, seed, mv in zip(asked, some, self._pass(asked, some), strict=True):
                yield self._record(each, seed, mv)

    def _pass(self, asked: Sequence[Asked], seeds: Sequence[int]) -> Float[np.ndarray, "b 8 1250"]:
        """Return the leads of at most `records_per_pass` records in mV at 125 Hz."""
        import torch

        from .denoising import denoised
        from .mean_beat import Told

        rows = [self._told(*each, seed) for each, seed in zip(asked, seeds, strict=True)]
        rows += [rows[-1]] * (self.sampling.records_per_pass - len(seeds))
        eps, value, said, *beats = (torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True))
        x = denoised(self.networks, self.model, self.sampling, eps, value, said, Told(*beats))
        return self.model.scale.to_mv(x[: len(seeds)].cpu().numpy())

    def _told(self, condition: EcgCondition, beats: BeatTimes | None, seed: int) -> tuple[np.ndarray, ...]:
        """Return noise, `value`, `said` and what is told of the beats of a record."""
        from .mean_beat import weights

        told = encode(condition, self.model.condition, self.sampling.source)
        rows = untold() if beats is None else beats.rows()
        return _noise(seed), *told, rows, *weights(beats or NO_BEATS, slice(0, SAMPLES))

    def _record(self, asked: Asked, seed: int, mv: Float[np.ndarray, "8 1250"]) -> Record:
        condition, beats = asked
        tables, truth = ({}, {}) if beats is None else beat_table(beats, condition)
        return Record(
            record_id=f"ecg-diffusion-{seed}",
            arrays={"signal": written(mv, condition)},
            condition=condition,
            geometry=SignalGeometry(condition.fs_hz, condition.leads),
            provenance={"synthetic": True, "generator": self.name, "seed": seed},
            tables=tables,
            truth=truth,
        )


def _noise(seed: int) -> Float[np.ndarray, "8 1250"]:
    return stream(seed, "ecg-diffusion.noise").standard_normal((len(INDEPENDENT_LEADS), SAMPLES), np.float32)
