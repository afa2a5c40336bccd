"""doctor: what is installed, which devices and attention will be used, what is broken and the remedy."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from .probes import Probe, installed, probe

State = Literal["ok", "warning", "broken"]
_PYTHON = (3, 11)
_LOW_DISK_BYTES = 2 * 2**30
_NO_DISK_BYTES = 100 * 2**20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        state: `broken` keeps the studio from working; `warning` takes something from it.
        detail: what was found.
        remedy: what to do, empty when all is well.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the fields as JSON values."""
        return asdict(self)


def doctor(run_probe: Probe = probe) -> list[Finding]:
    """Look at the installation and return every finding.

    Args:
        run_probe: runs a piece of Python in a process of its own and returns what it reports; libraries
            that can take the interpreter down are only imported there.
    """
    with ThreadPoolExecutor() as pool:
        torch = pool.submit(run_probe, "torch")
        diffusers = pool.submit(run_probe, "diffusers")
        torchvision = pool.submit(run_probe, "torchvision") if installed("torchvision") else None
        xformers = pool.submit(run_probe, "xformers") if installed("xformers") else None
        reports = {
            "torch": torch.result(),
            "diffusers": diffusers.result(),
            "torchvision": torchvision.result() if torchvision else None,
            "xformers": xformers.result() if xformers else None,
        }
    return [
        _python(),
        *_packages(),
        *_torch(reports["torch"] or {}),
        *_torchvision(reports["torchvision"], reports["diffusers"] or {}),
        *_attention(reports["torch"] or {}, reports["xformers"]),
        *_folders(),
        _numba_cache(),
        _threads(),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _PYTHON:
        return Finding("python", "broken", f"{found} is too old", "install Python {}.{} or newer".format(*_PYTHON))
    return Finding("python", "ok", f"{found} at {sys.executable}")


def _packages() -> list[Finding]:
    """Hold the installed versions against what clinsynth requires."""
    needs = _requirements()
    if not needs:
        return [Finding("clinsynth", "warning", "runs without being installed", "pip install -e . -c constraints.txt")]
    found = []
    for name, floor in sorted(needs.items()):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(Finding(name, "broken", "not installed", f"pip install '{name}>={floor}'"))
            continue
        if _numbers(version) < _numbers(floor):
            found.append(
                Finding(name, "broken", f"{version} is older than {floor}", f"pip install -U '{name}>={floor}'")
            )
        else:
            found.append(Finding(name, "ok", version))
    return found


def _requirements() -> dict[str, str]:
    """Return the required packages and their lowest versions, extras apart."""
    try:
        lines = metadata.requires("clinsynth") or []
    except metadata.PackageNotFoundError:
        return {}
    plain = [line for line in lines if "extra ==" not in line]
    parsed = [(re.match(r"[A-Za-z0-9._-]+", line), re.search(r">=\s*([\d.]+)", line)) for line in plain]
    return {name[0]: floor[1] if floor else "0" for name, floor in parsed if name}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(x) for x in re.findall(r"\d+", version.split("+")[0])[:3])


def _torch(report: dict[str, Any]) -> list[Finding]:
    if "error" in report:
        remedy = "pip install --force-reinstall torch -c constraints.txt"
        return [Finding("torch", "broken", f"cannot be imported: {report['error']}", remedy)]
    devices = report.get("devices", [])
    shown = ", ".join(devices) if devices else "CPU only"
    return [Finding("devices", "ok", f"torch {report.get('version')}: {shown}")]


def _torchvision(report: dict[str, Any] | None, diffusers: dict[str, Any]) -> list[Finding]:
    """A torchvision built for another torch breaks `import diffusers`, which imports it wherever it is found."""
    remedy = "pip uninstall torchvision (nothing here needs it), or install the one built for your torch"
    if report is not None and "error" in report:
        broken = f"does not match torch: {report['error']}"
        also = "; diffusers cannot be imported because of it" if "error" in diffusers else ""
        return [Finding("torchvision", "broken", broken + also, remedy)]
    found = [Finding("torchvision", "ok", f"{report.get('version')} matches torch")] if report is not None else []
    if "error" in diffusers:
        again = remedy if report is not None else "pip install --force-reinstall diffusers -c constraints.txt"
        found.append(Finding("diffusers", "broken", f"cannot be imported: {diffusers['error']}", again))
    return found


def _attention(torch: dict[str, Any], xformers: dict[str, Any] | None) -> list[Finding]:
    """Say which attention will be used; xformers' runs on CUDA only."""
    plain = "PyTorch scaled dot product"
    if not torch.get("cuda"):
        return [Finding("attention", "ok", f"{plain} (xformers is for CUDA only)")]
    if xformers is None:
        remedy = "pip install 'clinsynth[gpu]'"
        return [Finding("attention", "warning", f"{plain}; xformers is missing on a CUDA device", remedy)]
    if "error" in xformers:
        remedy = "install the xformers built for your torch, or pip uninstall xformers"
        return [Finding("attention", "warning", f"{plain}; xformers cannot be imported: {xformers['error']}", remedy)]
    return [Finding("attention", "ok", f"xformers {xformers.get('version')}")]


def _folders() -> list[Finding]:
    """Look whether the folders that get written can be, and have room."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [
        _folder("current folder", Path.cwd),
        _folder("temporary folder", _temporary),
        _folder("cache", lambda: cache),
    ]


def _temporary() -> Path:
    named = os.environ.get("TMPDIR")
    return Path(named) if named else Path(tempfile.gettempdir())


def _folder(name: str, where: Callable[[], Path]) -> Finding:
    remedy = {"temporary folder": "set TMPDIR to a folder that you can write", "cache": "set XDG_CACHE_HOME likewise"}
    otherwise = "change to a folder that you can write, or mend its permissions"
    try:
        folder = where()
        state: State = "warning" if name == "cache" else "broken"
        place = _nearest_existing(folder) if name == "cache" else folder
        _try_to_write(place)
    except OSError as error:
        detail = f"{error.filename or 'it'} cannot be written: {(error.strerror or str(error)).lower()}"
        return Finding(name, "warning" if name == "cache" else "broken", detail, remedy.get(name, otherwise))
    free = _free_bytes(place)
    shown = f"{folder} can be written, {free / 2**30:.1f} GiB free"
    if free < _NO_DISK_BYTES:
        return Finding(name, state, shown, "free some space: there is no room for a data set")
    if free < _LOW_DISK_BYTES:
        return Finding(name, "warning", shown, "free some space: a thousand 10 s ECGs take about 0.15 GiB")
    return Finding(name, "ok", shown)


def _nearest_existing(folder: Path) -> Path:
    return next(p for p in (folder, *folder.parents) if p.exists())


def _try_to_write(folder: Path) -> None:
    """Raise OSError if a file cannot be made in the folder."""
    descriptor, name = tempfile.mkstemp(prefix=".clinsynth-", dir=folder)
    os.close(descriptor)
    os.unlink(name)


def _free_bytes(folder: Path) -> int:
    import shutil

    return shutil.disk_usage(folder).free


def _numba_cache() -> Finding:
    """Compiled code is kept beside its module, or where NUMBA_CACHE_DIR says."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(__file__).resolve().parents[2] / "generators" / "ecg"
    places = [Path(named)] if named else [beside, Path.home() / ".cache"]
    for place in places:
        try:
            _try_to_write(_nearest_existing(place))
        except OSError:
            continue
        return Finding("compiled code", "ok", f"kept in {place}")
    detail = f"{places[0]} cannot be written: every process compiles anew"
    return Finding("compiled code", "warning", detail, "set NUMBA_CACHE_DIR to a folder that you can write")


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("processors", "ok", f"{cores} cores to use; each worker takes one thread (sample --workers {cores})")
