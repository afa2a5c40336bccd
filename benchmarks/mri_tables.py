"""What bench_mri_proof found, as tables of a page in docs/measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from clinsynth.conditioning.mri import Contrast
from clinsynth.evaluation.mri.case import Missing, questions
from clinsynth.evaluation.mri.crossing import Answer
from clinsynth.evaluation.mri.usefulness import Use
from pydantic import BaseModel

PARTS = ("WT", "TC", "ET")


class Results(BaseModel):
    """All that was measured.

    Attributes:
        brains: that were left out in turn.
        answers: of the 28 questions.
        steps: quality and time by number of steps.
        trust: uncertainty and error.
        uses: what a segmenter finds.
    """

    brains: list[str]
    answers: list[Answer]
    steps: list[dict[str, Any]] = []
    trust: list[dict[str, Any]] = []
    uses: list[Use] = []


def markdown(results: Results) -> str:
    """Return all tables."""
    parts = [cells(results.answers), three_inputs(results), challenge(results.answers)]
    parts += [table(results) for table in (steps, trust, dice)]
    return "\n".join(part for part in parts if part)


def cells(answers: Sequence[Answer]) -> str:
    """Return the 28 questions: PSNR in the brain behind the factor that brings it nearest, and similarity."""
    methods = list(dict.fromkeys(a.method for a in answers))
    n = len({a.patient for a in answers})
    title = (
        f"## All 28 questions\n\nMean over {n} left-out patients of PSNR in the brain (dB) / similarity, `fitted`.\n"
    )
    rows = []
    for q in questions():
        said = [_of(answers, q, m) for m in methods]
        values = [[a.fitted["brain"].psnr_db for a in found] for found in said]
        similar = [[a.fitted["brain"].ssim for a in found] for found in said]
        best = max((float(np.mean(v)) for v in values if v), default=None)
        cells = [_cell(v, s, best) for v, s in zip(values, similar, strict=True)]
        rows.append([" + ".join(q.inputs), str(q.target), *cells])
    return title + _table(["from", "to", *methods], rows)


def _cell(psnr: list[float], similar: list[float], best: float | None) -> str:
    if not psnr:
        return "–"
    text = f"{np.mean(psnr):.1f}"
    return (f"**{text}**" if np.mean(psnr) == best else text) + f" / {np.mean(similar):.2f}"


def three_inputs(results: Results) -> str:
    """Return each left-out patient for the questions with three inputs, on the real scale and behind a factor."""
    methods = list(dict.fromkeys(a.method for a in results.answers))
    title = (
        "\n## Three inputs, each left-out patient\n\nPSNR in the brain (dB): on the real volume's scale (`fitted`).\n"
    )
    rows = []
    for q in (q for q in questions() if len(q.inputs) == 3):
        for patient in dict.fromkeys(a.patient for a in results.answers):
            found = [next((a for a in _of(results.answers, q, m) if a.patient == patient), None) for m in methods]
            rows.append([str(q.target), patient, *map(_psnr, found)])
    return title + _table(["to", "patient", *methods], rows)


def _psnr(a: Answer | None) -> str:
    return "–" if a is None else f"{a.scores['brain'].psnr_db:.1f} ({a.fitted['brain'].psnr_db:.1f})"


def challenge(answers: Sequence[Answer]) -> str:
    """Return BraSyn's figures and those of the masked voxels, of the questions with three inputs."""
    told = [a for a in answers if a.brasyn and len(a.inputs) == 3]
    if not told:
        return ""
    title = "\n## BraSyn's measure\n\nSimilarity in the tumour / outside, as it is defined (voxels inside alone).\n"
    methods = list(dict.fromkeys(a.method for a in told))
    rows = []
    for target in Contrast:
        found = [[a.brasyn for a in told if a.method == m and a.target == target and a.brasyn] for m in methods]
        rows.append([str(target), *map(_similar, found)])
    return title + _table(["to", *methods], rows)


def _similar(found: Sequence[dict[str, float]]) -> str:
    if not found:
        return "–"
    mean = {name: float(np.mean([b[name] for b in found])) for name in found[0]}
    whole = f"{mean['ssim_tumour']:.3f} / {mean['ssim_non_tumour']:.3f}"
    return f"{whole} ({mean['inside_tumour']:.2f} / {mean['inside_non_tumour']:.2f})"


def steps(results: Results) -> str:
    """Return quality and time by number of steps."""
    if not results.steps:
        return ""
    rows = []
    for (model, n), found in _grouped(results.steps, "model", "steps"):
        means = [float(np.mean([f[name] for f in found])) for name in ("psnr_db", "ssim", "cpu_s")]
        rows.append([model, str(n), f"{means[0]:.2f}", f"{means[1]:.4f}", f"{means[2]:.1f}"])
    title = "\n## Steps\n\nThree inputs; means over targets and patients, on the real volume's scale.\n"
    return title + _table(["model", "calls of the network", "PSNR (dB)", "similarity", "CPU s a volume"], rows)


def trust(results: Results) -> str:
    """Return what uncertainty says of error."""
    if not results.trust:
        return ""
    rows = []
    for (model, target), found in _grouped(results.trust, "model", "target"):
        ranks = [f["rank_correlation"] for f in found if f["rank_correlation"] is not None]
        over = [f["overconfidence"] for f in found if f["overconfidence"] is not None]
        first, last = (float(np.mean([f["deciles"][k]["error"] for f in found])) for k in (0, -1))
        cover = [float(np.mean([f[name] for f in found])) for name in ("covered_68", "covered_95")]
        errors = [f"{first:.3f}", f"{last:.3f}"]
        rows.append([model, target, _mean(ranks, 2), *(f"{c:.2f}" for c in cover), _mean(over, 1), *errors])
    head = ["model", "to", "rank correlation", "within 1 SD", "within 1.96", "RMS error / SD"]
    head += ["error, surest tenth", "least sure"]
    return "\n## Uncertainty and error\n\nThree inputs; means over patients.\n" + _table(head, rows)


def dice(results: Results) -> str:
    """Return what a segmenter finds with each contrast replaced."""
    if not results.uses:
        return ""
    arms = list(dict.fromkeys(u.arm for u in results.uses))
    rows = []
    for target in Contrast:
        for part in PARTS:
            found = [[u for u in results.uses if (u.arm, u.target, u.part) == (a, target, part)] for a in arms]
            shown = [
                f"{_mean([u.dice for u in f if u.dice is not None], 2)} / "
                f"{_mean([u.hausdorff95_mm for u in f if u.hausdorff95_mm is not None], 0)}"
                for f in found
            ]
            rows.append([str(target), part, *shown])
    n = len({u.patient for u in results.uses})
    title = f"\n## A segmenter's Dice / 95 % Hausdorff distance (mm)\n\nMeans over {n} left-out labelled patients.\n"
    return title + _table(["replaced", "part", *arms], rows)


def _of(answers: Iterable[Answer], asked: Missing, method: str) -> list[Answer]:
    return [a for a in answers if a.method == method and (a.inputs, a.target) == tuple(asked)]


def _grouped(rows: Sequence[dict[str, Any]], *names: str) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    keys = dict.fromkeys(tuple(row[n] for n in names) for row in rows)
    return [(key, [row for row in rows if tuple(row[n] for n in names) == key]) for key in keys]


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f}" if values else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"
