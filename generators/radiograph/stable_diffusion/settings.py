"""The settings that decide how a Stable Diffusion folder draws, and how it is trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...diffusion.attention import Attention

LongPrompts = Literal["windows", "refuse"]
Spacing = Literal["leading", "linspace", "trailing"]


class SamplingConfig(BaseModel):
    """How a folder draws.

    Attributes:
        scheduler: class name of a diffusers scheduler; the folder's own when None.
        options: further settings of the scheduler by its own names, such as algorithm_type: sde-dpmsolver++.
        steps: denoising steps.
        guidance: weight of the prompt; 1 is plain, above 1 stronger. RoentGen-v2 draws with 3.
        guidance_rescale: share, 0 to 1, by which a guided prediction's spread is drawn back to the plain one's.
        eta: share of fresh noise in a DDIM step, 0 to 1.
        timestep_spacing: which time steps are visited; the folder's own when None.
        rescale_betas_zero_snr: whether drawing starts from pure noise; as the folder has it when None.
        size: rows and columns of the image in pixels; the folder's own (512 in Stable Diffusion 1.5 and 2.1-base)
            when None.
        pixel_mm: length of a pixel's side in mm that records carry; not known when None.
        long_prompts: `windows` encodes a prompt of any length in windows of 75 tokens; `refuse` refuses one above 75.
        records_per_pass: records that go through the networks together. A pass always has as many, the last one
            filled up, so that a record does not depend on those beside it.
        precision: of the U-Net and the text encoder; latents, noise and the decoder stay in float32.
        attention: `auto` is xformers where it is installed and the device is CUDA, else PyTorch's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scheduler: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    steps: int = Field(50, ge=2, le=1000)
    guidance: float = Field(3.0, ge=0, le=30)
    guidance_rescale: float = Field(0.0, ge=0, le=1)
    eta: float = Field(0.0, ge=0, le=1)
    timestep_spacing: Spacing | None = None
    rescale_betas_zero_snr: bool | None = None
    size: int | None = Field(None, ge=8, le=4096)
    pixel_mm: float | None = Field(None, gt=0)
    long_prompts: LongPrompts = "windows"
    records_per_pass: int = Field(4, ge=1, le=1024)
    precision: Literal["no", "bf16", "fp16"] = "no"
    attention: Attention = "auto"


class LoraConfig(BaseModel):
    """Small matrices that are trained in place of the weights.

    Attributes:
        rank: of each pair of matrices.
        alpha: their product is scaled by alpha / rank; the rank when None.
        unet_targets: ends of the names of the U-Net's linear layers that get a pair.
        text_targets: the same of the text encoder.
        keep: `merged` writes weights with the pairs added; `adapters` writes the weights as they were and the pairs
            into the folder `lora`.

    Source: Hu et al. 2021, arXiv 2106.09685.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rank: int = Field(16, ge=1, le=1024)
    alpha: float | None = Field(None, gt=0)
    unet_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    text_targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "out_proj")
    keep: Literal["merged", "adapters"] = "merged"

    @property
    def scale(self) -> float:
        """Return alpha / rank."""
        return 1.0 if self.alpha is None else self.alpha / self.rank


class ModelConfig(BaseModel):
    """What is trained further.

    Attributes:
        folder: a local folder in the Stable Diffusion layout; safetensors only.
        text_encoder: whether the text encoder is trained beside the U-Net; the autoencoder never is.
        lora: train LoRA matrices in place of all weights.
        gradient_checkpointing: compute activations again in the backward pass, for a third of the speed and a
            fraction of the memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    text_encoder: bool = True
    lora: LoraConfig | None = None
    gradient_checkpointing: bool = False


class LossConfig(BaseModel):
    """What the U-Net is asked for.

    Attributes:
        prediction_type: `epsilon` or `v_prediction`; the folder's own when None.
        rescale_betas_zero_snr: train the last step on pure noise; needs v_prediction. As the folder has it when None.
        min_snr_gamma: largest signal-to-noise ratio at which a step has its full weight; None weighs all steps alike.
        snr_floor: no step weighs less than one of this signal-to-noise ratio.
        prompt_dropout: share of the examples that are shown without their prompt, so that guidance has a plain
            prediction to lead away from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prediction_type: Literal["epsilon", "v_prediction"] | None = None
    rescale_betas_zero_snr: bool | None = None
    min_snr_gamma: float | None = Field(5.0, gt=0)
    snr_floor: float = Field(0.01, gt=0, lt=1)
    prompt_dropout: float = Field(0.1, ge=0, lt=1)


class DataConfig(BaseModel):
    """What to train on.

    Attributes:
        source: data by a reader's name, such as `embedded:nih64?split=train` or `mimic-cxr:DIR`; each record has an
            `image`, (rows, cols) in [0, 1].
        size: rows and columns that images are brought to: padded with black to a square, then resized; the folder's
            own when None.
        validation_share: of the patients, about, that are held out.
        latents: `once` encodes each image before training; `on_the_fly` at every step.
        cache: folder in which prepared images or latents are kept, read from the disk by every process; in memory
            when None.
        long_prompts: as in sampling.
        seed: of the split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str
    size: int | None = Field(None, ge=8, le=4096)
    validation_share: float = Field(0.1, gt=0, lt=1)
    latents: Literal["once", "on_the_fly"] = "once"
    cache: Path | None = None
    long_prompts: LongPrompts = "windows"
    seed: int = Field(0, ge=0)
