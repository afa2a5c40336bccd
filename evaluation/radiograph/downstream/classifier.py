"""A classifier whose threshold was chosen on images that it had not seen: one network on all, one without each fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from ....conditioning.seeds import sample_seed
from ....generators.readout.supervised import Schedule, initialise
from ....generators.readout.supervised import train as trained_network
from .examples import Radiographs
from .network import FindingsNetwork, augmented, findings_loss, positive_weight

BATCH = 32
FOLDS = 2
_SCORED = 256  # images scored at once


@dataclass(frozen=True)
class Classifier:
    """Networks with a common start, and what was learnt of their scores.

    Attributes:
        findings: what the logits are of.
        networks: the one that is used, then one for each fold that has not seen the fold's patients.
        fold: the fold of every patient trained on so far; it stays, so that a second training does not see it either.
        threshold: logit of `no_finding` above which an image is called healthy.
        steps: trained so far.
        weighted: what a positive of each finding counted in the last training of the first network; empty before.
    """

    findings: tuple[str, ...]
    networks: tuple[nn.Module, ...]
    fold: Mapping[str, int]
    threshold: float = 0.0
    steps: int = 0
    weighted: tuple[float, ...] = ()

    @classmethod
    def initial(cls, findings: Sequence[str], seed: int, folds: int = FOLDS) -> Classifier:
        """Return an untrained classifier; all its networks have the same weights."""
        network = initialise(lambda: FindingsNetwork(len(findings)), seed)
        return cls(tuple(findings), (network,) * (1 + folds), {})

    def trained(
        self, examples: Radiographs, steps: int, seed: int, *, learning_rate: float, augment: bool
    ) -> Classifier:
        """Return the classifier trained on, and its threshold chosen anew.

        The threshold calls as many of the rows healthy as are, by the networks that have not seen them. Real rows
        alone count, where there are any: it is for real images.

        Args:
            examples: what to train on.
            steps: of each network.
            seed: of batches and augmentation.
            learning_rate: its peak.
            augment: whether to augment.
        """
        fold = assigned(examples, self.fold, len(self.networks) - 1)
        of_row = np.array([fold[name] for name in examples.patient], dtype=np.int64)
        networks = []
        for k, network in enumerate(self.networks):
            rows = examples if k == 0 else examples.rows(of_row != k - 1)
            schedule = Schedule(steps, learning_rate=learning_rate)
            key = sample_seed(seed, f"findings.network/{k}")
            networks.append(_fitted(network, rows, schedule, key, augment) if len(rows) else network)
        weighted = tuple(positive_weight(examples.label, examples.weight).tolist())
        made = replace(self, networks=tuple(networks), fold=fold, steps=self.steps + steps, weighted=weighted)
        judged = ~examples.synthetic if (~examples.synthetic).any() else np.ones(len(examples), dtype=bool)
        return replace(made, threshold=made._threshold(examples.rows(judged), of_row[judged]))

    def logits(self, examples: Radiographs, network: int = 0) -> Float[np.ndarray, "n findings"]:
        """Return one network's logits."""
        parts = []
        with torch.no_grad():
            for k in range(0, len(examples), _SCORED):
                parts.append(self.networks[network](_pixels(examples.image[k : k + _SCORED])).numpy())
        return np.concatenate(parts).astype(float)

    def _threshold(self, examples: Radiographs, fold: Int[np.ndarray, " n"]) -> float:
        score = np.empty(len(examples))
        for k in np.unique(fold).tolist():
            score[fold == k] = self.logits(examples.rows(fold == k), 1 + k)[:, 0]
        return share_threshold(score, float(np.average(examples.label[:, 0], weights=examples.weight)))


class Unweighted(nn.Module):
    """A classifier's first network with what positives counted taken from its logits again: odds as in the data."""

    def __init__(self, network: nn.Module, weighted: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("shift", torch.tensor(weighted).log() if weighted else torch.zeros(1))

    @classmethod
    def of(cls, classifier: Classifier) -> Unweighted:
        """Return it of a classifier."""
        return cls(classifier.networks[0], classifier.weighted)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, findings) logits of (batch, 1, rows, cols)."""
        logits: torch.Tensor = self.network(x) - self.get_buffer("shift")
        return logits


def share_threshold(score: Float[np.ndarray, " n"], share: float) -> float:
    """Return a threshold with as nearly that share of the scores above it as can be.

    Args:
        score: one a row.
        share: 0 to 1.
    """
    s = np.sort(score)[::-1]
    above = round(share * len(s))
    if above in (0, len(s)):
        return float(s[0] + 1 if above == 0 else s[-1] - 1)
    return float((s[above - 1] + s[above]) / 2)


def assigned(examples: Radiographs, before: Mapping[str, int], folds: int) -> dict[str, int]:
    """Return the fold of each patient: as before where there was one, the others so that folds hold alike.

    Patients with many sick images come first, so that no fold is left without them.

    Args:
        examples: whose patients get a fold.
        before: folds that stand.
        folds: how many there are.
    """
    names, of_row = np.unique(np.array(examples.patient, dtype=str), return_inverse=True)
    sick = np.bincount(of_row, weights=examples.label[:, 0] != 1, minlength=len(names))
    fold, filled = dict(before), np.bincount(list(before.values()), minlength=folds).astype(float)
    for k in np.lexsort((names, -np.bincount(of_row), -sick)).tolist():
        if str(names[k]) not in fold:
            fold[str(names[k])] = int(np.argmin(filled))
            filled[fold[str(names[k])]] += 1
    return fold


def _fitted(network: nn.Module, examples: Radiographs, schedule: Schedule, seed: int, augment: bool) -> nn.Module:
    share = np.cumsum(examples.weight / examples.weight.sum())
    weight = torch.from_numpy(positive_weight(examples.label, examples.weight)).float()
    return trained_network(
        network, _batches(examples, share, augment), lambda n, b: findings_loss(n(b["x"]), b["y"], weight), schedule,
        seed,
    )  # fmt: skip


def _batches(
    examples: Radiographs, share: Float[np.ndarray, " n"], augment: bool
) -> Callable[[np.random.Generator], Mapping[str, torch.Tensor]]:
    def batch(rng: np.random.Generator) -> Mapping[str, torch.Tensor]:
        at = np.minimum(np.searchsorted(share, rng.random(BATCH), side="right"), len(examples) - 1)
        image = _pixels(examples.image[at])
        return {
            "x": augmented(image, rng) if augment else image,
            "y": torch.from_numpy(examples.label[at]).float(),
        }

    return batch


def _pixels(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32))[:, None]
