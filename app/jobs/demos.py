"""demo: the main job, whole, on the embedded real data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..progress import Progress, silent
from .evaluating import PAGE, evaluate, inputs_of, stands
from .modalities import modality
from .planning import cohort
from .sampling import Sampled, prepared, sample
from .settings import at_least_one
from .verifying import verify


@dataclass(frozen=True)
class Demo:
    """What a demo made.

    Attributes:
        dataset: folder of the data set.
        report: the page.
        sampled: what stands of the data set.
    """

    dataset: Path
    report: Path
    sampled: Sampled


@dataclass(frozen=True)
class _Kind:
    """A demo: a generator, the embedded real data beside it, and a cohort like theirs.

    Attributes:
        generator: registry name.
        real: real data that the synthetic ones are held against.
        balance: columns that the plan balances over.
        quotas: shares of the plan.
        n: samples, where the user names no number.
        sets: values of the plan.
        train: real data that the generator was trained on or took its kernels from.
        task: name of the downstream task, or its settings.
    """

    generator: str
    real: str
    balance: tuple[str, ...]
    quotas: tuple[str, ...]
    n: int
    sets: tuple[str, ...] = ()
    train: str | None = None
    task: Any = None


# A line here is all that a new demo needs. ECG: rhythms and findings in the shares of the embedded LUDB records, sexes
# and age bands even. Their readers wrote hypertrophy on every second record, mostly without its voltage; the finding
# here means the voltage.
DEMOS: dict[str, _Kind] = {
    "ecg": _Kind(
        generator="ecg",
        real="embedded:ludb",
        train="embedded:ludb?split=tuning",
        task="delineation",
        n=500,
        balance=("sex", "age_band"),
        quotas=(
            "rhythm=sinus:0.64",
            "rhythm=sinus_bradycardia:0.11",
            "rhythm=atrial_fibrillation:0.06",
            "rhythm=av_block_first_degree:0.05",
            "rhythm=paced:0.05",
            "rhythm=premature_atrial_complexes:0.03",
            "rhythm=premature_ventricular_complexes:0.03",
            "rhythm=sinus_tachycardia:0.02",
            "rhythm=atrial_flutter:0.01",
            "findings=left_ventricular_hypertrophy:0.15",
            "findings=left_anterior_fascicular_block:0.08",
            "findings=early_repolarization:0.06",
            "findings=right_bundle_branch_block:0.02",
        ),
    ),
    # Findings in the shares of the embedded radiographs, as far as 20 training images show them; what the others show
    # is left open. Sexes, views and age bands even. Nobody under 40 or over 79: 22 of 317 training images show one.
    "radiograph": _Kind(
        generator="radiograph",
        real="embedded:nih64?split=held_out",
        train="embedded:nih64?split=train",
        task="findings",
        n=320,
        balance=("sex", "view", "age_band"),
        sets=("view=pa,ap", "age_band=40-59,60-79"),
        quotas=(
            "findings=no_finding:0.50",
            "findings=infiltration:0.19",
            "findings=effusion:0.18",
            "findings=cardiomegaly:0.10",
            "findings=atelectasis:0.08",
            "findings=edema:0.06",
        ),
    ),
}


def demo(
    kind: str = "ecg",
    out: str | Path = "clinsynth-demo",
    *,
    n: int | None = None,
    workers: int = 2,
    stage: Callable[[str], AbstractContextManager[Progress]] = lambda label: nullcontext(silent),
) -> Demo:
    """Plan a cohort, sample it, verify it and hold it against embedded real data; a second run goes on or reuses.

    Args:
        kind: which demo.
        out: folder for the plan, the data set and the evaluation.
        n: number of samples; the demo's own when left out.
        workers: processes.
        stage: opens the progress of a named stage.

    Raises:
        ValueError: there is no such demo, or the folder holds another one's data set.
    """
    from ...conditioning.dataset import DamagedDataset, open_dataset
    from ...conditioning.words import unknown

    if kind not in DEMOS:
        raise ValueError(unknown("demo", kind, DEMOS))
    made, folder = DEMOS[kind], Path(out)
    n = made.n if n is None else n
    path, dataset, look = folder / f"{kind}-plan.parquet", folder / kind, folder / f"{kind}-evaluation"
    at_least_one("workers", workers)
    plan = cohort(made.generator, n, balance=made.balance, sets=made.sets, quotas=made.quotas)
    shard_size = max(1, -(-n // max(4, workers)))  # so that every worker has some, and a stop costs little
    prepared(made.generator, plan, dataset, shard_size=shard_size)  # refuses before the plan's file is written
    plan.write(path)
    with stage("sampling") as progress:
        done = sample(made.generator, plan, dataset, workers=workers, shard_size=shard_size, progress=progress)
    problems = verify(dataset).problems
    if problems:
        raise DamagedDataset(problems[0])
    reader = open_dataset(dataset)
    task = modality(reader.info.condition).task_settings(made.task) if isinstance(made.task, str) else made.task
    if not stands(look, inputs_of(made.real, reader, 0, None, made.train, task)):
        with stage("measuring") as progress:
            evaluate(made.real, dataset, look, workers=workers, train=made.train, task=task, progress=progress)
    return Demo(dataset, look / PAGE, done)
