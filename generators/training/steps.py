"""The steps of a run, and what is due between them: a line of the log, a validation, samples, a checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from ...conditioning.seeds import stream
from ..storage.disk import Disk
from .checkpoint import prune, save
from .config import TrainingConfig
from .draws import of_step
from .examples import Examples
from .gradient import GradientStep, MicroBatch
from .metrics import Window
from .order import cuts, rows_of
from .processes import any_of, on_main
from .report import FitReport
from .run_folder import CONFIG, RunFolder
from .state import TrainingState
from .trainee import Trainee
from .validation import validation_loss


@dataclass
class Course:
    """One call of `fit`, from its start to its report."""

    accelerator: Accelerator
    trainee: Trainee
    train: Examples
    validation: Examples | None
    config: TrainingConfig
    folder: RunFolder
    state: TrainingState
    record: Mapping[str, Any]
    gradient_step: GradientStep
    on_log: Callable[[Mapping[str, Any]], None]
    loss: dict[str, float] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)
    saved: tuple[int, Path] | None = None  # the newest checkpoint of this run
    since: tuple[float, int] = (0.0, 0)  # time and step of the last line of the log

    def run(self, stop: Callable[[], bool], source: Path | None) -> FitReport:
        """Take the steps that are left, going on from a checkpoint or from nothing, and bring out the model."""
        state, steps = self.state, self.config.steps
        start = None if source is None else state.step
        if source is not None and source.resolve().parent == self.folder.checkpoints.resolve():
            self.saved = state.step, source
        self.since = time.perf_counter(), state.step
        interrupted = False
        while state.step < steps and not (interrupted := any_of(self.accelerator, stop())):
            self._step()
            self._look()
        checkpoint = self._save()
        model = None if interrupted else self._finish()
        validated = {} if interrupted else self.validated
        return FitReport(
            self.folder.path, state.step, steps, interrupted, start, self.loss, validated, checkpoint, model
        )

    def _step(self) -> None:
        """Let every phase move its networks by one batch."""
        step, config = self.state.step, self.config
        micro_batches = self._micro_batches(step)
        # What a network draws by itself, as dropout does, is a function of the step and the process.
        own = stream(config.seed, f"training.torch/{step}/{self.accelerator.process_index}")
        _seed_torch(int(own.integers(2**63)), self.accelerator.device)
        values: dict[str, dict[str, float]] = {}
        for phase in self.trainee.phases:
            optimiser = self.state.optimisers[phase.name]
            for group in optimiser.param_groups:
                group["lr"] = config.rate(step)
            networks = self.state.turn(phase)
            moved = self.gradient_step(self.accelerator, phase, networks, optimiser, micro_batches, config)
            self.state.put_away()
            optimiser.zero_grad(set_to_none=True)  # a gradient left lying would enter the other phases' loss scale
            values[phase.name] = {key: float(value) for key, value in moved.items()}
        self._refuse_divergence(values)
        self.state.average.follow(self.state.networks, step)
        self.state.window.add(values)
        self.state.step += 1

    def _micro_batches(self, step: int) -> list[MicroBatch]:
        """Return this process's share of a step's batch, on its device."""
        config, accelerator = self.config, self.accelerator
        rows = rows_of(config.seed, step, len(self.train), config.batch_size)
        parts = []
        for cut in cuts(config.batch_size, accelerator.process_index, accelerator.num_processes, config.accumulation):
            batch = {key: value.to(accelerator.device) for key, value in self.train.batch(rows[cut]).items()}
            positions = np.arange(cut.start, cut.stop)
            parts.append(MicroBatch(batch, of_step(config.seed, step, positions, accelerator.device)))
        return parts

    def _refuse_divergence(self, values: Mapping[str, Mapping[str, float]]) -> None:
        overflow = {"grad_norm"} if self.config.mixed_precision == "fp16" else set()  # there the step is skipped
        for phase, named in values.items():
            for key, value in named.items():
                if not math.isfinite(value) and key not in overflow:
                    said = f"training diverged at step {self.state.step + 1}: {key} of phase {phase!r} is {value}"
                    raise ValueError(f"{said}; look at the data's scale, or lower learning_rate in a new run")

    def _look(self) -> None:
        """Do what is due after a step; the checkpoint comes last, so that it vouches for all before it."""
        config = self.config
        if self.validation is not None and self._due(config.validate_every):
            self._validate(self.validation)
        self._log()
        if self._due(config.sample_every):
            self._sample()
        if self._due(config.checkpoint_every):
            self._save()

    def _due(self, every: int) -> bool:
        return self.state.step % every == 0 or self.state.step == self.config.steps

    def _validate(self, examples: Examples) -> None:
        with self.state.averaged(everywhere=True) as networks:
            self.validated = validation_loss(self.accelerator, self.trainee.phases, networks, examples, self.config)

    def _log(self) -> None:
        """Write the line of this step, if anything is due."""
        step, line = self.state.step, dict[str, Any]()
        if step % self.config.log_every == 0:
            line = {**self.state.window.means(), "learning_rate": self.config.rate(step - 1), **self._speed()}
            self.loss = line.get("loss", {})
            self.state.window = Window()
        if self.validation is not None and self._due(self.config.validate_every):
            line["validation_loss"] = self.validated
        if line:
            self.accelerator.log(flat(line), step=step)
            if self.accelerator.is_main_process:
                line = {"step": step, **line}
                self.folder.metrics.write(line)
                self.on_log(line)

    def _speed(self) -> dict[str, float]:
        now, (then, step) = time.perf_counter(), self.since
        self.since = now, self.state.step
        examples = (self.state.step - step) * self.config.batch_size
        return {"examples_per_s": round(examples / max(now - then, 1e-9), 2)}

    def _sample(self) -> None:
        step = self.state.step
        with self.state.averaged(everywhere=False) as networks:
            on_main(self.accelerator, lambda: self.trainee.sample_grid(networks, self.folder.samples, step))

    def _save(self) -> Path:
        """Write the checkpoint of this step, unless it is there."""
        if self.saved is None or self.saved[0] != self.state.step:
            content = self.state.content()
            self.saved = self.state.step, on_main(self.accelerator, lambda: self._write(content))
        return self.saved[1]

    def _write(self, content: Mapping[str, Any]) -> Path:
        self.folder.metrics.sync()
        files = partial(self._write_files, content)
        path = save(self.folder.checkpoints, self.state.step, files, Disk())
        prune(self.folder.checkpoints, self.config.keep_checkpoints)
        return path

    def _write_files(self, content: Mapping[str, Any], folder: Path) -> None:
        self.state.write(folder, content)
        (folder / CONFIG).write_text(json.dumps(self.record, indent=1) + "\n", encoding="utf-8")

    def _finish(self) -> Path:
        """Bring out the model; a run that was already at its end is validated for the report."""
        if self.validation is not None and not self.validated:
            self._validate(self.validation)
        with self.state.averaged(everywhere=False) as networks:
            return on_main(
                self.accelerator, lambda: self.folder.export(lambda path: self.trainee.save_pretrained(path, networks))
            )


def _seed_torch(seed: int, device: torch.device) -> None:
    """Set torch's own source of the CPU and of the device; `torch.manual_seed` asks every kind of device there is."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.manual_seed(seed)


def flat(line: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Return nested numbers under names such as `loss/denoise`, as trackers want them."""
    named: dict[str, float] = {}
    for key, value in line.items():
        named |= flat(value, f"{before}{key}/") if isinstance(value, Mapping) else {before + key: value}
    return named
