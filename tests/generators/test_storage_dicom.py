"""DICOM files: the modules of the Digital X-Ray IOD by the standard's own tables, and a header that says synthetic."""

import io
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

import numpy as np
import pydicom
import pytest
from clinsynth.conditioning.dataset.dicom_record import decode
from clinsynth.conditioning.dataset.schema import sha256_of
from clinsynth.conditioning.radiograph import RadiographCondition
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.generators.storage.dicom_format import age_string, encode
from clinsynth.generators.storage.origin import Origin
from clinsynth.generators.storage.quality import Unfit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_toy import picture
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sr.codedict import codes

ORIGIN = Origin(7, sha256_of("plan"), sha256_of("weights"), sha256_of("key"))
PROVENANCE = {"synthetic": True, "generator": "toy", "seed": 2**62 + 1}
FULL = RadiographCondition(
    sex="F", age_years=61.5, race="black", view="pa", findings=("effusion",), absent=("pneumothorax",), text="Größe."
)


def record_of(image=None, condition=FULL, spacing_mm=(0.5, 0.25), name="r-1", provenance=PROVENANCE):
    image = picture(3) if image is None else image
    return Record(name, {"image": image}, condition, ImageGeometry(spacing_mm), provenance)


def dicom_of(record=None, origin=ORIGIN):
    return pydicom.dcmread(io.BytesIO(encode(record or record_of(), origin)["dcm"]))


@cache
def standard():
    """The IOD's modules with their usage, and each module's attributes, as highdicom has them from PS3.3."""
    pytest.importorskip("highdicom")
    import json

    folder = files("highdicom") / "_standard"
    tables = [json.loads((folder / f"{name}.json").read_text()) for name in ("iod_module_map", "module_attribute_map")]
    return tables[0]["digital-x-ray-image"], tables[1]


@pytest.mark.parametrize("view", ["pa", "ap", "lateral", None])
def test_every_mandatory_attribute_of_the_iod_is_there(view):
    iod, attributes = standard()
    dicom = dicom_of(record_of(condition=RadiographCondition(view=view)))
    used = [m["key"] for m in iod if m["usage"] == "M"] + ["voi-lut"] + (["dx-positioning"] if view else [])
    assert len(used) == 14 + bool(view)
    for module in used:
        for attribute in (a for a in attributes[module] if not a["path"] and a["type"] in ("1", "2")):
            keyword = attribute["keyword"]
            assert keyword in dicom, (module, keyword)
            assert attribute["type"] == "2" or dicom[keyword].VM > 0, (module, keyword)


def test_nothing_is_there_that_the_iod_does_not_have():
    iod, attributes = standard()
    known = {a["keyword"] for m in iod for a in attributes[m["key"]] if not a["path"]}
    assert {element.keyword for element in dicom_of()} <= known


def test_sequence_items_have_what_their_macros_ask_for():
    iod, attributes = standard()
    dicom = dicom_of()
    for module in (m["key"] for m in iod if m["usage"] == "M" or m["key"] == "dx-positioning"):
        for attribute in attributes[module]:
            path = attribute["path"]
            if len(path) == 1 and path[0] in dicom and attribute["type"] == "1":
                assert all(attribute["keyword"] in item for item in dicom[path[0]].value), (path, attribute["keyword"])


def test_the_header_says_synthetic_in_every_place_there_is():
    dicom = dicom_of()
    assert dicom.SyntheticData == "YES" and list(dicom.ImageType) == ["DERIVED", "SECONDARY"]
    (maker,) = dicom.ContributingEquipmentSequence
    (purpose,) = maker.PurposeOfReferenceCodeSequence
    assert pydicom.sr.coding.Code(purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning) == (
        codes.DCM.SynthesizingEquipment
    )
    assert ORIGIN.weights_sha256 in maker.ContributionDescription and str(2**62 + 1) in maker.ContributionDescription
    for said in (dicom.PatientName, dicom.PatientComments, dicom.StudyDescription, dicom.DerivationDescription):
        assert str(said).startswith("SYNTHETIC")
    assert dicom.PatientID.startswith("SYN-") and dicom.Manufacturer == "clinsynth"


def test_nothing_claims_that_a_person_was_de_identified_or_names_one():
    dicom = dicom_of()
    for keyword in ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"):
        assert keyword not in dicom
    for keyword in ("PatientBirthDate", "ReferringPhysicianName", "AccessionNumber"):
        assert dicom[keyword].is_empty
    assert "InstitutionName" not in dicom and not [e for e in dicom if e.tag.is_private]


def test_the_condition_is_in_its_attributes_and_the_rest_in_the_comments():
    dicom = dicom_of()
    assert (dicom.PatientSex, dicom.PatientAge, dicom.ViewPosition) == ("F", "061Y", "PA")
    assert list(dicom.PatientOrientation) == ["L", "F"] and dicom.ImageLaterality == "U"
    assert dicom.AnatomicRegionSequence[0].CodeValue == codes.SCT.Chest.value
    assert dicom.ViewCodeSequence[0].CodeValue == codes.cid4010.PosteroAnterior.value
    lines = dicom.ImageComments.split("\r\n")
    assert {"findings: effusion", "absent: pneumothorax", "race: black", "text: Größe."} <= set(lines)
    assert '"weights_sha256":"' + ORIGIN.weights_sha256 in lines[-1]


@pytest.mark.parametrize(
    ("view", "code", "directions"),
    [("ap", codes.cid4010.AnteroPosterior, "LF"), ("lateral", codes.cid4010.LateralProjection, "PF")],
)
def test_views_have_the_codes_of_cid_4010(view, code, directions):
    dicom = dicom_of(record_of(condition=RadiographCondition(view=view)))
    assert dicom.ViewPosition == view.upper() and list(dicom.PatientOrientation) == list(directions)
    item = dicom.ViewCodeSequence[0]
    assert (item.CodeValue, item.CodeMeaning) == (code.value, code.meaning)


def test_what_is_not_said_is_not_invented():
    dicom = dicom_of(record_of(condition=RadiographCondition()))
    assert dicom.PatientSex == "" and "PatientAge" not in dicom
    for keyword in ("ViewPosition", "ViewCodeSequence", "PatientOrientation"):
        assert keyword not in dicom
    assert dicom_of(record_of(condition=None)).PatientSex == ""


@given(st.floats(0, 110))
def test_ages_are_age_strings_that_read_back_within_their_unit(age_years):
    text = age_string(age_years)
    assert re.fullmatch(r"\d{3}[YMD]", text)
    unit_years = {"Y": 1, "M": 1 / 12, "D": 1 / 365.25}[text[-1]]
    assert 0 <= age_years - int(text[:3]) * unit_years < unit_years * 1.0001


def test_ages_by_hand():
    found = [age_string(age) for age in (None, 0, 10 / 365.25 + 1e-9, 0.5, 1.999, 2, 61.9, 109)]
    assert found == ["", "000D", "010D", "006M", "023M", "002Y", "061Y", "109Y"]


def test_the_same_sample_gives_the_same_bytes_and_other_content_another_instance():
    first = encode(record_of(), ORIGIN)["dcm"]
    assert first == encode(record_of(), ORIGIN)["dcm"]
    base = dicom_of()
    image = picture(3)
    image[0, 0] = 1 - image[0, 0]
    changed = [
        (record_of(image), ORIGIN, True),
        (record_of(condition=RadiographCondition(sex="M")), ORIGIN, True),
        (record_of(name="r-2"), ORIGIN, False),
        (record_of(provenance=PROVENANCE | {"seed": 5}), ORIGIN, False),
        (record_of(), replace(ORIGIN, key=sha256_of("other weights")), False),
        (record_of(), None, False),
    ]
    for record, origin, same_study in changed:
        other = dicom_of(record, origin)
        assert other.SOPInstanceUID != base.SOPInstanceUID
        assert (other.StudyInstanceUID == base.StudyInstanceUID) is same_study
    uids = [base.StudyInstanceUID, base.SeriesInstanceUID, base.SOPInstanceUID]
    assert len(set(uids)) == 3 and all(uid.is_valid and len(uid) <= 64 for uid in uids)
    assert base.file_meta.MediaStorageSOPInstanceUID == base.SOPInstanceUID


def test_one_date_for_a_plan_and_no_clock_in_the_file():
    dates = {dicom_of(record_of(name=name)).StudyDate for name in ("a", "b", "c")}
    other = dicom_of(record_of(), replace(ORIGIN, plan_sha256=sha256_of("other plan"))).StudyDate
    assert len(dates) == 1 and other not in dates
    assert "20000101" <= other < "20200101"
    times = [e for e in dicom_of().iterall() if e.VR in ("DA", "TM", "DT") and not e.is_empty]
    assert [e.keyword for e in times] == ["StudyDate"]


def test_images_of_one_patient_share_the_patient_and_other_data_sets_do_not():
    mine = RadiographCondition(patient_id="p000001")
    first, second = (dicom_of(record_of(name=name, condition=mine)) for name in ("a", "b"))
    other = dicom_of(record_of(name="a", condition=mine), replace(ORIGIN, key=sha256_of("other")))
    assert first.PatientID == second.PatientID and first.PatientName == second.PatientName
    assert first.StudyInstanceUID != second.StudyInstanceUID and first.PatientID != other.PatientID
    long = RadiographCondition(patient_id="x" * 64)
    assert len(dicom_of(record_of(condition=long)).PatientID) <= 64
    assert len(str(dicom_of(record_of(name="n" * 50, condition=long)).PatientName)) <= 64


shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=25, deadline=None)
@given(image=hnp.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32)))
def test_values_come_back_as_the_nearest_level_and_pydicom_shows_the_same(image):
    files_of = encode(record_of(image), ORIGIN)
    arrays, geometry = decode("r-1", files_of)
    levels = np.rint(image.astype(np.float64) * 65535)
    np.testing.assert_array_equal(arrays["image"], (levels / 65535).astype(np.float32))
    assert geometry == ImageGeometry((0.5, 0.25))
    assert encode(record_of(arrays["image"]), ORIGIN) == files_of
    dicom = pydicom.dcmread(io.BytesIO(files_of["dcm"]))
    np.testing.assert_array_equal(dicom.pixel_array, levels)
    shown = apply_voi_lut(apply_modality_lut(dicom.pixel_array, dicom), dicom)
    np.testing.assert_allclose(shown, levels, atol=1e-6)  # the window is the identity


def test_highdicom_opens_it():
    highdicom = pytest.importorskip("highdicom")
    image = highdicom.Image.from_dataset(dicom_of())
    frame = image.get_frame(1, apply_voi_transform=True, voi_output_range=(0, 1))
    np.testing.assert_allclose(frame, picture(3), atol=1 / 65535)


def test_a_long_report_leaves_a_valid_comment():
    text = "Ünklar. " * 499
    dicom = dicom_of(record_of(condition=RadiographCondition(text=text)))
    assert len(dicom.ImageComments) <= 10240 and dicom.ImageComments.startswith("SYNTHETIC")


def test_a_real_record_and_a_value_beyond_the_range_are_refused():
    with pytest.raises(ValueError, match="is not synthetic"):
        encode(record_of(provenance={"synthetic": False}))
    with pytest.raises(Unfit):
        encode(record_of(np.full((2, 2), 1.5)))
    with pytest.raises(ValueError, match="is not a radiograph"):
        encode(record_of(np.zeros((2, 2, 2))))
