"""The CinC Challenges: .hea beside .mat, SNOMED CT codes named and translated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.snomed import NAMES, SCORED, snomed_meaning, snomed_name

# Two pairs of codes are scored as one diagnosis.
SAME = [("284470004", "63593006"), ("427172004", "17338001"), ("59118001", "713427006"), ("164909002", "733534002")]


def write(folder: Path, name: str, counts: np.ndarray, dx: str, age: str = "59", sex: str = "Female") -> None:
    """Write a record as the Challenge does: a MATLAB v4 matrix behind 24 bytes of header."""
    folder.mkdir(parents=True, exist_ok=True)
    head = np.array([30, len(counts), counts.shape[1], 0, 4], dtype="<i4").tobytes() + b"val\0"
    (folder / f"{name}.mat").write_bytes(head + counts.T.astype("<i2").tobytes())
    sums = counts.sum(axis=1)
    lines = [f"{name} 12 500 {counts.shape[1]}"] + [
        f"{name}.mat 16x1+24 1000.0(0)/mv 16 0 {counts[i, 0]} {(sums[i] + 32768) % 65536 - 32768} 0 {lead}"
        for i, lead in enumerate(LEADS)
    ]
    lines += [f"# Age: {age}", f"# Sex: {sex}", f"# Dx: {dx}", "# Rx: Unknown", "# Hx: Unknown", "# Sx: Unknown"]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def counts(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2000, 2000, (12, 500))


def test_signals_and_codes_are_read_and_named(tmp_path: Path) -> None:
    write(tmp_path / "georgia" / "g1", "E00001", counts(), "270492004,59118001,999")
    (record,) = read(f"cinc:{tmp_path}")
    np.testing.assert_allclose(record.arrays["signal"], counts() / 1000, atol=1e-6)
    assert record.record_id == "georgia/g1/E00001" and record.geometry.leads == LEADS
    c = record.condition
    assert (c.sex, c.age_years, c.rhythm) == ("F", 59, "av_block_first_degree")
    assert c.findings == ("right_bundle_branch_block",) and c.patient_id is None
    assert record.provenance["labels"] == ["1st degree AV block", "right bundle branch block", "999"]
    assert record.provenance["snomed_ct"] == ["270492004", "59118001", "999"]


@pytest.mark.parametrize(
    ("dx", "rhythm"),
    [
        ("426783006", "sinus"),
        ("284470004,427084000", "premature_atrial_complexes"),
        ("426783006,11157007,427172004", "ventricular_bigeminy"),
        ("164889003,17338001", "atrial_fibrillation"),
        ("164889003,10370003", "paced"),
        ("426783006,426761007", None),
        ("54016002", "av_block_wenckebach"),
        ("195042002,426783006", None),
        ("164934002", None),
    ],
)
def test_the_rhythm_that_says_more_wins_and_a_foreign_one_leaves_it_open(
    tmp_path: Path, dx: str, rhythm: str | None
) -> None:
    write(tmp_path, "A0001", counts(), dx)
    (record,) = read(f"cinc:{tmp_path}")
    assert record.condition.rhythm == rhythm


def test_thirty_codes_are_scored_and_no_code_has_two_meanings() -> None:
    assert len(SCORED) == 30 and len(NAMES) > 110
    for one, other in SAME:
        assert snomed_meaning(one) == snomed_meaning(other) != snomed_meaning("0")
    for code in NAMES:
        meaning = snomed_meaning(code)
        assert (meaning.rhythm is not None) + bool(meaning.findings) + meaning.other_rhythm <= 1


def test_an_unknown_code_is_its_own_name() -> None:
    assert snomed_name("123") == "123" and snomed_meaning("123") == snomed_meaning("164934002")


def test_a_truncated_matrix_is_refused_and_skipped(tmp_path: Path) -> None:
    write(tmp_path, "A0001", counts(), "426783006")
    write(tmp_path, "A0002", counts(1), "426783006")
    data = tmp_path / "A0001.mat"
    data.write_bytes(data.read_bytes()[:-2])
    skipped: list[str] = []
    assert [r.record_id for r in read(f"cinc:{tmp_path}", on_error="skip", skipped=skipped)] == ["A0002"]
    assert "A0001.mat" in skipped[0]
    with pytest.raises(ValueError, match="A0001"):
        list(read(f"cinc:{tmp_path}"))
