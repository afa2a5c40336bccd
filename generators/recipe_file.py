"""A recipe as a YAML file: everything that decides how a generator is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ..conditioning.words import one_line


class RecipeFile(BaseModel):
    """A recipe; each learned generator has its own fields, and a wrong one is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the recipe in a YAML file.

        Raises:
            ValueError: the file is missing, no YAML, or has a field or value that cannot be; the message names it.
        """
        if not path.is_file():
            raise ValueError(f"{path} is not a file; a recipe is a YAML file")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
        return cls.of(content, str(path))

    @classmethod
    def of(cls, content: Any, source: str) -> Self:
        """Return the recipe in the content of a YAML file.

        Args:
            content: mappings, lists and values.
            source: what errors call it.

        Raises:
            ValueError: a field or value cannot be; the message names it.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ValueError(f"{source}: {one_line(error, cls)}") from error
