"""Small made folders in the layouts of the published chest collections."""

import csv
import gzip

import numpy as np
from PIL import Image


def picture(rows=40, cols=32, seed=0, bits=8):
    """A smooth picture that uses the whole range."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols]
    values = np.sin(x / 5 + rng.random()) * np.cos(y / 7 + rng.random())
    values = (values - values.min()) / (values.max() - values.min())
    return np.round(values * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def save(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", newline="", encoding="utf-8") as text:
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def dicom(path, values=None, **tags):
    """Write a DICOM radiograph; tags replace or, when None, remove the usual ones."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    values = picture(bits=16) >> 4 if values is None else values
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    head = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    usual = {
        "Modality": "DX", "Rows": values.shape[0], "Columns": values.shape[1], "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 8 * values.dtype.itemsize, "BitsStored": 12,
        "HighBit": 11, "PixelRepresentation": 0, "PatientID": "A 7", "PatientSex": "F", "PatientAge": "045Y",
        "ViewPosition": "PA", "PixelSpacing": [0.2, 0.1], "PixelData": values.tobytes(),
    }  # fmt: skip
    for name, value in {**usual, **tags}.items():
        if value is not None:
            setattr(head, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, head, enforce_file_format=True)
    return path
