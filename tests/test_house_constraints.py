"""constraints.txt holds one tested version of all that the package, its tests and `submit` need."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TESTED_EXTRAS = ("dev", "submit")
PLATFORM = re.compile(r"nvidia-.*|triton|cuda-.*|colorama|pip")  # what only some platforms' wheels ask for


def constraints():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def direct():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [Requirement(text) for text in project["dependencies"] + [t for e in TESTED_EXTRAS for t in extras[e]]]


def test_every_direct_dependency_has_a_version_that_its_bounds_allow():
    held = constraints()
    for need in direct():
        version = held[canonicalize_name(need.name)]
        assert need.specifier.contains(version), f"{need} does not allow {version}"


def test_what_they_need_in_turn_is_held_too():
    held, seen, todo = constraints(), set(), [(canonicalize_name(need.name), ("",)) for need in direct()]
    while todo:
        name, extras = todo.pop()
        if name in seen or PLATFORM.fullmatch(name):
            continue
        seen.add(name)
        assert name in held, f"{name} has no line in constraints.txt"
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append((canonicalize_name(need.name), ("", *need.extras)))


def test_the_lines_are_versions_and_nothing_else():
    text = (ROOT / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    assert constraints()["torch"] == "2.13.0"


def test_torchvision_is_asked_for_nowhere():
    assert "torchvision" not in constraints()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = project["dependencies"] + [text for extra in project["optional-dependencies"].values() for text in extra]
    assert not [need for need in needs if Requirement(need).name == "torchvision"]


def test_the_promised_extras_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) == {"gpu", "dp", "cbct", "lora", "monai", "submit", "ray", "dev"} and extras["gpu"][
        0
    ].startswith("xformers")
