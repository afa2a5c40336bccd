"""What a verb prints: plain lines for people, one JSON object for machines."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def show(text: str, content: dict[str, Any], as_json: bool) -> None:
    """Print `content` as JSON, or `text`."""
    print(json.dumps(content, indent=1, default=str) if as_json else text, flush=True)


def epilog(*commands: str) -> str:
    """Return a help text's closing examples."""
    return "\b\nExample:\n" + "\n".join(f"  {command}" for command in commands)
