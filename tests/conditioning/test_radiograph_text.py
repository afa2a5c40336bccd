"""Text both ways: prompts read back, and report sentences with negation and doubt mean what a radiologist would say."""

import pytest
from clinsynth.conditioning.radiograph import Finding, Race, RadiographCondition, Sex, View
from clinsynth.conditioning.radiograph.phrases import NAMES
from clinsynth.conditioning.radiograph.prompt import prompt, with_text
from clinsynth.conditioning.radiograph.report import mentions, read_report
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

FIELDS = ("sex", "age_years", "race", "view", "findings", "absent", "uncertain")
# Sentence, then what it says: present, absent, uncertain.
SENTENCES = [
    # negation
    ("No effusion.", "", "effusion", ""),
    ("There is no pleural effusion or pneumothorax.", "", "effusion pneumothorax", ""),
    ("No effusion, pneumothorax or consolidation.", "", "effusion pneumothorax consolidation", ""),
    ("No focal consolidation, effusion, or pneumothorax is seen.", "", "consolidation effusion pneumothorax", ""),
    ("Without evidence of pneumonia.", "", "pneumonia", ""),
    ("The lungs are clear of consolidation or pleural effusion.", "", "consolidation effusion", ""),
    ("Negative for PTX.", "", "pneumothorax", ""),
    ("The chest is free of pleural fluid.", "", "effusion", ""),
    ("Neither effusion nor pneumothorax.", "", "effusion pneumothorax", ""),
    ("The previously seen effusions have resolved.", "", "effusion", ""),
    ("Pneumothorax has now completely resolved.", "", "pneumothorax", ""),
    ("Interval resolution of pulmonary edema.", "", "edema", ""),
    ("Resolved left basilar atelectasis.", "", "atelectasis", ""),
    ("Pneumothorax is not seen.", "", "pneumothorax", ""),
    ("Effusion is no longer visualized.", "", "effusion", ""),
    ("The heart is not enlarged.", "", "cardiomegaly", ""),
    ("No focal opacity to suggest pneumonia.", "", "lung_opacity pneumonia", ""),
    ("No opacity consistent with pneumonia.", "", "lung_opacity pneumonia", ""),
    ("The chest tube has been removed.", "", "support_devices", ""),
    ("No acute rib fracture.", "", "fracture", ""),
    ("No lines or tubes.", "", "support_devices", ""),
    ("Absence of pleural thickening.", "", "pleural_thickening", ""),
    # negation that is none, or ends
    ("No pneumothorax but small effusion.", "effusion", "pneumothorax", ""),
    ("Small left effusion but no pneumothorax.", "effusion", "pneumothorax", ""),
    ("Stable cardiomegaly without effusion.", "cardiomegaly", "effusion", ""),
    ("No pneumothorax, small right effusion.", "effusion", "pneumothorax", ""),
    ("No consolidation and the heart is enlarged.", "cardiomegaly", "consolidation", ""),
    ("No effusion, cardiomegaly is noted.", "cardiomegaly", "effusion", ""),
    ("No significant change in the moderate pleural effusion.", "effusion", "", ""),
    ("Edema has not resolved.", "edema", "", ""),
    ("The pneumothorax has nearly resolved.", "pneumothorax", "", ""),
    ("Unchanged effusion, and pneumothorax has resolved.", "effusion", "pneumothorax", ""),
    ("No abnormality except for a calcified nodule.", "nodule", "", ""),
    ("However, there is no edema.", "", "edema", ""),
    ("No pneumothorax with persistent effusion.", "effusion", "pneumothorax", ""),
    # doubt
    ("Possible pneumonia.", "", "", "pneumonia"),
    ("Cannot exclude a small effusion.", "", "", "effusion"),
    ("Pneumonia cannot be excluded.", "", "", "pneumonia"),
    ("A small pneumothorax is not entirely excluded.", "", "", "pneumothorax"),
    ("Opacity which may represent pneumonia.", "lung_opacity", "", "pneumonia"),
    ("Left basilar atelectasis versus pneumonia.", "", "", "atelectasis pneumonia"),
    ("Edema, atelectasis, or pneumonia.", "", "", "edema atelectasis pneumonia"),
    ("Right lower lobe opacity concerning for pneumonia.", "lung_opacity", "", "pneumonia"),
    ("Findings suggestive of congestive heart failure.", "", "", "edema"),
    ("Questionable nodule in the left apex.", "", "", "nodule"),
    ("Pneumonia is possible.", "", "", "pneumonia"),
    ("Likely atelectasis.", "", "", "atelectasis"),
    ("Borderline cardiomegaly.", "", "", "cardiomegaly"),
    ("Pneumonia?", "", "", "pneumonia"),
    ("?pneumothorax", "", "", "pneumothorax"),
    ("No definite effusion, although a small effusion cannot be excluded.", "", "", "effusion"),
    ("No effusion, possible pneumonia.", "", "effusion", "pneumonia"),
    ("Evaluate for pneumonia.", "", "", ""),
    ("History of pneumothorax.", "", "", ""),
    # synonyms
    ("The cardiac silhouette is mildly enlarged.", "cardiomegaly", "", ""),
    ("Enlarged heart.", "cardiomegaly", "", ""),
    ("Blunting of the left costophrenic angle.", "effusion", "", ""),
    ("Hydropneumothorax on the right.", "effusion pneumothorax", "", ""),
    ("Patchy bibasilar opacities.", "lung_opacity", "", ""),
    ("Airspace disease in the right lung.", "lung_opacity", "", ""),
    ("Pulmonary vascular congestion.", "edema", "", ""),
    ("Widened mediastinum.", "enlarged_cardiomediastinum", "", ""),
    ("Lines and tubes are unchanged.", "support_devices", "", ""),
    ("ETT and NG tube in standard position.", "support_devices", "", ""),
    ("Left PICC line ends in the SVC.", "support_devices", "", ""),
    ("Dual lead pacemaker in place.", "support_devices", "", ""),
    ("Bilateral infiltrates.", "infiltration", "", ""),
    ("Bullous disease in the apices.", "emphysema", "", ""),
    ("Subcutaneous emphysema in the neck.", "", "", ""),
    ("Pericardial effusion.", "", "", ""),
    ("Hiatal hernia.", "hernia", "", ""),
    ("Pleural plaques.", "pleural_other", "", ""),
    ("Biapical pleural thickening.", "pleural_thickening", "", ""),
    ("Interstitial fibrosis with honeycombing.", "fibrosis", "", ""),
    ("Old healed rib fractures.", "fracture", "", ""),
    ("3 cm mass in the right upper lobe.", "mass", "", ""),
    ("Pulmonary metastases.", "lung_lesion", "", ""),
    # normal
    ("The lungs are clear.", "no_finding", "lung_opacity", ""),
    ("No acute cardiopulmonary process.", "no_finding", "", ""),
    ("No evidence of acute cardiopulmonary process .", "no_finding", "", ""),
    ("Normal chest radiograph.", "no_finding", "", ""),
    ("No evidence of pneumonia or other acute cardiopulmonary process.", "no_finding", "pneumonia", ""),
    ("No acute cardiopulmonary process. Stable emphysema.", "emphysema", "", ""),
    ("Lungs are clear. Left chest port.", "no_finding support_devices", "lung_opacity", ""),
    ("Heart size is normal.", "", "cardiomegaly", ""),
    ("The cardiomediastinal silhouette is within normal limits.", "", "cardiomegaly enlarged_cardiomediastinum", ""),
    ("The costophrenic angles are sharp.", "", "effusion", ""),
    ("The osseous structures are intact.", "", "fracture", ""),
    ("The heart is top normal in size.", "", "cardiomegaly", ""),
    ("Mediastinal and hilar contours are unremarkable.", "", "enlarged_cardiomediastinum", ""),
    ("Lungs are well-expanded and clear, no effusion.", "no_finding", "lung_opacity effusion", ""),
    ("Opacities which could be due to atelectasis, though infection cannot be excluded.", "lung_opacity", "",
     "atelectasis pneumonia"),
    ("There is no pneumothorax, and the cardiac silhouette is enlarged.", "cardiomegaly", "pneumothorax", ""),
    ("Pneumothorax is small, and has decreased in size.", "pneumothorax", "", ""),
    ("No edema; however, a left effusion persists.", "effusion", "edema", ""),
    ("Abnormal chest radiograph.", "", "no_finding", ""),
    ("The left lung is clear.", "", "", ""),
    # more than one sentence
    ("Small effusion. No effusion on the left.", "effusion", "", ""),
    ("1. No edema.\n2. Mild atelectasis.", "atelectasis", "edema", ""),
    ("INDICATION: Rule out pneumonia, effusion.\nFINDINGS: No consolidation.", "", "consolidation", ""),
    ("No evidence of\npneumothorax", "", "pneumothorax", ""),
    ("Mass. Lungs otherwise clear.", "mass", "", ""),
]  # fmt: skip
PATIENTS = [
    ("86 year old BLACK female. No evidence of acute cardiopulmonary process .", "F", 86, "black", None),
    ("portable AP view", None, None, None, "ap"),
    ("65F with cough.", "F", 65, None, None),
    ("72 y/o M, shortness of breath", "M", 72, None, None),
    ("54-year-old Hispanic man. PA view.", "M", 54, "hispanic", "pa"),
    ("6 month old girl. Lateral radiograph.", "F", 0.5, None, "lateral"),
    ("African American woman", "F", None, "black", None),
    ("Portable chest radiograph.", None, None, None, "ap"),
    ("PA and lateral views of the chest.", None, None, None, None),
    ("Fracture of the left lateral rib. PA catheter in place. Whiteout of the left lung.", None, None, None, None),
    ("A woman and a man.", None, None, None, None),
    ("EXAM: CHEST (AP PORTABLE)", None, None, None, "ap"),
]


def words(text):
    return tuple(f for f in Finding if f in text.split()) or None


@pytest.mark.parametrize(("text", "present", "absent", "uncertain"), SENTENCES)
def test_sentence(text, present, absent, uncertain):
    read = read_report(text)
    assert (read.findings, read.absent, read.uncertain) == (words(present), words(absent), words(uncertain))


@pytest.mark.parametrize(("text", "sex", "age", "race", "view"), PATIENTS)
def test_patient_and_view_in_text(text, sex, age, race, view):
    read = read_report(text)
    assert (read.sex, read.age_years, read.race, read.view) == (sex, age, race, view)


def test_every_finding_is_read_by_its_name_in_every_state():
    for finding, name in NAMES.items():
        assert read_report(f"{name}.").findings == (finding,)
        assert read_report(f"No evidence of {name}.").absent == (finding,)
        assert read_report(f"{name} cannot be excluded.").uncertain == (finding,)
        assert read_report(f"There is {name}, which is unchanged.").findings == (finding,)


@st.composite
def conditions(draw):
    states = draw(st.lists(st.sampled_from(["", "", "findings", "absent", "uncertain"]), min_size=21, max_size=21))
    lists = {}
    for finding, state in zip(Finding, states, strict=True):
        if state:
            lists.setdefault(state, []).append(finding)
    fields = {
        "sex": draw(st.none() | st.sampled_from(Sex)),
        "age_years": draw(st.none() | st.integers(0, 110) | st.floats(0, 110)),
        "race": draw(st.none() | st.sampled_from(Race)),
        "view": draw(st.none() | st.sampled_from(View)),
    }
    try:
        return RadiographCondition(**fields, **lists)
    except ValidationError:  # keep what the model takes: the present ones, then the rest that fits
        present = [f for f in lists.get("findings", []) if f is not Finding.no_finding]
        return RadiographCondition(**fields, findings=present)


@given(condition=conditions())
@settings(max_examples=100, deadline=None)
def test_a_prompt_reads_back_as_its_condition(condition):
    read = read_report(prompt(condition))
    assert {name: getattr(read, name) for name in FIELDS} == {name: getattr(condition, name) for name in FIELDS}


@given(condition=conditions())
@settings(max_examples=40, deadline=None)
def test_a_condition_and_its_own_prompt_as_text_agree(condition):
    text = prompt(condition)
    if text:
        assert with_text(RadiographCondition(text=text)).model_dump(exclude={"text"}) == condition.model_dump(
            exclude={"text"}
        )
        both = condition.model_copy(update={"text": text})
        assert with_text(both) == both and prompt(both) == text


def test_the_published_template():
    condition = RadiographCondition(sex="F", age_years=86, race="black", findings=["no_finding"])
    assert prompt(condition) == "86 year old BLACK female. No evidence of acute cardiopulmonary process."
    assert prompt(RadiographCondition(sex="M", age_years=54)) == "54 year old male."
    assert prompt(RadiographCondition()) == ""


def test_text_fills_what_is_open_and_keeps_what_is_said():
    condition = RadiographCondition(sex="F", findings=["mass"], text="70 year old female. No effusion, lung opacity.")
    filled = with_text(RadiographCondition(sex="F", findings=["mass"], text="70 year old female. No effusion."))
    assert filled.age_years == 70 and filled.absent == ("effusion",) and filled.findings == ("mass",)
    with pytest.raises(ValueError, match="lung_opacity"):
        with_text(condition)


@pytest.mark.parametrize(
    ("fields", "text", "said"),
    [
        ({"sex": "M"}, "65F", ["sex = M", "F"]),
        ({"age_years": 30}, "65 year old", ["age_years = 30", "65"]),
        ({"view": "pa"}, "Portable AP view.", ["view = pa", "ap"]),
        ({"race": "white"}, "BLACK female", ["race = white", "black"]),
        ({"findings": ["effusion"]}, "No pleural fluid.", ["findings has effusion", "absent", "no pleural fluid"]),
        ({"absent": ["pneumonia"]}, "Possible pneumonia.", ["absent has pneumonia", "uncertain"]),
        ({"findings": ["no_finding"]}, "Large effusion.", ["effusion is absent", "present"]),
        ({"uncertain": ["lung_opacity"]}, "A mass.", ["lung_opacity", "findings", "uncertain"]),
    ],
)
def test_a_field_that_contradicts_the_text_is_refused_in_one_line(fields, text, said):
    with pytest.raises(ValueError) as error:
        with_text(RadiographCondition(text=text, **fields))
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in said), str(error.value)


def test_an_impossible_age_in_the_text_is_refused():
    with pytest.raises(ValueError, match="age_years = 430"):
        read_report("430 year old male.")


@given(text=st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_without_failing(text):
    try:
        read = read_report(text)
    except ValueError as error:
        assert "age_years" in str(error)
    else:
        assert read.text is None and isinstance(mentions(text), list)
