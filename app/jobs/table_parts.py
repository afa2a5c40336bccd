"""What an evaluation of tables measures behind the first look: one function a part, each with its section and findings.

All parts look at records through one encoder, which learns on the training records; without these there is none, and a
part that needs them says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...evaluation.finding import Finding
    from ...evaluation.realism import Sample
    from ...evaluation.report import Section
    from ...evaluation.table.arrays import Cohort
    from .tables import Run

    Found = tuple[Sequence[Section], Sequence[Finding]]

FEWEST_TAUGHT = 20  # training records that an encoder learns on
MOST = 1000  # records of the real and of the synthetic side
NOTHING: Found = ((), ())


def seen(run: Run) -> dict[str, Sample] | None:
    """Return the encoder's features by `training`, `real` and `synthetic`; None where there is nothing to learn on."""
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
    return {name: Sample(features[name], cohort.patients) for name, cohort in cohorts.items()}


def _plain(kind: str, cohort: Cohort) -> np.ndarray:
    """Return what an encoder takes: grey images, volumes, signals."""
    from ...evaluation.table.features import grey_of

    return grey_of(cohort.x) if kind == "image" else cohort.x


def obedience(run: Run) -> Found:
    """Measure whether records show what their rows say, by readers that learn on the training records."""
    from ...evaluation.obedience import Said, obedience_findings, obedience_of, obedience_section

    features = seen(run)
    said = {} if features is None else _said(run)
    if features is None or not said:
        return NOTHING
    conditions: dict[str, Any] = {name: Said(*columns) for name, columns in said.items()}
    result = obedience_of(
        features["training"], features["real"], features["synthetic"], conditions, seed=run.seed,
        features="the encoder that learned on the training records",
    )  # fmt: skip
    (run.folder / "obedience.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return (obedience_section(result),), obedience_findings(result)


def _said(run: Run) -> dict[str, list[list[Any]]]:
    """Return what rows say, by attribute and side, of attributes that all sides have."""
    assert run.sides.training is not None
    cohorts = (run.sides.training, run.sides.real, run.sides.synthetic)
    found = {}
    for name in ("classes", "target", "sex", "age_years"):
        columns = [[getattr(c, name) for c in cohort.conditions] for cohort in cohorts]
        if name == "classes":
            columns = [[None if v is None else list(v) for v in column] for column in columns]
        elif name == "sex":
            columns = [[None if v is None else str(v) for v in column] for column in columns]
        if all(any(v is not None for v in column) for column in columns):
            found[name] = columns
    return found


def privacy(run: Run) -> Found:
    """Measure what the synthetic records give away of the training records."""
    from ...evaluation.privacy import privacy_findings, privacy_of, privacy_section

    features = seen(run)
    if features is None:
        return NOTHING
    result = privacy_of(
        features["training"], features["real"], features["synthetic"], seed=run.seed, folder=run.folder,
    )  # fmt: skip
    (run.folder / "privacy.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return (privacy_section(result),), privacy_findings(result)


def curation(run: Run) -> Found:
    """Tell which synthetic records are worth keeping: `curation.csv` says of each whether, and why not."""
    from ...evaluation.curation import curate, curation_findings, curation_section
    from ...evaluation.curation.hashes import dhash, signal_hash, volume_hash

    hashed = {"image": dhash, "volume": volume_hash, "signal": signal_hash}[run.sides.kind]
    made, real = run.sides.synthetic, run.sides.real
    words, real_words = (hashed(_plain(run.sides.kind, side)) for side in (made, real))
    features = seen(run)
    given: dict[str, Any] = {} if features is None else {"features": features["synthetic"], "real": features["real"]}
    result = curate(
        made.ids, words, real_words=real_words, real_ids=real.ids, real_patients=real.patients, seed=run.seed, **given
    )
    result.write_csv(run.folder / "curation.csv")
    return (curation_section(result),), curation_findings(result)


def downstream(run: Run) -> Found:
    """Train networks on real, synthetic and both, and judge them on held-out real records."""
    if run.task is None:
        return NOTHING
    from ...evaluation.table.downstream import examples_of, table_task, table_task_findings, table_task_sections

    training, held_out, made = (examples_of(list(run.records[side])) for side in ("training", "real", "synthetic"))
    result = table_task(
        training, held_out, made, run.task.settings, folder=run.folder / "arms", progress=run.progress,
        workers=run.workers,
    )  # fmt: skip
    (run.folder / "downstream.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return table_task_sections(result), table_task_findings(result)


def realism(run: Run) -> Found:
    """Compare clouds in the encoder: distances, neighbourhoods, kernels, and figures of memorising."""
    from ...evaluation.realism import realism_findings, realism_of, realism_section

    features = seen(run)
    if features is None:
        return NOTHING
    made_from = {"sides": [side.fingerprint() for side in (run.sides.real, run.sides.synthetic)]}
    result = realism_of(
        features["real"], features["synthetic"], training=features["training"], seed=run.seed, most_rows=MOST,
        eyes="an encoder that learned on the training records", folder=run.folder, made_from=made_from,
    )  # fmt: skip
    section = realism_section(result).model_copy(update={"name": "encoder", "title": "In the eyes of an encoder"})
    return (section,), realism_findings(result)


PARTS = (realism, obedience, privacy, curation, downstream)
