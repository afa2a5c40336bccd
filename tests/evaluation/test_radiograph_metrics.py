"""Metrics of images and clouds: closed forms, reference libraries, and no difference where there is none."""

import numpy as np
import pytest
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.radiograph.images import common_size, images, resized
from clinsynth.evaluation.radiograph.registration import nearest_aligned
from clinsynth.evaluation.realism import (
    Pairs,
    Sample,
    curve_distance,
    curve_gap,
    kernel_distance,
    kid,
    likeness_gap,
    neighbours,
    same_condition_pairs,
)
from clinsynth.evaluation.realism.ms_ssim import ms_ssim_pairs, scales_for, weights_for
from clinsynth.evaluation.realism.texture import frequencies, grey_shares, radial_spectra_db
from radiograph_toy import records
from scipy.stats import wasserstein_distance


def cloud(seed, n, d=6, shift=0.0, each=1):
    """Rows about a patient's own place, `each` a patient."""
    rng = stream(seed, "cloud")
    own = rng.standard_normal((-(-n // each), d)).repeat(each, axis=0)[:n]
    x = own if each == 1 else 0.8 * own + 0.6 * rng.standard_normal((n, d))
    return Sample(x + shift, [f"{seed}-{k // each}" for k in range(n)])


def smooth(seed, n, size=64):
    """Random images without sharp edges, so that shifts and shrinking mean something."""
    from scipy.ndimage import gaussian_filter

    x = gaussian_filter(stream(seed, "smooth").standard_normal((n, size, size)), (0, 2, 2))
    low, high = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
    return ((x - low) / (high - low)).astype(np.float32)


def test_kid_is_its_formula():
    a, b = cloud(1, 12), cloud(2, 9, shift=0.5)
    k = lambda x, y: (x @ y / 6 + 1) ** 3  # noqa: E731
    within = [np.mean([k(s.x[i], s.x[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (a, b)]
    across = np.mean([[k(x, y) for y in b.x] for x in a.x])
    assert kernel_distance(a, b) == pytest.approx(within[0] + within[1] - 2 * across)


def test_kid_agrees_with_torchmetrics():
    torch = pytest.importorskip("torch")
    from torchmetrics.image.kid import poly_mmd

    a, b = cloud(3, 40), cloud(4, 40, shift=0.3)
    theirs = poly_mmd(torch.from_numpy(a.x), torch.from_numpy(b.x), degree=3, gamma=None, coef=1.0)
    assert kernel_distance(a, b) == pytest.approx(float(theirs))


@pytest.mark.parametrize("each", [1, 4])
def test_kid_of_one_distribution_is_zero_on_average_even_where_patients_have_several_rows(each):
    draws = [kernel_distance(cloud(2 * s, 40, each=each), cloud(2 * s + 1, 24)) for s in range(1, 250)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(len(draws))
    assert np.mean([d < 0 for d in draws]) > 0.3


def test_kid_stands_at_its_floor_for_one_distribution_and_above_for_another():
    real = cloud(5, 60, each=2)
    same = kid(real, cloud(6, 60), seed=0, resamples=50, splits=20)
    other = kid(real, cloud(7, 60, shift=1.0), seed=0, resamples=50, splits=20)
    assert same.floor.low < same.matched.value < same.floor.high and same.whole.low < 0 < same.whole.high
    assert other.matched.value > other.floor.high and other.whole.low > 0


def test_the_gap_of_grey_curves_is_the_wasserstein_distance_of_pixels():
    a, b = smooth(1, 5), smooth(2, 4) ** 1.5
    gap = curve_gap(grey_shares(a), grey_shares(b))
    assert gap == pytest.approx(wasserstein_distance(a.ravel(), b.ravel()), abs=2 / 64)
    assert curve_gap(grey_shares(a), grey_shares(a)) == 0


def test_a_curve_distance_is_at_its_floor_for_one_distribution():
    a, b = (Sample(grey_shares(smooth(s, 40)), [f"{s}-{k}" for k in range(40)]) for s in (3, 4))
    same = curve_distance("greys", a, b, seed=0, resamples=50, splits=30)
    darker = Sample(grey_shares(0.8 * smooth(5, 40)), b.patients)
    other = curve_distance("greys", a, darker, seed=0, resamples=50, splits=30)
    assert same.matched.value < same.floor.high < other.matched.value and other.whole.low > same.whole.value


def test_a_wave_has_its_power_in_the_ring_of_its_frequency_however_bright():
    y, x = np.mgrid[0:64, 0:64]
    for cycles in (4, 11, 20):
        wave = (0.5 + 0.3 * np.cos(2 * np.pi * cycles * x / 64))[None].astype(np.float32)
        db = radial_spectra_db(wave)[0]
        assert frequencies(64)[db.argmax()] == pytest.approx(cycles / 64, abs=1 / 64)
        assert np.allclose(db, radial_spectra_db(0.2 + 0.5 * wave)[0], atol=1e-3) or db.min() == -80


def test_one_scale_of_ms_ssim_is_skimages_ssim():
    from skimage.metrics import structural_similarity

    x = smooth(8, 4).astype(np.float64)
    ours = ms_ssim_pairs(x, x, np.array([0, 1, 2]), np.array([1, 2, 3]), scales=1)
    for value, i, j in zip(ours, (0, 1, 2), (1, 2, 3), strict=True):
        _, full = structural_similarity(
            x[i], x[j], data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )
        assert value == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def written_out(a, b, weights):
    """MS-SSIM as the paper writes it (Wang et al. 2003), windows inside the image alone, by plain convolution."""
    from scipy.signal import convolve2d

    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    value = 1.0
    for k, weight in enumerate(weights):
        mx, my, xx, yy, xy = (convolve2d(z, window, mode="valid") for z in (a, b, a * a, b * b, a * b))
        cs = (2 * (xy - mx * my) + 0.03**2) / (xx - mx * mx + yy - my * my + 0.03**2)
        bright = (2 * mx * my + 0.01**2) / (mx * mx + my * my + 0.01**2)
        last = k == len(weights) - 1
        value *= max((bright * cs if last else cs).mean(), 0) ** weight
        a, b = (z.reshape(len(z) // 2, 2, -1, 2).mean(axis=(1, 3)) for z in (a, b)) if not last else (a, b)
    return value


@pytest.mark.parametrize(("size", "scales"), [(64, 3), (192, 5)])
def test_ms_ssim_agrees_with_the_paper_written_out_and_about_with_torchmetrics(size, scales):
    """torchmetrics also averages mirrored edges at its coarsest scale; the paper's window lies inside: hence 0.03."""
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as theirs

    assert scales_for(size) == scales
    x = smooth(9, 2, size)
    y = 0.6 * x + 0.4 * smooth(10, 2, size)
    ours = ms_ssim_pairs(x, y, np.array([0, 1]), np.array([0, 1]))
    betas = tuple(weights_for(scales).tolist())
    for k in range(2):
        assert ours[k] < 0.95
        assert ours[k] == pytest.approx(written_out(x[k].astype(float), y[k].astype(float), betas), abs=1e-6)
        a, b = (torch.from_numpy(z[k : k + 1, None].astype(np.float64)) for z in (x, y))
        assert ours[k] == pytest.approx(float(theirs(a, b, data_range=1.0, betas=betas)), abs=3e-2)


def test_ms_ssim_of_an_image_with_itself_is_one_and_it_is_symmetric():
    x = smooth(11, 3)
    i, j = np.array([0, 1, 2]), np.array([1, 2, 0])
    assert np.allclose(ms_ssim_pairs(x, x, i, i), 1)
    assert np.allclose(ms_ssim_pairs(x, x, i, j), ms_ssim_pairs(x, x, j, i))
    assert scales_for(32) == 2
    with pytest.raises(ValueError, match="10 pixels is too short"):
        scales_for(10)


def test_a_moved_brighter_copy_is_found_among_all_training_images():
    training = smooth(12, 20)
    moved = np.roll(training[[17, 4]], (3, -2), axis=(1, 2))
    copies = (0.1 + 0.7 * moved).astype(np.float32)
    distance, row = nearest_aligned(np.concatenate([copies, smooth(13, 3)]), training)
    assert row[:2].tolist() == [17, 4] and distance[:2].max() < 1e-5 and distance[2:].min() > 0.5
    assert nearest_aligned(training[:1], training)[0][0] < 1e-6


def test_the_aligned_distance_is_the_least_of_all_shifts():
    a, b = smooth(14, 1, 32), smooth(15, 6, 32)
    distance, row = nearest_aligned(a, b)
    z = lambda x: (x - x.mean()) / np.linalg.norm(x - x.mean())  # noqa: E731
    brute = [
        min(np.linalg.norm(z(a[0, 2:-2, 2:-2]) - z(t[i : i + 28, j : j + 28])) for i in range(5) for j in range(5))
        for t in b.astype(np.float64)
    ]
    assert distance[0] == pytest.approx(min(brute)) and row[0] == int(np.argmin(brute))


def test_the_median_ratio_tells_copies_from_new_rows():
    training, held_out = cloud(20, 80), cloud(21, 50)
    fresh, near = cloud(22, 60), Sample(training.x[:60] + 0.02, [f"s{k}" for k in range(60)])
    settings = {"seed": 0, "resamples": 100, "splits": 20}
    good, bad = (neighbours(training, held_out, s, **settings).median_ratio for s in (fresh, near))
    assert 0.85 < good.whole.value < 1.15 and good.floor.low < good.matched.value < good.floor.high
    assert bad.whole.high < 0.2


def test_pairs_of_one_condition_are_of_different_patients():
    first, second = same_condition_pairs(["a", "a", "b", "a", "b"], ["1", "1", "2", "3", "2"])
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 3), (1, 3)]


def test_a_generator_that_repeats_itself_has_pairs_more_alike_than_real_ones():
    def side(x, name):
        cells = [str(k % 3) for k in range(len(x))]
        first, second = same_condition_pairs(cells, [f"{name}{k}" for k in range(len(x))])
        likeness = -np.linalg.norm(x[first] - x[second], axis=1)
        return Pairs(first, second, first % 3, likeness, [f"{name}{k}" for k in range(len(x))])

    real = side(cloud(30, 60).x, "r")
    same = likeness_gap("likeness", real, side(cloud(31, 60).x, "s"), 3, seed=0, resamples=50, splits=30)
    narrow = likeness_gap("likeness", real, side(0.3 * cloud(32, 60).x, "s"), 3, seed=0, resamples=50, splits=30)
    assert same.whole.low < 0 < same.whole.high and same.floor.low < 0 < same.floor.high
    assert narrow.whole.low > 0.5 and narrow.matched.value > narrow.floor.high


def test_images_are_padded_and_resized_in_float_and_sizes_are_the_least_of_the_commonest():
    assert np.array_equal(resized(smooth(40, 1)[0], 64), smooth(40, 1)[0])
    wide = np.full((40, 80), 0.5, np.float32)
    small = resized(wide, 32)
    assert small.shape == (32, 32) and small[16].mean() == pytest.approx(0.5) and small[0].max() == 0
    assert resized(np.full((128, 128), 0.3, np.float32), 64) == pytest.approx(0.3)
    mixed = [*records(3, 1, synthetic=False, size=48), *records(1, 2, synthetic=False, size=20)]
    assert common_size(mixed, records(2, 3, synthetic=True, size=64)) == 48
    made = images("real", mixed, 48)
    assert made.x.shape == (4, 48, 48) and made.shapes == (("48 x 48", 3), ("20 x 20", 1))
