"""Settings of a run, held against what they may be before anything is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

if TYPE_CHECKING:
    from ...generators.protocol import Generator
    from ...generators.storage import StorageConfig


class WrongSetting(ValueError):
    """A setting that cannot be; the command line names it by its flag.

    Attributes:
        setting: name of the argument, such as `shard_size`.
        said: what it must be and what was given.
    """

    def __init__(self, setting: str, said: str) -> None:
        """Say that `setting` `said`, such as "must be at least 1; got 0"."""
        super().__init__(f"{setting} {said}")
        self.setting, self.said = setting, said


def at_least_one(setting: str, value: int) -> None:
    """Refuse a count below 1.

    Raises:
        WrongSetting: it is.
    """
    if value < 1:
        raise WrongSetting(setting, f"must be at least 1; got {value}")


def storage_config(generator: Generator, settings: Mapping[str, Any]) -> StorageConfig:
    """Return how a generator's samples are to be stored.

    Args:
        generator: what makes them.
        settings: fields of `StorageConfig`.

    Raises:
        WrongSetting: a value is out of its range or not one of its words.
    """
    from ...generators.storage import StorageConfig

    file_format = settings.get("file_format")
    if file_format is not None and file_format not in generator.formats:
        raise WrongSetting("file_format", f"must be one of {', '.join(generator.formats)}; got {file_format}")
    try:
        return StorageConfig(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _wrong(str(first["loc"][0]), first["input"], first["msg"]) from None


def _wrong(name: str, value: Any, otherwise: str) -> WrongSetting:
    """Return the error of one field of the storage's settings."""
    from ...conditioning.plan import columns_of
    from ...generators.storage import StorageConfig

    column = columns_of(StorageConfig).get(name)
    if column is not None and column.words:
        return WrongSetting(name, f"must be one of {', '.join(map(str, column.words))}; got {value}")
    if column is not None and column.low is not None and column.high is not None:
        return WrongSetting(name, f"must be a whole number from {column.low} to {column.high}; got {value}")
    return WrongSetting(name, f"= {value!r}: {otherwise.lower()}")
