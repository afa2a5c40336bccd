"""Rows and random numbers are pure functions of the seed, the step and the place in the batch."""

import numpy as np
import pytest
import torch
from clinsynth.generators.training import Draws, Subset, rows_of, split_by_patient
from clinsynth.generators.training.order import cuts
from hypothesis import given
from hypothesis import strategies as st
from training_toy import N_TRAIN, ToyExamples, toy_fit

CPU = torch.device("cpu")
FIRST_TEN = [9, 1, 3, 6, 4, 8, 5, 2, 0, 7]


@given(st.integers(0, 2**63), st.integers(1, 40), st.integers(1, 50))
def test_every_row_comes_once_an_epoch(seed, n, batch_size):
    steps = -(-3 * n // batch_size)
    rows = np.concatenate([rows_of(seed, step, n, batch_size) for step in range(steps)])
    for epoch in range(3):
        assert sorted(rows[epoch * n : (epoch + 1) * n]) == list(range(n))


@given(st.integers(0, 10), st.integers(0, 200), st.integers(1, 40))
def test_the_order_does_not_depend_on_how_it_is_cut(seed, position, batch_size):
    batch = rows_of(seed, position // batch_size, 17, batch_size)
    assert batch[position % batch_size] == rows_of(seed, position, 17, 1)[0]


def test_the_order_depends_on_seed_and_epoch_and_is_as_it_was():
    first = rows_of(0, 0, 1000, 1000)
    assert (first != rows_of(1, 0, 1000, 1000)).mean() > 0.9
    assert (first != rows_of(0, 1, 1000, 1000)).mean() > 0.9
    assert rows_of(0, 0, 10, 10).tolist() == FIRST_TEN  # a new order would break every run that goes on


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="no examples"):
        rows_of(0, 0, 0, 4)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 60))
def test_the_parts_of_all_processes_make_up_the_batch(world, accumulation, more):
    batch_size = world * accumulation + more
    parts = [cuts(batch_size, rank, world, accumulation) for rank in range(world)]
    assert all(len(part) == accumulation for part in parts)
    taken = [i for part in parts for cut in part for i in range(cut.start, cut.stop)]
    assert taken == list(range(batch_size)) and all(cut.stop > cut.start for part in parts for cut in part)


def test_a_batch_too_small_for_its_parts_is_refused():
    with pytest.raises(ValueError, match="batch_size 3 is too small for 2 processes with accumulation 2.*at least 4"):
        cuts(3, 0, 2, 2)


def test_training_asks_for_the_rows_of_the_order(tmp_path):
    train = ToyExamples(N_TRAIN, "train", 1)
    toy_fit(tmp_path / "run", train=train, steps=6, accumulation=2)
    expected = np.concatenate([rows_of(5, step, N_TRAIN, 8) for step in range(6)])
    assert train.asked[-48:] == expected.tolist()


def test_numbers_depend_on_place_not_on_the_cut():
    whole = Draws(1, "step-4", np.arange(10), CPU)
    parts = [Draws(1, "step-4", np.arange(a, b), CPU) for a, b in ((0, 3), (3, 10))]
    for name in ("normal", "uniform"):
        cut = torch.cat([getattr(part, name)("eps", (2, 5)) for part in parts])
        assert torch.equal(getattr(whole, name)("eps", (2, 5)), cut) and cut.dtype == torch.float32
    assert torch.equal(whole.normal("eps", (3,)), whole.normal("eps", (3,)))
    assert whole.normal("scalar", ()).shape == (10,)


def test_numbers_differ_by_seed_step_name_and_place():
    eps = Draws(1, "step-4", np.arange(4), CPU).normal("eps", (8,))
    others = [
        Draws(2, "step-4", np.arange(4), CPU).normal("eps", (8,)),
        Draws(1, "step-5", np.arange(4), CPU).normal("eps", (8,)),
        Draws(1, "step-4", np.arange(4), CPU).normal("other", (8,)),
        Draws(1, "step-4", np.arange(4, 8), CPU).normal("eps", (8,)),
        eps.roll(1, 0),
    ]
    assert all(not torch.isclose(eps, other).any() for other in others)


def test_numbers_have_their_distribution():
    draws = Draws(1, "step-0", np.arange(400), CPU)
    normal, uniform = draws.normal("a", (100,)), draws.uniform("a", (100,))
    n = normal.numel()
    assert abs(normal.mean()) < 5 / n**0.5 and abs(normal.var() - 1) < 5 * (2 / n) ** 0.5
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 5 * (1 / 12 / n) ** 0.5


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 50))
def test_no_patient_is_on_both_sides_and_no_row_is_lost(n, share, seed):
    patients = [f"p{i % (n // 2 + 1)}" for i in range(n)]
    train, held = split_by_patient(patients, share, seed)
    assert sorted([*train, *held]) == list(range(n)) and len(train) and len(held)
    assert not {patients[i] for i in train} & {patients[i] for i in held}


def test_a_patient_keeps_the_side_when_others_come():
    few, many = [f"p{i}" for i in range(300)], [f"p{i}" for i in range(600)]
    before, after = (set(split_by_patient(names, 0.2, 1)[1].tolist()) for names in (few, many))
    assert before == {i for i in after if i < 300} and 30 <= len(before) <= 90


def test_a_split_that_cannot_be_made_is_refused():
    for patients, share in ((["a", "a"], 0.5), (["a", "b"], 0.0), (["a", "b"], 1.0)):
        with pytest.raises(ValueError, match="cannot split"):
            split_by_patient(patients, share, 0)


def test_a_subset_is_its_rows():
    examples = ToyExamples(9, "p", 1)
    subset = Subset(examples, np.array([7, 2, 4]))
    assert len(subset) == 3 and subset.patients == ["p-3", "p-1", "p-2"]
    assert torch.equal(subset.batch(np.array([2, 0]))["x"], examples.batch(np.array([4, 7]))["x"])
