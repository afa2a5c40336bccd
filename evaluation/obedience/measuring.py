"""Whether synthetic rows show what was asked: the one function that a caller needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..comparison import interval
from ..downstream import correlation
from ..realism.resampling import around, patient_weights
from ..realism.samples import Sample
from ..result import Result, unknown_result
from ..robustness.calibration import Claims, bins_of, calibration_error, errors_by_chance
from .concepts import directions, effect, placed
from .conditions import YES, Attribute, Column, Said, attributes_of
from .measures import (
    Answers,
    Measure,
    class_accuracy,
    class_auroc,
    concordance_correlation,
    kappa,
    mean_error,
    measured,
    shuffled,
)
from .mislabelled import mislabelled_share
from .readers import FEW, Calibration, ClassReader, NumberReader, Space, class_reader, number_reader
from .result import AgreementRow, ConceptRow, ObedienceResult, ReaderRow

FEW_PATIENTS = 5
ECE_BINS = 10
CLASS_MEASURES: dict[str, tuple[Measure, tuple[float, float]]] = {
    "auroc": (class_auroc, (0.0, 1.0)), "accuracy": (class_accuracy, (0.0, 1.0)), "kappa": (kappa, (-1.0, 1.0)),
}  # fmt: skip
NUMBER_MEASURES: dict[str, tuple[Measure, tuple[float, float]]] = {
    "correlation": (correlation, (-1.0, 1.0)), "concordance": (concordance_correlation, (-1.0, 1.0)),
    "error": (mean_error, (0.0, np.inf)),
}  # fmt: skip


@dataclass(frozen=True)
class _Sides:
    """All sides as readers see them, and draws of their patients; the first draw counts each row once."""

    training: Float[np.ndarray, "training r"]
    held_out: Float[np.ndarray, "held_out r"]
    synthetic: Float[np.ndarray, "synthetic r"]
    patients: tuple[Sequence[str], Sequence[str], Sequence[str]]
    weights: tuple[np.ndarray, np.ndarray]  # of the held-out and of the synthetic rows
    seed: int
    resamples: int


def obedience_of(
    training: Sample, held_out: Sample, synthetic: Sample,
    conditions: Mapping[str, Said | tuple[Column, Column, Column]], *, seed: int = 0, resamples: int = 500,
    calibration: Calibration = "platt", features: str = "features",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ObedienceResult:  # fmt: skip
    """Return how well synthetic rows show what was asked of them, attribute by attribute.

    Readers are linear models of the features, trained on the training rows alone, with a penalty and a calibration
    found on folds of other patients. Three hundred rows and 256 features take about a second an attribute.

    Args:
        training: features of real rows to train readers on.
        held_out: features of real rows of other patients.
        synthetic: features of synthetic rows.
        conditions: by name, what is said of the rows of each side: see `Said`.
        seed: of folds, resamples and shuffles.
        resamples: of the bootstrap over patients.
        calibration: `platt`, or `isotonic` where hundreds of rows show each of two classes.
        features: what they are, in words.
        progress: told (attributes done, attributes in all).

    Raises:
        ValueError: other numbers of features, a patient both trained on and held out, or conditions of other lengths.
    """
    _check(training, held_out, synthetic)
    attributes = attributes_of(conditions, (len(training), len(held_out), len(synthetic)))
    unread: dict[str, str] = {}
    agreement: list[AgreementRow] = []
    readers: list[ReaderRow] = []
    concepts: list[ConceptRow] = []
    try:
        space = Space.of(training)
    except ValueError as error:
        unread, attributes = {a.name: str(error) for a in attributes}, []
    else:
        sides = _sides(space, training, held_out, synthetic, seed, resamples)
    for k, a in enumerate(attributes):
        found = _read(a, sides, calibration)
        if isinstance(found, str):
            unread[a.name] = found
        else:
            agreement += found[0]
            readers.append(found[1])
            concepts += _concepts(a, sides)
        progress(k + 1, len(attributes))
    return ObedienceResult(
        features=features, rows=(len(training), len(held_out), len(synthetic)), agreement=tuple(agreement),
        readers=tuple(readers), concepts=tuple(concepts), unread=unread,
    )  # fmt: skip


def _check(training: Sample, held_out: Sample, synthetic: Sample) -> None:
    widths = [s.x.shape[1] for s in (training, held_out, synthetic)]
    if len(set(widths)) > 1:
        raise ValueError(f"training, held-out and synthetic rows have {widths} features; all need the same")
    if min(len(training), len(held_out), len(synthetic)) < 2:
        rows = (len(training), len(held_out), len(synthetic))
        raise ValueError(f"training, held-out and synthetic rows are {rows}; two a side are needed at least")
    both = sorted(set(training.patients) & set(held_out.patients))
    if both:
        raise ValueError(f"{len(both)} patients are both trained on and held out ({both[0]!r} is one)")


def _sides(space: Space, training: Sample, held_out: Sample, synthetic: Sample, seed: int, resamples: int) -> _Sides:
    names = (training.patients, held_out.patients, synthetic.patients)
    drawn = patient_weights(names[1:], resamples, stream(seed, "obedience.patients"))
    w = tuple(np.concatenate([np.ones((1, x.shape[1])), x]) for x in drawn)
    x = [space(s) for s in (training, held_out, synthetic)]
    return _Sides(x[0], x[1], x[2], names, (w[0], w[1]), seed, resamples)


def _read(a: Attribute, sides: _Sides, calibration: Calibration) -> tuple[list[AgreementRow], ReaderRow] | str:
    """Return how an attribute is read, or why it is not."""
    stated = [int(np.isfinite(v).sum()) for v in (a.held_out, a.synthetic)]
    strange = f"; no training row says {', '.join(a.strange[:3])}" if a.strange else ""
    if 0 in stated:
        return f"{stated[0]} held-out and {stated[1]} synthetic rows say anything of it{strange}"
    if len(np.unique(a.synthetic[np.isfinite(a.synthetic)])) < 2:
        return f"one value was asked of all synthetic rows: nothing to tell apart{strange}"
    if a.levels:
        reader = class_reader(sides.training, a, sides.patients[0], sides.seed, calibration)
        if isinstance(reader, str):
            return reader
        rows = _agreement(a, sides, [reader.even(x) for x in (sides.held_out, sides.synthetic)], CLASS_MEASURES)
        return rows, _class_row(a, reader, sides)
    number = number_reader(sides.training, a, sides.patients[0], sides.seed)
    if isinstance(number, str):
        return number
    rows = _agreement(a, sides, [number.values(x) for x in (sides.held_out, sides.synthetic)], NUMBER_MEASURES)
    return rows, _number_row(a, number)


def _agreement(
    a: Attribute, sides: _Sides, read: Sequence[np.ndarray],
    measures: Mapping[str, tuple[Measure, tuple[float, float]]],
) -> list[AgreementRow]:  # fmt: skip
    real, made = (
        _answers(answer, r, who)
        for answer, r, who in zip((a.held_out, a.synthetic), read, sides.patients[1:], strict=True)
    )
    levels = range(len(a.levels))
    fewest = min([int((s.answer == k).sum()) for s in (real, made) for k in levels] or [len(real), len(made)])
    owners = np.asarray(real.patients)
    patients = min([len(np.unique(owners[real.answer == k])) for k in levels] or [len(np.unique(owners))])
    return [
        AgreementRow(
            attribute=a.name, measure=name,
            synthetic=interval(measured(a.name, measure, made, sides.seed, sides.resamples, bounds)),
            ceiling=interval(measured(a.name, measure, real, sides.seed, sides.resamples, bounds)),
            floor=interval(shuffled(a.name, measure, made, sides.seed)),
            fewest=fewest, patients=patients, small=fewest < FEW or patients < FEW_PATIENTS,
        )
        for name, (measure, bounds) in measures.items()
    ]  # fmt: skip


def _answers(answer: np.ndarray, read: np.ndarray, patients: Sequence[str]) -> Answers:
    known = np.isfinite(answer)
    return Answers(answer[known], read[known], [p for p, k in zip(patients, known.tolist(), strict=True) if k])


def _class_row(a: Attribute, reader: ClassReader, sides: _Sides) -> ReaderRow:
    real, made = np.isfinite(a.held_out), np.isfinite(a.synthetic)
    label, asked = a.held_out[real], a.synthetic[made]
    w_real, w = sides.weights[0][:, real], sides.weights[1][:, made]
    x, x_made = sides.held_out[real], sides.synthetic[made]
    share = mislabelled_share(asked, reader.even(x_made), label, reader.even(x), w, w_real)
    claims = Claims.of(label.astype(np.int64), reader.chances(x))
    code = bins_of(claims.claim, ECE_BINS, adaptive=True)
    errors = calibration_error(claims, code, w_real)
    chance = errors_by_chance(claims, code, stream(sides.seed, f"obedience.ece/{a.name}"))
    return ReaderRow(
        attribute=a.name, levels=a.levels, rows=reader.rows, strength=reader.strength,
        ece=interval(around(float(errors[0]), errors[1:], len(label), (0.0, 1.0))),
        ece_by_chance=float(np.quantile(chance, 0.95)), mislabelled=interval(share),
        unknown="" if share.known else "the reader does not tell the classes apart on held-out real rows",
    )  # fmt: skip


def _number_row(a: Attribute, reader: NumberReader) -> ReaderRow:
    nothing = interval(unknown_result(0))
    return ReaderRow(
        attribute=a.name, levels=(), rows=reader.rows, strength=reader.strength, ece=nothing, ece_by_chance=None,
        mislabelled=nothing, unknown="a number has no classes to be mistaken for",
    )  # fmt: skip


def _concepts(a: Attribute, sides: _Sides) -> list[ConceptRow]:
    """Return each class but the first of two as a concept, or a number's upper third."""
    if not a.levels:
        low, high = np.quantile(a.training[np.isfinite(a.training)], [1 / 3, 2 / 3])
        parts = [np.where(v >= high, 1.0, np.where(v <= low, 0.0, np.nan)) for v in _values(a)]
        return _concept(f"{a.name}: upper third", [np.where(np.isfinite(v), p, np.nan) for v, p in
                                                   zip(_values(a), parts, strict=True)], sides)  # fmt: skip
    if len(a.levels) == 2:
        name = a.name if a.levels[1] == YES else f"{a.name}: {a.levels[1]}"
        return _concept(name, _values(a), sides)
    return [
        row
        for k, level in enumerate(a.levels)
        for row in _concept(f"{a.name}: {level}", [np.where(np.isfinite(v), v == k, np.nan) for v in _values(a)], sides)
    ]


def _values(a: Attribute) -> list[np.ndarray]:
    return [a.training, a.held_out, a.synthetic]


def _concept(name: str, values: Sequence[np.ndarray], sides: _Sides) -> list[ConceptRow]:
    """Return a concept's row, or none where a side lacks rows with or without it."""
    known = [np.isfinite(v) for v in values]
    positive = [v[k] > 0.5 for v, k in zip(values, known, strict=True)]
    counts = [(int(p.sum()), int((~p).sum())) for p in positive]
    if min(min(c) for c in counts) < 2:
        return []
    rng = stream(sides.seed, f"obedience.concept/{name}")
    way = directions(sides.training[known[0]], positive[0], rng)
    real, made = sides.held_out[known[1]], sides.synthetic[known[2]]
    w_real, w = sides.weights[0][:, known[1]], sides.weights[1][:, known[2]]
    a_real, a_made = real @ way.concept, made @ way.concept
    d_real = effect(a_real[:, None], positive[1], w_real)[:, 0]
    d_made = effect(a_made[:, None], positive[2], w)[:, 0]
    chance = np.abs(effect(made @ way.random.T, positive[2], np.ones((1, len(made)))))[0]
    places = [
        placed(a_made[m], w[:, m], a_real, positive[1], w_real) for m in (positive[2], ~positive[2])
    ]  # fmt: skip
    n = (*counts[2], *counts[1])
    return [
        ConceptRow(
            concept=name, real=interval(_around(d_real, min(n[2:]))), synthetic=interval(_around(d_made, min(n[:2]))),
            by_chance=float(np.quantile(chance[np.isfinite(chance)], 0.95)) if np.isfinite(chance).any() else None,
            positives=interval(_around(places[0], n[0])), negatives=interval(_around(places[1], n[1])), n=n,
            small=min(n) < FEW,
        )
    ]  # fmt: skip


def _around(draws: np.ndarray, n: int) -> Result:
    return around(float(draws[0]), draws[1:], n)
