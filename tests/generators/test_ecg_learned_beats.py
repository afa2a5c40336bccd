"""Beat times as a condition: what the network is told of them, and where they come from in training."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.generators.ecg.learned.beat_times import ROWS, BeatTimes, untold
from clinsynth.generators.ecg.learned.cohort import artificial
from clinsynth.generators.ecg.learned.examples import RealExamples, true_beats
from clinsynth.generators.ecg.learned.mean_beat import OFFSETS, Told, weights
from clinsynth.generators.ecg.learned.real_beats import found_beats, marked_beats, real_beats
from clinsynth.generators.ecg.learned.settings import ModelConfig
from clinsynth.generators.ecg.learned.signal import FS_HZ, SAMPLES, eight_leads
from clinsynth.generators.ecg.learned.stretching import between_samples, cut, knots, varied
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.training import Draws
from learned_ecg_toy import tiny_recipe


def beats(*at_s, ventricular=()):
    return BeatTimes(np.array(at_s, float), np.isin(np.arange(len(at_s)), ventricular))


@pytest.fixture(scope="module")
def tuning():
    return list(embedded("ludb", split="tuning"))


def test_rows_have_a_bump_at_each_beat_of_its_kind_and_fade_between():
    told = beats(0.8, 1.6, 2.0, 9.6, ventricular=[2])
    normal, ventricular, since, until, said = told.rows()
    assert [k / FS_HZ for k in np.flatnonzero(normal == 1)] == [0.8, 1.6, 9.6]
    assert np.flatnonzero(ventricular == 1).tolist() == [250] and np.all(said == 1)
    assert not since[:100].any() and not until[1201:].any()  # nothing before, nothing after
    assert since[100] == 1 and since[150] == pytest.approx(np.exp(-1)) and until[150] == pytest.approx(np.exp(-1))
    assert np.all(np.diff(since[100:200]) < 0) and np.all(np.diff(until[101:200]) > 0)


def test_beats_between_samples_and_beyond_the_record_are_told_as_they_are():
    row = beats(4.002).rows()[0]
    assert row[500] == pytest.approx(np.exp(-0.5 * (0.002 / 0.016) ** 2)) and row[501] < row[500]
    assert np.array_equal(beats(-0.1, 3.0, 10.0).rows(), beats(3.0).rows())
    assert beats().rows()[4].all() and not beats().rows()[:4].any() and not untold().any()
    assert untold().shape == beats(1.0).rows().shape == (ROWS, SAMPLES)


def test_the_rate_is_the_mean_of_the_intervals():
    assert beats(1.0, 1.5, 2.5).rate_bpm == pytest.approx(80) and beats(1.0, 2.0).rate_bpm is None


def test_found_beats_are_the_marked_ones_and_the_two_without_marks(tuning):
    offsets = []
    for record in tuning:
        marked, whole = marked_beats(record), real_beats(record)
        found = found_beats(eight_leads(record), marked)
        inside = found[(found > marked.at_s[0] - 0.2) & (found < marked.at_s[-1] + 0.2)]
        assert len(inside) == len(marked.at_s)
        offsets += (inside - marked.at_s).tolist()
        beside = len(whole.at_s) - len(marked.at_s)
        assert 1 <= beside <= 4 and np.diff(whole.at_s).min() > 0.2
        assert set(marked.at_s) <= set(whole.at_s)
    assert np.median(np.abs(offsets)) <= 0.008 and np.quantile(np.abs(offsets), 0.98) < 0.06


def test_wide_marked_beats_are_ventricular_and_rare(tuning):
    by_rhythm = {record.condition.rhythm: real_beats(record).ventricular.sum() for record in tuning}
    assert by_rhythm["premature_ventricular_complexes"] >= 1
    assert sum(real_beats(record).ventricular.sum() for record in tuning) < 20


@pytest.mark.parametrize("rhythm", ["sinus", "atrial_fibrillation", "premature_ventricular_complexes"])
def test_the_simulators_beats_are_where_its_leads_are_highest(rhythm):
    record = simulate(EcgCondition(rhythm=rhythm, heart_rate_bpm=70, noise=()), 3)
    told = true_beats(record).within(9.5)
    steepest = np.abs(np.gradient(eight_leads(record), axis=1)).sum(0)
    near = np.abs(np.arange(SAMPLES) / FS_HZ - told.at_s[:, None]).min(0) < 0.08
    assert steepest[near].mean() > 5 * steepest[~near].mean()
    assert told.ventricular.any() == (rhythm == "premature_ventricular_complexes")


def test_a_copy_with_unchanged_pauses_is_the_record():
    leads = np.random.default_rng(0).standard_normal((8, SAMPLES)).astype(np.float32)
    at = beats(1.0, 2.2, 3.5, 8.0)
    same, moved = cut(between_samples(leads), at, *knots(at, np.ones(3)), 0.0)
    assert np.abs(same - leads).max() < 1e-5 and np.allclose(moved.at_s, at.at_s)


def test_pauses_grow_by_their_factor_and_waves_keep_their_course():
    at = beats(1.0, 2.0, 3.0, 4.0)
    before, after = knots(at, np.array([2.0, 1.0, 1.5]))
    slope = np.diff(after) / np.diff(before)
    assert slope == pytest.approx([1, 2, 1, 1, 1, 1.5, 1])
    assert before[1:3] == pytest.approx([1.45, 1.70]) and after[-1] == pytest.approx(10 + 0.25 + 0.125)
    # In fast beats there is no pause left between T and P.
    assert np.allclose(np.diff(knots(beats(1.0, 1.5, 2.0), np.full(2, 2.0))[1]).sum(), 10)


def test_beats_move_with_their_waves():
    at = beats(0.9, 1.9, 2.7, 4.2, 5.3, 6.1, 7.4, 8.6, 9.5)
    t = np.arange(SAMPLES) / FS_HZ
    spikes = np.exp(-0.5 * ((t - at.at_s[:, None]) / 0.02) ** 2).sum(0)
    course = between_samples(np.broadcast_to(spikes, (8, SAMPLES)).astype(np.float32))
    for seed in range(5):
        leads, moved = varied(course, at, np.random.default_rng(seed))
        assert leads.shape == (8, SAMPLES) and leads.dtype == np.float32
        inside = moved.within(9.9).at_s
        height = np.interp(inside, t, leads[0])
        assert len(inside) >= 6 and np.all(height > 0.7) and moved.rate_bpm < at.rate_bpm * 1.02


def told_of(beats, cut):
    rows = torch.from_numpy(beats.rows()[None, :, cut])
    return Told(rows, *(torch.from_numpy(each[None]) for each in weights(beats, cut)))


def test_under_beats_that_are_alike_lies_the_beat_itself():
    at = beats(*(np.arange(0.4, 9.8, 1.0)))  # every 125 samples
    one = np.random.default_rng(0).standard_normal((8, 125))
    x = torch.from_numpy(np.tile(one, 10))[None].float()
    under = told_of(at, slice(0, SAMPLES)).under(x)
    lies = under[0].abs().sum(0) > 0
    assert lies.float().mean() > 0.85 and (under - x)[0][:, lies].abs().max() < 1e-5
    part = slice(130, 770)
    under = told_of(at, part).under(x[..., part])
    lies = under[0].abs().sum(0) > 0
    assert lies.float().mean() > 0.8 and (under - x[..., part])[0][:, lies].abs().max() < 1e-5


def test_the_mean_beat_has_less_noise_and_keeps_kinds_apart():
    at = beats(*(np.arange(0.4, 9.8, 1.0)), ventricular=[3, 6])
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 8, SAMPLES))).float()
    under = told_of(at, slice(0, SAMPLES)).under(noise)[0, :, 520:580]
    assert under.std() == pytest.approx(8**-0.5, rel=0.2)
    share, place = weights(at, slice(0, SAMPLES))
    total = share.sum(1)
    assert np.all((np.abs(total - 1) < 1e-5) | (total == 0)) and share.min() >= 0
    r = np.rint(at.at_s * FS_HZ).astype(int)
    assert (place[r] >= OFFSETS).tolist() == at.ventricular.tolist()


def test_no_beats_told_is_no_mean():
    told = told_of(beats(), slice(0, SAMPLES))
    assert not told.under(torch.ones(1, 8, SAMPLES)).any()
    silent = told_of(beats(1.0, 2.0), slice(0, SAMPLES)).hushed(torch.zeros(1))
    assert not silent.under(torch.ones(1, 8, SAMPLES)).any() and not silent.rows.any()


def test_real_rows_tell_the_beats_of_the_copy():
    rows = RealExamples(ModelConfig(), 2, seed=0).batch(np.arange(0, 120, 7))
    assert rows["beats"].shape == (18, ROWS, SAMPLES) and rows["beats"][:, 4].all()
    steep = rows["x"].diff(dim=2).abs().sum(1)
    bump = rows["beats"][:, :2, 1:].sum(1) > 0.5
    for k in range(18):
        assert steep[k][bump[k]].mean() > 2 * steep[k][~bump[k]].mean()


def test_most_examples_are_told_their_beats_and_some_are_not():
    trainee = tiny_recipe().trainee()
    told = []
    trainee.networks["denoiser"].register_forward_pre_hook(lambda _, given: told.append(given[3].rows[:, 4].amax(1)))
    record = artificial(0, 0, ())
    batch = {"x": torch.zeros(200, 8, 160), "value": torch.zeros(200, 11), "said": torch.zeros(200, 11)}
    arrays = {"beats": true_beats(record).rows()[:, :160]}
    arrays["weights"], arrays["place"] = weights(true_beats(record), slice(0, 160))
    batch |= {name: torch.from_numpy(array).repeat(200, *(1,) * array.ndim) for name, array in arrays.items()}
    with torch.no_grad():
        trainee.loss(trainee.networks, batch, Draws(0, "s", np.arange(200), torch.device("cpu")))
    assert 0.7 < float(told[0].mean()) < 0.95 and set(told[0].tolist()) == {0.0, 1.0}
