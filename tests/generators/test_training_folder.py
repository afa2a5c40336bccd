"""A run folder: whole checkpoints, no changed settings, no overwritten runs, no tampered files."""

import json
import pickle
from pathlib import Path

import pytest
from clinsynth.conditioning.dataset.schema import sha256_of
from clinsynth.generators.training import TrainingConfig
from clinsynth.generators.training import checkpoint as checkpoint_module
from filelock import FileLock
from training_toy import ToyDenoiser, ToyExamples, same, toy_config, toy_fit


@pytest.fixture
def run(tmp_path):
    toy_fit(tmp_path / "run", steps=10, checkpoint_every=5)
    return tmp_path / "run"


def newest(run: Path) -> Path:
    return run / "checkpoints" / "step-000010"


def test_a_run_folder_holds_what_it_should(run):
    record = json.loads((run / "config.json").read_text())
    assert record["training"]["learning_rate"] == 0.01 and record["model"] == {"width": 16}
    assert record["data"]["train"]["rows"] == 23 and record["data"]["validation"]["patients"] == 5
    assert record["versions"]["torch"] and "train-0" not in (run / "config.json").read_text()
    assert {p.name for p in run.iterdir()} == {
        ".lock", "config.json", "metrics.jsonl", "samples", "checkpoints", "model",
    }  # fmt: skip
    assert [p.name for p in (run / "samples").iterdir()] == ["step-000010.png"]
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["step-000005", "step-000010"]
    receipt = json.loads((newest(run) / "receipt.json").read_text())
    assert {p.name for p in newest(run).iterdir()} == {*receipt["files"], "receipt.json"}


def test_only_the_newest_checkpoints_stay(tmp_path):
    toy_fit(tmp_path / "run", checkpoint_every=3, keep_checkpoints=3)
    names = sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["step-000015", "step-000018", "step-000020"]


FILES = ("network-denoiser.safetensors", "average-denoiser.safetensors", "optimiser-denoise.pt", "state.json")


@pytest.mark.parametrize("name", [*FILES, "config.json"])
@pytest.mark.parametrize("harm", ["a bit", "cut short", "gone"])
def test_a_tampered_file_is_refused_by_its_name(run, name, harm):
    path = newest(run) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data if harm == "a bit" else data[:-1])
    if harm == "gone":
        path.unlink()
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    with pytest.raises(ValueError) as refused:
        toy_fit(run)
    assert type(refused.value) is ValueError and str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert before == {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}


def test_a_tampered_receipt_is_refused(run):
    path = newest(run) / "receipt.json"
    text = path.read_text()
    for forged in ("", "[]", "{}", text.replace('"step": 10', '"step": 11'), text[:-9]):
        path.write_text(forged)
        with pytest.raises(ValueError, match="receipt.json is not as it was written"):
            toy_fit(run)
    path.write_text(text)
    (newest(run) / "more.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="more.pt does not belong"):
        toy_fit(run)


def test_a_renamed_checkpoint_is_refused(run):
    newest(run).rename(newest(run).with_name("step-000015"))
    with pytest.raises(ValueError, match="of step 10; the folder's name says 15"):
        toy_fit(run)


def test_removing_a_bad_checkpoint_goes_on_from_the_one_before(run, tmp_path):
    toy_fit(tmp_path / "straight")
    checkpoint_module.discard(newest(run))
    assert toy_fit(run).resumed_from == 5
    assert same(tmp_path / "straight", run)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def reseal(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a checkpoint with a receipt that says it belongs there, as someone with write access could."""
    (folder / name).write_bytes(data)
    body = json.loads((folder / "receipt.json").read_text())
    body.pop("sha256")
    body["files"][name] = checkpoint_module._sha256(folder / name)
    (folder / "receipt.json").write_text(json.dumps(body | {"sha256": sha256_of(body)}))


def test_a_pickled_payload_is_not_run_even_under_a_forged_receipt(run, tmp_path):
    reseal(newest(run), "optimiser-denoise.pt", pickle.dumps(Payload(tmp_path / "executed")))
    with pytest.raises(ValueError, match="optimiser-denoise.pt is no state of the optimiser"):
        toy_fit(run)
    assert not (tmp_path / "executed").exists()


def test_weights_of_another_network_are_refused(run, tmp_path):
    other = (newest(run) / "network-denoiser.safetensors").read_bytes()
    toy_fit(tmp_path / "gan", "gan", steps=10)
    reseal(newest(tmp_path / "gan"), "network-critic.safetensors", other)
    with pytest.raises(ValueError, match="network-critic.safetensors does not fit the network"):
        toy_fit(tmp_path / "gan", "gan")


CHANGES = [
    ("seed", 5, 6),
    ("batch_size", 8, 9),
    ("learning_rate", 0.01, 0.02),
    ("schedule", "constant", "cosine"),
    ("warmup_steps", 4, 5),
    ("weight_decay", 0.01, 0.0),
    ("betas", [0.9, 0.999], [0.9, 0.99]),
    ("clip_norm", 1.0, None),
    ("ema_decay", 0.9, None),
    ("mixed_precision", "no", "bf16"),
]


@pytest.mark.parametrize(("field", "before", "now"), CHANGES)
def test_a_changed_setting_is_refused_with_both_values(run, field, before, now):
    said = f"training.{field} was {json.dumps(before)} and is now {json.dumps(now)}"
    with pytest.raises(ValueError) as refused:
        toy_fit(run, **{field: now})
    assert said in str(refused.value) and type(refused.value) is ValueError
    assert toy_fit(run).resumed_from == 10  # nothing was spoiled


def test_every_setting_either_may_change_or_is_refused(run):
    free = {"steps": 12, "accumulation": 2, "log_every": 1, "validate_every": 2, "sample_every": 4}
    free |= {"checkpoint_every": 6, "keep_checkpoints": 1, "trackers": ()}
    assert set(TrainingConfig.model_fields) == set(free) | {field for field, _, _ in CHANGES}
    report = toy_fit(run, **free)
    assert report.resumed_from == 10 and report.step == 12
    assert json.loads((run / "config.json").read_text())["training"]["checkpoint_every"] == 6


def test_a_run_from_before_there_was_a_schedule_goes_on(run):
    record = json.loads((run / "config.json").read_text())
    del record["training"]["schedule"], record["environment"]
    (run / "config.json").write_text(json.dumps(record))
    reseal(newest(run), "config.json", json.dumps(record).encode())
    assert toy_fit(run, steps=12).resumed_from == 10


def test_where_the_rate_falls_as_a_cosine_the_end_is_settled(tmp_path):
    toy_fit(tmp_path / "run", schedule="cosine", steps=3)
    with pytest.raises(ValueError, match="training.steps was 3 and is now 4"):
        toy_fit(tmp_path / "run", schedule="cosine", steps=4)


def test_a_changed_model_or_changed_data_are_refused(run):
    with pytest.raises(ValueError, match="model.width was 16 and is now 32"):
        toy_fit(run, model_config={"width": 32})
    with pytest.raises(ValueError, match="model.depth was null and is now 2"):
        toy_fit(run, model_config={"width": 16, "depth": 2})
    with pytest.raises(ValueError, match="data.train.rows was 23 and is now 22"):
        toy_fit(run, train=ToyExamples(22, "train", 1))
    with pytest.raises(ValueError, match="data.train.content_sha256 was"):
        toy_fit(run, train=ToyExamples(23, "train", 3))
    with pytest.raises(ValueError, match="data.train.patients_sha256 was"):
        toy_fit(run, train=ToyExamples(23, "others", 1))
    with pytest.raises(ValueError, match="data.validation was .* and is now null"):
        toy_fit(run, validate=False)


def test_a_checkpoint_of_a_changed_run_is_refused_too(run, tmp_path):
    with pytest.raises(ValueError, match="training.seed was 5 and is now 6"):
        toy_fit(tmp_path / "new", resume=newest(run), seed=6)


def test_fewer_steps_than_were_done_are_refused(run):
    with pytest.raises(ValueError, match="training.steps: 9 asked for.*stands at 10"):
        toy_fit(run, steps=9)


def test_never_wants_an_empty_folder(run, tmp_path):
    with pytest.raises(ValueError, match="is not empty"):
        toy_fit(run, resume="never")
    (tmp_path / "empty").mkdir()
    assert toy_fit(tmp_path / "empty", resume="never", steps=1).step == 1


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(b"")
    with pytest.raises(ValueError, match="no run folder"):
        toy_fit(tmp_path / "photos")
    assert [p.name for p in (tmp_path / "photos").iterdir() if p.name != ".lock"] == ["one.png"]
    with pytest.raises(ValueError, match="is a file"):
        toy_fit(tmp_path / "photos" / "one.png")
    (run / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json cannot be read"):
        toy_fit(run)


def test_a_named_checkpoint_must_be_there_and_the_runs_own(run, tmp_path):
    with pytest.raises(ValueError, match="step-000099 is not there"):
        toy_fit(run, resume=run / "checkpoints" / "step-000099")
    with pytest.raises(ValueError, match="not one of its checkpoints"):
        toy_fit(run, resume=run / "model")
    with pytest.raises(ValueError, match="has no receipt.json"):
        toy_fit(tmp_path / "new", resume=run / "model")


def test_one_run_at_a_time(run):
    with FileLock(run / ".lock"):
        with pytest.raises(ValueError, match="another process trains in this folder"):
            toy_fit(run)
    assert toy_fit(run).step == 20


def test_a_model_that_cannot_be_saved_leaves_the_older_one(run):
    class Broken(ToyDenoiser):
        def save_pretrained(self, folder, networks):
            folder.mkdir()
            (folder / "half.safetensors").write_bytes(b"half")
            raise OSError("disk full")

    before = (run / "model" / "denoiser.safetensors").read_bytes()
    with pytest.raises(OSError, match="disk full"):
        toy_fit(run, Broken(), steps=11)
    assert [p.name for p in (run / "model").iterdir()] == ["denoiser.safetensors"]
    assert (run / "model" / "denoiser.safetensors").read_bytes() == before
    toy_fit(run, steps=11)  # the steps were kept; the model is brought out now
    assert (run / "model" / "denoiser.safetensors").read_bytes() != before
    assert not [p.name for p in run.iterdir() if p.name.startswith(".tmp")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"ema_decay": 1.0},
        {"clip_norm": 0.0},
        {"accumulation": 9},
        {"mixed_precision": "fp8"},
        {"log_evry": 5},
    ],
)
def test_settings_without_a_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        toy_config(**wrong)


def test_settings_that_are_not_json_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        toy_fit(tmp_path / "run", model_config={"width": float("nan")})
