"""Records of tables in one shape, their features, and whether a planted difference is told by its figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clinsynth.conditioning.record import ImageGeometry, Record, SignalGeometry
from clinsynth.conditioning.table import TableCondition
from clinsynth.evaluation.table import compared, look, table_findings, table_look, table_page
from clinsynth.evaluation.table.features import FEW_LEADS, features_of
from clinsynth.evaluation.table.sheets import mid_slices, rows_of
from table_toy import drawn


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr(look, "RESAMPLES", 14)
    monkeypatch.setattr(look, "SPLITS", 10)


def records(n: int, seed: int, colour: bool = False, **how) -> list[Record]:
    images, labels = drawn(n, seed, **how)
    x = np.stack([images, images**2, 1 - images], axis=-1) if colour else images
    return [
        Record(f"r{k}", {"image": v.astype(np.float32)}, TableCondition(label=label), ImageGeometry((1.0, 1.0)), {})
        for k, (v, label) in enumerate(zip(x, labels, strict=True))
    ]


def signals(n: int, seed: int, fs_hz: float = 100, leads: tuple[str, ...] = ("x", "y"), seconds: float = 4):
    rng = np.random.default_rng(seed)
    t = np.arange(round(fs_hz * seconds)) / fs_hz
    return [
        Record(
            f"s{k}",
            {"signal": (np.sin(2 * np.pi * 3 * t + p) + rng.normal(0, 0.1, (len(leads), len(t)))).astype("f4")},
            TableCondition(), SignalGeometry(fs_hz, leads, "g"), {},
        )
        for k, p in enumerate(rng.uniform(0, 6, n))
    ]  # fmt: skip


def test_the_same_distribution_passes_and_another_is_told_by_its_figure() -> None:
    real = records(120, 1)
    same = table_look(compared(real, records(120, 2)), 120, seed=0)
    other = table_look(compared(real, records(120, 3, noise=0.0)), 120, seed=0)
    assert table_findings(same)[0].level == "good" and table_findings(other)[0].level == "care"
    a, b = ({m.name: m for m in r.groups[0].metrics} for r in (same, other))
    assert not a["frechet"].beyond_floor and b["frechet"].matched.value > 3 * b["frechet"].floor.high
    assert b["discriminator_auc_logistic"].matched.value > 0.95 and b["coverage"].matched.value < 0.3


def test_sizes_and_colours_are_brought_together_and_said() -> None:
    grey, colour = records(12, 1, size=24), records(12, 2, colour=True, size=32)
    both = compared(grey, colour)
    assert both.real.x.shape == both.synthetic.x.shape == (12, 24, 24)
    assert any("turned grey" in note for note in both.notes) and any("24 x 24" in note for note in both.notes)
    assert compared(colour, colour).real.x.shape == (12, 32, 32, 3) and not compared(grey, grey).notes


def test_values_with_a_range_of_their_own_are_put_on_that_of_the_real_ones() -> None:
    real = [
        replace(r, arrays={"image": r.arrays["image"] * 2000 - 1000}, geometry=ImageGeometry((1.0, 1.0), unit="raw"))
        for r in records(12, 1)
    ]
    both = compared(real, real)
    assert both.real.x.min() == 0 and both.real.x.max() == 1 and any("range of their own" in n for n in both.notes)


def test_rates_lengths_and_leads_are_brought_together_and_said() -> None:
    both = compared(signals(5, 1, 200, ("x", "y", "z"), 5), signals(5, 2, 100, ("y", "x"), 4))
    assert both.fs_hz == 100 and both.leads == ("x", "y") and both.real.x.shape == both.synthetic.x.shape == (5, 2, 400)
    assert [any(word in note for note in both.notes) for word in ("100 Hz", "first 4 s", "without z")] == [True] * 3
    with pytest.raises(ValueError, match=r"no lead is in every signal"):
        compared(signals(5, 1, leads=("x",)), signals(5, 2, leads=("u",)))
    with pytest.raises(ValueError, match="the synthetic side holds signals and the real one images"):
        compared(records(5, 1), signals(5, 2))
    with pytest.raises(ValueError, match="no synthetic record is left"):
        compared(records(5, 1), [])


@pytest.mark.parametrize("n", [2, 11])
def test_too_few_is_said_and_not_measured(n: int) -> None:
    sides = compared(records(n, 1), records(n, 2))
    found = table_look(sides, n, seed=0)
    assert found.groups[0].metrics == () and "are needed" in found.groups[0].reason
    assert table_findings(found)[0].level == "unknown"
    assert any("are needed" in t for s in table_page(found, sides).sections for t in s.texts)


def test_constant_records_and_features_crash_nothing() -> None:
    flat = [replace(r, arrays={"image": np.full((24, 24), 0.5, np.float32)}) for r in records(24, 1)]
    found = table_look(compared(flat, records(24, 2)), 24, seed=0)
    assert found.groups[0].metrics and table_findings(found)[0].level == "care"
    same = table_look(compared(flat, flat), 24, seed=0)
    assert same.groups[0].metrics[0].matched.value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "shape"), [("image", (16, 16)), ("image", (16, 16, 3)), ("volume", (10, 10, 10)), ("signal", (12, 300))]
)
def test_features_are_finite_and_do_not_depend_on_the_others(kind: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(3).random((6, *shape)).astype(np.float32)
    x[2] = 0.5
    whole = features_of(kind, x)
    assert np.isfinite(whole).all() and len(whole) == 6 and whole.shape[1] < 90
    np.testing.assert_allclose(features_of(kind, x[3:4]), whole[3:4], rtol=1e-5, atol=1e-6)


def test_many_leads_are_described_by_as_many_features() -> None:
    x = np.random.default_rng(3).normal(size=(3, 30, 200)).astype(np.float32)
    assert features_of("signal", x).shape == features_of("signal", x[:, : FEW_LEADS + 1]).shape


def test_what_is_shown_are_the_first_of_each_class() -> None:
    sides = compared(records(20, 1), records(20, 2))
    for name, real, synthetic in rows_of(sides.real, sides.synthetic, 8, 5):
        for at, side in ((real, sides.real), (synthetic, sides.synthetic)):
            members = [i for i, c in enumerate(side.conditions) if c.label == name]
            assert list(at) == members[:5]
    page = table_page(table_look(sides, 20, seed=0), sides)
    shown = next(s for s in page.sections if s.name == "images")
    assert shown.pictures[0].uri.startswith("data:image/png")


def test_a_middle_slice_shows_front_and_head_above_and_the_right_on_the_left() -> None:
    x = np.zeros((5, 6, 7))  # to the right, to the front, to the head
    x[4], x[:, 5], x[:, :, 6] = 1, 2, 3
    axial, coronal, sagittal = mid_slices(x)
    assert axial.shape == (6, 5) and (axial[0] == 2).all() and (axial[1:, 0] == 1).all()
    assert coronal.shape == (7, 5) and (coronal[0] == 3).all() and (coronal[1:, 0] == 1).all()
    assert sagittal.shape == (7, 6) and (sagittal[0] == 3).all() and (sagittal[1:, -1] == 2).all()


def test_kept_parts_are_read_again(tmp_path, monkeypatch) -> None:
    sides = compared(records(24, 1), records(24, 2))
    first = table_look(sides, 24, seed=0, folder=tmp_path)

    def never(kind, x):
        raise AssertionError("measured again")

    assert table_look(sides, 24, seed=0, folder=tmp_path, features=never) == first
