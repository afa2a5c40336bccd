"""fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import jobs
from ..failures import DONE, STOPPED
from ..progress import on_stderr
from .output import Json, Quiet, epilog, show


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=_FIT)(fit)


_FIT = epilog(
    "clinsynth fit preset:ecg-diffusion-small --out runs/small",
    "clinsynth fit my.yaml --out runs/mine --set training.steps=2000 --set data.artificial=8000",
    "torchrun --nproc_per_node 2 -m clinsynth fit preset:ecg-diffusion-small --out runs/two",
)


def fit(
    config: Annotated[str, typer.Argument(help="A YAML file of settings, or preset:NAME (models lists them).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    resume: Annotated[str, typer.Option(help="latest, never, or a checkpoint's folder.")] = "latest",
    sets: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: a.b=c.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train a generator; a stopped run goes on by the same command, to the same weights."""
    from ..jobs.fitting import is_main_process

    with on_stderr("training", quiet or not is_main_process()) as progress:
        report = jobs.fit(config, out, resume=resume, sets=sets or (), progress=progress)
    if is_main_process():
        show(_said(report), _content(report), as_json)
    return STOPPED if report.interrupted else DONE


def _said(report: Any) -> str:
    if report.interrupted:
        return f"{report.run}: stopped after step {report.step} of {report.steps}; the same command goes on"
    losses = ", ".join(f"{name} {value:.4f}" for name, value in report.validation_loss.items())
    validated = f"; validation loss {losses}" if losses else ""
    return f"model: {report.model} ({report.step} steps{validated})"


def _content(report: Any) -> dict[str, Any]:
    names = ("run", "step", "steps", "interrupted", "resumed_from", "loss", "validation_loss", "checkpoint", "model")
    return {name: getattr(report, name) for name in names}
