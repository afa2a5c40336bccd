"""evaluate: a synthetic data set beside real data, on one page that opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shlex import quote as quoted
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from .encoders import OWN_SAID, Named, check_encoder, encoder_named
from .gate import RESULT, Gated, gated
from .modalities import MODALITIES, SEEN, TABLE, Measured, Modality, check_same, check_task, modality
from .planning import plan_command
from .reporting import PAGE, STORED, PartTimes, checked_of, publish, report, stands, versions
from .sources import Opened, Side, open_sources
from .task_sets import changed, set_words

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
    encoder: str | None = None,
    sets: Sequence[str] = (),
    progress: Progress = silent,
) -> Path:
    """Measure synthetic and real data alike, and write the results and report.html.

    The gate comes first: what cannot be read, or is no picture or signal of the kind that the real ones are, is
    counted and left out, and the rest is measured.

    Args:
        real: READER:PATH, embedded:NAME or a data set's folder.
        synthetic: likewise, of any generator.
        out: folder for the results.
        seed: seed of the halves and resamples.
        workers: processes that measure.
        limit: the first so many records of each side; all when left out.
        train: real data that the generator was trained on or took its kernels from; with them comes the proof: an
            encoder's view, attacks on privacy, nearest neighbours and whether records show what was asked for.
        task: downstream task to run, or its settings; needs `train`.
        encoder: whose features are compared: see `encoders.encoder_named`; the studio's own, which learns on the
            training records, when None.
        sets: changes to the task's settings, such as `seeds=5` or `robustness=false`.
        progress: called with (parts done, parts).

    Returns:
        The page.

    Raises:
        ValueError: a source is missing or not of its kind, of another modality, or holds too little to compare.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit = {limit} must be at least 1")
    eyes = encoder_named(encoder)
    named = {"real": real, "synthetic": str(synthetic)} | ({} if train is None else {"training": train})
    opened = open_sources(named, lenient=("synthetic",))
    condition = _condition(opened)
    module = modality(condition)
    check_task(module, task if task is None or isinstance(task, str) else task.name, train)
    settings = changed(module.task_settings(task) if isinstance(task, str) else task, sets)
    sides = _read(opened, condition, limit)
    check_same(TABLE if condition in SEEN else condition, module, sides)
    check_encoder(eyes, _kind(sides), module.NOUN, getattr(module, "ENCODERS", False))
    gate = gated(sides["real"], sides["synthetic"], sides.get("training"))
    compared, refused = _compared(module, gate, train, settings)  # before the work
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).write_text(gate.validity.model_dump_json(indent=1) + "\n", encoding="utf-8")
    times = PartTimes()
    with times.part("measuring"):
        if refused:
            measured = gate.alone(refused)
        else:
            measured = module.measured(
                compared, gate.synthetic, folder, task=settings, seed=seed, workers=workers, progress=progress,
                **({} if eyes is None else {"encoder": eyes}),
            )  # fmt: skip
    return _published(folder, gate, measured, sides, real, seed, limit, train, settings, eyes, times)


def _kind(sides: Mapping[str, Side]) -> str:
    """Return what the synthetic records are: images, volumes or signals; "" where they are none of these."""
    arrays = sides["synthetic"].records[0].arrays
    return next((name for name in ("image", "volume", "signal") if name in arrays), "")


def _condition(opened: Mapping[str, Opened]) -> str:
    """Return the condition type that an evaluation is of: the synthetic side's, or a table's where only one is.

    Raises:
        ValueError: no record on the synthetic side says what it is of.
    """
    kinds = {side: source.condition() for side, source in opened.items()}
    found = TABLE if TABLE in kinds.values() else kinds["synthetic"]
    if found is None:
        raise ValueError(f"no record of {opened['synthetic'].source} has a condition; nothing says what they are of")
    return found


def _read(opened: Mapping[str, Opened], condition: str, limit: int | None) -> dict[str, Side]:
    """Read all sides, and see their records as a table's where the modality does.

    Raises:
        DamagedDataset: a data set of the studio's does not fit its receipts.
        ValueError: a data set is unfinished, or a side holds nothing that can be read.
    """
    sides = {}
    for name, source in opened.items():
        side = source.read(None if name == "training" else limit)
        if condition in SEEN:
            seen = import_module(MODALITIES[condition], __package__).seen
            side = replace(side, records=tuple(v for record in side.records for v in seen(record)))
        sides[name] = side
    return sides


def _compared(module: Modality, gate: Gated, train: str | None, task: Any) -> tuple[Any, str]:
    """Return what is compared, or why it cannot be, where it is for what the gate left out.

    Raises:
        ValueError: it cannot be compared, and the gate left out nothing.
    """
    training = () if gate.training is None else gate.training.records
    try:
        if not gate.synthetic.records:
            raise ValueError("no synthetic record can be measured")
        return module.sides(gate.real.records, training, gate.synthetic.records, train, task), ""
    except ValueError as error:
        if gate.validity.measured == gate.validity.n and not gate.validity.left_out_real:
            raise
        return None, str(error)


def _published(
    folder: Path, gate: Gated, measured: Measured, sides: Mapping[str, Side], real: str, seed: int, limit: int | None,
    train: str | None, task: Any, eyes: Named | None, times: PartTimes,
) -> Path:  # fmt: skip
    """Write what was found where `report` finds it, and the page."""
    from ...evaluation.checklist import data_side

    made = gate.synthetic
    page = gate.on_page(measured.page)
    page = page.model_copy(update={"findings": (*gate.findings(), *page.findings, *measured.findings)})
    provenance = _provenance(real, made, seed, limit, train, task, eyes)
    with times.part("hashing"):
        order = [role for role in ("real", "training", "synthetic") if role in sides]
        data = [data_side(role, str(sides[role].source), sides[role].records) for role in order]
    return publish(
        folder,
        title=f"{made.name}: a first look" if train is None else f"{made.name}: realism and worth",
        page=page,
        provenance=provenance,
        inputs=inputs_of(real, made.dataset or made, seed, limit, train, task, eyes),
        checked=checked_of(page, data, seed=seed, provenance=provenance, times=times),
    )


def inputs_of(
    real: str, made: DatasetReader | Side, seed: int, limit: int | None,
    train: str | None = None, task: Any = None, eyes: Named | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what an evaluation depends on, to tell whether one that exists is still true."""
    from ... import __version__

    return {
        "real": real,
        **_identity(made),
        "seed": seed,
        "limit": limit,
        "train": train,
        "task": None if task is None else dict(vars(task)),
        "encoder": None if eyes is None else eyes.about,
        "by": __version__,
    }


def _identity(made: DatasetReader | Side) -> dict[str, Any]:
    """Return what tells synthetic data from all others."""
    if isinstance(made, Side):
        from ...conditioning.dataset.schema import sha256_of
        from ...evaluation.validity import exact_sha256, main_array

        hashes = [(r.record_id, exact_sha256(main_array(r)[1])) for r in made.records]
        return {"synthetic": made.source, "records": sha256_of(hashes)}
    done = {str(k): receipt.files for k, receipt in made.receipts.items()}
    return {"recipe": made.info.recipe_sha256, "shards": done}


def _provenance(
    real: str, made: Side, seed: int, limit: int | None, train: str | None, task: Any, eyes: Named | None = None
) -> dict[str, Any]:  # fmt: skip
    """Return how the data and the page came to be, and the commands that repeat it."""
    words = f"clinsynth evaluate --real {quoted(real)} --synthetic {quoted(made.source)} --out EVAL --seed {seed}"
    if train is not None:
        words += f" --train {quoted(train)}" + ("" if task is None else f" --task {task.name}{set_words(task)}")
    words += "" if eyes is None else f" --encoder {quoted(eyes.name)}"
    words += f" --limit {limit}" if limit else ""
    facts, commands = made.facts(), list[str]()
    software: dict[str, Any] = {"measured with": versions()}
    if made.dataset is not None:
        software = {"software": made.dataset.info.versions}
        weights, commands = _making(made.dataset, made.source)
        facts = {"generator": facts.pop("generator"), "weights": weights, **facts}
    return {
        "real data": real,
        **({} if train is None else {"trained on": train}),
        "synthetic data": facts,
        **software,
        **({} if eyes is None and train is None else {"encoder": OWN_SAID if eyes is None else eyes.about}),
        "commands": [*commands, words],
    }


def _making(reader: DatasetReader, source: str) -> tuple[str, list[str]]:
    """Return which weights made a data set of the studio's, and the commands that make it again."""
    from ...conditioning.plan import CohortPlan

    info = reader.info
    rules = CohortPlan.read(reader.root / "plan.parquet").rules
    size = f" --shard-size {info.shard_size} --batch-size {info.batch_size} --layout {info.layout}"
    named, weights = _weights(info.generator, info.weights_sha256)
    return weights, [
        *([plan_command(rules, info.generator, "plan.parquet")] if rules else []),
        f"clinsynth sample --model {named} --plan plan.parquet --out {source}{size}",
    ]


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
