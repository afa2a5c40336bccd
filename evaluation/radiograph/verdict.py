"""What to use the data for and what not: sentences that follow from the results and from nothing else."""

from __future__ import annotations

from ..comparison import Interval
from ..downstream import DownstreamResult
from ..downstream.arms import REAL, SAME_COMPUTE
from ..report import Section
from .copies import LEAST_RATIO, CopyCheck
from .look import RadiographLook
from .measured import MeasuredRow
from .obedience import ObedienceRow

CLEAR = 0.1  # of an area under the ROC curve: what is told apart by less is not told apart in practice

Said = tuple[str, bool]


def verdict_section(look: RadiographLook, task: DownstreamResult | None) -> Section:
    """Return the section that comes first."""
    said: list[Said] = []
    if task is not None:
        said += _worth(task)
    said += _flat(look) + _real(look) + _obeyed(look) + _alike(look)
    if look.copies is not None:
        said += [_copied(check) for check in look.copies.checks]
    use = [f"Use: {s}" for s, good in said if good]
    avoid = [f"Not: {s}" for s, good in said if not good]
    avoid.append("Not: for diagnosis, for judging a device, or as evidence about patients: never.")
    missing = [
        what
        for what, there in (
            ("training data were not named, so obedience and copies were not measured", look.copies is not None),
            ("no classifier was trained on the data", task is not None),
        )
        if not there
    ]
    texts = ["Said from the measurements below, each with its interval there."]
    if missing:
        texts.append(f"Not looked at: {'; '.join(missing)}.")
    return Section(
        name="use", title="What to use this data for, and what not", texts=tuple(texts), items=(*use, *avoid)
    )


def _worth(task: DownstreamResult) -> list[Said]:
    """Return what synthetic images add, by the task's first metric: a gain must stand against the same compute."""
    metric = task.metrics[0]["name"]
    found = {(r.arm, r.reference): r for r in task.differences if (r.metric, r.group) == (metric, "all")}
    said: list[Said] = []
    for arm, reference, purpose in (
        ("synthetic -> real", SAME_COMPUTE, "to train a model on before real images"),
        ("mixed", REAL, "to train a model on beside real images"),
    ):
        row = found.get((arm, reference))
        if row is not None and row.difference.value is not None:
            d = row.difference
            span = f"{d.value:+.3f} [{d.low:+.3f} to {d.high:+.3f}]"
            evidence = f"{metric} of '{arm}' less '{reference}' is {span}"
            end = {"better": "", "worse": ", worse"}.get(row.verdict, ", which may be nothing")
            said.append((f"{purpose}: {evidence}{end}.", row.verdict == "better"))
    return said


def _flat(look: RadiographLook) -> list[Said]:
    n = look.flat.get("synthetic", 0)
    return [(f"as it is: {n} synthetic images are constant; they were set aside here.", False)] if n else []


def _real(look: RadiographLook) -> list[Said]:
    everyone = {m.name: m for m in look.realism.groups[0].metrics}
    said = []
    auc = everyone.get("discriminator_auc_logistic")
    if auc is not None and auc.matched.value is not None and auc.floor.value is not None:
        told = auc.matched.value - auc.floor.value > CLEAR
        purpose = "as if a clinic had recorded them" if told else "as a stand-in in method development"
        said.append((f"{purpose}: a discriminator tells synthetic from real with an AUC of {_against(auc)}.", not told))
    for name, what in (("greys", "grey levels matter"), ("spectrum_db", "fine detail matters")):
        m = everyone.get(name)
        if m is not None and m.beyond_floor:
            unit = " dB" if name == "spectrum_db" else ""
            said.append((f"where {what}: they lie {_against(m, 1 if unit else 3)}{unit} apart.", False))
    return said


def _alike(look: RadiographLook) -> list[Said]:
    m = next((m for m in look.realism.groups[0].metrics if m.name == "ms_ssim"), None)
    if m is None or m.whole.low is None or m.whole.value is None:
        return []
    if m.whole.low > 0 and m.beyond_floor:
        return [
            (
                f"for variety within a condition: two synthetic images are more alike than two real patients "
                f"(MS-SSIM {m.whole.value:+.3f} [{m.whole.low:+.3f} to {m.whole.high:+.3f}]).",
                False,
            )
        ]
    return []


def _obeyed(look: RadiographLook) -> list[Said]:
    """Sort attributes into those that images show, those that they do not, and those that the judge cannot read."""
    if look.obedience is None:
        return []
    rows = [r for r in look.obedience.rows if r.metric in ("auroc", "correlation")]
    large = [r for r in rows if not r.small]
    read = [r for r in large if _told(r.ceiling, r.floor)]
    shown = [r for r in read if _told(r.synthetic, r.floor) and _near(r)]
    parts = (
        (shown, "where it matters that images show what was asked for: {}.", True),
        ([r for r in read if r not in shown], "where images must show {}: they do so less than real ones.", False),
        ([r for r in large if r not in read], "on trust in {}: the judge cannot read it off real images.", False),
        (
            [r for r in large if _above(r)],
            "as if they were new patients with respect to {}: it is read better off synthetic images than off real "
            "ones, so signs are exaggerated, or training images shine through that the judge knows.",
            False,
        ),
    )  # fmt: skip
    said: list[Said] = [(text.format(_named(found)), good) for found, text, good in parts if found]
    few = [r.label for r in rows if r.small]
    if few:
        said.append((f"on trust in {', '.join(few)}: too few images to tell.", False))
    leaking = [r for r in look.obedience.leaks if r.stands_out]
    if leaking:
        pairs = "; ".join(f"{r.asked_label} moves {r.read_label}" for r in leaking[:6])
        more = f" and {len(leaking) - 6} more" if len(leaking) > 6 else ""
        said.append((f"to study these attributes apart: {pairs}{more}.", False))
    return said


def _told(x: Interval, floor: Interval) -> bool:
    return x.low is not None and floor.high is not None and x.low > floor.high


def _near(row: ObedienceRow) -> bool:
    """Return whether synthetic images are read no worse than real ones by more than a tenth."""
    synthetic, ceiling = row.synthetic.value, row.ceiling.value
    return synthetic is not None and ceiling is not None and synthetic >= ceiling - CLEAR


def _above(row: ObedienceRow) -> bool:
    return row.synthetic.low is not None and row.ceiling.high is not None and row.synthetic.low > row.ceiling.high


def _named(rows: list[ObedienceRow]) -> str:
    return ", ".join(
        f"{r.label} ({'r ' if r.metric == 'correlation' else ''}{_two(r.synthetic)}, real {_two(r.ceiling)})"
        for r in rows
    )


def _copied(check: CopyCheck) -> Said:
    by = "by aligned pixels" if check.by == "pixels" else "in the encoder"
    ratio = check.median_ratio.whole
    if ratio.value is None:
        return (f"before copies are ruled out {by}: held-out distances are zero.", False)
    share = f"{100 * (check.closer.whole.value or 0):.1f} % lie closer than all but 1 % of held-out real images"
    shown = f"{ratio.value:.2f} [{_two_of(ratio.low)} to {_two_of(ratio.high)}]"
    said = f"{by}, their median distance to training images is {shown} times that of held-out real ones; {share}"
    close = check.closer.beyond_floor or check.nearer.beyond_floor
    if check.passes and not close:
        return (f"to pass on without plain copies of patients: {said}.", True)
    why = f"the line is {LEAST_RATIO}" if not check.passes else "more than real ones do"
    return (f"to pass on before you have looked at the closest pairs: {said}; {why}.", False)


def _against(m: MeasuredRow, digits: int = 2) -> str:
    return f"{m.matched.value:.{digits}f} (real from real: {m.floor.value:.{digits}f})"


def _two(x: Interval) -> str:
    return _two_of(x.value)


def _two_of(x: float | None) -> str:
    return "unknown" if x is None else f"{x:.2f}"
