"""fit: trains a learned generator by a preset or a file of settings, in a run folder that can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..progress import Progress, silent
from .models import presets
from .settings import WrongSetting

if TYPE_CHECKING:
    from ...generators.training import FitReport

PRESET = "preset:"


def fit(
    config: str | Path,
    out: str | Path,
    *,
    resume: str | Path = "latest",
    sets: Sequence[str] = (),
    progress: Progress = silent,
    on_log: Callable[[Mapping[str, Any]], None] = lambda line: None,
) -> FitReport:
    """Train a generator and return how it ended; its folder, for `sample --model`, is `OUT/model`.

    Under `torchrun` every process calls this.

    Args:
        config: a YAML file, or preset:NAME.
        out: the run's folder.
        resume: latest goes on where the folder stands, never asks for an empty one, a path names a checkpoint.
        sets: changes such as `training.steps=200`.
        progress: called with (steps done, steps).
        on_log: told each line of the log.

    Raises:
        ValueError: the settings, the data or the folder are not as they should be.
    """
    from ...generators import training
    from ...generators.protocol import recipe_class
    from ...generators.storage import stop_on_signals

    content = settings_of(config, sets)
    name = content.get("generator")
    if not isinstance(name, str):
        raise ValueError(f"{config} names no generator; its first line says which, such as generator: ecg-diffusion")
    recipe = recipe_class(name).of(content, str(config))

    def logged(line: Mapping[str, Any]) -> None:
        progress(int(line["step"]), recipe.training.steps)
        on_log(line)

    train, validation = recipe.examples()
    with stop_on_signals() as stop:
        return training.fit(
            recipe.trainee(),
            train,
            validation,
            recipe.training,
            Path(out),
            model_config=recipe.model_config_json(),
            resume=resume if resume in ("latest", "never") else Path(resume),  # type: ignore[arg-type]
            stop=stop,
            on_log=logged,
        )


def settings_of(config: str | Path, sets: Sequence[str] = ()) -> dict[str, Any]:
    """Return the settings of a preset or a file, with changes.

    Raises:
        ValueError: no such preset or file, no YAML, or a change that does not read a.b=c.
    """
    path = _path_of(str(config))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no settings; they are lines such as generator: ecg-diffusion")
    for change in sets:
        _change(content, change)
    return content


def _path_of(config: str) -> Path:
    if not config.startswith(PRESET):
        return Path(config)
    name = config.removeprefix(PRESET)
    known = presets()
    if name not in known:
        raise ValueError(f"preset {name!r} is not known; there are: {', '.join(sorted(known))}")
    return known[name]


def _change(content: dict[str, Any], change: str) -> None:
    """Set one value in place; the value is read as YAML."""
    key, equals, value = change.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise WrongSetting("set", f"must read a.b=c, such as training.steps=200; got {change}")
    at = content
    for part in parts[:-1]:
        at = at.setdefault(part, {})
        if not isinstance(at, dict):
            raise WrongSetting("set", f"{change}: {part} is a value and has nothing below it")
    try:
        at[parts[-1]] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise WrongSetting("set", f"{change}: the value is no YAML") from None


def is_main_process() -> bool:
    """Return whether this process is the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"
