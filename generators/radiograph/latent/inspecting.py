"""The inspector of a radiograph model as part of its recipe."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.record import Record
from ...readout.radiograph.inspector import Inspector
from ...readout.radiograph.networks import Architecture


class InspectorConfig(BaseModel):
    """Classifiers that judge what the model draws.

    Attributes:
        architecture: of the network.
        seed: of its weights and batches.
        steps: of its training.
        size: side in pixels of what it looks at.
        share: of real images with a value that its check lets pass, at least.
        judge: which fields or findings it judges; what it reads well enough when None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    architecture: Architecture = "resnet"
    seed: int = Field(0, ge=0)
    steps: int = Field(300, ge=1)
    size: int = Field(64, ge=16, le=512)
    share: float = Field(0.95, gt=0, lt=1)
    judge: tuple[str, ...] | None = None

    def trained(self, records: Sequence[Record]) -> Inspector:
        """Return an inspector trained on real radiographs.

        Raises:
            ValueError: they are too few, or none of what is to be judged can be learned.
        """
        return Inspector.trained(records, **self.model_dump())
