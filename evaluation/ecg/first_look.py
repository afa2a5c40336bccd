"""A first look at artificial ECGs: measured like real ones, compared with them, in floors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ...conditioning.ecg.vocabulary import SINUS_DRIVEN
from ...conditioning.record import Record
from ...conditioning.seeds import stream
from ..comparison import (
    SPLITS,
    STANDS_OUT,
    ComparisonRow,
    Feature,
    Interval,
    Quartiles,
    compare,
    interval,
    quartiles,
)
from ..groups import Group, demographic_groups
from ..result import Result
from ..statistics import half_size
from .annotated import ANNOTATED
from .delineation import METHOD
from .intervals import FEATURES, INTERVALS, without_p
from .measurement import Measurement, measure_all
from .r_peaks import Matches, predictive_value, score, sensitivity, true_beats
from .spectrum import BANDS, band_distances_db, band_powers_db, half_differences_db

if TYPE_CHECKING:
    from ..report import Page

_FROZEN = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
R_PEAK_LEADS = ("reference", "II")
SNR_BANDS: tuple[tuple[str, float, float], ...] = (
    ("20 dB and more", 20, np.inf),
    ("10 to 20 dB", 10, 20),
    ("below 10 dB", -np.inf, 10),
)


class GroupSize(BaseModel):
    """How many records a group has."""

    model_config = _FROZEN
    name: str
    kind: str
    n_real: int
    n_synthetic: int


class BandRow(BaseModel):
    """Mean absolute difference of two mean log spectra in one band, in dB, beside its floor."""

    model_config = _FROZEN
    band: str
    distance: Interval
    floor: Interval
    ratio: float | None


class RPeakRow(BaseModel):
    """R peaks of a set of artificial records found by neurokit2, against their truth.

    `lead` is II, or the reference: of II, V5, I and V2 the one that agrees best with the others.
    Beats within 0.3 s of an edge are not scored; `n_edge` counts them, `n_edge_found` the found ones.
    """

    model_config = _FROZEN
    lead: str
    kind: str
    name: str
    n_records: int
    sensitivity: Interval
    predictive_value: Interval
    n_edge: int
    n_edge_found: int


class RulerRow(BaseModel):
    """neurokit2 less the marks that were set, in ms: the ruler's own error on either side."""

    model_config = _FROZEN
    feature: str
    n_real: int
    real: Quartiles
    n_synthetic: int
    synthetic: Quartiles


@dataclass(frozen=True)
class Side:
    """All that was measured on one side.

    Attributes:
        records: the ECGs.
        values: feature columns, NaN where not measured.
        spectra: dB, one row a record.
        failures: reasons, with how many leads they struck.
        matches: by lead (`II`, `reference`): one a record, None where it has no beats or no such lead.
    """

    records: tuple[Record, ...]
    values: Mapping[str, Float[np.ndarray, " n"]]
    spectra: Float[np.ndarray, "n bins"]
    failures: Counter[str]
    matches: Mapping[str, tuple[Matches | None, ...]]


class FirstLook(BaseModel):
    """Everything that the first look found; `json` for machines, `page` for people.

    Attributes:
        seed: seed of splits and resamples.
        method: what measured.
        features: what was measured.
        groups: who was compared.
        rows: one per group and feature.
        bands: spectra, all records.
        r_peaks: detector against truth.
        ruler: detector against marks.
        failures: `real` and `synthetic`: reason -> leads struck.
        sources: `real` and `synthetic`: where records come from -> how many.
        sides: records and columns behind it, real and synthetic; not in the JSON.
    """

    model_config = _FROZEN
    seed: int
    method: str
    limit: float
    features: tuple[Feature, ...]
    groups: tuple[GroupSize, ...]
    rows: tuple[ComparisonRow, ...]
    bands: tuple[BandRow, ...]
    r_peaks: tuple[RPeakRow, ...]
    ruler: tuple[RulerRow, ...]
    failures: dict[str, dict[str, int]]
    sources: dict[str, dict[str, int]]
    sides: tuple[Side, Side] = Field(exclude=True, repr=False)

    @cached_property
    def feature(self) -> dict[str, Feature]:
        """Features by name."""
        return {f.name: f for f in self.features}

    def page(self) -> Page:
        """Return the content of the HTML page."""
        from .page import page

        return page(self)

    def save_json(self, path: Path | str) -> Path:
        """Write everything but the records as JSON; return the path."""
        path = Path(path)
        path.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        return path


def first_look(
    real: Sequence[Record], synthetic: Sequence[Record], *, seed: int = 0, workers: int = 1,
    measured: tuple[Sequence[Measurement], Sequence[Measurement]] | None = None,
) -> FirstLook:  # fmt: skip
    """Compare artificial ECGs with real ones.

    Args:
        real: real ECGs; at least 4, since the floor halves them.
        synthetic: artificial ECGs; at least 2.
        seed: seed of the floor's halves and of the resamples.
        workers: processes that measure.
        measured: what `measure_all` gave of both sides; measured here when None.

    Raises:
        ValueError: too few records on a side, or a record that is no ECG.
    """
    for name, records, fewest in (("real", real, 4), ("synthetic", synthetic, 2)):
        if len(records) < fewest:
            raise ValueError(f"{len(records)} {name} records: at least {fewest} are needed for a comparison")
    if measured is None:
        every = measure_all([*real, *synthetic], workers=workers)
        measured = every[: len(real)], every[len(real) :]
    a, b = _side(real, measured[0]), _side(synthetic, measured[1])
    groups = _groups(a, b)
    features = FEATURES + tuple(f for f in ANNOTATED if all(np.isfinite(s.values[f.name]).any() for s in (a, b)))
    return FirstLook(
        seed=seed,
        method=f"neurokit2 {version('neurokit2')}, {METHOD}",
        limit=STANDS_OUT,
        features=features,
        groups=tuple(
            GroupSize(name=g.name, kind=g.kind, n_real=int(g.real.sum()), n_synthetic=int(g.synthetic.sum()))
            for g in groups
        ),
        rows=compare(features, a.values, b.values, groups, seed=seed),
        bands=_bands(a, b, seed),
        r_peaks=tuple(row for lead in R_PEAK_LEADS for row in _r_peak_rows(b, lead, seed)),
        ruler=tuple(_ruler(a, b)),
        failures={"real": _by_count(a.failures), "synthetic": _by_count(b.failures)},
        sources={"real": _sources(a.records), "synthetic": _sources(b.records)},
        sides=(a, b),
    )


def _side(records: Sequence[Record], measured: Sequence[Measurement]) -> Side:
    values = [
        without_p(m.features, getattr(r.condition, "rhythm", None)) for r, m in zip(records, measured, strict=True)
    ]
    return Side(
        records=tuple(records),
        values={f.name: np.array([v[f.name] for v in values]) for f in FEATURES + ANNOTATED},
        spectra=np.stack([m.spectrum for m in measured]),
        failures=sum((m.failures for m in measured), Counter()),
        matches={
            lead: tuple(_matches(r, m.r_peaks.get(lead)) for r, m in zip(records, measured, strict=True))
            for lead in R_PEAK_LEADS
        },
    )


def _matches(record: Record, detected: np.ndarray | None) -> Matches | None:
    truth = true_beats(record)
    if truth is None or detected is None:
        return None
    fs_hz, n = record.geometry.fs_hz, record.arrays["signal"].shape[1]  # type: ignore[union-attr]
    return score(truth, detected, fs_hz=fs_hz, n_samples=n)


def _groups(a: Side, b: Side) -> tuple[Group, ...]:
    """Return the demographic groups, and the records in sinus-driven rhythm (where it is known)."""
    groups = demographic_groups([r.condition for r in a.records], [r.condition for r in b.records])
    real, synthetic = (
        np.array([getattr(r.condition, "rhythm", None) in SINUS_DRIVEN for r in s.records]) for s in (a, b)
    )
    if real.sum() < 10 or (real.all() and synthetic.all()):
        return groups
    return (*groups, Group("sinus-driven", "rhythm", real, synthetic))


def _bands(a: Side, b: Side, seed: int) -> tuple[BandRow, ...]:
    size = half_size(len(a.records), len(b.records))
    seeds = range(seed, seed + SPLITS)
    floors = band_powers_db(np.abs(half_differences_db(a.spectra, seeds, size)))
    draws = [_matched_bands(a, b, s, size) for s in seeds]
    rows = []
    for name, _, _ in BANDS:
        distance, bottom = _middle(np.array([d[name] for d in draws]), size), _middle(floors[name], size)
        ratio = distance.value / bottom.value if bottom.value > 0 else float("nan")
        rows.append(BandRow(band=name, distance=interval(distance), floor=interval(bottom), ratio=_number(ratio)))
    return tuple(rows)


def _matched_bands(a: Side, b: Side, seed: int, size: int) -> dict[str, float]:
    pick = [np.random.default_rng([seed, k]).permutation(len(s.spectra))[:size] for k, s in enumerate((a, b))]
    return band_distances_db(a.spectra[pick[0]], b.spectra[pick[1]])


def _middle(x: Float[np.ndarray, " n"], n: int) -> Result:
    x = x[np.isfinite(x)]
    if not len(x):
        return Result(float("nan"), float("nan"), float("nan"), n)
    low, middle, high = (float(q) for q in np.quantile(x, [0.025, 0.5, 0.975]))
    return Result(middle, low, high, n)


def _r_peak_rows(side: Side, lead: str, seed: int) -> list[RPeakRow]:
    """Return sensitivity and predictive value by SNR, and by rhythm where the SNR is 20 dB or more."""
    scored = [(r, m) for r, m in zip(side.records, side.matches[lead], strict=True) if m is not None]
    sets: dict[tuple[str, str], list[Matches]] = {("all", "all"): [m for _, m in scored]}
    for record, found in scored:
        snr = record.truth.get("snr_db")
        band = "no noise" if snr is None else next(name for name, low, high in SNR_BANDS if low <= snr < high)
        sets.setdefault(("SNR", band), []).append(found)
        if band in ("no noise", SNR_BANDS[0][0]):
            rhythm = str(getattr(record.condition, "rhythm", None))
            sets.setdefault((f"{SNR_BANDS[0][0]} or clean", rhythm), []).append(found)
    rows = [_r_peak_row(lead, kind, name, matches, seed) for (kind, name), matches in sorted(sets.items()) if matches]
    return sorted(rows, key=lambda r: ("all", "SNR").index(r.kind) if r.kind in ("all", "SNR") else 2)


def _r_peak_row(lead: str, kind: str, name: str, matches: Sequence[Matches], seed: int) -> RPeakRow:
    def share(measure: Callable[..., Result]) -> Interval:
        return interval(measure(matches, rng=stream(seed, f"r_peaks/{lead}/{kind}/{name}/{measure.__name__}")))

    return RPeakRow(
        lead=lead,
        kind=kind,
        name=name,
        n_records=len(matches),
        sensitivity=share(sensitivity),
        predictive_value=share(predictive_value),
        n_edge=sum(m.edge for m in matches),
        n_edge_found=sum(m.edge_found for m in matches),
    )


def _ruler(a: Side, b: Side) -> list[RulerRow]:
    rows = []
    for name, _ in INTERVALS:
        real, synthetic = (s.values[name] - s.values[f"marked_{name}"] for s in (a, b))
        counts = [int(np.isfinite(x).sum()) for x in (real, synthetic)]
        if any(counts):
            rows.append(
                RulerRow(
                    feature=name,
                    n_real=counts[0],
                    real=quartiles(real),
                    n_synthetic=counts[1],
                    synthetic=quartiles(synthetic),
                )
            )
    return rows


def _by_count(failures: Counter[str]) -> dict[str, int]:
    return {k: n for k, n in sorted(failures.items(), key=lambda item: (-item[1], item[0]))}


def _sources(records: Sequence[Record]) -> dict[str, int]:
    def name(r: Record) -> str:
        p: Mapping[str, Any] = r.provenance
        return str(p.get("generator") or p.get("source") or p.get("reader") or "not stated")

    return _by_count(Counter(name(r) for r in records))


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
