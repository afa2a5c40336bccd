"""The words of the published chest collections in our vocabulary: labels, races, views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..demographics import Race
from ..radiograph.states import Lists, complete, settled
from ..radiograph.vocabulary import CHEXPERT_LABELS
from ..radiograph.vocabulary import Finding as F

VIEWS = {"pa": "pa", "ap": "ap", "ap_horizontal": "ap"}
VIEWS |= dict.fromkeys(("l", "ll", "rl", "lat", "lateral"), "lateral")
# The beginning of a hospital's word for race or ethnicity; what is not here has no word in our vocabulary.
_RACES: dict[str, Race] = {
    "american indian": Race.native_american,
    "asian": Race.asian,
    "black": Race.black,
    "african american": Race.black,
    "hispanic": Race.hispanic,
    "latino": Race.hispanic,
    "native american": Race.native_american,
    "native hawaiian": Race.pacific_islander,
    "other pacific islander": Race.pacific_islander,
    "pacific islander": Race.pacific_islander,
    "white": Race.white,
    "caucasian": Race.white,
}
PADCHEST: dict[str, F] = {
    "air trapping": F.emphysema,
    "emphysema": F.emphysema,
    "enfisema": F.emphysema,
    "bullas": F.emphysema,
    "atelectasis": F.atelectasis,
    "atelectasia": F.atelectasis,
    "laminar atelectasis": F.atelectasis,
    "lobar atelectasis": F.atelectasis,
    "segmental atelectasis": F.atelectasis,
    "round atelectasis": F.atelectasis,
    "total atelectasis": F.atelectasis,
    "cardiomegaly": F.cardiomegaly,
    "cardiomegalia": F.cardiomegaly,
    "consolidation": F.consolidation,
    "consolidacion": F.consolidation,
    "alveolar pattern": F.lung_opacity,
    "interstitial pattern": F.lung_opacity,
    "ground glass pattern": F.lung_opacity,
    "reticular interstitial pattern": F.lung_opacity,
    "increased density": F.lung_opacity,
    "pulmonary edema": F.edema,
    "edema pulmonar": F.edema,
    "heart insufficiency": F.edema,
    "insuficiencia cardiaca": F.edema,
    "vascular redistribution": F.edema,
    "pleural effusion": F.effusion,
    "derrame pleural": F.effusion,
    "costophrenic angle blunting": F.effusion,
    "loculated pleural effusion": F.effusion,
    "loculated fissural effusion": F.effusion,
    "hydropneumothorax": F.pneumothorax,
    "pneumothorax": F.pneumothorax,
    "neumotorax": F.pneumothorax,
    "mediastinal enlargement": F.enlarged_cardiomediastinum,
    "superior mediastinal enlargement": F.enlarged_cardiomediastinum,
    "pulmonary fibrosis": F.fibrosis,
    "fibrosis pulmonar": F.fibrosis,
    "post radiotherapy changes": F.fibrosis,
    "fracture": F.fracture,
    "fractura": F.fracture,
    "rib fracture": F.fracture,
    "callus rib fracture": F.fracture,
    "clavicle fracture": F.fracture,
    "humeral fracture": F.fracture,
    "vertebral fracture": F.fracture,
    "vertebral compression": F.fracture,
    "hiatal hernia": F.hernia,
    "hernia de hiato": F.hernia,
    "infiltrates": F.infiltration,
    "infiltrados": F.infiltration,
    "mass": F.mass,
    "masa": F.mass,
    "pulmonary mass": F.mass,
    "nodule": F.nodule,
    "nodulo": F.nodule,
    "multiple nodules": F.nodule,
    "lung metastasis": F.lung_lesion,
    "cavitation": F.lung_lesion,
    "pleural thickening": F.pleural_thickening,
    "engrosamiento pleural": F.pleural_thickening,
    "apical pleural thickening": F.pleural_thickening,
    "calcified pleural thickening": F.pleural_thickening,
    "pleural plaques": F.pleural_other,
    "calcified pleural plaques": F.pleural_other,
    "pleural mass": F.pleural_other,
    "pneumonia": F.pneumonia,
    "neumonia": F.pneumonia,
    "atypical pneumonia": F.pneumonia,
    "electrical device": F.support_devices,
    "pacemaker": F.support_devices,
    "marcapasos": F.support_devices,
    "dual chamber device": F.support_devices,
    "single chamber device": F.support_devices,
    "dai": F.support_devices,
    "artificial heart valve": F.support_devices,
    "artificial mitral heart valve": F.support_devices,
    "artificial aortic heart valve": F.support_devices,
    "central venous catheter": F.support_devices,
    "central venous catheter via subclavian vein": F.support_devices,
    "central venous catheter via jugular vein": F.support_devices,
    "reservoir central venous catheter": F.support_devices,
    "catheter": F.support_devices,
    "nsg tube": F.support_devices,
    "endotracheal tube": F.support_devices,
    "tracheostomy tube": F.support_devices,
    "chest drain tube": F.support_devices,
    "ventriculoperitoneal drain tube": F.support_devices,
    "gastrostomy tube": F.support_devices,
    "nephrostomy tube": F.support_devices,
    "double j stent": F.support_devices,
    "endoprosthesis": F.support_devices,
}
_PADCHEST_NORMAL = frozenset({"normal"})
_PADCHEST_NOTHING_SAID = frozenset({"exclude", "excluir", "suboptimal study", "unchanged"})
VINDR: dict[str, F] = {
    "Atelectasis": F.atelectasis,
    "Cardiomegaly": F.cardiomegaly,
    "Clavicle fracture": F.fracture,
    "Consolidation": F.consolidation,
    "Edema": F.edema,
    "Emphysema": F.emphysema,
    "Infiltration": F.infiltration,
    "Lung Opacity": F.lung_opacity,
    "Lung tumor": F.lung_lesion,
    "Nodule/Mass": F.lung_lesion,
    "Pleural effusion": F.effusion,
    "Pleural thickening": F.pleural_thickening,
    "Pneumonia": F.pneumonia,
    "Pneumothorax": F.pneumothorax,
    "Pulmonary fibrosis": F.fibrosis,
    "Rib fracture": F.fracture,
    "No finding": F.no_finding,
}


def race_of(*words: str | None) -> Race | None:
    """Return the race that a hospital's words name, or None; a Hispanic or Latino ethnicity goes first.

    Args:
        words: what it writes, such as `BLACK/AFRICAN AMERICAN`, or race and ethnicity in two fields.
    """
    said = [" ".join((word or "").lower().replace("/", " / ").split()) for word in words]
    if any(word.startswith(("hispanic", "latino")) for word in said):
        return Race.hispanic
    found = (race for word in said for begin, race in _RACES.items() if word.startswith(begin))
    return next(found, None)


def chexpert_states(row: Mapping[str, str]) -> Lists:
    """Return what a row of CheXpert's labels says: 1 present, 0 absent, -1 uncertain, blank unsaid.

    Raises:
        ValueError: another value in a label's column.
    """
    said: dict[str, list[F]] = {"1": [], "0": [], "-1": []}
    for label, finding in CHEXPERT_LABELS.items():
        value = row.get(label, "").removesuffix(".0")
        if value and value not in said:
            raise ValueError(f"{label} = {row[label]!r} is not 1, 0, -1 or blank")
        if value:
            said[value].append(finding)
    return settled(said["1"], said["0"], said["-1"])


def padchest_states(labels: Iterable[str]) -> tuple[Lists, list[str]]:
    """Return what PadChest's terms, English or Spanish, say of one image, and the terms that have no word here.

    A finding of our vocabulary that is not listed is absent, unless the image is excluded or nothing is said of it.
    """
    terms = [term for term in (" ".join(label.lower().split()) for label in labels) if term]
    strange = [t for t in terms if t not in PADCHEST and t not in _PADCHEST_NORMAL | _PADCHEST_NOTHING_SAID]
    if not set(terms) - _PADCHEST_NOTHING_SAID or {"exclude", "excluir", "suboptimal study"} & set(terms):
        return {}, strange
    present = {PADCHEST[term] for term in terms if term in PADCHEST}
    if "hydropneumothorax" in terms:
        present.add(F.effusion)
    return complete(present, sorted(set(PADCHEST.values())), bool(_PADCHEST_NORMAL & set(terms))), strange
