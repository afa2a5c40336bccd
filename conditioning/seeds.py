"""Random streams keyed by what a sample is, never by where or when it is made.

A stream's state is 192 bits of SHA-256 over (seed, name), as many as the bit generator holds, so two
seeds that differ only above bit 32 give different noise (torch's CPU `manual_seed` would not).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence


def sample_seed(run_seed: int, sample_id: str) -> int:
    """Return the 63-bit seed of one sample: the head of SHA-256(run seed, sample id)."""
    digest = hashlib.sha256(f"{run_seed}\x1f{sample_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class _Words(ISeedSequence):
    """Hands a hash to a bit generator as it is: it needs no more mixing."""

    def __init__(self, digest: bytes) -> None:
        self.digest = digest

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.frombuffer(self.digest, dtype, n_words)


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream `name` of the sample whose seed is `seed`.

    Streams of one sample are independent: drawing more noise never moves the rhythm.
    """
    digest = hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()
    return np.random.Generator(np.random.SFC64(_Words(digest)))  # type: ignore[arg-type]  # numpy takes an ISeedSequence
