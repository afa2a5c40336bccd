"""What an evaluation of tables measures behind the first look: the parts of every modality, and the downstream task.

All parts look at records through one encoder: the studio's own, which learns on the training records, or one that was
named. Where there is none, a part that needs it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from . import parts

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.finding import Finding
    from ...evaluation.obedience import Said
    from ...evaluation.report import Section
    from ...evaluation.table.arrays import Cohort
    from .parts import Found, Listed, Seen
    from .tables import Run

FEWEST_TAUGHT = 20  # training records that an encoder learns on
EYES = "an encoder that learned on the training records"


def seen(run: Run) -> Seen | None:
    """Return all sides in an encoder; None where there are too few records to learn on."""
    from ...evaluation.backbones import backbone
    from ...evaluation.kept import kept_arrays
    from ...evaluation.realism import Sample

    sides, named = run.sides, run.encoder
    enough = sides.training is not None and len(sides.training) >= FEWEST_TAUGHT
    if not enough and named is None:
        return None
    cohorts = {"real": sides.real, "synthetic": sides.synthetic}
    if sides.training is not None and enough:
        cohorts["training"] = sides.training

    def made() -> dict[str, np.ndarray]:
        x = {name: _plain(sides.kind, cohort) for name, cohort in cohorts.items()}
        if named is not None:
            return {name: named.features(sides.kind, values) for name, values in x.items()}
        eyes = backbone("studio", training=x["training"], channels_first=sides.kind == "signal", seed=run.seed)
        return {name: np.asarray(eyes.encode(values)) for name, values in x.items()}

    key = {"version": 2, "seed": run.seed, **{name: cohort.fingerprint for name, cohort in cohorts.items()}}
    key |= {} if named is None else {"encoder": named.sha256}
    features = kept_arrays(run.folder, "table-features", key, made)
    rows = {name: Sample(features[name], cohort.patients) for name, cohort in cohorts.items()}
    about, standardise = (EYES, True) if named is None else (named.about, named.standardise)
    return parts.Seen(rows.get("training"), rows["real"], rows["synthetic"], about, standardise, key)


def _plain(kind: str, cohort: Cohort) -> np.ndarray:
    """Return what an encoder takes: grey images, volumes, signals."""
    from ...evaluation.table.features import grey_of

    return grey_of(cohort.x) if kind == "image" else cohort.x


def behind(run: Run) -> Found:
    """Measure the parts of every modality."""
    return parts.behind(parts.Behind(run.folder, run.seed, run.seen, _said(run), lambda: _named(run)))


def _said(run: Run) -> dict[str, Said]:
    """Return what rows say, by attribute."""
    if run.sides.training is None:
        return {}
    cohorts = (run.sides.training, run.sides.real, run.sides.synthetic)
    names = ("classes", "target", "sex", "age_years")
    return parts.said_alike({name: [[getattr(c, name) for c in k.conditions] for k in cohorts] for name in names})


def _named(run: Run) -> tuple[Listed, Listed]:
    """Return the synthetic and the real records as curation takes them."""
    from ...evaluation.curation.hashes import phash, signal_hash, volume_hash

    kind = run.sides.kind
    hashed = {"image": phash, "volume": volume_hash, "signal": signal_hash}[kind]
    made, real, training = run.sides.synthetic, run.sides.real, run.sides.training
    trained = None if training is None else (training.ids, training.patients, _plain(kind, training))
    return parts.named(
        hashed, (made.ids, made.patients, _plain(kind, made)), (real.ids, real.patients, _plain(kind, real)), trained
    )  # fmt: skip


def check_task(training: Sequence[Record], source: str | None) -> None:
    """Refuse a task that training records say nothing for.

    Raises:
        ValueError: none of them has a class, a number, a mask or a box.
    """
    from ...evaluation.table.downstream import examples_of, kinds_of

    if not kinds_of(examples_of(training)):
        raise ValueError(f"no record of {source} has a label, a target, a mask or boxes; there is no task to train for")


def downstream(run: Run) -> Found:
    """Train networks on real, synthetic and both, and judge them on held-out real records: each task the rows allow."""
    if run.task is None:
        return parts.NOTHING
    from ...evaluation.table.downstream import (
        TableTaskSettings,
        examples_of,
        kinds_of,
        table_task,
        table_task_findings,
        table_task_sections,
    )

    assert run.sides.training is not None
    cohorts = {"training": run.sides.training, "real": run.sides.real, "synthetic": run.sides.synthetic}
    training, held_out, made = (
        replace(examples_of(run.records[side]), patients=cohort.patients) for side, cohort in cohorts.items()
    )
    sections: list[Section] = []
    findings: list[Finding] = []
    kinds = kinds_of(training)
    for kind in kinds:
        settings = TableTaskSettings.model_validate({**run.task.settings, "kind": kind})
        result = table_task(
            training, held_out, made, settings, folder=run.folder / "arms" / kind, progress=run.progress,
            workers=run.workers,
        )  # fmt: skip
        (run.folder / f"downstream-{kind}.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        own = "" if len(kinds) == 1 else f"-{kind}"
        for section in table_task_sections(result):
            titled = section.title if not own else f"{section.title}: {kind}"
            sections.append(section.model_copy(update={"name": section.name + own, "title": titled}))
        findings += [f.model_copy(update={"part": f.part + own}) for f in table_task_findings(result)]
    return sections, findings


PARTS = (behind, downstream)
