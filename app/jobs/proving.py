"""The proof behind the first look: clouds and neighbours in an encoder, and what the data is worth to a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from . import parts
from .worth import ProofTask, TaskSettings
from .worth_alternans import ALTERNANS
from .worth_delineation import DELINEATION

if TYPE_CHECKING:
    import numpy as np

    from ...conditioning.record import Record
    from ...evaluation.ecg.clouds import Clouds
    from ...evaluation.ecg.measurement import Measurement
    from ...evaluation.finding import Finding
    from ...evaluation.report import Section

# A line here is all that a new task needs.
TASKS: dict[str, ProofTask] = {"delineation": DELINEATION, "twa": ALTERNANS}
CLOUDS, DOWNSTREAM, ARMS = "clouds.json", "downstream.json", "arms"
MOST_SYNTHETIC = 1000  # records that the clouds are made of
ENCODER_STEPS = 400
SIDES = ("training", "real", "synthetic")
SAID = ("sex", "age_years", "rhythm", "findings", "heart_rate_bpm", "pr_ms", "qrs_ms", "qtc_ms", "axis_deg")
TITLES = {"encoder": ("encoder", "The same clouds by other figures, and against training records")}
FEWEST = 12  # real records a side: halves of them must hold six

Measured = Callable[[Sequence["Record"]], Sequence["Measurement"]]


def split_sides(real: Sequence[Record], training: Sequence[Record], source: str) -> list[Record]:
    """Return the real records of patients that are not among the training ones.

    Raises:
        ValueError: too few are left on a side.
    """
    from ...evaluation.ecg.delineation_task import patient_of

    known = {patient_of(record) for record in training}
    held_out = [record for record in real if patient_of(record) not in known]
    for side, records in (("training", training), ("held-out", held_out)):
        if len(records) < FEWEST:
            said = f"{len(records)} real records are {side} ones when {source} is trained on"
            raise ValueError(f"{said}; {FEWEST} or more are needed on each side, of different patients")
    return held_out


def check_labels(task: str, sides: Mapping[str, Sequence[Record]]) -> None:
    """Refuse a task whose labels a side does not carry.

    Args:
        task: its name.
        sides: the records by `training`, `held-out` and `synthetic`.

    Raises:
        ValueError: what the task lacks.
    """
    TASKS[task].check(sides)


def prove(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], folder: Path, *,
    task: TaskSettings | None, seed: int, workers: int, measured: Measured, progress: Progress = silent,
) -> tuple[tuple[Finding, ...], list[Section]]:  # fmt: skip
    """Compare clouds, measure the parts of every modality and run the task; files and finished arms go to `folder`.

    Args:
        training: real records that were trained on, or that kernels came from.
        held_out: real records of other patients, from `split_sides`.
        synthetic: the synthetic records.
        folder: of the evaluation.
        task: the downstream task; none when None.
        seed: of encoder and resamples.
        workers: processes.
        measured: returns what was measured of records, once each.
        progress: called with (parts done, parts).

    Returns:
        What the first screen says of it, and the sections.
    """
    from ...evaluation.ecg.clouds import clouds
    from ...evaluation.ecg.proof_page import clouds_section, downstream_section, neighbours_section
    from ...evaluation.ecg.verdict import proof_findings

    three = (training, held_out, list(synthetic)[:MOST_SYNTHETIC])
    progress(0, 3)
    seen = _seen(*three, folder, seed)
    assert seen.training is not None
    cloud = clouds(*three, seed=seed, features=[seen.training.x, seen.real.x, seen.synthetic.x])
    (folder / CLOUDS).write_text(json.dumps(cloud.as_dict(), indent=1) + "\n", encoding="utf-8")
    progress(1, 3)
    more, findings = parts.behind(_behind(three, seen, cloud, folder, seed, measured))
    sections = [clouds_section(cloud), *more]
    progress(2, 3)
    result = None
    if task is not None:
        sides = {"training": training, "held-out": held_out, "synthetic": synthetic}
        worth = TASKS[task.name].run(task, sides, folder / ARMS, workers)
        result = worth.result
        (folder / DOWNSTREAM).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        sections.append(downstream_section(result, worth.shown, worth.beside, worth.about))
    sections.append(neighbours_section(cloud, training, three[2]))
    progress(3, 3)
    return (*proof_findings(cloud, result), *findings), sections


def _seen(
    training: Sequence[Record], held_out: Sequence[Record], synthetic: Sequence[Record], folder: Path, seed: int
) -> parts.Seen:
    """Return all sides in an encoder that learns on the training records."""
    from ...evaluation.ecg.clouds import seen_by_encoder
    from ...evaluation.ecg.delineation_task import patient_of
    from ...evaluation.ecg.measured_once import key_of
    from ...evaluation.kept import kept_arrays
    from ...evaluation.realism import Sample

    three = (training, held_out, synthetic)
    key = {"seed": seed, "steps": ENCODER_STEPS, "sides": [key_of(records) for records in three]}

    def made() -> dict[str, np.ndarray]:
        rows = seen_by_encoder(*three, seed=seed, steps=ENCODER_STEPS)
        return dict(zip(SIDES, rows, strict=True))

    x = kept_arrays(folder, "features", key, made)
    a, b, c = (
        Sample(rows, [patient_of(r) for r in s]) for rows, s in zip((x[name] for name in SIDES), three, strict=True)
    )
    return parts.Seen(a, b, c, f"an encoder that learnt by contrast on {len(training)} training records", True, key)


def _behind(
    three: Sequence[Sequence[Record]], seen: parts.Seen, cloud: Clouds, folder: Path, seed: int, measured: Measured
) -> parts.Behind:
    """Return what the parts of every modality are given."""
    from ...evaluation.curation.hashes import signal_hash
    from ...evaluation.ecg.reading import ABOUT, reading_features
    from ...evaluation.realism import Sample, measured_row
    from ...evaluation.realism.groupwise import SMALL, GroupRow

    assert seen.training is not None
    whose = (seen.training, seen.real, seen.synthetic)
    row = GroupRow(
        name="all", kind="all", n_real=len(seen.real), real_patients=seen.real.n_patients,
        n_synthetic=len(seen.synthetic), metrics=tuple(measured_row(m) for m in cloud.metrics),
        small=seen.real.n_patients < SMALL,
    )  # fmt: skip

    def read() -> parts.Seen:
        rows = reading_features([s.x for s in whose], [measured(records) for records in three])
        a, b, c = (Sample(x, s.patients) for x, s in zip(rows, whose, strict=True))
        return seen._replace(training=a, real=b, synthetic=c, about=f"{seen.about}, and {ABOUT}")

    def named() -> tuple[parts.Listed, parts.Listed]:
        x = _alike(three)
        listed = [
            ([r.record_id for r in records], s.patients, rows)
            for records, s, rows in zip(three, whose, x, strict=True)
        ]  # fmt: skip
        return parts.named(signal_hash, listed[2], listed[1], listed[0])

    said = parts.said_alike({name: [[_told(r, name) for r in side] for side in three] for name in SAID})
    return parts.Behind(folder, seed, seen, said, named, read=read, everyone=row, titles=TITLES)


def _told(record: Record, name: str) -> Any:
    """Return what a condition says; of a rhythm as a list, so that each is told from all others."""
    said = getattr(record.condition, name, None)
    return [said] if name == "rhythm" and said is not None else said


def _alike(three: Sequence[Sequence[Record]]) -> list[np.ndarray]:
    """Return the signals of all sides as the encoder sees them, as long as the shortest."""
    import numpy as np

    from ...generators.readout.ecg_encoder import prepared

    rows = [[prepared(record) for record in records] for records in three]
    n = min(x.shape[1] for side in rows for x in side)
    return [np.stack([x[:, :n] for x in side]) for side in rows]
