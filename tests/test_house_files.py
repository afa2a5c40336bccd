"""What the house promises its visitors: names, licence, set-up commands, one way to run everything."""

import os
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HIDDEN = {".git", ".venv", "build", "dist"}


def files(*suffixes):
    for folder, names, here in os.walk(ROOT):
        names[:] = [n for n in names if n not in HIDDEN and not n.startswith(".") and n != "__pycache__"]
        yield from (Path(folder) / name for name in here if name.endswith(suffixes))


def test_test_files_have_names_that_are_unique_in_the_tree():
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name, count in names.items() if count > 1]
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_package_imports_itself_relatively_and_never_torchvision():
    wrong = re.compile(r"^\s*(?:from|import) (?:torchvision|app|conditioning|evaluation|generators|clinsynth)\b", re.M)
    for folder in ("app", "conditioning", "evaluation", "generators"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not wrong.search(path.read_text(encoding="utf-8")), path


def test_the_readme_names_two_commands_to_set_up():
    text = (ROOT / "README.md").read_text()
    setup = text.split("## Set up")[1].split("\n## ")[0]
    assert re.findall(r"^    (\S+ \S+)", setup, re.M) == ["make demo", "make test"]


def test_every_verb_of_the_readme_exists():
    from clinsynth.app.cli.program import app

    shown = set(re.findall(r"^    clinsynth (\w+)", (ROOT / "README.md").read_text(), re.M))
    have = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert shown - {"models"} <= have and {g.name for g in app.registered_groups} == {"models"}
    assert shown >= have - {"demo"}  # make demo runs it


def test_makefile_has_the_promised_targets():
    text = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "ui", "check", "test", "test-all", "bench", "clean"):
        assert re.search(rf"^{target}:", text, re.M), target


def test_licence_is_apache_and_notice_names_the_embedded_data():
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence and "END OF TERMS AND CONDITIONS" in licence
    notice = (ROOT / "NOTICE").read_text()
    assert "LUDB" in notice and "Attribution" in notice


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_ci_runs_by_itself():
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK) and run.read_text().startswith("#!/usr/bin/env bash")
