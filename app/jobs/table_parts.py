"""What an evaluation of tables measures behind the first look: one function a part, each with its section and findings.

All parts look at records through one encoder, which learns on the training records; without these there is none, and a
part that needs them says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.finding import Finding
    from ...evaluation.realism import Sample
    from ...evaluation.report import Section
    from ...evaluation.table.arrays import Cohort
    from .tables import Run

    Found = tuple[Sequence[Section], Sequence[Finding]]

FEWEST_TAUGHT = 20  # training records that an encoder learns on
MOST_ROWS = 1000  # of a side, for what looks at pairs of records
EYES = "an encoder that learned on the training records"
NOTHING: Found = ((), ())


class Seen(NamedTuple):
    """All sides in the encoder.

    Attributes:
        training: features of the training records.
        real: of the held-out ones.
        synthetic: of what is judged.
        made_from: JSON values that tell these features from all others.
    """

    training: Sample
    real: Sample
    synthetic: Sample
    made_from: dict[str, Any]


def seen(run: Run) -> Seen | None:
    """Return all sides in an encoder; None where there are too few records to learn on."""
    from ...evaluation.backbones import backbone
    from ...evaluation.kept import kept_arrays
    from ...evaluation.realism import Sample

    sides = run.sides
    if sides.training is None or len(sides.training) < FEWEST_TAUGHT:
        return None
    cohorts = {"training": sides.training, "real": sides.real, "synthetic": sides.synthetic}

    def made() -> dict[str, np.ndarray]:
        x = {name: _plain(sides.kind, cohort) for name, cohort in cohorts.items()}
        eyes = backbone("studio", training=x["training"], channels_first=sides.kind == "signal", seed=run.seed)
        return {name: np.asarray(eyes.encode(values)) for name, values in x.items()}

    key = {"version": 1, "seed": run.seed, **{name: cohort.fingerprint() for name, cohort in cohorts.items()}}
    features = kept_arrays(run.folder, "table-features", key, made)
    return Seen(*(Sample(features[name], cohort.patients) for name, cohort in cohorts.items()), key)  # type: ignore[call-arg, arg-type]


def _plain(kind: str, cohort: Cohort) -> np.ndarray:
    """Return what an encoder takes: grey images, volumes, signals."""
    from ...evaluation.table.features import grey_of

    return grey_of(cohort.x) if kind == "image" else cohort.x


def realism(run: Run) -> Found:
    """Compare clouds in the encoder: distances, neighbourhoods, kernels, and figures of memorising."""
    from ...evaluation.realism import realism_findings, realism_of, realism_section

    if run.seen is None:
        return NOTHING
    result = realism_of(
        run.seen.real, run.seen.synthetic, training=run.seen.training, seed=run.seed, most_rows=MOST_ROWS,
        standardise=True, eyes=EYES, folder=run.folder, made_from=run.seen.made_from,
    )  # fmt: skip
    section = realism_section(result).model_copy(update={"name": "encoder", "title": "In the eyes of an encoder"})
    findings = [finding.model_copy(update={"part": section.name}) for finding in realism_findings(result)]
    return (section,), findings


def obedience(run: Run) -> Found:
    """Measure whether records show what their rows say, by readers that learn on the training records."""
    from ...evaluation.obedience import Said, obedience_findings, obedience_of, obedience_section

    said = {} if run.seen is None else _said(run)
    if run.seen is None or not said:
        return NOTHING
    conditions: dict[str, Any] = {name: Said(*columns) for name, columns in said.items()}
    result = obedience_of(
        run.seen.training, run.seen.real, run.seen.synthetic, conditions, seed=run.seed, features=EYES
    )  # fmt: skip
    (run.folder / "obedience.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return (obedience_section(result),), obedience_findings(result)


def _said(run: Run) -> dict[str, list[list[Any]]]:
    """Return what rows say, by attribute and side, of attributes that all sides have."""
    assert run.sides.training is not None
    cohorts = (run.sides.training, run.sides.real, run.sides.synthetic)
    found = {}
    for name in ("classes", "target", "sex", "age_years"):
        columns = [[_value(getattr(c, name)) for c in cohort.conditions] for cohort in cohorts]
        if all(any(v is not None for v in column) for column in columns):
            found[name] = columns
    return found


def _value(said: Any) -> Any:
    """Return a condition's value as a list of words, a word or a number."""
    return list(said) if isinstance(said, tuple) else str(said) if isinstance(said, str) else said


def privacy(run: Run) -> Found:
    """Measure what the synthetic records give away of the training records."""
    from ...evaluation.privacy import privacy_findings, privacy_of, privacy_section

    if run.seen is None:
        return NOTHING
    result = privacy_of(run.seen.training, run.seen.real, run.seen.synthetic, seed=run.seed, folder=run.folder)
    (run.folder / "privacy.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return (privacy_section(result),), privacy_findings(result)


def curation(run: Run) -> Found:
    """Tell which synthetic records are worth keeping: `curation.csv` says of each whether, and why not."""
    from ...evaluation.curation import curate, curation_findings, curation_section
    from ...evaluation.curation.hashes import phash, signal_hash, volume_hash

    hashed = {"image": phash, "volume": volume_hash, "signal": signal_hash}[run.sides.kind]
    made, real = run.sides.synthetic, run.sides.real
    words, real_words = (hashed(_plain(run.sides.kind, side)) for side in (made, real))
    given: dict[str, Any] = {} if run.seen is None else {"features": run.seen.synthetic, "real": run.seen.real}
    result = curate(
        made.ids, words, real_words=real_words, real_ids=real.ids, real_patients=real.patients, seed=run.seed, **given
    )
    result.write_csv(run.folder / "curation.csv")
    return (curation_section(result),), curation_findings(result)


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
        return NOTHING
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


PARTS = (realism, obedience, privacy, curation, downstream)
