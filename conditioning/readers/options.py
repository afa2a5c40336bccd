"""Reader options written behind a source, as on a command line: `ptbxl:DIR?folds=9,10&fs_hz=250`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..record import Record


def split_options(source: str) -> tuple[str, dict[str, str]]:
    """Return a source without what stands behind its `?`, and that as option -> text.

    A path that exists with a question mark in its name is left whole.

    Raises:
        ValueError: a part behind `?` is not `option=value`, or an option is named twice.
    """
    base, mark, tail = source.partition("?")
    if not mark or Path(source).exists() or Path(source.partition(":")[2]).exists():
        return source, {}
    options: dict[str, str] = {}
    for part in tail.split("&"):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{source!r}: {part!r} is not option=value, as in {base}?fs_hz=250&on_error=skip")
        if name in options:
            raise ValueError(f"{source!r} names option {name!r} twice")
        options[name] = value
    return base, options


def typed(function: Callable[..., Iterator[Record]], kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with texts turned into numbers, truths and lists (`a|b` or `a,b`) where those are asked for.

    Raises:
        ValueError: a text that is not of the option's type, by name.
    """
    hints = get_type_hints(function)
    return {k: _value(hints[k], k, v, kind) if isinstance(v, str) else v for k, v in options.items()}


def _value(hint: Any, name: str, text: str, kind: str) -> Any:
    if any(h is str or get_origin(h) is Literal for h in (hint, *get_args(hint))):
        return text  # words: the reader itself knows which it takes
    lists = any(get_origin(h) in (Sequence, list) for h in (hint, *get_args(hint)))
    try:
        return TypeAdapter(hint).validate_python(text.replace("|", ",").split(",") if lists else text)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise ValueError(f"option {name} = {text!r} of {kind}: {why[0].lower()}{why[1:]}") from None
