"""The encoder that is trained by contrast."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import EcgCondition
from clinsynth.generators.ecg.simulator import simulate
from clinsynth.generators.readout.ecg_encoder import EcgEncoder, prepared


@pytest.fixture(scope="module")
def records():
    return [simulate(EcgCondition(sex="MF"[k % 2], fs_hz=250.0), k) for k in range(12)]


def test_crops_of_one_record_come_to_lie_together(records):
    before, after = (EcgEncoder.trained(records, seed=1, steps=steps) for steps in (0, 40))

    def likeness(encoder):
        """Chance that a record's second half is nearer to its first half than another record's is."""
        halves = []
        for part in (slice(0, 1250), slice(1250, 2500)):
            some = [type(r)(**{**vars(r), "arrays": {"signal": r.arrays["signal"][:, part]}}) for r in records]
            halves.append(encoder.features(some))
        d = np.linalg.norm(halves[0][:, None] - halves[1][None], axis=-1)
        return np.mean(d.argmin(1) == np.arange(len(d)))

    assert likeness(after) >= max(0.7, likeness(before))


def test_features_are_a_function_of_the_seed_and_do_not_depend_on_the_neighbours(records):
    a, b = (EcgEncoder.trained(records, seed=2, steps=2) for _ in range(2))
    together = a.features(records[:3])
    assert together.shape == (3, 24) and np.isfinite(together).all()
    assert np.array_equal(together, b.features(records[:3]))
    assert np.array_equal(together[1:2], a.features(records[1:2]))


def test_sampling_rates_meet(records):
    condition = records[0].condition.model_copy(update={"noise": ()})
    slow, fast = (prepared(simulate(condition.model_copy(update={"fs_hz": fs}), 5)) for fs in (250.0, 500.0))
    assert slow.shape == fast.shape == (8, 1250) and np.abs(slow - fast).max() < 0.1


def test_too_little_is_refused(records):
    with pytest.raises(ValueError, match="ten are needed"):
        EcgEncoder.trained(records[:9])
    with pytest.raises(ValueError, match="lacks some of the leads"):
        prepared(simulate(EcgCondition(leads=("I", "II")), 0))
    with pytest.raises(ValueError, match="needs 4 s"):
        prepared(simulate(EcgCondition(duration_s=3.0), 0))
