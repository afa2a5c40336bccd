"""evaluate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import jobs
from ..failures import DONE
from ..progress import on_stderr
from .output import Json, Quiet, epilog, show


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=_EVALUATE)(evaluate)
    app.command(epilog=_REPORT)(report)


_EVALUATE = epilog(
    "clinsynth evaluate --real embedded:ludb --synthetic ecgs --out look",
    "clinsynth evaluate --real embedded:ludb --train 'embedded:ludb?split=tuning' --synthetic ecgs \\",
    "  --task delineation --workers 2 --out proof",
    "clinsynth evaluate --real embedded:ludb --train 'embedded:ludb?split=tuning' --synthetic twa --task twa -o proof",
    "clinsynth evaluate --real 'embedded:nih64?split=held_out' --train 'embedded:nih64?split=train' \\",
    "  --synthetic radiographs --task findings --out proof",
    "clinsynth evaluate --real table:real.csv --synthetic table:made.csv --train table:train.csv --out look",
    "clinsynth evaluate --real table:real.csv --synthetic table:made.csv --encoder rad-dino/ --out look",
    "clinsynth evaluate --real 'ptbxl:DIR?folds=9,10&on_error=skip' --synthetic ecgs --out look --limit 500",
)


def evaluate(
    real: Annotated[str, typer.Option(help="READER:PATH, embedded:NAME or a data set's folder; options behind ?.")],
    synthetic: Annotated[str, typer.Option(help="Likewise, of any generator: a data set's folder, or table:FILE.csv.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    seed: Annotated[int, typer.Option(help="Seed of halves and resamples.")] = 0,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes that measure.")] = 1,
    limit: Annotated[int | None, typer.Option(help="At most this many records of each side.")] = None,
    train: Annotated[
        str | None,
        typer.Option(
            help="Real data that the generator was trained on: adds what trained networks see, and near copies."
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Task: delineation or twa (ECGs), findings (radiographs), table; needs --train.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting of the task: seeds=5, robustness=false.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="own, simple, a FOLDER (DINOv2, RAD-DINO), a safetensors FILE or timm:NAME.", metavar="NAME"),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Measure synthetic and real data alike; each difference stands beside that of real against real."""
    with on_stderr("measuring", quiet) as progress:
        page = jobs.evaluate(
            real, synthetic, out, seed=seed, workers=workers, limit=limit, train=train, task=task, encoder=encoder,
            sets=sets or (),
            progress=progress,
        )  # fmt: skip
    show(f"report: {page}", {"out": str(out), "report": str(page)}, as_json)
    return DONE


_REPORT = epilog("clinsynth report look-1 look-2 --out report.html")


def report(
    evaluations: Annotated[list[Path], typer.Argument(help="Folders that evaluate wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
    as_json: Json = False,
) -> int:
    """Put evaluations on one HTML page that opens without a network."""
    page = jobs.report(evaluations, out)
    show(f"report: {page}", {"report": str(page)}, as_json)
    return DONE
