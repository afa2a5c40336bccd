"""Looks at a radiograph and says whether it shows what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.record import Record
from .attributes import MINIMUM_IMAGES, said
from .images import images_of
from .networks import Architecture, NetworkConfig
from .readout import FOLDS, STEPS, RadiographReadout, cross_trained
from .teaching import TeachingConfig
from .thresholds import LEAST_CAUGHT, SHARE, Thresholds, asked, score_of, thresholds


@dataclass(frozen=True)
class Verdict:
    """What an inspector says of one image.

    Attributes:
        passed: whether no check failed.
        scores: by field or finding, the chance of what was asked (for `age_years` the error in years).
        failed: a sentence per check that failed.
        unjudged: checks that were asked for and that the inspector does not make.
    """

    passed: bool
    scores: Mapping[str, float]
    failed: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspector:
    """A readout with limits.

    Attributes:
        readout: reads the image.
        thresholds: what it must read.
    """

    readout: RadiographReadout
    thresholds: Thresholds

    @classmethod
    def trained(
        cls,
        records: Sequence[Record],
        *,
        architecture: Architecture = "resnet",
        seed: int = 0,
        steps: int = STEPS,
        size: int = 64,
        share: float = SHARE,
        judge: Sequence[str] | None = None,
        least_caught: float = LEAST_CAUGHT,
        network: NetworkConfig | None = None,
        teaching: TeachingConfig | None = None,
        folds: int = FOLDS,
        minimum: int = MINIMUM_IMAGES,
        on_step: Callable[[int, float], None] | None = None,
    ) -> Inspector:
        """Return an inspector trained on a real training split, its limits found out of fold.

        Every patient is read by the one member that was not trained on them. Members together read better than one,
        so that the stated share is a lower bound.

        Args:
            records: real radiographs with `image` and a RadiographCondition.
            architecture: as for `RadiographReadout.trained`, like seed, steps, size, network, teaching, folds, minimum.
            seed: likewise.
            steps: likewise.
            size: likewise.
            share: of real images with a value that its check lets pass, at least.
            judge: `sex`, `age_years`, `race`, `view`, `findings`, or findings by name; when None, what is read well
                enough.
            least_caught: with `judge` None, an attribute whose checks catch fewer of the wrong ones is not judged.
            network: likewise.
            teaching: likewise.
            folds: likewise.
            minimum: likewise.
            on_step: told each step (counted over all members) and its loss.

        Raises:
            ValueError: as `RadiographReadout.trained` and `thresholds`.
        """
        readout, outside = cross_trained(
            records, network or NetworkConfig.of(architecture, size),
            (teaching or TeachingConfig()).model_copy(update={"steps": steps}),
            seed=seed, folds=folds, minimum=minimum, on_step=on_step,
        )  # fmt: skip
        known = said(records, readout.attributes)
        return cls(readout, thresholds(outside, known, share=share, judge=judge, least_caught=least_caught))

    @classmethod
    def calibrated(
        cls, readout: RadiographReadout, held_out: Sequence[Record], *, share: float = SHARE,
        judge: Sequence[str] | None = None, least_caught: float = LEAST_CAUGHT,
    ) -> Inspector:  # fmt: skip
        """Return an inspector whose limits are found on real images of patients that the readout was not trained on.

        Args:
            readout: trained on others.
            held_out: real radiographs.
            share: as for `trained`, like judge and least_caught.
            judge: likewise.
            least_caught: likewise.
        """
        read = readout.read(images_of(held_out, readout.config.size)[:, 0].numpy())
        known = said(held_out, readout.attributes)
        return cls(readout, thresholds(read, known, share=share, judge=judge, least_caught=least_caught))

    def judge(self, image: Float[np.ndarray, "h w"], condition: RadiographCondition) -> Verdict:
        """Return the verdict on one image, which depends on nothing but the image and what was asked.

        Args:
            image: in [0, 1], white is dense.
            condition: what was asked for; what it leaves open is not judged. An image with values that are NaN,
                infinite or outside [0, 1] fails.
        """
        if not np.isfinite(image).all() or image.min() < 0 or image.max() > 1:
            return Verdict(False, {}, ("the image has values that are no number or lie outside [0, 1]",))
        read = self.readout.read(image[None])
        scores: dict[str, float] = {}
        failed, unjudged = [], []
        for check, name in asked(condition).items():
            limit = self.thresholds.limits.get(check)
            score = score_of(check, read, condition.age_years)
            if limit is None or score is None:
                unjudged.append(check)
                continue
            scores[name] = value = float(score[0])
            sentence = _failure(check, value, limit.limit)
            failed += [sentence] if sentence else []
        return Verdict(not failed, scores, tuple(failed), tuple(unjudged))

    def config(self) -> dict[str, Any]:
        """Return what decides its verdicts: limits, and a hash of the weights with what their outputs mean."""
        return {
            "weights_sha256": self.weights_sha256,
            "calibration": self.readout.calibration.model_dump(mode="json"),
            "thresholds": self.thresholds.model_dump(mode="json"),
        }

    @property
    def weights_sha256(self) -> str:
        """Return a hash of all weights."""
        return self.readout.weights_sha256

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a readout's folder with `thresholds/config.json` beside it, into a new or empty folder.

        Raises:
            ValueError: the folder is not empty.
        """
        from .folder import write_inspector

        write_inspector(Path(folder), self)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Inspector:
        """Return the inspector that `save_pretrained` wrote.

        Raises:
            ValueError: something in the folder is missing, damaged, another model's or a pickle; the message names it.
        """
        from .folder import read_inspector

        return read_inspector(Path(folder))


def _failure(check: str, score: float, limit: float) -> str:
    """Return why a check fails, or nothing."""
    if check == "age_years":
        return f"age_years is read {score:.1f} years off (at most {limit:.1f})" if score > limit else ""
    return f"{check} is read with a chance of {score:.3f} (at least {limit:.3f})" if score < limit else ""
