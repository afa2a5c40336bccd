"""Examples coded for one task: classes as numbers, one size, and only the samples of which the task's truth is said."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....generators.readout.table.rows import Kind, Rows
from ...downstream import content_sha256
from .examples import Examples, kinds_of, shrunk
from .sizing import sized_boxes, sized_mask, sized_sample

SIZE = {1: 512, 2: 64, 3: 32}
FEWEST = 5  # patients with and without a label, for it to be among those learnt


@dataclass(frozen=True)
class Coding:
    """What a task's numbers mean, found in the real training data and the same for all sides.

    Attributes:
        kind: of the task.
        words: classes or labels in the order of their numbers; for masks `class 1` and so on, without the background.
        shape: length of each axis.
        channels: of a sample.
        mean: of a regression's target.
        scale: its deviation.
        rare: labels left out since too few patients have them or have them not.
    """

    kind: Kind
    words: tuple[str, ...]
    shape: tuple[int, ...]
    channels: int
    mean: float = 0.0
    scale: float = 1.0
    rare: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Return what a network tells: classes (with the background), labels, or 1."""
        return {"segmentation": len(self.words) + 1, "regression": 1}.get(self.kind, len(self.words))


@dataclass(frozen=True)
class Prepared:
    """One side of a task.

    Attributes:
        rows: samples with their targets.
        patients: whose each row is.
        sites: where each row is from.
        groups: attributes of each row.
        labelled: whether the targets are to be used; samples alone count where not.
    """

    rows: Rows
    patients: tuple[str, ...]
    sites: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    labelled: bool = True

    @property
    def labels(self) -> Sequence[Hashable] | None:
        """Return the class of each row, where each row has one."""
        if not self.labelled or self.rows.kind not in ("classification", "multilabel"):
            return None
        return self.strata

    @property
    def strata(self) -> list[Hashable]:
        """Return what tells rows apart roughly: class, labels, whether there is anything, the third of the target."""
        rows = self.rows
        if rows.kind == "classification":
            return [int(k) for k in rows.y]
        if rows.kind == "multilabel":
            return [tuple(np.flatnonzero(row == 1).tolist()) for row in rows.y]
        if rows.kind == "segmentation":
            return [bool((mask > 0).any()) for mask in rows.y]
        if rows.kind == "detection":
            return [bool(len(one)) for one in rows.boxes]
        return [int(k) for k in np.searchsorted(np.quantile(rows.y, [1 / 3, 2 / 3]), rows.y)]

    def only(self, patients: Sequence[str]) -> Prepared:
        """Return the rows of some patients."""
        wanted = set(patients)
        return self.at(np.array([name in wanted for name in self.patients], dtype=bool))

    def at(self, mask: np.ndarray) -> Prepared:
        """Return the rows that a mask marks."""
        index = np.flatnonzero(mask)

        def some(column: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(column[k] for k in index.tolist())

        groups = {name: some(column) for name, column in self.groups.items()}
        return replace(
            self, rows=self.rows.at(index), patients=some(self.patients), sites=some(self.sites), groups=groups
        )

    def joined(self, other: Prepared) -> Prepared:
        """Return the rows of both, each side half of what is drawn."""
        return replace(
            self, rows=self.rows.halved_with(other.rows), patients=self.patients + other.patients,
            sites=self.sites + other.sites, groups={},
        )  # fmt: skip

    def fingerprint(self) -> str:
        """Return a hash of the content."""
        r = self.rows
        boxes = np.concatenate([np.insert(b, 0, k, axis=1) for k, b in enumerate(r.boxes)]) if r.boxes else np.zeros(0)
        return content_sha256(r.x, r.y, boxes, r.weight, self.patients, [r.kind, str(self.labelled)])

    def __len__(self) -> int:
        return len(self.rows)


def coding_of(examples: Examples, kind: Kind | None, size: int | None) -> Coding:
    """Return the coding that real training data ask for.

    Args:
        examples: real training data.
        kind: of the task; the one that they allow, when left out.
        size: longest axis in pixels; `SIZE` when left out. Nothing is enlarged.

    Raises:
        ValueError: no task or several, one class, a constant target, or labels too rare.
    """
    found = kinds_of(examples)
    if kind is None and len(found) != 1:
        said = "no label, labels, target, mask or boxes" if not found else f"{', '.join(found)}; give kind, one of them"
        raise ValueError(f"the training data have {said}")
    kind = kind or found[0]
    if kind not in found:
        raise ValueError(f"the training data allow {', '.join(found) or 'no task'}, not {kind}")
    space = tuple(examples.x.shape[2:])
    shape = shrunk(space, SIZE[len(space)] if size is None else size)
    made = Coding(kind, (), shape, examples.x.shape[1])
    if kind == "regression":
        return _numbers(made, examples)
    if kind == "multilabel":
        return _labels(made, examples)
    if kind == "segmentation":
        assert examples.masks is not None
        most = int(examples.masks.max())
        return replace(made, words=tuple(f"class {k}" for k in range(1, most + 1)))
    if kind == "detection":
        words = sorted({name for row in examples.box_labels or () for name in row}) or ["box"]
        return replace(made, words=tuple(words))
    words = sorted({str(one) for one in examples.labels or () if one is not None})
    if len(words) < 2:
        raise ValueError(f"the training data are of one class only ({words[0]!r}); at least two are needed")
    return replace(made, words=tuple(words))


def prepared(examples: Examples, coding: Coding, side: str) -> tuple[Prepared, int]:
    """Return a side's samples coded, and how many were left out since their truth is not said.

    Args:
        examples: of the side.
        coding: from `coding_of`.
        side: its name, for errors.

    Raises:
        ValueError: other axes or channels, a class that the training data lack, or nothing is left.
    """
    if examples.x.shape[1] != coding.channels or examples.x.ndim - 2 != len(coding.shape):
        raise ValueError(
            f"the {side} samples have {examples.x.shape[1]} channels and {examples.x.ndim - 2} axes, the training "
            f"samples {coding.channels} and {len(coding.shape)}"
        )
    known = _known(examples, coding.kind)
    if not known.any():
        raise ValueError(f"none of the {len(examples)} {side} samples says what {coding.kind} needs")
    part = examples.only(known)
    x = np.stack([sized_sample(one, coding.shape) for one in part.x])
    y, boxes = _coded(part, coding, side)
    rows = Rows(coding.kind, np.ascontiguousarray(x, dtype=np.float32), y, boxes, np.ones(len(part)))
    sites = part.sites or ("",) * len(part)
    return Prepared(rows, part.patients, sites, part.groups), int((~known).sum())


def _known(examples: Examples, kind: Kind) -> np.ndarray:
    n = len(examples)
    if kind in ("classification", "multilabel"):
        return np.array([one is not None for one in examples.labels or (None,) * n], dtype=bool)
    if kind == "regression":
        return np.zeros(n, bool) if examples.targets is None else np.isfinite(examples.targets)
    if kind == "segmentation":
        return np.zeros(n, bool) if examples.masks is None else examples.masks.reshape(n, -1).min(axis=1) >= 0
    return np.array([one is not None for one in examples.boxes or (None,) * n], dtype=bool)


def _coded(examples: Examples, coding: Coding, side: str) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    number = {word: k for k, word in enumerate(coding.words)}
    if coding.kind == "regression":
        return (np.asarray(examples.targets, dtype=float) - coding.mean) / coding.scale, ()
    if coding.kind == "segmentation":
        assert examples.masks is not None
        if examples.masks.max() > len(coding.words):
            raise ValueError(f"a {side} mask holds the class {int(examples.masks.max())}, which no training mask has")
        return np.stack([sized_mask(m, coding.shape) for m in examples.masks]).astype(np.int64), ()
    if coding.kind == "detection":
        return np.zeros(0), _boxes(examples, coding, side, number)
    labels = [one for one in examples.labels or () if one is not None]
    named = [one if isinstance(one, tuple) else (str(one),) for one in labels]
    strange = sorted({word for row in named for word in row} - set(number) - set(coding.rare))
    if strange:
        raise ValueError(f"the {side} data have the class {strange[0]!r}, which the training data lack")
    if coding.kind == "classification":
        return np.array([number[row[0]] for row in named], dtype=np.int64), ()
    return np.array([[float(word in row) for word in coding.words] for row in named]), ()


def _boxes(examples: Examples, coding: Coding, side: str, number: Mapping[str, int]) -> tuple[np.ndarray, ...]:
    names = examples.box_labels or tuple(("box",) * len(one) for one in examples.boxes or () if one is not None)
    strange = sorted({word for row in names for word in row} - set(number))
    if strange:
        raise ValueError(f"the {side} boxes hold {strange[0]!r}, which the training boxes lack")
    made, dims = [], len(coding.shape)
    for edges, row in zip(examples.boxes or (), names, strict=True):
        found = np.asarray(edges, dtype=float).reshape(-1, 2 * dims)
        sized = sized_boxes(found, examples.x.shape[2:], coding.shape)
        made.append(np.column_stack([sized, np.array([number[word] for word in row], dtype=float)]))
    return tuple(made)


def _numbers(coding: Coding, examples: Examples) -> Coding:
    assert examples.targets is not None
    target = examples.targets[np.isfinite(examples.targets)]
    if len(target) < 2 or target.std() < 1e-12 * (1 + abs(target.mean())):
        raise ValueError(f"the target of the {len(target)} training samples does not vary; it can be told without them")
    return replace(coding, mean=float(target.mean()), scale=float(target.std()), words=("target",))


def _labels(coding: Coding, examples: Examples) -> Coding:
    rows = [(who, one if isinstance(one, tuple) else (one,))
            for who, one in zip(examples.patients, examples.labels or (), strict=True) if one is not None]  # fmt: skip
    words = sorted({word for _, row in rows for word in row if word is not None})

    def enough(word: str) -> bool:
        sides = ({who for who, row in rows if (word in row) is there} for there in (True, False))
        return all(len(side) >= FEWEST for side in sides)

    kept = tuple(word for word in words if enough(word))
    if not kept:
        raise ValueError(
            f"no label is there in {FEWEST} patients and absent in as many; found {', '.join(words) or 'none'}"
        )
    return replace(coding, words=kept, rare=tuple(word for word in words if word not in kept))
