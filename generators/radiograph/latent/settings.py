"""The settings that decide what the radiograph model is, how it is trained and how it draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...diffusion import LogNormal
from ...diffusion.attention import Attention
from ...diffusion.zero_snr import ZeroSnrConfig
from .condition import ConditionConfig
from .denoiser import DenoiserConfig

Weight = Annotated[float, Field(ge=0, le=30)]
OWN_SAMPLERS = ("dpm_solver_2m", "heun")


class Edm(BaseModel):
    """Noise added to the latents, the network scaled to variance one at every level.

    Attributes:
        kind: names this objective.
        levels: the noise levels that are trained.
        sigma_min: lowest noise level above 0 when drawing.
        sigma_max: highest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["edm"] = "edm"
    levels: LogNormal = LogNormal(p_mean=-0.4, p_std=1.4)
    sigma_min: float = Field(0.01, gt=0)
    sigma_max: float = Field(80.0, gt=0)


class VPrediction(BaseModel):
    """v-prediction along a schedule that ends in pure noise.

    Attributes:
        kind: names this objective.
        schedule: the schedule and the weights of its steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["v"] = "v"
    schedule: ZeroSnrConfig = ZeroSnrConfig()


Objective = Annotated[Edm | VPrediction, Field(discriminator="kind")]


class ModelConfig(BaseModel):
    """What is trained.

    Attributes:
        denoiser: the U-Net.
        condition: what it is told.
        objective: what it is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    denoiser: DenoiserConfig = DenoiserConfig()
    condition: ConditionConfig = ConditionConfig()
    objective: Objective = Edm()


class SamplingConfig(BaseModel):
    """How a trained model draws.

    Attributes:
        scheduler: `dpm_solver_2m` or `heun` for a model trained by `edm`, or the class name of a diffusers scheduler
            that honours the model's prediction type; the objective's own when None (`dpm_solver_2m`, DDIMScheduler).
        options: further settings of a diffusers scheduler, by its own names.
        steps: denoising steps.
        guidance: weight of the condition; 1 is plain, above 1 stronger.
        guidance_of: weights of single attributes (or `findings`, for all of them) that differ from `guidance`; each
            costs one more call of the network a step.
        guidance_rescale: share, 0 to 1, by which a guided latent's spread is drawn back to the plain one's.
        eta: share of fresh noise in a DDIM step, 0 to 1.
        records_per_pass: images that go through the networks together. A pass always has as many, the last one filled
            up, so that an image does not depend on those beside it.
        precision: of the U-Net; noise, latents and the autoencoder stay in float32.
        attention: `auto` is xformers where it is installed and the device is CUDA, else PyTorch's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scheduler: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    steps: int = Field(24, ge=2, le=1000)
    guidance: Weight = 1.5
    guidance_of: dict[str, Weight] = Field(default_factory=dict)
    guidance_rescale: float = Field(0.0, ge=0, le=1)
    eta: float = Field(0.0, ge=0, le=1)
    records_per_pass: int = Field(8, ge=1, le=1024)
    precision: Literal["no", "bf16", "fp16"] = "no"
    attention: Attention = "auto"

    def checked(self, model: ModelConfig) -> SamplingConfig:
        """Return these settings, or refuse them for that model.

        Raises:
            ValueError: an attribute that the model does not know, or a scheduler that cannot honour what it predicts.
        """
        for field in self.guidance_of:
            model.condition.places(field)
        if self.scheduler in OWN_SAMPLERS and model.objective.kind != "edm":
            raise ValueError(f"scheduler {self.scheduler} draws from a model trained by edm; this one predicts v")
        return self


def told_apart(guidance: float, of: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of single attributes that differ from the common one."""
    return {field: weight for field, weight in of.items() if weight != guidance}
