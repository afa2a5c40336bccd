"""Classifiers of radiographs: they read marks back, say what they did not learn, and survive the disk."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.seeds import stream
from clinsynth.generators.readout.radiograph import AugmentConfig, NetworkConfig, RadiographReadout
from clinsynth.generators.readout.radiograph.attributes import learnable, said
from clinsynth.generators.readout.radiograph.augmentation import augmented
from clinsynth.generators.readout.radiograph.calibration import _state
from clinsynth.generators.readout.radiograph.folds import patient_folds
from clinsynth.generators.readout.radiograph.images import images_of, sized
from clinsynth.generators.readout.radiograph.losses import balance, loss, targets
from clinsynth.generators.readout.radiograph.networks import RadiographNetwork
from clinsynth.generators.readout.radiograph.scores import auroc, correlation
from clinsynth.generators.readout.scaling import scaled_classes
from marked_radiographs import NETWORK, TEACHING, marked, record
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score


@pytest.fixture(scope="module")
def records():
    return marked(160)


@pytest.fixture(scope="module")
def readout(records):
    return RadiographReadout.trained(records, network=NETWORK, teaching=TEACHING, steps=150, folds=2, seed=1)


def figures(readout, records):
    found = {(s.name, s.measure): s.value for s in readout.scores(records, resamples=20)}
    return {name: found[name, "auroc"] for name, measure in found if measure == "auroc"} | {
        "age": found.get(("age_years", "correlation"))
    }


def test_marks_of_every_attribute_are_read_back_in_new_patients(readout):
    read = figures(readout, marked(80, seed=9))
    assert min(read[name] for name in ("sex", "pa", "lateral", "asian", "black", "effusion")) > 0.95
    assert read["age"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["resnet", "densenet"])
def test_real_patients_that_nothing_was_trained_on_are_read(architecture):
    made = RadiographReadout.trained(list(embedded("nih64", split="train")), architecture=architecture)
    read = figures(made, list(embedded("nih64", split="held_out")))
    assert read["pa"] > 0.95 and read["sex"] > 0.8 and read["age"] > 0.35


def test_shuffled_labels_read_at_chance(readout):
    new = marked(120, seed=9)
    other = [record(a.record_id, b.condition, a.arrays["image"]) for a, b in zip(new, new[1:] + new[:1], strict=True)]
    assert abs(figures(readout, other[::2])["sex"] - 0.5) < 0.25


def test_the_members_never_judge_the_patients_that_taught_them(records):
    fold = patient_folds([r.condition.patient_id for r in records], 3, 0)
    by_patient = {}
    for r, k in zip(records, fold, strict=True):
        by_patient.setdefault(r.condition.patient_id, set()).add(int(k))
    assert all(len(k) == 1 for k in by_patient.values())
    assert np.ptp(np.bincount(fold)) <= 2
    with pytest.raises(ValueError, match="cannot be divided"):
        patient_folds(["a", "a", "b"], 3, 0)


@pytest.mark.parametrize("architecture", ["resnet", "densenet"])
@pytest.mark.parametrize("size", [16, 128])
def test_networks_take_every_size_and_rows_do_not_touch(architecture, size):
    network = RadiographNetwork(NetworkConfig(architecture=architecture, size=size, width=4, features=8), 5).eval()
    x = torch.rand(3, 1, size, size)
    whole = network(x)
    assert whole.shape == (3, 5)
    torch.testing.assert_close(whole[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(whole, network(0.5 * x + 0.2), rtol=1e-2, atol=1e-2)  # exposure is not a finding
    assert not any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in network.modules())


def test_the_two_architectures_are_of_different_make():
    kinds = [
        {type(part).__name__ for part in RadiographNetwork(NetworkConfig.of(name, 64), 1).modules()}
        for name in ("resnet", "densenet")
    ]
    assert "Residual" in kinds[0] - kinds[1] and "Dense" in kinds[1] - kinds[0]


def test_what_is_unsaid_teaches_nothing(records):
    attributes = learnable(records)
    open_ones = [record(r.record_id, RadiographCondition(sex=r.condition.sex), r.arrays["image"]) for r in records[:8]]
    known = said(open_ones, attributes)
    outputs = torch.zeros(8, attributes.outputs, requires_grad=True)
    loss(outputs, targets(known), balance(said(records, attributes), attributes), attributes).backward()
    assert outputs.grad[:, 0].abs().min() > 0 and not outputs.grad[:, 1:].any()


def test_an_attribute_of_one_value_is_not_read_and_says_so():
    attributes = learnable(marked(60, sex="F", race=None))
    assert not attributes.sex and attributes.races == () and attributes.age
    assert "0 images of 0 patients" in attributes.not_learned["sex=M"]
    assert "0 images of 0 patients" in attributes.not_learned["race=white"]
    alone = learnable(marked(60, view="pa"))
    assert alone.views == () and "pa alone" in alone.not_learned["view"]


def test_what_was_not_learned_is_not_a_number():
    some = marked(100, sex="F", race=None, age_years=None)
    readout = RadiographReadout.trained(some, network=NETWORK, teaching=TEACHING, steps=1, folds=2)
    read = readout.read(np.stack([r.arrays["image"] for r in some[:3]]))
    assert np.isnan(read.male).all() and np.isnan(read.age_years).all() and read.race.shape == (3, 0)
    assert read.view.shape == (3, 3) and np.allclose(read.view.sum(1), 1)


def test_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="teach nothing: sex=F: 2 images of 1 patients; 20 of 4 are needed"):
        RadiographReadout.trained(marked(2, sex="F"), network=NETWORK, steps=1)


def test_the_same_seed_gives_the_same_weights_whatever_torch_did_before(records):
    def trained(seed):
        some = TEACHING.model_copy(update={"batch": 4})
        config = NETWORK.model_copy(update={"dropout": 0.3})
        return RadiographReadout.trained(records[:60], network=config, teaching=some, steps=2, folds=2, seed=seed)

    first = trained(3)
    torch.rand(7)
    before = torch.random.get_rng_state()
    assert first.weights_sha256 == trained(3).weights_sha256 != trained(4).weights_sha256
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_disk_changes_nothing_and_a_pickle_is_refused(readout, records, tmp_path):
    images = np.stack([r.arrays["image"] for r in records[:5]])
    readout.save_pretrained(tmp_path / "readout")
    again = RadiographReadout.from_pretrained(tmp_path / "readout")
    assert again.weights_sha256 == readout.weights_sha256 and again.out_of_fold == readout.out_of_fold
    for name in ("male", "age_years", "race", "view", "findings"):
        assert np.array_equal(getattr(again.read(images), name), getattr(readout.read(images), name))
    with pytest.raises(ValueError, match="not an empty folder"):
        readout.save_pretrained(tmp_path / "readout")
    (tmp_path / "readout/member_0/diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match="may be a pickle"):
        RadiographReadout.from_pretrained(tmp_path / "readout")


def test_damage_is_named(readout, tmp_path):
    readout.save_pretrained(tmp_path / "readout")
    path = tmp_path / "readout/reads/config.json"
    path.write_text(path.read_text().replace('"members"', '"member"'))
    with pytest.raises(ValueError, match="member"):
        RadiographReadout.from_pretrained(tmp_path / "readout")
    path.write_text(path.read_text().replace('"member"', '"members"'))
    (tmp_path / "readout/member_1/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ValueError, match="member_1.*is missing"):
        RadiographReadout.from_pretrained(tmp_path / "readout")


def test_images_are_averaged_to_size_and_squared():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8) / 64
    assert np.allclose(sized(image, 4)[0, 0], image[0].reshape(4, 2, 4, 2).mean((1, 3)))
    wide = sized(np.ones((1, 8, 16), np.float32), 16)[0, 0]
    assert wide.shape == (16, 16) and wide[:4].sum() == wide[-4:].sum() == 0 and wide[4:12].min() == 1
    with pytest.raises(ValueError, match=r"values in \[0, 1\] are needed"):
        sized(np.full((1, 8, 8), 200.0), 8)
    with pytest.raises(ValueError, match="no image"):
        images_of([record("x", RadiographCondition(), np.zeros(3, np.float32))], 8)


def test_augmentation_keeps_sides_and_range_and_none_is_the_identity():
    image = torch.full((64, 1, 32, 32), 0.2)
    image[:, :, 12:20, 2:10] = 0.9  # the patient's right
    moved = augmented(image, stream(0, "t"), AugmentConfig())
    assert moved.min() >= 0 and moved.max() <= 1 and moved.std(0).max() > 0.05
    assert (moved[:, 0, :, :16].mean((1, 2)) > moved[:, 0, :, 16:].mean((1, 2))).all()
    still = AugmentConfig(shift=0, turn_deg=0, scale=0, contrast=0, brightness=0, gamma=0, noise=0)
    torch.testing.assert_close(augmented(image, stream(0, "t"), still), image, rtol=0, atol=1e-5)


def test_calibration_finds_the_scale_of_logits_that_are_too_sure():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 2, 20_000)
    state = (rng.random(20_000) < expit(truth)).astype(float)
    fit = _state(3 * truth + 1, state, np.ones(20_000))
    assert fit.slope == pytest.approx(1 / 3, abs=0.02) and fit.offsets[0] == pytest.approx(-1 / 3, abs=0.05)
    reference = LogisticRegression(C=np.inf).fit((3 * truth + 1)[:, None], state)
    assert fit.slope == pytest.approx(float(reference.coef_[0, 0]), abs=0.01)


def test_calibration_of_classes_by_closed_form():
    index = np.repeat([0, 1, 2], [6000, 3000, 1000])
    fit = scaled_classes(np.zeros((10_000, 3)), index, np.ones(10_000))
    chance = np.exp(fit(np.zeros((1, 3)))[0])
    assert np.allclose(chance / chance.sum(), [0.6, 0.3, 0.1], atol=0.01)


def test_figures_agree_with_their_references():
    rng = np.random.default_rng(1)
    score, positive = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.4
    weight = rng.integers(0, 4, (5, 60)).astype(float)
    expected = [roc_auc_score(positive, score, sample_weight=w) for w in weight]
    assert np.allclose(auroc(positive, score, weight), expected)
    a, b = rng.normal(size=(2, 60))
    rows = [np.repeat([a, b], w.astype(int), axis=1) for w in weight]
    assert np.allclose(correlation(a, b, weight), [np.corrcoef(*r)[0, 1] for r in rows])
    assert np.isnan(auroc(np.ones(3, bool), np.arange(3.0), np.ones((1, 3)))).all()
