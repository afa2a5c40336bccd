"""One file that says how the radiograph model is trained: a preset, or a user's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from diffusers import AutoencoderKL

from ...recipe_file import RecipeFile
from ...training import Examples, Subset, TrainingConfig, split_by_patient
from .autoencoder import autoencoder_from, config_of, read_autoencoder
from .data import DataConfig, images_of
from .examples import LatentExamples, support_in
from .generator import SHIPPED
from .inspecting import InspectorConfig
from .settings import ModelConfig, SamplingConfig
from .trainee import RadiographDiffusionTrainee

CARRIED = "carried"


class RadiographDiffusionRecipe(RecipeFile):
    """Everything that decides a training run.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        autoencoder: folder of a trained autoencoder or of its run (`fit preset:radiograph-autoencoder-64`), or
            `carried` for the one that the package has, of 64 x 64 pixels.
        model: what is trained.
        sampling: how it draws afterwards.
        data: what it is trained on.
        inspector: the classifiers that judge what the model draws, trained on the same images when it is done; none
            when null.
    """

    generator: Literal["radiograph"] = "radiograph"
    training: TrainingConfig
    autoencoder: str = CARRIED
    model: ModelConfig = ModelConfig()
    sampling: SamplingConfig = SamplingConfig()
    data: DataConfig = DataConfig()
    inspector: InspectorConfig | None = InspectorConfig()

    def trainee(self) -> RadiographDiffusionTrainee:
        """Return the untrained generator; its first weights follow from the training seed."""
        vae = self._autoencoder()
        support = support_in(self.data, config_of(vae).size, self.model.condition)
        trainee = RadiographDiffusionTrainee(self.model, vae, self.sampling, support, self.training.seed)
        if self.inspector is not None:
            images, inspector = images_of(self.data, config_of(vae).size), self.inspector
            trainee.inspector = lambda: inspector.trained(images.records())
        return trainee

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on; no patient is on both sides."""
        vae = self._autoencoder()
        rows = LatentExamples(images_of(self.data, config_of(vae).size), vae, self.model.condition)
        train, validation = split_by_patient(rows.patients, self.data.validation_share, self.data.seed)
        return Subset(rows, train), Subset(rows, validation)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them; the autoencoder by its weights."""
        from ...diffusion import weights_sha256

        made = self.model_dump(mode="json", exclude={"training": True, "data": {"cache"}})
        return made | {"autoencoder": weights_sha256({"vae": self._autoencoder()})}

    def _autoencoder(self) -> AutoencoderKL:
        return _autoencoder(self.autoencoder)


@lru_cache(maxsize=1)
def _autoencoder(place: str) -> AutoencoderKL:
    network = _opened(place).eval()
    network.requires_grad_(False)
    return network


def _opened(place: str) -> AutoencoderKL:
    if place != CARRIED:
        return read_autoencoder(Path(place))
    if not SHIPPED.is_dir():
        raise ValueError("autoencoder = carried: the package carries none; train one and name its run's folder")
    return autoencoder_from(SHIPPED)
