"""One file that says how the learned ECG generator is trained: a preset, or a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ...diffusion import LogNormal
from ...recipe_file import RecipeFile
from ...training import Examples, TrainingConfig
from .examples import DataConfig, prepare
from .settings import ModelConfig, SamplingConfig
from .trainee import EcgDiffusionTrainee

PRESETS = Path(__file__).parent / "presets"


class EcgDiffusionRecipe(RecipeFile):
    """Everything that decides a training run.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        model: what is trained.
        noise: the noise levels that it is trained at.
        sampling: how it draws afterwards.
        data: what it is trained on.
    """

    generator: Literal["ecg-diffusion"] = "ecg-diffusion"
    training: TrainingConfig
    model: ModelConfig = ModelConfig()
    noise: LogNormal = LogNormal()
    sampling: SamplingConfig = SamplingConfig()
    data: DataConfig = DataConfig()

    def trainee(self) -> EcgDiffusionTrainee:
        """Return the untrained generator; its first weights follow from the training seed."""
        return EcgDiffusionTrainee(self.model, self.noise, self.sampling, self.training.seed)

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on."""
        return prepare(self.model, self.data)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them."""
        return self.model_dump(mode="json", exclude={"training"})
