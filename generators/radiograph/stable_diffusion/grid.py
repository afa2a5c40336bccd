"""A picture of a few drawn radiographs, to see how training goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.radiograph.prompt import prompt
from ....conditioning.record import Record

CONDITIONS: tuple[RadiographCondition, ...] = tuple(
    RadiographCondition.model_validate(asked)
    for asked in (
        {},
        {"sex": "F", "age_years": 30, "view": "pa", "findings": ["no_finding"]},
        {"sex": "M", "age_years": 60, "view": "pa", "findings": ["no_finding"]},
        {"sex": "M", "age_years": 75, "view": "ap", "findings": ["effusion"]},
        {"sex": "F", "age_years": 70, "findings": ["cardiomegaly"]},
        {"sex": "M", "age_years": 25, "findings": ["pneumothorax"]},
        {"sex": "F", "age_years": 55, "findings": ["consolidation", "pneumonia"]},
        {"sex": "M", "age_years": 65, "view": "ap", "findings": ["edema", "support_devices"]},
    )
)
_COLUMNS = 4


def draw_grid(records: Sequence[Record], path: Path) -> None:
    """Write images as a PNG, four a row, black at 0 and white at 1, each with its prompt."""
    from matplotlib.figure import Figure

    rows = -(-len(records) // _COLUMNS)
    figure = Figure(figsize=(3 * _COLUMNS, 3.5 * rows), layout="constrained")
    for ax in figure.subplots(rows, _COLUMNS, squeeze=False).flat:
        ax.axis("off")
    for ax, record in zip(figure.axes, records, strict=False):
        assert isinstance(record.condition, RadiographCondition)
        ax.imshow(record.arrays["image"], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(prompt(record.condition).replace(". ", ".\n", 1) or "nothing asked", fontsize=7)
    figure.savefig(path, dpi=80, metadata={"Software": None})
