"""One file that says how a Stable Diffusion folder is trained further: a preset, or a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ...recipe_file import RecipeFile
from ...training import Examples, TrainingConfig
from .examples import prepare
from .folder import read_folder
from .layout import hashes
from .settings import DataConfig, LossConfig, ModelConfig, SamplingConfig
from .trainee import RadiographStableDiffusionTrainee

PRESETS = Path(__file__).parent / "presets"


class RadiographStableDiffusionRecipe(RecipeFile):
    """Everything that decides a training run.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        model: the folder to start from, and what of it is trained.
        loss: what for.
        sampling: how it draws afterwards.
        data: what it is trained on.
    """

    generator: Literal["radiograph-sd"] = "radiograph-sd"
    training: TrainingConfig
    model: ModelConfig
    loss: LossConfig = LossConfig()
    sampling: SamplingConfig = SamplingConfig()
    data: DataConfig

    def trainee(self) -> RadiographStableDiffusionTrainee:
        """Return the folder's networks, ready to be trained."""
        seed = self.training.seed
        return RadiographStableDiffusionTrainee(
            read_folder(self.model.folder), self.model, self.loss, self.sampling, seed
        )

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on."""
        return prepare(self.model.folder, self.data)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them: the folder by its hashes, not by its place."""
        settings = self.model_dump(mode="json", exclude={"training": True, "model": {"folder"}, "data": {"cache"}})
        settings["model"]["folder_sha256"] = hashes(self.model.folder)
        return settings
