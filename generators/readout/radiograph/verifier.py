"""A network that tells whether two radiographs are of one patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..metric import TEMPERATURE, contrast, pairs_of
from ..supervised import Schedule, initialise, train
from .augmentation import AugmentConfig, augmented
from .images import sized
from .networks import NetworkConfig, RadiographNetwork

STEPS = 300
FEATURES = 64
_LARGEST = 64  # pixels along the edge that it looks at, so that minutes are enough on a CPU


class RadiographVerifier:
    """Siamese: one network sees both images, the cosine of their rows says how alike the patients are.

    Source: Packhäuser et al. 2022, arXiv 2103.08562; there a ResNet-50 and a classifier on the difference.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        """Use a trained network on images of `size` pixels along an edge."""
        self.network, self.size = network, size

    @classmethod
    def trained(
        cls, images: Float[np.ndarray, "n h w"], patients: Sequence[str], *, seed: int = 0, steps: int = STEPS,
        on_step: Callable[[int, float], None] | None = None,
    ) -> RadiographVerifier:  # fmt: skip
        """Return a verifier of people with two images or more.

        Args:
            images: values in [0, 1].
            patients: whose each is.
            seed: of weights and batches.
            steps: of training.
            on_step: told each step and its loss.

        Raises:
            ValueError: fewer than four patients have two images.
        """
        size = min(_LARGEST, 1 << (max(16, min(images.shape[1:])).bit_length() - 1))
        config = NetworkConfig(size=size, width=8, features=FEATURES, dropout=0.0)
        x, draw, views = sized(images, size), pairs_of(patients), AugmentConfig()

        def batch(rng: np.random.Generator) -> Mapping[str, Tensor]:
            return {"x": augmented(x[torch.from_numpy(draw(rng, 24))], rng, views)}

        def loss(network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
            return contrast(network(batch["x"]), TEMPERATURE)

        network = initialise(lambda: RadiographNetwork(config, FEATURES), seed)
        return cls(train(network, batch, loss, Schedule(steps, learning_rate=2e-3), seed, on_step=on_step), size)

    def embed(self, images: Float[np.ndarray, "n h w"], *, batch: int = 64) -> Float[np.ndarray, "n features"]:
        """Return rows of length 1."""
        x = sized(images, self.size)
        with torch.inference_mode():
            rows = [self.network(x[k : k + batch]).double().numpy() for k in range(0, len(x), batch)]
        z = np.concatenate(rows) if rows else np.empty((0, FEATURES))
        return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))
