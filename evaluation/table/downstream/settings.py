"""How a table's task is run: shares of the real patients, arms with their controls, sites, probes, seeds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ....generators.readout.table.rows import Kind

Share = Annotated[float, Field(gt=0, le=1)]
SHARES = (0.05, 0.10, 0.25, 1.0)
STEPS: dict[Kind, int] = {
    "classification": 80, "multilabel": 80, "regression": 80, "segmentation": 160, "detection": 120,
}  # fmt: skip
RATES = {
    "small": (3e-3, 1e-3), "small, segmentation": (1e-2, 3e-3), "small, detection": (2e-2, 5e-3),
    "monai": (1e-3, 3e-4), "timm": (1e-3, 3e-4), "transformers": (1e-4, 3e-5),
}  # fmt: skip


class TableTaskSettings(BaseModel):
    """How the task is run.

    Attributes:
        kind: of the task; the one that the data allow, when left out.
        network: see `generators.readout.table.network`.
        shares: parts of the real patients that arms train on.
        steps: of each stage of a training; by kind (`STEPS`) when left out.
        batch: samples a step; 2 for masks, 8 for boxes, 16 otherwise (4 of volumes), when left out.
        seeds: how many; each has its own weights, batches and draw of the shares' patients.
        size: longest axis of the samples in pixels; 512, 64, 32 for one, two, three axes, when left out.
        baselines: whether to run the methods that need no generator (small segments, wavelet-band dropout).
        pretraining: ways to learn without labels before; run at the smallest and the largest share, as `baselines`.
        probes: whether to probe features (kNN, linear, few labels).
        sites: how many sites to leave out, the largest first; each is a test out of distribution.
        adapt: whether to adapt classifiers to a site without its labels.
        standard: see `TableNetwork`; `none` for a regression and `image` otherwise, when left out.
        learning_rate: peak of a first training; by network and kind (`RATES`) when left out.
        tuning_rate: peak where training goes on from trained weights; likewise.
        fewest_train: patients of a side that is trained on.
        fewest_test: patients of a test.
        resamples: of the bootstrap; 1000, or 300 for boxes, whose precision is slow to weigh, when left out.
        device: where networks are trained, as torch names it.
        fairness: whether to judge on whom a classifier's errors fall, at the largest share.
        robustness: whether to put trained classifiers through worse samples and attacks, at the largest share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind | None = None
    network: Annotated[str, Field(min_length=1)] = "small"
    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = SHARES
    steps: Annotated[int, Field(ge=1)] | None = None
    batch: Annotated[int, Field(ge=2)] | None = None
    seeds: Annotated[int, Field(ge=3)] = 3
    size: Annotated[int, Field(ge=8)] | None = None
    baselines: bool = True
    pretraining: tuple[Literal["contrastive", "masked"], ...] = ("contrastive", "masked")
    probes: bool = True
    sites: Annotated[int, Field(ge=0)] = 1
    adapt: bool = True
    standard: Literal["image", "none"] | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    tuning_rate: Annotated[float, Field(gt=0)] | None = None
    fewest_train: Annotated[int, Field(ge=2)] = 2
    fewest_test: Annotated[int, Field(ge=2)] = 10
    resamples: Annotated[int, Field(ge=10)] | None = None
    device: str = "cpu"
    fairness: bool = True
    robustness: bool = True

    def steps_of(self, kind: Kind) -> int:
        """Return the steps of a stage."""
        return self.steps or STEPS[kind]

    def resamples_of(self, kind: Kind) -> int:
        """Return the resamples of the bootstrap."""
        return self.resamples or (300 if kind == "detection" else 1000)

    def rates_of(self, kind: Kind) -> tuple[float, float]:
        """Return the peaks of a first training and of one that goes on."""
        prefix = self.network.partition(":")[0]
        first, after = RATES.get(f"{prefix}, {kind}", RATES.get(prefix, RATES["small"]))
        return self.learning_rate or first, self.tuning_rate or after

    def batch_of(self, kind: Kind, dims: int) -> int:
        """Return the samples a step."""
        return self.batch or {"segmentation": 2, "detection": 8 if dims < 3 else 4}.get(kind, 16 if dims < 3 else 4)
