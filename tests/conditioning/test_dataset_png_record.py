"""A PNG read with suspicion: CRCs, the header's promises and what unpacks must fit each other."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from clinsynth.conditioning.dataset.png_record import LARGEST_PIXELS, decode
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS = np.arange(60, dtype=np.uint8).reshape(6, 10) * 4
LINES = b"".join(b"\x02" + row.tobytes() for row in np.diff(PIXELS, axis=0, prepend=np.uint8(0)))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(columns=10, rows=6, bits=8, colour=0, packing=0, filtering=0, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, packing, filtering, interlaced))


DENSITY = chunk(b"pHYs", struct.pack(">IIB", 1000, 500, 1))
IMAGE = chunk(b"IDAT", zlib.compress(LINES))
END = chunk(b"IEND", b"")
GOOD = SIGNATURE + header() + DENSITY + IMAGE + END


def read(data):
    return decode("r", {"png": data})


def refused(data):
    with pytest.raises(ValueError, match=r"r\.png") as caught:
        read(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_smallest_file_reads_as_pillow_does():
    arrays, geometry = read(GOOD)
    np.testing.assert_array_equal(arrays["image"], PIXELS / np.float32(255))
    assert geometry.spacing_mm == (2.0, 1.0)  # down, across
    with Image.open(io.BytesIO(GOOD)) as opened:
        np.testing.assert_array_equal(np.asarray(opened), PIXELS)


def test_pixels_may_lie_in_several_chunks():
    packed = zlib.compress(LINES)
    split = SIGNATURE + header() + DENSITY + chunk(b"IDAT", packed[:9]) + chunk(b"IDAT", packed[9:]) + END
    np.testing.assert_array_equal(read(split)[0]["image"], read(GOOD)[0]["image"])


@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_file_is_refused(length):
    refused(GOOD[:length])


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(at, flip):
    data = bytearray(GOOD)
    data[at] ^= flip
    refused(bytes(data))


@given(st.binary(max_size=80))
def test_rubbish_is_refused_in_one_line(data):
    refused(data)
    refused(SIGNATURE + data)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"columns": 0}, "0 pixels"),
        ({"rows": 7}, "its pixels are not the 77 bytes"),
        ({"rows": 5}, "its pixels are not the 55 bytes"),
        ({"columns": 11}, "its pixels are not"),
        ({"bits": 16}, "its pixels are not"),
        ({"bits": 4}, "colour type 0 of 4 bit"),
        ({"colour": 2}, "colour type 2"),
        ({"colour": 3}, "colour type 3"),
        ({"interlaced": 1}, "interlaced"),
        ({"packing": 1}, "packed by a method"),
        ({"columns": 2**31 - 1, "rows": 2**31 - 1}, f"up to {LARGEST_PIXELS}"),
        ({"columns": 8192, "rows": 8192}, "more than"),
    ],
)
def test_a_lying_header_is_refused(head, said):
    assert said in refused(SIGNATURE + header(**head) + DENSITY + IMAGE + END)


def test_neither_a_bomb_nor_a_lying_header_fills_the_memory():
    bomb = chunk(b"IDAT", zlib.compress(bytes(2**26), 9))
    tracemalloc.start()
    assert "its pixels are not" in refused(SIGNATURE + header() + DENSITY + bomb + END)
    refused(SIGNATURE + header(columns=8192, rows=8192) + DENSITY + IMAGE + END)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD + b"x", "goes on for 1 bytes"),
        (SIGNATURE + DENSITY + header() + IMAGE + END, "IHDR comes first"),
        (SIGNATURE + header() + header() + DENSITY + IMAGE + END, "IHDR comes first and once"),
        (SIGNATURE + header() + chunk(b"PLTE", b"abc") + DENSITY + IMAGE + END, "PLTE"),
        (SIGNATURE + header() + DENSITY + END, "more than 0 can unpack to"),
        (SIGNATURE + header() + IMAGE + END, "how far its pixels lie apart"),
        (SIGNATURE + header() + chunk(b"pHYs", struct.pack(">IIB", 0, 5, 1)) + IMAGE + END, "how far"),
        (SIGNATURE + header() + chunk(b"pHYs", struct.pack(">IIB", 5, 5, 0)) + IMAGE + END, "how far"),
        (SIGNATURE + header() + DENSITY + chunk(b"IDAT", zlib.compress(LINES) + b"x") + END, "its pixels are not"),
        (SIGNATURE + header() + DENSITY + chunk(b"IDAT", zlib.compress(LINES)[:-2]) + END, "its pixels are not"),
        (SIGNATURE + header() + DENSITY + chunk(b"IDAT", b"not deflate") + END, "cannot be unpacked"),
        (b"GIF89a" + GOOD, "is not a PNG"),
        (b"", "is not a PNG"),
    ],
)
def test_a_file_put_together_wrongly_is_refused(data, said):
    assert said in refused(data)


def test_what_another_program_saved_is_told_apart():
    buffer = io.BytesIO()
    image = np.random.default_rng(0).integers(0, 255, (6, 10), dtype=np.uint8)
    Image.fromarray(image).save(buffer, "png", dpi=(90, 90))
    assert "another program saved it" in refused(buffer.getvalue())


@pytest.mark.parametrize(
    "said", [b"[]", b"{", b'{"spacing_mm":[1,-2]}', b'{"spacing_mm":[2,1.5]}', b'{"spacing_mm":1}']
)
def test_a_provenance_that_contradicts_the_file_does_not_count(said):
    text = chunk(b"iTXt", b"clinsynth\0\0\0\0\0" + said)
    assert read(SIGNATURE + header() + DENSITY + text + IMAGE + END)[1].spacing_mm == (2.0, 1.0)
