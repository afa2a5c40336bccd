"""T-wave alternans as a task of an evaluation: found in held-out records into which a known amount was put."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .worth import SEEDS, ProofTask, TaskSettings, Worth, compared

if TYPE_CHECKING:
    from ...conditioning.record import Record
    from ...evaluation.ecg.alternans.examples import Examples

UV = (10.0, 20.0, 30.0, 50.0, 100.0)
FEWEST = 12  # synthetic records
COPIES = 12  # rows of each real record, a quarter without any change
_SEED = 4


def check(sides: Mapping[str, Sequence[Record]]) -> None:
    """Refuse sides that lack leads, and synthetic records that are few or all with or all without alternans.

    Raises:
        ValueError: one line that says which, and what would be right.
    """
    from ...evaluation.ecg.alternans.examples import stated_uv
    from ...generators.readout.alternans.beats import chosen_leads

    for side, records in sides.items():
        for record in records:
            try:
                chosen_leads(record)
            except ValueError as error:
                raise ValueError(f"the task twa, {side} side: {error}") from error
    synthetic = sides["synthetic"]
    if len(synthetic) < FEWEST:
        raise ValueError(f"the task twa has {len(synthetic)} synthetic records; {FEWEST} or more are needed")
    having = sum(stated_uv(record) > 0 for record in synthetic)
    if having in (0, len(synthetic)):
        said = f"all {len(synthetic)} are {'with' if having else 'without'}; plan them with --set twa_uv=0,20,50"
        raise ValueError(f"the task twa needs synthetic records with alternans and records without: {said}")


def run(task: TaskSettings, sides: Mapping[str, Sequence[Record]], folder: Path, workers: int) -> Worth:
    """Return the standard arms' results with the field's methods beside them.

    Raises:
        ValueError: records have too few beats.
    """
    from ...evaluation.downstream import standard_arms
    from ...evaluation.downstream.arms import REAL, SAME_COMPUTE, SYNTHETIC
    from ...evaluation.ecg.alternans.downstream_task import AlternansTask, by_methods
    from ...evaluation.ecg.alternans.examples import real_examples, stated_examples

    first = _one_each(sides["training"])[: task.patients]
    sources = {
        REAL: real_examples(first, short=COPIES, long=0, seed=1),
        SYNTHETIC: stated_examples(sides["synthetic"]),
    }
    test, alternans = _test(sides["held-out"]), AlternansTask(uv=UV)
    arms = standard_arms(task.steps, task.first_steps)
    parts = [[arm for arm in arms if SYNTHETIC in arm.name or arm.name == "mixed"]]
    parts.append([arm for arm in arms if arm not in parts[0]])
    result = compared(alternans, sources, test, parts, folder, workers, (REAL, SAME_COMPUTE))
    about = (
        f"A network says whether the T wave alternates. It is trained on {len(first)} real patients into whose records "
        f"alternans was put, on the {len(sources[SYNTHETIC])} synthetic records as they are (with alternans and "
        "without), and on both; and tested on "
        f"{result.test_patients} held-out patients, each once as recorded and once with each amount put in, beat by "
        f"beat. {len(SEEDS)} seeds. The field's methods stand beside it on the same beats.",
        "Real training records and test records have alternans of one make, put in by the same rules; the synthetic "
        "ones have the simulator's own: the harder transfer. Same compute: as many steps, all on real records.",
        "This is the small run that fits in minutes; benchmarks/bench_twa.py is the whole one, with longer records.",
    )
    return Worth(result, by_methods(alternans, test), tuple(m.name for m in alternans.metrics), about)


def _one_each(records: Sequence[Record]) -> list[Record]:
    """Return the first record of each patient."""
    from ...evaluation.ecg.alternans.examples import patient

    found: dict[str, Record] = {}
    for record in records:
        found.setdefault(patient(record), record)
    return list(found.values())


def _test(records: Sequence[Record]) -> Examples:
    """Return each held-out patient once as recorded and once with each amount."""
    from ...evaluation.ecg.alternans.downstream_task import of_setting
    from ...evaluation.ecg.alternans.subjects import SHORT, patients
    from ...evaluation.ecg.alternans.task import HEADLINE, trials

    subjects = patients(_one_each(records), _SEED, lengths=(SHORT,))
    return of_setting(trials(subjects, UV, (None,), _SEED, name="held-out", questions=(HEADLINE,)), SHORT, UV)


ALTERNANS = ProofTask(TaskSettings("twa", patients=20, first_steps=200, steps=200), check, run)
