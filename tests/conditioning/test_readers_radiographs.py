"""Readers of the published chest collections, on small made folders of the same layout."""

import numpy as np
import pytest
from chest_folders import dicom, picture, save, write_csv
from clinsynth.conditioning.radiograph import Finding, RadiographCondition
from clinsynth.conditioning.radiograph.states import by_vote, settled
from clinsynth.conditioning.radiograph.vocabulary import CHEXPERT_LABELS, NIH_LABELS
from clinsynth.conditioning.readers import READERS, read
from clinsynth.conditioning.readers.chest_labels import race_of
from hypothesis import given, settings
from hypothesis import strategies as st

FINDINGS = st.lists(st.sampled_from(Finding), max_size=8)


@pytest.fixture
def nih(tmp_path):
    rows, kinds = [], ["No Finding", "Mass|Nodule", "Effusion", "Hernia"]
    ages, views = ["58", "081Y", "430", "7"], ["PA", "AP", "PA", ""]
    for i, (labels, age, view) in enumerate(zip(kinds, ages, views, strict=True)):
        name = f"0000000{i}_000.png"
        rows.append(
            {
                "Image Index": name, "Finding Labels": labels, "Follow-up #": i, "Patient ID": i, "Patient Age": age,
                "Patient Gender": "MF"[i % 2], "View Position": view, "OriginalImage[Width": 2048, "Height]": 2500,
                "OriginalImagePixelSpacing[x": 0.143, "y]": 0.168,
            }
        )  # fmt: skip
        save(tmp_path / ("images" if i < 2 else f"images_00{i}/images") / name, picture(seed=i))
    write_csv(tmp_path / "Data_Entry_2017.csv", rows)
    (tmp_path / "train_val_list.txt").write_text("00000000_000.png\n00000001_000.png\n00000003_000.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\n")
    return tmp_path


def test_nih(nih):
    skipped = []
    records = list(read(f"nih:{nih}", on_error="skip", skipped=skipped))
    assert [r.record_id for r in records] == ["nih_00000000_000", "nih_00000001_000", "nih_00000003_000"]
    assert len(skipped) == 1 and "age_years = 430" in skipped[0] and "00000002_000.png" in skipped[0]
    first, second, last = records
    assert first.condition.findings == ("no_finding",) and set(first.condition.absent) == set(NIH_LABELS.values())
    assert second.condition.findings == ("mass", "nodule") and second.condition.age_years == 81
    assert second.condition.state(Finding.no_finding) is False and second.condition.state(Finding.edema) is False
    assert (second.condition.sex, second.condition.view, second.condition.patient_id) == ("F", "ap", "nih-00001")
    assert last.condition.view is None and not first.synthetic
    np.testing.assert_allclose(first.geometry.spacing_mm, (0.168 * 2500 / 1024, 0.143 * 2048 / 1024))
    np.testing.assert_allclose(second.arrays["image"], picture(seed=1) / 255, atol=1e-7)


def test_nih_split_limit_size_and_conditions_alone(nih):
    assert len(list(read(f"nih:{nih}?split=train_val"))) == 3
    with pytest.raises(ValueError, match=r"00000002_000.png: age_years = 430"):
        list(read(f"nih:{nih}?split=test"))
    two = list(read(f"nih:{nih}?split=train_val&limit=2&size=16&resample=area"))
    assert [r.arrays["image"].shape for r in two] == [(16, 16)] * 2
    alone = list(read(f"nih:{nih}?split=train_val&images=false"))
    whole = list(read(f"nih:{nih}?split=train_val"))
    assert [r.condition for r in alone] == [r.condition for r in whole] and not any(r.arrays for r in alone)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("split=train", "split 'train' is not known"),
        ("size=3", "size = 3 is not from 8"),
        ("limit=0", "limit = 0"),
        ("resample=cubic", "resample = 'cubic' is not known"),
        ("sise=64", "did you mean 'size'"),
        ("on_error=ignore", "on_error = 'ignore'"),
    ],
)
def test_wrong_options_are_refused_at_once(nih, options, said):
    with pytest.raises(ValueError, match=said):
        read(f"nih:{nih}?{options}")


def test_a_label_that_the_nih_does_not_have_and_an_image_that_is_missing(nih):
    table = nih / "Data_Entry_2017.csv"
    table.write_text(table.read_text().replace("Hernia", "Hernai"))
    with pytest.raises(ValueError, match="'Hernai' is not known, did you mean 'Hernia'"):
        list(read(f"nih:{nih}?split=train_val"))
    (nih / "images" / "00000000_000.png").unlink()
    with pytest.raises(ValueError, match=r"00000000_000.png: image is in none of images/"):
        next(read(f"nih:{nih}"))


def chexpert_row(path, view="Frontal", way="AP", sex="Female", age=70, **labels):
    return {"Path": path, "Sex": sex, "Age": age, "Frontal/Lateral": view, "AP/PA": way} | {
        label: labels.get(label.replace(" ", "_"), "") for label in CHEXPERT_LABELS
    }


@pytest.fixture
def chexpert(tmp_path):
    root = "CheXpert-v1.0-small"
    rows = [
        chexpert_row(f"{root}/train/patient00001/study1/view1_frontal.jpg", Cardiomegaly="1.0",
                     Enlarged_Cardiomediastinum="0.0", Pneumonia="-1.0", Edema="0.0"),
        chexpert_row(f"{root}/train/patient00001/study1/view2_lateral.jpg", "Lateral", "", No_Finding="1.0",
                     Support_Devices="1.0"),
        chexpert_row(f"{root}/train/patient00002/study1/view1_frontal.jpg", way="PA", sex="Unknown", age=""),
    ]  # fmt: skip
    for i, row in enumerate(rows):
        save(tmp_path / row["Path"].removeprefix(root + "/"), picture(seed=i), quality=95)
    write_csv(tmp_path / "train.csv", rows)
    valid = chexpert_row(f"{root}/valid/patient00009/study1/view1_frontal.jpg", Fracture="1.0")
    save(tmp_path / "valid/patient00009/study1/view1_frontal.jpg", picture(seed=9))
    write_csv(tmp_path / "valid.csv", [valid])
    return tmp_path


def test_chexpert(chexpert):
    first, second, third, valid = read(f"chexpert:{chexpert}")
    assert first.record_id == "chexpert_patient00001_study1_view1_frontal"
    assert first.condition.findings == ("cardiomegaly",) and first.condition.uncertain == ("pneumonia",)
    assert first.condition.absent == ("edema",)  # what cardiomegaly implies is not absent
    assert (first.condition.view, first.condition.sex, first.condition.age_years) == ("ap", "F", 70)
    assert second.condition.view == "lateral" and second.condition.findings == ("no_finding", "support_devices")
    assert first.condition.patient_id == second.condition.patient_id == "chexpert-00001"
    assert third.condition.model_dump(exclude_none=True) == {"view": "pa", "patient_id": "chexpert-00002"}
    assert [r.provenance["split"] for r in (first, valid)] == ["train", "valid"] and first.condition.race is None
    assert len(list(read(f"chexpert:{chexpert}?split=valid"))) == 1
    assert np.isnan(first.geometry.spacing_mm).all()


def test_chexpert_plus_brings_race(chexpert):
    people = [
        {"path_to_image": "train/patient00001/study1/view1_frontal.jpg", "deid_patient_id": "patient00001",
         "race": "White, non-Hispanic", "ethnicity": "Non-Hispanic/Non-Latino"},
        {"path_to_image": "x", "deid_patient_id": "patient00002", "race": "Other", "ethnicity": "Hispanic/Latino"},
        {"path_to_image": "x", "deid_patient_id": "patient00009", "race": "Patient Refused", "ethnicity": "Unknown"},
    ]  # fmt: skip
    write_csv(chexpert / "df_chexpert_plus_240401.csv", people)
    assert [r.condition.race for r in read(f"chexpert:{chexpert}")] == ["white", "white", "hispanic", None]


@pytest.fixture
def mimic(tmp_path):
    names = ["aa-1", "bb-2", "cc-3"]
    meta = [
        {"dicom_id": n, "subject_id": s, "study_id": t, "ViewPosition": v, "Rows": 9, "Columns": 9, "StudyDate": d}
        for n, s, t, v, d in zip(names, ["10000032", "10000032", "11000001"], ["501", "502", "503"],
                                 ["AP", "LL", "LAO"], ["21800506", "21830506", "21400101"], strict=True)
    ]  # fmt: skip
    write_csv(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", meta)
    splits = [{"dicom_id": n, "study_id": 0, "subject_id": 0, "split": s} for n, s in zip(names, ["train", "train", "test"])]  # fmt: skip # noqa: B905, E501
    write_csv(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", splits)
    labels = [{"subject_id": 10000032, "study_id": 501, "Atelectasis": "1.0", "Edema": "-1.0", "Fracture": "0.0"}]
    write_csv(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", labels)
    write_csv(tmp_path / "mimic-cxr-2.0.0-negbio.csv.gz", [{**labels[0], "Edema": "1.0"}])
    for row in meta:
        patient = row["subject_id"]
        save(tmp_path / f"files/p{patient[:2]}/p{patient}/s{row['study_id']}/{row['dicom_id']}.jpg", picture())
    return tmp_path


def test_mimic(mimic):
    first, second, third = read(f"mimic-cxr:{mimic}")
    assert first.condition.model_dump(exclude_none=True, mode="json") == {
        "view": "ap", "findings": ["atelectasis"], "absent": ["fracture"], "uncertain": ["edema"],
        "patient_id": "mimic-10000032",
    }  # fmt: skip
    assert second.condition.findings is None and second.condition.view == "lateral" and third.condition.view is None
    assert [r.record_id for r in read(f"mimic-cxr:{mimic}?split=test")] == ["mimic_cc-3"]
    assert next(read(f"mimic-cxr:{mimic}?labeller=negbio")).condition.findings == ("atelectasis", "edema")
    with pytest.raises(ValueError, match="labeller = 'chexbert'"):
        read(f"mimic-cxr:{mimic}?labeller=chexbert")


@pytest.mark.parametrize("where", ["hosp", "elsewhere"])
def test_mimic_iv_brings_sex_age_and_race(mimic, where):
    write_csv(mimic / where / "patients.csv.gz", [
        {"subject_id": 10000032, "gender": "F", "anchor_age": 52, "anchor_year": 2180},
        {"subject_id": 11000001, "gender": "M", "anchor_age": 91, "anchor_year": 2138},
    ])  # fmt: skip
    write_csv(mimic / where / "admissions.csv.gz", [
        {"subject_id": 10000032, "hadm_id": 1, "race": "BLACK/AFRICAN AMERICAN"},
        {"subject_id": 10000032, "hadm_id": 2, "race": "BLACK/CAPE VERDEAN"},
        {"subject_id": 10000032, "hadm_id": 3, "race": "WHITE"},
        {"subject_id": 11000001, "hadm_id": 4, "race": "WHITE"},
        {"subject_id": 11000001, "hadm_id": 5, "race": "ASIAN - CHINESE"},
    ])  # fmt: skip
    more = f"?patients={mimic / where}" if where == "elsewhere" else ""
    first, second, third = (r.condition for r in read(f"mimic-cxr:{mimic}{more}"))
    assert (first.sex, first.age_years, first.race) == ("F", 52, "black")
    assert (second.age_years, third.age_years, third.race) == (55, 93, None)


@pytest.mark.parametrize(
    ("words", "race"),
    [
        (("BLACK/AFRICAN AMERICAN",), "black"), (("HISPANIC/LATINO - PUERTO RICAN",), "hispanic"),
        (("AMERICAN INDIAN/ALASKA NATIVE",), "native_american"), (("ASIAN - KOREAN",), "asian"),
        (("NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER",), "pacific_islander"), (("UNKNOWN",), None),
        (("WHITE - RUSSIAN",), "white"), (("PATIENT DECLINED TO ANSWER",), None), ((None,), None),
        (("White, Hispanic", "Hispanic/Latino"), "hispanic"), (("White", "Non-Hispanic/Non-Latino"), "white"),
    ],
)  # fmt: skip
def test_races_of_hospitals(words, race):
    assert race_of(*words) == race


def test_padchest(tmp_path):
    rows = [
        {"ImageID": "a_1.png", "ImageDir": "0", "StudyDate_DICOM": 20140915, "StudyID": 1, "PatientID": 17,
         "PatientBirth": 1930.0, "PatientSex_DICOM": "F", "Projection": "PA",
         "Labels": "['cardiomegaly', ' derrame pleural', 'aortic elongation']"},
        {"ImageID": "b_2.png", "ImageDir": "", "StudyDate_DICOM": 20100101, "StudyID": 2, "PatientID": 17,
         "PatientBirth": 1930, "PatientSex_DICOM": "F", "Projection": "L", "Labels": "['normal']"},
        {"ImageID": "c_3.png", "ImageDir": "0", "PatientID": 18, "PatientSex_DICOM": "O", "Projection": "COSTAL",
         "Labels": "['exclude', 'pneumonia']"},
        {"ImageID": "d_4.png", "ImageDir": "0", "PatientID": 18, "Projection": "AP_horizontal", "Labels": "no list"},
    ]  # fmt: skip
    write_csv(tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", rows)
    for row in rows:
        save(tmp_path / row["ImageDir"] / row["ImageID"], picture(bits=16) // 2)
    skipped = []
    first, second, third = read(f"padchest:{tmp_path}", on_error="skip", skipped=skipped)
    assert first.condition.findings == ("cardiomegaly", "effusion") and first.condition.age_years == 84
    assert first.condition.state(Finding.pneumonia) is False and first.condition.view == "pa"
    assert first.provenance["labels_not_translated"] == ["aortic elongation"]
    assert second.condition.findings == ("no_finding",) and second.condition.view == "lateral"
    assert third.condition.model_dump(exclude_none=True) == {"patient_id": "padchest-18"}
    assert abs(first.arrays["image"].max() - 0.5) < 1e-3  # white is 65535, whatever the image's own maximum
    assert len(skipped) == 1 and "Labels 'no list' is not a list" in skipped[0]


def test_vindr(tmp_path):
    def row(image, reader, **labels):
        given = {"Pleural_effusion": "Pleural effusion", "No_finding": "No finding", "Nodule": "Nodule/Mass"}
        base = {"image_id": image, "rad_id": reader, "Pleural effusion": 0, "Nodule/Mass": 0, "Rib fracture": 0,
                "Aortic enlargement": 1, "No finding": 0}  # fmt: skip
        return base | {given[name]: value for name, value in labels.items()}

    rows = [row("ab12", f"R{i}", Pleural_effusion=int(i < 2), Nodule=int(i < 1)) for i in range(3)]
    rows += [row("cd34", f"R{i}", No_finding=1) for i in range(3)]
    write_csv(tmp_path / "annotations" / "image_labels_train.csv", rows)
    for name in ("ab12", "cd34"):
        dicom(tmp_path / "train" / f"{name}.dicom", PatientAge=None, PatientID=None, Modality="CR")
    first, second = read(f"vindr:{tmp_path}?split=train&size=16")
    assert first.condition.findings == ("effusion",) and first.condition.uncertain == ("lung_lesion",)
    assert set(first.condition.absent) == {"no_finding", "fracture"} and first.condition.sex == "F"
    assert second.condition.findings == ("no_finding",) and second.condition.patient_id == "vindr-cd34"
    assert first.provenance["labels"][0] == "Aortic enlargement" and first.provenance["radiologists"] == 3
    with pytest.raises(ValueError, match="image_labels_test.csv"):
        read(f"vindr:{tmp_path}?split=test")


def test_a_table_of_radiographs(tmp_path):
    save(tmp_path / "a.png", picture())
    save(tmp_path / "b.jpg", 255 - picture(), quality=100)
    dicom(tmp_path / "c.dcm", PatientSex="M")
    rows = [
        {"path": "a.png", "sex": "F", "age_years": 4, "findings": "effusion|mass", "absent": "edema", "split": "train",
         "spacing_mm": "0.2|0.1", "meta_site": "x", "text": "No edema."},
        {"path": "b.jpg", "view": "ap", "inverted": "true", "split": "test", "patient_id": "p1"},
        {"path": "c.dcm", "race": "white", "split": "test"},
    ]  # fmt: skip
    table = write_csv(tmp_path / "t.csv", rows)
    first, second, third = read(f"table:{table}")
    assert first.condition == RadiographCondition(
        sex="F", age_years=4, findings=["mass", "effusion"], absent=["edema"], text="No edema."
    )
    assert first.geometry.spacing_mm == (0.2, 0.1) and first.provenance["meta_site"] == "x"
    np.testing.assert_allclose(second.arrays["image"], first.arrays["image"], atol=0.02)
    assert (
        third.condition.sex == "M"
        and third.condition.race == "white"
        and third.condition.patient_id.startswith("dicom-")
    )
    assert [r.record_id for r in read(f"table:{table}?split=test&limit=1")] == ["b"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"findings": "effusoin"}, "'effusoin' is not known, did you mean 'effusion'"),
        ({"findings": "effusion", "absent": "effusion"}, "effusion is both in findings and in absent"),
        ({"age_years": "430"}, "age_years = 430"),
        ({"sex": "X"}, "sex 'X' is not known"),
        ({"inverted": "maybe"}, "inverted = 'maybe'"),
        ({"spacing_mm": "-1"}, "spacing_mm = '-1'"),
        ({"path": "../a.png"}, "leads out of its folder"),
        ({"path": "b.png"}, "b.png: does not exist"),
        ({"veiw": "pa"}, "did you mean 'view'"),
        ({"fs_hz": "500"}, "column 'fs_hz' is not known"),
    ],
)
def test_a_table_with_a_fault_names_it(tmp_path, change, said):
    save(tmp_path / "a.png", picture())
    table = write_csv(tmp_path / "t.csv", [{"path": "a.png"} | change])
    with pytest.raises(ValueError, match=said) as error:
        list(read(f"table:{table}"))
    assert "\n" not in str(error.value)


def test_options_of_the_other_kind_are_refused(tmp_path):
    save(tmp_path / "a.png", picture())
    table = write_csv(tmp_path / "t.csv", [{"path": "a.png"}])
    with pytest.raises(ValueError, match="option fs_hz = 100.0 is for ECGs; t.csv names radiographs"):
        read(f"table:{table}?fs_hz=100")
    ecgs = write_csv(tmp_path / "e.csv", [{"path": "a.npy", "fs_hz": 100}])
    with pytest.raises(ValueError, match="option size = 64 is for radiographs; e.csv names ECGs"):
        read(f"table:{ecgs}?size=64")


@pytest.mark.parametrize("name", ["chexpert", "mimic-cxr", "nih", "padchest", "vindr", "dicom"])
def test_a_folder_of_another_kind_is_refused_at_once(name, tmp_path):
    assert name in READERS
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=str(path)):
            read(f"{name}:{path}")


@given(present=FINDINGS, absent=FINDINGS, uncertain=FINDINGS)
@settings(max_examples=200, deadline=None)
def test_settled_states_always_make_a_condition_and_keep_what_is_present(present, absent, uncertain):
    condition = RadiographCondition(**settled(present, absent, uncertain))
    assert set(present) - {Finding.no_finding} <= set(condition.findings or ())
    assert settled(condition.findings or (), condition.absent or (), condition.uncertain or ()) == {
        n: v for n in ("findings", "absent", "uncertain") if (v := getattr(condition, n))
    }


@given(votes=st.dictionaries(st.sampled_from(Finding), st.lists(st.booleans(), min_size=1, max_size=5)))
@settings(max_examples=100, deadline=None)
def test_votes_always_make_a_condition(votes):
    RadiographCondition(**by_vote(votes))
