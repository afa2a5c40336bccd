"""What to use ECGs for and what not, and at what risk: findings that follow from the results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..comparison import furthest
from ..downstream import DownstreamResult
from ..downstream.section import gains
from ..finding import Finding
from ..tables import number, percent
from .clouds import Clouds

if TYPE_CHECKING:
    from .first_look import FirstLook

CLEAR = 0.1  # of an area under the ROC curve: what is told apart by less is not told apart in practice
HELD = 0.95  # of the beats, found where the truth says: less, and truth and signal may not belong together
# Of the features, beyond the limit: between disjoint sets of 25 to 50 real records of LUDB, drawn seven times, it was
# up to 18 %, for leads are combinations of each other and stand out together.
MANY = 0.2
MEASURED = 0.5  # of the features that real records have: with fewer, there is nothing to compare
NAMED = 4  # features that a finding names
MOST_NEAR = 0.5  # of the records, nearer to training than nearly all held-out ones: the data as a whole repeat it


def first_findings(look: FirstLook) -> tuple[Finding, ...]:
    """Return what single features and the R peaks say."""
    return (*_features(look), *_beats(look))


def unproven_findings(why: str = "training data were not named") -> tuple[Finding, ...]:
    """Return what stays open where no encoder could look, and why."""
    return (
        Finding(part="clouds", question="purpose", level="unknown",
                claim=f"Whether whole records, and not single features, pass for real ones: {why}."),
        Finding(part="neighbours", question="risk", level="unknown",
                claim=f"Whether records are copies of training ones: {why}."),
        _untrained(),
    )  # fmt: skip


def proof_findings(clouds: Clouds, task: DownstreamResult | None) -> tuple[Finding, ...]:
    """Return what the encoder's view and the downstream task say; that there was no task is a finding too."""
    return (*_worth(task), *_clouds(clouds), _copies(clouds))


def _features(look: FirstLook) -> list[Finding]:
    everyone = [r for r in look.rows if r.group == "all"]
    could = sum(r.real.median is not None for r in everyone)
    compared = sum(r.ratio is not None or r.stands_out for r in everyone)
    found = []
    if could and compared < MEASURED * could:
        claim = "Most features cannot be measured on synthetic records: a program reads no ECG in them."
        figure = f"{compared} of {could} features, line {100 * MEASURED:.0f} %"
        found.append(Finding(part="summary", question="use", level="stop", claim=claim, figure=figure))
    return [*found, _alike(look, compared)]


def _alike(look: FirstLook, compared: int) -> Finding:
    off = furthest(look.rows)
    if not compared:
        claim = "Whether single features are like real ones: none could be measured on both sides."
        return Finding(part="summary", question="purpose", level="unknown", claim=claim)
    figure = f"{len(off)} of {compared} features over {look.limit:g} floors, line {100 * MANY:.0f} %"
    if not off:
        claim = "A stand-in for single features: none tells synthetic records from real ones."
        return Finding(part="summary", question="purpose", level="good", claim=claim, figure=figure)
    names = ", ".join(f"{look.feature[r.feature].label} ({number(r.ratio, 1)})" for r in off[:NAMED])
    many = len(off) > MANY * compared
    claim = (
        "Not where the features matter that stand out from real records."
        if many
        else "Whether single features are like real ones: no more of them stand out than between two sets of real ones."
    )
    more = f"{figure}; furthest: {names}"
    return Finding(part="summary", question="purpose", level="care" if many else "unknown", claim=claim, figure=more)


def _beats(look: FirstLook) -> list[Finding]:
    scored = {r.name: r for r in look.r_peaks if r.lead == "reference" and r.kind in ("all", "SNR")}
    best = scored.get("20 dB and more") or scored.get("all")
    if best is None or best.sensitivity.value is None:
        claim = "Whether beats lie where the data say: no synthetic record states its beats."
        return [Finding(part="r-peaks", question="use", level="unknown", claim=claim)]
    held = best.sensitivity.value >= HELD
    claim = (
        "Beats lie where the data say that they do."
        if held
        else "Beats are missed where the data say that they are: marks and signals may not belong together."
    )
    which = "all records" if best.name == "all" else best.name
    figure = f"R peaks found by another program {percent(best.sensitivity)}, {which}, line {100 * HELD:.0f} %"
    return [Finding(part="r-peaks", question="use", level="good" if held else "care", claim=claim, figure=figure)]


def _untrained() -> Finding:
    claim = "What they are worth to a model: none was trained on them."
    return Finding(part="downstream", question="purpose", level="unknown", claim=claim)


def _worth(task: DownstreamResult | None) -> list[Finding]:
    if task is None:
        return [_untrained()]
    found = []
    for sentence, better in gains(task):
        end = "helps more than it harms." if better else "does not help more than it harms."
        claim = f"Training a model on them before real records {end}"
        level = "good" if better else "care"
        found.append(
            Finding.model_validate(
                {"part": "downstream", "question": "purpose", "level": level, "claim": claim, "figure": sentence}
            )
        )
    return found


def _clouds(clouds: Clouds) -> list[Finding]:
    auc = next((m for m in clouds.metrics if m.name.startswith("discriminator")), None)
    if auc is None or not (auc.matched.known and auc.floor.known):
        claim = "Whether a discriminator tells synthetic from real records: there are too few of them."
        return [Finding(part="clouds", question="purpose", level="unknown", claim=claim)]
    figure = f"discriminator AUC {auc.matched.value:.2f} (real from real: {auc.floor.value:.2f})"
    if auc.matched.value - auc.floor.value > CLEAR:
        claim = "Do not pass them off as a clinic's mix: a discriminator tells synthetic from real records."
        return [Finding(part="clouds", question="purpose", level="care", claim=claim, figure=figure)]
    claim = "A stand-in in method development: a discriminator does not tell synthetic from real in practice."
    return [Finding(part="clouds", question="purpose", level="good", claim=claim, figure=figure)]


def _copies(clouds: Clouds) -> Finding:
    copies = clouds.near.closer
    if not (copies.whole.known and copies.floor.known):
        claim = "Whether records are copies of training ones: there are too few held-out records to hold them to."
        return Finding(part="neighbours", question="risk", level="unknown", claim=claim)
    figure = (
        f"{100 * copies.whole.value:.1f} % lie closer to a training record than all but 1 % of held-out real ones do "
        f"(real against real: {100 * copies.floor.value:.1f} %)"
    )
    if copies.whole.low > max(copies.floor.high, MOST_NEAR):
        claim = "As a whole they lie too near to training records: they repeat patients."
        more = f"{figure}, line {100 * MOST_NEAR:.0f} %"
        return Finding(part="neighbours", question="risk", level="stop", claim=claim, figure=more)
    if copies.whole.low > copies.floor.high:
        claim = "Records lie too near to training ones: look at the pairs before you share them."
        return Finding(part="neighbours", question="risk", level="care", claim=claim, figure=figure)
    claim = "No sign of copies: a screen that was passed, no guarantee."
    return Finding(part="neighbours", question="risk", level="good", claim=claim, figure=figure)
