"""The command line as a user meets it: help, JSON, exit codes and one-line errors."""

import json
import subprocess
import sys

import pytest
from clinsynth.app import jobs
from clinsynth.app.failures import told
from clinsynth.conditioning.plan import CohortPlan

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


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--shard-size", "0"], "shard_size"), (["--layout", "tar"], "layout"), (["--format", "edf"], "edf"),
     (["--workers", "0"], "workers"), (["--batch-size", "0"], "batch_size")],
)  # fmt: skip
def test_a_wrong_setting_is_refused_by_name(cli, small_plan, tmp_path, words, said):
    small_plan.write(tmp_path / "p.parquet")
    answer = cli("sample", "-m", "ecg", "-p", "p.parquet", "-o", "d", *words)
    assert answer.code == 2 and said in answer.err and answer.err.count("\n") <= 2


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
    answer = cli("export", small_copy, "--format", "wfdb", "--out", "x")
    assert answer.code == 4 and victim.name in answer.err


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
