"""The proof in words and tables: clouds, nearest neighbours, and what the data is worth to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ...conditioning.record import Record
from ..downstream import DownstreamResult
from ..downstream.section import arms_section
from ..drawing import data_uri
from ..realism.tables import measured_table
from ..report import Cell, Picture, Section, Table
from ..tables import number
from .clouds import Clouds
from .paper import sheet


def clouds_section(clouds: Clouds) -> Section:
    """Return the metrics of the clouds with their floors."""
    training, held_out, synthetic = clouds.n
    text = (
        f"An encoder was trained by contrast on {training} real records; {held_out} real ones of other patients are "
        f"compared with {synthetic} synthetic ones in its features. The floor is one held-out half against the other, "
        "and 'at equal size' a half against as many synthetic records: compare these two. Intervals of the first "
        "column resample patients; the others are spreads over random halves."
    )
    metrics = (*clouds.metrics, clouds.near.closer, clouds.near.nearer)
    table = measured_table(metrics, "Real against synthetic in the features of the encoder")
    return Section(name="clouds", title="In the eyes of an encoder", texts=(text,), tables=(table,))


def neighbours_section(clouds: Clouds, training: Sequence[Record], synthetic: Sequence[Record], n: int = 2) -> Section:
    """Return the closest pairs, each drawn side by side."""
    real, made = ({r.record_id: r for r in records} for records in (training, synthetic))
    rows = tuple(
        tuple(Cell(text=t) for t in (s, t, number(d, 3), f"{100 * share:.0f} %"))
        for s, t, d, share in clouds.pairs[:10]
    )  # fmt: skip
    pictures = []
    for s, t, _, _ in clouds.pairs[:n]:
        pictures.append(_sheet(made[s], "synthetic", s))
        pictures.append(_sheet(real[t], "real", f"the training record nearest to {s}: {t}"))
    text = (
        "The synthetic records that lie nearest to any training record, in the encoder's features. A copy would share "
        "its wave shapes in every lead; look."
    )
    table = Table(
        caption="Closest pairs",
        head=("synthetic", "training", "distance", "held-out records at least as near"),
        rows=rows,
        prose=True,
    )
    return Section(
        name="neighbours", title="Nearest neighbours", texts=(text,), pictures=tuple(pictures), tables=(table,)
    )


def _sheet(record: Record, of: Literal["real", "synthetic"], caption: str) -> Picture:
    alt = f"12-lead ECG, {of}: {caption}"
    return Picture(uri=data_uri(sheet(record)), alt=alt, caption=caption, wide=True, of=of)


def downstream_section(
    task: DownstreamResult, metrics: Sequence[str], beside: Mapping[str, Mapping[str, float]], about: Sequence[str]
) -> Section:
    """Return every arm and the differences that matter.

    Args:
        task: the arms' results.
        metrics: which metrics to show.
        beside: metrics of methods that were not trained, by name.
        about: what was done, in sentences.
    """
    unit = {m["name"]: m["unit"] for m in task.metrics}
    return arms_section(task, {m: _title(m, unit[m]) for m in metrics}, beside, about)


def _title(metric: str, unit: str) -> str:
    """Return a metric's column title; what all columns share is said in the text."""
    short = metric.removeprefix("all leads ").replace("sd of error", "sd")
    return f"{short}, {unit}" if unit else short
