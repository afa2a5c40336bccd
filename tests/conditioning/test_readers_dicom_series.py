"""DICOM series as volumes: places in the world, order, rescaling, and every slice that is missing, twice or strange."""

import mri_toy
import numpy as np
import pydicom
import pytest
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.dicom_slices import read_series
from clinsynth.conditioning.readers.mr_contrast import contrast_of
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

AXIAL = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
SAGITTAL = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
TIMES = {
    "t1": dict(RepetitionTime=600, EchoTime=12),
    "t1ce": dict(RepetitionTime=600, EchoTime=12, ContrastBolusAgent="Gadovist"),
    "t2": dict(RepetitionTime=4500, EchoTime=100),
    "flair": dict(RepetitionTime=9000, EchoTime=110, InversionTime=2500, ScanningSequence=["SE", "IR"]),
}


def write_series(folder, volume, axes=AXIAL, step_mm=(8.0, 8.0, 8.0), uid=None, origin=(-80.0, -100, -60), **said):
    """Write (column, row, slice) values, stored halved, as one file a slice, in an order that says nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    for k in np.random.default_rng(0).permutation(volume.shape[2]):
        file = Dataset()
        file.file_meta = FileMetaDataset()
        file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file.SOPClassUID, file.SOPInstanceUID = MRImageStorage, generate_uid()
        file.SeriesInstanceUID, file.StudyInstanceUID, file.Modality = uid, "1.2.3", "MR"
        file.PatientID, file.PatientSex, file.PatientAge = "Jane", "F", "051Y"
        file.Columns, file.Rows = volume.shape[:2]
        file.PixelSpacing = [step_mm[1], step_mm[0]]
        file.ImageOrientationPatient = [*axes[0], *axes[1]]
        place = np.asarray(origin) + axes[2] * step_mm[2] * int(k)
        file.ImagePositionPatient = [float(v) for v in place]
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated = file.BitsStored = 16
        file.HighBit, file.PixelRepresentation = 15, 0
        file.RescaleSlope, file.RescaleIntercept = 2, 0
        file.PixelData = (volume[:, :, k].T // 2).astype("<u2").tobytes()
        for name, value in said.items():
            setattr(file, name, value)
        pydicom.dcmwrite(folder / f"im{int(k) * 7 % 100:03d}.dcm", file, enforce_file_format=True)
    return uid


@pytest.fixture
def study(tmp_path):
    for contrast in ("t1", "t1ce", "flair"):
        write_series(tmp_path / contrast, even(contrast), **TIMES[contrast])
    return tmp_path


def even(contrast):
    return mri_toy.brain(contrast) // 2 * 2


def test_a_study_is_one_record_with_its_contrasts_and_its_patient(study):
    (record,) = read(f"dicom-series:{study}")
    assert record.condition.present == ("t1", "t1ce", "flair") and record.condition.targets == ("t2",)
    assert record.condition.sex == "F" and record.condition.age_years == 51 and record.record_id == "Jane"
    for contrast in ("t1", "flair"):
        assert np.array_equal(record.arrays[contrast], even(contrast)[::-1, ::-1])  # LPS to RAS
    assert np.allclose(np.diag(record.geometry.affine), [8, 8, 8, 1])
    assert np.allclose(record.geometry.affine @ np.array([21, 25, 0, 1]), [80, 100, -60, 1])
    assert len(record.provenance["inputs"]["t1"]["sha256"]) == 64


def test_planes_of_other_directions_show_the_same_world(tmp_path):
    volume = even("t2")
    uid = write_series(tmp_path / "axial", volume, step_mm=(8.0, 8.0, 8.0))
    axial = read_series(tmp_path / "axial", uid)
    # Sagittal: columns run to the back, rows to the feet, slices to the right, so from the last x and z on.
    slices = volume[::-1].transpose(1, 2, 0)[:, ::-1]
    origin = (-80 + 21 * 8, -100, -60 + 19 * 8)
    uid = write_series(tmp_path / "sagittal", slices, SAGITTAL, origin=origin)
    sagittal = read_series(tmp_path / "sagittal", uid)
    assert np.array_equal(axial.volume, sagittal.volume) and np.allclose(axial.affine, sagittal.affine)


def spoil(study, change):
    files = sorted((study / "flair").glob("*.dcm"), key=lambda f: pydicom.dcmread(f).ImagePositionPatient[2])
    change(files)
    with pytest.raises(ValueError) as error:
        list(read(f"dicom-series:{study}"))
    assert "\n" not in str(error.value) and str(error.value).startswith("Jane: flair: ")
    return str(error.value)


def rewrite(path, **values):
    file = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(file, name, value)
    file.save_as(path)


def test_missing_slices_are_counted_and_refused(study):
    said = spoil(study, lambda files: [files[k].unlink() for k in (7, 8)])
    assert "2 of the slices between them are missing (24 mm apart)" in said


def test_a_slice_twice_is_refused(study):
    said = spoil(study, lambda files: (files[3].parent / "again.dcm").write_bytes(files[3].read_bytes()))
    assert "again.dcm" in said and "lie in one place; a volume needs each slice once" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (dict(ImageOrientationPatient=[1, 0, 0, 0, 0.99, 0.14]), "its ImageOrientationPatient is another"),
        (dict(PixelSpacing=[8, 9]), "its PixelSpacing is another"),
        (dict(ImagePositionPatient=[-80, -100, -26]), "mm apart and most slices 8 mm; they must be alike"),
        (dict(ImagePositionPatient=[-60, -100, -28]), "are shifted sideways"),
        (dict(PixelData=b"\0\0"), "cannot be decoded"),
    ],
)
def test_a_slice_unlike_the_others_is_refused(study, values, said):
    assert said in spoil(study, lambda files: rewrite(files[4], **values))


def test_two_series_of_a_contrast_and_localisers(study):
    write_series(study / "scout", even("t2")[:, :, :3], **TIMES["t2"])
    write_series(study / "dwi", even("t2"), SeriesDescription="DWI b1000", **TIMES["t2"])
    assert next(read(f"dicom-series:{study}", images=False)).condition.targets == ("t2",)
    write_series(study / "t1_again", even("t1"), **TIMES["t1"])
    with pytest.raises(ValueError, match="Jane: 2 files are its t1 "):
        list(read(f"dicom-series:{study}"))


def test_a_series_can_be_named_in_a_table(study):
    uid = write_series(study / "more" / "t2", even("t2"), **TIMES["t2"])
    (study / "t.csv").write_text(f"patient_id,t2\nJane,more#series={uid}\n")
    (record,) = read(f"nifti:{study / 't.csv'}")
    assert np.array_equal(record.arrays["t2"], even("t2")[::-1, ::-1])


@pytest.mark.parametrize(
    ("said", "contrast"),
    [
        *((times, name) for name, times in TIMES.items()),
        (dict(SeriesDescription="Ax T2 FLAIR FS"), "flair"),
        (dict(SeriesDescription="Ax T1 FLAIR"), "t1"),
        (dict(SeriesDescription="t1_mprage_sag_p2_iso"), "t1"),
        (dict(SeriesDescription="AX T1 POST GD"), "t1ce"),
        (dict(SeriesDescription="AX T1 PRE CONTRAST"), "t1"),
        (dict(SeriesDescription="T1 +C"), "t1ce"),
        (dict(SeriesDescription="AX T2 TSE", ContrastBolusAgent="Dotarem"), "t2"),
        (dict(SeriesDescription="AX T1", ContrastBolusAgent="NONE"), "t1"),
        (dict(SeriesDescription="ADC (10^-6 mm2/s)"), None),
        (dict(SeriesDescription="T2*_GRE"), None),
        (dict(SeriesDescription="series 5"), None),
        (dict(RepetitionTime=1900, EchoTime=2.5, InversionTime=900), "t1"),
        (dict(RepetitionTime=2000, EchoTime=30), None),
    ],
)
def test_headers_tell_the_contrast(said, contrast):
    head = Dataset()
    head.Modality = "MR"
    for name, value in said.items():
        setattr(head, name, value)
    assert contrast_of(head) == contrast
