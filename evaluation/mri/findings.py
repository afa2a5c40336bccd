"""What the first screen of a page says of made contrasts."""

from __future__ import annotations

import numpy as np

from ..finding import Finding
from .look import CONTROLS, MADE, MriLook
from .summary import METHOD, by_contrast, over_patients, score_of, shown, trust_of

LARGEST_GAIN = 1.25  # a scale that is further off is said so
TUMOUR_WORSE = 1.5  # errors in the tumour, by those in healthy tissue
LEAST_RANK, MOST_OVER = 0.2, 2.0  # of an uncertainty that tells something


def mri_findings(look: MriLook) -> tuple[Finding, ...]:
    """Return what the first screen says of made contrasts."""
    return (_nearness(look), *_scales(look), _in_tumour(look), _told(look), _whose(look))


def _nearness(look: MriLook) -> Finding:
    """Say whether what was made is nearer than what needs no model."""
    claims, beaten = [], []
    for contrast, pairs in by_contrast(look):
        made = over_patients(pairs, score_of(MADE, "brain", "psnr_db"))
        others = {m: over_patients(pairs, score_of(m, "brain", "psnr_db")) for m in CONTROLS}
        known = {m: r for m, r in others.items() if r.known}
        best = max(known, key=lambda m: known[m].value) if known else None
        text = f"{contrast} {shown(made, 1)} dB"
        if best is not None:
            text += f" against {shown(known[best], 1)} ({METHOD[best]})"
            if known[best].value >= made.value:
                beaten.append(str(contrast))
        claims.append(text)
    figure = "PSNR in the brain: " + "; ".join(claims)
    controlled = any(m in p.fitted for p in look.pairs for m in CONTROLS)
    if not controlled:
        said = "How near made contrasts are was measured; no control could be made, as no input is known."
        return Finding(part="paired", question="use", level="unknown", claim=said, figure=figure)
    if beaten:
        said = f"Made {' and '.join(beaten)}: no nearer to the real contrast than what needs no model."
        return Finding(part="paired", question="use", level="care", claim=said, figure=figure)
    said = "Made contrasts are nearer to the real ones than what needs no model."
    return Finding(part="paired", question="use", level="good", claim=said, figure=figure)


def _scales(look: MriLook) -> list[Finding]:
    """Name the contrasts whose intensity scale is far from the real one."""
    off = []
    for contrast, pairs in by_contrast(look):
        gain = float(np.median([p.gain for p in pairs]))
        if not 1 / LARGEST_GAIN <= gain <= LARGEST_GAIN:
            off.append(f"{contrast} by {gain:.2f}")
    if not off:
        return []
    said = "Made contrasts are not on the scanner's scale; scale them before they are used beside real ones."
    return [Finding(part="paired", question="purpose", level="care", claim=said, figure="nearest " + ", ".join(off))]


def _in_tumour(look: MriLook) -> Finding:
    ratios = []
    for contrast, pairs in by_contrast(look):
        found = [p for p in pairs if {"tumour", "healthy"} <= set(p.fitted[MADE])]
        if found:
            a, b = (float(np.mean([p.fitted[MADE][r].mae for p in found])) for r in ("tumour", "healthy"))
            ratios.append((str(contrast), a / b if b else float("inf")))
    if not ratios:
        said = "Whether tumours are made as well as healthy tissue could not be told: no real brain has a segmentation."
        return Finding(part="paired", question="purpose", level="unknown", claim=said)
    figure = "mean error in the tumour by that in healthy tissue: " + ", ".join(f"{c} {r:.1f}" for c, r in ratios)
    worse = [c for c, r in ratios if r > TUMOUR_WORSE]
    if worse:
        said = f"Tumours are made less well than healthy tissue in {' and '.join(worse)}: not for reading tumours."
        return Finding(part="paired", question="purpose", level="care", claim=said, figure=figure)
    said = "Tumours are made about as well as healthy tissue."
    return Finding(part="paired", question="purpose", level="good", claim=said, figure=figure)


def _told(look: MriLook) -> Finding:
    found = [p for p in look.pairs if p.trust is not None]
    if not found:
        said = "Nothing says where made contrasts are wrong: they are single samples, without an uncertainty."
        return Finding(part="paired", question="purpose", level="unknown", claim=said)
    rank = over_patients(found, trust_of(lambda t: t.rank_correlation))
    over = over_patients(found, trust_of(lambda t: t.overconfidence))
    figure = f"rank correlation {shown(rank, 2)}; RMS error {shown(over, 1)} times the RMS uncertainty"
    if not rank.known or rank.value < LEAST_RANK:
        said = "The uncertainty does not tell where the error is."
        return Finding(part="uncertainty", question="purpose", level="care", claim=said, figure=figure)
    if over.known and over.value > MOST_OVER:
        said = "The uncertainty tells where the error is, and is far smaller than it."
        return Finding(part="uncertainty", question="purpose", level="care", claim=said, figure=figure)
    said = "The uncertainty tells where the error is."
    return Finding(part="uncertainty", question="purpose", level="good", claim=said, figure=figure)


def _whose(look: MriLook) -> Finding:
    """Say what a made contrast gives away: the patient that it was made from."""
    similar = over_patients(look.pairs, score_of(MADE, "brain", "ssim"))
    said = "Each made contrast shows the brain that it was made from, and is as identifying as its inputs."
    figure = f"similarity to that patient's real contrast {shown(similar, 2)}"
    return Finding(part="paired", question="risk", level="care", claim=said, figure=figure)
