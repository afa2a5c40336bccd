"""The wheel holds the four folders, all of them, and nothing else."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("app", "conditioning", "evaluation", "generators")
PROGRAM = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def tree():
    """Return what the package should hold, as names inside the wheel."""
    names = {f"clinsynth/{path.name}" for path in [*ROOT.glob("*.py"), ROOT / "py.typed"]}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
                names.add("/".join(("clinsynth", *parts)))
    return names


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    work = tmp_path_factory.mktemp("wheel")
    hidden = shutil.ignore_patterns(
        ".*", "build", "dist", "tests", "docs", "*.egg-info", "__pycache__", "clinsynth-demo"
    )
    source = shutil.copytree(ROOT, work / "any-name", ignore=hidden)
    done = subprocess.run([sys.executable, "-c", PROGRAM, work], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    with zipfile.ZipFile(next(work.glob("*.whl"))) as file:
        yield {name: file.read(name) for name in file.namelist()}


def test_the_wheel_holds_the_tree(wheel):
    held = {name for name in wheel if ".dist-info/" not in name}
    assert held == tree()


def test_the_wheel_brings_the_command_and_the_licences(wheel):
    by_end = {name.split(".dist-info/")[1]: data.decode() for name, data in wheel.items() if ".dist-info/" in name}
    assert "clinsynth = clinsynth.app.cli:main" in by_end["entry_points.txt"]
    assert "Apache License" in by_end["licenses/LICENSE"] and "LUDB" in by_end["licenses/NOTICE"]
    for extra in ("gpu", "dp", "cbct", "lora", "submit", "ray", "dev"):
        assert f"Provides-Extra: {extra}\n" in by_end["METADATA"]


def test_every_package_is_listed_once():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(("clinsynth", *path.parent.relative_to(ROOT).parts))
        for f in FOLDERS
        for path in (ROOT / f).rglob("*.py")
    }
    assert sorted(listed) == sorted({"clinsynth", *found})
