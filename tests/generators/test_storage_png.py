"""PNG files: lossless, the same each time, open to Pillow, and honest about where they come from."""

import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.dataset.png_record import decode, read_provenance
from clinsynth.conditioning.embedded.nih64_images import read_nih64
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record, SignalGeometry
from clinsynth.generators.storage.origin import Origin
from clinsynth.generators.storage.png_format import encode, encode16
from clinsynth.generators.storage.quality import Unfit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_toy import picture
from PIL import Image

ENCODE = {8: encode, 16: encode16}
ORIGIN = Origin(7, "p" * 64, "a" * 64, "k" * 64)
PROVENANCE = {"synthetic": True, "generator": "toy", "seed": 2**62 + 1}


def record_of(image, spacing_mm=(0.5, 0.25), condition=None, provenance=PROVENANCE):
    return Record("r-1", {"image": image}, condition, ImageGeometry(spacing_mm), provenance)


def chunks_of(data):
    at, found = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
images = hnp.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32))


@settings(max_examples=80, deadline=None)
@given(image=images, bits=st.sampled_from([8, 16]))
def test_a_value_comes_back_as_the_nearest_level_and_pillow_reads_the_same(image, bits):
    data = ENCODE[bits](record_of(image))["png"]
    top = 2**bits - 1
    levels = np.rint(image.astype(np.float64) * top)
    arrays, geometry = decode("r-1", {"png": data})
    assert arrays["image"].dtype == np.float32 and geometry == ImageGeometry((0.5, 0.25))
    np.testing.assert_array_equal(arrays["image"], (levels / top).astype(np.float32))
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == {8: "L", 16: "I;16"}[bits]
        np.testing.assert_array_equal(np.asarray(opened), levels)


@settings(max_examples=40, deadline=None)
@given(image=images, bits=st.sampled_from([8, 16]))
def test_what_was_read_is_written_again_byte_for_byte(image, bits):
    first = ENCODE[bits](record_of(image), ORIGIN)
    again = ENCODE[bits](record_of(decode("r-1", first)[0]["image"]), ORIGIN)
    assert first == again


def test_real_radiographs_of_8_bit_are_kept_exactly_by_both_depths():
    for real in list(read_nih64())[::50]:
        for bits in (8, 16):
            arrays, geometry = decode(real.record_id, ENCODE[bits](real))
            np.testing.assert_array_equal(arrays["image"], real.arrays["image"])
            assert geometry == real.geometry


def test_the_file_says_what_it_is_and_holds_no_time():
    condition = RadiographCondition(sex="F", age_years=61, view="pa", findings=("effusion",), text="Größe\nnormal.")
    data = encode(record_of(picture(3), condition=condition), ORIGIN)["png"]
    kinds = [kind for kind, _ in chunks_of(data)]
    assert kinds == [b"IHDR", b"pHYs", b"iTXt", b"iTXt", b"IDAT", b"IEND"]
    with Image.open(io.BytesIO(data)) as opened:
        said, lines = json.loads(opened.text["clinsynth"]), opened.text["Description"].split("\n")
    assert lines[0].startswith("SYNTHETIC") and "seed: 4611686018427387905" in lines
    assert {"sex: F", "age years: 61", "view: pa", "findings: effusion", "text: Größe normal."} <= set(lines)
    assert said == read_provenance(data, "r-1.png")
    assert said["synthetic"] is True and said["sample_id"] == "r-1" and said["seed"] == 2**62 + 1
    assert said["weights_sha256"] == "a" * 64 and said["plan_sha256"] == "p" * 64 and said["run_seed"] == 7
    assert said["condition"] == condition.model_dump(mode="json") and said["clinsynth"]


def test_a_real_image_does_not_say_synthetic():
    data = encode(record_of(picture(3), provenance={"synthetic": False, "source": "NIH"}))["png"]
    assert b"SYNTHETIC" not in data and read_provenance(data, "x")["synthetic"] is False


def test_the_generators_own_hash_of_its_weights_is_kept():
    record = record_of(picture(3), provenance=PROVENANCE | {"weights_sha256": "b" * 64})
    for origin in (None, replace(ORIGIN, weights_sha256=None)):
        assert read_provenance(encode(record, origin)["png"], "x")["weights_sha256"] == "b" * 64


@given(dy=st.floats(1e-3, 1900), dx=st.floats(1e-3, 1900))
def test_spacing_is_exact_and_pillow_finds_it_in_pixels_per_metre(dy, dx):
    data = encode(record_of(np.zeros((2, 3)), (dy, dx)))["png"]
    assert decode("r-1", {"png": data})[1].spacing_mm == (dy, dx)
    (density,) = (content for kind, content in chunks_of(data) if kind == b"pHYs")
    assert struct.unpack(">IIB", density) == (round(1000 / dx), round(1000 / dy), 1)


@pytest.mark.parametrize("spacing_mm", [(0.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf), (2500.0, 1.0)])
def test_a_spacing_that_cannot_be_is_refused(spacing_mm):
    with pytest.raises(ValueError, match="has a spacing of"):
        encode(record_of(np.zeros((2, 3)), spacing_mm))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bad", [-1e-6, 1.000001, np.nan, np.inf])
def test_a_value_beyond_the_range_is_unfit_and_never_wrapped(bits, bad):
    image = np.full((3, 3), 0.5)
    image[1, 1] = bad
    with pytest.raises(Unfit, match=r"a radiograph's are in \[0, 1\]"):
        ENCODE[bits](record_of(image))


@pytest.mark.parametrize(
    "record",
    [
        Record("r", {"signal": np.zeros((2, 3))}, None, SignalGeometry(500.0, ("I", "II")), PROVENANCE),
        Record("r", {"image": np.zeros((2, 3, 4))}, None, ImageGeometry((1.0, 1.0)), PROVENANCE),
        Record("r", {"image": np.zeros((2, 3))}, None, ImageGeometry((1.0, 1.0, 1.0)), PROVENANCE),
        Record("r", {"image": np.zeros((2, 3))}, None, ImageGeometry((1.0, 1.0), unit="HU"), PROVENANCE),
    ],
)
def test_only_radiographs_are_written(record):
    with pytest.raises(ValueError, match="radiograph"):
        encode(record)


def test_grain_is_packed_about_as_well_as_by_pillow():
    image = np.asarray(Image.fromarray(picture(5)).resize((256, 256), Image.Resampling.BICUBIC)).clip(0, 1)
    image = (image + np.random.default_rng(0).normal(0, 0.004, image.shape)).clip(0, 1)
    for bits in (8, 16):
        data = ENCODE[bits](record_of(image))["png"]
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(data)) as opened:
            opened.save(buffer, "png", compress_level=6)
        assert len(data) < 1.1 * buffer.tell()
