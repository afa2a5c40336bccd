"""Scores of found waves against marks."""

import numpy as np
import pytest
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.evaluation.ecg.wave_scores import Tally, boundaries, f1, nearest_pairs, sd_ms, sums, tally

FS = 500.0


def marked(onset_s, length_s=0.1, lead="II"):
    onset = np.round(np.asarray(onset_s) * FS).astype(int)
    n = len(onset)
    waves = {
        "lead": np.array([lead] * n), "wave": np.array(["QRS"] * n), "beat": np.arange(n), "onset": onset,
        "peak": onset + 20, "offset": onset + round(length_s * FS),
    }  # fmt: skip
    geometry = SignalGeometry(FS, ("II",))
    return Record("r", {"signal": np.zeros((1, 5000))}, None, geometry, {"synthetic": False}, tables={"waves": waves})


def found(onset_s):
    return lambda lead: {"QRS": {"onset": np.asarray(onset_s, dtype=float)}}


def test_the_marks_themselves_score_one_without_error():
    on = np.arange(1, 9) * 1.0
    got = tally(marked(on), found(on), ["II"])
    (row,) = boundaries([got] * 3, ["II"], np.random.default_rng(0), 50)
    assert row.f1.value == 1 and row.mean_ms.value == 0 and row.sd_ms.value == 0 and row.f1.n == 24


def test_shifts_are_errors_and_far_shifts_are_misses():
    on = np.arange(1, 9) * 1.0
    row = boundaries([tally(marked(on), found(on + 0.02), ["II"])], ["II"], np.random.default_rng(0), 50)[0]
    assert row.mean_ms.value == pytest.approx(20) and row.f1.value == 1
    # 160 ms away: nothing matches, and only what lies between the first and last mark is false.
    one = tally(marked(on), found(on + 0.16), ["II"])["II QRS onset"]
    assert (one.hit, one.missed, one.false) == (0, 8, 7)


def test_findings_where_nobody_marked_are_neither_true_nor_false():
    on = np.arange(3, 7) * 1.0
    one = tally(marked(on), found(np.r_[0.5, 1.5, on, 8.5]), ["II"])["II QRS onset"]
    assert (one.hit, one.missed, one.false) == (4, 0, 0)
    inside = tally(marked(on), found(np.r_[on, 4.5]), ["II"])["II QRS onset"]
    assert inside.false == 1


def test_pairs_are_one_to_one_nearest_first_and_as_many_as_can_be():
    assert nearest_pairs(np.array([1.0]), np.array([0.9, 1.01]), 0.15) == [(0, 1)]
    # nearest first would leave a mark alone: then the larger set of pairs counts
    assert len(nearest_pairs(np.array([1.0, 1.2]), np.array([1.09, 1.34]), 0.15)) == 2
    assert len(nearest_pairs(np.array([1.0, 1.14]), np.array([0.86, 1.01]), 0.15)) == 2


def test_sums_pool_leads_and_records_like_their_tallies():
    a, b = Tally(), Tally()
    a.add(np.array([1.0, 2.0]), np.array([1.01, 2.03]), 1.0, 2.1)
    b.add(np.array([1.0]), np.array([0.97, 1.5]), 1.0, 2.1)
    rows = sums([{"I P onset": a, "II P onset": b}, {}], ["I", "II"], "P", "onset")
    assert rows.shape == (2, 6) and not rows[1].any()
    assert float(f1(rows.sum(0))) == pytest.approx(2 * 3 / (2 * 3 + 0 + 1))
    assert float(sd_ms(rows.sum(0))) == pytest.approx(np.std([10, 30, -30]), abs=1e-6)
