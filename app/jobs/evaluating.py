"""evaluate and report: a synthetic data set beside real data, on one page that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from shlex import quote as quoted
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from .modalities import check_same, check_task, modality
from .planning import plan_command

if TYPE_CHECKING:
    from ...conditioning.dataset import DatasetReader
    from ...evaluation.report import Page

STORED = "page.json"  # the page's content, from which `report` draws it again beside others
PAGE = "report.html"


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
    page = module.measured(
        sides, reader, folder, task=settings, seed=seed, workers=workers, progress=progress
    )  # fmt: skip
    content = {
        "title": f"{reader.info.name}: a first look" if train is None else f"{reader.info.name}: realism and worth",
        "provenance": _provenance(real, synthetic, reader, seed, limit, train, settings),
        "page": page.model_dump(mode="json"),
        "inputs": inputs_of(real, reader, seed, limit, train, settings),
    }
    (folder / STORED).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return report([folder], folder / PAGE)


def report(evaluations: Sequence[str | Path], out: str | Path) -> Path:
    """Put evaluations on one page, one after the other.

    Args:
        evaluations: folders that `evaluate` wrote.
        out: the .html file.

    Raises:
        ValueError: a folder holds no evaluation.
    """
    from ...evaluation.report import html

    stored = [(Path(folder).name, _stored(Path(folder))) for folder in evaluations]
    if not stored:
        raise ValueError("no evaluation was named")
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    page, provenance = _together(stored)
    title = stored[0][1]["title"] if len(stored) == 1 else f"{len(stored)} evaluations"
    path.write_text(html(page, title=title, provenance=provenance), encoding="utf-8")
    return path


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


def stands(folder: Path, inputs: dict[str, Any]) -> bool:
    """Return whether a folder holds the evaluation of just these inputs."""
    try:
        return bool(_stored(folder)["inputs"] == inputs) and (folder / PAGE).is_file()
    except ValueError:
        return False


def _stored(folder: Path) -> dict[str, Any]:
    """Return what `evaluate` stored in a folder."""
    try:
        content = json.loads((folder / STORED).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder} holds no evaluation; `clinsynth evaluate … --out {folder}` makes one") from None
    except ValueError:
        raise ValueError(f"{folder / STORED} is damaged; run the evaluation again") from None
    if not isinstance(content, dict) or not {"title", "provenance", "page", "inputs"} <= content.keys():
        raise ValueError(f"{folder / STORED} is no evaluation")
    return content


def _together(stored: Sequence[tuple[str, dict[str, Any]]]) -> tuple[Page, dict[str, Any]]:
    """Return one page of several: sections keep their order and say which evaluation they are of."""
    from ...evaluation.report import Page

    pages = [(name, Page.model_validate(content["page"])) for name, content in stored]
    if len(pages) == 1:
        return pages[0][1], stored[0][1]["provenance"]
    facts = tuple((number, f"{what}, {name}") for name, page in pages for number, what in page.facts)
    sections = tuple(
        section.model_copy(update={"name": f"{i}-{section.name}", "title": f"{name}: {section.title}"})
        for i, (name, page) in enumerate(pages, start=1)
        for section in page.sections
    )
    commands = dict.fromkeys(c for _, content in stored for c in content["provenance"].get("commands", ()))
    made = {name: {k: v for k, v in content["provenance"].items() if k != "commands"} for name, content in stored}
    return Page(facts=facts, sections=sections), {**made, "commands": list(commands)}


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
