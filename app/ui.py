"""The studio's page: one ECG at a time, with its sheet, its files and the command that makes the same."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..conditioning.plan import CohortPlan, Column, columns_of, make_plan
from ..conditioning.plan.columns import checked
from .jobs.planning import plan_command

if TYPE_CHECKING:
    from ..conditioning.record import Record

_GENERATOR = "ecg"
_HIDDEN = ("patient_id", "patient_seed", "kernels")
_EMPTY = "(none)"  # a list that is asked to be empty, apart from one that is left out
_KEEP_S = 3600
_LOCAL = ("127.0.0.1", "localhost", "::1")
BANNER = "# clinsynth\nArtificial 12-lead ECGs. **SYNTHETIC: no sample was recorded from a person; not for diagnosis.**"


def controls() -> list[Column]:
    """Return the fields of the condition that the page has a control for."""
    from ..generators.protocol import generator_class

    return [c for c in columns_of(generator_class(_GENERATOR).condition_type).values() if c.name not in _HIDDEN]


def ask(seed: float | None, values: Sequence[Any]) -> tuple[CohortPlan, str]:
    """Return the plan of one sample, and the commands that make the same data set.

    Args:
        seed: run seed.
        values: one value a control; None or an empty list leaves the field out.

    Raises:
        ValueError: a value is out of bounds or contradicts another.
    """
    from ..generators.protocol import generator_class

    run_seed = int(seed or 0)
    given = {c.name: _value(c, value) for c, value in zip(controls(), values, strict=True) if _is_set(c, value)}
    condition_type = generator_class(_GENERATOR).condition_type
    fixed = {name: checked(condition_type, name, value) for name, value in given.items()}
    plan = make_plan(condition_type, 1, fixed=fixed, seed=run_seed)
    command = plan_command(plan.rules, _GENERATOR, "ecg.parquet")
    return plan, f"{command}\nclinsynth sample --model {_GENERATOR} --plan ecg.parquet --out ecg"


def make(plan: CohortPlan) -> Record:
    """Return the record of a plan's first row, as `sample` makes it."""
    from dataclasses import replace

    from .jobs.models import build

    generator = build(_GENERATOR)
    record: Record = next(iter(generator.generate(plan.conditions(generator.condition_type, 0, 1), plan.seeds[:1])))
    return replace(record, record_id=plan.sample_ids[0])


def save(record: Record, folder: Path) -> tuple[Path, Path]:
    """Write the 12-lead sheet (PNG) and the WFDB files (zip) of a record and return both paths."""
    from ..evaluation.drawing import save as draw
    from ..evaluation.ecg.paper import sheet
    from ..generators.storage.formats import encoder

    picture, archive = folder / f"{record.record_id}.png", folder / f"{record.record_id}-wfdb.zip"
    draw(sheet(record), picture)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for suffix, data in encoder("wfdb")(record).items():
            files.writestr(f"{record.record_id}.{suffix}", data)
    return picture, archive


def page() -> Any:
    """Return the page as Gradio blocks; its one endpoint is `generate`."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing leaves the machine
    import gradio as gr

    def generate(seed: float | None, *values: Any) -> tuple[str, list[str], dict[str, Any], str]:
        try:
            plan, command = ask(seed, values)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from None
        record = make(plan)
        picture, archive = save(record, Path(tempfile.mkdtemp(prefix="clinsynth-page-")))
        return str(picture), [str(picture), str(archive)], dict(record.truth), command

    with gr.Blocks(title="clinsynth", delete_cache=(_KEEP_S, _KEEP_S)) as blocks:
        gr.Markdown(BANNER)
        with gr.Row():
            with gr.Column(scale=2, min_width=360):
                with gr.Row(equal_height=True):
                    seed = gr.Number(value=0, precision=0, minimum=0, label="seed")
                    button = gr.Button("Generate", variant="primary")
                inputs = _all_controls(gr)
            with gr.Column(scale=3):
                sheet = {"label": "12-lead sheet", "show_label": False, "buttons": []}  # they would cover its heading
                picture = gr.Image(type="filepath", format="png", interactive=False, **sheet)
                command = gr.Code(label="The same on the command line", language="shell", interactive=False, lines=3)
                files = gr.File(label="Sheet and WFDB files", file_count="multiple", interactive=False)
                truth = gr.JSON(label="What the record holds")
        button.click(generate, [seed, *inputs], [picture, files, truth, command], concurrency_id="generator")
    return blocks


def serve(host: str = "127.0.0.1", port: int = 7860, auth: str | None = None, *, block: bool = True) -> Any:
    """Serve the page until it is stopped.

    Args:
        host: address to listen on; one that other machines can reach needs `auth`.
        port: port.
        auth: USER:PASSWORD that the page asks for.
        block: wait until the page is stopped; otherwise return the running blocks.

    Raises:
        ValueError: another host without a password, or the port is taken.
    """
    user, colon, password = (auth or "").partition(":")
    if auth is not None and not (user and colon and password):
        raise ValueError("--auth is not USER:PASSWORD")
    if host not in _LOCAL and auth is None:
        raise ValueError(f"--host {host} lets other machines in; set --auth USER:PASSWORD")
    blocks = page()
    try:
        blocks.launch(
            server_name=host,
            server_port=port,
            auth=(user, password) if auth else None,
            theme=_theme(),
            allowed_paths=[],
            max_file_size="1mb",
            share=False,
            prevent_thread_lock=True,
            quiet=True,
        )
    except OSError:
        raise ValueError(f"port {port} of {host} cannot be had; name another: --port {port + 1}") from None
    print(f"http://{host}:{port} (Ctrl-C stops it)", file=sys.stderr, flush=True)
    if block:
        blocks.block_thread()
    return blocks


def _theme() -> Any:
    """Return a theme whose fonts are the machine's own: the page loads nothing from elsewhere."""
    import gradio as gr

    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def _all_controls(gr: Any) -> list[Any]:
    """Return the controls of all fields, two in a row."""
    columns, made = controls(), []
    for i in range(0, len(columns), 2):
        with gr.Row():
            made += [_control(gr, column) for column in columns[i : i + 2]]
    return made


def _control(gr: Any, column: Column) -> Any:
    """Return the control of one field, empty where the field may be left out."""
    default = column.default
    if column.words:
        choices = [*column.words, _EMPTY] if column.listed and default is None else list(column.words)
        value = list(default) if column.listed and default else default
        return gr.Dropdown(choices, value=value, multiselect=column.listed, label=column.name, min_width=140)
    bounds = "" if column.low is None else f"{column.low:g} to {column.high:g}"
    # A text field and no number field: the browser shows an empty number as 0.
    text = "" if default is None else column.show(default)
    return gr.Textbox(value=text, label=column.name, placeholder=bounds, max_lines=1, min_width=140)


def _is_set(column: Column, value: Any) -> bool:
    """Whether a control holds something other than what the field is without it."""
    if value is None or value == [] or (isinstance(value, str) and not value.strip()):
        return False
    if isinstance(value, str) and column.default is not None and value.strip() == column.show(column.default):
        return False
    default = list(column.default) if isinstance(column.default, list | tuple) else column.default
    return bool(value != default)


def _value(column: Column, value: Any) -> Any:
    if not column.listed:
        return value
    return [item for item in value if item != _EMPTY]
