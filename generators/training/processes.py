"""How the processes of a run act together: made by Accelerate, one of them in charge of the run folder."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import (
    DistributedDataParallelKwargs,
    DistributedType,
    GradientAccumulationPlugin,
    LoggerType,
    broadcast_object_list,
)

from .config import TrainingConfig

T = TypeVar("T")

_OTHERS = (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)  # they bring loops and optimisers of their own


def make_accelerator(config: TrainingConfig, run: Path) -> Accelerator:
    """Return this process's accelerator: one CPU, or what `accelerate launch` or `torchrun` set up.

    Raises:
        ValueError: a tracker is not installed, the device lacks the precision, or the launcher asks for another loop.
    """
    added = {str(name) for name in LOGGER_TYPE_TO_CLASS} - set(LoggerType.list())
    have = sorted({str(name) for name in get_available_trackers()} | added)
    for name in config.trackers:
        if name not in have:
            installed = ", ".join(have) or "none"
            raise ValueError(f"trackers: {name!r} is not installed or not known; installed: {installed}")
    if AcceleratorState._shared_state.get("_mixed_precision") not in (None, config.mixed_precision):
        AcceleratorState._reset_state()  # else a second run in one process would be held to the first one's precision
    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),  # else processes that torchrun starts on a CPU would each be alone
        mixed_precision=config.mixed_precision,
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),  # the launcher's number would count twice
        log_with=list(config.trackers) or None,
        project_dir=str(run),
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],  # a loss may call a network twice
    )
    if accelerator.num_processes > 1 and not joined:
        atexit.register(_leave)  # a process that ends while it is joined may abort after all went well
    if config.mixed_precision == "fp16" and accelerator.device.type == "cpu":
        raise ValueError("mixed_precision fp16 needs a GPU; on a CPU take bf16 or no")  # Accelerate would ignore it
    if accelerator.distributed_type in _OTHERS:
        kind = accelerator.distributed_type.value
        raise ValueError(f"accelerate is set to {kind}, which is not supported; take FSDP or plain data parallelism")
    return accelerator


def _leave() -> None:
    """Leave the group when the process ends: wrapped networks hold threads of it, so they go first."""
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    gc.collect()


def let_go(accelerator: Accelerator) -> None:
    """Drop what the accelerator holds of a run, so that its wrapped networks can end before the group does."""
    if accelerator.num_processes > 1:
        accelerator.free_memory()


def on_main(accelerator: Accelerator, act: Callable[[], T]) -> T:
    """Act in the main process while the others wait; all return what it returned, or fail as it failed."""
    outcome: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            outcome[0] = act()
        except Exception as error:
            if accelerator.num_processes > 1:
                broadcast_object_list([None, (isinstance(error, ValueError), str(error))])
            raise
    if accelerator.num_processes > 1:
        broadcast_object_list(outcome)
    if outcome[1] is not None:
        users, message = outcome[1]
        raise (ValueError if users else RuntimeError)(message)
    result: T = outcome[0]
    return result


def any_of(accelerator: Accelerator, flag: bool) -> bool:
    """Return whether any process says so; all processes get the same answer."""
    if accelerator.num_processes == 1:
        return flag
    told = torch.tensor([float(flag)], device=accelerator.device)
    return bool(accelerator.reduce(told, "sum").item() > 0)


@contextmanager
def own_random_state(accelerator: Accelerator) -> Iterator[None]:
    """Leave torch's global random state as it was."""
    cuda = [accelerator.device] if accelerator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        yield


@contextmanager
def tracked(accelerator: Accelerator, record: Mapping[str, Any]) -> Iterator[None]:
    """Keep the trackers open, told the run's training settings. The processes stay joined for the caller."""
    if not accelerator.log_with:
        yield
        return
    settings = {
        key: value if isinstance(value, int | float | str) else str(value) for key, value in record["training"].items()
    }
    accelerator.init_trackers("clinsynth", settings)
    try:
        yield
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
