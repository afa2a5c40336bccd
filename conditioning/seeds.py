"""Random streams keyed by what a sample is, never by where or when it is made.

A stream's key is SHA-256 over (seed, name), and all 256 bits enter the bit generator, so two seeds
that differ only above bit 32 give different noise (torch's CPU `manual_seed` would not).
"""

from __future__ import annotations

import hashlib

import numpy as np


def sample_seed(run_seed: int, sample_id: str) -> int:
    """Return the 63-bit seed of one sample: the head of SHA-256(run seed, sample id)."""
    digest = hashlib.sha256(f"{run_seed}\x1f{sample_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream `name` of the sample whose seed is `seed`.

    Streams of one sample are independent: drawing more noise never moves the rhythm.
    """
    digest = hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))
