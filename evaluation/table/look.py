"""How real the synthetic side of two tables looks by simple features: everyone, each class, each group of patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ... import __version__
from ...conditioning.dataset.schema import sha256_of
from ..groups import Group, demographic_groups
from ..kept import kept
from ..realism import Sample, compare_features, curve_distance, frechet, kid, standardised
from ..realism.floors import side_rows
from ..realism.groupwise import SMALL, GroupRow, too_few
from ..realism.rows import MeasuredRow, measured_row
from ..realism.texture import grey_shares, radial_spectra_db
from .arrays import Cohort, Compared
from .features import feature_words, features_of, grey_of, signal_spectra_db

MOST = 1000  # records a side that are compared; more tell little and cost time
MOST_CLASSES = 12
MOST_SD = 10.0  # real standard deviations at which a feature is cut
RESAMPLES, SPLITS = 200, 50
VERSION = 2  # of what is kept: raised when a metric changes
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class TableLook(BaseModel):
    """What was found; the first group is everyone.

    Attributes:
        kind: `image`, `volume` or `signal`.
        seed: of all resamples and splits.
        n: real, synthetic and training records that were compared.
        patients: real and training patients.
        of: synthetic records in the source.
        shape: of one record, after all were brought to it.
        notes: what was changed for that.
        features: what they are, in words.
        groups: everyone, classes and groups of patients.
    """

    model_config = _FROZEN
    kind: str
    seed: int
    n: tuple[int, int, int]
    patients: tuple[int, int]
    of: int
    shape: tuple[int, ...]
    notes: tuple[str, ...]
    features: str
    groups: tuple[GroupRow, ...]


class _Groups(BaseModel):
    model_config = _FROZEN
    rows: tuple[GroupRow, ...]


def table_look(
    sides: Compared, of: int, *, seed: int, folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    features: Callable[[str, np.ndarray], np.ndarray] = features_of,
) -> TableLook:  # fmt: skip
    """Compare both sides.

    Args:
        sides: from `compared`.
        of: synthetic records in the source.
        seed: of resamples and splits.
        folder: where finished parts are kept; nowhere when None.
        progress: called with (parts done, parts).
        features: takes the kind and arrays (n, ...), returns (n, d).
    """
    real, synthetic = _some(sides.real), _some(sides.synthetic)
    progress(0, 1)
    said = {
        "version": VERSION,
        "by": __version__,
        "seed": seed,
        "effort": [RESAMPLES, SPLITS],
        "sides": sha256_of([real.fingerprint, synthetic.fingerprint]),
    }

    def make() -> _Groups:
        return _Groups(rows=_measure(sides.kind, real, synthetic, features, seed))

    found = kept(folder, "table-realism", said, _Groups, make)
    progress(1, 1)
    training = sides.training
    return TableLook(
        kind=sides.kind,
        seed=seed,
        n=(len(real), len(synthetic), 0 if training is None else len(training)),
        patients=(len(set(real.patients)), 0 if training is None else len(set(training.patients))),
        of=of,
        shape=tuple(real.x.shape[1:]),
        notes=sides.notes,
        features=feature_words(sides),
        groups=found.rows,
    )


def _some(side: Cohort) -> Cohort:
    if len(side) <= MOST:
        return side
    at = np.linspace(0, len(side) - 1, MOST).round().astype(int).tolist()
    pick: Callable[[Any], Any] = lambda values: tuple(values[i] for i in at)  # noqa: E731
    return Cohort(side.name, side.x[at], pick(side.ids), pick(side.patients), pick(side.conditions))


def groups_of(real: Cohort, synthetic: Cohort) -> tuple[Group, ...]:
    """Return everyone, sexes and age bands, and the classes, sites and races that either side states."""
    demographic = demographic_groups(real.conditions, synthetic.conditions)
    groups = [g for g in demographic if g.kind == "all" or g.real.any() or g.synthetic.any()]
    for kind, words in (
        ("label", lambda c: c.classes or ()),
        ("site", lambda c: (c.site,) if c.site else ()),
        ("race", lambda c: (c.race,) if c.race else ()),
    ):
        sides = [[words(c) for c in side.conditions] for side in (real, synthetic)]
        counts = Counter(word for side in sides for said in side for word in said)
        for word, _ in counts.most_common(MOST_CLASSES):
            member = [np.array([word in said for said in side], dtype=bool) for side in sides]
            groups.append(Group(word, kind, *member))
    return tuple(groups)


def _measure(
    kind: str, real: Cohort, synthetic: Cohort, features: Callable[[str, np.ndarray], np.ndarray], seed: int
) -> tuple[GroupRow, ...]:
    x = [np.nan_to_num(features(kind, side.x), posinf=0, neginf=0) for side in (real, synthetic)]
    curves = {name: [curve(side.x) for side in (real, synthetic)] for name, curve in _CURVES[kind].items()}
    return tuple(_group(g, real, synthetic, x, curves, seed) for g in groups_of(real, synthetic))


def _group(
    group: Group, real: Cohort, synthetic: Cohort, x: list[np.ndarray], curves: dict[str, list[np.ndarray]], seed: int
) -> GroupRow:
    whose = [
        [name for name, member in zip(side.patients, rows.tolist(), strict=True) if member]
        for side, rows in ((real, group.real), (synthetic, group.synthetic))
    ]
    reason = too_few(*whose)
    metrics = () if reason else _metrics(group, whose, x, curves, seed)
    return GroupRow(
        name=group.name, kind=group.kind, n_real=len(whose[0]), real_patients=len(set(whose[0])),
        n_synthetic=len(whose[1]), metrics=metrics, small=len(set(whose[0])) < SMALL, reason=reason,
    )  # fmt: skip


def _metrics(
    group: Group, whose: list[list[str]], x: list[np.ndarray], curves: dict[str, list[np.ndarray]], seed: int
) -> tuple[MeasuredRow, ...]:
    whole = group.kind == "all"
    rows = (group.real, group.synthetic)
    effort = (RESAMPLES, SPLITS) if whole else (max(20, RESAMPLES // 4), max(10, SPLITS // 2))
    settings: dict[str, Any] = {"seed": seed, "resamples": effort[0], "splits": effort[1]}
    a, b = _on_one_scale(*(Sample(f[k], names) for f, k, names in zip(x, rows, whose, strict=True)))
    if whole:
        trained = {"retrainings": max(5, effort[0] // 7), "trained_splits": max(3, effort[1] // 5)}
        k = min(5, side_rows(a, b) - 1)
        found = [
            *compare_features(a, b, k=k, standardise=False, classifiers=("logistic",), **settings, **trained),
            kid(a, b, **settings),
        ]
    else:
        found = [frechet(a, b, **settings), kid(a, b, **settings)]
    for name, sides in curves.items():
        r, s = (Sample(c[k], names) for c, k, names in zip(sides, rows, whose, strict=True))
        found.append(curve_distance(name, r, s, **settings))
    return tuple(measured_row(m) for m in found)


def _on_one_scale(real: Sample, synthetic: Sample) -> tuple[Sample, Sample]:
    """Return both on the mean and spread of the real rows, cut where nothing more is told by going further off."""
    a, b = standardised(real, synthetic)
    return Sample(np.clip(a.x, -MOST_SD, MOST_SD), a.patients), Sample(np.clip(b.x, -MOST_SD, MOST_SD), b.patients)


_CURVES: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "image": {
        "greys": lambda x: grey_shares(grey_of(x)),
        "spectrum_db": lambda x: radial_spectra_db(grey_of(x)),
    },
    "volume": {"greys": lambda x: grey_shares(x.reshape(len(x), x.shape[1], -1))},
    "signal": {"spectrum_db": lambda x: signal_spectra_db(x).mean(axis=1)},
}
