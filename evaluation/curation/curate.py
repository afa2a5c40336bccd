"""Curation in one call: what to keep of a synthetic set, what to drop, and why.

Copies of real records go first, then near-duplicates within the set by hash and by embedding, and then, where only so
many are wanted, what quality and diversity do not choose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int, UInt64

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism import Sample, standardised
from ..result import Result, unknown_result
from ..statistics import wilson
from .hamming import near_pairs
from .reduction import close_pairs, duplicate_line, keep_first, keep_rates, of_same, reduced
from .result import CurationConfig, CurationResult, KeepRate, Reason, Row
from .selection import coverage, covering, density_weighted, k_center, realism

_ASKED = 5000  # real records that are asked how alike patients are
CURVE = (0, 2, 4, 6, 8, 10, 12, 16)


def curate(
    ids: Sequence[str], words: UInt64[np.ndarray, " n"], *, features: Sample | None = None,
    real: Sample | None = None, real_words: UInt64[np.ndarray, " m"] | None = None,
    real_ids: Sequence[str] | None = None, real_patients: Sequence[str] | None = None,
    volumes: Sequence[str] | None = None, config: CurationConfig | None = None, seed: int = 0,
) -> CurationResult:  # fmt: skip
    """Return what to keep of a synthetic set.

    Args:
        ids: names of the records.
        words: hashes (`dhash`, `phash`, `volume_hash` or `signal_hash`).
        features: of the records, for duplicates by embedding and for selection.
        real: features of real records.
        real_words: hashes of real records, of the same kind.
        real_ids: their names; numbers when None.
        real_patients: whose each is; each its own when None.
        volumes: the volume or patient of each record, for `within: volume`.
        config: what is dropped.
        seed: of the drawn choices.

    Raises:
        ValueError: numbers of records that do not agree, names that are not unique, or settings that need what is not
            given.
    """
    config = config or CurationConfig()
    _check(ids, words, features, real, real_words, real_patients, volumes, config)
    if features is not None and real is not None and len(real) > 1:
        real, features = standardised(real, features)
    n, notes = len(ids), []
    radius = _radius(real_words, real_patients, config)
    if radius < config.radius:
        notes.append(f"{_ALIKE}, so " + (f"the radius was {radius}." if radius >= 0 else "hashes were left out."))
    reason = np.full(n, "kept", dtype=object)
    because = np.full(n, "", dtype=object)
    copy_of = _copies(words, real_words, radius)
    _mark(reason, because, copy_of, "copy_of_real", _names(real_ids, 0 if real_words is None else len(real_words)))
    within = volumes if config.within == "volume" else None
    open_ = np.flatnonzero(reason == "kept")
    mine = None if within is None else [within[k] for k in open_.tolist()]
    found = _spread_out(n, open_, _doubles(words[open_], radius, mine))
    _mark(reason, because, found, "duplicate", ids)
    twice = np.zeros(0, bool)
    if features is not None and real is not None and config.share > 0:
        line = duplicate_line(real.x, real.patients, config.share)
        if np.isfinite(line) and line > 0:
            twice = _embedded(features, line, within) >= 0
            open_ = np.flatnonzero(reason == "kept")
            named = None if within is None else [within[k] for k in open_.tolist()]
            found = _spread_out(n, open_, _embedded(features.rows(open_), line, named))
            _mark(reason, because, found, "duplicate_by_embedding", ids)
        else:
            notes.append("Real records are too few or all the same, so no distance tells near-duplicates by embedding.")
    open_ = np.flatnonzero(reason == "kept")
    if config.keep is not None and config.keep < len(open_):
        chosen = open_[_selected(open_, features, real, config, seed)]
        left = np.setdiff1d(open_, chosen)
        reason[left] = "not_selected"
    elif config.keep is not None and config.keep > len(open_):
        notes.append(f"{config.keep} records were wanted; {len(open_)} are no copies or duplicates.")
    kept = reason == "kept"
    dropped = _doubles(words, radius, within)
    return CurationResult(
        config=config,
        radius=radius,
        rows=tuple(
            Row(sample_id=str(name), kept=bool(k), reason=r, because_of=str(b))
            for name, k, r, b in zip(ids, kept, reason, because, strict=True)
        ),
        duplicates=interval(_rate(dropped >= 0)),
        copies=interval(unknown_result() if real_words is None else _rate(copy_of >= 0)),
        real_duplicates=interval(_real_rate(real_words, real_patients, max(radius, 0))),
        by_embedding=interval(_rate(twice)),
        coverage=_coverages(features, real, kept),
        curve=_curve(words, within, features, real),
        notes=tuple(notes),
    )


_ALIKE = "Hashes of different real patients are too often alike at the radius that was asked for"


def _radius(words: np.ndarray | None, patients: Sequence[str] | None, config: CurationConfig) -> int:
    """Return the largest radius at which real patients are told apart."""
    for radius in range(config.radius, -1, -1):
        rate = _real_rate(words, patients, radius).value
        if not rate > config.most_real:  # also where there are no real records to ask
            return radius
    return -1


def _doubles(words: np.ndarray, radius: int, volumes: Sequence[str] | None) -> Int[np.ndarray, " n"]:
    return np.full(len(words), -1, np.int64) if radius < 0 else reduced(words, radius=radius, volumes=volumes)


def _spread_out(n: int, at: Int[np.ndarray, " k"], because: Int[np.ndarray, " k"]) -> Int[np.ndarray, " n"]:
    out = np.full(n, -1, np.int64)
    out[at] = np.where(because < 0, -1, at[because])
    return out


def _copies(words: np.ndarray, real: np.ndarray | None, radius: int) -> Int[np.ndarray, " n"]:
    """Return a real record within the radius of each record; -1 where there is none."""
    out = np.full(len(words), -1, np.int64)
    if real is None or not len(real) or radius < 0:
        return out
    unique, first = np.unique(real, return_index=True)
    i, j = near_pairs(words, unique, radius)
    apart = np.bitwise_count(words[i] ^ unique[j])
    order = np.lexsort((first[j], apart, i))
    rows, at = np.unique(i[order], return_index=True)
    out[rows] = first[j[order][at]]
    return out


def _mark(
    reason: np.ndarray, because: np.ndarray, of: Int[np.ndarray, " n"], why: Reason, names: Sequence[str]
) -> None:
    hit = (of >= 0) & (reason == "kept")
    reason[hit] = why
    because[hit] = [names[k] for k in of[hit].tolist()]


def _names(given: Sequence[str] | None, n: int) -> Sequence[str]:
    return [f"real {k}" for k in range(n)] if given is None else given


def _embedded(features: Sample, line: float, volumes: Sequence[str] | None) -> Int[np.ndarray, " n"]:
    return keep_first(len(features), *of_same(*close_pairs(features.x, line), volumes))


def _selected(
    at: Int[np.ndarray, " k"], features: Sample | None, real: Sample | None, config: CurationConfig, seed: int
) -> Int[np.ndarray, " keep"]:
    assert features is not None and config.keep is not None
    x, k = features.x[at], config.keep
    if config.select == "density":
        return density_weighted(x, k, stream(seed, "curation.density"))
    if config.select == "k_center":
        return k_center(x, k)
    assert real is not None
    if config.select == "quality_diversity":
        return k_center(x, k, score=realism(x, real.x))
    first, _ = covering(x, real.x, k)
    rest = np.setdiff1d(np.arange(len(x)), first)
    return np.concatenate([first, rest[k_center(x[rest], k - len(first))]])


def _rate(hit: Bool[np.ndarray, " n"]) -> Result:
    return wilson(float(hit.mean()), len(hit)) if len(hit) else unknown_result()


def _real_rate(words: np.ndarray | None, patients: Sequence[str] | None, radius: int) -> Result:
    """Return the share of real records with a near-duplicate of another patient."""
    if words is None or len(words) < 2:
        return unknown_result(0 if words is None else len(words))
    names = [str(k) for k in range(len(words))] if patients is None else list(patients)
    if len(words) > _ASKED:
        at = np.unique(np.linspace(0, len(words) - 1, _ASKED).astype(int))
        words, names = words[at], [names[k] for k in at.tolist()]
    _, code = np.unique(np.asarray(names), return_inverse=True)
    i, j = near_pairs(words, radius=radius)
    apart = code[i] != code[j]
    hit = np.zeros(len(words), bool)
    hit[i[apart]] = hit[j[apart]] = True
    return wilson(float(hit.mean()), len(hit), len(set(names)))


def _coverages(features: Sample | None, real: Sample | None, kept: np.ndarray) -> tuple[float | None, float | None]:
    if features is None or real is None or len(real) < 2:
        return None, None
    return coverage(features.x, real.x), coverage(features.x[kept], real.x)


def _curve(
    words: np.ndarray, volumes: Sequence[str] | None, features: Sample | None, real: Sample | None
) -> tuple[KeepRate, ...]:
    if not len(words):
        return ()
    points = keep_rates(CURVE, lambda radius: reduced(words, radius=int(radius), volumes=volumes))
    return tuple(
        KeepRate(radius=int(r), kept=share, coverage=_coverages(features, real, kept)[1]) for r, share, kept in points
    )


def _check(
    ids: Sequence[str], words: np.ndarray, features: Sample | None, real: Sample | None,
    real_words: np.ndarray | None, real_patients: Sequence[str] | None, volumes: Sequence[str] | None,
    config: CurationConfig,
) -> None:  # fmt: skip
    n = len(ids)
    if len(set(ids)) < n:
        raise ValueError(f"{n - len(set(ids))} of {n} names stand twice; each record needs its own")
    for name, part in (("hashes", words), ("rows of features", features), ("volumes", volumes)):
        if part is not None and len(part) != n:
            raise ValueError(f"{len(part)} {name} for {n} records; one each is needed")
    if real_words is not None and real_patients is not None and len(real_words) != len(real_patients):
        raise ValueError(f"{len(real_patients)} patients for {len(real_words)} real hashes; one each is needed")
    if features is not None and real is not None and features.x.shape[1] != real.x.shape[1]:
        raise ValueError(f"records have {features.x.shape[1]} features, real ones {real.x.shape[1]}")
    if config.within == "volume" and volumes is None:
        raise ValueError("within is volume, but no volumes are named; one for each record is needed")
    needs_real = config.select in ("quality_diversity", "coverage")
    if config.keep is not None and (features is None or (needs_real and real is None)):
        raise ValueError(f"keep = {config.keep} by {config.select} needs features of the records and of real ones")
