"""A sample's own noise: what it starts from, and what a stochastic scheduler adds to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ....conditioning.seeds import stream

# torch's CPU generator is a Mersenne Twister of 624 words; its state is a block of bytes with the words at this place.
_WORDS, _FIRST_BYTE = 624, 24


def first_noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the standard normal latent that the sample `seed` starts from, float32."""
    return stream(seed, "radiograph-sd.noise").standard_normal(shape, np.float32)


def step_sources(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return a CPU generator per sample for the noise of its steps.

    The whole state of each is filled from the sample's own stream: torch's `manual_seed` would keep 32 bits of it.
    """
    return [_source(seed) for seed in seeds]


def _source(seed: int) -> torch.Generator:
    source = torch.Generator()
    source.manual_seed(0)
    words = stream(seed, "radiograph-sd.steps").integers(2**32, size=_WORDS, dtype=np.uint64)
    state = source.get_state().numpy().copy()
    state[_FIRST_BYTE : _FIRST_BYTE + 8 * _WORDS] = words.view(np.uint8)  # each word has eight bytes
    source.set_state(torch.from_numpy(state))
    return source
