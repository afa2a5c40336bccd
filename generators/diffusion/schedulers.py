"""Which of diffusers' schedulers can draw from a model, and how one is made for it.

A scheduler is listed with the predictions that it honours: told the truth by a network that knows the one sample that
exists, it ends at that sample. PNDM and the second-order ancestral ones, for instance, know no `sample` prediction.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...conditioning.seeds import stream
from ...conditioning.words import nearest

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
EDM = ("EDMDPMSolverMultistepScheduler", "EDMEulerScheduler")  # for models under EDM's preconditioning, and no others
_ZERO_SNR, _SPACING = "rescale_betas_zero_snr", "timestep_spacing"
_OWN = frozenset({_ZERO_SNR, _SPACING, "prediction_type", "clip_sample", "thresholding", "num_train_timesteps"})
# torch's CPU generator is a Mersenne Twister of 624 words; its state is a block of bytes with the words at this place.
_WORDS, _FIRST_BYTE = 624, 24


def scheduler_for(config: Mapping[str, Any], name: str | None, options: Mapping[str, Any]) -> Any:
    """Return a new diffusers scheduler with a model's noise levels, ready for `set_timesteps`.

    Args:
        config: content of the model's `scheduler_config.json`; it says what the model predicts and how its steps lie.
        name: class name of the scheduler; the config's own when None.
        options: further settings of the scheduler, by its own names.

    Raises:
        ValueError: the scheduler cannot honour what the model needs; the message lists those that can.
    """
    name = name or str(config.get("_class_name"))
    if config.get(_ZERO_SNR) and prediction_type(config) == "epsilon":
        raise ValueError(f"{_ZERO_SNR} = true: a model that predicts epsilon says nothing of pure noise; leave it out")
    if why := refusal(name, config):
        raise ValueError(f"scheduler {name}: {why}; those that can: {', '.join(able(config)) or 'none'}")
    takes = _takes(name)
    if unknown := [key for key in options if key not in takes or key in _OWN]:
        allowed = ", ".join(sorted(takes - _OWN))
        raise ValueError(f"options: {unknown[0]!r} is not one of {name} (allowed: {allowed})")
    settings = {key: value for key, value in config.items() if not key.startswith("_")} | dict(options)
    settings |= {"clip_sample": False, "thresholding": False}  # they are for images, not for latents
    try:
        return _class(name)(**{key: value for key, value in settings.items() if key in takes and value is not None})
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"scheduler {name}: {' '.join(str(error).split())}") from None


def prediction_type(config: Mapping[str, Any]) -> str:
    """Return what a model's network predicts: epsilon, v_prediction or sample."""
    return str(config.get("prediction_type", "epsilon"))


def refusal(name: str, config: Mapping[str, Any]) -> str:
    """Return why a scheduler cannot draw from a model, or an empty text."""
    if "sigma_data" in config:
        return "" if name in EDM else "draws from no model under EDM's preconditioning"
    if name in EDM:
        return "draws only from models under EDM's preconditioning"
    if name not in HONOURED:
        return f"not known to draw from such a model{nearest(name, HONOURED)}"
    if prediction_type(config) not in HONOURED[name]:
        return f"does not honour prediction_type {prediction_type(config)}"
    if config.get(_ZERO_SNR) and _ZERO_SNR not in _takes(name):
        return f"has no {_ZERO_SNR}"
    if config.get(_SPACING) == "trailing" and _SPACING not in _takes(name):
        return f"has no {_SPACING}, and trailing is asked for"
    return ""


def able(config: Mapping[str, Any]) -> list[str]:
    """Return the schedulers that can draw from a model."""
    return [name for name in (*HONOURED, *EDM) if not refusal(name, config)]


def step_arguments(scheduler: Any, eta: float, sources: Sequence[torch.Generator]) -> dict[str, Any]:
    """Return what a step takes beside prediction, time and latent: eta, and the noise of each sample."""
    takes = inspect.signature(scheduler.step).parameters
    given: dict[str, Any] = {"eta": eta, "generator": list(sources)}
    return {key: value for key, value in given.items() if key in takes}


def step_sources(seeds: Sequence[int], name: str) -> list[torch.Generator]:
    """Return a CPU generator per sample for the noise of its steps.

    The whole state of each is filled from the sample's stream `name`: torch's `manual_seed` would keep 32 bits of it.
    """
    return [_source(seed, name) for seed in seeds]


def _source(seed: int, name: str) -> torch.Generator:
    source = torch.Generator()
    source.manual_seed(0)
    words = stream(seed, name).integers(2**32, size=_WORDS, dtype=np.uint64)
    state = source.get_state().numpy().copy()
    state[_FIRST_BYTE : _FIRST_BYTE + 8 * _WORDS] = words.view(np.uint8)  # each word has eight bytes
    source.set_state(torch.from_numpy(state))
    return source


def _class(name: str) -> Any:
    import diffusers

    return getattr(diffusers, name)


def _takes(name: str) -> frozenset[str]:
    return frozenset(inspect.signature(_class(name).__init__).parameters) - {"self"}
