"""All that the screens look at: how far synthetic and held-out records lie from training ones, and those from them.

Distances are measured once. Records that are planted to try a screen's power cost only their own distances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ...conditioning.seeds import stream
from ..realism import Sample
from .distances import codes, nearest_k

MOST_CANDIDATES = 5000  # training records that membership is inferred of
MOST_REFERENCES = 2000  # training records whose own nearest neighbours are looked for


@dataclass(frozen=True)
class Seen:
    """Records as they lie to the training records.

    Attributes:
        first: distance to the nearest training record.
        second: to the second nearest.
        row: which the nearest is.
        own: distance from that training record to the training record nearest to it.
        patients: whose each record is.
    """

    first: Float[np.ndarray, " m"]
    second: Float[np.ndarray, " m"]
    row: Int[np.ndarray, " m"]
    own: Float[np.ndarray, " m"]
    patients: tuple[str, ...]

    @property
    def n_patients(self) -> int:
        """Return how many patients there are."""
        return len(set(self.patients))

    def rows(self, index: Int[np.ndarray, " k"]) -> Seen:
        """Return some records."""
        named = tuple(self.patients[i] for i in index.tolist())
        return Seen(self.first[index], self.second[index], self.row[index], self.own[index], named)

    def beside(self, other: Seen) -> Seen:
        """Return these records and others."""
        both = {f: np.concatenate([getattr(self, f), getattr(other, f)]) for f in ("first", "second", "row", "own")}
        return Seen(**both, patients=self.patients + other.patients)


def seen(sample: Sample, training: Sample) -> Seen:
    """Return how records lie to the training records."""
    d, at = nearest_k(sample.x, training.x, 2)
    row = at[:, 0]
    hit, back = np.unique(row, return_inverse=True)
    own = nearest_k(training.x[hit], training.x, 1, hit, np.arange(len(training)))[0][:, 0]
    return Seen(d[:, 0], d[:, 1], row, own[back], tuple(sample.patients))


@dataclass(frozen=True)
class View:
    """What a screen looks at.

    Attributes:
        held_out: held-out real records as they lie to training ones.
        synthetic: synthetic records likewise.
        reference: distances of training records to the nearest training record of another patient: real records to
            other patients' real records, none of which copied another.
        members: distance of training records to the nearest synthetic one, and to the nearest record of a held-out
            half that serves as reference, (k, 2).
        strangers: likewise of held-out records, whose reference is the half that they are not in, (h, 2).
        member_patients: whose the members are.
    """

    held_out: Seen
    synthetic: Seen
    reference: Float[np.ndarray, " r"]
    members: Float[np.ndarray, "k 2"]
    strangers: Float[np.ndarray, "h 2"]
    member_patients: tuple[str, ...]

    def planted(self, copies: Seen, members: Float[np.ndarray, " k"], strangers: Float[np.ndarray, " h"]) -> View:
        """Return the view with more synthetic records.

        Args:
            copies: how they lie to training records.
            members: distances of members to the nearest of them.
            strangers: distances of held-out records likewise.
        """
        near = ((self.members, members), (self.strangers, strangers))
        m, s = (np.stack([np.minimum(old[:, 0], new), old[:, 1]], axis=1) for old, new in near)
        return replace(self, synthetic=self.synthetic.beside(copies), members=m, strangers=s)


def candidates(training: Sample, seed: int, most: int = MOST_CANDIDATES) -> Int[np.ndarray, " k"]:
    """Return which training records membership is inferred of: all, or as many as can be looked at."""
    n = len(training)
    rng = stream(seed, "privacy.candidates")
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))


def view_of(training: Sample, held_out: Sample, synthetic: Sample, *, seed: int) -> View:
    """Return all distances.

    Args:
        training: records that the generator was trained on.
        held_out: real records of other patients.
        synthetic: what is judged.
        seed: of the held-out halves that serve as reference.
    """
    at = candidates(training, seed)
    members = training.rows(at)
    of_members, of_strangers = references(members, held_out, seed)
    return View(
        held_out=seen(held_out, training),
        synthetic=seen(synthetic, training),
        reference=_apart(training, seed),
        members=np.stack([_to(members, synthetic), of_members], axis=1),
        strangers=np.stack([_to(held_out, synthetic), of_strangers], axis=1),
        member_patients=tuple(members.patients),
    )


def references(members: Sample, held_out: Sample, seed: int) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " h"]]:
    """Return distances to the nearest record of a reference half: of each stranger's other half, of either for members.

    Members take the halves in turn, so that both sides meet the same references.
    """
    half = halves(held_out, seed)
    sides = [held_out.rows(np.flatnonzero(half == k)) for k in (0, 1)]
    of_members, of_strangers = np.empty(len(members)), np.empty(len(held_out))
    turn = stream(seed, "privacy.turn").permutation(len(members)) % 2
    for k in (0, 1):
        of_members[turn == k] = _to(members.rows(np.flatnonzero(turn == k)), sides[k])
        of_strangers[half == 1 - k] = _to(sides[1 - k], sides[k])
    return of_members, of_strangers


def halves(held_out: Sample, seed: int) -> Int[np.ndarray, " h"]:
    """Return 0 or 1 a record: patients in random order, cut in two."""
    names, code = np.unique(np.asarray(held_out.patients), return_inverse=True)
    place = stream(seed, "privacy.halves").permutation(len(names))
    return (place[code] >= len(names) // 2).astype(np.int64)


def _to(sample: Sample, others: Sample) -> Float[np.ndarray, " m"]:
    return nearest_k(sample.x, others.x, 1)[0][:, 0]


def _apart(training: Sample, seed: int) -> Float[np.ndarray, " r"]:
    at = candidates(training, seed, MOST_REFERENCES)
    (code,) = codes(tuple(training.patients))
    return nearest_k(training.x[at], training.x, 1, code[at], code)[0][:, 0]
