"""One file that says how a volume translator is trained: a preset, or a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import nn

from ...recipe_file import RecipeFile
from ...training import Examples, TrainingConfig
from .augmenting import AugmentConfig
from .data import DataConfig, held_out_records, scales_of, sides_of
from .dropping import DroppingConfig
from .model_folder import read_model
from .settings import LossConfig, ModelConfig, SamplingConfig
from .trainee import MriDiffusionTrainee


class MriDiffusionRecipe(RecipeFile):
    """Everything that decides a training run.

    Attributes:
        generator: names the kind of recipe.
        training: steps, batches, optimiser.
        model: what is trained.
        loss: what an error costs.
        dropping: what is left out in training.
        augment: how far examples are changed.
        sampling: how it draws afterwards.
        data: what it is trained on.
        start: folder of a trained model, or of its run, whose weights this one begins with; it must have the same
            network and names.
        shown: held-out records that the sample grid makes.
    """

    generator: Literal["mri"] = "mri"
    training: TrainingConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    dropping: DroppingConfig = DroppingConfig()
    augment: AugmentConfig = AugmentConfig()
    sampling: SamplingConfig = SamplingConfig()
    data: DataConfig = DataConfig()
    start: str | None = None
    shown: int = Field(1, ge=0, le=16)

    def trainee(self) -> MriDiffusionTrainee:
        """Return the untrained generator; its first weights follow from the training seed, or are `start`'s."""
        return MriDiffusionTrainee(
            self.model, self.sampling, scales_of(self.data, self.model), self.training.seed, loss=self.loss,
            dropping=self.dropping, augment=self.augment, held_out=held_out_records(self.data, self.model, self.shown),
            start=self._start(),
        )  # fmt: skip

    def examples(self) -> tuple[Examples, Examples]:
        """Return what to train on and what to validate on; no patient is on both sides."""
        return sides_of(self.data, self.model)

    def model_config_json(self) -> dict[str, Any]:
        """Return all but the training settings, as `fit` records them; the start by its weights."""
        from ...diffusion import weights_sha256

        made = self.model_dump(mode="json", exclude={"training": True, "data": {"cache"}, "shown": True})
        start = self._start()
        return made | {"start": None if start is None else weights_sha256(start)}

    def _start(self) -> dict[str, nn.Module] | None:
        if self.start is None:
            return None
        folder = Path(self.start)
        inside = folder / "model"
        networks, model, _, _ = read_model(inside if inside.is_dir() and not (folder / "unet").is_dir() else folder)
        same: Any = {"denoiser": {"gradient_checkpointing"}, "objective": True, "intensity": True, "otherwise": True}
        if model.model_dump(exclude=same) != self.model.model_dump(exclude=same):
            raise ValueError(f"start = {self.start}: its network or names differ from this recipe's model")
        networks["unet"].config = self.model.denoiser  # checkpointing may differ
        return networks
