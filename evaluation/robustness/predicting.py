"""The rows that are judged, and what every arm says of them under every corruption; kept on disk where asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ...conditioning.seeds import stream
from ..downstream import content_sha256
from ..kept import kept_arrays
from ..realism.resampling import patient_weights
from .conditions import ATTACKS, Condition, attacked
from .models import Model, probabilities

Key = tuple[str, int]  # a corruption and its severity


@dataclass(frozen=True)
class JudgedRows:
    """The rows that are judged."""

    x: np.ndarray
    y: np.ndarray
    patients: Sequence[str]
    weight: Float[np.ndarray, "resamples n"]  # the first row counts each row once
    of: int

    @property
    def multilabel(self) -> bool:
        return self.y.ndim == 2


def known_rows(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows whose inputs are finite and whose label is known."""
    finite = _finite(x)
    known = finite & (np.isfinite(y) if y.ndim == 1 else np.isfinite(y).any(axis=1))
    return x[known], y[known]


def _finite(x: np.ndarray) -> np.ndarray:
    return np.isfinite(x.reshape(len(x), int(np.prod(x.shape[1:])))).all(axis=1)


def judged_rows(
    x: np.ndarray, y: np.ndarray, patients: Sequence[str], most: int, resamples: int, seed: int, said: list[str]
) -> JudgedRows:
    x, y = np.asarray(x, dtype=np.float32), np.asarray(y)
    if not len(x) == len(y) == len(patients):
        raise ValueError(f"{len(x)} inputs have {len(y)} labels and {len(patients)} patients; each needs one")
    finite = _finite(x)
    stated = np.isfinite(y.astype(float)) if y.ndim == 1 else np.isfinite(y.astype(float)).any(axis=1)
    for lost, why in ((~finite, "hold a value that is not finite"), (~stated, "have no label")):
        if lost.any():
            said.append(f"{int(lost.sum())} of {len(x)} test rows {why} and were left out")
    kept = np.flatnonzero(finite & stated)
    if not len(kept):
        raise ValueError(f"none of {len(x)} test rows has finite values and a label")
    names = np.asarray(patients, dtype=str)
    rows = _some(names[kept], most, seed)
    kept = kept[rows]
    (weight,) = patient_weights([names[kept].tolist()], resamples, stream(seed, "robustness.patients"))
    y = y[kept].astype(np.int64) if y.ndim == 1 else y[kept].astype(float)
    columns = [y] if y.ndim == 1 else [c[np.isfinite(c)] for c in y.T]
    single = sum(len(np.unique(c)) < 2 for c in columns)
    if single:
        what = "the labels are" if y.ndim == 1 else f"{single} of {len(columns)} labels are"
        said.append(f"{what} of one class only: nothing to tell apart")
    once = np.ones((1, len(kept)))
    return JudgedRows(x[kept], y, names[kept].tolist(), np.concatenate([once, weight]), len(x))


def _some(patients: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return rows of whole patients, drawn at random, about as many as are wanted at most."""
    if len(patients) <= most:
        return np.arange(len(patients))
    names, index = np.unique(patients, return_inverse=True)
    order = stream(seed, "robustness.rows").permutation(len(names))
    counted = np.cumsum(np.bincount(index)[order])
    taken = order[: max(1, int((counted <= most).sum()))]
    return np.flatnonzero(np.isin(index, taken))


def predicted(
    models: Mapping[str, Model], test: JudgedRows, conditions: Sequence[Condition], limits: tuple[float, float] | None,
    seed: int, versions: Mapping[str, str] | None, folder: Path | None, said: list[str],
    progress: Callable[[int, int], None],
) -> dict[str, dict[Key, np.ndarray]]:  # fmt: skip
    """Return every arm's probabilities of every condition; attacks only of arms with a gradient."""
    where = folder if versions is not None else None
    data = content_sha256(test.x, test.y) if where is not None else ""
    found: dict[str, dict[Key, np.ndarray]] = {arm: {} for arm in models}
    for k, c in enumerate(conditions):
        x = c.make(test.x) if c.make is not None else None
        for arm, model in models.items():
            p = _one(arm, model, c, x, test, limits, seed, (where, data, (versions or {}).get(arm, "")))
            if p is not None:
                found[arm][c.name, c.severity] = p
                lost = int((~np.isfinite(p)).any(axis=1).sum())
                if lost:
                    said.append(f"arm {arm!r} gave no number for {lost} of {len(p)} rows, {c.name} {c.level}".strip())
        progress(k + 1, len(conditions))
    for arm, model in models.items():
        if model.gradient is None and any(c.name in ATTACKS for c in conditions):
            said.append(f"arm {arm!r} gives no gradient: attacks were not tried")
    return found


def _one(
    arm: str, model: Model, c: Condition, x: np.ndarray | None, test: JudgedRows, limits: tuple[float, float] | None,
    seed: int, kept: tuple[Path | None, str, str],
) -> np.ndarray | None:  # fmt: skip
    if x is None and model.gradient is None:
        return None
    gradient = model.gradient

    def make() -> dict[str, np.ndarray]:
        given = x
        if given is None and gradient is not None:
            given = attacked(c, test.x, test.y, gradient, limits, seed)
        return {"p": probabilities(model.predict(given), len(test.x), test.multilabel)}  # type: ignore[arg-type]

    folder, data, version = kept
    made_from: dict[str, Any] = {
        "data": data, "version": version, "condition": [c.name, c.severity, c.level, c.eps], "seed": seed, "of": "1",
    }  # fmt: skip
    p = kept_arrays(folder if version else None, f"robustness-{_word(arm)}", made_from, make)["p"]
    if not test.multilabel and int(test.y.max()) >= p.shape[1]:
        raise ValueError(f"arm {arm!r} gives {p.shape[1]} classes; a label says class {int(test.y.max())}")
    if test.multilabel and p.shape[1] != test.y.shape[1]:
        raise ValueError(f"arm {arm!r} gives {p.shape[1]} labels; the test rows have {test.y.shape[1]}")
    return p


def _word(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)
