"""One image file: grey values as they were, DICOM as its header shows it, and bad input refused in one clear line."""

import struct
import zlib

import numpy as np
import pytest
from chest_folders import dicom, picture, save, write_csv
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.image_file import read_image
from clinsynth.conditioning.readers.square import squared
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

SIDES = st.integers(8, 60)


def test_eight_and_sixteen_bits_keep_their_values(tmp_path):
    for bits in (8, 16):
        values = picture(bits=bits)
        read = read_image(save(tmp_path / f"{bits}.png", values))
        assert read.image.dtype == np.float32 and read.about["bits"] == bits
        np.testing.assert_allclose(read.image, values / (2**bits - 1), atol=1e-7)


def test_twelve_bits_in_sixteen_are_as_bright_as_they_were(tmp_path):
    path = save(tmp_path / "x.png", picture(bits=16) >> 4)
    assert read_image(path).image.max() == 1
    assert read_image(path, bits=16).image.max() < 0.07


def test_grey_stored_as_colour_is_read_and_colour_is_refused(tmp_path):
    values = picture()
    grey = save(tmp_path / "grey.png", np.repeat(values[..., None], 3, axis=2))
    np.testing.assert_allclose(read_image(grey).image, values / 255, atol=1e-6)
    opaque = save(tmp_path / "rgba.png", np.dstack([values] * 3 + [np.full_like(values, 255)]))
    np.testing.assert_array_equal(read_image(opaque).image, read_image(grey).image)
    jpeg = save(tmp_path / "grey.jpg", np.repeat(values[..., None], 3, axis=2), quality=80)
    assert np.abs(read_image(jpeg).image - values / 255).mean() < 0.02
    palette = tmp_path / "palette.png"
    Image.fromarray(values).convert("P").save(palette)
    assert read_image(palette).image.shape == values.shape


def faulty(tmp_path):
    """Name of a fault -> (file, words that the message must have)."""
    values = picture()
    coloured = np.dstack([values, 255 - values, values])
    clear = np.dstack([values] * 3 + [values])
    whole = save(tmp_path / "whole.png", picture(300, 300, 1)).read_bytes()
    floats = values.astype(np.float32) / 255
    floats[3, 4] = np.nan
    animation = tmp_path / "moves.tif"
    Image.fromarray(values).save(animation, save_all=True, append_images=[Image.fromarray(255 - values)])
    apng = tmp_path / "moves.png"
    Image.fromarray(values).save(apng, save_all=True, append_images=[Image.fromarray(255 - values)])
    cmyk = tmp_path / "cmyk.jpg"
    Image.fromarray(coloured).convert("CMYK").save(cmyk)
    one_bit = tmp_path / "one.png"
    Image.fromarray(values > 99).save(one_bit)
    np.save(tmp_path / "cube.npy", np.zeros((9, 9, 9)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cube.npy").read_bytes()[:300])
    nan = tmp_path / "nan.npy"
    np.save(nan, floats)
    nan_tif = save(tmp_path / "nan.tif", floats)
    np.save(tmp_path / "big.npy", floats * 0 + 7.5 + np.arange(32))
    np.save(tmp_path / "below.npy", values.astype(np.int16) - 50)
    return {
        "missing": (tmp_path / "nowhere.png", ["does not exist"]),
        "empty": (write(tmp_path / "empty.png", b""), ["is empty (0 bytes)"]),
        "no image": (write(tmp_path / "text.png", b"hello, world" * 9), ["is no PNG, JPEG, TIFF or BMP"]),
        "truncated": (write(tmp_path / "cut.png", whole[: len(whole) // 2]), ["cut or damaged"]),
        "cut header": (write(tmp_path / "head.png", whole[:20]), ["head.png"]),
        "suffix": (write(tmp_path / "x.svg", b"<svg/>"), ["does not end in one of", ".png"]),
        "huge": (lying(tmp_path / "huge.png", 60_000, 60_000), ["pixels"]),
        "lying": (lying(tmp_path / "lying.png", 7_990, 7_990, 16), ["claims 7990 x 7990 pixels", "the file holds"]),
        "constant": (save(tmp_path / "flat.png", np.full((20, 20), 77, np.uint8)), ["is constant", "77"]),
        "tiny": (save(tmp_path / "tiny.png", values[:4]), ["4 x 32", "at least 8"]),
        "animated": (animation, ["holds 2 pictures"]),
        "animated png": (apng, ["holds 2 pictures"]),
        "CMYK": (cmyk, ["CMYK"]),
        "colour": (save(tmp_path / "colour.png", coloured), ["has colour", "255"]),
        "transparent": (save(tmp_path / "clear.png", clear), ["transparent"]),
        "one bit": (one_bit, ["one bit"]),
        "NaN": (nan, ["1 of 1280 pixels are not numbers"]),
        "NaN in a TIFF": (nan_tif, ["1 of 1280 pixels are not numbers"]),
        "three axes": (tmp_path / "cube.npy", ["(9, 9, 9)"]),
        "cut array": (tmp_path / "cut.npy", ["cut or damaged"]),
        "fractions": (tmp_path / "nan.npy", ["not numbers"]),
        "below": (tmp_path / "below.npy", ["-50"]),
        "no DICOM": (write(tmp_path / "text.dcm", b"hello" * 99), ["is no DICOM file"]),
        "cut DICOM": (write(tmp_path / "cut.dcm", dicom(tmp_path / "a.dcm").read_bytes()[:-500]), ["cut.dcm"]),
        "CT": (dicom(tmp_path / "ct.dcm", Modality="CT"), ["modality CT", "CR or DX"]),
        "many frames": (dicom(tmp_path / "cine.dcm", NumberOfFrames=3), ["holds 3 frames"]),
        "colour DICOM": (dicom(tmp_path / "rgb.dcm", PhotometricInterpretation="RGB"), ["RGB", "MONOCHROME"]),
        "lying DICOM": (dicom(tmp_path / "lies.dcm", Rows=4000), ["claims 4000 x 32"]),
        "huge DICOM": (dicom(tmp_path / "huge.dcm", Rows=60000, Columns=60000), ["60000 x 60000"]),
        "no pixels": (dicom(tmp_path / "none.dcm", PixelData=None), ["has no PixelData"]),
        "flat DICOM": (dicom(tmp_path / "flat.dcm", np.full((20, 20), 9, np.uint16)), ["is constant"]),
        "age": (dicom(tmp_path / "age.dcm", PatientAge="45"), ["PatientAge '45'", "045Y"]),
    }  # fmt: skip


def write(path, data):
    path.write_bytes(data)
    return path


def lying(path, rows, cols, bits=8):
    """A PNG whose header claims more than its few bytes hold."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", cols, rows, bits, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    )
    return write(path, data)


def test_bad_files_are_refused_in_one_line_that_names_them(tmp_path):
    for fault, (path, said) in faulty(tmp_path).items():
        with pytest.raises(ValueError) as error:
            read_image(path)
        message = str(error.value)
        assert message.startswith(path.name) and "\n" not in message, (fault, message)
        assert all(word in message for word in said), (fault, message)


def test_a_claim_that_the_file_cannot_hold_is_refused_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match="claims"):
        read_image(lying(tmp_path / "x.png", 7_990, 7_990, 16))


def test_dicom_is_shown_as_its_header_says(tmp_path):
    stored = picture(bits=16) >> 4
    plain = read_image(dicom(tmp_path / "plain.dcm", stored))
    low, high = stored.min(), stored.max()
    np.testing.assert_allclose(plain.image, (stored - low) / (high - low), atol=1e-6)
    assert plain.spacing_mm == (0.2, 0.1)
    assert plain.facts == {"sex": "F", "age_years": 45, "view": "pa", "patient_id": "A 7"}
    inverse = read_image(dicom(tmp_path / "inverse.dcm", 4095 - stored, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(inverse.image, plain.image, atol=1e-6)
    rescaled = read_image(
        dicom(tmp_path / "r.dcm", stored, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=3900, WindowWidth=4000)
    )
    x = stored * 2.0 - 100
    np.testing.assert_allclose(rescaled.image, np.clip((x - 3899.5) / 3999 + 0.5, 0, 1), atol=1e-6)


def test_windows_agree_with_pydicom(tmp_path):
    import pydicom
    from pydicom.pixels import apply_windowing

    stored = picture(bits=16) >> 4
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        tags = {"WindowCenter": 1800, "WindowWidth": 1500, "VOILUTFunction": function}
        path = dicom(tmp_path / f"{function}.dcm", stored, **tags)
        theirs = apply_windowing(stored, pydicom.dcmread(path)) / 4095
        np.testing.assert_allclose(read_image(path).image, theirs, atol=1e-5)


def test_padding_is_black_and_does_not_stretch_the_range(tmp_path):
    stored = (picture(bits=16) >> 5) + 100
    padded = stored.copy()
    padded[:, :4] = 4000
    read = read_image(dicom(tmp_path / "p.dcm", padded, PixelPaddingValue=4000))
    assert (read.image[:, :4] == 0).all()
    inner = stored[:, 4:].astype(float)
    np.testing.assert_allclose(read.image[:, 4:], (inner - inner.min()) / (inner.max() - inner.min()), atol=1e-6)


def test_a_folder_of_dicom_files(tmp_path):
    dicom(tmp_path / "b" / "two.dcm", PatientID="p/2", PatientAge="006M", ViewPosition="LL")
    dicom(tmp_path / "a.dcm", PatientID="1")
    dicom(tmp_path / "ct.dcm", Modality="CT")
    skipped = []
    first, second = read(f"dicom:{tmp_path}", on_error="skip", skipped=skipped, size=16)
    assert [first.record_id, second.record_id] == ["a", "b/two"] and len(skipped) == 1 and "ct.dcm" in skipped[0]
    assert first.condition.patient_id == "dicom-1" and second.condition.patient_id.startswith("dicom-p-2-")
    assert second.condition.age_years == 0.5 and second.condition.view == "lateral"
    assert first.arrays["image"].shape == (16, 16) and first.geometry.spacing_mm == (0.5, 0.25)
    headers = list(read(f"dicom:{tmp_path}", on_error="skip", skipped=[], images=False))
    assert [r.condition for r in headers] == [first.condition, second.condition] and not headers[0].arrays
    assert [r.record_id for r in read(f"dicom:{tmp_path / 'a.dcm'}")] == ["a"]


@given(
    rows=st.integers(8, 60), cols=st.integers(8, 60), size=st.integers(8, 48), way=st.sampled_from(["lanczos", "area"])
)
@settings(max_examples=40, deadline=None)
def test_squares_are_padded_with_black_and_stay_in_range(rows, cols, size, way):
    image = np.random.default_rng(rows * cols).random((rows, cols), np.float32)
    square = squared(image, size, way)
    side = max(rows, cols)
    assert square.shape == (size, size) and square.dtype == np.float32
    assert 0 <= square.min() and square.max() <= 1
    constant = squared(np.full((side, side), 0.25, np.float32), size, way)
    np.testing.assert_allclose(constant, 0.25, atol=1e-6)
    mirrored = squared(image[:, ::-1].copy(), size, way)
    if (side - cols) % 2 == 0:
        np.testing.assert_allclose(mirrored, square[:, ::-1], atol=1e-5)


def test_area_is_the_mean_and_nothing_is_aliased():
    image = np.random.default_rng(0).random((64, 64), np.float32)
    square = squared(image, 16, "area")
    np.testing.assert_allclose(square, image.reshape(16, 4, 16, 4).mean(axis=(1, 3)), atol=1e-6)
    stripes = np.tile(np.array([0, 1], np.float32), (128, 64))
    for way in ("area", "lanczos"):
        assert squared(stripes, 24, way)[2:-2, 2:-2].std() < 0.1  # picking pixels gives 0.5


def test_a_large_jpeg_decoded_small_is_the_same_picture(tmp_path):
    values = picture(400, 320)
    path = save(tmp_path / "x.jpg", values, quality=95)
    small = read_image(path, at_least=64)
    assert small.image.shape == (100, 80) and small.shape == (400, 320)
    whole = squared(read_image(path).image, 32, "area")
    apart = np.abs(squared(small.image, 32, "area") - whole)
    assert apart.max() < 0.05 and apart.mean() < 0.01
    table = write_csv(tmp_path / "t.csv", [{"path": "x.jpg", "spacing_mm": 0.2}])
    record = next(read(f"table:{table}?size=32"))
    np.testing.assert_allclose(record.geometry.spacing_mm, 0.2 * 400 / 32)
    assert (record.provenance["rows"], record.provenance["cols"]) == (400, 320)
