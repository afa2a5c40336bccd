"""What a model makes of the data, in tables and in a sentence; nothing here knows what the data are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..report import Cell, Section, Table
from ..tables import DASH
from .paired import DownstreamResult

FOLDED = 60  # differences above which their table opens on a click


def arms_section(
    task: DownstreamResult, titles: Mapping[str, str], beside: Mapping[str, Mapping[str, float]], about: Sequence[str]
) -> Section:
    """Return every arm and the differences that matter.

    Args:
        task: the arms' results.
        titles: column title of each metric that is shown.
        beside: metrics of methods that were not trained, by name.
        about: what was done, in sentences.
    """
    unit = {m["name"]: m["unit"] for m in task.metrics}
    metrics = list(titles)
    head = ("arm", "steps", *titles.values())
    rows = [(Cell(text=name), Cell(text=DASH), *(_cell(v[m], unit[m]) for m in metrics)) for name, v in beside.items()]
    for arm in task.arms:
        cells = [task.row(arm.name, m).result for m in metrics]
        texts = (_ranged(c, unit[m]) for c, m in zip(cells, metrics, strict=True))
        rows.append((Cell(text=arm.name), Cell(text=str(arm.steps)), *(Cell(text=t) for t in texts)))
    arms = Table(caption="Mean over seeds [95 % over patients and seeds]", head=head, rows=tuple(rows))
    differences = Table(
        caption="Arm less reference, patients and seeds drawn alike for both; better and worse where zero is outside",
        head=("arm", "less", *titles.values()),
        rows=tuple(_differences(task, metrics, unit)),
        folded=len(task.differences) > FOLDED,
    )
    return Section(
        name="downstream",
        title=f"What it is worth: {task.task}",
        texts=(*about, "All arms of a seed start from the same weights; verdicts are not corrected for their number."),
        tables=(arms, differences),
    )


def gains(task: DownstreamResult) -> list[tuple[str, bool]]:
    """Return a sentence on each difference of `synthetic -> real` to `real`, and whether more is better than worse."""
    said = []
    arms = [a.name for a in task.arms if a.name.startswith("synthetic -> real")]
    for arm in arms:
        reference = arm.removeprefix("synthetic -> ")
        rows = [r for r in task.differences if (r.arm, r.reference, r.group) == (arm, reference, "all")]
        better, worse = (sum(r.verdict == v for r in rows) for v in ("better", "worse"))
        sentence = (
            f"{task.task}, {arm} against {reference}: {better} of {len(rows)} metrics better, {worse} worse, the rest "
            "open."
        )
        said.append((sentence, better > worse))
    return said


def _differences(task: DownstreamResult, metrics: Sequence[str], unit: Mapping[str, str]) -> list[tuple[Cell, ...]]:
    rows = []
    for arm, reference in dict.fromkeys((r.arm, r.reference) for r in task.differences):
        found = [task.difference(arm, reference, m) for m in metrics]
        cells = [
            Cell(text=f"{_ranged(f.difference, unit[m], True)} {f.verdict}", heat=2 if f.verdict == "worse" else 0)
            for f, m in zip(found, metrics, strict=True)
        ]
        rows.append((Cell(text=arm), Cell(text=reference), *cells))
    return rows


def _ranged(x: Any, unit: str, sign: bool = False) -> str:
    if x.value is None:
        return DASH
    digits, plus = 1 if unit else 3, "+" if sign else ""
    return f"{x.value:{plus}.{digits}f} [{x.low:{plus}.{digits}f} to {x.high:{plus}.{digits}f}]"


def _cell(value: float, unit: str) -> Cell:
    return Cell(text=f"{value:.1f}" if unit else f"{value:.3f}")
