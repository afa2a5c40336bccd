"""The command line as a user meets it: help, JSON, exit codes and one-line errors."""

import errno
import json
import re
import subprocess
import sys

import pytest
from clinsynth.app import jobs
from clinsynth.app.failures import told
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import CohortPlan, columns_of

VERBS = [
    "demo",
    "plan",
    "sample",
    "verify",
    "evaluate",
    "report",
    "export",
    "submit",
    "doctor",
    "ui",
    "models list",
    "models show",
]
HEAVY = ["torch", "numpy", "pandas", "pyarrow", "matplotlib", "neurokit2", "wfdb", "gradio", "scipy", "rich"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(cli, verb):
    said = cli(*verb.split(), "--help")
    assert said.code == 0 and "Example" in said.out and f"clinsynth {verb.split()[0]}" in said.out
    if verb != "ui":
        assert "--json" in said.out


def test_help_names_every_verb_and_imports_nothing_heavy():
    shown = f"print([m for m in {HEAVY} if m in sys.modules])"
    program = f"from clinsynth.app.cli import run; import sys; run(['--help']); {shown}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout[-200:] + done.stderr
    assert all(verb.split()[0] in done.stdout for verb in VERBS)


@pytest.mark.parametrize(
    "module",
    ["clinsynth", "clinsynth.conditioning", "clinsynth.conditioning.plan", "clinsynth.conditioning.readers",
     "clinsynth.conditioning.dataset", "clinsynth.conditioning.ecg", "clinsynth.app.jobs"],
)  # fmt: skip
def test_importing_does_not_import_torch(module):
    program = f"import {module}, sys; print([m for m in ('torch', 'diffusers', 'gradio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version_is_the_packages(cli):
    import clinsynth

    assert cli("--version").out == f"clinsynth {clinsynth.__version__}\n"


def test_a_plan_is_made_and_described(cli, tmp_path):
    said = cli("plan", "p.parquet", "--n", 40, "--balance", "sex,age_band", "--set", "snr_db=10..30",
               "--quota", "findings=long_qt:0.5", "--seed", 4, "--json")  # fmt: skip
    assert said.code == 0
    content = json.loads(said.out)
    plan = CohortPlan.read(tmp_path / "p.parquet")
    assert content["n"] == 40 == len(plan) and content["sha256"] == plan.sha256 and plan.run_seed == 4


def test_a_plan_goes_through_sample_verify_and_csv(cli, tmp_path):
    assert cli("plan", "p.csv", "-n", 6, "--set", "duration_s=2").code == 0
    said = cli("sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--json")
    assert said.code == 0 and json.loads(said.out)["written"] == 6 and "sampling: 6 of 6" in said.err
    said = cli("verify", "d", "--json")
    assert said.code == 0 and json.loads(said.out)["ok"] is True
    assert cli("sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--quiet").err == ""


def test_a_plan_without_seeds_asks_for_one(cli, tmp_path):
    (tmp_path / "p.csv").write_text("sample_id,duration_s\na,2\nb,2\n")
    said = cli("sample", "-m", "ecg", "-p", "p.csv", "-o", "d")
    assert said.code == 2 and "--seed" in said.err
    assert cli("sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--seed", 3).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--foo"], "--foo"),
        (["frobnicate"], "frobnicate"),
        (["sample", "--foo"], "--foo"),
        (["plan", "p.parquet"], "--n"),
        (["plan", "p.parquet", "--n", "many"], "--n"),
        (["plan", "p.parquet", "--n", "9", "--generator", "egc"], "ecg"),
        (["plan", "p.parquet", "--n", "9", "--balance", "sexx"], "did you mean 'sex'"),
        (["plan", "p.parquet", "--n", "9", "--set", "rhythm=sinos"], "did you mean 'sinus'"),
        (["plan", "p.parquet", "--n", "9", "--quota", "sex=F"], "FIELD=VALUE:SHARE"),
        (["plan", "p.parquet", "--n", "9", "--seed", "-1"], "seed"),
        (["plan", "p.xlsx", "--n", "9"], ".parquet or .csv"),
        (["sample", "-m", "ecg", "-p", "missing.parquet", "-o", "d"], "missing.parquet"),
        (["sample", "-m", "egc", "-p", "missing.parquet", "-o", "d"], "'egc'"),
        (["verify", "missing"], "missing"),
        (["export", "missing", "--format", "csv", "--out", "x"], "missing"),
        (["evaluate", "--real", "missing:x", "--synthetic", "y", "--out", "z"], "missing"),
        (["evaluate", "--real", "wfdb:missing", "--synthetic", "y", "--out", "z"], "missing"),
        (["report", "missing"], "missing"),
        (["models", "show", "egc"], "'egc'"),
        (["demo", "eeg"], "did you mean 'ecg'"),
        (["ui", "--host", "0.0.0.0"], "--auth"),
        (["ui", "--auth", "me"], "USER:PASSWORD"),
        (["submit", "-m", "ecg", "-p", "p.parquet", "-o", "d", "-e", "slum", "--parts", "2"], "did you mean 'slurm'"),
        (["submit", "-m", "ecg", "-p", "missing.parquet", "-o", "d", "-e", "local", "--parts", "2"], "missing.parquet"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(cli, tmp_path, words, said):
    answer = cli(*words)
    assert answer.code == 2, answer
    assert answer.err.startswith("clinsynth") and answer.err.count("\n") == 1 and answer.err.endswith("\n")
    assert said in answer.err and "Traceback" not in answer.err and answer.out == ""


@pytest.mark.parametrize("part", ["2/2", "-1/2", "1", "a/b", "0/0", "rank"])
def test_a_part_that_is_none_is_refused(cli, small_plan, tmp_path, part, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    small_plan.write(tmp_path / "p.parquet")
    answer = cli("sample", "-m", "ecg", "-p", "p.parquet", "-o", "d", "--part", part)
    assert answer.code == 2 and "--part" in answer.err


WRONG_SETTINGS = [
    (["--shard-size", "0"], "--shard-size must be a whole number from 1 to 100000; got 0"),
    (["--layout", "foo"], "--layout must be one of folder, webdataset; got foo"),
    (["--format", "edf"], "--format must be one of wfdb; got edf"),
    (["--batch-size", "0"], "--batch-size must be a whole number from 1 to 100000; got 0"),
]


@pytest.mark.parametrize(
    ("words", "said"), [*WRONG_SETTINGS, (["--workers", "0"], "--workers must be at least 1; got 0")]
)
def test_a_wrong_setting_is_refused_by_its_flag_and_nothing_is_made(cli, small_plan, tmp_path, words, said):
    small_plan.write(tmp_path / "p.parquet")
    answer = cli("sample", "-m", "ecg", "-p", "p.parquet", "-o", "d", *words)
    assert (answer.code, answer.err, answer.out) == (2, f"clinsynth: {said}\n", "")
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


@pytest.mark.parametrize("engine", ["local", "accelerate", "slurm", "ray"])
@pytest.mark.parametrize(("words", "said"), [*WRONG_SETTINGS, (["--parts", "0"], "--parts must be at least 1; got 0"),
                                             (["--seed", "3"], "leave --seed 3 out")])  # fmt: skip
def test_a_submission_is_refused_before_the_engine_is_asked(cli, small_plan, tmp_path, engine, words, said):
    small_plan.write(tmp_path / "p.parquet")
    answer = cli("submit", "-m", "ecg", "-p", "p.parquet", "-o", "d", "-e", engine, "--parts", 2, *words)
    assert answer.code == 2 and said in answer.err and answer.err.count("\n") == 1 and answer.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


@pytest.mark.parametrize(
    "words",
    [
        ["sample", "-m", "egc", "-p", "p.csv", "-o", "d"],
        ["sample", "-m", "ecg", "-p", "missing.csv", "-o", "d"],
        ["sample", "-m", "ecg", "-p", "wrong.csv", "-o", "d"],
        ["sample", "-m", "ecg", "-p", "long.csv", "-o", "d", "--workers", "2"],
        ["sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--seed", "3"],
        ["sample", "-m", "ecg", "-p", "p.csv", "-o", "full"],
        ["sample", "-m", "ecg", "-p", "p.csv", "-o", "other"],
        ["sample", "-m", "ecg", "-p", "p.csv", "-o", "d", "--part", "2/2"],
        ["plan", "new/p.parquet", "-n", "4", "--set", "rhythm=sinos"],
        ["plan", "new/p.xlsx", "-n", "4"],
        ["export", "other", "-f", "edf", "-o", "new/x"],
        ["export", "other", "-f", "csv", "-o", "full"],
        ["evaluate", "--real", "embedded:ludb", "--synthetic", "missing", "--out", "new"],
        ["report", "other", "--out", "new/report.html"],
        ["demo", "ecg", "--n", "120", "--workers", "0", "--out", "new"],
        ["demo", "ecg", "--n", "120", "--out", "begun"],
    ],
)
def test_a_refused_command_makes_nothing(cli, small_dataset, tmp_path, words):
    import shutil

    (tmp_path / "p.csv").write_text("sample_id,seed\na,1\n")
    (tmp_path / "wrong.csv").write_text("sample_id,seed,age_years\na,1,7\n")
    (tmp_path / "long.csv").write_text(f"sample_id,seed\n{'x' * 60},1\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for name in ("other", "begun/ecg"):
        shutil.copytree(small_dataset, tmp_path / name, ignore=shutil.ignore_patterns("run"))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    answer = cli(*words)
    assert answer.code == 2 and answer.err.count("\n") == 1, answer
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_failed_write_names_the_path_that_was_asked(cli, tmp_path, name):
    (tmp_path / name).mkdir()
    answer = cli("plan", name, "-n", 4, "-q")
    assert (answer.code, answer.err) == (2, f"clinsynth: {name}: is a directory\n")
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("failing", ["mkdtemp", "replace", "write"])
def test_a_failed_export_names_the_folder_that_was_asked(cli, small_dataset, tmp_path, monkeypatch, failing):
    from clinsynth.app.jobs import exporting

    def refuse(*paths, **options):
        place = options.get("dir") and tmp_path / (options["prefix"] + "abc")
        raise OSError(errno.ENOSPC, "No space left on device", None if failing == "write" else str(place or paths[0]))

    if failing == "write":
        monkeypatch.setitem(exporting._EXPORTERS, "csv", refuse)
    else:
        monkeypatch.setattr(exporting.tempfile if failing == "mkdtemp" else exporting.os, failing, refuse)
    answer = cli("export", small_dataset, "-f", "csv", "-o", tmp_path / "x", "-q")
    assert answer.code == 1 and answer.err.startswith(f"clinsynth: no space left on the disk of {tmp_path / 'x'};")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_data_set_that_cannot_be_read_keeps_its_own_name(cli, small_dataset, tmp_path, monkeypatch):
    from clinsynth.app.jobs import exporting

    def unreadable(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied", "ecgs/shards/000000/manifest.parquet")

    monkeypatch.setitem(exporting._EXPORTERS, "csv", unreadable)
    answer = cli("export", small_dataset, "-f", "csv", "-o", "x", "-q")
    assert answer.err == "clinsynth: ecgs/shards/000000/manifest.parquet: permission denied\n"


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_seed_beside_a_plan_with_seeds_is_refused(cli, small_plan, tmp_path, name):
    small_plan.write(tmp_path / name)
    answer = cli("sample", "-m", "ecg", "-p", name, "-o", "d", "--seed", 3)
    assert answer.code == 2 and not (tmp_path / "d").exists()
    assert answer.err == f"clinsynth: plan '{name}': the file has its own seeds; leave --seed 3 out\n"
    with pytest.raises(ValueError, match="own seeds"):
        jobs.sample("ecg", small_plan, tmp_path / "d", seed=3)


def test_plan_shows_its_progress_unless_it_is_quiet(cli):
    words = ["plan", "p.parquet", "-n", 2500, "--balance", "sex"]
    loud, quiet = cli(*words), cli(*words, "--quiet")
    assert loud.err.splitlines() == ["planning: 1000 of 2500", "planning: 2000 of 2500", "planning: 2500 of 2500"]
    assert quiet.code == 0 and quiet.err == "" and quiet.out == loud.out


def test_another_plan_into_the_same_folder_is_refused(cli, small_copy):
    cli("plan", "other.parquet", "-n", 20, "--seed", 99)
    answer = cli("sample", "-m", "ecg", "-p", "other.parquet", "-o", small_copy)
    assert answer.code == 2 and "other" in answer.err


def test_a_damaged_data_set_is_code_4(cli, small_copy):
    victim = next((small_copy / "shards" / "000001").glob("*.dat"))
    data = bytearray(victim.read_bytes())
    data[100] ^= 1
    victim.write_bytes(data)
    answer = cli("verify", small_copy)
    assert answer.code == 4 and victim.name in answer.out
    assert answer.err == ""
    answer = cli("export", small_copy, "--format", "wfdb", "--out", "x")
    assert answer.code == 4 and victim.name in answer.err


def test_a_damaged_dataset_json_is_a_finding_too(cli, small_copy):
    path = small_copy / "dataset.json"
    path.write_text(path.read_text().replace("wfdb", "wfdd"))
    answer = cli("verify", small_copy)
    assert answer.code == 4 and str(path) in answer.out and answer.err == ""
    answer = cli("verify", small_copy, "--json")
    assert answer.code == 4 and json.loads(answer.out)["ok"] is False and answer.err == ""


def test_an_unfinished_data_set_is_not_whole(cli, small_copy):
    (small_copy / "shards" / "000002.json").unlink()
    answer = cli("verify", small_copy, "--json")
    assert answer.code == 1 and json.loads(answer.out)["complete"] is False
    assert cli("export", small_copy, "--format", "csv", "--out", "x").code == 2


def test_quarantined_samples_are_code_3(cli, small_dataset, monkeypatch):
    found = jobs.Sampled(str(small_dataset), 20, 19, 1, 3, 3)
    monkeypatch.setattr(jobs, "sample", lambda *a, **k: found)
    answer = cli("sample", "-m", "ecg", "-p", "p", "-o", "d")
    assert answer.code == 3 and "1 quarantined" in answer.out


def test_failures_have_the_code_of_their_kind():
    class Damaged(ValueError):
        exit_code = 4

    class Stopped(Exception):
        exit_code = 75

    codes = {
        ValueError("x"): 2,
        FileNotFoundError(2, "No such file", "x"): 2,
        OSError(28, "No space left on device", "x"): 1,
        KeyError("x"): 1,
        MemoryError(): 1,
        KeyboardInterrupt(): 75,
        Damaged("x"): 4,
        Stopped("x"): 75,
    }
    for error, code in codes.items():
        said = told(error)
        assert said[0] == code and said[1] and "\n" not in said[1]


def test_the_traceback_is_shown_when_asked_for(cli, monkeypatch):
    monkeypatch.setenv("CLINSYNTH_DEBUG", "1")
    assert "Traceback" in cli("verify", "missing").err


def test_models_are_listed_and_described(cli):
    assert json.loads(cli("models", "list", "--json").out)["models"][0]["name"] == "ecg"
    assert cli("models").code == 0 and "ecg" in cli("models").out
    fields = {f["name"]: f for f in json.loads(cli("models", "show", "ecg", "--json").out)["fields"]}
    assert fields["sex"]["allowed"] == ["F", "M"] and "alternans" in fields["twa_uv"]["meaning"]
    assert "twa_uv" in cli("models", "show", "ecg").out


UNITS = {
    "_years": "in years", "rate_bpm": "per minute", "_ms": "in ms", "_deg": "in degrees", "_uv": "in microvolts",
    "_db": "in dB", "_hz": "in Hz", "_s": "in seconds", "lf_hf": "without unit",
}  # fmt: skip


def test_a_model_is_shown_in_words_with_range_unit_and_meaning_of_each_field(cli):
    shown = cli("models", "show", "ecg").out
    columns = columns_of(EcgCondition)
    fields = dict(re.findall(r"^(\w+)\n((?:    .*\n)+)", shown, flags=re.MULTILINE))
    assert list(fields) == list(columns)
    for name, text in fields.items():
        column, words = columns[name], " ".join(text.split())
        takes, _, meaning = text.strip().partition("\n")
        assert len(meaning.split()) >= 3, name
        if column.numeric:
            assert takes.split(" [")[0].endswith(f"{column.low} to {column.high}"), name
        for end, unit in UNITS.items():
            if name.endswith(end):
                assert unit in words, name
                break
        assert all(word in words for word in map(str, column.words))
    assert not re.search(r"`|[A-Z][a-z]+[A-Z]\w|\w\.[a-zA-Z_]\w|[A-Z]+_[A-Z]+|\bNone\b|\(\)", shown)
    assert max(map(len, shown.splitlines())) <= 100
