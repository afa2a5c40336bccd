"""The settings that decide what the translator is and how it draws; the names of its contrasts are among them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ....conditioning.mri.contrasts import CONTRASTS
from ...diffusion.bridge import BridgeConfig
from ...diffusion.linear_beta import LinearBetaConfig, Walk
from ...diffusion.unet3d import UNet3dConfig
from .intensity import Intensity, Robust

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Side = Annotated[int, Field(ge=2, le=1024)]
N_FACTS = 4  # age, whether it is said, sex, whether it is said
_BRAIN = tuple(str(contrast) for contrast in CONTRASTS)


class Diffusion(BaseModel):
    """From pure noise to the target's bands, the network saying x0.

    Attributes:
        kind: names this objective.
        schedule: the schedule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["diffusion"] = "diffusion"
    schedule: LinearBetaConfig = LinearBetaConfig()


class Bridge(BaseModel):
    """From the mean of the inputs' bands to the target's, the network saying the end.

    Attributes:
        kind: names this objective.
        bridge: its noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bridge"] = "bridge"
    bridge: BridgeConfig = BridgeConfig()


Objective = Annotated[Diffusion | Bridge, Field(discriminator="kind")]


class LossConfig(BaseModel):
    """What an error costs.

    Attributes:
        weighting: `bands` is the mean over the eight bands as the network has them; `image` is the mean squared error
            of the volume itself, for which the low band, being divided by `low_scale`, weighs its square.
        where: `everywhere`, or only `inside` the foreground, and then nothing is learned of the background, which is
            known to be 0.
        label_weight: how much more a voxel with a label weighs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weighting: Literal["bands", "image"] = "image"
    where: Literal["inside", "everywhere"] = "inside"
    label_weight: float = Field(1.0, ge=0.01, le=100)


class ModelConfig(BaseModel):
    """What is trained.

    Attributes:
        sources: names of the arrays that may be given, in the order of the channels.
        targets: names of the arrays that can be asked for.
        denoiser: size of the U-Net.
        voxelwise: width of the network beside it that looks at single voxels; 0 is none, as in the published model.
        objective: what it is asked for.
        low_scale: what the low band is divided by. Of values in [0, 1] it reaches sqrt(8) = 2.8 and the other bands
            have a tenth of its spread; divided by 3 it lies in [0, 1], as the noise and the network expect.
        labels: values of the array `segmentation` that the model may be told of, each as the share of a 2 x 2 x 2
            block that bears it; none where empty.
        facts: whether it may be told age and sex.
        intensity: how the values of an array are brought to about [0, 1], by the array's name.
        otherwise: the same for arrays not named in `intensity`.
        foreground: `nonzero` is where some input is not 0, and what is made is 0 elsewhere; `all` is the whole volume.
        spacing_mm: voxel size at which the network works; a volume more than a fifth away from it is resampled and
            what is made brought back. None takes every volume as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sources: tuple[Name, ...] = Field(_BRAIN, min_length=1, max_length=16)
    targets: tuple[Name, ...] = Field(_BRAIN, min_length=1, max_length=16)
    denoiser: UNet3dConfig = UNet3dConfig()
    voxelwise: int = Field(32, ge=0, le=512)
    objective: Objective = Bridge()
    low_scale: float = Field(3.0, gt=0, le=100)
    labels: tuple[int, ...] = ()
    facts: bool = False
    intensity: dict[Name, Intensity] = Field(default_factory=dict)
    otherwise: Intensity = Robust()
    foreground: Literal["nonzero", "all"] = "nonzero"
    spacing_mm: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _something_to_learn(self) -> ModelConfig:
        for field in ("sources", "targets"):
            names = getattr(self, field)
            if len(set(names)) < len(names):
                raise ValueError(f"{field} = {list(names)}: a name stands there twice")
        if len(self.names) < 2:
            raise ValueError(
                f"sources and targets are both {self.names[0]}; something must be made from something else"
            )
        if unknown := set(self.intensity) - set(self.names):
            raise ValueError(f"intensity of {min(unknown)!r}, which is no source or target")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Return all arrays: sources, then targets that are none."""
        return (*self.sources, *(name for name in self.targets if name not in self.sources))

    @property
    def in_channels(self) -> int:
        """Return the channels of the network: bands of the target and the sources, who is there, what is asked."""
        told = len(self.labels) + 1 if self.labels else 0
        return 8 + 9 * len(self.sources) + len(self.targets) + told

    @property
    def out_channels(self) -> int:
        """Return what the network says: the bands of every target, of which the wanted one's are taken."""
        return 8 * len(self.targets)

    @property
    def told(self) -> int:
        """Return the length of the vector that the network is told: who is there, what is asked, age and sex."""
        return len(self.sources) + len(self.targets) + (N_FACTS if self.facts else 0)

    @property
    def multiple(self) -> int:
        """Return what the sides of a volume must be multiples of."""
        return 2 * self.denoiser.multiple

    def intensity_of(self, name: str) -> Intensity:
        """Return how an array is scaled."""
        return self.intensity.get(name, self.otherwise)


class SamplingConfig(BaseModel):
    """How a trained model draws.

    Attributes:
        steps: calls of the network a volume.
        walk: of a diffusion model; a bridge has its own.
        eta: share of fresh noise in a step, 0 to 1: of `ddim`, and of a bridge.
        clamp: bring each step's estimate, as a volume, into the range that volumes have, 0 outside the foreground.
        samples: draws of each target; more than one give their mean and their standard deviation, voxel by voxel.
        tile: largest sides in voxels that the network sees at a time, those of the trained patch; None shows the box
            of the whole brain, as suits a network that was trained on whole ones.
        overlap: share of a tile that the next one covers at least.
        precision: of the U-Net; noise and bands stay in float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(1, ge=1, le=1000)
    walk: Walk = "ancestral"
    eta: float = Field(1.0, ge=0, le=1)
    clamp: bool = True
    samples: int = Field(1, ge=1, le=1000)
    tile: tuple[Side, Side, Side] | None = None
    overlap: float = Field(0.25, ge=0, le=0.9)
    precision: Literal["no", "bf16", "fp16"] = "no"

    def checked(self, model: ModelConfig) -> SamplingConfig:
        """Return these settings, or refuse them for that model.

        Raises:
            ValueError: more steps than the model was trained with, or a tile that the network cannot halve.
        """
        if self.tile is not None and any(side % model.multiple for side in self.tile):
            raise ValueError(f"tile = {list(self.tile)}: each side must be a multiple of {model.multiple}")
        if isinstance(model.objective, Diffusion):
            model.objective.schedule.walk(self.steps)
        return self
