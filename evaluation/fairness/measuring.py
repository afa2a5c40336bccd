"""How a model's errors fall on groups: the one function that a caller needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..comparison import Interval, interval
from ..realism.resampling import around, patient_weights, share_around
from ..result import Result, unknown_result
from ..statistics import wilson
from .cells import Attributes, axes_of, axis_name, cells_of
from .decisions import Columns, Decided, decided, healthy_called, missed, scores_of, truth_of
from .gaps import holm, null, spread
from .rates import ACCURACY, AUROC, FPR, SELECTION, TPR, UNDER, Cells, cell_aurocs, cell_rates, frame_rates
from .result import CellRow, FairnessResult, GapDifference, GapRow, OthersRow
from .sizes import size_row

FEWEST = 20  # rows that a rate of a group needs to be compared
ODDS = "equalised odds"
CORRECTED = (TPR, FPR, UNDER)


@dataclass(frozen=True)
class _Drawn:
    """What all measurements share: draws of patients, and how many permutations."""

    weight: Float[np.ndarray, "resamples n"]  # the first row counts each row once
    patient: np.ndarray
    seed: int
    permutations: int
    most: int
    fewest: int


def fairness_of(
    labels: Columns, scores: Mapping[str, Columns], attributes: Attributes, patients: Sequence[str], *,
    validation: tuple[Columns, Mapping[str, Columns]] | None = None, thresholds: Mapping[str, float] | None = None,
    rule: str = "balanced", no_finding: str | None = None, underdiagnosis: bool = True,
    training: Attributes | None = None,
    deepest: int = 2, fewest: int = FEWEST, resamples: int = 500, permutations: int = 1000, seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FairnessResult:  # fmt: skip
    """Judge arms by how their errors fall on groups of test rows.

    Args:
        labels: by name, one value a test row: 1, 0, or NaN where nothing is known.
        scores: by arm and label, (n,) or (seeds, n), higher where the label is taken to be 1. The first arm is the
            reference of the others. Rates are meaned over seeds; intervals are over patients alone.
        attributes: by name, one word a row, such as `sex` or `age band`; None or empty where it is not stated.
        patients: whose each row is.
        validation: labels, and scores by arm and label, of rows of other patients: thresholds are chosen on them.
        thresholds: by label, where they are known; a label with neither has 0.5.
        rule: `balanced` (best balanced accuracy), or `sensitivity 0.9`.
        no_finding: label that says healthy, for underdiagnosis: the share of rows without it that get it. Without
            one, a row with no label is healthy and underdiagnosis is the share of the others that are called nothing.
        underdiagnosis: whether to measure it; of labels none of which says healthy it would mean nothing.
        training: attributes of the rows that the models were trained on, to relate performance to their numbers.
        deepest: how many attributes are crossed at most.
        fewest: rows that a rate of a group needs to be compared.
        resamples: of the bootstrap over patients.
        permutations: of the null; more are made where a small p is to be resolved.
        seed: of both.
        progress: told (axes done, axes in all).

    Raises:
        ValueError: lengths that differ, labels that are not 1, 0 or NaN, or an arm without scores.
    """
    truth = truth_of(labels)
    n = len(patients)
    _check(truth, scores, attributes, n)
    (weight,) = patient_weights([patients], resamples, stream(seed, "fairness.patients"))
    drawn = _Drawn(
        np.concatenate([np.ones((1, n)), weight]), np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1],
        seed, permutations, 0, fewest,
    )  # fmt: skip
    axes = axes_of(list(attributes), deepest)
    made, rows = {}, []
    for arm, columns in scores.items():
        made[arm], found = decided(arm, truth, scores_of(columns, truth, arm), validation, thresholds, rule)
        rows += found
    healthy = {arm: healthy_called(d, no_finding) for arm, d in made.items()} if underdiagnosis else {}
    tests = len(axes) * (2 * len(truth) + 1)
    drawn = _Drawn(drawn.weight, drawn.patient, seed, permutations, max(permutations, 40 * tests), fewest)
    out: dict[str, list[Any]] = {"cells": [], "gaps": [], "others": [], "sizes": [], "differences": []}
    for k, axis in enumerate(axes):
        cells = cells_of(axis, attributes)
        sizes = None if training is None else {c: int(m.sum()) for c, m in cells_of(axis, training).items()}
        _axis(out, axis_name(axis), cells, made, healthy, sizes, drawn)
        progress(k + 1, len(axes))
    everyone = {"all": np.ones(n, dtype=bool)}
    for labels_of in made.values():
        for d in labels_of:
            table = np.mean([cell_aurocs(d.truth, s, everyone, drawn.weight) for s in d.score], axis=0)
            out["cells"] += _cell_rows(d, "all", everyone, {AUROC: table}, {}, {}, drawn)
    gaps = [g for arm in scores for g in _corrected([g for g in out["gaps"] if g.arm == arm])]
    return FairnessResult(
        arms=tuple(scores), labels=tuple(truth), axes=tuple(axis_name(a) for a in axes), rows=n,
        patients=len(set(patients)), thresholds=tuple(rows), cells=tuple(out["cells"]), gaps=tuple(gaps),
        others=tuple(out["others"]), sizes=tuple(out["sizes"]), differences=tuple(out["differences"]),
        unknown=tuple(_unknown(truth, made)),
    )  # fmt: skip


def _check(truth: Columns, scores: Mapping[str, Columns], attributes: Attributes, n: int) -> None:
    if not truth or not scores or not attributes:
        raise ValueError("a label, an arm's scores and an attribute are needed at least")
    for kind, columns in (("label", truth), ("attribute", attributes)):
        for name, column in columns.items():
            if len(column) != n:
                raise ValueError(f"{kind} {name!r} has {len(column)} rows; there are {n} patients' rows")


def _unknown(truth: Columns, made: Mapping[str, list[Decided]]) -> list[str]:
    said = []
    for name, column in truth.items():
        classes = [int((column == c).sum()) for c in (1, 0)]
        if 0 in classes:
            said.append(f"label {name!r}: {classes[0]} positive and {classes[1]} negative rows; both are needed")
    for arm, labels in made.items():
        for d in labels:
            lost = int((~np.isfinite(d.called)).any(axis=0).sum())
            if lost:
                said.append(f"arm {arm!r}, label {d.label!r}: {lost} of {len(d.truth)} rows have no score or threshold")
    return said


def _axis(
    out: dict[str, list[Any]], axis: str, cells: Cells, made: Mapping[str, list[Decided]],
    healthy: Mapping[str, Decided], sizes: Mapping[str, int] | None, drawn: _Drawn,
) -> None:  # fmt: skip
    draws: dict[tuple[str, str, str], np.ndarray] = {}
    for arm, labels in made.items():
        for d in labels:
            values = d.values()
            exact = frame_rates(d.truth, d.share, cells)
            rates = {name: cell_rates(v, cells, drawn.weight) for name, v in values.items()}
            rates[AUROC] = np.mean([cell_aurocs(d.truth, s, cells, drawn.weight) for s in d.score], axis=0)
            out["cells"] += _cell_rows(d, axis, cells, rates, values, exact, drawn)
            for name in (TPR, FPR, SELECTION, ACCURACY):
                row, one = _gap_row(d, axis, name, values[name], cells, drawn)
                out["gaps"].append(row)
                draws[arm, d.label, name] = one
            odds = np.fmax(draws[arm, d.label, TPR], draws[arm, d.label, FPR])
            draws[arm, d.label, ODDS] = odds
            out["gaps"].append(_odds_row([g for g in out["gaps"][-4:] if g.measure in (TPR, FPR)], odds))
            out["others"] += _others_rows(d, axis, cells, values, drawn)
            out["sizes"] += [
                size_row(d, axis, name, cells, rates[name], sizes, drawn.seed) for name in (AUROC, ACCURACY)
            ]
        if arm not in healthy:
            continue
        sick = healthy[arm]
        row, one = _gap_row(sick, axis, UNDER, missed(sick), cells, drawn)
        out["gaps"].append(row)
        draws[arm, UNDER, UNDER] = one
        rates = {UNDER: cell_rates(missed(sick), cells, drawn.weight)}
        out["cells"] += _cell_rows(sick, axis, cells, rates, {UNDER: missed(sick)}, {}, drawn)
    reference, *others = made
    for arm in others:
        for key in [k for k in draws if k[0] == arm]:
            out["differences"].append(_difference(arm, reference, axis, key, draws))


def _cell_rows(
    d: Decided, axis: str, cells: Cells, rates: Mapping[str, np.ndarray], values: Columns,
    exact: Mapping[str, Mapping[str, float]], drawn: _Drawn,
) -> list[CellRow]:  # fmt: skip
    rows = []
    for k, (cell, mask) in enumerate(cells.items()):
        n = {c: int((d.truth[mask] == c).sum()) for c in (1, 0)}
        patients = len(np.unique(drawn.patient[mask]))
        for name, table in rates.items():
            counts = np.isfinite(values[name]) & mask if name in values else np.isfinite(d.truth) & mask
            value = exact.get(name, {}).get(cell, float(table[0, k]))
            many = len(np.unique(drawn.patient[counts]))
            rows.append(
                CellRow(
                    arm=d.arm, label=d.label, axis=axis, cell=cell, measure=name, patients=patients,
                    rate=interval(_share(value, table[1:, k], int(counts.sum()), many)),
                    positives=n[1], negatives=n[0], small=min(n.values()) < drawn.fewest,
                )
            )  # fmt: skip
    return rows


def _share(value: float, draws: np.ndarray, n: int, patients: int) -> Result:
    """Return a share with its interval, no narrower than Wilson's where a few patients are all there is to draw."""
    if not np.isfinite(value) or not patients:
        return unknown_result(n)
    result = share_around(value, draws, n, patients)
    if patients >= FEWEST or not result.known:
        return result
    by_count = wilson(value, n, patients)
    return Result(value, min(result.low, by_count.low), max(result.high, by_count.high), n)


def _large(value: np.ndarray, cells: Cells, fewest: int) -> dict[str, np.ndarray]:
    """Return the cells with enough rows that count."""
    return {name: m for name, m in cells.items() if int(np.isfinite(value[m]).sum()) >= fewest}


def _gap_row(
    d: Decided, axis: str, measure: str, value: np.ndarray, cells: Cells, drawn: _Drawn
) -> tuple[GapRow, np.ndarray]:
    large = _large(value, cells, drawn.fewest)
    rates = cell_rates(value, large, drawn.weight)
    draws = spread(rates)
    known = bool(np.isfinite(draws[0]))
    result = around(float(draws[0]), draws[1:], len(large), (0.0, 1.0)) if known else unknown_result(len(large))
    rng = stream(drawn.seed, f"fairness.null/{axis}/{measure}")
    by_chance = null(
        float(draws[0]), value, large, drawn.patient, drawn.weight[1:], rng, drawn.permutations, drawn.most
    )
    every = cell_rates(value, cells, drawn.weight[:1])[0]
    every = every[np.isfinite(every)]
    names, why = list(large), f"{len(large)} of {len(cells)} groups have {drawn.fewest} rows that count; two are needed"
    row = GapRow(
        arm=d.arm, label=d.label, axis=axis, measure=measure, gap=interval(result),
        lowest=names[int(rates[0].argmin())] if known else "", highest=names[int(rates[0].argmax())] if known else "",
        every=float(np.ptp(every)) if len(every) > 1 else None, left_out=tuple(c for c in cells if c not in large),
        chance=_none(by_chance.middle), chance_high=_none(by_chance.high), p=_none(by_chance.p), p_corrected=None,
        by=by_chance.by,
        unknown="" if known else why,
    )  # fmt: skip
    return row, draws


def _odds_row(parts: Sequence[GapRow], draws: np.ndarray) -> GapRow:
    """Return the larger of the gaps in true and false positive rates; its parts stand beside what chance gives."""
    known = [g for g in parts if g.gap.value is not None]
    first = max(known, key=lambda g: g.gap.value or 0.0) if known else parts[0]
    both = len(known) == len(parts)
    result = around(float(draws[0]), draws[1:], first.gap.n, (0.0, 1.0)) if both else unknown_result(first.gap.n)
    left = tuple(dict.fromkeys(name for g in parts for name in g.left_out))
    why = "" if both else "; ".join(dict.fromkeys(g.unknown for g in parts if g.unknown))
    nothing: dict[str, Any] = {"chance": None, "chance_high": None, "p": None, "every": None}
    return first.model_copy(
        update={"measure": ODDS, "gap": interval(result), "left_out": left, "unknown": why, **nothing}
    )


def _others_rows(d: Decided, axis: str, cells: Cells, values: Columns, drawn: _Drawn) -> list[OthersRow]:
    if len(cells) < 2:
        return []
    anyone = np.any(np.stack(list(cells.values())), axis=0)
    rows = []
    for name, mask in cells.items():
        n = [int((d.truth[mask] == c).sum()) for c in (1, 0)]
        found = {
            key: _against(value, mask, anyone & ~mask, drawn)
            for key, value in ((SELECTION, values[SELECTION]), (ACCURACY, values[ACCURACY]), ("label", d.truth))
        }
        rows.append(
            OthersRow(
                arm=d.arm, label=d.label, axis=axis, cell=name, statistical_parity=found[SELECTION],
                accuracy_less_others=found[ACCURACY], prevalence=found["label"], small=min(n) < drawn.fewest,
            )
        )  # fmt: skip
    return rows


def _against(value: np.ndarray, mask: np.ndarray, others: np.ndarray, drawn: _Drawn) -> Interval:
    rates = cell_rates(value, {"group": mask, "others": others}, drawn.weight)
    draws = rates[:, 0] - rates[:, 1]
    n = int(np.isfinite(value[mask]).sum())
    return interval(around(float(draws[0]), draws[1:], n, (-1.0, 1.0)))


def _difference(
    arm: str, reference: str, axis: str, key: tuple[str, str, str], draws: Mapping[tuple[str, str, str], np.ndarray]
) -> GapDifference:
    both = draws[key] - draws[reference, key[1], key[2]]
    result = around(float(both[0]), both[1:], 2, (-1.0, 1.0))
    verdict = "open"
    if result.known and (result.low > 0 or result.high < 0):
        verdict = "wider" if result.low > 0 else "narrower"
    return GapDifference(
        arm=arm, reference=reference, label=key[1], axis=axis, measure=key[2], difference=interval(result),
        verdict=verdict,
    )  # fmt: skip


def _corrected(gaps: Sequence[GapRow]) -> list[GapRow]:
    """Return the gaps of an arm with p-values corrected for their number, where they are among the primary ones."""
    p = np.array([g.p if g.measure in CORRECTED and g.p is not None else np.nan for g in gaps], dtype=float)
    return [g.model_copy(update={"p_corrected": _none(c)}) for g, c in zip(gaps, holm(p).tolist(), strict=True)]


def _none(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
