"""Set before anything is imported: one thread, no display, and shapes checked where jaxtyping states them."""

import os
import sys
import types
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from beartype import BeartypeConf, beartype  # noqa: E402
from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the small stand-ins that tests share
AXES = ("Float[", "Int[", "Bool[", "Shaped[", "Num[", "Complex[", "UInt[", "Integer[")
_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))


def _check_shapes(function):
    """Check the functions whose annotations state a shape; the others are mypy's."""
    notes = getattr(function, "__annotations__", {}).values()
    return _CHECK(function) if any(axis in str(note) for note in notes for axis in AXES) else function


def _modules():
    """Every module but the command line's and those of compiled code, which numba reads for itself."""
    for folder in ("conditioning", "generators", "evaluation"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(["clinsynth", *parts]).removesuffix(".__init__")
            if "njit" not in path.read_text(encoding="utf-8") and path.name != "__init__.py":
                yield name


_typechecker = types.ModuleType("clinsynth_shapes")
_typechecker.check = _check_shapes
sys.modules["clinsynth_shapes"] = _typechecker
install_import_hook(list(_modules()), "clinsynth_shapes.check")

settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)  # no test asserts a time
if os.environ.get("CI"):
    settings.load_profile("ci")
