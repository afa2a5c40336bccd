"""Made contrasts beside real ones: the figures of each pair, and those of controls that need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from ... import __version__
from ...conditioning.dataset.schema import sha256_of
from ...conditioning.mri.contrasts import Contrast
from ..kept import kept
from ..validity.digests import exact_sha256
from .baselines import BASELINES
from .brasyn import BraSyn, brasyn
from .case import Case, Missing
from .paired import Scores, gain_of, paired_scores
from .pairs import Pair
from .regions import regions_of
from .trust import Trust, trust

MADE = "made"
CONTROLS = ("mean", "histogram")  # of `BASELINES`: what anybody has without a model
VERSION = 1
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class PairLook(BaseModel):
    """What was found of one made volume.

    Attributes:
        made_id: of the made record.
        patient: whose it is.
        contrast: which.
        inputs: what it was made from.
        gain: factor that brings it nearest to the real one; 1 where the scanner's scale was met.
        scores: by region, on the real volume's scale.
        fitted: by method (`made`, and the controls that there are) and region, behind that factor.
        brasyn: the challenge's figures; None without a tumour.
        trust: what its uncertainty says of its error; None without one.
    """

    model_config = _FROZEN
    made_id: str
    patient: str
    contrast: Contrast
    inputs: tuple[Contrast, ...]
    gain: float
    scores: dict[str, Scores]
    fitted: dict[str, dict[str, Scores]]
    brasyn: BraSyn | None
    trust: Trust | None


class MriLook(BaseModel):
    """All pairs.

    Attributes:
        pairs: in the order of the data.
        notes: what had no partner.
        learned_on: brains that the histograms of the control are of, other than the patient's own; 0 where none was.
    """

    model_config = _FROZEN
    pairs: tuple[PairLook, ...]
    notes: tuple[str, ...]
    learned_on: int


def mri_look(
    pairs: Sequence[Pair], notes: Sequence[str], others: Sequence[Case], *, seed: int, folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MriLook:  # fmt: skip
    """Measure every pair.

    Args:
        pairs: from `pairs_of`.
        notes: likewise.
        others: complete real brains, from which the histogram control learns; those of the pair's patient are left out.
        seed: of the controls.
        folder: where finished pairs are kept; nowhere when None.
        progress: called with (pairs done, pairs).
    """
    found = []
    for k, pair in enumerate(pairs):
        progress(k, len(pairs))
        found.append(kept(folder, "mri-pair", _key(pair, others, seed), PairLook, _measuring(pair, others, seed)))
    progress(len(pairs), len(pairs))
    counts = [len(_others(pair, others)) for pair in pairs]
    return MriLook(pairs=tuple(found), notes=tuple(notes), learned_on=min(counts, default=0))


def _measuring(pair: Pair, others: Sequence[Case], seed: int) -> Callable[[], PairLook]:
    return lambda: measured_pair(pair, _others(pair, others), seed)


def _others(pair: Pair, others: Sequence[Case]) -> list[Case]:
    return [c for c in others if c.patient != pair.case.patient and {pair.contrast, *pair.inputs} <= set(c.volumes)]


def measured_pair(pair: Pair, others: Sequence[Case], seed: int) -> PairLook:
    """Return what is found of one pair; `others` are brains of other patients with its contrasts."""
    case, contrast = pair.case, pair.contrast
    real, regions = case.volumes[contrast], regions_of(case.brain, case.labels)
    made = np.asarray(pair.made / np.float32(case.tops[contrast]))
    fitted = {MADE: paired_scores(made, real, regions, "fitted")}
    for name in CONTROLS:
        if pair.inputs and (others or name != "histogram"):
            filled = BASELINES[name](others, Missing(pair.inputs, contrast), seed)(case)
            fitted[name] = paired_scores(filled, real, regions, "fitted")
    inside = case.brain
    told = None
    if pair.uncertainty is not None:
        sigma = np.asarray(pair.uncertainty[inside], dtype=np.float64) / case.tops[contrast]
        told = trust(np.asarray(made[inside] - real[inside], dtype=np.float64), sigma)
    return PairLook(
        made_id=pair.made_id, patient=case.patient, contrast=contrast, inputs=pair.inputs,
        gain=gain_of(made[inside].astype(float), real[inside].astype(float)),
        scores=paired_scores(made, real, regions), fitted=fitted, brasyn=_challenge(pair, made), trust=told,
    )  # fmt: skip


def _challenge(pair: Pair, made: np.ndarray) -> BraSyn | None:
    case = pair.case
    if case.labels is None or not (case.labels > 0).any() or np.ptp(made) == 0:
        return None
    whole = [case.on_grid(v) for v in (made, case.volumes[pair.contrast], case.labels > 0, case.brain)]
    return brasyn(*whole)


def _key(pair: Pair, others: Sequence[Case], seed: int) -> dict[str, object]:
    def digest(case: Case) -> str:
        return sha256_of({str(c): exact_sha256(v) for c, v in case.volumes.items()})

    return {
        "version": VERSION, "by": __version__, "seed": seed, "made": exact_sha256(pair.made), "of": pair.name,
        "made_id": pair.made_id, "inputs": list(pair.inputs), "real": digest(pair.case),
        "labels": None if pair.case.labels is None else exact_sha256(pair.case.labels),
        "uncertainty": None if pair.uncertainty is None else exact_sha256(pair.uncertainty),
        "others": sorted(digest(c) for c in _others(pair, others)),
    }  # fmt: skip
