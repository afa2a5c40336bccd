"""What to use radiographs for and what not, and at what risk: findings that follow from the results alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..comparison import Interval
from ..downstream import DownstreamResult
from ..downstream.arms import REAL, SAME_COMPUTE
from ..finding import Finding, Level
from ..realism.rows import MeasuredRow
from .copies import LEAST_RATIO, CopyCheck
from .look import RadiographLook
from .obedience import ObedienceRow

CLEAR = 0.1  # of an area under the ROC curve: what is told apart by less is not told apart in practice

TRAINED_ON = (
    ("synthetic -> real", SAME_COMPUTE, "Training a model on them before real images"),
    ("mixed", REAL, "Training a model on them beside real images"),
)
HELPS: dict[str, tuple[Level, str]] = {
    "better": ("good", "makes it better."),
    "worse": ("care", "makes it worse."),
    "open": ("unknown", "may be worth nothing: the interval holds zero."),
}


def radiograph_findings(look: RadiographLook, task: DownstreamResult | None) -> tuple[Finding, ...]:
    """Return what the first screen says.

    Args:
        look: the results.
        task: the downstream task's results; that there are none is a finding too.
    """
    found = [*_flat(look), *_real(look), *_alike(look), *_worth(task)]
    if look.obedience is None:
        why = "training data were not named, so no judge could be trained on them"
        found.append(_finding("obedience", "purpose", "unknown", f"Whether images show what was asked for: {why}."))
    if look.copies is None:
        why = "training data were not named"
        found.append(_finding("copies", "risk", "unknown", f"Whether images are copies of training ones: {why}."))
    else:
        found += [_copied(check) for check in look.copies.checks]
    return (*found, *_obeyed(look))


def _finding(part: str, question: str, level: Level, claim: str, figure: str = "") -> Finding:
    return Finding.model_validate(
        {"part": part, "question": question, "level": level, "claim": claim, "figure": figure}
    )


def _worth(task: DownstreamResult | None) -> list[Finding]:
    """Return what synthetic images add, by the task's first metric: a gain must stand against the same compute."""
    if task is None:
        said = "What they are worth to a classifier: none was trained on them."
        return [_finding("downstream", "purpose", "unknown", said)]
    metric = task.metrics[0]["name"]
    found = {(r.arm, r.reference): r for r in task.differences if (r.metric, r.group) == (metric, "all")}
    said_of = []
    for arm, reference, what in TRAINED_ON:
        row = found.get((arm, reference))
        if row is not None and row.difference.value is not None:
            d = row.difference
            level, end = HELPS[row.verdict]
            figure = f"{metric} of '{arm}' less '{reference}': {d.value:+.3f} [{d.low:+.3f} to {d.high:+.3f}]"
            said_of.append(_finding("downstream", "purpose", level, f"{what} {end}", figure))
    return said_of


def _flat(look: RadiographLook) -> list[Finding]:
    n, of = look.flat.get("synthetic", 0), look.of
    claim = "Some synthetic images are constant; they were set aside here and belong out of the data."
    return [_finding("realism", "use", "stop", claim, f"{n} of {of}, line 0")] if n else []


def _real(look: RadiographLook) -> list[Finding]:
    everyone = {m.name: m for m in look.realism.groups[0].metrics}
    found = []
    auc = everyone.get("discriminator_auc_logistic")
    if auc is not None and auc.matched.value is not None and auc.floor.value is not None:
        found.append(_apart(auc))
    for name, what, digits, unit in (
        ("greys", "Where grey levels matter, they are not like real ones.", 3, ""),
        ("spectrum_db", "Where fine detail matters, they are not like real ones.", 1, " dB"),
    ):
        m = everyone.get(name)
        if m is not None and m.beyond_floor:
            distance = "distance of power spectra" if unit else "distance of grey levels"
            found.append(
                _finding("realism", "purpose", "care", what, f"{distance} {_against(m, digits, unit)}")
            )  # fmt: skip
    return found


def _apart(auc: MeasuredRow) -> Finding:
    """Return whether a discriminator tells synthetic from real, by more than it tells real halves apart."""
    figure = f"discriminator AUC {_against(auc)}"
    more = (auc.matched.value or 0) - (auc.floor.value or 0)
    if more <= CLEAR:
        claim = "A stand-in in method development: a discriminator does not tell synthetic from real in practice."
        return _finding("realism", "purpose", "good", claim, figure)
    if not auc.beyond_floor:
        claim = "Whether a discriminator tells synthetic from real: of so few patients it tells real halves apart too."
        return _finding("realism", "purpose", "unknown", claim, f"{figure}, up to {_two_of(auc.floor.high)}")
    claim = "Do not take them for what a clinic recorded: a discriminator tells synthetic from real."
    return _finding("realism", "purpose", "care", claim, figure)


def _alike(look: RadiographLook) -> list[Finding]:
    m = next((m for m in look.realism.groups[0].metrics if m.name == "ms_ssim"), None)
    if m is None or m.whole.low is None or m.whole.value is None or not (m.whole.low > 0 and m.beyond_floor):
        return []
    claim = "Little variety within a condition: two synthetic images are more alike than two real patients."
    figure = f"MS-SSIM, synthetic less real: {m.whole.value:+.3f} [{m.whole.low:+.3f} to {m.whole.high:+.3f}]"
    return [_finding("pairs", "purpose", "care", claim, figure)]


def _obeyed(look: RadiographLook) -> list[Finding]:
    """Sort attributes into those that images show, those that they do not, and those that the judge cannot read."""
    if look.obedience is None:
        return []
    rows = [r for r in look.obedience.rows if r.metric in ("auroc", "correlation")]
    large = [r for r in rows if not r.small]
    read = [r for r in large if _told(r.ceiling, r.floor)]
    shown = [r for r in read if _told(r.synthetic, r.floor) and _near(r)]
    parts: tuple[tuple[list[ObedienceRow], str, Level, str], ...] = (
        (shown, "purpose", "good", "Images show what was asked for in these attributes."),
        ([r for r in read if _less(r)], "purpose", "care",
         "Images show these attributes less than real ones do: not for work that needs them."),
        ([r for r in read if r not in shown and not _less(r)], "purpose", "unknown",
         "Whether images show these attributes as real ones do: the intervals meet."),
        ([r for r in large if r not in read], "purpose", "unknown",
         "Whether images show these attributes: the judge cannot read them off real images."),
        ([r for r in large if _above(r)], "risk", "care",
         "Not new patients with respect to what is read better off synthetic images than off real ones: signs are "
         "exaggerated, or training images shine through that the judge knows."),
    )  # fmt: skip
    found = [_finding("obedience", q, level, claim, _named(of)) for of, q, level, claim in parts if of]
    few = [r.label for r in rows if r.small]
    if few:
        claim = "Whether images show these attributes: there are too few images to tell."
        found.append(_finding("obedience", "purpose", "unknown", claim, ", ".join(few)))
    return found + _leaking(look)


def _leaking(look: RadiographLook) -> list[Finding]:
    leaking = [] if look.obedience is None else [r for r in look.obedience.leaks if r.stands_out]
    if not leaking:
        return []
    pairs = "; ".join(f"{r.asked_label} moves {r.read_label}" for r in leaking[:6])
    more = f" and {len(leaking) - 6} more" if len(leaking) > 6 else ""
    claim = "Do not study these attributes apart: one that is asked for moves another, more than in real images."
    return [_finding("leaks", "purpose", "care", claim, pairs + more)]


def _told(x: Interval, floor: Interval) -> bool:
    return x.low is not None and floor.high is not None and x.low > floor.high


def _near(row: ObedienceRow) -> bool:
    """Return whether synthetic images are read no worse than real ones by more than a tenth."""
    synthetic, ceiling = row.synthetic.value, row.ceiling.value
    return synthetic is not None and ceiling is not None and synthetic >= ceiling - CLEAR


def _less(row: ObedienceRow) -> bool:
    """Return whether they are read worse by more than a tenth, and the intervals do not meet."""
    high, low = row.synthetic.high, row.ceiling.low
    return not _near(row) and high is not None and low is not None and high < low


def _above(row: ObedienceRow) -> bool:
    return row.synthetic.low is not None and row.ceiling.high is not None and row.synthetic.low > row.ceiling.high


def _named(rows: Sequence[ObedienceRow]) -> str:
    return ", ".join(
        f"{r.label} {'r ' if r.metric == 'correlation' else ''}{_two(r.synthetic)} (real {_two(r.ceiling)})"
        for r in rows
    )


def _copied(check: CopyCheck) -> Finding:
    by = "by aligned pixels" if check.by == "pixels" else "in the encoder"
    ratio = check.median_ratio.whole
    if ratio.value is None:
        claim = f"Whether images are copies, {by}: held-out distances are zero, so there is nothing to hold them to."
        return _finding("copies", "risk", "unknown", claim)
    figure = (
        f"median distance to training images {_two(ratio)} [{_two_of(ratio.low)} to {_two_of(ratio.high)}] times that "
        f"of held-out real ones, line {LEAST_RATIO}; {100 * (check.closer.whole.value or 0):.1f} % lie closer than "
        "all but 1 % of held-out real images"
    )
    close = check.closer.beyond_floor or check.nearer.beyond_floor
    if check.passes and not close:
        claim = f"No plain copies of patients, {by}: a screen that was passed, no guarantee."
        return _finding("copies", "risk", "good", claim, figure)
    if ratio.high is not None and ratio.high < LEAST_RATIO:
        claim = f"As a whole they lie too near to training images, {by}: they repeat patients."
        return _finding("copies", "risk", "stop", claim, figure)
    if not close:
        claim = f"Whether they lie nearer to training images as a whole, {by}: there are too few patients to tell."
        return _finding("copies", "risk", "unknown", claim, figure)
    claim = f"Some may lie too near to training images, {by}: look at the closest pairs before you pass them on."
    return _finding("copies", "risk", "care", claim, figure)


def _against(m: MeasuredRow, digits: int = 2, unit: str = "") -> str:
    return f"{m.matched.value:.{digits}f}{unit} (real from real: {m.floor.value:.{digits}f}{unit})"


def _two(x: Interval) -> str:
    return _two_of(x.value)


def _two_of(x: float | None) -> str:
    return "unknown" if x is None else f"{x:.2f}"
