"""A WFDB record read with suspicion: header and signal file must fit each other."""

import numpy as np
import pytest
from clinsynth.conditioning.dataset.wfdb_record import decode
from hypothesis import assume, given
from hypothesis import strategies as st

VALUES = np.arange(-12, 12, dtype="<i2").reshape(8, 3)
SUMS = VALUES.sum(axis=0)
LINES = ["r 3 500 8"] + [
    f"r.dat 16 1000(0)/mV 16 0 {VALUES[0, i]} {SUMS[i]} 0 {lead}" for i, lead in enumerate(("I", "II", "V1"))
]
HEADER = "\n".join([*LINES, "# SYNTHETIC"]) + "\n"
DATA = VALUES.tobytes()


def members(header: str = HEADER, data: bytes = DATA) -> dict[str, bytes]:
    return {"hea": header.encode(), "dat": data}


def test_values_are_divided_by_the_gain():
    arrays, geometry = decode("r", members())
    np.testing.assert_allclose(arrays["signal"], VALUES.T / 1000, atol=1e-9)
    assert (geometry.fs_hz, geometry.leads, geometry.unit) == (500.0, ("I", "II", "V1"), "mV")


@given(st.integers(0, len(DATA) - 1))
def test_a_truncated_signal_file_is_refused(length):
    with pytest.raises(ValueError, match=rf"r.dat holds {length} bytes; by its header 3 leads x 8 samples"):
        decode("r", members(data=DATA[:length]))


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_of_the_signal_is_noticed(at, flip):
    data = bytearray(DATA)
    data[at] ^= flip
    with pytest.raises(ValueError, match="does not fit the first value or checksum"):
        decode("r", members(data=bytes(data)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("r 3 500 8", "r 3 500 9", "9 samples"),
        ("r 3 500 8", "r 4 500 8", "says 4 leads and describes 3"),
        ("r 3 500 8", "r 3 500 999999999999", "999999999999 samples"),
        ("r 3 500 8", "q 3 500 8", "names the record 'q'"),
        ("r 3 500 8", "r/2 3 500 8", "not a record line of one segment"),
        ("r 3 500 8", "r 3 0 8", "above 0"),
        ("r.dat 16 1000(0)/mV 16 0 -12", "../r.dat 16 1000(0)/mV 16 0 -12", "one file r.dat"),
        ("r.dat 16 1000(0)/mV 16 0 -12", "r.dat 212 1000(0)/mV 16 0 -12", "not a signal line of format 16"),
        ("r.dat 16 1000(0)/mV 16 0 -12", "r.dat 16 0(0)/mV 16 0 -12", "above 0"),
        ("r.dat 16 1000(0)/mV 16 0 -12", "r.dat 16 1000(0)/uV 16 0 -12", "one unit"),
    ],
)
def test_a_lying_header_is_refused_in_one_line(old, new, said):
    with pytest.raises(ValueError, match="r.") as caught:
        decode("r", members(HEADER.replace(old, new, 1)))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@given(st.integers(0, len(HEADER)), st.text(max_size=6))
def test_a_spoilt_header_gives_a_one_line_error_or_the_same_signal(at, inserted):
    spoilt = HEADER[:at] + inserted + HEADER[at + len(inserted) :]
    assume(spoilt != HEADER)
    try:
        arrays, geometry = decode("r", members(spoilt))
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert arrays["signal"].shape == (len(geometry.leads), 8)
