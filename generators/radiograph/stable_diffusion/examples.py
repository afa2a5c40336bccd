"""What a Stable Diffusion folder is trained further on: radiographs of any reader, with their conditions as prompts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from ....conditioning.radiograph import RadiographCondition
from ....conditioning.radiograph.prompt import prompt
from ....conditioning.readers import read
from ....conditioning.record import Record
from ...training import Examples, Subset, split_by_patient
from ..table import Table, table_of
from .frame import Frame
from .latents import image_of, moments_of
from .layout import files_sha256
from .settings import DataConfig
from .text import repeated, windows

_TOGETHER = 8  # images that are encoded at once


class RadiographExamples:
    """Rows of a table with the token ids of their prompts."""

    def __init__(self, table: Table, tokenizer: Any, length: int, data: DataConfig) -> None:
        """Speak of a table's rows.

        Args:
            table: images, or the moments of their latents.
            tokenizer: of the folder.
            length: tokens of a window.
            data: `latents` says which the table has.

        Raises:
            ValueError: a prompt is too long, and that is to be refused.
        """
        self.patients: Sequence[str] = table.patients
        self._table, self._key = table, "moments" if data.latents == "once" else "image"
        self._empty = windows(tokenizer, "", length, "windows")
        said = (prompt(told(condition)) for condition in table.conditions)
        self._tokens = [windows(tokenizer, text, length, data.long_prompts) for text in said]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._tokens)

    def batch(self, rows: Int[np.ndarray, " b"]) -> dict[str, torch.Tensor]:
        """Return the rows' tensors.

        Returns:
            `moments`, (b, 2 c, h, w), or `image`, (b, rows, cols); `tokens`, (b, w, length) ids, filled up with windows
            of the empty prompt to as many as the longest prompt of the batch has; `windows`, (b,), how many are own.
        """
        tokens = [self._tokens[row] for row in rows.tolist()]
        counts = [len(each) for each in tokens]
        full = [np.concatenate([each, repeated(self._empty, max(counts) - len(each))]) for each in tokens]
        return {
            self._key: torch.from_numpy(np.asarray(self._table.rows[rows], np.float32)),
            "tokens": torch.from_numpy(np.stack(full)),
            "windows": torch.tensor(counts),
        }


def told(condition: RadiographCondition) -> RadiographCondition:
    """Return of a real image what its prompt is to say.

    A report speaks for itself: labels read from it would say it twice, or otherwise. Without a report, findings that
    are absent are said only where nothing else is: a user who asks for an effusion does not list what is to be missing.
    """
    if condition.text is not None:
        return condition.model_copy(update={"findings": None, "absent": None, "uncertain": None})
    if condition.findings or condition.uncertain:
        return condition.model_copy(update={"absent": None})
    return condition


def prepare(folder: Path, data: DataConfig) -> tuple[Examples, Examples]:
    """Return examples to train on and to validate on; no patient is on both sides.

    Args:
        folder: the Stable Diffusion folder that is trained further.
        data: what to train on.

    Raises:
        ValueError: source, folder or cache are not as they should be, or there are too few patients.
    """
    frame = Frame.read(folder)
    size = frame.size if data.size is None else data.size
    frame.latent_shape(size)
    settings = {"source": data.source, "size": size, "latents": data.latents}
    if data.latents == "once":
        settings["vae_sha256"] = files_sha256(folder / "vae")
    table = table_of(lambda: _rows(frame, data, size), settings, data.cache)
    examples = RadiographExamples(table, frame.tokenizer, frame.length, data)
    train, validation = split_by_patient(examples.patients, data.validation_share, data.seed)
    return Subset(examples, train), Subset(examples, validation)


def _rows(frame: Frame, data: DataConfig, size: int) -> Iterator[tuple[Record, np.ndarray]]:
    """Yield each record with its image, or with the moments of its latent."""
    records = ((record, image_of(record, size)) for record in read(data.source))
    if data.latents == "on_the_fly":
        yield from records
        return
    device = _device()
    vae = frame.network("vae").to(device)
    while some := list(islice(records, _TOGETHER)):
        images = torch.from_numpy(np.stack([image for _, image in some])).to(device)
        moments = moments_of(vae, images).cpu().numpy()
        yield from zip((record for record, _ in some), moments, strict=True)


def _device() -> torch.device:
    """Return the device that the launcher gave this process."""
    return (
        torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        if torch.cuda.is_available()
        else torch.device("cpu")
    )
