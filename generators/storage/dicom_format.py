"""Encodes a radiograph as DICOM: a Digital X-Ray Image for presentation that says in its header that it is synthetic.

Source: DICOM PS3.3, A.26 (the DX IOD, its mandatory modules) and C.12.1 (Synthetic Data); PS3.16, CID 4009, 4010, 7005.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import __version__
from ...conditioning.record import Record
from .origin import SYNTHETIC, Origin, about, told
from .pixels import quantise

if TYPE_CHECKING:
    from pydicom import Dataset

BITS = 16
_LONGEST_COMMENT = 10_240  # characters of an LT
_FIRST_DAY, _DAYS = datetime.date(2000, 1, 1), 7305  # twenty years, in which no clock had a part
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,40}")
# View: View Position, its SCT code and meaning (CID 4010), directions of rows and columns as a film is hung. A lateral
# view names no side, because the condition does not.
_VIEWS = {
    "pa": ("PA", "272479007", "postero-anterior", ["L", "F"]),
    "ap": ("AP", "399348003", "antero-posterior", ["L", "F"]),
    "lateral": ("LATERAL", "399067008", "lateral", ["P", "F"]),
}


def encode(record: Record, origin: Origin | None = None) -> dict[str, bytes]:
    """Return a radiograph as a DICOM file under `dcm`: value v is stored as round(65535 v), MONOCHROME2.

    The bytes depend on record, origin and pydicom's version alone: UIDs and the study date are hashes.

    Args:
        record: `image`, float (rows, columns) in [0, 1], its spacing, a condition with any of sex, age_years, view,
            patient_id; what else the condition says goes into Image Comments.
        origin: the data set it belongs to.

    Raises:
        ValueError: the record is not a radiograph, or not a synthetic one.
        Unfit: a value is not in [0, 1].
    """
    from pydicom import dcmwrite

    if not record.synthetic:
        raise ValueError(f"record {record.record_id!r} is not synthetic; the studio writes only synthetic DICOM files")
    pixels, spacing_mm = quantise(record, BITS)
    file = _dataset(record, origin)
    _image(file, pixels, spacing_mm)
    buffer = BytesIO()
    dcmwrite(buffer, file, enforce_file_format=True)
    return {"dcm": buffer.getvalue()}


def _dataset(record: Record, origin: Origin | None) -> Dataset:
    """Return everything but the pixels, module by module."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dicom = Dataset()
    dicom.file_meta = FileMetaDataset()
    dicom.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _patient(dicom, record, origin)
    _study_and_series(dicom, record, origin)
    _equipment(dicom, record, origin)
    _view(dicom, record)
    dicom.SpecificCharacterSet = "ISO_IR 192"
    dicom.SyntheticData = "YES"
    dicom.ImageComments = _comments(record, origin)
    return dicom


def _patient(dicom: Dataset, record: Record, origin: Origin | None) -> None:
    """Fill Patient and Patient Study. Nothing was de-identified, so no attribute says so."""
    sex = str(_value(record, "sex") or "")
    key = _patient_key(record, origin)
    dicom.PatientName = f"SYNTHETIC^{key}"
    dicom.PatientID = f"SYN-{key}"
    dicom.PatientBirthDate = ""
    dicom.PatientSex = sex if sex in ("F", "M") else ""
    dicom.PatientComments = SYNTHETIC
    age = age_string(_value(record, "age_years"))
    if age:
        dicom.PatientAge = age


def _patient_key(record: Record, origin: Origin | None) -> str:
    """Return a name of the patient that no other data set gives: images of one patient share it."""
    own = str(_value(record, "patient_id") or record.record_id)
    plain = own if _PLAIN.fullmatch(own) else _hash("patient", own)[:16]
    apart = origin.key if origin else _hash("seed", record.provenance.get("seed"), record.provenance.get("generator"))
    return f"{plain}-{apart[:8]}"


def age_string(age_years: float | None) -> str:
    """Return an age as DICOM writes it: years from 2 on, below that months, below a month days; empty if unsaid."""
    if age_years is None:
        return ""
    age = max(float(age_years), 0.0)
    if age >= 2:
        return f"{min(int(age), 999):03d}Y"
    months = int(age * 12)
    return f"{months:03d}M" if months else f"{int(age * 365.25):03d}D"


def _study_and_series(dicom: Dataset, record: Record, origin: Origin | None) -> None:
    """Fill General Study, General Series, DX Series, General Image: a study of one image."""
    dicom.StudyInstanceUID = _uid(record, origin, "study")
    dicom.SeriesInstanceUID = _uid(record, origin, "series")
    dicom.StudyDate = _day(record, origin)
    dicom.StudyTime = ""
    dicom.ReferringPhysicianName = ""
    dicom.AccessionNumber = ""
    dicom.StudyID = record.record_id if len(record.record_id) <= 16 else ""
    dicom.StudyDescription = "SYNTHETIC chest radiograph"
    dicom.SeriesDescription = "SYNTHETIC"
    dicom.Modality = "DX"
    dicom.PresentationIntentType = "FOR PRESENTATION"
    dicom.BodyPartExamined = "CHEST"
    dicom.SeriesNumber = 1
    dicom.InstanceNumber = 1


def _equipment(dicom: Dataset, record: Record, origin: Origin | None) -> None:
    """Fill General Equipment, and Contributing Equipment, which says that the studio synthesised the image."""
    from pydicom import Dataset

    source = record.provenance
    weights = (origin.weights_sha256 if origin else None) or source.get("weights_sha256")
    said = [f"computed by the generator {source.get('generator')}, seed {source.get('seed')}"]
    said += [f"weights {weights}"] if weights else []
    dicom.Manufacturer = "clinsynth"
    dicom.ManufacturerModelName = str(source.get("generator") or "")[:64]
    dicom.SoftwareVersions = __version__
    maker = Dataset()
    maker.Manufacturer = dicom.Manufacturer
    maker.ManufacturerModelName = dicom.ManufacturerModelName
    maker.SoftwareVersions = dicom.SoftwareVersions
    maker.ContributionDescription = f"SYNTHETIC: {', '.join(said)}"[:1024]
    maker.PurposeOfReferenceCodeSequence = [_code("109100", "DCM", "Synthesizing Equipment")]
    dicom.ContributingEquipmentSequence = [maker]
    dicom.DerivationDescription = SYNTHETIC


def _view(dicom: Dataset, record: Record) -> None:
    """Fill DX Anatomy Imaged, DX Positioning and Acquisition Context; a view that is not said is left out."""
    dicom.AnatomicRegionSequence = [_code("816094009", "SCT", "Chest")]
    dicom.ImageLaterality = "U"  # the chest is not one of a pair
    dicom.AcquisitionContextSequence = []
    view = _VIEWS.get(str(_value(record, "view")))
    if view:
        position, code, meaning, directions = view
        dicom.PositionerType = ""
        dicom.ViewPosition = position
        dicom.ViewCodeSequence = [_code(code, "SCT", meaning)]
        dicom.PatientOrientation = directions


def _image(dicom: Dataset, pixels: np.ndarray, spacing_mm: tuple[float, float]) -> None:
    """Fill Image Pixel, DX Image, DX Detector, VOI LUT, and the instance's UID, which the pixels have a part in."""
    from pydicom.uid import DigitalXRayImageStorageForPresentation
    from pydicom.valuerep import DSfloat

    dicom.ImageType = ["DERIVED", "SECONDARY"]
    dicom.SamplesPerPixel = 1
    dicom.PhotometricInterpretation = "MONOCHROME2"
    dicom.Rows, dicom.Columns = pixels.shape
    dicom.BitsAllocated = dicom.BitsStored = BITS
    dicom.HighBit = BITS - 1
    dicom.PixelRepresentation = 0
    dicom.BurnedInAnnotation = "NO"
    dicom.LossyImageCompression = "00"
    dicom.PixelIntensityRelationship = "LOG"
    dicom.PixelIntensityRelationshipSign = -1  # higher values: less of the beam came through
    dicom.RescaleIntercept, dicom.RescaleSlope, dicom.RescaleType = "0", "1", "US"  # the IOD allows no other
    dicom.PresentationLUTShape = "IDENTITY"
    dicom.WindowCenter, dicom.WindowWidth = str(2 ** (BITS - 1)), str(2**BITS)  # all values, from black to white
    dicom.WindowCenterWidthExplanation = "Full range"
    dicom.DetectorType = ""
    dicom.ImagerPixelSpacing = [DSfloat(v, auto_format=True) for v in spacing_mm]
    stored = pixels.astype("<u2", copy=False).tobytes()
    dicom.add_new("PixelData", "OW", stored)
    seen = hashlib.sha256(stored).hexdigest()
    dicom.SOPClassUID = DigitalXRayImageStorageForPresentation
    dicom.SOPInstanceUID = _derived_uid(dicom.SeriesInstanceUID, dicom.ImageComments, seen, "instance")


def _comments(record: Record, origin: Origin | None) -> str:
    """Return what the image is and what was asked for, in lines, and the provenance as JSON if there is room."""
    text = "\r\n".join(told(record))[: _LONGEST_COMMENT // 2]
    whole = f"{text}\r\nprovenance: {about(record, origin)}"
    return whole if len(whole) <= _LONGEST_COMMENT else text


def _uid(record: Record, origin: Origin | None, role: str) -> str:
    """Return a UID that is the same whenever this sample of this data set is made."""
    source = record.provenance
    key = origin.key if origin else str(source.get("generator"))
    return _derived_uid(key, str(source.get("seed")), record.record_id, role)


def _derived_uid(*parts: str) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=[f"{len(part)}:{part}" for part in parts]))


def _day(record: Record, origin: Origin | None) -> str:
    """Return the study date, one for a whole data set: a hash of its plan, or of the seed of a sample on its own."""
    key = origin.plan_sha256 if origin else record.provenance.get("seed")
    day = _FIRST_DAY + datetime.timedelta(days=int(_hash("day", key), 16) % _DAYS)
    return day.strftime("%Y%m%d")


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _value(record: Record, field: str) -> Any:
    value = getattr(record.condition, field, None)
    return getattr(value, "value", value)  # an enum's word


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
