"""The proof in words and tables: clouds, nearest neighbours, and what the data is worth to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...conditioning.record import Record
from ..downstream import DownstreamResult
from ..drawing import data_uri
from ..realism import Measured
from ..report import Cell, Picture, Section, Table
from ..result import Result
from ..tables import number
from .clouds import Clouds
from .paper import sheet

NAMES = {
    "frechet": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "discriminator_auc_logistic": "discriminator AUC, logistic regression",
    "discriminator_auc_boosting": "discriminator AUC, boosted trees",
    "closer_than_held_out": "closer to training than the held-out's 1st percentile",
    "nearer_than_held_out": "chance of lying nearer to training than a held-out record",
}


def verdict_section(clouds: Clouds | None, task: DownstreamResult | None) -> Section:
    """Return what to use the data for and what not, said from the results alone."""
    use: list[str] = []
    avoid: list[str] = []
    if task is not None:
        for sentence, better in _gains(task):
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


def _gains(task: DownstreamResult) -> list[tuple[str, bool]]:
    """Return a sentence on each difference of `synthetic -> real` to `real`, by metrics that are scores."""
    said = []
    arms = [a.name for a in task.arms if a.name.startswith("synthetic -> real")]
    for arm in arms:
        rows = [
            r for r in task.differences
            if r.arm == arm and r.reference == arm.removeprefix("synthetic -> ") and r.group == "all"
        ]  # fmt: skip
        better, worse = (sum(r.verdict == v for r in rows) for v in ("better", "worse"))
        said.append(
            (
                f"{task.task}, {arm} against {arm.removeprefix('synthetic -> ')}: {better} of {len(rows)} metrics "
                f"better, {worse} worse, the rest open.",
                better > worse,
            )
        )
    return said


def clouds_section(clouds: Clouds) -> Section:
    """Return the metrics of the clouds with their floors."""
    rows = tuple(_measured(m) for m in (*clouds.metrics, clouds.near.closer, clouds.near.nearer))
    training, held_out, synthetic = clouds.n
    text = (
        f"An encoder was trained by contrast on {training} real records; {held_out} real ones of other patients are "
        f"compared with {synthetic} synthetic ones in its features. The floor is one held-out half against the other, "
        "and 'at equal size' a half against as many synthetic records: compare these two. Intervals of the first "
        "column resample patients; the others are spreads over random halves."
    )
    table = Table(
        caption="Real against synthetic in the features of the encoder",
        head=("metric", "all records [95 %]", "at equal size", "floor: real against real"),
        rows=rows,
    )
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
    titles = [_title(m, unit[m]) for m in metrics]
    head = ("arm", "steps", *titles)
    rows = [(Cell(text=name), Cell(text="–"), *(_cell(v[m], unit[m]) for m in metrics)) for name, v in beside.items()]
    for arm in task.arms:
        cells = [task.row(arm.name, m).result for m in metrics]
        texts = (_ranged(c, unit[m]) for c, m in zip(cells, metrics, strict=True))
        rows.append((Cell(text=arm.name), Cell(text=str(arm.steps)), *(Cell(text=t) for t in texts)))
    arms = Table(caption="Mean over seeds [95 % over patients and seeds]", head=head, rows=tuple(rows))
    differences = Table(
        caption="Arm less reference, patients and seeds drawn alike for both; better and worse where zero is outside",
        head=("arm", "less", *titles),
        rows=tuple(_differences(task, metrics, unit)),
        folded=len(task.differences) > 60,
    )
    return Section(
        name="downstream",
        title=f"What it is worth: {task.task}",
        texts=(*about, "All arms of a seed start from the same weights; verdicts are not corrected for their number."),
        tables=(arms, differences),
    )


def _title(metric: str, unit: str) -> str:
    """Return a metric's column title; what all columns share is said in the text."""
    short = metric.removeprefix("all leads ").replace("sd of error", "sd")
    return f"{short}, {unit}" if unit else short


def _differences(task: DownstreamResult, metrics: Sequence[str], unit: Mapping[str, str]) -> list[tuple[Cell, ...]]:
    rows = []
    seen = dict.fromkeys((r.arm, r.reference) for r in task.differences)
    for arm, reference in seen:
        found = [task.difference(arm, reference, m) for m in metrics]
        cells = [
            Cell(text=f"{_ranged(f.difference, unit[m], True)} {f.verdict}", heat=2 if f.verdict == "worse" else 0)
            for f, m in zip(found, metrics, strict=True)
        ]
        rows.append((Cell(text=arm), Cell(text=reference), *cells))
    return rows


def _measured(m: Measured) -> tuple[Cell, ...]:
    return tuple(
        Cell(text=t) for t in (NAMES.get(m.name, m.name), _result(m.whole), _result(m.matched), _result(m.floor))
    )


def _result(r: Result) -> str:
    return "–" if not r.known else f"{r.value:.2f} [{r.low:.2f} to {r.high:.2f}]"


def _ranged(x: object, unit: str, sign: bool = False) -> str:
    value, low, high = (getattr(x, name) for name in ("value", "low", "high"))
    if value is None:
        return "–"
    digits = 1 if unit else 3
    plus = "+" if sign else ""
    return f"{value:{plus}.{digits}f} [{low:{plus}.{digits}f} to {high:{plus}.{digits}f}]"


def _cell(value: float, unit: str) -> Cell:
    return Cell(text=f"{value:.1f}" if unit else f"{value:.3f}")
