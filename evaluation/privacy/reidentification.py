"""Re-identification: a verifier that knows whether two records are of one patient, let loose on synthetic ones.

It is taught on the user's own patients who were recorded more than once. A synthetic record that it takes for a
training patient, more surely than it takes nearly any stranger for one, shows somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ...conditioning.seeds import stream
from ..comparison import interval
from ..realism.auroc import auroc
from ..realism.resampling import around
from ..result import Result, unknown_result
from ..statistics import wilson
from .distances import codes, nearest_k
from .result import Attack, Figure, attack_of, unanswered
from .risk import beyond, line_rank

FEWEST = 30  # patients with two records or more
LINE = 0.01
Embed = Callable[[np.ndarray], np.ndarray]
Teach = Callable[[np.ndarray, Sequence[str]], Embed]


@dataclass(frozen=True)
class Side:
    """Records as the verifier takes them: features (n, d) or images (n, h, w), and whose each is."""

    x: np.ndarray
    patients: tuple[str, ...]

    def rows(self, at: np.ndarray) -> Side:
        """Return some rows."""
        return Side(self.x[at], tuple(self.patients[i] for i in at.tolist()))


@dataclass(frozen=True)
class Reidentifier:
    """A verifier and the training records that it compares with.

    Attributes:
        embed: records to rows of length 1.
        gallery: embedded training records.
        strangers: how near each held-out record comes to any training record.
        stranger_patients: patients among them.
        fresh: real records of patients whom the verifier was not taught, embedded, with their patients.
    """

    embed: Embed
    gallery: Float[np.ndarray, "n r"]
    strangers: Float[np.ndarray, " h"]
    stranger_patients: int
    fresh: tuple[Float[np.ndarray, "f r"], tuple[str, ...]]

    def likeness(self, x: np.ndarray) -> Float[np.ndarray, " m"]:
        """Return how near each record comes to any training record; 0 is the same, less is further."""
        return np.asarray(-nearest_k(self.embed(x), self.gallery, 1)[0][:, 0])

    def rates(self, likeness: Float[np.ndarray, " m"], patients: int) -> tuple[Result, Result]:
        """Return how many records and how many strangers are taken for a training patient."""
        return beyond(likeness, self.strangers, LINE, (patients, self.stranger_patients))

    def line(self) -> float:
        """Return the likeness beyond which somebody is taken for a training patient."""
        h = len(self.strangers)
        return float(np.sort(self.strangers)[h - max(1, line_rank(h, LINE))])


def repeated(patients: Sequence[str]) -> tuple[str, ...]:
    """Return the patients with two records or more."""
    names, counts = np.unique(np.asarray(patients), return_counts=True)
    return tuple(str(name) for name in names[counts > 1])


def reidentifier(training: Side, held_out: Side, teach: Teach, *, seed: int) -> Reidentifier | str:
    """Return a verifier taught on two thirds of the training patients who have repeats, or why there is none.

    Args:
        training: records that the generator was trained on.
        held_out: real records of other patients.
        teach: makes a verifier of records and their patients.
        seed: of the split.
    """
    several = repeated(training.patients)
    total = len(several) + len(repeated(held_out.patients))
    if total < FEWEST or len(several) < FEWEST // 2:
        return (
            f"{total} patients have two real records or more ({len(several)} of them in training); "
            f"{FEWEST} are needed, {FEWEST // 2} in training"
        )
    order = stream(seed, "privacy.verifier").permutation(len(several))
    taught = {several[i] for i in order[: (2 * len(several)) // 3].tolist()}
    known = np.array([p in taught for p in training.patients])
    lesson = training.rows(np.flatnonzero(known))
    embed = teach(lesson.x, lesson.patients)
    gallery = embed(training.x)
    held = embed(held_out.x)
    rest = training.rows(np.flatnonzero(~known))
    fresh = np.concatenate([gallery[~known], held])
    near = -nearest_k(held, gallery, 1)[0][:, 0]
    return Reidentifier(embed, gallery, near, len(set(held_out.patients)), (fresh, rest.patients + held_out.patients))


def reidentification(
    by: Reidentifier | str, training: Side, synthetic: Side, *, seed: int, name: str = "reidentification"
) -> Attack:
    """Return how many synthetic records a verifier takes for a training patient, beyond held-out ones.

    Args:
        by: the verifier, or why there is none.
        training: what its gallery is of.
        synthetic: what is judged.
        seed: of the bootstrap.
        name: of the attack.
    """
    label = "re-identification by a verifier" + (" of images" if name.endswith("images") else "")
    if isinstance(by, str):
        return unanswered(name, label, METHOD, by)
    rates = by.rates(by.likeness(synthetic.x), len(set(synthetic.patients)))
    real = verification(*by.fresh, seed=seed)
    second = second_records(by, training)
    figures = (
        Figure(name="real_auc", label="real pairs of one patient told from pairs of two (AUC)", value=interval(real),
               control=interval(Result(0.5, 0.5, 0.5, real.n))),
        Figure(name="second_records", label="other real records of untaught training patients recognised by that line",
               value=interval(second), control=interval(rates[1])),
    )  # fmt: skip
    return attack_of(name, label, METHOD, rates, figures)


def verification(
    z: Float[np.ndarray, "n r"], patients: Sequence[str], *, seed: int, resamples: int = 100, most: int = 600
) -> Result:
    """Return the area under the ROC curve of pairs of one patient against pairs of two.

    Args:
        z: rows of length 1 of patients whom the verifier was not taught.
        patients: whose each is.
        seed: of the bootstrap over patients, and of the choice of patients where there are many rows.
        resamples: of the bootstrap.
        most: rows that are paired, about.
    """
    at = _whole_patients(patients, most, stream(seed, "privacy.pairs"))
    z, patients = z[at], [patients[i] for i in at.tolist()]
    (code,) = codes(tuple(patients))
    i, j = np.triu_indices(len(z), 1)
    same: Bool[np.ndarray, " p"] = code[i] == code[j]
    people = len(repeated(patients))
    if people < 2 or same.all():
        return unknown_result(people)
    score, n = (z @ z.T)[i, j], int(code.max()) + 1
    drawn = stream(seed, "privacy.verification").multinomial(n, np.full(n, 1 / n), size=resamples)
    draws = []
    for part in np.array_split(drawn, max(1, resamples // 20)):
        pairs = np.where(same, part[:, code[i]], part[:, code[i]] * part[:, code[j]]).astype(float)
        draws.append(auroc(same, score, pairs))
    return around(float(auroc(same, score)[0]), np.concatenate(draws), people, (0.0, 1.0))


def _whole_patients(patients: Sequence[str], most: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of patients in a drawn order until there are enough."""
    (code,) = codes(tuple(patients))
    place = rng.permutation(code.max() + 1 if len(code) else 0)[code]
    order = np.argsort(place, kind="stable")
    cut = order[:most]
    return np.sort(order[: np.searchsorted(place[order], place[cut[-1]], side="right")]) if len(cut) else order


def second_records(by: Reidentifier, training: Side) -> Result:
    """Return how many real records of untaught training patients are matched to another record of that patient.

    It is what the verifier can see at the line that it is held to: where it is low, passing it says little.
    """
    untaught = set(by.fresh[1]) & set(training.patients) & set(repeated(training.patients))
    rows = np.array([i for i, p in enumerate(training.patients) if p in untaught], dtype=np.int64)
    if not len(rows):
        return unknown_result()
    (code,) = codes(training.patients)
    distance, at = nearest_k(by.gallery[rows], by.gallery, 1, rows, np.arange(len(by.gallery)))
    hit = (-distance[:, 0] > by.line()) & (code[at[:, 0]] == code[rows])
    return wilson(float(hit.mean()), len(rows), len(untaught))


METHOD = (
    "A metric is learned from patients with two real records or more; a synthetic record is matched where it lies "
    "nearer to a training record than all but the nearest 1 % of held-out records do."
)


def linear(seed: int) -> Teach:
    """Return how a metric on features is taught."""

    def teach(x: np.ndarray, patients: Sequence[str]) -> Embed:
        from ...generators.readout.metric import LinearMetric

        return LinearMetric.trained(x, patients, seed=seed).embed

    return teach


def convolutional(seed: int, steps: int | None = None) -> Teach:
    """Return how a network on images is taught."""

    def teach(x: np.ndarray, patients: Sequence[str]) -> Embed:
        from ...generators.readout.radiograph.verifier import STEPS, RadiographVerifier

        return RadiographVerifier.trained(x, patients, seed=seed, steps=STEPS if steps is None else steps).embed

    return teach
