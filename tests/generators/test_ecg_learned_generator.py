"""The learned ECG generator on the contract of generators, without training."""

import json

import numpy as np
import pytest
import torch
from clinsynth.conditioning.dataset import open_dataset
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.plan import make_plan
from clinsynth.generators.ecg.learned import EcgDiffusion
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.storage import write_part
from learned_ecg_toy import tiny, tiny_model

ASKED = [
    {},
    {"sex": "F", "age_years": 40},
    {"heart_rate_bpm": 90, "rhythm": "atrial_fibrillation"},
    {"rhythm": "sinus", "findings": ["left_bundle_branch_block"]},
    {"findings": [], "duration_s": 4.3, "fs_hz": 250, "leads": ["V2", "aVL", "II"]},
]
CONDITIONS = [EcgCondition.model_validate(asked) for asked in ASKED]


@pytest.fixture(scope="module")
def generator():
    return tiny()


def signals(generator, conditions, seeds):
    return [record.arrays["signal"] for record in generator.generate(conditions, seeds)]


def one(generator, seed=3, **asked):
    return next(generator.generate([EcgCondition.model_validate(asked)], [seed])).arrays["signal"]


def test_a_record_is_a_function_of_its_condition_and_seed_bit_for_bit(generator):
    together = signals(generator, CONDITIONS, range(5))
    for k in reversed(range(5)):
        (alone,) = signals(generator, [CONDITIONS[k]], [k])
        assert np.array_equal(alone, together[k])
    backwards = signals(generator, CONDITIONS[::-1], range(5)[::-1])
    assert all(np.array_equal(a, b) for a, b in zip(backwards[::-1], together, strict=True))


def test_records_of_other_passes_differ_by_rounding_only(generator):
    many = [EcgCondition()] * 9
    for a, b in zip(signals(generator, many, range(9)), signals(tiny(per_pass=7), many, range(9)), strict=True):
        assert np.abs(a - b).max() < 1e-4 * max(1, np.abs(a).max())


def test_seeds_that_differ_above_bit_32_give_other_records(generator):
    a, b = signals(generator, [EcgCondition()] * 2, [5, 5 + 2**40])
    assert not np.array_equal(a, b)


def test_shape_unit_rate_and_leads_are_those_asked_for(generator):
    for record in generator.generate(CONDITIONS, range(5)):
        c, signal = record.condition, record.arrays["signal"]
        assert signal.shape == (len(c.leads), round(c.duration_s * c.fs_hz)) and signal.dtype == np.float32
        assert np.isfinite(signal).all() and record.synthetic and record.geometry.unit == "mV"
        assert record.provenance["generator"] == generator.name
        assert EcgCondition.model_validate_json(record.condition.model_dump_json()) == record.condition
        json.dumps(dict(record.provenance))


@pytest.mark.parametrize("fs_hz", [100, 128, 333, 500, 1000])
def test_any_rate_shows_the_same_signal(generator, fs_hz):
    base, other = one(generator, fs_hz=125.0), one(generator, fs_hz=fs_hz)
    assert other.shape == (12, 10 * fs_hz)
    if fs_hz % 125 == 0:
        assert np.abs(other[:, :: fs_hz // 125] - base).max() < 1e-3 * np.abs(base).max()


def test_nothing_lies_above_the_networks_band(generator):
    power = np.abs(np.fft.rfft(one(generator) * np.hanning(5000))) ** 2
    above = np.fft.rfftfreq(5000, 1 / 500) > 75
    assert power[:, above].sum() < 1e-3 * power.sum()


def test_the_limb_leads_obey_einthoven_and_goldberger(generator):
    i, ii, iii, avr, avl, avf = one(generator)[:6].astype(np.float64)
    size = np.abs([i, ii]).max()
    for residual in (ii - i - iii, avr + (i + ii) / 2, avl - i + ii / 2, avf - ii + i / 2):
        assert np.abs(residual).max() < 1e-6 * size


def test_what_is_said_matters_and_what_is_written_only_cuts(generator):
    plain = one(generator)
    said = ({"sex": "M"}, {"age_years": 70}, {"heart_rate_bpm": 99}, {"rhythm": "atrial_flutter"}, {"findings": []})
    for asked in said:
        assert not np.array_equal(one(generator, **asked), plain)
    assert np.array_equal(one(generator, rhythm="sinus"), plain)  # a rhythm left out is drawn as the simulator does
    assert np.array_equal(one(generator, duration_s=3, patient_id="p", leads=["V6"]), plain[-1:, :1500])
    assert not np.array_equal(one(generator, findings=["long_qt"]), one(generator, findings=[]))


def free_of_beats(weight):
    """Return a generator whose network sets the beats itself."""
    generator = tiny(guidance=weight)
    generator.sampling = generator.sampling.model_copy(update={"beats": False})
    return generator


def test_guidance_strengthens_any_subset_and_leaves_nothing_asked_alone():
    for asked in ({"sex": "M"}, {"age_years": 70, "findings": []}, {"heart_rate_bpm": 99, "rhythm": "sinus"}):
        plain, strong, none = (one(free_of_beats(w), **asked) for w in (1, 3, 0))
        assert not np.array_equal(plain, strong)
        assert np.array_equal(none, one(free_of_beats(0)))
    plain, strong = (one(free_of_beats(w)) for w in (1, 3))
    assert np.abs(strong - plain).max() < 1e-4 * np.abs(plain).max()


def test_guidance_leads_away_from_the_same_beats():
    same = {"heart_rate_bpm": 80, "rhythm": "sinus"}
    without = one(tiny(guidance=0), **same)
    assert np.array_equal(without, one(tiny(guidance=0), findings=["low_voltage"], **same))
    assert not np.array_equal(without, one(tiny(guidance=0), heart_rate_bpm=81, rhythm="sinus"))


def test_a_rate_is_drawn_where_the_rhythm_names_it_though_no_beats_are_told():
    asked = [EcgCondition(rhythm="sinus_bradycardia"), EcgCondition(rhythm="sinus_tachycardia"), EcgCondition()]
    records = list(free_of_beats(1).generate(asked, range(3)))
    slow, fast, unsaid = (record.condition.heart_rate_bpm for record in records)
    assert slow < 60 < 100 < fast and unsaid is None
    assert not any(record.tables or record.truth for record in records)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"rhythm": "atrial_fibrillation", "sex": "F"},
        {"rhythm": "premature_ventricular_complexes", "heart_rate_bpm": 77.0},
        {"rhythm": "sinus_tachycardia", "age_years": 30, "findings": ["left_bundle_branch_block"]},
    ],
)
def test_beats_are_those_of_the_simulators_record_of_the_same_seed(generator, asked):
    condition = EcgCondition.model_validate(asked)
    (record,) = generator.generate([condition], [7])
    simulated = simulate(condition, 7)
    assert record.condition.heart_rate_bpm == simulated.condition.heart_rate_bpm
    assert record.condition.rhythm == simulated.condition.rhythm and record.condition.sex == condition.sex
    mine, other = (each.tables["beats"] for each in (record, simulated))
    # The simulator's R peak stands a little beside the moment that its kernels are centred on.
    inner = slice(1, -1)
    gaps = np.abs(mine["sample"][:, None] - np.asarray(other["sample"])[None, inner]).min(0)
    assert gaps.max() < 0.03 * 500 and abs(len(mine["sample"]) - len(other["sample"])) <= 1
    assert set(mine["label"]) <= {"N", "V"} and ("V" in mine["label"]) == ("V" in other["label"])


@pytest.mark.parametrize("rate", [45.0, 72.0, 110.0, 150.0])
def test_the_asked_beats_have_the_asked_rate(generator, rate):
    asked = [EcgCondition(heart_rate_bpm=rate, rhythm="atrial_fibrillation"), EcgCondition(heart_rate_bpm=rate)]
    rates = [record.truth["heart_rate_bpm"] for record in generator.generate(asked * 8, range(16))]
    assert np.median(np.abs(np.array(rates[1::2]) - rate)) < 0.05 * rate
    assert np.median(np.abs(np.array(rates[::2]) - rate)) < 0.2 * rate  # ten seconds of fibrillation


def test_the_table_of_beats_follows_how_the_record_is_written(generator):
    whole, cut = generator.generate([EcgCondition(), EcgCondition(duration_s=4, fs_hz=250)], [5, 5])
    many, few = (np.asarray(record.tables["beats"]["sample"]) for record in (whole, cut))
    assert np.abs(many[many < 2000 - 2] / 2 - few[: (many < 2000 - 2).sum()]).max() <= 1 and few.max() < 1000
    rr_s = whole.tables["beats"]["rr_s"]
    assert np.isnan(rr_s[0]) and np.abs(rr_s[1:] - np.diff(many) / 500).max() < 0.003
    assert whole.truth["heart_rate_bpm"] == pytest.approx(60 / np.mean(rr_s[1:]), abs=1e-3)


REFUSED = [
    ({"pr_ms": 150}, "pr_ms = 150"),
    ({"qtc_ms": 420}, "qtc_ms = 420"),
    ({"twa_uv": 40}, "twa_uv = 40"),
    ({"noise": []}, "noise"),
    ({"snr_db": 20}, "snr_db = 20"),
    ({"patient_seed": 4}, "patient_seed = 4"),
    ({"rhythm": "paced"}, "rhythm = paced"),
    ({"findings": ["t_inversion_lateral"]}, "t_inversion_lateral"),
    ({"duration_s": 11}, "duration_s = 11"),
]


@pytest.mark.parametrize(("asked", "named"), REFUSED, ids=[named for _, named in REFUSED])
def test_what_it_was_not_taught_is_refused_by_name(generator, asked, named):
    conditions = [EcgCondition(), EcgCondition.model_validate(asked)]
    with pytest.raises(ValueError, match=named) as error:
        next(generator.generate(conditions, [0, 1]))
    assert "\n" not in str(error.value)


def test_conditions_and_seeds_are_as_many(generator):
    with pytest.raises(ValueError, match="one seed per condition"):
        next(generator.generate([EcgCondition()], [1, 2]))


def test_generation_is_lazy(generator):
    calls = []
    hook = generator.networks["denoiser"].register_forward_pre_hook(lambda *_: calls.append(1))
    records = generator.generate([EcgCondition()] * 400, range(400))
    next(records), next(records)
    hook.remove()
    assert len(calls) == 3


def test_a_model_comes_back_from_its_folder_with_the_same_records(generator, tmp_path):
    generator.save_pretrained(tmp_path / "model")
    index = json.loads((tmp_path / "model" / "model_index.json").read_text())
    assert index["_class_name"] == "EcgDiffusion"
    assert {p.suffix for p in (tmp_path / "model").rglob("*") if p.is_file()} == {".json", ".safetensors"}
    back = EcgDiffusion.from_pretrained(tmp_path / "model")
    assert back.config() == generator.config() and back.weights_sha256 == generator.weights_sha256
    assert back.weights_sha256 != tiny(seed=1).weights_sha256
    for a, b in zip(signals(back, CONDITIONS, range(5)), signals(generator, CONDITIONS, range(5)), strict=True):
        assert np.array_equal(a, b)


def spoil(folder, how):
    weights = folder / "denoiser" / "diffusion_pytorch_model.safetensors"
    if how == "a pickle":
        torch.save({}, folder / "denoiser" / "diffusion_pytorch_model.bin")
    elif how == "no weights":
        weights.unlink()
    elif how == "damaged weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif how == "weights of another network":
        weights.write_bytes((folder / "encoder" / weights.name).read_bytes())
    elif how == "another class":
        index = folder / "model_index.json"
        index.write_text(index.read_text().replace("EcgDiffusion", "StableDiffusionPipeline"))
    elif how == "unknown setting":
        (folder / "sampling" / "config.json").write_text('{"stepz": 3}')
    elif how == "no JSON":
        (folder / "encoder" / "config.json").write_text("{")


SPOILT = {
    "a pickle": "diffusion_pytorch_model.bin may be a pickle",
    "no weights": "safetensors is missing",
    "damaged weights": "is damaged",
    "weights of another network": "does not fit",
    "another class": "'StableDiffusionPipeline'",
    "unknown setting": "stepz",
    "no JSON": "is no JSON",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_folder_that_is_not_as_it_was_written_is_refused(generator, tmp_path, how):
    generator.save_pretrained(tmp_path / "model")
    spoil(tmp_path / "model", how)
    with pytest.raises(ValueError, match=SPOILT[how]) as error:
        EcgDiffusion.from_pretrained(tmp_path / "model")
    assert "\n" not in str(error.value)


def test_other_folders_are_refused(generator, tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        EcgDiffusion.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="model_index.json is missing"):
        EcgDiffusion.from_pretrained(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not an empty folder"):
        generator.save_pretrained(tmp_path)


def test_findings_that_it_knows_are_a_setting():
    generator = tiny(tiny_model(findings=("t_inversion_lateral",)))
    assert one(generator, findings=["t_inversion_lateral"]).shape == (12, 5000)
    with pytest.raises(ValueError, match="left_bundle_branch_block"):
        one(generator, findings=["left_bundle_branch_block"])
    with pytest.raises(ValueError, match="twice"):
        tiny_model(findings=("long_qt", "long_qt"))


def test_records_can_be_stored_and_read_again(generator, tmp_path):
    plan = make_plan(EcgCondition, 3, balance=["sex"], ranges={"heart_rate_bpm": (60, 90)}, seed=1)
    write_part(generator, plan, tmp_path / "data", run_seed=1, weights_sha256=generator.weights_sha256)
    stored = list(open_dataset(tmp_path / "data"))
    assert len(stored) == 3 and all(record.arrays["signal"].shape == (12, 5000) for record in stored)
    for record in stored:
        (made,) = generator.generate([record.condition], [record.provenance["seed"]])
        assert np.array_equal(record.tables["beats"]["sample"], made.tables["beats"]["sample"])
        assert list(record.tables["beats"]["label"]) == list(made.tables["beats"]["label"])
