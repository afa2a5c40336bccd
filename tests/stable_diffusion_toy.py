"""A tiny Stable Diffusion folder with random weights, built from nothing: 32 pixels, a vocabulary of bytes."""

import functools
import json
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import pre_tokenizers

NOISE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
MERGES = ["n o</w>", "y e", "o l", "ol d</w>", "ye a", "yea r</w>", "m a", "l e</w>", "ma le</w>", "f e", "fe male</w>"]


def write_tokenizer(folder: Path, positions: int = 77) -> None:
    """Bytes, bytes at a word's end, a few merges, begin and end: CLIP's vocabulary in small."""
    folder.mkdir(parents=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{x}</w>" for x in letters), *(m.replace(" ", "") for m in MERGES)]
    vocabulary = {word: k for k, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES]) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"model_max_length": positions, "tokenizer_class": "CLIPTokenizer"})
    )


def unet(size: int = 16, widths=(16, 32), cross: int = 32, heads: int = 2, layers: int = 1) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=size, in_channels=4, out_channels=4, layers_per_block=layers, block_out_channels=widths,
        down_block_types=("CrossAttnDownBlock2D",) * (len(widths) - 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (len(widths) - 1),
        cross_attention_dim=cross, attention_head_dim=heads, norm_num_groups=8,
    )  # fmt: skip


def vae(widths=(8, 16)) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=widths, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * len(widths), up_block_types=("UpDecoderBlock2D",) * len(widths),
        norm_num_groups=8, sample_size=32,
    )  # fmt: skip


def text_encoder(tokenizer, width: int = 32, layers: int = 2) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
            num_attention_heads=4, max_position_embeddings=77, bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def stir(network, source) -> None:
    """Add to every weight, so that layers that start at zero have a say and the prompt matters."""
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=source))


def write_stable_diffusion(folder: Path, prediction_type="epsilon", make_unet=unet, make_vae=vae, seed=0) -> Path:
    """Write the folder as diffusers' own pipeline does, and return it."""
    from diffusers import StableDiffusionPipeline

    write_tokenizer(folder / "made")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "made")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = {"unet": make_unet(), "vae": make_vae(), "text_encoder": text_encoder(tokenizer)}
        source = torch.Generator().manual_seed(seed)
        for network in parts.values():
            stir(network, source)
    scheduler = PNDMScheduler(
        **NOISE, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False, prediction_type=prediction_type
    )
    pipeline = StableDiffusionPipeline(
        **parts, tokenizer=tokenizer, scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder / "sd", safe_serialization=True)
    return folder / "sd"


_kept = tempfile.TemporaryDirectory(prefix="clinsynth-sd-")


@functools.cache
def tiny_folder() -> Path:
    """Return a folder made once; tests that change it copy it."""
    return write_stable_diffusion(Path(_kept.name) / "tiny")


@functools.cache
def tiny_parts():
    """Return the tiny folder's parts, which nothing changes."""
    from clinsynth.generators.radiograph.stable_diffusion.folder import read_folder

    return read_folder(tiny_folder())


def tiny(**sampling):
    """A generator of the tiny folder."""
    from clinsynth.generators.radiograph.stable_diffusion import RadiographStableDiffusion, SamplingConfig

    config = SamplingConfig.model_validate({"steps": 3, "records_per_pass": 3} | sampling)
    return RadiographStableDiffusion(tiny_parts(), config)
