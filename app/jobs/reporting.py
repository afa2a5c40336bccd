"""report: what evaluations found, as pages, tables and checklists; one alone, or several side by side."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...evaluation.checklist import Checklist, DataSide
    from ...evaluation.report import Beside, Page

STORED = "page.json"  # the page's content, from which `report` draws it again beside others
CHECKLIST = "checklist.json"
PAGE = "report.html"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "neurokit2")
# What two evaluations may differ in, and why that matters; what describes the synthetic data is not among these.
_MATTERS = {
    "real": "The real data differ, so this is no fair comparison: each data set has floors and ceilings of its own.",
    "train": "The training data differ, so encoders, judges and distances to training data are not the same.",
    "seed": "The seeds differ, so halves and resamples do: small differences are chance.",
    "limit": "Different numbers of records were taken.",
    "task": "The downstream tasks differ, or their settings do.",
    "encoder": "The encoders differ, so distances in their features are not on one scale.",
    "by": "The versions of clinsynth differ; a metric may have changed between them.",
}
_UNFAIR = ("real", "train")


class PartTimes:
    """Wall time of the parts of an evaluation, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is done inside; a part that comes again is added up."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun


def checked_of(
    page: Page, sides: Sequence[DataSide], *, seed: int, provenance: Mapping[str, Any], times: PartTimes
) -> Checklist:
    """Return the checklist of an evaluation.

    Args:
        page: what it found.
        sides: its data, from `evaluation.checklist.data_side`.
        seed: of the evaluation.
        provenance: of the page; `commands`, `software`, and of `synthetic data` the `run seed` and `weights` count.
        times: of its parts.
    """
    from ...evaluation.checklist import checklist

    made = provenance.get("synthetic data") or {}
    return checklist(
        sides,
        seeds={"evaluation": seed, "synthetic data": made.get("run seed")},
        weights=made.get("weights"),
        encoder=provenance.get("encoder"),
        versions=versions(),
        made_by=provenance.get("software"),
        commands=provenance.get("commands", ()),
        hardware=hardware(),
        seconds=times.seconds,
        findings=page.findings,
    )


def versions() -> dict[str, str]:
    """Return the versions of what evaluates."""
    from ... import __version__

    found = {"clinsynth": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """Return processor, memory and, where torch is loaded and sees some, accelerators."""
    found = {"processor": _processor(), "cores": str(os.cpu_count() or "unknown")}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory"] = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["accelerators"] = ", ".join(torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


def publish(
    folder: Path, *, title: str, page: Page, provenance: Mapping[str, Any], inputs: Mapping[str, Any],
    checked: Checklist | None = None,
) -> Path:  # fmt: skip
    """Store an evaluation and write its page, its tables and its checklist.

    Args:
        folder: of the evaluation.
        title: of the page.
        page: its content.
        provenance: how data and page were made; see `evaluation.report.write_report`.
        inputs: what the evaluation depends on; a comparison flags where these differ.
        checked: its checklist, which also becomes a section.

    Returns:
        The page.
    """
    content: dict[str, Any] = {"title": title, "provenance": dict(provenance), "inputs": dict(inputs)}
    if checked is not None:
        from ...evaluation.checklist import checklist_section

        page = _with_section(page, checklist_section(checked))
        (folder / CHECKLIST).write_text(checked.model_dump_json(indent=1) + "\n", encoding="utf-8")
    content["page"] = page.model_dump(mode="json")
    (folder / STORED).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return report([folder], folder / PAGE)


def _with_section(page: Page, section: Any) -> Page:
    """Return a page with a section before the one named `limits`."""
    at = next((k for k, s in enumerate(page.sections) if s.name == "limits"), len(page.sections))
    return page.model_copy(update={"sections": (*page.sections[:at], section, *page.sections[at:])})


def report(evaluations: Sequence[str | Path], out: str | Path) -> Path:
    """Put one evaluation on a page, or several side by side, and its tables beside it.

    `tables/` and `tables.json` stand beside a page called report.html; those of NAME.html are `NAME-tables` and
    `NAME-tables.json`.

    Args:
        evaluations: folders that `evaluate` wrote.
        out: the .html file.

    Raises:
        ValueError: a folder holds no evaluation.
    """
    from ...evaluation.exports import write_tables
    from ...evaluation.report import Page, html, tables_of

    stored = [_stored(Path(folder)) for folder in evaluations]
    if not stored:
        raise ValueError("no evaluation was named")
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    if len(stored) == 1:
        title, provenance = stored[0]["title"], stored[0]["provenance"]
        page = Page.model_validate(stored[0]["page"])
    else:
        title, provenance = f"{len(stored)} evaluations side by side", {}
        page = _together(_names([Path(folder) for folder in evaluations]), stored)
    path.write_text(html(page, title=title, provenance=provenance), encoding="utf-8")
    stem = "" if path.name == PAGE else f"{path.stem}-"
    write_tables(tables_of(page, provenance), path.parent, stem)
    return path


def stands(folder: Path, inputs: dict[str, Any]) -> bool:
    """Return whether a folder holds the evaluation of just these inputs."""
    try:
        as_stored = json.loads(json.dumps(inputs))  # JSON has no tuples
        return bool(_stored(folder)["inputs"] == as_stored) and (folder / PAGE).is_file()
    except ValueError:
        return False


def _stored(folder: Path) -> dict[str, Any]:
    """Return what `evaluate` stored in a folder."""
    try:
        content = json.loads((folder / STORED).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder} holds no evaluation; `clinsynth evaluate … --out {folder}` makes one") from None
    except ValueError:
        raise ValueError(f"{folder / STORED} is damaged; run the evaluation again") from None
    if not isinstance(content, dict) or not {"title", "provenance", "page", "inputs"} <= content.keys():
        raise ValueError(f"{folder / STORED} is no evaluation")
    return content


def _names(folders: Sequence[Path]) -> list[str]:
    """Return a short name for each folder: its own, with its number where that was taken."""
    names: list[str] = []
    for k, folder in enumerate(folders, start=1):
        name = folder.resolve().name or "evaluation"
        names.append(name if name not in names else f"{name} ({k})")
    return names


def _together(names: Sequence[str], stored: Sequence[Mapping[str, Any]]) -> Page:
    """Return the page that compares evaluations, with a flag for all that makes the comparison unfair."""
    from ...evaluation.side_by_side import side_by_side

    flags = differences(dict(zip(names, (content["inputs"] for content in stored), strict=True)))
    fair = not any(name in flags for name in _UNFAIR)
    return side_by_side([_beside(n, c) for n, c in zip(names, stored, strict=True)], tuple(flags.values()), fair=fair)


def _beside(name: str, content: Mapping[str, Any]) -> Beside:
    from ...evaluation.report import Beside, Page, with_provenance

    page = with_provenance(Page.model_validate(content["page"]), content["provenance"])
    return Beside(name=name, title=content["title"], page=page)


def differences(inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return what the inputs of several evaluations differ in, by name, each in a sentence with the values.

    Args:
        inputs: of each evaluation, by its name.
    """
    found = {}
    for what, why in _MATTERS.items():
        values = {name: given.get(what) for name, given in inputs.items()}
        if len({json.dumps(v, sort_keys=True, default=str) for v in values.values()}) > 1:
            said = "; ".join(f"{name}: {_said(value)}" for name, value in values.items())
            found[what] = f"{why} ({said})"
    return found


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name") or ", ".join(f"{k} {v}" for k, v in value.items()))
    return "none" if value is None else str(value)
