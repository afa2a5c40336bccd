"""plan, sample, verify, export, submit."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import jobs
from ..failures import DAMAGED, DONE, FAILURE, QUARANTINED
from ..progress import on_stderr
from .output import Json, Quiet, epilog, show

Model = Annotated[
    str, typer.Option("--model", "-m", help="Generator (clinsynth models lists them) or a trained model's folder.")
]
Plan = Annotated[Path, typer.Option("--plan", "-p", help="Cohort plan, .parquet or .csv.")]
PlanOrReader = Annotated[
    str,
    typer.Option(
        "--plan", "-p", help="Cohort plan, .parquet or .csv; or READER:PATH, such as brats:DIR: what is missing there."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the data set.")]
Format = Annotated[str | None, typer.Option("--format", help="File format [default: the generator's].")]
Layout = Annotated[str, typer.Option(help="folder, or webdataset for tar shards.")]
ShardSize = Annotated[int | None, typer.Option(help="Samples a shard [default: the generator's].")]
BatchSize = Annotated[int, typer.Option(help="Samples a batch.")]
Device = Annotated[str, typer.Option(help="auto (a CUDA device if there is one), cpu, cuda:1, ...")]
Seed = Annotated[int | None, typer.Option(help="Run seed, for a plan's file without seeds only.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=_PLAN)(plan)
    app.command(epilog=_SAMPLE)(sample)
    app.command(epilog=_VERIFY)(verify)
    app.command(epilog=_EXPORT)(export)
    app.command(epilog=_SUBMIT)(submit)


_PLAN = epilog(
    "clinsynth plan cohort.parquet --generator ecg --n 400 --balance sex,age_band \\",
    "  --set heart_rate_bpm=55..95 --set noise=muscle,baseline_wander --quota findings=long_qt:0.25",
    "clinsynth plan missing.parquet --from brats:DIR   (a row for each patient with a contrast missing)",
)


def plan(
    out: Annotated[Path, typer.Argument(help="The plan's file, .parquet or .csv.")],
    n: Annotated[int | None, typer.Option("--n", "-n", help="Number of samples.")] = None,
    there: Annotated[
        str | None,
        typer.Option("--from", help="READER:PATH: a row for each patient there of whom something is missing."),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator", "-g", help="Generator that the plan is for, or a trained model's folder [default: ecg; mri]."
        ),
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(help="Columns to balance over, such as sex,age_band; counts differ by 1 at most."),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="FIELD=VALUE, FIELD=A,B,C or FIELD=LOW..HIGH (lists: a|b).")
    ] = None,
    quota: Annotated[list[str] | None, typer.Option(help="FIELD=VALUE:SHARE, an exact share of the samples.")] = None,
    records_per_patient: Annotated[int, typer.Option(help="Records that share one patient.")] = 1,
    like: Annotated[
        str | None,
        typer.Option(help="Real data (READER:PATH) whose records give, jointly, the fields that no rule decides."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Run seed.")] = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Make a cohort plan from rules, or of what is there: a table with one row a sample."""
    columns = [name.strip() for text in balance or () for name in text.split(",") if name.strip()]
    warned: list[str] = []
    told: dict[str, Any] = {"sets": sets or (), "seed": seed, "warn": warned.append}
    _refuse_both(n, there, {"--balance": columns, "--quota": quota, "--like": like})
    with on_stderr("planning", quiet) as progress:
        if there is not None:
            made = jobs.plan_from(out, there, generator or "mri", progress=progress, **told)
        else:
            made = jobs.plan(
                out,
                generator or "ecg",
                n or 0,
                balance=columns,
                quotas=quota or (),
                records_per_patient=records_per_patient,
                like=like,
                progress=progress,
                **told,
            )
    for line in warned:
        print(f"warning: {line}", file=sys.stderr, flush=True)
    content = {
        "plan": str(out),
        "n": len(made),
        "seed": seed,
        "sha256": made.sha256,
        "columns": made.table.column_names,
        "warnings": warned,
    }
    show(f"{out}: {len(made)} samples, columns {', '.join(made.table.column_names)}", content, as_json)
    return DONE


def _refuse_both(n: int | None, there: str | None, rules: dict[str, Any]) -> None:
    """Refuse a plan that is both made from rules and of what is there, or neither."""
    if (n is None) == (there is None):
        raise ValueError("name either --n, how many samples to draw, or --from READER:PATH, whose patients to complete")
    given = next((flag for flag, value in rules.items() if value), None)
    if there is not None and given is not None:
        raise ValueError(f"{given} draws a cohort; --from {there} has the patients that there are")


_SAMPLE = epilog(
    "clinsynth sample --model ecg --plan cohort.parquet --out ecgs --workers 2",
    "clinsynth sample --model ecg --plan cohort.parquet --out ecgs --part 0/8   (one of eight machines)",
    "clinsynth sample --model mri --plan brats:DIR --out completed   (the missing contrasts of every patient)",
)


def sample(
    model: Model,
    plan: PlanOrReader,
    out: Out,
    part: Annotated[
        str, typer.Option(help="w/W: only the shards k with k mod W = w; `rank` takes both from RANK and WORLD_SIZE.")
    ] = "0/1",
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes on this machine.")] = 1,
    file_format: Format = None,
    layout: Layout = "folder",
    shard_size: ShardSize = None,
    batch_size: BatchSize = 64,
    device: Device = "auto",
    quality_control: Annotated[
        bool, typer.Option(help="Judge each image and draw it again where it fails, if the model has an inspector.")
    ] = True,
    inspector: Annotated[Path | None, typer.Option(help="Folder of an inspector [default: the model's own].")] = None,
    retries: Annotated[int, typer.Option(min=0, max=100, help="Further tries of an image that fails.")] = 3,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Generate a plan's samples; run again after a stop, it goes on where it stood."""
    with on_stderr("sampling", quiet) as progress:
        done = jobs.sample(
            model,
            plan,
            out,
            part=parse_part(part),
            workers=workers,
            file_format=file_format,
            layout=layout,
            shard_size=shard_size,
            batch_size=batch_size,
            device=device,
            control=jobs.Control(on=quality_control, inspector=inspector and str(inspector), retries=retries),
            seed=seed,
            progress=progress,
            warn=lambda line: print(f"warning: {line}", file=sys.stderr, flush=True),
        )
    state = "complete" if done.complete else f"{done.shards_done} of {done.shards} shards"
    bad = f", {done.quarantined} quarantined" if done.quarantined else ""
    show(f"{out}: {done.written} of {done.n} samples written{bad}, {state}", done.as_dict(), as_json)
    return QUARANTINED if done.quarantined else DONE


_VERIFY = epilog("clinsynth verify ecgs")


def verify(dataset: Annotated[Path, typer.Argument(help="Folder of the data set.")], as_json: Json = False) -> int:
    """Check every receipt and hash of a data set."""
    from ...conditioning.dataset import DamagedDataset

    try:
        found = jobs.verify(dataset)
    except DamagedDataset as damage:  # of dataset.json: nothing behind it can be told
        unknown = dict.fromkeys(("n", "written", "quarantined", "shards", "shards_done"))
        content = {"dataset": str(dataset), "ok": False, "complete": False, **unknown, "problems": [str(damage)]}
        show(str(damage), content, as_json)
        return DAMAGED
    content = {
        "dataset": str(dataset),
        "ok": found.ok,
        "complete": found.complete,
        "n": found.n,
        "written": found.written,
        "quarantined": found.quarantined,
        "shards": found.shards,
        "shards_done": found.shards_done,
        "problems": list(found.problems),
    }
    if found.problems:
        text = "\n".join(found.problems)
    elif not found.complete:
        text = f"{dataset}: {found.shards_done} of {found.shards} shards are done and verify; the rest is to be made"
    else:
        bad = f", {found.quarantined} quarantined" if found.quarantined else ""
        text = f"{dataset}: {found.written} samples in {found.shards} shards verify{bad}"
    show(text, content, as_json)
    return DAMAGED if found.problems else (DONE if found.complete else FAILURE)


_EXPORT = epilog(
    "clinsynth export ecgs --format csv --out ecgs-csv",
    "clinsynth export radiographs --format dicom --out radiographs-dicom",
)


def export(
    dataset: Annotated[Path, typer.Argument(help="Folder of a finished data set.")],
    file_format: Annotated[
        str, typer.Option("--format", "-f", help="csv, webdataset; wfdb; dicom, png or png16; nifti.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Write a data set in the files that other tools read."""
    with on_stderr("exporting", quiet) as progress:
        count = jobs.export(dataset, file_format, out, progress=progress)
    content = {"dataset": str(dataset), "format": file_format, "out": str(out), "samples": count}
    show(f"{out}: {count} samples as {file_format}", content, as_json)
    return DONE


_SUBMIT = epilog(
    "clinsynth submit --model ecg --plan cohort.parquet --out ecgs --engine slurm --parts 16 \\",
    "  --option slurm_partition=cpu --option timeout_min=60",
)


def submit(
    model: Model,
    plan: Plan,
    out: Out,
    engine: Annotated[
        str,
        typer.Option(
            "--engine", "-e", help="local, accelerate, slurm (needs clinsynth[submit]) or ray (clinsynth[ray])."
        ),
    ],
    parts: Annotated[int, typer.Option(help="Processes, ranks, array tasks or Ray tasks.")],
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for the engine.")] = None,
    file_format: Format = None,
    layout: Layout = "folder",
    shard_size: ShardSize = None,
    batch_size: BatchSize = 64,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Run the parts of `sample` on an engine: local processes, accelerate ranks, a SLURM array, Ray tasks."""
    settings: dict[str, Any] = {
        "file_format": file_format,
        "layout": layout,
        "shard_size": shard_size,
        "batch_size": batch_size,
        "seed": seed,
    }
    with on_stderr("sampling", quiet or engine != "local") as progress:
        said = jobs.submit(
            engine, model, plan, out, parts=parts, settings=settings, options=option or (), progress=progress
        )
    jobs_said = f", jobs {', '.join(map(str, said['jobs']))}" if "jobs" in said else ""
    show(f"{out}: {parts} parts on {engine}{jobs_said}", said, as_json)
    return QUARANTINED if said.get("quarantined") else DONE


# Rank and number of ranks, as torch's and MPI's launchers name them.
_LAUNCHERS = (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"))


def parse_part(text: str) -> tuple[int, int]:
    """Return (w, W) from `w/W`, or from a launcher's RANK and WORLD_SIZE for `rank`.

    Raises:
        ValueError: the text is neither, or no launcher has set them.
    """
    if text == "rank":
        for rank, size in _LAUNCHERS:
            if os.environ.get(rank, "").isdecimal() and os.environ.get(size, "").isdecimal():
                return int(os.environ[rank]), int(os.environ[size])
        if "ACCELERATE_MIXED_PRECISION" in os.environ:  # accelerate launch with one process names no rank
            return 0, 1
        raise ValueError("--part rank needs RANK and WORLD_SIZE in the environment, as `accelerate launch` sets them")
    w, slash, whole = text.partition("/")
    if not (slash and w.isdecimal() and whole.isdecimal() and int(w) < int(whole)):
        raise ValueError(f"--part {text!r} is not w/W with 0 <= w < W, such as 0/2 and 1/2")
    return int(w), int(whole)
