"""Reads sex, age, race, view and findings off radiographs: a few small networks, each taught without some patients.

The patients that a network did not see make its outputs calibrated chances, and tell how well it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ....conditioning.record import Record
from ....conditioning.seeds import sample_seed
from ...diffusion.pretrained import weights_sha256
from .attributes import MINIMUM_IMAGES, Attributes, learnable, patient_of, said
from .calibration import Calibration, calibrated, readings, unchanged
from .folds import patient_folds, patient_weights
from .images import images_of, sized
from .losses import parted
from .networks import Architecture, NetworkConfig, RadiographNetwork
from .readings import Readings
from .scores import Score, scores
from .teaching import TeachingConfig, taught

FOLDS = 3
STEPS = 300


@dataclass(frozen=True)
class RadiographReadout:
    """Trained networks and what their outputs mean.

    Attributes:
        networks: members whose outputs are averaged.
        config: their size and kind.
        attributes: what they read.
        calibration: what makes chances of their outputs.
        out_of_fold: how well single members read patients that they were not trained on.
    """

    networks: tuple[RadiographNetwork, ...]
    config: NetworkConfig
    attributes: Attributes
    calibration: Calibration
    out_of_fold: tuple[Score, ...] = ()

    @classmethod
    def trained(
        cls,
        records: Sequence[Record],
        *,
        architecture: Architecture = "resnet",
        seed: int = 0,
        steps: int = STEPS,
        size: int = 64,
        on_step: Callable[[int, float], None] | None = None,
        network: NetworkConfig | None = None,
        teaching: TeachingConfig | None = None,
        folds: int = FOLDS,
        minimum: int = MINIMUM_IMAGES,
    ) -> RadiographReadout:
        """Return networks taught what records say, one per fold of patients left out.

        Args:
            records: real radiographs with `image` in [0, 1] and a RadiographCondition.
            architecture: `resnet` or `densenet`.
            seed: of folds, weights and batches.
            steps: of each member's training.
            size: pixels along an edge, 16 to 512, a power of 2; images are brought to it.
            on_step: told each step (counted over all members) and its loss.
            network: size and kind in full, instead of architecture and size.
            teaching: how, in full; its steps are replaced by `steps`.
            folds: members; each leaves one fold of patients out.
            minimum: images that a value needs to be learned.

        Raises:
            ValueError: nothing can be learned, an image is none, or there are fewer patients than folds.
        """
        readout, _ = cross_trained(
            records, network or NetworkConfig.of(architecture, size),
            (teaching or TeachingConfig()).model_copy(update={"steps": steps}),
            seed=seed, folds=folds, minimum=minimum, on_step=on_step,
        )  # fmt: skip
        return readout

    def read(self, images: Float[np.ndarray, "b h w"], *, batch: int = 64) -> Readings:
        """Return what images show.

        Args:
            images: in [0, 1], white is dense; any size.
            batch: images a pass; the last bits of the result may depend on it.

        Raises:
            ValueError: a value is NaN, infinite or outside [0, 1].
        """
        x = sized(images, self.config.size)
        outputs = [self._outputs(x[k : k + batch]) for k in range(0, len(x), batch)]
        joined = torch.cat(outputs) if outputs else torch.empty(0, self.attributes.outputs)
        return _meant(joined, self.calibration, self.attributes)

    def scores(self, records: Sequence[Record], *, seed: int = 0, resamples: int = 1000) -> tuple[Score, ...]:
        """Return how well records of other patients are read: AUROC, and the error and correlation of age.

        Args:
            records: real radiographs that the networks were not trained on.
            seed: of the resamples.
            resamples: of patients, for the intervals.
        """
        x = images_of(records, self.config.size)
        read = self.read(x[:, 0].numpy())
        return scores(read, said(records, self.attributes), [patient_of(r) for r in records], seed, resamples)

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return weights_sha256({f"member_{k}": network for k, network in enumerate(self.networks)})

    def to(self, device: str | torch.device) -> RadiographReadout:
        """Compute on a device from now on."""
        for network in self.networks:
            network.to(device)
        return self

    def save_pretrained(self, folder: str | Path) -> None:
        """Write an index, and a folder per member, into a new or empty folder.

        Raises:
            ValueError: the folder is not empty.
        """
        from .folder import write_readout

        write_readout(Path(folder), self)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> RadiographReadout:
        """Return the readout that `save_pretrained` wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        from .folder import read_readout

        return read_readout(Path(folder))

    @torch.inference_mode()
    def _outputs(self, x: Tensor) -> Tensor:
        device = next(self.networks[0].parameters()).device
        return torch.stack([network(x.to(device)) for network in self.networks]).mean(0).cpu()


def cross_trained(
    records: Sequence[Record], network: NetworkConfig, teaching: TeachingConfig, *,
    seed: int, folds: int, minimum: int, on_step: Callable[[int, float], None] | None = None,
) -> tuple[RadiographReadout, Readings]:  # fmt: skip
    """Return a readout, and what its members read off the records that each was not trained on.

    Raises:
        ValueError: nothing can be learned, an image is none, or there are fewer patients than folds.
    """
    attributes = learnable(records, minimum=minimum)
    if not attributes.outputs:
        raise ValueError(
            f"{len(records)} records teach nothing: {'; '.join(map(': '.join, attributes.not_learned.items()))}"
        )
    patients = [patient_of(record) for record in records]
    fold, weight = patient_folds(patients, folds, seed), patient_weights(patients)
    images, known = images_of(records, network.size), said(records, attributes)
    members, outside = [], torch.zeros(len(records), attributes.outputs)
    for k in range(folds):
        seen = np.flatnonzero(fold != k)
        told = _counted_from(k * teaching.steps, on_step)
        each = sample_seed(seed, f"readout.member/{k}")
        members.append(
            taught(images[seen], known.at(seen), weight[seen], attributes, network, teaching, each, told)
        )  # fmt: skip
        single = RadiographReadout((members[-1],), network, attributes, unchanged(attributes))
        outside[fold == k] = single._outputs(images[fold == k])
    calibration = calibrated(_named(outside, attributes), known, weight, attributes)
    read = _meant(outside, calibration, attributes)
    readout = RadiographReadout(tuple(members), network, attributes, calibration)
    return replace(readout, out_of_fold=scores(read, known, patients, seed, 200)), read


def _named(outputs: Tensor, attributes: Attributes) -> dict[str, np.ndarray]:
    return {name: part.double().numpy() for name, part in parted(outputs, attributes).items()}


def _meant(outputs: Tensor, calibration: Calibration, attributes: Attributes) -> Readings:
    return readings(_named(outputs, attributes), calibration, attributes)


def _counted_from(first: int, on_step: Callable[[int, float], None] | None) -> Callable[[int, float], None] | None:
    return None if on_step is None else lambda step, value: on_step(first + step, value)
