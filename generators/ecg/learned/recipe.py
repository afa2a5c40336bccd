"""One file that says how the learned ECG generator is trained: a preset, or a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ....conditioning.words import one_line
from ...diffusion import LogNormal
from ...training import Examples, TrainingConfig
from .examples import DataConfig, prepare
from .settings import ModelConfig, SamplingConfig
from .trainee import EcgDiffusionTrainee

PRESETS = Path(__file__).parent / "presets"


class EcgDiffusionRecipe(BaseModel):
    """Everything that decides a training run.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        model: what is trained.
        noise: the noise levels that it is trained at.
        sampling: how it draws afterwards.
        data: what it is trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    generator: Literal["ecg-diffusion"] = "ecg-diffusion"
    training: TrainingConfig
    model: ModelConfig = ModelConfig()
    noise: LogNormal = LogNormal()
    sampling: SamplingConfig = SamplingConfig()
    data: DataConfig = DataConfig()

    @classmethod
    def read(cls, path: Path) -> EcgDiffusionRecipe:
        """Return the recipe in a YAML file.

        Raises:
            ValueError: the file is missing, no YAML, or has a field or value that cannot be; the message names it.
        """
        if not path.is_file():
            raise ValueError(f"{path} is not a file; a recipe is a YAML file")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
        return cls.of(content, str(path))

    @classmethod
    def of(cls, content: Any, source: str) -> EcgDiffusionRecipe:
        """Return the recipe in the content of a YAML file.

        Args:
            content: mappings, lists and values.
            source: what errors call it.

        Raises:
            ValueError: a field or value cannot be; the message names it.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ValueError(f"{source}: {one_line(error, cls)}") from error

    def trainee(self) -> EcgDiffusionTrainee:
        """Return the untrained generator; its first weights follow from the training seed."""
        return EcgDiffusionTrainee(self.model, self.noise, self.sampling, self.training.seed)

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on."""
        return prepare(self.model, self.data)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them."""
        return self.model_dump(mode="json", exclude={"training"})
