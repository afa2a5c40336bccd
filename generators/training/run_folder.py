"""The folder of a run: what it was started with, where it stands, and what comes out."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from accelerate import Accelerator
from filelock import FileLock, Timeout

from ... import __version__
from ...conditioning.dataset.layout import TEMPORARY
from ..storage.disk import Disk, remove
from .checkpoint import checkpoints, sweep, verify
from .config import TrainingConfig
from .metrics import Metrics
from .processes import on_main

Resume = Literal["latest", "never"] | Path
CONFIG = "config.json"
_NEWER = {"schedule": "constant"}  # settings that older runs do not name, as they had them


def record_of(
    config: TrainingConfig,
    model_config: Mapping[str, Any],
    data: Mapping[str, Any],
    processes: int,
    environment: Mapping[str, Any] = MappingProxyType({}),
    sharded: bool = False,
) -> dict[str, Any]:
    """Return the content of `config.json`; `environment` and what follows it may change when a run goes on.

    Raises:
        ValueError: the model's settings are not JSON.
    """
    versions = {name: version(name) for name in ("accelerate", "safetensors", "torch", "numpy")}
    versions |= {"clinsynth": __version__, "python": platform.python_version()}
    record = {
        "training": config.model_dump(mode="json"),
        "model": dict(model_config),
        "data": dict(data),
        "environment": dict(environment),
        "versions": versions,
        "processes": processes,
        "sharded": sharded,
    }
    try:
        return dict(json.loads(json.dumps(record, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the model's settings cannot be written as JSON: {error}") from error


class RunFolder:
    """A run's folder.

    Attributes:
        path: of the folder; `metrics.jsonl`, `samples/`, `checkpoints/` and `model/` are in it.
    """

    def __init__(self, path: Path) -> None:
        """Speak of the folder at `path`, which need not exist."""
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"
        self.model = path / "model"
        self.metrics = Metrics(path / "metrics.jsonl")
        self._held: FileLock | None = None

    @contextmanager
    def held(self, accelerator: Accelerator) -> Iterator[None]:
        """Keep other runs out of the folder, which is made.

        Raises:
            ValueError: the path is a file, or another process trains here.
        """
        on_main(accelerator, self._lock)
        try:
            yield
        finally:
            if self._held is not None:
                self._held.release()

    def _lock(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} is a file; a run needs a folder")
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{self.path}: another process trains in this folder") from None
        self._held = lock

    def open(self, record: Mapping[str, Any], resume: Resume) -> Path | None:
        """Make the folder ready and return the checkpoint to go on from, if any.

        Later log lines, samples and checkpoints and what a kill left behind are removed.

        Raises:
            ValueError: the folder is another run's or no run's, the settings changed, or the checkpoint is not whole.
        """
        occupied = any(not entry.name.startswith(".") for entry in self.path.iterdir())
        if occupied:
            self._check_own(record, resume)
        step, source = self._start(record, resume)
        if step > record["training"]["steps"]:
            raise ValueError(f"training.steps: {record['training']['steps']} asked for; {source} stands at {step}")
        sweep(self.checkpoints, step)
        self.metrics.cut(step)
        for entry in self.path.glob(f"{TEMPORARY}*"):
            remove(entry)
        Disk().publish(self.path / CONFIG, (json.dumps(record, indent=1) + "\n").encode())
        self.samples.mkdir(exist_ok=True)
        for picture in self.samples.glob("step-*"):
            if (at := picture.stem.removeprefix("step-")).isdigit() and int(at) > step:
                remove(picture)
        return source

    def _check_own(self, record: Mapping[str, Any], resume: Resume) -> None:
        if resume == "never":
            raise ValueError(f"{self.path} is not empty; name a new folder, or resume")
        if not (self.path / CONFIG).is_file():
            raise ValueError(f"{self.path} is not empty and no run folder (it has no {CONFIG}); name a new folder")
        refuse_changes(self.path / CONFIG, record)
        if isinstance(resume, Path) and resume.resolve().parent != self.checkpoints.resolve():
            said = f"{self.path} holds a run, and {resume} is not one of its checkpoints"
            raise ValueError(f"{said}; name a new folder, or a checkpoint in {self.checkpoints}")

    def _start(self, record: Mapping[str, Any], resume: Resume) -> tuple[int, Path | None]:
        if isinstance(resume, Path):
            if not resume.is_dir():
                raise ValueError(f"{resume} is not there; name the folder of a checkpoint")
            source = resume
        elif found := checkpoints(self.checkpoints):
            source = found[-1][1]
        else:
            return 0, None
        step = verify(source)
        refuse_changes(source / CONFIG, record)
        return step, source

    def export(self, save: Callable[[Path], None]) -> Path:
        """Write the generator into `model/`, in place of an older one."""
        temporary = self.path / f"{TEMPORARY}model"
        remove(temporary)
        save(temporary)
        Disk().sync_folder(temporary)
        if self.model.exists():
            self.model.rename(self.path / f"{TEMPORARY}model-before")
        temporary.rename(self.model)
        remove(self.path / f"{TEMPORARY}model-before")
        return self.model


def refuse_changes(path: Path, record: Mapping[str, Any]) -> None:
    """Compare settings with those in a file.

    Raises:
        ValueError: one that may not change differs; the message names it with both values.
    """
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        before["training"] = _NEWER | before["training"]
        free = TrainingConfig.model_validate(record["training"]).may_change
        changes = [
            line for part in ("training", "model", "data") for line in _changes(part, before[part], record[part], free)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as the settings of a run ({type(error).__name__})") from error
    if changes:
        raise ValueError(f"{path}: {'; '.join(changes)}. A run keeps its settings: restore them or name a new folder")


def _changes(name: str, before: Any, now: Any, free: frozenset[str]) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [key for key in (before | now) if name != "training" or key not in free]
        return [line for key in keys for line in _changes(f"{name}.{key}", before.get(key), now.get(key), free)]
    return [] if before == now else [f"{name} was {json.dumps(before)} and is now {json.dumps(now)}"]
