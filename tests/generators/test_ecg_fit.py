"""A heart fitted to a record makes more of that patient."""

import numpy as np
import pytest
from clinsynth.conditioning.ecg import LEADS, EcgCondition
from clinsynth.conditioning.ecg.fit import fit_heart, mean_beat
from clinsynth.conditioning.ecg.hearts import heart_bank
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.record import Record, SignalGeometry
from clinsynth.generators.ecg.simulator import simulate


def test_fit_of_a_simulated_record_gives_the_same_beat():
    for seed in range(4):
        record = simulate(EcgCondition(rhythm="sinus", heart_rate_bpm=62, snr_db=30), seed)
        again = simulate(EcgCondition.from_record(record, noise=(), heart_rate_bpm=62), 99)
        a, b = mean_beat(record), mean_beat(again)
        n = min(a.leads_mv.shape[1], b.leads_mv.shape[1])
        assert np.corrcoef(a.leads_mv[:, :n].ravel(), b.leads_mv[:, :n].ravel())[0, 1] > 0.97


def test_real_records_are_explained():
    explained = []
    for record in list(embedded("ludb", split="held_out"))[:8]:
        explained.append(fit_heart(mean_beat(record))[1])
    assert np.median(explained) > 0.97 and min(explained) > 0.85


def test_from_record_keeps_the_patient_and_takes_changes():
    record = next(iter(embedded("ludb")))
    c = EcgCondition.from_record(record, heart_rate_bpm=95, duration_s=5)
    assert c.sex == record.condition.sex and c.heart_rate_bpm == 95 and c.kernels is not None
    made = simulate(EcgCondition.model_validate_json(c.model_dump_json()), 4)
    assert np.isfinite(made.arrays["signal"]).all() and made.truth["heart_rate_bpm"] == pytest.approx(95, rel=0.15)


def test_bank_never_holds_a_held_out_patient():
    """The bank's hearts explain tuning records; none of them is the fit of a held-out one."""
    bank = heart_bank()
    held_out = {
        round(float(np.abs(fit_heart(mean_beat(r))[0].lead_field).sum()), 3)
        for r in list(embedded("ludb", split="held_out"))[:6]
    }
    ours = {round(float(np.abs(h.lead_field).sum()), 3) for h in bank.hearts}
    assert len(bank.hearts) >= 20 and not held_out & ours


def test_missing_leads_and_rubbish_are_refused_by_name():
    record = simulate(EcgCondition(leads=("I", "II", "V1")), 1)
    with pytest.raises(ValueError, match="lacks lead V2, V3, V4, V5, V6"):
        EcgCondition.from_record(record)
    flat = Record(
        "flat",
        {"signal": np.zeros((12, 5000))},
        None,
        SignalGeometry(500.0, LEADS),
        {"synthetic": False},
        {"beats": {"sample": np.array([700])}},
    )
    with pytest.raises(ValueError, match="similar beats"):
        EcgCondition.from_record(flat)
