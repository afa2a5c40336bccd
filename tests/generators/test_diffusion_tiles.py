"""Tiles: they cover the volume, and what does not look around comes out as if there were none."""

import pytest
import torch
from clinsynth.generators.diffusion.tiles import blended, starts
from hypothesis import given
from hypothesis import strategies as st


@given(side=st.integers(1, 200), tile=st.integers(1, 64), overlap=st.floats(0, 0.9))
def test_tiles_cover_an_axis_with_the_overlap_that_was_asked(side, tile, overlap):
    first = starts(side, tile, overlap)
    assert first[0] == 0 and first[-1] == max(0, side - tile)
    steps = [b - a for a, b in zip(first, first[1:], strict=False)]
    assert all(0 < step <= max(1, tile * (1 - overlap)) + 1 for step in steps)


@pytest.mark.parametrize("tile", [(4, 4, 4), (8, 3, 5), (20, 20, 20)])
def test_a_pointwise_function_comes_out_whole(tile):
    x = torch.randn(2, 3, 9, 8, 7)
    assert torch.allclose(blended(lambda at: torch.tanh(x[(..., *at)]), x, tile, 0.5), torch.tanh(x), atol=1e-6)


def test_a_volume_that_fits_is_asked_for_once():
    x, asked = torch.randn(1, 1, 4, 6, 5), []
    blended(lambda at: asked.append(at) or x[(..., *at)], x, (4, 8, 5), 0.5)
    assert len(asked) == 1
