"""Which diffusers schedulers can draw from a Stable Diffusion model, and how one is made for a folder.

A scheduler is listed with the predictions that it honours: told the truth by a network that knows the one image that
exists, it ends at that image. PNDM and the second-order ancestral ones, for instance, know no `sample` prediction.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ....conditioning.words import nearest
from .settings import SamplingConfig

_TWO = frozenset({"epsilon", "v_prediction"})
_THREE = _TWO | {"sample"}
HONOURED: dict[str, frozenset[str]] = {
    "DDIMScheduler": _THREE,
    "DDPMScheduler": _THREE,
    "DEISMultistepScheduler": _THREE,
    "DPMSolverMultistepScheduler": _THREE,
    "DPMSolverSinglestepScheduler": _THREE,
    "EulerAncestralDiscreteScheduler": _TWO,
    "EulerDiscreteScheduler": _THREE,
    "HeunDiscreteScheduler": _THREE,
    "KDPM2AncestralDiscreteScheduler": _TWO,
    "KDPM2DiscreteScheduler": _TWO,
    "LMSDiscreteScheduler": _THREE,
    "PNDMScheduler": _TWO,
    "SASolverScheduler": _THREE,
    "UniPCMultistepScheduler": _THREE,
}
_ZERO_SNR, _SPACING = "rescale_betas_zero_snr", "timestep_spacing"
_OWN = frozenset({_ZERO_SNR, _SPACING, "prediction_type", "clip_sample", "thresholding", "num_train_timesteps"})


def prediction_type(config: Mapping[str, Any]) -> str:
    """Return what a folder's U-Net predicts: epsilon, v_prediction or sample."""
    return str(config.get("prediction_type", "epsilon"))


def scheduler_of(config: Mapping[str, Any], sampling: SamplingConfig) -> Any:
    """Return a new diffusers scheduler with the folder's noise levels, ready for `set_timesteps`.

    Args:
        config: content of the folder's `scheduler_config.json`.
        sampling: which one, and how it is to walk.

    Raises:
        ValueError: the scheduler cannot honour what is asked; the message lists those that can.
    """
    name, wanted = _name(config, sampling), _wanted(config, sampling)
    if wanted[_ZERO_SNR] and wanted["prediction_type"] == "epsilon":
        raise ValueError(
            "rescale_betas_zero_snr = true: a model that predicts epsilon says nothing of pure noise; leave it out"
        )
    if why := _refused(name, wanted):
        raise ValueError(f"scheduler {name}: {why}; those that can: {', '.join(_able(wanted)) or 'none'}")
    takes = _takes(name)
    if unknown := [key for key in sampling.options if key not in takes or key in _OWN]:
        allowed = ", ".join(sorted(takes - _OWN))
        raise ValueError(f"options: {unknown[0]!r} is not one of {name} (allowed: {allowed})")
    settings = {key: value for key, value in config.items() if not key.startswith("_")} | wanted | sampling.options
    settings |= {"clip_sample": False, "thresholding": False}  # they are for images, not for latents
    try:
        return _class(name)(**{key: value for key, value in settings.items() if key in takes and value is not None})
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"scheduler {name}: {' '.join(str(error).split())}") from None


def able_name(config: Mapping[str, Any], sampling: SamplingConfig) -> str:
    """Return the scheduler to write into a trained folder: the one that draws, or DDIM where that one cannot."""
    name = _name(config, sampling)
    return "DDIMScheduler" if _refused(name, _wanted(config, sampling)) else name


def step_arguments(scheduler: Any, eta: float) -> dict[str, float]:
    """Return what a step takes beside prediction, time and latent."""
    return {"eta": eta} if "eta" in inspect.signature(scheduler.step).parameters else {}


def takes_noise(scheduler: Any) -> bool:
    """Return whether a step may draw noise."""
    return "generator" in inspect.signature(scheduler.step).parameters


def _name(config: Mapping[str, Any], sampling: SamplingConfig) -> str:
    return sampling.scheduler or str(config.get("_class_name"))


def _wanted(config: Mapping[str, Any], sampling: SamplingConfig) -> dict[str, Any]:
    asked = {_ZERO_SNR: sampling.rescale_betas_zero_snr, _SPACING: sampling.timestep_spacing}
    wanted = {key: config.get(key) if value is None else value for key, value in asked.items()}
    return wanted | {"prediction_type": prediction_type(config)}


def _refused(name: str, wanted: Mapping[str, Any]) -> str:
    if name not in HONOURED:
        return f"not known to draw from such a model{nearest(name, HONOURED)}"
    if wanted["prediction_type"] not in HONOURED[name]:
        return f"does not honour prediction_type {wanted['prediction_type']}"
    if wanted[_ZERO_SNR] and _ZERO_SNR not in _takes(name):
        return f"has no {_ZERO_SNR}"
    if wanted[_SPACING] == "trailing" and _SPACING not in _takes(name):
        return f"has no {_SPACING}, and trailing is asked for"
    return ""


def _able(wanted: Mapping[str, Any]) -> list[str]:
    return [name for name in HONOURED if not _refused(name, wanted)]


def _class(name: str) -> Any:
    import diffusers

    return getattr(diffusers, name)


def _takes(name: str) -> frozenset[str]:
    return frozenset(inspect.signature(_class(name).__init__).parameters) - {"self"}
