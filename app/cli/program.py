"""The program and its verbs; a verb imports what it needs when it runs."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ... import __version__
from . import data, judging, learning, studio

app = typer.Typer(
    name="clinsynth",
    help="Synthetic medical data: state a cohort, generate it, verify it, hold it against real data.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"clinsynth {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    if debug:
        os.environ["CLINSYNTH_DEBUG"] = "1"


for group in (studio, data, learning, judging):
    group.add_to(app)
