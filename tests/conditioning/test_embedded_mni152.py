"""The embedded template: what a brain's tissue maps must be, whatever is made from them."""

import numpy as np
import pytest
from clinsynth.conditioning.embedded.mni152 import tissue_maps


def test_maps_are_probabilities_of_a_brain_of_human_size() -> None:
    maps = tissue_maps()
    assert maps.t1.shape == maps.grey.shape == maps.white.shape == (98, 116, 94)
    for map_ in (maps.t1, maps.grey, maps.white):
        assert map_.dtype == np.float32 and 0 <= map_.min() and 0.9 < map_.max() <= 1
    assert (maps.grey + maps.white).max() < 1.02  # two probabilities, each rounded and averaged
    volume_ml = np.abs(np.linalg.det(maps.affine[:3, :3])) / 1000
    assert 500 < maps.grey.sum() * volume_ml < 1100 and 350 < maps.white.sum() * volume_ml < 800
    assert maps.t1[maps.white > 0.9].mean() > maps.t1[maps.grey > 0.9].mean()


def test_the_template_lies_in_its_space_and_its_halves_mirror_each_other() -> None:
    maps = tissue_maps()
    corner, end = maps.affine @ [0, 0, 0, 1], maps.affine @ [97, 115, 93, 1]
    assert (corner[:3] < 0).all() and (end[:3] > 0).all() and np.allclose(np.diag(maps.affine)[:3], 2)
    mirrored = maps.white[::-1]  # x runs from -97.5 to 96.5: the mirror of voxel i is 97 - i, half a voxel off
    assert np.corrcoef(maps.white.ravel(), mirrored.ravel())[0, 1] > 0.9


def test_the_shared_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tissue_maps().grey[0, 0, 0] = 1
