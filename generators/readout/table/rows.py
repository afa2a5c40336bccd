"""Samples and what is to be told of them, coded as numbers: what the networks of a table's task train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float32

Kind = Literal["classification", "multilabel", "segmentation", "regression", "detection"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DENSE: tuple[Kind, ...] = ("segmentation", "detection")


@dataclass(frozen=True)
class Rows:
    """Samples of one shape with their targets.

    Attributes:
        kind: what is told.
        x: (n, channels, *space); one, two or three axes of space.
        y: what `kind` needs: (n,) class index; (n, labels) 1, 0 or NaN where it is not said; (n, *space) class index
            of each pixel, 0 background; (n,) number. Empty for detection.
        boxes: for detection, an array a row: (boxes, 2 axes + 1), low edge on each axis, high edge on each axis in
            pixels, class index.
        weight: how often each row is drawn, relative to the others.
    """

    kind: Kind
    x: Float32[np.ndarray, "n channels *space"]
    y: np.ndarray
    boxes: tuple[np.ndarray, ...]
    weight: np.ndarray

    @property
    def dims(self) -> int:
        """Return how many axes of space there are."""
        return self.x.ndim - 2

    def at(self, index: Sequence[int] | np.ndarray) -> Rows:
        """Return some of the rows, in the order of the index."""
        index = np.asarray(index, dtype=np.int64)
        boxes = tuple(self.boxes[k] for k in index.tolist()) if self.boxes else ()
        y = self.y[index] if len(self.y) else self.y
        return replace(self, x=self.x[index], y=y, boxes=boxes, weight=self.weight[index])

    def halved_with(self, other: Rows) -> Rows:
        """Return the rows of both, drawn so often that each side is half of what is drawn.

        Raises:
            ValueError: they are of another kind or shape.
        """
        if self.kind != other.kind or self.x.shape[1:] != other.x.shape[1:]:
            raise ValueError(f"rows of {self.x.shape[1:]} and {other.x.shape[1:]} cannot be put together")
        joined: dict[str, Any] = {
            "x": np.concatenate([self.x, other.x]),
            "y": np.concatenate([self.y, other.y]),
            "boxes": self.boxes + other.boxes,
            "weight": np.concatenate([self.weight / self.weight.sum(), other.weight / other.weight.sum()]),
        }
        return replace(self, **joined)

    def __len__(self) -> int:
        return len(self.x)
