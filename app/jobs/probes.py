"""Imports libraries in a process of their own, where one that is broken takes nothing down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

# Takes a library's name; returns {"version", ...} or {"error"}.
Probe = Callable[[str], dict[str, Any]]

_TIMEOUT_S = 300
_PROGRAMS = {
    "torch": """
import torch
devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
if torch.backends.mps.is_available():
    devices.append("Apple MPS")
report = {"version": torch.__version__, "cuda": torch.cuda.is_available(), "devices": devices}
""",
    "torchvision": """
import torch, torchvision, torchvision.ops
report = {"version": torchvision.__version__}
""",
    "diffusers": """
import diffusers
from diffusers import UNet2DModel
report = {"version": diffusers.__version__}
""",
    "xformers": """
import xformers, xformers.ops
report = {"version": xformers.__version__}
""",
}
_FRAME = """
import contextlib, json, os, sys
out = os.dup(1); os.dup2(2, 1)
try:
    {program}
except BaseException as error:
    lines = str(error).strip().splitlines() or [""]
    report = {{"error": type(error).__name__ + ": " + lines[-1][:300]}}
os.write(out, json.dumps(report).encode())
os._exit(0)
"""


def installed(name: str) -> bool:
    """Return whether a library could be imported at all."""
    return find_spec(name) is not None


def probe(name: str) -> dict[str, Any]:
    """Import one of torch, torchvision, diffusers, xformers in a new process and return what it reports."""
    program = _FRAME.format(program=_PROGRAMS[name].strip().replace("\n", "\n    "))
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-c", program],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": paths},
        )
        return dict(json.loads(run.stdout))
    except subprocess.TimeoutExpired:
        return {"error": f"the import did not end within {_TIMEOUT_S} s"}
    except ValueError:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        return {"error": f"the process ended with code {run.returncode}: {last[:300]}"}
