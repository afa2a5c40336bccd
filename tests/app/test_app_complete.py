"""A folder of patients completed in one command: what is missing is found out, inputs are held to their hashes."""

import json
import shutil

import mri_toy
import numpy as np
import pytest
from clinsynth.app import jobs
from clinsynth.app.jobs.planning import plan_command
from clinsynth.app.jobs.sampling import prepared
from clinsynth.app.jobs.worker import work
from clinsynth.conditioning.dataset import open_dataset, verify
from clinsynth.conditioning.mri import MriCondition
from clinsynth.conditioning.mri.subject import subject_of
from clinsynth.conditioning.plan import CohortPlan
from clinsynth.conditioning.plan.there import plan_there, sample_id_of
from clinsynth.generators.protocol import GENERATORS
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_toy import ToyMri

SINCE = dict(t1="t1n", t1ce="t1c", t2="t2w", flair="t2f", segmentation="seg")


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(GENERATORS, "toy-mri", "volume_toy:ToyMri")


@pytest.fixture
def brats(tmp_path):
    root = tmp_path / "brats"
    for k, left_out in enumerate((("flair",), (), ("t1ce", "t2", "segmentation"), tuple(mri_toy.CONTRASTS))):
        name = f"BraTS-GLI-{k:05d}-000"
        present = {volume: called for volume, called in SINCE.items() if volume not in left_out}
        (root / name).mkdir(parents=True)
        mri_toy.write_patient(root / name, name + "-{}.nii.gz", present, seed=k)
    return root


def complete(source, out):
    """Sample as the command does, in this process: workers of their own do not know the toy."""
    made = prepared("toy-mri", source, out)
    path = out.parent / "plan.parquet"
    made.plan.write(path)
    spec = {"model": "toy-mri", "device": "cpu", "plan": str(path), "out": str(out), "part": (0, 1)}
    work(spec | {"run_seed": made.run_seed, "config": made.config.model_dump(mode="json")}, lambda message: None)
    return open_dataset(out)


def test_a_row_for_each_patient_with_something_missing_and_the_others_by_name(brats):
    told: list[str] = []
    plan = plan_there(f"brats:{brats}", MriCondition, warn=told.append)
    assert plan.sample_ids == ["BraTS-GLI-00000-000", "BraTS-GLI-00002-000"]
    first, second = plan.conditions(MriCondition)
    assert first.targets == ("flair",) and second.targets == ("t1ce", "t2")
    assert first.patient_id == "BraTS-GLI-00000" and second.segmentation is None
    assert told == [
        "left out: BraTS-GLI-00003-000: has none of t1, t1ce, t2 and flair",
        "left out: BraTS-GLI-00001-000: has everything; nothing is left to make",
    ]
    assert plan == plan_there(f"brats:{brats}", MriCondition) and plan.run_seed == 0
    assert plan.sha256 != plan_there(f"brats:{brats}", MriCondition, seed=1).sha256


def test_what_is_wanted_can_be_said_for_all(brats):
    plan = plan_there(f"brats:{brats}", MriCondition, fixed={"wanted": "flair"})
    assert [c.targets for c in plan.conditions(MriCondition)] == [("flair",)] * 3
    with pytest.raises(ValueError, match="wanted 'flare' is not known|wanted.* is not known"):
        plan_there(f"brats:{brats}", MriCondition, fixed={"wanted": "flare"})


def test_the_made_contrasts_say_what_they_were_made_from(brats, tmp_path):
    reader = complete(f"brats:{brats}", tmp_path / "out")
    assert verify(tmp_path / "out").complete and reader.info.condition == "MriCondition"
    for record in reader:
        assert set(record.condition.targets) <= set(record.arrays) and record.synthetic
        real = subject_of(record.condition)
        assert record.geometry == real.geometry and record.provenance["inputs"] == real.provenance["inputs"]
        assert not set(map(str, record.condition.present)) & set(record.arrays)
    assert jobs.export(tmp_path / "out", "nifti", tmp_path / "nifti") == 2
    again = {r.record_id: r for r in _read(f"nifti:{tmp_path / 'nifti'}")}
    for record in reader:
        for target in record.condition.targets:
            assert np.array_equal(again[record.record_id].arrays[target], record.arrays[target])
    assert "BraTS-GLI-00002-000" in (tmp_path / "nifti" / "samples.csv").read_text()
    jobs.export(tmp_path / "out", "csv", tmp_path / "csv")
    assert len(list((tmp_path / "csv" / "volumes").rglob("*.nii.gz"))) == 2 + 1 + 4


def _read(source):
    from clinsynth.conditioning.readers import read

    return read(source)


def test_a_changed_input_is_refused_on_resume_and_while_sampling(brats, tmp_path):
    source, out = f"brats:{brats}", tmp_path / "out"
    plan = plan_there(source, MriCondition)
    complete(source, out)
    shards = sorted((out / "shards").iterdir())
    prepared("toy-mri", source, out)  # the same command goes on
    name = "BraTS-GLI-00000-000"
    mri_toy.write(brats / name / f"{name}-t1n.nii.gz", mri_toy.brain("t1", seed=9))
    with pytest.raises(ValueError, match="holds a data set with other settings: plan_sha256"):
        prepared("toy-mri", source, out)
    with pytest.raises(ValueError, match=f"t1: {name}-t1n.nii.gz: has changed since the plan was made"):
        list(ToyMri().generate(plan.conditions(MriCondition), plan.seeds))
    assert sorted((out / "shards").iterdir()) == shards


def test_a_new_patient_makes_another_data_set(brats, tmp_path):
    complete(f"brats:{brats}", tmp_path / "out")
    name = "BraTS-GLI-00007-000"
    mri_toy.write_patient(brats / name, name + "-{}.nii.gz", {"t1": "t1n"})
    with pytest.raises(ValueError, match="n 2 -> 3|n is 3|with other settings"):
        prepared("toy-mri", f"brats:{brats}", tmp_path / "out")


def test_a_faulty_patient_is_named_before_anything_is_made_or_left_out_on_request(brats, tmp_path):
    name = "BraTS-GLI-00002-000"
    mri_toy.write(brats / name / f"{name}-t2f.nii.gz", mri_toy.brain("flair")[:-1])
    with pytest.raises(ValueError) as error:
        prepared("toy-mri", f"brats:{brats}", tmp_path / "out")
    assert str(error.value).startswith(f"{name}: flair: {name}-t2f.nii.gz: is 21 x 26 x 20")
    assert "on_error=skip leaves such out" in str(error.value) and not (tmp_path / "out").exists()
    told: list[str] = []
    made = prepared("toy-mri", f"brats:{brats}?on_error=skip", tmp_path / "out", warn=told.append)
    assert made.plan.sample_ids == ["BraTS-GLI-00000-000"] and any("21 x 26 x 20" in line for line in told)


def test_nothing_to_make_is_said(brats):
    for k in (0, 2, 3):
        shutil.rmtree(brats / f"BraTS-GLI-{k:05d}-000")
    with pytest.raises(ValueError, match="of 1 records none leaves anything to make"):
        plan_there(f"brats:{brats}", MriCondition)
    with pytest.raises(ValueError, match="has a RadiographCondition; the generator takes MriCondition"):
        plan_there("embedded:nih64", MriCondition)


def test_embedded_patients_can_be_planned():
    plan = plan_there("embedded:tcga_lgg?split=held_out", MriCondition, fixed={"wanted": "flair|t1ce"})
    (condition,) = plan.conditions(MriCondition)
    assert condition.t1.startswith("embedded:tcga_lgg/sub-01/t1#sha256=") and condition.targets == ("t1ce", "flair")


def test_the_command_makes_the_plan_and_tells_it_again(brats, cli, tmp_path):
    words = ("plan", "p.parquet", "--from", f"brats:{brats}", "--generator", "toy-mri", "-q")
    done = cli(*words, "--json")
    assert done.code == 0 and json.loads(done.out)["n"] == 2 and "has everything" in done.err
    plan = CohortPlan.read(tmp_path / "p.parquet", MriCondition)
    assert plan.sha256 == plan_there(f"brats:{brats}", MriCondition).sha256
    assert plan_command(plan.rules, "toy-mri", "p.parquet").split() == [
        "clinsynth", *words[:-1], "--seed", "0",
    ]  # fmt: skip
    for wrong, said in (
        (("plan", "p.parquet"), "name either --n"),
        ((*words, "--n", 3), "name either --n"),
        ((*words, "--balance", "sex"), "--balance draws a cohort"),
        ((*words, "--set", "sex=F,M"), "takes FIELD=VALUE"),
        (("plan", "p.parquet", "--from", "p.csv", "--generator", "toy-mri"), "is not READER:PATH"),
        (("submit", "--model", "toy-mri", "--plan", f"brats:{brats}", "--out", "o", "--engine", "local", "--parts", 2),
         "need one plan: clinsynth plan"),
    ):  # fmt: skip
        done = cli(*wrong)
        assert done.code == 2 and said in done.err and done.err.count("\n") == 1, done.err


def test_sampling_names_a_plan_by_its_reader(brats, cli):
    done = cli("sample", "--model", "toy-mri", "--plan", f"brats:{brats}/nowhere", "--out", "o", "-q")
    assert done.code == 2 and "does not exist; a folder was expected" in done.err
    done = cli("sample", "--model", "toy-mri", "--plan", f"bratz:{brats}", "--out", "o", "-q")
    assert done.code == 2 and "reader 'bratz' is not known, did you mean 'brats'?" in done.err
    done = cli("sample", "--model", "toy-mri", "--plan", "nowhere.parquet", "--out", "o", "-q")
    assert done.code == 2 and "plan 'nowhere.parquet' is not a file" in done.err
    done = cli("sample", "--model", "ecg", "--plan", f"brats:{brats}", "--out", "o", "-q")
    assert done.code == 2 and "has a MriCondition; the generator takes EcgCondition" in done.err


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_sample_ids_name_files_and_stay_apart(a, b):
    for name in (a, b):
        made = sample_id_of(name)
        assert 1 <= len(made) <= 50 and all(ch.isascii() and (ch.isalnum() or ch in "_-") for ch in made)
    assert (sample_id_of(a) == sample_id_of(b)) == (a == b)
