"""The gate: each planted fault is caught by its own check and by name, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.record import ImageGeometry, Record, SignalGeometry
from clinsynth.conditioning.table import TableCondition
from clinsynth.evaluation.validity import (
    Source,
    Validity,
    exact_sha256,
    rounded_sha256,
    validity,
    validity_findings,
    validity_section,
    wilson,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats


def image(k: int, seed: int = 0, label: str = "a", **change: object) -> Record:
    x = np.random.default_rng([seed, k]).random((16, 16)).astype(np.float32)
    record = Record(f"r{k}", {"image": x}, TableCondition(label=label), ImageGeometry((np.nan, np.nan)), {})
    return replace(record, **change)  # type: ignore[arg-type]


def signal(k: int, seed: int = 0, **geometry: object) -> Record:
    x = np.random.default_rng([seed, k]).normal(size=(2, 200)).astype(np.float32)
    where = SignalGeometry(**{"fs_hz": 100.0, "leads": ("x", "y"), "unit": "g"} | geometry)
    return Record(f"r{k}", {"signal": x}, TableCondition(label="a"), where, {})


def volume(k: int, seed: int = 0, **geometry: object) -> Record:
    x = (np.random.default_rng([seed, k]).normal(size=(9, 9, 9)) * 100).astype(np.float32)
    where = ImageGeometry(**{"spacing_mm": (1.0, 1.0, 1.0), "unit": "HU"} | geometry)
    return Record(f"r{k}", {"volume": x}, TableCondition(label="a"), where, {})


def gate(synthetic, real, training=None, unreadable=()) -> Validity:
    taught = None if training is None else Source(training)
    return validity(Source(synthetic, unreadable), Source(real), taught)[0]


def failed(result: Validity) -> dict[str, int]:
    return {c.name: c.failed for c in result.checks if c.failed}


@pytest.mark.parametrize("make", [image, signal, volume])
def test_other_records_of_the_same_kind_pass(make) -> None:
    result = gate([make(k, 1) for k in range(12)], [make(k, 2) for k in range(12)], [make(k, 3) for k in range(12)])
    assert result.whole and not failed(result) and result.measured == 12
    assert validity_findings(result)[0].level == "good"


def planted(record: Record, value: float, at: object = (0, 0)) -> Record:
    name, x = next(iter(record.arrays.items()))
    changed = x.copy()
    changed[at] = value
    return replace(record, arrays={name: changed})


def with_array(record: Record, x: np.ndarray) -> Record:
    return replace(record, arrays={next(iter(record.arrays)): x.astype(np.float32)})


@pytest.mark.parametrize(
    ("make", "fault", "check", "left_out"),
    [
        (image, lambda r: planted(r, np.nan), "finite", True),
        (image, lambda r: planted(r, np.inf), "finite", True),
        (image, lambda r: planted(r, 1.5), "range", True),
        (image, lambda r: with_array(r, np.full((16, 16), 0.5)), "constant", True),
        (image, lambda r: with_array(r, np.random.default_rng(1).random((16, 12))), "shape", True),
        (image, lambda r: with_array(r, np.random.default_rng(1).random((4, 4))), "shape", True),
        (image, lambda r: replace(r, geometry=ImageGeometry((1.0, 1.0), unit="HU")), "unit", True),
        (image, lambda r: replace(r, geometry=ImageGeometry((0.0, 1.0))), "unit", True),
        (image, lambda r: replace(r, condition=TableCondition(label="zebra")), "vocabulary", False),
        (signal, lambda r: planted(r, np.nan), "finite", True),
        (signal, lambda r: planted(r, 1e4), "range", True),
        (signal, lambda r: planted(r, 0.0, (1, slice(None))), "flat_leads", False),
        (signal, lambda r: with_array(r, np.zeros((2, 200))), "constant", True),
        (signal, lambda r: with_array(r, np.random.default_rng(1).normal(size=(3, 200))), "shape", True),
        (signal, lambda r: replace(r, geometry=SignalGeometry(0.0, ("x", "y"), "g")), "unit", True),
        (signal, lambda r: replace(r, geometry=SignalGeometry(100.0, ("u", "v"), "g")), "unit", True),
        (signal, lambda r: replace(r, geometry=SignalGeometry(100.0, ("x", "y"), "mV")), "unit", True),
        (volume, lambda r: planted(r, np.nan, (0, 0, 0)), "finite", True),
        (volume, lambda r: planted(r, 1e6, (0, 0, 0)), "range", True),
        (volume, lambda r: with_array(r, np.zeros((9, 9, 9))), "constant", True),
        (volume, lambda r: with_array(r, np.random.default_rng(1).normal(size=(9, 9, 8))), "shape", True),
    ],
)
def test_a_planted_fault_is_caught_by_its_own_check_and_by_name(make, fault, check, left_out) -> None:
    synthetic = [make(k, 1) for k in range(10)]
    synthetic[4] = fault(synthetic[4])
    result, kept, _, _ = validity(Source(synthetic), Source([make(k, 2) for k in range(10)]))
    assert failed(result) == {check: 1} and result.valid == 9
    found = next(c for c in result.checks if c.name == check)
    assert found.offenders[0].startswith("r4: ") and found.leaves_out == left_out
    assert kept.tolist() == [k != 4 or not left_out for k in range(10)]
    finding = validity_findings(result)[0]
    assert finding.level == "stop" and "1 of 10" in finding.claim
    said = " ".join(cell.text for t in validity_section(result).tables for row in t.rows for cell in row)
    assert "r4" in said


def test_repeats_and_copies_are_caught_to_the_bit_and_in_256_steps() -> None:
    real, training = [image(k, 2) for k in range(8)], [image(k, 3) for k in range(8)]
    synthetic = [image(k, 1) for k in range(8)]
    synthetic[1] = replace(synthetic[0], record_id="r1")
    synthetic[2] = replace(training[5], record_id="r2")
    x = training[6].arrays["image"]
    eight = np.rint((x - x.min()) / np.ptp(x) * 255) / 255
    synthetic[3] = replace(with_array(training[6], eight), record_id="r3")
    synthetic[4] = replace(real[7], record_id="r4")
    result = gate(synthetic, real, training)
    assert failed(result) == {"repeats": 1, "copies_training": 2, "copies_real": 1} and result.valid == 4
    assert result.measured == 8  # copies stay in, for privacy to see them
    found = {c.name: c.offenders for c in result.checks}
    assert found["copies_training"] == ("r2: is r5", "r3: is r6, in 256 steps")
    assert {f.question for f in validity_findings(result)} == {"use", "risk"}


def test_what_cannot_be_read_is_counted_with_its_reason() -> None:
    result = gate([image(k, 1) for k in range(9)], [image(k, 2) for k in range(9)], unreadable=("t.csv, row 3: cut",))
    assert (result.n, result.valid, result.measured) == (10, 9, 9)
    assert result.checks[0].offenders == ("t.csv, row 3: cut",) and not result.whole


def test_what_cannot_be_asked_is_said_and_no_figure_is_made_up() -> None:
    bare = [replace(image(k, 1), condition=TableCondition()) for k in range(5)]
    result = gate(bare, [image(k, 2) for k in range(5)])
    checks = {c.name: c for c in result.checks}
    assert (
        checks["vocabulary"].unasked == "synthetic records bear no label" and checks["vocabulary"].share.value is None
    )
    assert checks["copies_training"].unasked and checks["flat_leads"].unasked
    nothing = gate([], [image(k, 2) for k in range(5)])
    assert nothing.n == 0 and not nothing.whole and validity_findings(nothing)[0].level == "unknown"


def test_another_size_or_rate_of_a_whole_side_is_a_note_and_no_fault() -> None:
    large = [with_array(image(k, 1), np.random.default_rng(k).random((32, 32))) for k in range(5)]
    result = gate(large, [image(k, 2) for k in range(5)])
    assert result.whole and "Most real records are 16 x 16, most synthetic ones 32 x 32." in result.notes
    slow = gate([signal(k, 1, fs_hz=50.0) for k in range(5)], [signal(k, 2) for k in range(5)])
    assert slow.whole and any("100 Hz" in note for note in slow.notes)


def test_the_result_survives_json() -> None:
    result = gate([image(k, 1) for k in range(5)], [image(k, 2) for k in range(5)])
    assert Validity.model_validate_json(result.model_dump_json()) == result


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_is_that_of_scipy(passed: int, n: int) -> None:
    passed = min(passed, n)
    found, reference = wilson(passed, n), stats.binomtest(passed, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


@given(st.floats(0.1, 50), st.floats(-100, 100), st.integers(0, 10_000))
@settings(deadline=None)
def test_a_hash_in_steps_does_not_see_gain_and_offset_and_the_exact_one_sees_a_bit(gain, offset, seed) -> None:
    x = np.random.default_rng(seed).integers(0, 256, (9, 9)).astype(np.float64)
    x[0, :2] = 0, 255
    assert rounded_sha256(x * gain + offset) == rounded_sha256(x)
    other = x.copy()
    other[3, 3] += 1 if other[3, 3] < 255 else -1
    assert exact_sha256(other) != exact_sha256(x) == exact_sha256(x.astype(np.float32))
    assert rounded_sha256(other) != rounded_sha256(x)
