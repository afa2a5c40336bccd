"""evaluate on brains: made contrasts beside the real ones, controls, uncertainty, and what cannot be compared."""

import json
import re

import nibabel
import numpy as np
import pytest
from brain_toy import brain_record
from clinsynth.app import jobs
from clinsynth.conditioning.mri import Contrast
from clinsynth.evaluation.mri.look import MriLook
from clinsynth.evaluation.table import look


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(look, "RESAMPLES", 14)
    monkeypatch.setattr(look, "SPLITS", 10)


def written(folder, records, only=None, change=lambda contrast, volume: volume):
    """Write brains as NIfTI files, a folder a patient."""
    for record in records:
        for name, array in record.arrays.items():
            if only is not None and name not in only:
                continue
            place = folder / record.record_id
            place.mkdir(parents=True, exist_ok=True)
            volume = change(name, array) if name in list(Contrast) else array
            called = "seg" if name == "segmentation" else name
            image = nibabel.Nifti1Image(volume, np.array(record.geometry.affine))
            nibabel.save(image, place / f"{record.record_id}_{called}.nii.gz")
    return f"nifti:{folder}"


def noisy(contrast, volume):
    rough = volume + 20 * np.random.default_rng(5).standard_normal(volume.shape)
    return np.where(volume > 0, np.clip(rough, 1, None), 0).astype(np.float32)


def findings(out):
    page = json.loads((out / "page.json").read_text())["page"]
    return {f["claim"]: f for f in page["findings"]}


def test_made_contrasts_stand_beside_the_real_ones_of_the_same_patients(tmp_path):
    brains = [brain_record(seed) for seed in (1, 2, 3)]
    real = written(tmp_path / "real", brains)
    made = written(tmp_path / "made", brains, only=("flair", "t2"), change=noisy)
    out = tmp_path / "look"
    page = jobs.evaluate(real, made, out).read_text()
    found = MriLook.model_validate_json((out / "mri.json").read_text())
    expected = [(f"nifti-p{k}", c) for k in (1, 2, 3) for c in ("t2", "flair")]
    assert [(p.patient, p.contrast) for p in found.pairs] == expected
    for pair in found.pairs:
        assert pair.scores["brain"].psnr_db > 20 and 0.9 < pair.gain < 1.1
        assert set(pair.scores) == {"brain", "tumour", "healthy"} and pair.brasyn is not None
    ids = re.findall(r'<section id="([^"]+)"', page)
    assert ids[:5] == ["use", "validity", "slices", "paired", "brasyn"] and "SYNTHETIC" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"', page)
    claims = findings(out)
    assert any("nearer to the real ones than what needs no model" in claim for claim in claims)
    assert "it is taken to be what was not made" in page
    for pair in found.pairs:  # from T1 with and without contrast agent, and histograms of the other two patients
        assert pair.inputs == ("t1", "t1ce") and set(pair.fitted) == {"made", "mean", "histogram"}
        assert pair.fitted["made"]["brain"].psnr_db > pair.fitted["histogram"]["brain"].psnr_db
    assert found.learned_on == 2
    assert any("single samples, without an uncertainty" in claim for claim in claims)
    before = (out / "report.html").read_bytes()
    jobs.evaluate(real, made, out)
    assert (out / "report.html").read_bytes() == before


def test_a_wrong_scale_is_told_and_one_patient_has_no_interval(tmp_path):
    brains = [brain_record(1)]
    real = written(tmp_path / "real", brains)
    made = written(tmp_path / "made", brains, only=("flair",), change=lambda c, v: noisy(c, v) * 2)
    page = jobs.evaluate(real, made, tmp_path / "look").read_text()
    (pair,) = MriLook.model_validate_json((tmp_path / "look" / "mri.json").read_text()).pairs
    assert pair.gain == pytest.approx(0.5, rel=0.05)
    assert pair.fitted["made"]["brain"].psnr_db > pair.scores["brain"].psnr_db + 5
    assert any("not on the scanner&#39;s scale" in line for line in page.splitlines())
    assert "One patient: no interval can be given." in page


def test_brains_of_other_patients_are_compared_as_volumes(tmp_path):
    real = written(tmp_path / "real", [brain_record(seed) for seed in (1, 2, 3)])
    made = written(tmp_path / "made", [brain_record(seed) for seed in (4, 5, 6)])
    page = jobs.evaluate(real, made, tmp_path / "look").read_text()
    assert "No made brain is of a patient of the real side" in page
    assert {"images", "realism", "groups"} <= set(re.findall(r'<section id="([^"]+)"', page))


def test_copied_volumes_are_caught_and_not_taken_for_made_ones(tmp_path):
    brains = [brain_record(seed) for seed in (1, 2)]
    real = written(tmp_path / "real", brains)
    made = written(tmp_path / "made", brains, only=("t1", "flair"), change=lambda c, v: v if c == "t1" else noisy(c, v))
    page = jobs.evaluate(real, made, tmp_path / "look").read_text()
    pairs = MriLook.model_validate_json((tmp_path / "look" / "mri.json").read_text()).pairs
    assert {p.contrast for p in pairs} == {"flair"}
    assert "t1 is the real one, not a made one" in page
    validity = json.loads((tmp_path / "look" / "validity.json").read_text())
    assert next(c for c in validity["checks"] if c["name"] == "copies_real")["failed"] == 2
