"""A DICOM file read with suspicion: exactly the studio's kind, and a header that fits its pixels."""

import io

import numpy as np
import pydicom
import pytest
from clinsynth.conditioning.dataset.dicom_record import decode
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.storage.dicom_format import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

IMAGE = np.linspace(0, 1, 30).reshape(5, 6)
GOOD = encode(Record("r", {"image": IMAGE}, None, ImageGeometry((0.5, 0.25)), {"synthetic": True, "seed": 1}))["dcm"]


def edited(**changes):
    dicom = pydicom.dcmread(io.BytesIO(GOOD))
    for keyword, value in changes.items():
        if value is None:
            delattr(dicom, keyword)
        else:
            setattr(dicom, keyword, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dicom)
    return buffer.getvalue()


def refused(data):
    with pytest.raises(ValueError, match=r"r\.dcm") as caught:
        decode("r", {"dcm": data})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_file_as_it_was_written_reads():
    arrays, geometry = decode("r", {"dcm": GOOD})
    assert np.abs(arrays["image"] - IMAGE).max() <= 0.5001 / 65535 and geometry.spacing_mm == (0.5, 0.25)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Rows": 6}, "says 6 x 6 pixels of 16 bit and holds 60 bytes"),
        ({"Rows": 65535, "Columns": 65535}, "says 65535 x 65535"),
        ({"Rows": 0}, "says 0 x 6"),
        ({"Rows": None}, "says None x 6"),
        ({"PixelData": None}, "holds 0 bytes"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "PhotometricInterpretation is 'MONOCHROME1'"),
        ({"SamplesPerPixel": 3}, "SamplesPerPixel is 3"),
        ({"BitsStored": 12}, "BitsStored is 12"),
        ({"PixelRepresentation": 1}, "PixelRepresentation is 1"),
        ({"RescaleSlope": "2"}, "RescaleSlope is"),
        ({"RescaleIntercept": "-1024"}, "RescaleIntercept is"),
        ({"PresentationLUTShape": "INVERSE"}, "PresentationLUTShape is 'INVERSE'"),
        ({"SyntheticData": "NO"}, "SyntheticData is 'NO'"),
        ({"SyntheticData": None}, "SyntheticData is None"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "SOPClassUID is"),
        ({"ImagerPixelSpacing": None}, "ImagerPixelSpacing is None"),
        ({"ImagerPixelSpacing": ["0", "1"]}, "two lengths above 0"),
        ({"ImagerPixelSpacing": "1"}, "two lengths above 0"),
    ],
)
def test_another_kind_of_image_is_refused_by_name(changes, said):
    assert said in refused(edited(**changes))


def test_another_transfer_syntax_is_refused_before_anything_is_unpacked():
    for syntax in (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian):
        dicom = pydicom.dcmread(io.BytesIO(GOOD))
        dicom.file_meta.TransferSyntaxUID = syntax
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, dicom, implicit_vr=syntax.is_implicit_VR, little_endian=True)
        assert syntax in refused(buffer.getvalue())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_a_cut_file_is_refused(length):
    refused(GOOD[:length])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(128, len(GOOD) - 1))
def test_a_spoilt_file_is_a_one_line_error_or_an_image_of_its_size(noise, at):
    data = GOOD[:at] + noise + GOOD[at + len(noise) :]
    try:
        arrays, _ = decode("r", {"dcm": data})
    except ValueError as error:
        assert str(error).startswith("r.dcm") and "\n" not in str(error)
    else:
        assert arrays["image"].dtype == np.float32 and arrays["image"].size == 30


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data):
    refused(data)
    refused(bytes(128) + b"DICM" + data)
