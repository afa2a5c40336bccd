"""The arms of a table's task at each share of the real data, and which of them are compared.

A training has a number of steps, whatever the number of samples: real data shown twice as often are the arm `real`
itself, which is the control for the size of `mixed`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....generators.readout.table.rows import Kind
from ...downstream import Arm, Stage, standard_arms
from ...downstream import arms as of_any
from ...downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC, percent

MIXED, FIRST = "mixed", "synthetic -> real"
AUGMENTED, AUGMENTED_SAME_COMPUTE = "real, augmented", "real, augmented, same compute"
MIXED_AUGMENTED, FIRST_AUGMENTED = "mixed, augmented", "synthetic -> real, augmented"
SMALL, WAVELET, WAVELET_RAW = "real, small segment", "real, wavelet", "real, wavelet, not rescaled"
UNLABELLED = "site, unlabelled"
BASELINES = {SMALL: "small segment", WAVELET: "wavelet", WAVELET_RAW: "wavelet, not rescaled"}
ADAPTED = ("shot", "tent")


def pretrained_name(way: str, source: str) -> str:
    """Return the name of an arm that learns without labels first."""
    return f"{way} on {source} -> real"


def table_arms(
    steps: int, *, synthetic: bool, baselines: bool, pretraining: Sequence[str], standardised: bool = False
) -> tuple[Arm, ...]:
    """Return the arms of one share.

    Args:
        steps: of each stage.
        synthetic: whether there are synthetic data; without them the real arms alone.
        baselines: whether to run the methods that need no generator.
        pretraining: ways to learn without labels before.
        standardised: whether each sample is brought to deviation 1, which undoes one factor for all bands: dropout
            with and without rescaling is the same then, and is run once.
    """
    arms = list(standard_arms(steps))
    made, real = (Stage(data=(name,), steps=steps, augment=True) for name in (SYNTHETIC, REAL))
    both = Stage(data=(REAL, SYNTHETIC), steps=steps, augment=True)
    arms += [Arm(name=MIXED_AUGMENTED, stages=(both,)), Arm(name=FIRST_AUGMENTED, stages=(made, real))]
    if baselines:
        arms += [
            Arm(name=name, stages=(Stage(data=(REAL,), steps=steps, method=method),))
            for name, method in BASELINES.items()
            if not (standardised and name == WAVELET_RAW)
        ]
    for way in pretraining:
        for source in (SYNTHETIC, REAL):
            first = Stage(data=(source,), steps=steps, method=way)
            arms.append(Arm(name=pretrained_name(way, source), stages=(first, Stage(data=(REAL,), steps=steps))))
    return tuple(arm for arm in arms if synthetic or not any(SYNTHETIC in stage.data for stage in arm.stages))


def site_arms(steps: int, kind: Kind, *, synthetic: bool, adapt: bool, real: bool) -> tuple[Arm, ...]:
    """Return the arms of a test at a site that was left out of training.

    Args:
        steps: of each stage.
        kind: of the task; classifiers alone are adapted.
        synthetic: whether there are synthetic data.
        adapt: whether to adapt to the site's samples without their labels.
        real: whether there are real data of other sites; without them only what synthetic data give.
    """
    arms = [arm for arm in standard_arms(steps) if arm.name not in (AUGMENTED, AUGMENTED_SAME_COMPUTE)]
    if adapt and kind == "classification":
        for source in (SYNTHETIC, REAL):
            for how in ADAPTED:
                stages = (Stage(data=(source,), steps=steps), Stage(data=(UNLABELLED,), steps=steps, method=how))
                arms.append(Arm(name=f"{source} -> {how}", stages=stages))
    used = [(arm, {name for stage in arm.stages for name in stage.data}) for arm in arms]
    return tuple(arm for arm, names in used if (synthetic or SYNTHETIC not in names) and (real or REAL not in names))


def at_share(arm: Arm, share: float) -> Arm:
    """Return an arm on a share of the real data; what needs no labels learns on all of them."""
    return of_any.at_share(arm, share, source_name(share), whole=("contrastive", "masked"))


def source_name(share: float) -> str:
    """Return the name of a share's data; all of them are `real`."""
    return REAL if share == 1 else f"{REAL} {percent(share)}"


def pairs(arms: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return which arm is held against which, of those that were run; the control of equal compute comes first."""
    wanted = [
        (MIXED, REAL), (FIRST, SAME_COMPUTE), (FIRST, REAL), (SYNTHETIC, REAL), (AUGMENTED, REAL), (SMALL, REAL),
        (WAVELET, REAL), (WAVELET_RAW, REAL), (MIXED, AUGMENTED), (MIXED, SMALL), (MIXED, WAVELET),
        (MIXED_AUGMENTED, AUGMENTED), (FIRST_AUGMENTED, AUGMENTED_SAME_COMPUTE),
        *((pretrained_name(way, SYNTHETIC), other) for way in ("contrastive", "masked")
          for other in (pretrained_name(way, REAL), SAME_COMPUTE)),
        *((f"{SYNTHETIC} -> {how}", other) for how in ADAPTED for other in (SYNTHETIC, f"{REAL} -> {how}")),
        *((f"{REAL} -> {how}", REAL) for how in ADAPTED),
    ]  # fmt: skip
    return tuple((a, b) for a, b in wanted if a in arms and b in arms)
