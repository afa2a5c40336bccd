"""What it takes to repeat an evaluation: ticked where it is known, and the reason where it is not."""

from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.record import ImageGeometry, Record
from clinsynth.evaluation.checklist import Checklist, checklist, checklist_section, data_side
from clinsynth.evaluation.finding import Finding


def records(n, first=0, patients=True):
    rng = np.random.default_rng(first)
    return [
        Record(
            f"r{first + k}", {"image": rng.normal(size=(4, 4))}, None, ImageGeometry((1.0, 1.0)),
            {"patient_id": f"p{first + k}"} if patients else {},
        )
        for k in range(n)
    ]  # fmt: skip


REAL, TRAINING, MADE = records(5), records(6, 100), records(4, 200, patients=False)


def checked(real=REAL, training=TRAINING, made=MADE, **change):
    sides = [data_side(*x) for x in (("real", "a", real), ("training", "b", training), ("synthetic", "c", made))]
    known = {
        "seeds": {"evaluation": 0, "synthetic data": 7}, "weights": "abc", "versions": {"numpy": "2"},
        "made_by": {"clinsynth": "1"}, "commands": ["clinsynth evaluate"], "hardware": {"cores": "2"},
        "seconds": {"measuring": 1.25}, "encoder": "the studio's own",
    }  # fmt: skip
    return checklist(sides, **{**known, **change})


def unticked(found):
    return {f"{i.group}: {i.name}" for i in found.items if not i.ticked}


def test_all_is_ticked_where_all_is_known_and_json_gives_it_back():
    found = checked()
    assert not unticked(found) and all(i.value for i in found.items)
    assert Checklist.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("change", "names", "reason"),
    [
        ({"weights": None}, {"Software: weights of the generator"}, "do not state"),
        ({"made_by": None}, {"Software: versions that made the data"}, "do not state"),
        ({"seeds": {"synthetic data": None}}, {"Seeds: synthetic data"}, "does not state"),
        ({"commands": []}, {"Commands: that repeat it"}, "none is known"),
        ({"training": []}, {"Data: training", "Data: split by patient"}, "none was named"),
        ({"made": [*MADE, replace(TRAINING[0], record_id="x")]},
         {"Data: no record is both training and synthetic"}, "1 are, to the last bit"),
        ({"real": records(5, patients=False)}, {"Data: real, patients", "Data: split by patient"}, "5 of 5 records"),
        ({"findings": [Finding(part="p", question="use", level="unknown", claim="Open.")]},
         {"Measured: everything asked"}, "1 thing is unknown"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_ticked_and_says_why(change, names, reason):
    found = checked(**change)
    assert unticked(found) == names
    assert any(reason in i.reason for i in found.items) and all(i.reason for i in found.items if not i.ticked)


def test_a_seed_of_zero_is_stated():
    item = next(i for i in checked().items if i.name == "evaluation")
    assert item.ticked and item.value == "0"


def test_patients_on_both_sides_are_counted():
    shared = next(i for i in checked(training=[*TRAINING, REAL[0]]).items if i.name == "split by patient")
    assert shared.value == "1 of 5 real patients were trained on and were left out"


def test_the_page_does_not_change_with_machine_and_time():
    a, b = checked(), checked(hardware={"cores": "64"}, seconds={"measuring": 99.0})
    assert a != b and checklist_section(a) == checklist_section(b)


def test_the_hash_of_data_knows_content_and_not_order():
    same = data_side("real", "a", REAL[::-1])
    assert same.sha256 == data_side("real", "elsewhere", REAL).sha256
    changed = [*REAL[1:], replace(REAL[0], arrays={"image": REAL[0].arrays["image"] + 1})]
    renamed = [*REAL[1:], replace(REAL[0], record_id="x")]
    assert len({same.sha256, *(data_side("real", "a", r).sha256 for r in (changed, renamed))}) == 3
    assert data_side("real", "a", renamed).contents == same.contents


def test_shape_and_kind_of_an_array_count():
    flat = replace(REAL[0], arrays={"image": REAL[0].arrays["image"].reshape(2, 8)})
    assert not data_side("real", "a", [flat]).contents & data_side("real", "a", REAL[:1]).contents
    empty = replace(REAL[0], arrays={"image": np.empty((0, 3))})
    assert data_side("real", "a", [empty]).n == 1
