"""Changes to a downstream task's settings, as `--set NAME=VALUE` gives them, refused before any work."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from .settings import WrongSetting


def changed(settings: Any, sets: Sequence[str]) -> Any:
    """Return a task's settings with changes.

    Args:
        settings: of the task, a dataclass with a `name`; one whose attribute `settings` is a mapping is changed there.
            Its `model()`, where it has one, is the pydantic model that checks the values.
        sets: NAME=VALUE each, the value as YAML, such as `seeds=5` or `robustness=false`.

    Raises:
        WrongSetting: no task to change, no such setting, or a value that it cannot have.
    """
    if not sets:
        return settings
    if settings is None:
        raise WrongSetting("set", f"changes a downstream task, which --task names; got {sets[0]}")
    values = dict(_one(text) for text in sets)
    known = _known(settings)
    for name in values:
        if name not in known:
            from ...conditioning.words import unknown

            raise WrongSetting("set", unknown("setting", name, known))
    _check(settings, _values(settings) | values)
    if _nested(settings):
        return replace(settings, settings={**settings.settings, **values})
    return replace(settings, **{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def set_words(settings: Any) -> str:
    """Return the `--set` options that make a task's default settings those that are given, as a command has them."""
    if settings is None:
        return ""
    now, before = _values(settings), _values(type(settings)(settings.name))
    off = {name: value for name, value in now.items() if name not in before or before[name] != value}
    return "".join(f" --set {shlex.quote(f'{name}={_text(value)}')}" for name, value in off.items())


def _one(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise WrongSetting("set", f"must read NAME=VALUE, such as seeds=5; got {text}")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise WrongSetting("set", f"{text}: the value is no YAML") from None


def _text(value: Any) -> str:
    return str(yaml.safe_dump(list(value) if isinstance(value, tuple) else value, default_flow_style=True)).split("\n")[
        0
    ]


def _nested(settings: Any) -> bool:
    return isinstance(getattr(settings, "settings", None), Mapping)


def _values(settings: Any) -> dict[str, Any]:
    if _nested(settings):
        return dict(settings.settings)
    return {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "name"}


def _known(settings: Any) -> list[str]:
    if _nested(settings):
        return list(settings.model().model_fields)
    return list(_values(settings))


def _check(settings: Any, values: Mapping[str, Any]) -> None:
    from ...conditioning.words import one_line

    try:
        if hasattr(settings, "model"):
            settings.model().model_validate(values)
        else:
            TypeAdapter(type(settings)).validate_python({"name": settings.name, **values})
    except ValidationError as error:
        model = settings.model() if hasattr(settings, "model") else type("Settings", (), {"model_fields": {}})
        raise WrongSetting("set", one_line(error, model)) from None
