"""demo, models, doctor, ui."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import jobs
from ..failures import DONE, FAILURE, QUARANTINED
from ..jobs.demos import DEMOS
from ..progress import on_stderr
from .output import Json, Quiet, epilog, show

models_app = typer.Typer(help="List the generators, or show what one can be asked for.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command(epilog=_DEMO)(demo)
    app.command(epilog=_DOCTOR)(doctor)
    app.command(epilog=_UI)(ui)
    app.add_typer(models_app, name="models", epilog=_MODELS)


_DEMO = epilog("clinsynth demo ecg", "clinsynth demo radiograph")


def demo(
    kind: Annotated[str, typer.Argument(help=f"Which demo: {', '.join(DEMOS)}.")] = "ecg",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for all that it makes.")] = Path("clinsynth-demo"),
    n: Annotated[int | None, typer.Option("--n", "-n", help="Number of samples [default: the demo's].")] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes.")] = 2,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """The main job, whole, on embedded real data: plan, sample, verify, evaluate."""
    done = jobs.demo(kind, out, n=n, workers=workers, stage=lambda label: on_stderr(label, quiet))
    text = f"data set: {done.dataset} ({done.sampled.written} records, verified)\nreport: {done.report}"
    content = {"dataset": str(done.dataset), "report": str(done.report), **done.sampled.as_dict()}
    show(text, content, as_json)
    return QUARANTINED if done.sampled.quarantined else DONE


_DOCTOR = epilog("clinsynth doctor --json")


def doctor(as_json: Json = False) -> int:
    """Say what is installed, which devices and attention will be used, what is broken and the remedy."""
    findings = jobs.doctor()
    broken = [f for f in findings if f.state == "broken"]
    lines = [
        f"{f.state:<8} {f.name}: {f.detail}" + (f"\n         remedy: {f.remedy}" if f.remedy else "") for f in findings
    ]
    warned = sum(f.state == "warning" for f in findings)
    lines.append(
        f"{'broken' if broken else 'usable'}: {len(broken)} broken, {warned} warnings, {len(findings)} looked at"
    )
    content = {"usable": not broken, "findings": [f.as_dict() for f in findings]}
    show("\n".join(lines), content, as_json)
    return FAILURE if broken else DONE


_UI = epilog("clinsynth ui --port 7860")


def ui(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's need --auth.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.", min=0, max=65535)] = 7860,
    auth: Annotated[str | None, typer.Option(help="USER:PASSWORD that the page asks for.")] = None,
) -> int:
    """Open the studio's page in the browser: one ECG at a time, with its files and its command."""
    from ..ui import serve

    serve(host, port, auth)
    return DONE


_MODELS = epilog("clinsynth models list", "clinsynth models show ecg --json")


@models_app.callback(invoke_without_command=True)
def _models(context: typer.Context) -> int:
    """List the generators, or show what one can be asked for."""
    return list_models() if context.invoked_subcommand is None else DONE


@models_app.command("list", epilog=_MODELS)
def list_models(as_json: Json = False) -> int:
    """List the generators."""
    found = jobs.models()
    text = "\n".join(f"{m['name']}  {m['about']} ({', '.join(m['formats'])})" for m in found)
    show(text, {"models": found}, as_json)
    return DONE


@models_app.command("show", epilog=_MODELS)
def show_model(
    name: Annotated[str, typer.Argument(help="The generator's name, or a trained model's folder.")],
    as_json: Json = False,
) -> int:
    """Show the fields that a generator's condition takes, and how many training images had each value."""
    found = jobs.describe_model(name)
    formats = f"formats {', '.join(found['formats'])}, {found['shard_size']} samples a shard"
    lines = [f"{found['name']}: {found['about']}", formats, _LEFT_OUT, "", *map(_field, found["fields"])]
    show("\n".join(lines), found, as_json)
    return DONE


_LEFT_OUT = "A field that is left out is drawn from the population, unless its text or default says otherwise."


def _field(field: dict[str, Any]) -> str:
    """Return a field's name, what it takes and what it means, in lines that fit a terminal."""
    meaning = field["meaning"][:1].upper() + field["meaning"][1:]
    lines = [_takes(field), meaning]
    if "support" in field:
        counts = ", ".join(f"{value} {count}" for value, count in field["support"].items())
        lines.append(f"Training images: {counts or 'none'}")
    text = "\n".join(_wrapped(line) for line in lines)
    return f"{field['name']}\n{text}"


def _takes(field: dict[str, Any]) -> str:
    """Return which values a field takes, in words."""
    kind, allowed, default = field["kind"], field["allowed"], field["default"]
    if isinstance(allowed, list):
        said = f"{'any, joined by |,' if kind.startswith('list') else 'one'} of {', '.join(map(str, allowed))}"
    else:
        said = {"number": "number", "integer": "whole number", "string": "text", "object": "JSON"}.get(kind, kind)
        said += " " + allowed.replace("..", " to ") if allowed else ""
    if default is None:
        return said
    shown = "|".join(map(str, default)) if isinstance(default, list | tuple) else f"{default:g}"
    return f"{said} [default: {shown}]"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
