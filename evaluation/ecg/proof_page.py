"""The proof in words and tables: clouds, nearest neighbours, and what the data is worth to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...conditioning.record import Record
from ..downstream import DownstreamResult
from ..downstream.section import arms_section, gains
from ..drawing import data_uri
from ..realism.tables import measured_table
from ..report import Cell, Picture, Section, Table
from ..tables import number
from .clouds import Clouds
from .paper import sheet


def verdict_section(clouds: Clouds | None, task: DownstreamResult | None) -> Section:
    """Return what to use the data for and what not, said from the results alone."""
    use: list[str] = []
    avoid: list[str] = []
    if task is not None:
        for sentence, better in gains(task):
            (use if better else avoid).append(sentence)
    if clouds is not None:
        auc = next((m for m in clouds.metrics if m.name.startswith("discriminator")), None)
        if auc is not None and auc.matched.known and auc.floor.known:
            told = auc.matched.value - auc.floor.value > 0.1
            (avoid if told else use).append(
                f"A discriminator tells synthetic from real records with an AUC of {auc.matched.value:.2f} "
                f"(real from real: {auc.floor.value:.2f}), so "
                + ("do not pass them off as a clinic's mix." if told else "as a stand-in in method development.")
            )
        copies = clouds.near.closer
        near = copies.whole.low > copies.floor.high
        (avoid if near else use).append(
            f"{100 * copies.whole.value:.1f} % of synthetic records lie closer to a training record than all but 1 % "
            f"of held-out real ones do (real against real: {100 * copies.floor.value:.1f} %): "
            + ("look at the pairs before you share." if near else "no sign of copies.")
        )
    avoid.append("For diagnosis, for judging a device, or as evidence about patients: never.")
    return Section(
        name="use",
        title="What to use this data for, and what not",
        texts=("Said from the measurements below, each with its interval there.",),
        items=(*(f"Use: {s}" for s in use), *(f"Not: {s}" for s in avoid)),
    )


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
        for kind, record in (("Synthetic", made[s]), ("Its nearest training record", real[t])):
            title = f"{kind}: {record.record_id}"
            pictures.append(Picture(uri=data_uri(sheet(record)), alt=f"12-lead ECG, {title}", caption=title, wide=True))
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
