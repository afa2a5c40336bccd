"""Everything that is measured of synthetic radiographs, part by part, each kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ... import __version__
from ...conditioning.dataset.schema import sha256_of
from ...conditioning.record import Record
from ...conditioning.seeds import stream
from ..kept import kept, kept_arrays
from ..realism import FEWEST_PATIENTS
from .attributes import AGE, SEX, columns, distinct, stated_alike, views_said
from .copies import CopyCheck, copies_by_features, copies_by_pixels
from .eyes import Eyes
from .images import Images, common_size, images, patient_of, sizes_said
from .leaks import LeakRow, leaks
from .obedience import ObedienceRow, Read, obedience
from .realism import Realism, realism
from .together import TogetherRow, together

MOST = 1000  # synthetic images that are measured; more tell little and cost time
RESAMPLES, SPLITS = 200, 50  # of clouds and curves
VERSION = 1  # of what is kept: raised when a metric changes
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Obedience(BaseModel):
    """What was read back.

    Attributes:
        rows: each attribute beside ceiling and floor.
        leaks: what comes along unasked.
        together: which attributes are asked for together, and seen together.
        absent_dropped: whether real labels of absence were passed over, since the plan states none.
    """

    model_config = _FROZEN
    rows: tuple[ObedienceRow, ...]
    leaks: tuple[LeakRow, ...]
    together: tuple[TogetherRow, ...]
    absent_dropped: bool


class Copies(BaseModel):
    """The copy check in each way of measuring."""

    model_config = _FROZEN
    checks: tuple[CopyCheck, ...]


class RadiographLook(BaseModel):
    """All results; `page` needs the images too.

    Attributes:
        seed: of all resamples and splits.
        size: edge in pixels at which images were compared.
        sizes: what was resized and how, in a sentence.
        eyes: who looked, in words; None without training data.
        n: training, held-out real and synthetic images that were measured.
        patients: training and held-out patients.
        of: synthetic records in the data set.
        flat: constant images that were set aside, by side.
        realism: how real they look.
        obedience: whether they show what was asked for; None without training data.
        copies: whether they are copies; None without training data.
    """

    model_config = _FROZEN
    seed: int
    size: int
    sizes: str
    eyes: str | None
    n: tuple[int, int, int]
    patients: tuple[int, int]
    of: int
    flat: dict[str, int]
    realism: Realism
    obedience: Obedience | None
    copies: Copies | None


@dataclass(frozen=True)
class Sides:
    """Images of all sides at one size; `training` is empty where none was named."""

    training: Images
    real: Images
    synthetic: Images
    training_records: tuple[Record, ...]
    size: int

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of all of it."""
        return sha256_of([s.fingerprint for s in (self.training, self.real, self.synthetic)])


def sides_of(
    training: Sequence[Record], real: Sequence[Record], synthetic: Sequence[Record], *, seed: int = 0
) -> Sides:
    """Return all sides as images of one size.

    Args:
        training: what the generator was trained on; may be empty.
        real: held-out real radiographs.
        synthetic: synthetic ones; a seeded choice of 1000 where there are more.
        seed: of the choice.

    Raises:
        ValueError: a record that is no radiograph, a patient on both real sides, or too few to compare.
    """
    chosen = list(synthetic)
    if len(chosen) > MOST:
        rows = np.sort(stream(seed, "radiograph.chosen").permutation(len(chosen))[:MOST])
        chosen = [chosen[i] for i in rows.tolist()]
    both = {patient_of(r) for r in training} & {patient_of(r) for r in real}
    if both:
        raise ValueError(f"{len(both)} patients are both trained on and held out ({min(both)!r} is one)")
    size = common_size(*(s for s in (training, real, chosen) if s))
    made = [images(n, s, size) for n, s in (("training", training), ("real", real), ("synthetic", chosen))]
    for side in made[1:] if not training else made:
        if side.n_patients < FEWEST_PATIENTS:
            flat = f", {side.flat} more are constant" if side.flat else ""
            said = f"{len(side)} {side.name} radiographs of {side.n_patients} patients{flat}"
            raise ValueError(f"{said}; {FEWEST_PATIENTS} patients or more are needed to compare")
    return Sides(made[0], made[1], made[2], tuple(training), size)


def radiograph_look(
    sides: Sides, of: int, *, eyes: Eyes | None, seed: int = 0, folder: Path | None = None, workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RadiographLook:  # fmt: skip
    """Measure synthetic radiographs against real ones.

    Args:
        sides: the images.
        of: synthetic records in the data set.
        eyes: encoder and judge to train; without training images they are not used.
        seed: of trainings, resamples and splits.
        folder: where parts are kept; one that was made from the same images is read and not made again.
        workers: with two or more and a folder, encoder and judge are trained side by side, one thread each.
        progress: called with (parts done, parts).
    """
    seen = eyes if len(sides.training) else None
    base = made_from(sides, eyes, seed)
    stages = 5 if seen else 1
    progress(0, stages)
    features, readings = None, None
    if seen is not None:
        if workers > 1 and folder is not None:
            _side_by_side(folder, base, sides, seen, seed)
        features = features_of(sides, seen, seed, folder)
        progress(1, stages)
        readings = kept_arrays(folder, "readings", base, partial(_readings, sides, seen, seed))
        progress(2, stages)
    pair = None if features is None else (features["real"], features["synthetic"])
    effort = {"seed": seed, "resamples": RESAMPLES, "splits": SPLITS}
    looks = kept(folder, "realism", base, Realism, lambda: realism(sides.real, sides.synthetic, pair, **effort))
    progress(stages - 2 if seen else 1, stages)
    obeyed = copied = None
    if features is not None and readings is not None:
        obeyed = kept(folder, "obedience", base, Obedience, partial(_obeyed, sides, readings, seed))
        progress(stages - 1, stages)
        copied = kept(folder, "copies", base, Copies, partial(_copied, sides, features, seed))
        progress(stages, stages)
    three = (sides.training, sides.real, sides.synthetic)
    return RadiographLook(
        seed=seed,
        size=sides.size,
        sizes=sizes_said([s for s in three if s.shapes], sides.size),
        eyes=None if seen is None else seen.about,
        n=tuple(map(len, three)),
        patients=(sides.training.n_patients, sides.real.n_patients),
        of=of,
        flat={s.name: s.flat for s in three if s.flat},
        realism=looks,
        obedience=obeyed,
        copies=copied,
    )


def made_from(sides: Sides, eyes: Eyes | None, seed: int) -> dict[str, Any]:
    """Return what tells the parts of a look from all others."""
    about = eyes.about if eyes is not None and len(sides.training) else None
    return {"version": VERSION, "by": __version__, "seed": seed, "images": sides.fingerprint, "eyes": about}


def features_of(sides: Sides, eyes: Eyes, seed: int, folder: Path | None) -> dict[str, np.ndarray]:
    """Return the encoder's features of all sides by their names; those that stand in the folder are read."""
    return kept_arrays(folder, "features", made_from(sides, eyes, seed), partial(_features, sides, eyes, seed))


def _side_by_side(folder: Path, base: Mapping[str, Any], sides: Sides, eyes: Eyes, seed: int) -> None:
    """Train encoder and judge in a process each; what they see is read from the folder afterwards."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        waiting = [
            pool.submit(kept_arrays, folder, name, base, partial(make, sides, eyes, seed))
            for name, make in (("features", _features), ("readings", _readings))
        ]
        for done in waiting:
            done.result()


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _features(sides: Sides, eyes: Eyes, seed: int) -> dict[str, np.ndarray]:
    look = eyes.encoder(sides.training_records, seed)
    return {s.name: look(s.x) for s in (sides.training, sides.real, sides.synthetic)}


def _readings(sides: Sides, eyes: Eyes, seed: int) -> dict[str, np.ndarray]:
    """Return scores as arrays named `side/attribute`."""
    read = eyes.judge(sides.training_records, seed)
    return {f"{s.name}/{k}": v for s in (sides.real, sides.synthetic) for k, v in read(s.x).items()}


def _obeyed(sides: Sides, readings: dict[str, np.ndarray], seed: int) -> Obedience:
    real, dropped = stated_alike(sides.real.conditions, sides.synthetic.conditions)
    told = {"real": columns(real), "synthetic": columns(sides.synthetic.conditions)}
    a, b = (Read(told[s.name], _of_side(readings, s.name), s.patients) for s in (sides.real, sides.synthetic))
    names = asked_names(b)
    return Obedience(
        rows=obedience(b, a, names, seed=seed),
        leaks=leaks(b, a, names, seed=seed),
        together=together(b, a, names, seed=seed),
        absent_dropped=dropped,
    )


def _of_side(readings: Mapping[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    return {key.partition("/")[2]: value for key, value in readings.items() if key.startswith(f"{side}/")}


def asked_names(read: Read) -> list[str]:
    """Return the attributes in the order of the page: sex, view, age, race, findings."""
    views = views_said(read.columns)
    rest = [n for n in read.columns if n not in (SEX, AGE) and not n.startswith("view=")]
    return distinct(read.columns, [SEX, *views, AGE, *rest])


def _copied(sides: Sides, features: dict[str, np.ndarray], seed: int) -> Copies:
    three = (sides.training, sides.real, sides.synthetic)
    arrays = (features["training"], features["real"], features["synthetic"])
    return Copies(checks=(copies_by_pixels(*three, seed=seed), copies_by_features(*three, arrays, seed=seed)))
