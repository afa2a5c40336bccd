"""The MRI generator: any contrast from any others, its grid and scale, draws, folder, refusals."""

import json

import numpy as np
import pytest
import torch
from clinsynth.conditioning.mri import MriCondition
from clinsynth.generators.mri.wavelet import ModelConfig, MriDiffusion
from clinsynth.generators.mri.wavelet.intensity import Scales
from clinsynth.generators.protocol import pretrained_class
from mri_model_toy import LOOKS, brain, tiny, tiny_model, without, write_nifti

CONTRASTS = tuple(LOOKS)


@pytest.mark.parametrize("kind", ["bridge", "diffusion"])
@pytest.mark.parametrize("there", [("t1",), ("t2", "flair"), ("t1", "t1ce", "flair")])
def test_every_missing_contrast_is_made_from_those_that_are_there(kind, there):
    record = without(brain(), *(name for name in CONTRASTS if name not in there))
    wanted = [name for name in CONTRASTS if name not in there]
    made = tiny(tiny_model(kind)).translate(record, wanted, 1)
    inside = np.any([record.arrays[name] != 0 for name in there], axis=0)
    assert set(made.arrays) == {*wanted, *(f"{name}_uncertainty" for name in wanted)}
    for name, volume in made.arrays.items():
        assert volume.shape == inside.shape and volume.dtype == np.float32 and np.isfinite(volume).all()
        assert volume.min() >= 0 and volume.max() > 0 and not volume[~inside].any(), name
    assert made.geometry == record.geometry and made.provenance["made"][wanted[0]]["from"] == sorted(there)


def test_a_wanted_contrast_that_is_there_is_not_looked_at():
    record = brain()
    other = without(record)
    other.arrays["t2"] = record.arrays["t2"][::-1].copy()
    a, b = (tiny().translate(r, ["t2"], 1).arrays["t2"] for r in (record, other))
    c = tiny().translate(without(record, "t2"), ["t2"], 1).arrays["t2"]
    assert np.array_equal(a, b) and np.array_equal(a, c)


def test_the_scanners_scale_comes_back():
    """A scanner whose unit is 8 times smaller gives inputs 8 times larger, and an output 8 times larger."""
    a, b = (tiny(samples=2).translate(without(brain(gain=g), "t2"), ["t2"], 1).arrays for g in (1.0, 8.0))
    assert np.allclose(b["t2"], 8 * a["t2"], rtol=1e-4, atol=1e-2)
    assert np.allclose(b["t2_uncertainty"], 8 * a["t2_uncertainty"], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("sides", [(5, 9, 7), (22, 26, 3), (40, 8, 30)])
def test_any_size_goes_through(sides):
    made = tiny(samples=1).translate(without(brain(sides=sides), "t1"), ["t1"], 0)
    assert made.arrays["t1"].shape == sides


def test_where_it_lies_in_the_volume_does_not_matter():
    record = brain()
    moved = {name: np.pad(volume, ((4, 0), (0, 6), (2, 2))) for name, volume in record.arrays.items()}
    other = type(record)("moved", moved, record.condition, record.geometry, record.provenance)
    a = tiny().translate(without(record, "t1"), ["t1"], 1).arrays["t1"]
    b = tiny().translate(without(other, "t1"), ["t1"], 1).arrays["t1"]
    assert np.array_equal(b[4:, :-6, 2:-2], a)


def test_several_draws_give_their_mean_and_their_spread():
    record = without(brain(), "flair")
    few = tiny(samples=1)
    made = tiny(samples=3).translate(record, ["flair"], 5).arrays
    assert made["flair_uncertainty"].max() > 0
    assert set(few.translate(record, ["flair"], 5).arrays) == {"flair"}
    one_step = tiny(samples=3, steps=1).translate(record, ["flair"], 5).arrays
    assert one_step["flair_uncertainty"].max() < 1e-3  # one step of a bridge draws nothing


def test_seed_and_record_alone_decide():
    record = without(brain(), "flair")
    a, b, c = (tiny(samples=1).translate(record, ["flair"], seed).arrays["flair"] for seed in (5, 5, 5 + 2**40))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    both = tiny(samples=1).translate(without(brain(), "flair", "t1"), ["t1", "flair"], 5).arrays["flair"]
    alone = tiny(samples=1).translate(without(brain(), "flair", "t1"), ["flair"], 5).arrays["flair"]
    assert np.array_equal(both, alone)


@pytest.mark.parametrize("walk", ["ancestral", "ddim", "dpm_solver_2m", "heun"])
@pytest.mark.parametrize("few", ["direct", "sampled"])
def test_a_diffusion_model_can_be_walked_in_every_way(walk, few):
    model = tiny_model("diffusion", objective={"kind": "diffusion", "schedule": {"steps": 10, "few": few}})
    made = tiny(model, walk=walk, steps=10, samples=1).translate(without(brain(), "t2"), ["t2"], 0).arrays["t2"]
    assert np.isfinite(made).all() and made.max() > 0


def test_the_clamp_keeps_volumes_in_their_range_on_the_way():
    record = without(brain(), "t2")
    with_it, without_it = (
        tiny(samples=1, clamp=clamp).translate(record, ["t2"], 0).arrays["t2"] for clamp in (True, False)
    )
    assert not np.array_equal(with_it, without_it) and without_it.min() >= 0


def test_age_sex_and_labels_are_heard():
    record = without(brain(), "flair")
    older = record.condition.model_copy(update={"age_years": 80.0, "sex": "F"})
    said = type(record)(record.record_id, record.arrays, older, record.geometry, record.provenance)
    unlabelled = without(record, "segmentation")
    made = [tiny(samples=1).translate(r, ["flair"], 0).arrays["flair"] for r in (record, said, unlabelled)]
    assert not np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])


def test_conditions_name_files_and_records_say_what_they_are(tmp_path):
    record = brain()
    paths = write_nifti(tmp_path, record, ("t1", "t2"))
    condition = MriCondition(**paths, patient_id="p1", wanted=("flair",))
    (made,) = tiny(samples=1).generate([condition], [9])
    assert set(made.arrays) == {"flair"} and made.condition == condition and made.record_id == "mri-9"
    assert made.synthetic and made.provenance["patient"] == "p1"
    json.dumps(dict(made.provenance))
    assert set(next(iter(tiny().generate([condition.model_copy(update={"wanted": None})], [9]))).arrays) >= {
        "t1ce",
        "flair",
    }


def test_what_cannot_be_made_is_refused_by_name():
    with pytest.raises(ValueError, match="pet is not taught; the model makes t1, t1ce, t2, flair"):
        tiny().translate(brain(), ["pet"], 0)
    with pytest.raises(ValueError, match="none of t1, t1ce, t2 is there"):
        tiny().translate(without(brain(), "t1", "t1ce", "t2"), ["flair"], 0)
    whole = MriCondition(t1="a", t1ce="b", t2="c", flair="d")
    with pytest.raises(ValueError, match="nothing is to be made"):
        next(iter(tiny().generate([whole], [0])))
    with pytest.raises(ValueError, match="2 seeds"):
        list(tiny().generate([whole], [0, 1]))
    with pytest.raises(ValueError, match="flair was in no training subject"):
        unseen = tiny().scales.model_copy(update={"subjects": {"t1": 1, "t2": 1, "flair": 0}})
        tiny(scales=unseen).translate(brain(), ["flair"], 0)


def test_support_counts_training_subjects():
    assert tiny().support() == {"wanted": {"t1": 3, "t1ce": 2, "t2": 3, "flair": 3}}


@pytest.mark.parametrize("kind", ["bridge", "diffusion"])
def test_a_folder_holds_the_whole_model(tmp_path, kind):
    generator, record = tiny(tiny_model(kind)), without(brain(), "t1")
    generator.save_pretrained(tmp_path / "m")
    again = MriDiffusion.from_pretrained(tmp_path / "m")
    assert pretrained_class(tmp_path / "m") is MriDiffusion and again.config() == generator.config()
    assert again.weights_sha256 == generator.weights_sha256
    a, b = (g.translate(record, ["t1"], 3).arrays["t1"] for g in (generator, again))
    assert np.array_equal(a, b)
    scheduler = json.loads((tmp_path / "m/scheduler/scheduler_config.json").read_text())
    assert scheduler["prediction_type"] == "sample"
    with pytest.raises(ValueError, match="not an empty folder"):
        generator.save_pretrained(tmp_path / "m")
    (tmp_path / "m/unet/config.json").unlink()
    MriDiffusion.from_pretrained(tmp_path / "m")  # sizes are the model's own
    (tmp_path / "m/unet/diffusion_pytorch_model.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="damaged"):
        MriDiffusion.from_pretrained(tmp_path / "m")


def test_names_are_settings():
    """Mask to image: one source that is no target, one target that is no source, windows of their own."""
    model = tiny_model(
        sources=("mask",), targets=("volume",), labels=(), facts=False, foreground="all",
        intensity={"mask": {"kind": "window", "high": 4}, "volume": {"kind": "window", "low": -1000, "high": 1000}},
    )  # fmt: skip
    record = brain()
    arrays = {"mask": record.arrays["segmentation"].astype(np.float32)}
    made = tiny(model, scales=Scales(), samples=1).translate(
        type(record)("ct", arrays, None, record.geometry, {"synthetic": False}), ["volume"], 0
    )
    assert -1000 <= made.arrays["volume"].min() < made.arrays["volume"].max() <= 1000
    assert model.in_channels == 8 + 8 + 1 + 1


def test_the_published_layout_is_a_setting():
    model = ModelConfig.model_validate({"sources": ("t1", "t1ce", "t2"), "targets": ("flair",)})
    assert model.in_channels - len(model.sources) - len(model.targets) == 32


def test_low_precision_is_near():
    record = without(brain(), "t1")
    a, b = (tiny(samples=1, steps=1, precision=p).translate(record, ["t1"], 0).arrays["t1"] for p in ("no", "bf16"))
    assert not np.array_equal(a, b) and np.abs(a - b).mean() < 0.1 * np.abs(a).max()
    assert torch.get_default_dtype() == torch.float32
