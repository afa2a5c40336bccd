"""Every question that can be asked of four contrasts, put to every method for every patient, who is left out.

One cell is one question: a contrast from some of the others, 28 in all. A method learns on the other patients only.
Finished answers stay in a folder, so a stopped run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ...conditioning.dataset.schema import sha256_of
from ...conditioning.mri.contrasts import Contrast
from ..kept import kept
from ..validity.digests import exact_sha256
from .baselines import Baseline
from .brasyn import brasyn
from .case import Case, Missing, contrasts_of, questions
from .paired import Scores, paired_scores
from .regions import regions_of

VERSION = 1


class Answer(BaseModel):
    """How near one method came for one question and patient.

    Attributes:
        method: its name.
        inputs: contrasts that it was given.
        target: the one that it was asked for.
        patient: who was left out.
        scores: by region, on the scale of the real volume (0 to the 99.5th percentile of its brain).
        fitted: the same behind one factor of least squares a volume.
        brasyn: the challenge's two figures and the two of the masked voxels; None without a tumour.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    method: str
    inputs: tuple[Contrast, ...]
    target: Contrast
    patient: str
    scores: dict[str, Scores]
    fitted: dict[str, Scores]
    brasyn: dict[str, float] | None = None


class Crossed(BaseModel):
    """All answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    answers: tuple[Answer, ...]


def crossed(
    cases: Sequence[Case],
    methods: Mapping[str, Baseline],
    *,
    asked: Iterable[Missing] | None = None,
    who: Mapping[str, Collection[str]] | None = None,
    made_from: Mapping[str, Any] | None = None,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Crossed:
    """Put every question to every method, each patient left out in turn.

    Args:
        cases: complete ones; several of one patient are left out together.
        methods: by name: take training cases, a question and a seed, and return what fills a case.
        asked: questions; all 28 when None.
        who: by method, the only brains that it is asked of: those that a trained model has not seen.
        made_from: what tells a method from another of its name, such as the hash of its weights.
        seed: of the methods.
        folder: where answers are kept.
        progress: called with (answers had, answers).

    Raises:
        ValueError: fewer than two patients.
    """
    if len({case.patient for case in cases}) < 2:
        raise ValueError("patients are left out one by one; two or more are needed")
    only = who or {}
    todo = [
        (m, q, c) for q in (asked or questions()) for m in methods for c in cases if m not in only or c.name in only[m]
    ]
    digests = {id(case): _digest(case) for case in cases}
    found = []
    for k, (name, question, case) in enumerate(todo):
        progress(k, len(todo))
        others = [other for other in cases if other.patient != case.patient]
        key = {
            "version": VERSION, "method": name, "question": question.name, "seed": seed,
            "case": digests[id(case)], "others": sorted(digests[id(o)] for o in others),
            "made_from": (made_from or {}).get(name),
        }  # fmt: skip
        make = _asking(methods[name], name, question, case, others, seed)
        found.append(kept(folder, f"mri-{name}-{case.name}-{question.name}", key, Answer, make))
    progress(len(todo), len(todo))
    return Crossed(answers=tuple(found))


def _asking(
    method: Baseline, name: str, question: Missing, case: Case, others: Sequence[Case], seed: int
) -> Callable[[], Answer]:
    return lambda: answered(name, question, case, method(others, question, seed)(case))


def answered(name: str, question: Missing, case: Case, made: np.ndarray) -> Answer:
    """Return the scores of one made volume, of values from 0 to 1 on the case's grid."""
    real, regions = case.volumes[question.target], regions_of(case.brain, case.labels)
    challenge = None
    if "tumour" in regions:
        whole = [case.on_grid(v) for v in (made, real, regions["tumour"], case.brain)]
        challenge = brasyn(*whole)._asdict() if np.ptp(made) > 0 else None
    return Answer(
        method=name, inputs=question.inputs, target=question.target, patient=case.patient,
        scores=paired_scores(made, real, regions), fitted=paired_scores(made, real, regions, "fitted"),
        brasyn=challenge,
    )  # fmt: skip


def _digest(case: Case) -> str:
    return sha256_of({str(c): exact_sha256(v) for c, v in contrasts_of(case.record).items()})
