"""A small learned ECG generator whose networks say something without having been trained."""

import numpy as np
import torch
from clinsynth.generators.ecg.learned import EcgDiffusion, EcgDiffusionRecipe, ModelConfig, SamplingConfig
from clinsynth.generators.ecg.learned.beat_times import BeatTimes
from clinsynth.generators.ecg.learned.mean_beat import Told, weights
from clinsynth.generators.ecg.learned.model_folder import new_networks


def tiny_model(**condition) -> ModelConfig:
    network = {"widths": (8, 16), "kernel": 3, "middle": 1, "heads": 2, "embedding": 16}
    return ModelConfig.model_validate({"network": network, "condition": {"token": 4, "width": 16} | condition})


def stirred(networks, seed=0):
    """Fill layers that start at zero, so that every part has a say."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in networks.values():
            for p in network.parameters():
                p.add_(0.2 * torch.randn(p.shape, generator=source))
    return networks


def tiny(model=None, seed=0, per_pass=4, **sampler) -> EcgDiffusion:
    model = model or tiny_model()
    settings = {"sampler": {"steps": 3} | sampler, "records_per_pass": per_pass}
    return EcgDiffusion(stirred(new_networks(model, seed), seed), model, SamplingConfig.model_validate(settings))


def told_beats(b) -> Told:
    """Tell a batch of records that a heart beats once a second, a ventricle of its own accord at 4 s."""
    beats = BeatTimes(np.arange(0.5, 10), np.arange(10) == 4)
    arrays = (beats.rows(), *weights(beats, slice(0, 1250)))
    return Told(*(torch.from_numpy(np.stack([array] * b)) for array in arrays))


def tiny_recipe(**training) -> EcgDiffusionRecipe:
    settings = {"steps": 2, "batch_size": 4, "learning_rate": 1e-3} | training
    return EcgDiffusionRecipe.model_validate(
        {
            "training": settings,
            "model": tiny_model().model_dump(),
            "sampling": {"sampler": {"steps": 2}},
            "data": {"real_copies": 1, "artificial": 20, "validation_share": 0.2},
        }
    )
