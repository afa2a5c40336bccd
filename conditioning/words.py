"""Errors that help: the value, what is allowed, and the nearest word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ', did you mean X?' for the nearest of `words`, or an empty string."""
    close = difflib.get_close_matches(str(word), list(words), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, word: str, words: Iterable[str]) -> str:
    """Return the sentence for a word that is not in the vocabulary."""
    known = sorted(words)
    return f"{kind} {word!r} is not known{nearest(word, known)} (allowed: {', '.join(known)})"


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
        return unknown("field", name, model.model_fields) if len(e["loc"]) == 1 else f"field {name!r} is not known"
    if e["type"] in ("enum", "literal_error"):
        words = [w.strip().strip("'") for w in e["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return unknown(name, e["input"], words)
    if e["type"] == "value_error":
        return str(e["ctx"]["error"])
    shown = repr(e["input"])
    return f"{name} = {shown if len(shown) < 60 else shown[:57] + '...'}: {e['msg'].lower()}"
