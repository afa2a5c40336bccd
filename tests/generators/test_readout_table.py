"""Networks of a table's task: what they learn, and that what changes samples keeps what it should."""

import numpy as np
import pytest
import torch
from clinsynth.generators.readout.supervised import Schedule
from clinsynth.generators.readout.table import (
    CHANGES,
    Rows,
    adapted,
    features_of,
    network,
    pretrained,
    said_of,
    taught,
    untrained,
)
from clinsynth.generators.readout.table.adapting import information, pseudo_labels
from clinsynth.generators.readout.table.centres import boxes_of, centre_targets
from clinsynth.generators.readout.table.losses import class_weight
from clinsynth.generators.readout.table.moving import Drawn, MovingConfig, moved, warped
from clinsynth.generators.readout.table.networks import standardised
from clinsynth.generators.readout.table.small_segment import SmallSegmentConfig, segmented_small
from clinsynth.generators.readout.table.wavelet import band_names, bands_dropped, haar, unhaar


def discs(seed, n, side=24, dims=2, contrast=2.0):
    """Noise; every second sample holds a bright ball somewhere."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.arange(side)] * dims, indexing="ij")
    x = rng.normal(0, 1, (n, 1, *(side,) * dims)).astype(np.float32)
    mask, boxes = np.zeros((n, *(side,) * dims), dtype=np.int64), []
    for k in range(n):
        centre, radius = rng.uniform(0.3 * side, 0.7 * side, dims), side * 0.17
        inside = sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) < radius**2
        inside &= k % 2 == 1
        x[k, 0][inside] += contrast
        mask[k][inside] = 1
        at = np.argwhere(inside)
        boxes.append(np.array([[*at.min(0), *(at.max(0) + 1), 0.0]]) if len(at) else np.zeros((0, 2 * dims + 1)))
    return x, mask, tuple(boxes)


def rows(kind, seed=0, n=60, **other):
    x, mask, boxes = discs(seed, n, **other)
    y = np.arange(n) % 2
    said = {
        "classification": y, "multilabel": np.column_stack([y, 1 - y]).astype(float), "segmentation": mask,
        "regression": y - 0.5, "detection": np.zeros(0),
    }[kind]  # fmt: skip
    return Rows(kind, x, said, boxes if kind == "detection" else (), np.ones(n))


OUTPUTS = {"classification": 2, "multilabel": 2, "segmentation": 2, "regression": 1, "detection": 1}


def fitted(kind, steps=60, train=None, **other):
    made = rows(kind, **other) if train is None else train
    start = untrained("small", kind, 1, OUTPUTS[kind], made.x.shape[2:], 0)
    return taught(start, made, OUTPUTS[kind], Schedule(steps), 12, 1)


# What they learn


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_classifier_finds_balls_on_any_axes(dims):
    side = {1: 96, 2: 24, 3: 12}[dims]
    net = fitted("classification", n=100, dims=dims, side=side, contrast=5.0)
    test = rows("classification", seed=9, dims=dims, side=side, contrast=5.0)
    assert (said_of(net, test.x, 2).argmax(1) == test.y).mean() > 0.85


def test_a_classifier_taught_shuffled_labels_stays_at_chance():
    train = rows("classification", n=80)
    shuffled = Rows("classification", train.x, np.random.default_rng(3).permutation(train.y), (), train.weight)
    test = rows("classification", seed=9, n=80)
    net = fitted("classification", steps=40, train=shuffled)
    assert 0.25 < (said_of(net, test.x, 2).argmax(1) == test.y).mean() < 0.75


def test_masks_numbers_labels_and_boxes_are_learnt_too():
    test = {kind: rows(kind, seed=9) for kind in OUTPUTS}
    labels = said_of(fitted("multilabel"), test["multilabel"].x, 2)
    assert ((labels > 0.5) == test["multilabel"].y).mean() > 0.85
    number = said_of(fitted("regression"), test["regression"].x, 1)
    assert np.corrcoef(number, test["regression"].y)[0, 1] > 0.7
    mask = said_of(fitted("segmentation"), test["segmentation"].x, 2)
    truth = test["segmentation"].y
    assert 2 * (mask * truth).sum() / (mask.sum() + truth.sum()) > 0.6
    found = said_of(fitted("detection", steps=120), test["detection"].x, 1)
    with_box = np.flatnonzero([len(b) for b in test["detection"].boxes])
    middle = [np.abs((found[k, 0, :2] + found[k, 0, 2:4]) / 2 - (b[:2] + b[2:4]) / 2).max()
              for k in with_box for b in [test["detection"].boxes[k][0]]]  # fmt: skip
    assert np.median(middle) < 3
    assert np.mean(found[with_box, 0, -1]) > 2 * np.mean(np.delete(found, with_box, 0)[:, 0, -1])


@pytest.mark.parametrize("change", list(CHANGES))
def test_the_same_seed_trains_the_same_network_and_leaves_the_start_as_it_was(change):
    made = rows("classification", n=20)
    start = untrained("small", "classification", 1, 2, (24, 24), 5)
    before = [p.clone() for p in start.parameters()]
    one, two = (taught(start, made, 2, Schedule(3), 8, 7, change) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, start.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(start.parameters()))


def test_a_rare_class_counts_as_much_as_a_common_one_and_what_is_not_said_counts_nothing():
    made = Rows("classification", np.zeros((10, 1, 8), np.float32), np.array([1] + [0] * 9), (), np.ones(10))
    w = class_weight(made, 2)
    assert w[1] * 1 == pytest.approx(w[0] * 9)
    label = np.array([[1.0], [0.0], [0.0], [np.nan]])
    assert class_weight(Rows("multilabel", made.x[:4], label, (), np.ones(4)), 1) == pytest.approx([2.0])


# Networks by name


def test_names_that_are_not_known_or_do_not_fit_are_refused_in_one_line(tmp_path):
    for name, said in {
        "resnet": "not known", "small:x": "not known", 
         f"transformers:{tmp_path}": "no folder with config.json",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=said) as error:
            network(name, "classification", 1, 2, 2, shape=(32, 32))
        assert "\n" not in str(error.value)


def test_networks_of_monai_have_no_state_and_give_what_each_task_needs():
    pytest.importorskip("monai")
    with pytest.raises(ValueError, match="MONAI has no network 'Nope'"):
        network("monai:Nope", "classification", 1, 2, 2, shape=(32, 32))
    with pytest.raises(ValueError, match="not what classification needs"):
        network("monai:UNet", "classification", 1, 2, 2, shape=(32, 32))
    made = network("monai:UNet", "segmentation", 1, 3, 2, shape=(32, 32))
    assert made(torch.zeros(2, 1, 32, 32)).shape == (2, 3, 32, 32)
    made = network("monai:UNet", "detection", 1, 2, 3, shape=(16, 16, 16))
    assert made(torch.zeros(1, 1, 16, 16, 16)).shape[:2] == (1, 2 + 6)
    made = network("monai:DenseNet121", "classification", 1, 3, 2, shape=(32, 32))
    assert made(torch.zeros(2, 1, 32, 32)).shape == (2, 3)
    assert not [m for m in made.modules() if isinstance(m, torch.nn.modules.batchnorm._NormBase)]


def test_a_folder_that_transformers_reads_is_a_body_for_images(tmp_path):
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32,
                       patch_size=8)  # fmt: skip
    ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    name = f"transformers:{tmp_path}"
    assert network(name, "multilabel", 1, 5, 2, shape=(24, 24))(torch.zeros(2, 1, 24, 24)).shape == (2, 5)
    assert network(name, "segmentation", 2, 3, 2, shape=(24, 24))(torch.zeros(2, 2, 24, 24)).shape == (2, 3, 24, 24)
    with pytest.raises(ValueError, match="reads images"):
        network(name, "classification", 1, 2, 3, shape=(8, 8, 8))


# What changes samples


def test_a_mask_and_a_box_move_with_the_sample():
    x, mask, boxes = discs(1, 12, side=32, contrast=0.0)
    config = MovingConfig(contrast=0, brightness=0, noise=0, turn_deg=0)
    drawn = Drawn(torch.from_numpy(mask[:, None].astype(np.float32)), torch.from_numpy(mask), boxes)
    seen = moved(drawn, np.random.default_rng(2), config)
    assert ((seen.x[:, 0] > 0.5).long() != seen.mask).float().mean() < 0.01
    kept = [k for k in range(12) if len(seen.boxes[k])]
    assert len(kept) >= 5
    for k in kept:
        at = np.argwhere(seen.mask[k].numpy())
        truth = np.array([*at.min(0), *(at.max(0) + 1)])
        assert np.abs(seen.boxes[k][0, :4] - truth).max() < 1.6
    assert not torch.equal(seen.mask, drawn.mask)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_identity_moves_nothing_and_a_shift_is_that_of_numpy(dims):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, *(8,) * dims)).astype(np.float32))
    matrix = np.tile(np.eye(dims, dims + 1), (2, 1, 1))
    assert torch.allclose(warped(Drawn(x), matrix).x, x, atol=1e-5)
    matrix[:, 0, -1] = 2 / 8  # one pixel on along the first axis
    assert torch.allclose(warped(Drawn(x), matrix).x[:, :, :-1], x[:, :, 1:], atol=1e-5)


def test_mirroring_is_not_done_unless_it_is_asked_for():
    x = torch.from_numpy(np.tile(np.linspace(0, 1, 16, dtype=np.float32), (64, 1, 16, 1)))
    still = {"shift": 0, "turn_deg": 0, "scale": 0, "contrast": 0, "brightness": 0, "noise": 0}
    assert torch.allclose(moved(Drawn(x), np.random.default_rng(0), MovingConfig(**still)).x, x, atol=1e-5)
    turned = moved(Drawn(x), np.random.default_rng(0), MovingConfig(**still, mirror=True)).x
    flipped = [bool(torch.allclose(t, x[0].flip(-1), atol=1e-4)) for t in turned]
    assert 10 < sum(flipped) < 54


@pytest.mark.parametrize("shape", [(32,), (16, 12), (8, 6, 10)])
def test_haars_bands_are_orthonormal_and_put_together_again(shape):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2, *shape)).astype(np.float32))
    bands = haar(x)
    assert len(bands) == len(band_names(len(shape))) == 2 ** len(shape)
    assert torch.allclose(unhaar(bands), x, atol=1e-5)
    assert sum(float((b**2).sum()) for b in bands) == pytest.approx(float((x**2).sum()), rel=1e-5)
    flat = haar(torch.ones(1, 1, *shape))
    assert all(float(b.abs().max()) < 1e-6 for b in flat[1:])


def test_dropped_bands_keep_the_mean_over_draws_only_when_they_are_rescaled():
    x = torch.from_numpy(np.random.default_rng(0).normal(1, 1, size=(1, 1, 9, 7)).astype(np.float32))
    x = x.expand(4000, -1, -1, -1)
    kept = bands_dropped(x, np.random.default_rng(1)).mean(0)
    raw = bands_dropped(x, np.random.default_rng(1), rescale=False).mean(0)
    assert torch.allclose(kept, x[0], atol=0.15) and torch.allclose(raw / 0.7, kept, atol=1e-4)
    assert torch.allclose(bands_dropped(x[:2], np.random.default_rng(1), 0.0), x[:2], atol=1e-5)
    with pytest.raises(ValueError, match="rate = 1"):
        bands_dropped(x[:2], np.random.default_rng(1), 1)


def test_a_network_that_standardises_cannot_tell_dropout_with_rescaling_from_without():
    x = torch.from_numpy(discs(0, 4)[0])
    kept, raw = (bands_dropped(x, np.random.default_rng(1), rescale=rescale) for rescale in (True, False))
    assert torch.allclose(kept, raw / 0.7, atol=1e-5) and not torch.allclose(kept, raw, atol=0.1)
    assert torch.allclose(standardised(kept), standardised(raw), atol=1e-2)


def test_small_segments_keep_what_is_labelled_alone_smaller_and_on_black():
    x, mask, _ = discs(1, 20, side=32)
    drawn = Drawn(torch.from_numpy(x), torch.from_numpy(mask))
    config = SmallSegmentConfig(chance=1.0, smallest=0.5, noise=0.0)
    seen = segmented_small(drawn, np.random.default_rng(0), config)
    size = seen.mask.sum((1, 2))[1::2].float() / drawn.mask.sum((1, 2))[1::2]
    assert 0.15 < float(size.min()) and float(size.max()) < 1.1 and float(size.mean()) < 0.9
    least = drawn.x.amin((2, 3))
    outside = (seen.x[:, 0] - least[:, :, None]) * (seen.mask == 0)
    inside = (seen.x[:, 0] - least[:, :, None])[seen.mask > 0]
    assert float((outside > 0.5 * inside.mean()).float().mean()) < 0.02
    untouched = segmented_small(drawn, np.random.default_rng(0), SmallSegmentConfig(chance=0.0, noise=0.0))
    assert torch.equal(untouched.x, drawn.x) and torch.equal(untouched.mask, drawn.mask)


def test_without_a_mask_the_whole_sample_is_shrunk():
    x = torch.ones(8, 1, 32, 32)
    x[:, :, 0, 0] = 0
    seen = segmented_small(Drawn(x), np.random.default_rng(0), SmallSegmentConfig(chance=1, smallest=0.5, noise=0)).x
    area = (seen > 0.5).float().mean((1, 2, 3))
    assert float(area.min()) > 0.2 and float(area.mean()) < 0.9


# Boxes as centres


def test_boxes_come_back_from_their_own_targets():
    boxes = np.array([[4.0, 6.0, 12.0, 20.0, 1.0], [20.0, 20.0, 30.0, 26.0, 0.0]])
    t = centre_targets([boxes, np.zeros((0, 5))], 2, (32, 32), (16, 16))
    said = torch.cat([torch.logit(t["heat"] * 0.98 + 0.01), t["size"], t["offset"]], 1)
    found = boxes_of(said, 2, (32, 32), 4)
    assert found.shape == (2, 4, 6)
    first = found[0, :2][np.argsort(found[0, :2, 4])[::-1]]
    assert np.allclose(first[:, :5], boxes, atol=1e-4) and (first[:, 5] > 0.9).all()
    assert found[1, :, 5].max() < 0.1


# Without labels


@pytest.mark.parametrize("way", ["contrastive", "masked"])
@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_pretraining_changes_the_body_and_leaves_the_head(way, kind):
    made = rows(kind, n=16)
    start = untrained("small", kind, 1, 2, (24, 24), 0)
    done = pretrained(start, made, way, Schedule(2), 8, 0)
    assert all(torch.equal(a, b) for a, b in zip(start.head.parameters(), done.head.parameters(), strict=True))
    assert not torch.equal(next(start.body.parameters()), next(done.body.parameters()))
    labels = Rows(kind, made.x, made.y[::-1].copy(), (), made.weight)
    again = pretrained(start, labels, way, Schedule(2), 8, 0)
    assert all(torch.equal(a, b) for a, b in zip(done.parameters(), again.parameters(), strict=True))


def test_adaptation_touches_only_what_it_may_and_no_label():
    made = rows("classification", n=24)
    net = fitted("classification", steps=20)
    other = Rows("classification", made.x, 1 - made.y, (), made.weight)
    for how in ("shot", "tent"):
        one, two = (adapted(net, r, how, Schedule(4), 8, 0) for r in (made, other))
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
        assert torch.equal(one.head.weight, net.head.weight)
        moved_ones = [n for (n, a), b in zip(net.named_parameters(), one.parameters(), strict=True)
                      if not torch.equal(a, b)]  # fmt: skip
        layers = [n for n, m in net.named_modules() if isinstance(m, torch.nn.GroupNorm)]
        norms = {f"{n}.{p}" for n in layers for p in ("weight", "bias")}
        assert moved_ones and (set(moved_ones) <= norms) == (how == "tent")
        assert all(p.requires_grad for p in one.parameters())
    with pytest.raises(ValueError, match="cannot be adapted"):
        adapted(untrained("small", "regression", 1, 1, (24, 24), 0), made, "shot", Schedule(1), 4, 0)


def test_shot_wins_back_a_site_whose_samples_look_different():
    net = fitted("classification", steps=80, n=120)
    there = rows("classification", seed=4, n=120)
    blur = torch.nn.functional.avg_pool2d(torch.from_numpy(there.x), 3, 1, 1).numpy()
    blur = blur + 0.6 * there.x.std() * np.linspace(-1, 1, 24, dtype=np.float32)
    site = Rows("classification", blur.astype(np.float32), there.y, (), there.weight)
    before = (said_of(net, site.x[:60], 2).argmax(1) == site.y[:60]).mean()
    after = adapted(net, site.at(np.arange(60, 120)), "shot", Schedule(60, learning_rate=1e-3), 24, 0)
    assert (said_of(after, site.x[:60], 2).argmax(1) == site.y[:60]).mean() >= min(before + 0.05, 0.95)


def test_information_is_least_where_a_classifier_is_sure_and_uses_all_classes():
    sure = torch.tensor([[9.0, -9.0], [-9.0, 9.0]])
    assert float(information(sure)) == pytest.approx(-np.log(2), abs=1e-4)
    assert float(information(sure[:1].expand(2, -1))) == pytest.approx(0, abs=1e-3)
    assert float(information(torch.zeros(2, 2))) == pytest.approx(0, abs=1e-6)
    features = np.array([[3.0, 0.1], [2.5, 0.0], [0.1, 3.0], [0.0, 2.0]])
    chance = np.array([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8], [0.1, 0.9]])
    assert pseudo_labels(chance, features).tolist() == [0, 0, 1, 1]


def test_features_are_a_row_a_sample_and_do_not_depend_on_the_batch():
    x = discs(0, 5)[0]
    for kind in ("classification", "segmentation"):
        net = untrained("small", kind, 1, 2, (24, 24), 0)
        whole = features_of(net, x)
        assert np.allclose(whole, np.concatenate([features_of(net, x[k : k + 1]) for k in range(5)]), atol=1e-5)
