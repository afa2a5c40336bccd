"""The denoising network: diffusers' conditional U-Net on latents, small to large."""

from __future__ import annotations

from typing import Literal

from diffusers import UNet2DConditionModel
from pydantic import BaseModel, ConfigDict, Field, model_validator

_GROUPS = 16


class DenoiserConfig(BaseModel):
    """The network's size.

    Attributes:
        widths: channels per scale, fine to coarse, multiples of 32; each scale has half the side of the one before.
        layers: residual blocks per scale.
        attention: from which scale on blocks look at the condition's tokens and at each other; 0 is the finest.
        head: channels of an attention head.
        gradient_checkpointing: compute activations again in the backward pass, for a third of the speed and a
            fraction of the memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field((64, 128, 192), min_length=2, max_length=6)
    layers: int = Field(1, ge=1, le=4)
    attention: int = Field(2, ge=0)
    head: Literal[32, 64] = 32
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _divisible(self) -> DenoiserConfig:
        if any(width < 32 or width % 32 or width % self.head for width in self.widths):
            raise ValueError(f"widths = {list(self.widths)}: each must be a multiple of 32 and of head = {self.head}")
        return self

    def network(self, latent: tuple[int, int, int], tokens: int) -> UNet2DConditionModel:
        """Return an untrained network.

        Args:
            latent: channels, rows and columns of a latent.
            tokens: width of a condition's token.
        """
        looks = [k >= self.attention for k in range(len(self.widths))]
        return UNet2DConditionModel(
            sample_size=latent[1],
            in_channels=latent[0],
            out_channels=latent[0],
            down_block_types=tuple("CrossAttnDownBlock2D" if look else "DownBlock2D" for look in looks),
            up_block_types=tuple("CrossAttnUpBlock2D" if look else "UpBlock2D" for look in reversed(looks)),
            block_out_channels=self.widths,
            layers_per_block=self.layers,
            cross_attention_dim=tokens,
            attention_head_dim=self.head,
            norm_num_groups=_GROUPS,
            resnet_time_scale_shift="scale_shift",
            class_embed_type="projection",
            projection_class_embeddings_input_dim=tokens,
        )
