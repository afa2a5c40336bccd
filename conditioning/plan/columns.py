"""What a condition model's fields are as columns of a table, read from the model's own JSON schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError, create_model

from ..words import one_line, unknown

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["number", "integer", "boolean", "string", "object"]
RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)\.\.(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)\s*")


@dataclass(frozen=True)
class Column:
    """One field of a condition as a column.

    Attributes:
        name: the field's name.
        kind: JSON type of a value, or of a list's items.
        listed: whether a cell holds a list.
        words: the vocabulary, where the field has one.
        low: smallest value that the model allows, or None.
        high: largest value that the model allows, or None.
        default: value that the model takes when the cell is empty.
        text: the field's own title or description.
    """

    name: str
    kind: Kind
    listed: bool = False
    words: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    default: Any = None
    text: str = ""

    @property
    def numeric(self) -> bool:
        """Whether the column takes a range LOW..HIGH."""
        return self.kind in ("number", "integer") and not self.listed and not self.words

    def parse(self, value: Any) -> Any:
        """Return a cell's value in the column's own type; text comes from a CSV file or the command line.

        Raises:
            ValueError: the value is not of the column's type.
        """
        if self.listed:
            items = value.split("|") if isinstance(value, str) else list(value)
            return [self._one(item) for item in items if item != ""]
        return self._one(value)

    def _one(self, value: Any) -> Any:
        """Return one value as the kind that the column holds."""
        if self.kind == "object":
            return _as_json(self.name, value)
        if self.kind == "string":
            return getattr(value, "value", value) if isinstance(value, str) else str(value)
        if self.kind == "boolean":
            return _as_bool(self.name, value)
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"{self.name} = {value!r} is not a number") from None
        if self.kind == "number":
            return number
        if not number.is_integer():
            raise ValueError(f"{self.name} = {value!r} is not a whole number")
        return int(value) if isinstance(value, int | str) and re.fullmatch(r"\s*-?\d+\s*", str(value)) else int(number)

    def show(self, value: Any) -> str:
        """Return a value as a CSV cell or a command line writes it: lists as `a|b`."""
        if self.listed:
            return "|".join(str(item) for item in value)
        return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def columns_of(model: type[BaseModel]) -> dict[str, Column]:
    """Return a condition model's columns, by name, in the model's order."""
    return dict(_columns(model))


@cache
def _columns(model: type[BaseModel]) -> dict[str, Column]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return {name: _column(name, part, definitions) for name, part in schema.get("properties", {}).items()}


def _column(name: str, part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Column:
    """Return the column of one property of the schema."""
    text = str(part.get("description") or part.get("title") or name)
    default = part.get("default")
    part = _resolved(part, definitions)
    listed = part.get("type") == "array"
    if listed:
        part = _resolved(part.get("items", {}), definitions)
    low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum", part.get("exclusiveMaximum"))
    if part.get("type") == "integer":  # the last whole number inside an open bound
        low = part["exclusiveMinimum"] + 1 if "exclusiveMinimum" in part else low
        high = part["exclusiveMaximum"] - 1 if "exclusiveMaximum" in part else high
    words = tuple(part["enum"]) if "enum" in part else ((part["const"],) if "const" in part else ())
    kind = part.get("type", "object")
    return Column(name, "object" if kind == "array" else kind, listed, words, low, high, default, text)


def _resolved(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a property without its `null` alternative and with its reference followed."""
    for option in part.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(option, definitions)
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rsplit("/", 1)[-1]], definitions)
    return part


def column_of(model: type[BaseModel], name: str) -> Column:
    """Return one column.

    Raises:
        ValueError: the model has no such field; the message names the nearest.
    """
    columns = _columns(model)
    if name not in columns:
        raise ValueError(unknown("field", name, columns))
    return columns[name]


def checked(model: type[BaseModel], name: str, value: Any) -> Any:
    """Return a value for one field, parsed and held against that field's own bounds and vocabulary.

    Raises:
        ValueError: the field or the value is not known, or out of bounds; in one line.
    """
    column = column_of(model, name)
    parsed = column.parse(value)
    given = json.loads(parsed) if column.kind == "object" and isinstance(parsed, str) else parsed
    alone = _alone(model, name)
    try:
        alone(**{name: given})
    except ValidationError as error:
        raise ValueError(one_line(error, alone)) from None
    return parsed


@cache
def _alone(model: type[BaseModel], name: str) -> type[BaseModel]:
    """Return a model of one field, so that a value is checked apart from what it must agree with."""
    field = model.model_fields[name]
    fields: dict[str, Any] = {name: (field.annotation, field)}
    return create_model(f"{model.__name__}_{name}", __config__={"extra": "forbid", "allow_inf_nan": False}, **fields)


def arrow_type(column: Column) -> pa.DataType:
    """Return the Arrow type that a column has in a plan; nested objects are kept as JSON text."""
    import pyarrow as pa

    plain = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}.get(column.kind, pa.string())
    return pa.list_(plain) if column.listed else plain


def _as_json(name: str, value: Any) -> str:
    """Return a nested value as canonical JSON text."""
    try:
        loaded = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{name} = {value[:40]!r} is not JSON") from None
    if isinstance(loaded, BaseModel):
        loaded = loaded.model_dump(mode="json")
    return json.dumps(loaded, sort_keys=True)


def _as_bool(name: str, value: Any) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{name} = {value!r} is not true or false")
    return found
