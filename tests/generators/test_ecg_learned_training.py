"""What the learned ECG generator is trained on, and that training works."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from clinsynth.conditioning.ecg import Finding
from clinsynth.conditioning.embedded import embedded
from clinsynth.generators.ecg.learned import PRESETS, DataConfig, EcgDiffusion, EcgDiffusionRecipe, prepare
from clinsynth.generators.ecg.learned.beat_times import ROWS
from clinsynth.generators.ecg.learned.cohort import artificial
from clinsynth.generators.ecg.learned.condition import FIELDS
from clinsynth.generators.ecg.learned.examples import ArtificialExamples, Joined, RealExamples, cut_of, true_beats
from clinsynth.generators.ecg.learned.real_beats import marked_beats
from clinsynth.generators.ecg.learned.settings import ModelConfig
from clinsynth.generators.ecg.learned.signal import eight_leads
from clinsynth.generators.training import Draws, Examples, Trainee, TrainingConfig, fit, split_by_patient
from learned_ecg_toy import tiny_model, tiny_recipe

MODEL = ModelConfig()
RATE = FIELDS.index("heart_rate_bpm")


@pytest.fixture(autouse=True)
def one_thread():
    """Small layers lose by sharing them out, and other tests may have left more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def real():
    return RealExamples(MODEL, 3, seed=0)


def test_real_rows_are_the_tuning_records_under_their_names(real):
    held_out = {record.record_id for record in embedded("ludb", split="held_out")}
    assert len(real) == 180 and len(set(real.patients)) == 60 and not held_out & set(real.patients)
    batch = real.batch(np.arange(0, 180, 3))
    assert batch["x"].shape == (60, 8, 1250) and batch["place"].dtype == torch.int64
    assert all(batch[name].dtype == torch.float32 for name in ("x", "beats", "weights", "value", "said"))
    assert torch.isfinite(batch["x"]).all()
    spread = batch["x"].std(dim=(0, 2))
    assert torch.all((spread > 0.3) & (spread < 0.9))  # the unit fits the data
    assert batch["said"][:, FIELDS.index("source")].all() and not batch["value"][:, FIELDS.index("source")].any()


def test_a_rows_first_copy_is_the_record_and_rates_are_those_marked(real):
    record = next(embedded("ludb", split="tuning"))
    first = real.batch(np.array([0]))
    assert torch.equal(first["x"][0], torch.from_numpy(MODEL.scale.to_network(eight_leads(record))))
    rates = real.batch(np.arange(0, 180, 3))["value"][:, RATE]
    assert torch.all((rates > 30) & (rates < 160))
    assert MODEL.scale.to_mv(MODEL.scale.to_network(eight_leads(record))).std() > 0.05


def test_later_copies_beat_slower_and_say_so(real):
    rows = np.arange(180).reshape(60, 3)
    first, second = real.batch(rows[:, 0]), real.batch(rows[:, 1])
    said = (first["said"] * second["said"])[:, RATE] > 0
    ratio = (first["value"] / second["value"])[said, RATE]
    assert ratio.median() > 1.01 and ratio.std() > 0.02 and torch.all((ratio > 0.8) & (ratio < 1.6))
    assert not torch.equal(first["x"], second["x"])


def test_silence_of_the_cardiologists_on_what_they_do_not_name_is_unsaid(real):
    said = dict(zip(MODEL.condition.attributes, real.batch(np.arange(180))["said"].mean(0), strict=True))
    assert said["left_ventricular_hypertrophy"] > 0.9 and said["long_qt"] == 0 and said["low_voltage"] == 0


def test_a_part_of_each_row_can_be_shown(real):
    whole = real.batch(np.arange(4))
    part = RealExamples(MODEL, 3, seed=0, shown_s=5.12).batch(np.arange(4))
    assert part["x"].shape == (4, 8, 640) and part["beats"].shape == (4, ROWS, 640)
    cuts = [cut_of(f"real/{row}", 5.12, 0) for row in range(4)]
    assert len({cut.start for cut in cuts}) == 4 and cut_of("real/0", 10.0, 0) == slice(0, 1250)
    for key in ("x", "beats"):
        assert all(torch.equal(part[key][k], whole[key][k][:, cuts[k]]) for k in range(4))
    made = ArtificialExamples(MODEL, 2, seed=0, shown_s=5.12).batch(np.arange(2))
    assert made["x"].shape == (2, 8, 640) and made["beats"].shape == (2, ROWS, 640)


def test_the_cohort_is_a_function_of_seed_and_row_and_says_what_came_out():
    findings = MODEL.condition.findings
    rows = [artificial(4, row, findings) for row in range(40)]
    assert np.array_equal(rows[7].arrays["signal"], artificial(4, 7, findings).arrays["signal"])
    assert not np.array_equal(rows[7].arrays["signal"], artificial(5, 7, findings).arrays["signal"])
    assert len({record.condition.rhythm for record in rows}) >= 4
    assert {f for record in rows for f in record.condition.findings} <= set(findings)
    assert any(record.condition.findings for record in rows)
    for record in rows:
        assert len(true_beats(record).at_s) == len(record.tables["beats"]["sample"])
        assert record.condition.heart_rate_bpm == record.truth.get("heart_rate_bpm", record.condition.heart_rate_bpm)
    assert artificial(0, 0, ()).condition.findings == ()


def test_joined_rows_come_from_their_parts_in_the_order_asked(real):
    made = ArtificialExamples(MODEL, 5, seed=1)
    joined = Joined([real, made])
    rows = np.array([184, 0, 181, 3, 180])
    batch = joined.batch(rows)
    for k, row in enumerate(rows):
        part, at = (real, row) if row < 180 else (made, row - 180)
        alone = part.batch(np.array([at]))
        assert all(torch.equal(batch[key][k], alone[key][0]) for key in batch)
    assert list(joined.patients) == [*real.patients, *made.patients]


def test_the_split_keeps_patients_apart():
    train, validation = prepare(MODEL, DataConfig(real_copies=2, artificial=30, validation_share=0.3))
    assert isinstance(train, Examples) and not set(train.patients) & set(validation.patients)
    assert len(train) + len(validation) == 150 and any(p.startswith("ludb") for p in validation.patients)
    joined = [*RealExamples(MODEL, 2, 0).patients, *ArtificialExamples(MODEL, 30, 0).patients]
    assert [joined[k] for k in split_by_patient(joined, 0.3, 0)[0]] == list(train.patients)
    with pytest.raises(ValueError, match="nothing to train on"):
        prepare(MODEL, DataConfig(real_copies=0, artificial=0))


def test_records_that_cannot_be_learned_from_are_refused():
    record = next(embedded("ludb", split="tuning", leads="I|II|V1|V2|V3|V4|V5"))
    with pytest.raises(ValueError, match="lacks lead V6"):
        eight_leads(record)
    unmarked = replace(record, tables={"waves": {name: column[:0] for name, column in record.tables["waves"].items()}})
    with pytest.raises(ValueError, match="no marked beats"):
        marked_beats(unmarked)


def test_the_loss_falls_on_eight_records():
    examples = ArtificialExamples(tiny_model(), 8, seed=2)
    recipe = tiny_recipe()
    trainee = recipe.trainee()
    batch = examples.batch(np.arange(8))
    parameters = [p for network in trainee.networks.values() for p in network.parameters()]
    optimiser = torch.optim.Adam(parameters, 3e-3)

    def loss(step):
        draws = Draws(0, f"step-{step}", np.arange(8), torch.device("cpu"))
        value = trainee.loss(trainee.networks, batch, draws)
        assert value.shape == (8,)
        return value.mean()

    fixed = [f"fixed-{k}" for k in range(4)]
    with torch.no_grad():
        before = sum(float(loss(name)) for name in fixed)
    for step in range(100):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
    with torch.no_grad():
        after = sum(float(loss(name)) for name in fixed)
    assert after < 0.7 * before


def test_each_examples_loss_is_its_own():
    trainee = tiny_recipe().trainee()
    batch = ArtificialExamples(tiny_model(), 4, seed=2).batch(np.arange(4))
    with torch.no_grad():
        together = trainee.loss(trainee.networks, batch, Draws(0, "s", np.arange(4), torch.device("cpu")))
        for k in range(4):
            one = {key: value[k : k + 1] for key, value in batch.items()}
            alone = trainee.loss(trainee.networks, one, Draws(0, "s", np.array([k]), torch.device("cpu")))
            assert torch.allclose(alone, together[k : k + 1], rtol=1e-4)


def test_fit_ends_with_a_model_that_draws(tmp_path):
    recipe = tiny_recipe(steps=2)
    train, validation = recipe.examples()
    trainee = recipe.trainee()
    assert isinstance(trainee, Trainee)
    report = fit(trainee, train, validation, recipe.training, tmp_path / "run", model_config=recipe.model_config_json())
    assert (tmp_path / "run" / "samples" / "step-000002.png").read_bytes()[:4] == b"\x89PNG"
    assert np.isfinite(list(report.validation_loss.values())).all() and report.model is not None
    generator = EcgDiffusion.from_pretrained(report.model)
    assert generator.model == recipe.model and generator.sampling == recipe.sampling


def test_the_preset_is_a_recipe_and_says_how_it_is_run():
    path = PRESETS / "ecg-diffusion-small.yaml"
    recipe = EcgDiffusionRecipe.read(path)
    assert isinstance(recipe.training, TrainingConfig) and recipe.data.real_copies and recipe.data.artificial
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert head[0].startswith("# clinsynth fit preset:ecg-diffusion-small")
    assert any("Hardware" in line for line in head) and any("Score" in line for line in head)
    parameters = sum(p.numel() for network in recipe.trainee().networks.values() for p in network.parameters())
    assert 5e5 < parameters < 2e6


def test_a_recipe_that_cannot_be_is_refused_by_name(tmp_path):
    path = tmp_path / "mine.yaml"
    with pytest.raises(ValueError, match="is not a file"):
        EcgDiffusionRecipe.read(path)
    for text, named in (("training: [", "no YAML"), ("{}", "training"), ("steps: 3", "steps")):
        path.write_text(text)
        with pytest.raises(ValueError, match=named):
            EcgDiffusionRecipe.read(path)
    assert (
        Finding.long_qt
        in EcgDiffusionRecipe.model_validate(
            {"training": {"steps": 1, "batch_size": 1, "learning_rate": 1}}
        ).model.condition.findings
    )
