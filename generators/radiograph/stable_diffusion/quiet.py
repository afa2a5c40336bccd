"""Loading and saving without the libraries' progress bars and advice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Let diffusers and transformers say errors only."""
    from diffusers.utils import logging as diffusers
    from transformers.utils import logging as transformers

    before = diffusers.get_verbosity(), transformers.get_verbosity(), transformers.is_progress_bar_enabled()
    diffusers.set_verbosity_error()
    transformers.set_verbosity_error()
    transformers.disable_progress_bar()
    try:
        yield
    finally:
        diffusers.set_verbosity(before[0])
        transformers.set_verbosity(before[1])
        if before[2]:
            transformers.enable_progress_bar()
