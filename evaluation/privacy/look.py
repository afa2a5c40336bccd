"""Every attack on a synthetic set in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ...conditioning.seeds import stream
from ..downstream import content_sha256
from ..kept import kept
from ..realism import FEWEST_PATIENTS, Sample, standardised
from .copies import copy_screens
from .extraction import extraction_attack, extraction_seen
from .losses import Losses, loss_attacks
from .membership import released_attacks
from .power import NOISE, SHARE, alarmed, plants, power, powers
from .reidentification import Reidentifier, Side, Teach, convolutional, linear, reidentification, reidentifier
from .result import Attack, Nearest, PrivacyResult, unanswered
from .view import View, candidates, halves, view_of

Told = Callable[[int, int], None]
_EXACT = 1e-9  # of the median held-out distance: as near is the same


@dataclass(frozen=True)
class Pixels:
    """Images of the three sides in [0, 1], (n, h, w) each, row by row those of the features."""

    training: Float[np.ndarray, "n h w"]
    held_out: Float[np.ndarray, "m h w"]
    synthetic: Float[np.ndarray, "s h w"]


class _Attacks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    attacks: tuple[Attack, ...]


def privacy_of(
    training: Sample, held_out: Sample, synthetic: Sample, *, losses: Losses | None = None,
    images: Pixels | None = None, groups: Sequence[str] | None = None, canaries: Sequence[Attack] = (),
    standardise: bool = True, repeats: int = 20, pairs: int = 20, seed: int = 0, folder: Path | None = None,
    progress: Told | None = None,
) -> PrivacyResult:  # fmt: skip
    """Return what a synthetic set gives away of the records that its generator was trained on.

    A side that is too small, or features that are all the same, give attacks without an answer and the reason.

    Args:
        training: features of all records that the generator was trained on, and their patients.
        held_out: features of real records of other patients; patients that are in both are left out here.
        synthetic: features of what is judged.
        losses: the generator's losses of training and held-out records, and reference models' (see `losses_of`).
        images: pixels, from which a second verifier learns who is who; minutes instead of seconds.
        groups: the condition of each synthetic record as a word, for extraction; one when None.
        canaries: attacks that `canary_attack` found.
        standardise: divide features by their spread in training first.
        repeats: plantings of the power check; 0 leaves it out.
        pairs: how many nearest pairs to name.
        seed: of all that is drawn.
        folder: where finished parts are kept, so that a stopped evaluation goes on where it was.
        progress: called with (parts done, parts).

    Raises:
        ValueError: numbers of features, images or groups that do not fit each other.
    """
    _check(training, held_out, synthetic, images, groups)
    known = set(training.patients)
    strangers = np.array([i for i, p in enumerate(held_out.patients) if p not in known], dtype=np.int64)
    left_out = len(held_out) - len(strangers)
    held_out = held_out.rows(strangers)
    if images is not None:
        images = Pixels(images.training, images.held_out[strangers], images.synthetic)
    notes = (f"{left_out} held-out records are of patients who were trained on and were left out.",) if left_out else ()
    if standardise and len(training) > 1:
        training, held_out, synthetic = standardised(training, held_out, synthetic)
    sides = (training, held_out, synthetic)
    counts = {"n": tuple(map(len, sides)), "patients": tuple(s.n_patients for s in sides)}
    result = PrivacyResult.model_validate({**counts, "dimensions": training.x.shape[1], "notes": notes})
    why = _too_little(training, held_out, synthetic)
    if why:
        empty = [unanswered(name, label, "", why) for name, label in _NAMES.items()]
        more = () if losses is None else loss_attacks(losses, seed=seed)
        return result.model_copy(update={"attacks": (*empty, *more, *canaries)})
    view = view_of(training, held_out, synthetic, seed=seed)
    same = _EXACT * float(np.median(view.held_out.first)) + 1e-300
    exact = tuple(int((side.first <= same).sum()) for side in (view.synthetic, view.held_out))
    made = _Made(training, held_out, synthetic, view, images, groups, losses, seed, repeats, folder, progress)
    return result.model_copy(
        update={"exact": exact, "attacks": (*made.attacks(), *canaries), "nearest": _nearest(view, pairs)}
    )


@dataclass(frozen=True)
class _Made:
    """The parts of the evaluation, each made once and kept."""

    training: Sample
    held_out: Sample
    synthetic: Sample
    view: View
    images: Pixels | None
    groups: Sequence[str] | None
    losses: Losses | None
    seed: int
    repeats: int
    folder: Path | None
    progress: Told | None

    def attacks(self) -> tuple[Attack, ...]:
        parts: list[tuple[str, Callable[[], Sequence[Attack]]]] = [
            ("screens", self._screens),
            ("extraction", self._extraction),
            ("verifier", self._verifier),
            ("image_verifier", self._image_verifier),
            ("losses", self._losses),
        ]
        found: list[Attack] = []
        print_of = None if self.folder is None else self._fingerprint()
        for done, (name, make) in enumerate(parts, start=1):
            made_from = {"sides": print_of, "seed": self.seed, "repeats": self.repeats, "version": 1}
            part = kept(self.folder, f"privacy-{name}", made_from, _Attacks, partial(_made, make))
            found += part.attacks
            if self.progress is not None:
                self.progress(done, len(parts))
        return tuple(found)

    def _fingerprint(self) -> str:
        sides = (self.training, self.held_out, self.synthetic)
        arrays = [s.x for s in sides]
        if self.images is not None:
            arrays += [self.images.training, self.images.held_out, self.images.synthetic]
        if self.losses is not None:
            arrays += [a for a in vars(self.losses).values() if isinstance(a, np.ndarray)]
        return content_sha256(*arrays, *(s.patients for s in sides), list(self.groups or ()))

    def _screens(self) -> Sequence[Attack]:
        found = (*copy_screens(self.view, seed=self.seed), *released_attacks(self.view, seed=self.seed))
        if not self.repeats:
            return found
        at = candidates(self.training, self.seed)
        of = powers(*self._sides(), self.view, at, seed=self.seed, repeats=self.repeats)
        return [attack.model_copy(update={"power": of[attack.name]}) for attack in found]

    def _sides(self) -> tuple[Sample, Sample, Sample]:
        return self.training, self.held_out, self.synthetic

    def _extraction(self) -> Sequence[Attack]:
        apart = self.view.reference[np.isfinite(self.view.reference)]
        typical = float(np.median(apart)) if len(apart) else None
        attack = extraction_attack(*self._sides(), self.groups, typical=typical)
        if not self.repeats or attack.reason:
            return [attack]
        length = NOISE * float(np.median(self.view.held_out.first))
        hits: dict[str, list[bool]] = {"here": [], "planted": [], "alone": []}
        for k in range(min(self.repeats, 10)):
            rng = stream(self.seed, f"privacy.power.extraction/{k}")
            half = halves(self.held_out, self.seed + 1 + k)
            first, second = (self.held_out.rows(np.flatnonzero(half == side)) for side in (0, 1))
            trials = (("here", self.synthetic, self.held_out), ("planted", first, second), ("alone", first, second))
            for name, base, controls in trials:
                copies, _ = plants(self.training, len(base), length, rng, each=5)
                whole = base if name == "alone" else _joined(base, copies)
                groups = None if self.groups is None or name != "here" else [*self.groups, *_where(copies, self.groups)]
                hits[name].append(alarmed(extraction_seen(self.training, controls, whole, groups, typical)))
        return [attack.model_copy(update={"power": power(hits["here"], hits["planted"], hits["alone"])})]

    def _verifier(self) -> Sequence[Attack]:
        sides = [Side(s.x, tuple(s.patients)) for s in self._sides()]
        length = NOISE * float(np.median(self.view.held_out.first))

        def copies(rng: np.random.Generator) -> np.ndarray:
            return plants(self.training, len(self.synthetic), length, rng)[0].x

        return [self._reidentified("reidentification", sides, linear(self.seed), copies)]

    def _image_verifier(self) -> Sequence[Attack]:
        images = self.images
        if images is None:
            return []
        arrays = (images.training, images.held_out, images.synthetic)
        sides = [Side(x, tuple(s.patients)) for x, s in zip(arrays, self._sides(), strict=True)]

        def copies(rng: np.random.Generator) -> np.ndarray:
            _, rows = plants(self.training, len(self.synthetic), 0.0, rng)
            x = images.training[rows]
            return np.clip(x + 0.02 * rng.standard_normal(x.shape), 0, 1).astype(x.dtype)

        return [self._reidentified("reidentification_images", sides, convolutional(self.seed), copies)]

    def _reidentified(
        self, name: str, sides: list[Side], teach: Teach, copies: Callable[[np.random.Generator], np.ndarray]
    ) -> Attack:
        by = reidentifier(sides[0], sides[1], teach, seed=self.seed)
        attack = reidentification(by, sides[0], sides[2], seed=self.seed, name=name)
        if isinstance(by, str) or not self.repeats:
            return attack
        near = by.likeness(sides[2].x)
        hits: dict[str, list[bool]] = {"here": [], "planted": [], "alone": []}
        for k in range(self.repeats):
            rng = stream(self.seed, f"privacy.power.{name}/{k}")
            copied = by.likeness(copies(rng))
            people = len(set(sides[2].patients)) + len(copied)
            hits["here"].append(alarmed(by.rates(np.concatenate([near, copied]), people)))
            for kind, alarm in zip(("planted", "alone"), _halved(by, sides[1].patients, copied, rng), strict=True):
                hits[kind].append(alarm)
        return attack.model_copy(update={"power": power(hits["here"], hits["planted"], hits["alone"])})

    def _losses(self) -> Sequence[Attack]:
        if self.losses is not None:
            return loss_attacks(self.losses, seed=self.seed)
        why = "the generator's losses were not given, so this attack, the strongest one, was not made"
        return [unanswered("membership_loss", "membership, by the generator's loss", "", why)]


def _made(make: Callable[[], Sequence[Attack]]) -> _Attacks:
    return _Attacks(attacks=tuple(make()))


def _halved(
    by: Reidentifier, patients: Sequence[str], copied: np.ndarray, rng: np.random.Generator
) -> tuple[bool, bool]:
    """Return whether copies among one half of the held-out records are seen by the other, and whether none is."""
    names, code = np.unique(np.asarray(patients), return_inverse=True)
    first = rng.permutation(len(names))[code] < len(names) // 2
    half = Reidentifier(by.embed, by.gallery, by.strangers[~first], len(names) - len(names) // 2, by.fresh)
    base, few = by.strangers[first], max(1, round(SHARE / (1 - SHARE) * int(first.sum())))
    planted = half.rates(np.concatenate([base, copied[:few]]), len(names) // 2 + few)
    return alarmed(planted), alarmed(half.rates(base, len(names) // 2))


def _where(copies: Sample, groups: Sequence[str]) -> list[str]:
    """Return a condition for planted copies: five of one record share one."""
    words = sorted(set(groups))
    return [words[(i // 5) % len(words)] for i in range(len(copies))]


def _joined(base: Sample, more: Sample) -> Sample:
    return Sample(np.concatenate([base.x, more.x]), [*base.patients, *more.patients])


def _nearest(view: View, pairs: int) -> tuple[Nearest, ...]:
    s, h = view.synthetic, np.sort(view.held_out.first)
    return tuple(
        Nearest(
            synthetic=i, training=int(s.row[i]), distance=float(s.first[i]),
            held_out_nearer=float(np.searchsorted(h, s.first[i], side="right") / len(h)),
        )
        for i in np.argsort(s.first, kind="stable")[:pairs].tolist()
    )  # fmt: skip


def _check(
    training: Sample, held_out: Sample, synthetic: Sample, images: Pixels | None, groups: Sequence[str] | None
) -> None:
    widths = [s.x.shape[1] for s in (training, held_out, synthetic)]
    if len(set(widths)) > 1:
        raise ValueError(f"training, held-out and synthetic rows have {', '.join(map(str, widths))} features")
    if groups is not None and len(groups) != len(synthetic):
        raise ValueError(f"{len(groups)} groups for {len(synthetic)} synthetic records; one each is needed")
    if images is not None:
        for side, x in zip((training, held_out, synthetic), vars(images).values(), strict=True):
            if len(side) != len(x):
                raise ValueError(f"{len(x)} images beside {len(side)} rows of features; they must be the same records")


def _too_little(training: Sample, held_out: Sample, synthetic: Sample) -> str:
    for name, side in (("training", training), ("held-out", held_out), ("synthetic", synthetic)):
        if side.n_patients < FEWEST_PATIENTS:
            return f"{side.n_patients} {name} patients ({len(side)} records); {FEWEST_PATIENTS} or more are needed"
    if not (training.x.std(axis=0) > 0).any():
        return "every feature is the same in all training records"
    d = np.ptp(held_out.x, axis=0)
    return "" if (d > 0).any() else "every feature is the same in all held-out records"


_NAMES = {
    "near_copies": "near copies",
    "tail": "nearer than the tail of real distances",
    "nearest": "nearest training record",
    "nndr": "nearest over second nearest (NNDR)",
    "authenticity": "authenticity",
    "membership_nearest": "membership, by the nearest synthetic record",
    "membership_density": "membership, by density ratio",
    "extraction": "extraction by generate-and-filter",
    "reidentification": "re-identification by a verifier",
}
