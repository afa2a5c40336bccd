"""Prompts of any length as the text encoder can take them: windows of 75 tokens, each with its begin and end.

CLIP has 77 positions. A longer prompt is encoded window by window and the windows stand one behind the other in the
sequence that the U-Net attends to, so that none of it is cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from .settings import LongPrompts


def windows(tokenizer: Any, prompt: str, length: int, long_prompts: LongPrompts) -> Int[np.ndarray, "w length"]:
    """Return a prompt's token ids, one row a window, the last one padded.

    Args:
        tokenizer: CLIP's.
        prompt: any text; the empty one has one window.
        length: tokens of a window, begin and end included.
        long_prompts: whether more than one window may be.

    Raises:
        ValueError: the prompt needs more than one window, and that is to be refused.
    """
    ids = list(tokenizer(prompt, add_special_tokens=False, truncation=False, verbose=False).input_ids)
    body = length - 2
    if len(ids) > body and long_prompts == "refuse":
        raise ValueError(
            f"a prompt of {len(ids)} tokens, {prompt[:40]!r}...: the text encoder takes {body}; shorten it, or set "
            "long_prompts: windows"
        )
    cuts = [ids[first : first + body] for first in range(0, max(1, len(ids)), body)]
    begin, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    rows = [[begin, *cut, end] for cut in cuts]
    return np.array([row + [pad] * (length - len(row)) for row in rows], np.int64)


def encoded(encoder: Any, tokens: Int[Tensor, "b w length"]) -> Tensor:
    """Return the encoded windows of each prompt one behind the other, (b, w * length, width).

    Args:
        encoder: CLIP's text model.
        tokens: ids; prompts of fewer windows are padded with windows of the empty prompt.
    """
    b, w, length = tokens.shape
    return encoder(tokens.reshape(b * w, length), return_dict=False)[0].reshape(b, w * length, -1)


def repeated(window: Int[np.ndarray, "1 length"], w: int) -> Int[np.ndarray, "w length"]:
    """Return one window w times: the unsaid counterpart of a prompt of w windows."""
    return np.repeat(window, w, axis=0)


def shown(counts: Tensor, w: int, length: int) -> Tensor | None:
    """Return which tokens the U-Net may attend to, (b, w * length), or None for all of them.

    Args:
        counts: windows of each prompt, (b,).
        w: windows in the batch.
        length: tokens of a window.
    """
    if w == 1:
        return None
    return (torch.arange(w, device=counts.device) < counts[:, None]).repeat_interleave(length, dim=1)
