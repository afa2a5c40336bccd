"""evaluate: a synthetic data set beside real data, on one page that opens without a network."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from shlex import quote as quoted
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from .modalities import check_same, check_task, modality
from .planning import plan_command
from .reporting import PAGE, STORED, PartTimes, checked_of, publish, report, stands

if TYPE_CHECKING:
    from ...conditioning.dataset import DatasetReader

__all__ = ["PAGE", "STORED", "evaluate", "inputs_of", "report", "stands"]


def evaluate(
    real: str,
    synthetic: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    workers: int = 1,
    limit: int | None = None,
    train: str | None = None,
    task: Any = None,
    progress: Progress = silent,
) -> Path:
    """Measure a synthetic data set and real data alike, and write the results and report.html.

    Args:
        real: READER:PATH, embedded:NAME or a data set's folder.
        synthetic: a data set's folder.
        out: folder for the results.
        seed: seed of the halves and resamples.
        workers: processes that measure.
        limit: the first so many records of each side; all when left out.
        train: real data that the generator was trained on or took its kernels from; with them comes the proof: an
            encoder's view, nearest neighbours and, for radiographs, whether images show what was asked for.
        task: downstream task to run, or its settings; needs `train`.
        progress: called with (parts done, parts).

    Returns:
        The page.

    Raises:
        ValueError: a source is missing or not of its kind, of another modality, or holds too little to compare.
    """
    from ...conditioning.dataset import open_dataset
    from ...conditioning.readers import read
    from ...evaluation.checklist import data_side

    if limit is not None and limit < 1:
        raise ValueError(f"limit = {limit} must be at least 1")
    source = read(real)  # a wrong name is told before anything is opened
    reader = open_dataset(synthetic)
    module = modality(reader.info.condition)
    check_task(module, task if task is None or isinstance(task, str) else task.name, train)
    settings = module.task_settings(task) if isinstance(task, str) else task
    training = [] if train is None else list(read(train))
    real_records = list(islice(source, limit))
    if not reader.complete:
        raise ValueError(f"{synthetic} is unfinished; run the command that makes it again, then evaluate")
    records = list(islice(reader, limit))
    sources = {real: real_records, str(synthetic): records} | ({} if train is None else {train: training})
    check_same(reader.info.condition, module.ARRAY, sources)
    sides = module.sides(real_records, training, records, train, settings)  # refused before the work
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    times = PartTimes()
    with times.part("measuring"):
        page = module.measured(
            sides, reader, folder, task=settings, seed=seed, workers=workers, progress=progress
        )  # fmt: skip
    provenance = _provenance(real, synthetic, reader, seed, limit, train, settings)
    with times.part("hashing"):
        named = (("real", real, real_records), ("training", train or "", training), ("synthetic", synthetic, records))
        data = [data_side(role, str(source), some) for role, source, some in named]
    checked = checked_of(page, data, seed=seed, provenance=provenance, times=times)
    return publish(
        folder,
        title=f"{reader.info.name}: a first look" if train is None else f"{reader.info.name}: realism and worth",
        page=page,
        provenance=provenance,
        inputs=inputs_of(real, reader, seed, limit, train, settings),
        checked=checked,
    )


def inputs_of(
    real: str, reader: DatasetReader, seed: int, limit: int | None,
    train: str | None = None, task: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what an evaluation depends on, to tell whether one that exists is still true."""
    from ... import __version__

    done = {str(k): receipt.files for k, receipt in reader.receipts.items()}
    return {
        "real": real,
        "recipe": reader.info.recipe_sha256,
        "shards": done,
        "seed": seed,
        "limit": limit,
        "train": train,
        "task": None if task is None else dict(vars(task)),
        "by": __version__,
    }


def _provenance(
    real: str, synthetic: str | Path, reader: DatasetReader, seed: int, limit: int | None,
    train: str | None, task: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return how the data and the page came to be, and the commands that repeat it."""
    from ...conditioning.plan import CohortPlan

    info = reader.info
    rules = CohortPlan.read(reader.root / "plan.parquet").rules
    words = f"clinsynth evaluate --real {quoted(real)} --synthetic {synthetic} --out EVAL --seed {seed}"
    if train is not None:
        words += f" --train {quoted(train)}" + ("" if task is None else f" --task {task.name}")
    size = f" --shard-size {info.shard_size} --batch-size {info.batch_size} --layout {info.layout}"
    named, weights = _weights(info.generator, info.weights_sha256)
    commands = [
        *([plan_command(rules, info.generator, "plan.parquet")] if rules else []),
        f"clinsynth sample --model {named} --plan plan.parquet --out {synthetic}{size}",
        words + (f" --limit {limit}" if limit else ""),
    ]
    return {
        "real data": real,
        **({} if train is None else {"trained on": train}),
        "synthetic data": {
            "generator": info.generator,
            "weights": weights,
            "samples": info.n,
            "quarantined": len(reader.quarantined),
            "run seed": info.run_seed,
            "plan sha256": info.plan_sha256,
            "recipe sha256": info.recipe_sha256,
        },
        "software": info.versions,
        "commands": commands,
    }


def _weights(generator: str, sha256: str | None) -> tuple[str, str]:
    """Return what `sample --model` takes to draw with the same weights again, and which weights these are."""
    from .models import build, weights_of

    if sha256 is None:
        return generator, "none, a simulator"
    try:
        carried = weights_of(build(generator))
    except ValueError:
        return "MODEL", f"{sha256}, in the folder MODEL of whoever trained it; the package carries none for {generator}"
    if carried == sha256:
        return generator, f"{sha256}, carried by the package"
    return "MODEL", f"{sha256}, in the folder MODEL of whoever trained it; not those that the package carries"
