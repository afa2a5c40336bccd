"""sample: a data set from a plan, by worker processes that each write their own shards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from .models import Control
from .planning import Warn, unheard
from .settings import at_least_one, storage_config
from .workers import Stopped, run_workers

if TYPE_CHECKING:
    from ...conditioning.plan import CohortPlan
    from ...generators.storage import StorageConfig


@dataclass(frozen=True)
class Sampled:
    """What stands on disk after a run.

    Attributes:
        out: the data set's folder.
        n: samples that the plan asks for.
        written: samples in finished shards.
        quarantined: samples made and not written, in finished shards.
        shards_done: shards with a receipt.
        shards: shards of the whole data set.
    """

    out: str
    n: int
    written: int
    quarantined: int
    shards_done: int
    shards: int

    @property
    def complete(self) -> bool:
        """Whether every shard is done; a run of one part need not be."""
        return self.shards_done == self.shards

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "complete": self.complete}


def sample(
    model: str,
    plan: str | Path | CohortPlan,
    out: str | Path,
    *,
    part: tuple[int, int] = (0, 1),
    workers: int = 1,
    file_format: str | None = None,
    layout: str = "folder",
    shard_size: int | None = None,
    batch_size: int = 64,
    threads: int = 1,
    device: str = "auto",
    control: Control | None = None,
    seed: int | None = None,
    progress: Progress = silent,
    warn: Warn = unheard,
) -> Sampled:
    """Generate a plan's samples into a data set; run again, it goes on where it stood.

    Args:
        model: name of a generator, or the folder of a trained one.
        plan: a cohort plan, its file, or READER:PATH (such as `brats:DIR`): then a row is made for each patient who
            leaves something to make; files are checked when the data set is begun.
        out: the data set's folder, new or unfinished.
        part: (w, W): make the shards k with k mod W = w only, 0 <= w < W.
        workers: processes on this machine; the result does not depend on it.
        file_format: one of the generator's formats, its first when left out.
        layout: `folder` or `webdataset`.
        shard_size: samples a shard, the generator's own when left out.
        batch_size: samples a batch.
        threads: threads a worker.
        device: `auto` (a CUDA device if there is one), `cpu`, `cuda:1`, ...; simulators compute on the CPU.
        control: quality control, where the model came with an inspector or one is named.
        seed: run seed for a plan's file without seeds or a plan of what is there, 0 to 2^63 - 1.
        progress: called with (samples done in this run, samples of this run).
        warn: called with a sentence on each patient whom a plan of what is there leaves out.

    Raises:
        ValueError: a setting or the plan is wrong, or the data set in `out` was begun with other ones.
        Stopped: by Ctrl-C or SIGTERM; finished shards stay.
    """
    at_least_one("workers", workers)
    settings: dict[str, Any] = {
        "layout": layout,
        "shard_size": shard_size,
        "batch_size": batch_size,
        "threads": threads,
    }
    settings["file_format"] = file_format
    made = prepared(model, plan, out, part, seed=seed, control=control, warn=warn, **settings)
    with _as_file(made.plan) as path:
        spec = {
            "model": model,
            "device": device,
            "control": (control or Control()).model_dump(mode="json"),
            "plan": str(path),
            "out": str(Path(out).absolute()),
            "run_seed": made.run_seed,
            "config": made.config.model_dump(mode="json"),
        }
        try:
            run_workers([{**spec, "part": p} for p in _parts(part, workers, made.shards)], threads, progress)
        except Stopped as stopped:
            raise Stopped(_how_far(out, str(stopped))) from None
    return standing(out)


@dataclass(frozen=True)
class Prepared:
    """A run that nothing speaks against.

    Attributes:
        plan: the validated plan.
        config: how it is stored.
        run_seed: seed of the run.
        shards: shards of the whole data set.
    """

    plan: CohortPlan
    config: StorageConfig
    run_seed: int
    shards: int


def prepared(
    model: str,
    plan: str | Path | CohortPlan,
    out: str | Path,
    part: tuple[int, int] = (0, 1),
    *,
    seed: int | None = None,
    control: Control | None = None,
    warn: Warn = unheard,
    **settings: Any,
) -> Prepared:
    """Return what a run needs, or refuse it, before anything is made; the arguments are those of `sample`.

    Raises:
        ValueError: a setting or the plan is wrong, or the data set in `out` was begun with other ones.
        DamagedDataset: the `dataset.json` in `out` does not verify.
    """
    from ...generators.storage import settle
    from .models import build, controlled, weights_of

    w, whole = part
    if not 0 <= w < whole:
        raise ValueError(f"part {w}/{whole} is not w/W with 0 <= w < W, such as 0/{max(whole, 1)}")
    generator = controlled(build(model), control)
    config = storage_config(generator, settings)
    loaded = _loaded(plan, generator.condition_type, seed, Path(out), warn)
    run_seed = loaded.run_seed if loaded.run_seed is not None else 0
    info = settle(generator, loaded, Path(out), config, run_seed, weights_of(generator))
    return Prepared(loaded, config, run_seed, -(-info.n // info.shard_size))


def standing(out: str | Path) -> Sampled:
    """Return what stands of a data set, by its receipts.

    Raises:
        ValueError: the folder is not a data set.
        DamagedDataset: `dataset.json` or a receipt does not verify.
    """
    from ...conditioning.dataset import open_dataset
    from ...conditioning.dataset.layout import shard_count

    reader = open_dataset(out)
    shards = shard_count(reader.info.n, reader.info.shard_size)
    return Sampled(str(out), reader.info.n, len(reader), len(reader.quarantined), len(reader.receipts), shards)


def _how_far(out: str | Path, otherwise: str) -> str:
    """Return what a stopped run says: how much of the whole data set stands, not of one worker's part."""
    try:
        now = standing(out)
    except ValueError:  # stopped before the data set was begun
        return otherwise
    return f"{out}: stopped; {now.shards_done} of {now.shards} shards are finished, the same command goes on"


def _loaded(plan: str | Path | CohortPlan, condition_type: Any, seed: int | None, out: Path, warn: Warn) -> CohortPlan:
    from ...conditioning.dataset.layout import INFO
    from ...conditioning.plan import CohortPlan
    from ...conditioning.plan.there import names_a_reader, plan_there

    if isinstance(plan, str) and names_a_reader(plan):
        # Once a data set is begun its plan's hash says that every file is the one that was checked; but where faulty
        # patients are left out, only checking finds the same rows again.
        check = "on_error=skip" in plan or not (out / INFO).exists()
        return plan_there(plan, condition_type, seed=seed or 0, read_files=check, warn=warn)
    if not isinstance(plan, CohortPlan):
        return CohortPlan.read(plan, condition_type, run_seed=seed)
    if seed is not None:
        raise ValueError(f"the plan has its own seeds; leave --seed {seed} out")
    return plan


@contextmanager
def _as_file(plan: CohortPlan) -> Iterator[Path]:
    """Yield the validated plan as a Parquet file that workers read."""
    with tempfile.TemporaryDirectory(prefix="clinsynth-") as folder:
        path = Path(folder) / "plan.parquet"
        try:
            plan.write(path)
        except OSError as error:  # the user knows the folder for temporary files, not a file in it
            raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None
        yield path


def _parts(part: tuple[int, int], workers: int, shards: int) -> list[tuple[int, int]]:
    """Return the part of each worker: worker j of J in part w of W takes the shards k = w + W j (mod W J)."""
    w, whole = part
    own = len(range(w, shards, whole))
    count = max(1, min(workers, own))
    return [(w + whole * j, whole * count) for j in range(count)]
