"""What radiologists call a finding, and the sentences by which they say that something is normal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from .states import ABSENT, PRESENT, UNCERTAIN
from .vocabulary import Finding as F

# The word that a prompt uses; the reader knows every one of them.
NAMES: dict[F, str] = {
    F.atelectasis: "atelectasis",
    F.cardiomegaly: "cardiomegaly",
    F.consolidation: "consolidation",
    F.edema: "pulmonary edema",
    F.effusion: "pleural effusion",
    F.emphysema: "emphysema",
    F.enlarged_cardiomediastinum: "enlarged cardiomediastinum",
    F.fibrosis: "fibrosis",
    F.fracture: "fracture",
    F.hernia: "hiatal hernia",
    F.infiltration: "infiltration",
    F.lung_lesion: "lung lesion",
    F.lung_opacity: "lung opacity",
    F.mass: "mass",
    F.nodule: "nodule",
    F.pleural_other: "pleural abnormality",
    F.pleural_thickening: "pleural thickening",
    F.pneumonia: "pneumonia",
    F.pneumothorax: "pneumothorax",
    F.support_devices: "support devices",
}

_BE = r"(?: (?:is|are|remains?|appears?|looks?|was|were|continues? to be))?"
_HOW = (
    r"(?: (?:again|still|now|stably|persistently|mildly|moderately|severely|markedly|slightly|minimally|massively"
    r"|significantly|grossly|overall|otherwise|also|both|bilaterally|well[- ](?:expanded|inflated"
    r"|aerated) and|hyperinflated but|to be))*"
)
_HEART = r"(?:cardiac silhouette|heart size|cardiac size|cardiac contours?|cardiac shadow|heart)(?: size)?"
_WIDE = r"(?:widened|enlarged|prominent)"
_NORMAL = (
    r"(?:within normal limits|top[- ]normal(?: in size)?|normal(?: in size(?: and contour)?| size)?|unremarkable"
    r"|not enlarged|wnl)"
)
_CHEST = r"(?:chest(?: radiographs?| x-?rays?| films?| exam(?:ination)?| study)?|cxr|radiograph|x-?ray)"
_SIDE = r"(?:(?:left|right|bilateral|both|lateral|posterior) )*"
_MEDIASTINUM = r"(?:cardio)?-?mediastin(?:um|al(?: silhouette| contours?| structures)?)"
_DEVICE = (
    r"support (?:and monitoring )?(?:devices?|apparatus|lines)|monitoring (?:and support )?devices?|lines? and tubes?"
    r"|tubes? and lines?|lines?,? (?:or|and/or) tubes?|tubes?|ett|endotracheal|nasogastric|orogastric|dobb?hoff"
    r"|tracheostomy(?: tube)?|(?:central|venous|picc|arterial|dialysis|subclavian|jugular|ij|hickman) lines?|picc"
    r"|catheters?|port-?a-?caths?|mediports?|chest ports?|infusion ports?|swan-?ganz|(?:intra-?aortic )?balloon pump"
    r"|iabp|(?:cardiac )?pacemakers?|pacers?|pacing (?:wires?|leads?|device)|(?:pacemaker|icd|pacer"
    r"|ventricular) leads?"
    r"|leads|a?icd|defibrillators?|lvad|ecmo|impella|pigtails?|drains?|stents?|(?:sternal|sternotomy) wires?"
    r"|(?:prosthetic|mechanical|artificial) (?:heart |mitral |aortic )?valves?|valve replacement|hardware"
)
_FINDINGS: list[tuple[str, F]] = [
    (r"atelecta(?:sis|ses|tic)(?: changes?)?|(?<!vertebral )(?<!body )collapsed?(?! of the vertebra)", F.atelectasis),
    (
        rf"cardiomegaly|cardiac enlargement|enlarge(?:d|ment of the) {_HEART}|{_HEART}{_BE}{_HOW} enlarged",
        F.cardiomegaly,
    ),
    (r"consolidat(?:ions?|ive(?: change| process)?)", F.consolidation),
    (
        r"(?:interstitial |pulmonary |alveolar )*(?<!soft tissue )(?<!subcutaneous )(?<!peripheral )(?<!leg )o?edema"
        r"|(?:congestive )?heart failure|chf|(?:pulmonary )?(?:vascular|venous|pulmonary) (?:congestion|engorgement)"
        r"|(?:fluid|volume) overload|cephali[sz]ation",
        F.edema,
    ),
    (
        r"(?:pleural )?(?<!pericardial )(?<!joint )effusions?|pleural fluid(?: collections?)?"
        r"|fluid in the pleural space"
        r"|ha?emothora(?:x|ces)|hydrothora(?:x|ces)"
        rf"|blunt(?:ed|ing)(?: of)?(?: the)? {_SIDE}(?:costophrenic|cp) (?:angles?|sulc(?:us|i))"
        r"|(?:costophrenic|cp) (?:angles?|sulc(?:us|i))(?: (?:is|are))? blunted|(?:costophrenic|cp) angle blunting",
        F.effusion,
    ),
    (
        r"(?<!subcutaneous )(?<!mediastinal )(?<!tissue )emphysema(?:tous)?(?: changes?)?"
        r"|bullous (?:disease|changes?)|bullae",
        F.emphysema,
    ),
    (
        rf"enlarged {_MEDIASTINUM}|{_MEDIASTINUM}{_BE}{_HOW} {_WIDE}|{_WIDE} {_MEDIASTINUM}"
        r"|widening of the (?:upper |superior )?mediastinum|mediastinal (?:widening|enlargement)",
        F.enlarged_cardiomediastinum,
    ),
    (r"(?:pulmonary |interstitial |lung )?fibros[ei]s|fibrotic(?: changes?)?|honeycombing", F.fibrosis),
    (r"fractur(?:es?|ed)", F.fracture),
    (r"(?:(?:hiatal|hiatus|diaphragmatic|para-?esophageal|bochdalek|morgagni) )?herni(?:as?|ation)", F.hernia),
    (r"infiltrat(?:es?|ions?|ive(?: changes?)?)", F.infiltration),
    (
        r"(?<!bone )(?<!bony )(?<!osseous )(?<!lytic )(?<!pleural )(?:(?:lung|pulmonary|cavitary"
        r"|cavitating|focal) )?lesions?"
        r"|(?:lung |pulmonary )?(?:tumou?rs?|neoplasms?|malignanc(?:y|ies)|metasta(?:sis|ses|tic disease))"
        r"|lung cancer|bronchogenic carcinoma",
        F.lung_lesion,
    ),
    (
        r"(?:lung |pulmonary |air ?-?space )?opaci(?:ty|ties|fications?|fied)|air ?-?space disease"
        r"|haziness|ground ?-?glass",
        F.lung_opacity,
    ),
    (r"(?<!body )(?<!mediastinal )(?<!breast )(?:lung |pulmonary )?mass(?:es|-?like)?", F.mass),
    (r"(?:lung |pulmonary )?(?:micro)?nodul(?:es?|ar|arity)", F.nodule),
    (
        r"pleural (?:abnormalit(?:y|ies)|scarring|calcifications?|plaques?|disease|lesions?)|fibrothorax"
        r"|calcified pleura",
        F.pleural_other,
    ),
    (
        r"pleural(?:-| )(?:parenchymal )?thickening|(?:bi-?)?apical (?:pleural )?(?:thickening|cap(?:ping)?)"
        r"|thicken(?:ed|ing of the) pleura",
        F.pleural_thickening,
    ),
    (
        r"(?:broncho-?)?pneumoni(?:as?|c)(?: infiltrates?)?|infectious (?:process|etiology)|(?:lung "
        r"|pulmonary )?infections?",
        F.pneumonia,
    ),
    (r"pneumothora(?:x|ces)|ptx", F.pneumothorax),
    (_DEVICE, F.support_devices),
]
_MANY: list[tuple[str, Mapping[F, str]]] = [
    (r"hydro-?pneumothora(?:x|ces)|hemopneumothora(?:x|ces)", {F.effusion: PRESENT, F.pneumothorax: PRESENT}),
    (rf"{_HEART}{_BE}{_HOW} borderline(?: enlarged)?(?: in size)?", {F.cardiomegaly: UNCERTAIN}),
    (
        rf"{_HEART}{_BE}{_HOW} (?:{_NORMAL}|(?:at the )?upper limits? of normal)|normal (?:heart"
        rf"|cardiac)(?: size| silhouette)?",
        {F.cardiomegaly: ABSENT},
    ),
    (
        rf"(?:cardio-?mediastinal (?:silhouette|contours?)|heart and mediastinum"
        rf"|cardiac and mediastinal (?:silhouettes?|contours?)"
        rf"|cardiac silhouette and mediastin\w+(?: contours?)?){_BE}{_HOW} {_NORMAL}"
        r"|normal cardio-?mediastinal (?:silhouette|contours?)",
        {F.cardiomegaly: ABSENT, F.enlarged_cardiomediastinum: ABSENT},
    ),
    (
        rf"mediastin(?:um|al (?:and hilar )?(?:silhouette|contours?|structures)){_BE}{_HOW} (?:{_NORMAL}|not widened)"
        r"|normal mediastin(?:um|al contours?)",
        {F.enlarged_cardiomediastinum: ABSENT},
    ),
    (
        rf"(?<!left )(?<!right )(?<!upper )(?<!lower )(?:lungs?(?: fields?"
        rf"| volumes? are normal and the lungs)?|pulmonary parenchyma){_BE}{_HOW} clear"
        r"(?! of)|clear lungs|(?:both|the) lungs are clear(?! of)",
        {F.lung_opacity: ABSENT, F.no_finding: PRESENT},
    ),
    (
        rf"(?:costophrenic|cp) (?:angles?|sulc(?:us|i)|recesses){_BE}{_HOW} (?:sharp|clear|preserved)(?! of)"
        rf"|pleural (?:spaces?|surfaces?){_BE}{_HOW} (?:clear|normal|unremarkable)(?! of)|sharp costophrenic angles",
        {F.effusion: ABSENT},
    ),
    (
        rf"(?:bones|bony (?:thorax|structures)|osseous structures|ribs|skeletal structures"
        rf"|visuali[sz]ed bones){_BE}{_HOW}"
        r" (?:intact|unremarkable|normal)",
        {F.fracture: ABSENT},
    ),
    (
        rf"(?:pulmonary vasculature|pulmonary vascularity|pulmonary vessels){_BE}{_HOW} (?:{_NORMAL})"
        r"|normal pulmonary vascul(?:ature|arity)",
        {F.edema: ABSENT},
    ),
    (
        rf"(?<!ab)normal (?:appearing )?(?:pa |ap |frontal |portable )?{_CHEST}|unremarkable {_CHEST}"
        rf"|{_CHEST}{_BE}{_HOW} (?:normal|unremarkable|within normal limits)|normal (?:study|exam(?:ination)?)"
        r"|(?:heart and lungs|lungs and heart) are (?:normal|unremarkable)",
        {F.no_finding: PRESENT},
    ),
    # What a "no" turns into `no_finding`; said without it, something is wrong with the chest.
    (
        rf"abnormal {_CHEST}|{_CHEST}{_BE} abnormal"
        r"|(?:other )?(?:acute|active|significant|focal)(?: or (?:acute|active|chronic|significant))?"
        r"(?: (?:cardio-?pulmonary|cardiac|pulmonary|intra-?thoracic|thoracic|chest|lung|radiographic"
        r"|cardio-?thoracic"
        r"|cardiac or pulmonary|pulmonary or cardiac))?"
        r" (?:process(?:es)?|abnormalit(?:y|ies)|disease|findings?|patholog(?:y|ies))"
        r"|(?:cardio-?pulmonary|intra-?thoracic) (?:process(?:es)?|abnormalit(?:y|ies)|disease|patholog(?:y|ies))"
        r"|radiographic abnormalit(?:y|ies)",
        {F.no_finding: ABSENT},
    ),
    (r"(?:acute |significant )?(?:osseous|bony|bone|rib|skeletal) abnormalit(?:y|ies)", {F.fracture: PRESENT}),
]


@cache
def phrases() -> tuple[tuple[re.Pattern[str], Mapping[F, str]], ...]:
    """Return every phrase with what it says of which findings when nothing turns it round."""
    single = [(pattern, {finding: PRESENT}) for pattern, finding in _FINDINGS]
    return tuple((re.compile(rf"\b(?:{pattern})\b"), said) for pattern, said in [*single, *_MANY])
