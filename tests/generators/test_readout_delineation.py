"""The delineation network: its labels, its decoding, its training."""

import numpy as np
import pytest
import torch
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.readout.delineation import FS_HZ, Delineator, Traces, decode, traces
from clinsynth.generators.readout.delineation.examples import UNKNOWN
from clinsynth.generators.readout.delineation.network import CLASSES, DelineationUNet
from clinsynth.generators.readout.supervised import Schedule, initialise, train


def test_labels_say_what_the_truth_says_and_nothing_where_nobody_marked():
    record = simulate(EcgCondition(heart_rate_bpm=60, noise=()), 1)
    made = traces([record])
    assert made.signal.shape == (12, 2, 2500) and made.signal.dtype == np.float32
    waves = record.tables["waves"]
    mine = (waves["lead"] == "II") & (waves["wave"] == "QRS")
    row = made.label[made.lead.index("II")]
    middle = ((waves["onset"][mine] + waves["offset"][mine]) / 2 / 500 * FS_HZ).astype(int)
    assert (row[middle] == CLASSES.index("QRS")).all()
    real = traces(embedded("ludb", split="tuning"), leads=["II"])
    assert (real.label[:, :100] == UNKNOWN).any() and len(real) == 60
    assert len(real.of([real.record[0]])) == 1


def test_a_chance_curve_becomes_its_waves():
    t = np.arange(1000) / FS_HZ
    chance = np.zeros((4, 1000))
    for kind, a, b in (("P", 0.5, 0.6), ("QRS", 0.7, 0.8), ("T", 1.0, 1.2), ("T", 1.4, 1.46), ("QRS", 1.7, 1.8)):
        k = CLASSES.index(kind)
        chance[k] = np.maximum(chance[k], np.clip(0.5 + np.minimum(t - a, b - t) * 50, 0, 1))
    x = np.exp(-0.5 * ((t - 0.74) / 0.01) ** 2)
    waves = decode(chance, x, FS_HZ)
    assert waves["P"].onset_s == pytest.approx([0.5], abs=1e-3) and waves["P"].offset_s == pytest.approx(
        [0.6], abs=1e-3
    )
    assert waves["QRS"].peak_s[0] == pytest.approx(0.74, abs=0.005)
    # two T between two QRS: the longer, surer one stays
    assert waves["T"].onset_s == pytest.approx([1.0], abs=1e-3)


def test_short_holes_close_and_short_stretches_go():
    chance = np.zeros((4, 500))
    chance[2, 100:110] = chance[2, 114:125] = 1.0
    chance[2, 300:303] = 1.0
    waves = decode(chance, np.zeros(500), FS_HZ)
    assert len(waves["QRS"].onset_s) == 1
    assert waves["QRS"].offset_s[0] - waves["QRS"].onset_s[0] == pytest.approx(25 / FS_HZ, abs=1e-6)


def test_the_network_keeps_length_and_has_no_batch_statistics():
    network = DelineationUNet(widths=(8, 8, 8))
    assert network(torch.zeros(2, 2, 64)).shape == (2, 4, 64)
    assert not [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]


def test_training_is_a_function_of_its_seeds():
    made = traces([simulate(EcgCondition(heart_rate_bpm=75), k) for k in range(2)], leads=["II", "V2"])
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    runs = [Delineator.initial(3).trained(made, Schedule(2), 5).network.state_dict() for _ in range(2)]
    other = Delineator.initial(4).trained(made, Schedule(2), 5).network.state_dict()
    assert all(torch.equal(runs[0][k], runs[1][k]) for k in runs[0])
    assert not all(torch.equal(runs[0][k], other[k]) for k in runs[0])
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_few_steps_learn_a_record():
    record = simulate(EcgCondition(heart_rate_bpm=70, snr_db=25), 2)
    made = traces([record], leads=["II"])
    losses = []
    trained = Delineator.initial(0).trained(made, Schedule(40), 0, on_step=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-5:]) < 0.5 * losses[0]
    found = trained.read(record)["II"]["QRS"].peak_s
    waves = record.tables["waves"]
    true = waves["peak"][(waves["lead"] == "II") & (waves["wave"] == "QRS")] / 500
    assert np.mean([np.abs(found - t).min() < 0.03 for t in true]) > 0.8


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="no lead to learn from"):
        traces([])
    flat = Record("a", {"signal": np.zeros((1, 2500))}, None, SignalGeometry(250.0, ("I",)), {"synthetic": False})
    with pytest.raises(ValueError, match="no lead carries marked waves"):
        Delineator.initial(0).trained(traces([flat]), Schedule(1), 0)


def test_records_of_any_length_can_be_learnt_from():
    short = traces([simulate(EcgCondition(heart_rate_bpm=75, duration_s=4.1), 0)], leads=["II"])
    assert Delineator.initial(0).trained(short, Schedule(1), 0).steps == 1
    middle = slice(400, 440)
    tiny = Traces(short.signal[:, :, middle], short.label[:, middle], short.record, short.lead)
    with pytest.raises(ValueError, match="too short"):
        Delineator.initial(0).trained(tiny, Schedule(1), 0)


def test_a_diverging_loss_is_an_error():
    network = initialise(lambda: torch.nn.Linear(1, 1), 0)
    with pytest.raises(ValueError, match="diverged"):
        train(network, lambda rng: {}, lambda n, b: n.weight.sum() * torch.inf, Schedule(1), 0)
