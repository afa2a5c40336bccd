"""`phantom:brain?n=200&seed=1`: phantom brains where a source of records is named, made when they are asked for.

Any field of the condition may stand behind the `?` beside `n` and `seed`, as in
`phantom:brain?n=50&tumour=low_grade&protocol=randomised`. Brain k has the seed that a run of that seed gives to the
sample `brain-00000k`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from ....conditioning.mri.phantom_condition import BrainPhantomCondition
from ....conditioning.readers import read
from ....conditioning.readers.options import split_options
from ....conditioning.record import Record
from ....conditioning.seeds import sample_seed
from ....conditioning.words import one_line, unknown
from .brain import image_brain

PREFIX = "phantom:"
_DEFAULT_N = 16


def is_phantom(source: str) -> bool:
    """Return whether a source names phantoms."""
    return source.startswith(PREFIX)


def read_brains(source: str, **options: Any) -> Iterator[Record]:
    """Return the records of a source: phantoms, or whatever `conditioning.readers.read` opens.

    Args:
        source: `phantom:brain?n=200&seed=1`, or any other source.
        options: options of the source.

    Raises:
        ValueError: no such phantom, an option that is not known, or a value that a phantom cannot have.
    """
    if not is_phantom(source):
        return read(source, **options)
    base, behind = split_options(source)
    name = base.removeprefix(PREFIX)
    if name != "brain":
        raise ValueError(unknown("phantom", name, ("brain",)))
    if twice := behind.keys() & options.keys():
        raise ValueError(f"option {sorted(twice)[0]!r} stands both behind {base!r} and beside it")
    given: dict[str, Any] = {**behind, **options}
    n, seed = (_whole(given.pop(key, default), key) for key, default in (("n", _DEFAULT_N), ("seed", 0)))
    try:
        condition = BrainPhantomCondition.model_validate(given)
    except ValidationError as error:
        raise ValueError(f"{source}: {one_line(error, BrainPhantomCondition)}") from None
    return phantoms(condition, n, seed)


def phantoms(condition: BrainPhantomCondition, n: int, seed: int) -> Iterator[Record]:
    """Yield n brains of a condition, of a patient each.

    Args:
        condition: what all of them share.
        n: how many.
        seed: run seed.
    """
    for k in range(n):
        sample_id = f"brain-{k:06d}"
        yield replace(image_brain(condition, sample_seed(seed, sample_id)), record_id=sample_id)


def _whole(value: Any, name: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a whole number") from None
    if number < (name == "n"):
        raise ValueError(f"{name} = {number}: {'1 or more brains are made' if name == 'n' else '0 or more is needed'}")
    return number
