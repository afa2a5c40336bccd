"""Comparison rows as tables of a page; they know features and groups, and nothing of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cells import DASH
from .comparison import ComparisonRow, Feature, Interval, Quartiles, furthest
from .report import Cell, Table

HEAT = (1.5, 3.0, 6.0)  # floors at which a cell gets a warmer tint


def heat(ratio: float | None) -> int:
    """Return the tint of a ratio: 0 within reach of the floor, 3 far off."""
    return 0 if ratio is None else sum(ratio > step for step in HEAT)


def ratio_table(
    rows: Sequence[ComparisonRow], features: Sequence[Feature], groups: Sequence[tuple[str, int, int]], caption: str,
    folded: bool = False,
) -> Table:  # fmt: skip
    """Return features down, groups across, each cell the distance in floors.

    Args:
        rows: all comparisons.
        features: which to show, in order.
        groups: (name, real records, synthetic records), in order.
        caption: what the table shows.
        folded: whether it opens on a click.
    """
    at = {(r.feature, r.group): r for r in rows}
    body = tuple(
        (Cell(text=f.label), *(_ratio_cell(at.get((f.name, name))) for name, _, _ in groups)) for f in features
    )
    head = ("distance in floors", *(f"{_unbroken(name)} {n}:{m}" for name, n, m in groups))
    return Table(caption=caption, head=head, rows=body, folded=folded)


def _unbroken(name: str) -> str:
    """Return a group's name that a narrow column does not break."""
    return name.replace(" ", "\u00a0").replace("-", "\u2011")


def _ratio_cell(row: ComparisonRow | None) -> Cell:
    if row is None or row.matched.value is None:
        return Cell(text=DASH)
    if row.ratio is None:
        return Cell(text="∞", heat=3)
    return Cell(text=f"{row.ratio:.1f}", heat=heat(row.ratio))


def number_table(
    rows: Sequence[ComparisonRow], features: Mapping[str, Feature], group: str, caption: str, folded: bool = True
) -> Table:
    """Return one group's numbers in full: medians, distances with intervals, floors, ratio, KS."""
    body = tuple(_numbers(r, features[r.feature]) for r in rows if r.group == group)
    head = (
        "feature", "n real", "n synthetic", "real median [IQR]", "synthetic median [IQR]",
        "Wasserstein [95 %]", "at equal size", "floor [95 %]", "ratio", "KS [95 %]",
    )  # fmt: skip
    return Table(caption=caption, head=head, rows=body, folded=folded)


def _numbers(row: ComparisonRow, feature: Feature) -> tuple[Cell, ...]:
    d = feature.digits
    label = f"{feature.label} ({feature.unit})" if feature.unit else feature.label
    texts = (
        label, str(row.n_real), str(row.n_synthetic), spread(row.real, d), spread(row.synthetic, d),
        ranged(row.wasserstein, d + 1), number(row.matched.value, d + 1), ranged(row.floor, d + 1),
    )  # fmt: skip
    return (*(Cell(text=t) for t in texts), _ratio_cell(row), Cell(text=ranged(row.ks, 2)))


def worst_table(
    rows: Sequence[ComparisonRow], features: Mapping[str, Feature], groups: Sequence[tuple[str, int, int]],
    most: int = 3,
) -> Table:  # fmt: skip
    """Return one row a group: how many features stand out there, and which ones most."""
    body = []
    for group, n_real, n_synthetic in groups:
        off = furthest(rows, group)
        total = sum(r.group == group and r.matched.value is not None for r in rows)
        names = ", ".join(f"{features[r.feature].label} ({number(r.ratio, 1)})" for r in off[:most])
        texts = (group, f"{n_real} : {n_synthetic}", f"{len(off)} of {total}", names)
        body.append(tuple(Cell(text=t) for t in texts))
    head = ("group", "real : synthetic", "stand out", "most, in floors")
    return Table(caption="Features that stand out in each group", head=head, rows=tuple(body), prose=True)


def number(value: float | None, digits: int) -> str:
    """Return a number, or a dash where there is none."""
    return DASH if value is None else f"{value:.{digits}f}"


def spread(q: Quartiles, digits: int) -> str:
    """Return `median [lower quartile to upper quartile]`."""
    return DASH if q.median is None else f"{q.median:.{digits}f} [{q.low:.{digits}f} to {q.high:.{digits}f}]"


def ranged(x: Interval, digits: int) -> str:
    """Return `value [low to high]`."""
    if x.value is None:
        return DASH
    return f"{x.value:.{digits}f} [{number(x.low, digits)} to {number(x.high, digits)}]"


def percent(x: Interval) -> str:
    """Return a share as `99.1 % [98.7 to 99.4]`."""
    if x.value is None:
        return DASH
    ends = "" if x.low is None or x.high is None else f" [{100 * x.low:.1f} to {100 * x.high:.1f}]"
    return f"{100 * x.value:.1f} %{ends}"
