"""Whether synthetic radiographs are copies of training images: nearest ones by aligned pixels and by an encoder."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from ..realism import Neighbours, Sample, nearest, neighbours_at
from ..realism.rows import MeasuredRow, measured_row
from .images import Images
from .registration import nearest_aligned

LEAST_RATIO = 0.9  # median distance over that of held-out real images, at least
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class CopyPair(BaseModel):
    """An image and the training image nearest to it.

    Attributes:
        image: record id.
        training: record id.
        distance: between them.
        held_out_nearer: share of held-out real images that lie at least as near to some training image.
    """

    model_config = _FROZEN
    image: str
    training: str
    distance: float
    held_out_nearer: float


class CopyCheck(BaseModel):
    """What nearest training images say, in one way of measuring.

    Attributes:
        by: `pixels` (aligned, see `registration`) or `encoder` (features put on the spread of training ones).
        median_ratio: median distance to the nearest training image over that of held-out real images.
        closer: share of synthetic images closer than the held-out's 1st percentile.
        nearer: chance that a synthetic image lies nearer to training than a held-out one.
        n: training, held-out and synthetic images.
        pairs: the closest, the closest first.
        real_pairs: likewise of held-out real images, which no generator copied: how alike two patients can be.
        histogram: distances of held-out and of synthetic images, for a picture.
    """

    model_config = _FROZEN
    by: str
    median_ratio: MeasuredRow
    closer: MeasuredRow
    nearer: MeasuredRow
    n: tuple[int, int, int]
    pairs: tuple[CopyPair, ...]
    real_pairs: tuple[CopyPair, ...]
    histogram: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def passes(self) -> bool | None:
        """Return whether the median ratio is at least 0.9; None where it is not known."""
        value = self.median_ratio.whole.value
        return None if value is None else value >= LEAST_RATIO


def copies_by_pixels(training: Images, held_out: Images, synthetic: Images, *, seed: int, pairs: int = 8) -> CopyCheck:
    """Return the check by aligned pixels, against every training image.

    Args:
        training: all images that the generator was trained on.
        held_out: real images of other patients.
        synthetic: what is judged.
        seed: of resamples and splits.
        pairs: how many closest pairs to name.

    Raises:
        ValueError: too few patients held out or synthetic.
    """
    (d_h, row_h), (d_s, row) = (nearest_aligned(side.x, training.x) for side in (held_out, synthetic))
    return _check("pixels", training, held_out, synthetic, (d_h, row_h), (d_s, row), seed, pairs)


def copies_by_features(
    training: Images, held_out: Images, synthetic: Images,
    features: tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "h d"], Float[np.ndarray, "m d"]],
    *, seed: int, pairs: int = 8,
) -> CopyCheck:  # fmt: skip
    """Return the check in an encoder's features, each over the spread of the training images' ones.

    Args:
        training: all images that the generator was trained on.
        held_out: real images of other patients.
        synthetic: what is judged.
        features: of the three.
        seed: of resamples and splits.
        pairs: how many closest pairs to name.

    Raises:
        ValueError: too few patients held out or synthetic.
    """
    sd = features[0].std(axis=0)
    t, h, s = (f / np.where(sd > 0, sd, 1.0) for f in features)
    (d_h, row_h), (d_s, row) = nearest(h, t), nearest(s, t)
    return _check("encoder", training, held_out, synthetic, (d_h, row_h), (d_s, row), seed, pairs)


def _check(
    by: str, training: Images, held_out: Images, synthetic: Images, of_real: tuple[np.ndarray, np.ndarray],
    of_synthetic: tuple[np.ndarray, np.ndarray], seed: int, pairs: int,
) -> CopyCheck:  # fmt: skip
    (d_h, row_h), (d_s, row) = of_real, of_synthetic
    sides = Sample(d_h[:, None], held_out.patients), Sample(d_s[:, None], synthetic.patients)
    found: Neighbours = neighbours_at(*sides, row, seed=seed, most_pairs=pairs)

    def pair(side: Images, k: int, training_row: int, distance: float) -> CopyPair:
        share = float((d_h <= distance).mean())
        return CopyPair(
            image=side.ids[k], training=training.ids[training_row], distance=distance, held_out_nearer=share
        )

    nearest_real = np.argsort(d_h, kind="stable")[:pairs].tolist()
    return CopyCheck(
        by=by,
        median_ratio=measured_row(found.median_ratio),
        closer=measured_row(found.closer),
        nearer=measured_row(found.nearer),
        n=(len(training), len(held_out), len(synthetic)),
        pairs=tuple(pair(synthetic, p.synthetic, p.training, p.distance) for p in found.pairs),
        real_pairs=tuple(pair(held_out, k, int(row_h[k]), float(d_h[k])) for k in nearest_real),
        histogram=(tuple(d_h.tolist()), tuple(d_s.tolist())),
    )
