"""The words of a radiograph's condition: views, and one list of findings for the published label sets."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class View(StrEnum):
    """Projection of a chest radiograph."""

    ap = "ap"
    lateral = "lateral"
    pa = "pa"


class Finding(StrEnum):
    """What a chest radiograph shows; the union of the CheXpert and the NIH ChestX-ray14 labels."""

    no_finding = "no_finding"
    atelectasis = "atelectasis"
    cardiomegaly = "cardiomegaly"
    consolidation = "consolidation"
    edema = "edema"
    effusion = "effusion"
    emphysema = "emphysema"
    enlarged_cardiomediastinum = "enlarged_cardiomediastinum"
    fibrosis = "fibrosis"
    fracture = "fracture"
    hernia = "hernia"
    infiltration = "infiltration"
    lung_lesion = "lung_lesion"
    lung_opacity = "lung_opacity"
    mass = "mass"
    nodule = "nodule"
    pleural_other = "pleural_other"
    pleural_thickening = "pleural_thickening"
    pneumonia = "pneumonia"
    pneumothorax = "pneumothorax"
    support_devices = "support_devices"


# A tube or a wire says nothing about the lungs: `no_finding` allows it (CheXpert).
NO_DISEASE = frozenset({Finding.no_finding, Finding.support_devices})
DISEASES = tuple(finding for finding in Finding if finding not in NO_DISEASE)

# A finding on the left is also one of those on the right (CheXpert's hierarchy, with the NIH labels put into it).
IMPLIES: dict[Finding, tuple[Finding, ...]] = {
    Finding.atelectasis: (Finding.lung_opacity,),
    Finding.cardiomegaly: (Finding.enlarged_cardiomediastinum,),
    Finding.consolidation: (Finding.lung_opacity,),
    Finding.edema: (Finding.lung_opacity,),
    Finding.infiltration: (Finding.lung_opacity,),
    Finding.lung_lesion: (Finding.lung_opacity,),
    Finding.mass: (Finding.lung_lesion, Finding.lung_opacity),
    Finding.nodule: (Finding.lung_lesion, Finding.lung_opacity),
    Finding.pleural_thickening: (Finding.pleural_other,),
    Finding.pneumonia: (Finding.lung_opacity,),
}

NIH_LABELS: dict[str, Finding] = {
    "Atelectasis": Finding.atelectasis,
    "Cardiomegaly": Finding.cardiomegaly,
    "Consolidation": Finding.consolidation,
    "Edema": Finding.edema,
    "Effusion": Finding.effusion,
    "Emphysema": Finding.emphysema,
    "Fibrosis": Finding.fibrosis,
    "Hernia": Finding.hernia,
    "Infiltration": Finding.infiltration,
    "Mass": Finding.mass,
    "Nodule": Finding.nodule,
    "Pleural_Thickening": Finding.pleural_thickening,
    "Pneumonia": Finding.pneumonia,
    "Pneumothorax": Finding.pneumothorax,
}
NIH_NO_FINDING = "No Finding"

CHEXPERT_LABELS: dict[str, Finding] = {
    "No Finding": Finding.no_finding,
    "Enlarged Cardiomediastinum": Finding.enlarged_cardiomediastinum,
    "Cardiomegaly": Finding.cardiomegaly,
    "Lung Opacity": Finding.lung_opacity,
    "Lung Lesion": Finding.lung_lesion,
    "Edema": Finding.edema,
    "Consolidation": Finding.consolidation,
    "Pneumonia": Finding.pneumonia,
    "Atelectasis": Finding.atelectasis,
    "Pneumothorax": Finding.pneumothorax,
    "Pleural Effusion": Finding.effusion,
    "Pleural Other": Finding.pleural_other,
    "Fracture": Finding.fracture,
    "Support Devices": Finding.support_devices,
}


def implied(findings: Iterable[Finding]) -> frozenset[Finding]:
    """Return findings with all that they imply."""
    return frozenset(each for finding in findings for each in (finding, *IMPLIES.get(finding, ())))
