"""evaluate, for radiographs: realism, obedience, copies, and what the data is worth to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import Progress
from . import parts
from .modalities import Measured
from .sources import Side

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.downstream import DownstreamResult
    from ...evaluation.obedience import Said
    from ...evaluation.radiograph.eyes import Eyes
    from ...evaluation.radiograph.look import RadiographLook, Sides
    from .encoders import Named

NOUN, ARRAYS = "radiographs", ("image",)
ENCODERS = True
TASKS: tuple[str, ...] = ("findings",)
LOOK, DOWNSTREAM = "radiographs.json", "downstream.json"
# The page has a section on obedience by the judge already; this one reads by other eyes, and finds wrong labels.
TITLES = {"obedience": ("readers", "Read again, by linear models")}
READ_BY = "and simple features (values, layout, spectrum, texture)"


def task_settings(name: str) -> Any:
    """Return the settings of a downstream task."""
    from .findings import FindingsTask

    return FindingsTask(name)


def eyes() -> Eyes:
    """Return who looks at the images; a test puts small ones in its place."""
    from ...evaluation.radiograph.eyes import studio_eyes

    return studio_eyes()


@dataclass(frozen=True)
class Compared:
    """What is compared: images at one size, and the records behind them for a downstream task."""

    images: Any
    training: Sequence[Record]
    held_out: Sequence[Record]
    synthetic: Sequence[Record]


def sides(
    real: Sequence[Record], training: Sequence[Record], synthetic: Sequence[Record], train: str | None, task: Any
) -> Compared:
    """Return what is compared; real patients that were trained on are left out.

    Raises:
        ValueError: a record that is no radiograph, or too few of them on a side.
    """
    from ...evaluation.radiograph.images import patient_of
    from ...evaluation.radiograph.look import FEWEST_PATIENTS, sides_of

    known = {patient_of(record) for record in training}
    held_out = [record for record in real if patient_of(record) not in known]
    left = len({patient_of(record) for record in held_out})
    if train is not None and left < FEWEST_PATIENTS:
        said = f"{left} real patients are held-out ones when {train} is trained on"
        raise ValueError(f"{said}; {FEWEST_PATIENTS} or more are needed")
    return Compared(sides_of(training, held_out, synthetic), training, held_out, synthetic)


def measured(
    sides: Compared, made: Side, folder: Path, *, task: Any, seed: int, workers: int, progress: Progress,
    encoder: Named | None = None,
) -> Measured:  # fmt: skip
    """Return the page; parts that are done stay in the folder, so a stopped evaluation goes on where it stood."""
    from ...evaluation.radiograph.look import radiograph_look
    from ...evaluation.radiograph.making import making_section
    from ...evaluation.radiograph.page import page

    who = eyes() if encoder is None else _through(encoder)
    look = radiograph_look(
        sides.images, made.n, eyes=who, seed=seed, folder=folder, workers=workers, progress=progress
    )  # fmt: skip
    (folder / LOOK).write_text(look.model_dump_json(indent=1) + "\n", encoding="utf-8")
    more, findings = parts.behind(_behind(sides.images, look, who, folder, seed, encoder))
    whole: DownstreamResult | None = None
    if task is not None:
        from .findings import run_findings, said_of

        found, whole, sections = run_findings(
            task, sides.training, sides.held_out, sides.synthetic, folder, progress
        )  # fmt: skip
        (folder / DOWNSTREAM).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
        more, said = [*more, *sections], said_of(found)
        findings = [*findings, *said]
    more = [*more, making_section(sides.synthetic, made.quarantined)]
    return Measured(page(look, sides.images, whole, more), tuple(findings))


def _through(encoder: Named) -> Eyes:
    """Return the studio's judge beside an encoder that was named."""
    usual = eyes()
    about = f"{encoder.about} as encoder, and as judge that of {usual.about}"
    return replace(usual, encoder=lambda records, seed: partial(encoder.features, "image"), about=about)


def _behind(
    sides: Sides, look: RadiographLook, who: Eyes, folder: Path, seed: int, encoder: Named | None
) -> parts.Behind:
    """Return what the parts of every modality are given."""
    from ...evaluation.curation.hashes import phash

    trained = len(sides.training) > 0
    seen = _seen(sides, who, folder, seed, encoder)
    made, real, training = ((s.ids, s.patients, s.x) for s in (sides.synthetic, sides.real, sides.training))
    learned = training if trained else None
    return parts.Behind(
        folder, seed, seen, _said(sides) if trained else {}, lambda: parts.named(phash, made, real, learned),
        read=None if seen is None else lambda: _read(sides, seen), titles=TITLES,
        everyone=look.realism.groups[0] if trained else None,
    )  # fmt: skip


def _seen(sides: Sides, who: Eyes, folder: Path, seed: int, encoder: Named | None) -> parts.Seen | None:
    """Return all sides in the encoder, as the look has seen them; None where there is none."""
    from ...evaluation.radiograph.look import features_of, made_from
    from ...evaluation.realism import Sample

    about, standardise = (who.about, True) if encoder is None else (encoder.about, encoder.standardise)
    key = made_from(sides, who, seed) | ({} if encoder is None else {"encoder": encoder.sha256})
    if len(sides.training):
        rows = features_of(sides, who, seed, folder)
    elif encoder is not None:
        rows = {s.name: encoder.features("image", s.x) for s in (sides.real, sides.synthetic)}
    else:
        return None
    x = {s.name: Sample(rows[s.name], s.patients) for s in (sides.training, sides.real, sides.synthetic) if len(s)}
    return parts.Seen(x.get("training"), x["real"], x["synthetic"], about, standardise, key)


def _read(sides: Sides, seen: parts.Seen) -> parts.Seen:
    """Return all sides as obedience reads them: the encoder's features beside simple ones."""
    from ...evaluation.realism import Sample
    from ...evaluation.table.features import image_features

    def both(sample: Any, x: Any) -> Any:
        return Sample(np.concatenate([sample.x, image_features(x)], axis=1), sample.patients)

    training = None if seen.training is None else both(seen.training, sides.training.x)
    real, synthetic = both(seen.real, sides.real.x), both(seen.synthetic, sides.synthetic.x)
    about = f"{seen.about} {READ_BY}"
    return seen._replace(training=training, real=real, synthetic=synthetic, about=about)


def _said(sides: Sides) -> dict[str, Said]:
    """Return what conditions say, in two values each but for the age; real ones no more than synthetic ones."""
    from ...evaluation.radiograph.attributes import columns, stated_alike
    from ...evaluation.radiograph.look import asked_names
    from ...evaluation.radiograph.obedience import Read

    asked = sides.synthetic.conditions
    told = [columns(stated_alike(s.conditions, asked)[0]) for s in (sides.training, sides.real)]
    told.append(columns(asked))
    names = asked_names(Read(told[2], {}, sides.synthetic.patients))
    return parts.said_alike({told[2][n].label: [side[n].value.tolist() for side in told] for n in names})
