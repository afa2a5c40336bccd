"""Errors that help: the value, what is allowed, and the nearest word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

MOST_LISTED = 20  # words of a vocabulary that an error lists whole
MOST_NEAR = 5


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def listed(value: Any) -> Any:
    """Return the words of a table's cell `a|b`, none of an empty one; what is no text stays as it is."""
    if isinstance(value, str):
        return [word for word in value.split("|") if word]
    return value


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ', did you mean X?' for the nearest of `words`, or an empty string."""
    close = difflib.get_close_matches(str(word), list(words), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, word: str, words: Iterable[str]) -> str:
    """Return the sentence for a word that is not in the vocabulary; of many words the nearest are named."""
    known = sorted(words)
    close = difflib.get_close_matches(str(word), known, n=MOST_NEAR, cutoff=0.4)
    if len(known) > MOST_LISTED and close:
        shown = f"(nearest of {len(known)}: {', '.join(close)})"
    else:
        shown = f"(allowed: {', '.join(known)})"
    return f"{kind} {word!r} is not known{nearest(word, known)} {shown}"


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """Return a pydantic error as one line: field, value, what is allowed, the nearest word.

    Args:
        error: what pydantic raised.
        model: the model it was raised for; its field names serve for suggestions.
    """
    parts = [_one(dict(e), model) for e in error.errors(include_url=False)]
    return "; ".join(dict.fromkeys(parts))


def _one(e: dict[str, Any], model: type[BaseModel]) -> str:
    name = ".".join(str(x) for x in e["loc"])
    if e["type"] == "extra_forbidden":
        return _unknown_field(e["loc"], model)
    if e["type"] in ("enum", "literal_error"):
        words = [w.strip().strip("'") for w in e["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return unknown(name, e["input"], words)
    if e["type"] == "value_error":
        return str(e["ctx"]["error"])
    shown = repr(e["input"])
    return f"{name} = {shown if len(shown) < 60 else shown[:57] + '...'}: {e['msg'].lower()}"


def _unknown_field(place: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return the sentence for a field that is not known, with the nearest of those that stand where it does."""
    name = ".".join(str(x) for x in place)
    inside: type[BaseModel] | None = model
    for part in place[:-1]:
        found = inside.model_fields.get(str(part)) if inside is not None else None
        inside = None if found is None else _model_in(found.annotation)
    if inside is None:
        return f"field {name!r} is not known"
    before = "".join(f"{part}." for part in place[:-1])
    return unknown("field", name, [f"{before}{field}" for field in inside.model_fields])


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the one model that an annotation names, such as `Settings | None`; None where it names none or several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [m for m in map(_model_in, get_args(annotation)) if m is not None]
    return found[0] if len(found) == 1 else None
