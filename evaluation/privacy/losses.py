"""Who was trained on, told from the generator's own loss: a threshold, and reference models that never saw a record.

Losses come as numbers: nothing here knows a model. Some records are easy and some hard whoever was trained on them, so
a threshold on the loss is weak; models that were trained without a record say how hard it is.

Source: Yeom et al. 2018, arXiv 1709.01604 (threshold); Carlini et al. 2022, arXiv 2112.03570 (LiRA, algorithm 1 and its
offline form); Watson et al. 2022, arXiv 2111.08440 (difference to one reference model).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...conditioning.record import Record
from .result import Attack, attack_of, unanswered
from .scores import score_figures, score_rates

FEWEST = 10  # patients on a side
OWN_SPREAD = 16  # reference models from which on each record has a spread of its own

# What a generator's adapter is: the loss of each record under the model, lower where the model fits it better.
Loss = Callable[[Sequence[Record]], Float[np.ndarray, " n"]]


@dataclass(frozen=True)
class Losses:
    """Losses of one model, and of models that were trained without the records.

    Attributes:
        members: of records that the model was trained on.
        strangers: of real records that it was not.
        member_patients: whose each member is; each its own patient when empty.
        stranger_patients: likewise.
        out_members: of members under reference models that were trained without them, (n, models).
        out_strangers: of strangers likewise; they may come from the same models.
        in_members: of members under models that were trained with them; the likelihood ratio is two-sided with these.
        in_strangers: of strangers under models that were trained with them.
    """

    members: Float[np.ndarray, " n"]
    strangers: Float[np.ndarray, " m"]
    member_patients: Sequence[str] = ()
    stranger_patients: Sequence[str] = ()
    out_members: Float[np.ndarray, "n models"] | None = None
    out_strangers: Float[np.ndarray, "m models"] | None = None
    in_members: Float[np.ndarray, "n with"] | None = None
    in_strangers: Float[np.ndarray, "m with"] | None = None

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: numbers of records that do not agree, or reference losses of one side alone.
        """
        for side in ("members", "strangers"):
            n, names = len(getattr(self, side)), getattr(self, f"{side[:-1]}_patients")
            if len(names) not in (0, n):
                raise ValueError(f"{n} losses of {side} name {len(names)} patients; one each is needed, or none")
            if not len(names):
                object.__setattr__(self, f"{side[:-1]}_patients", tuple(f"{side} {i}" for i in range(n)))
            for kind in ("out", "in"):
                under = getattr(self, f"{kind}_{side}")
                if under is not None and (under.ndim != 2 or len(under) != n or not under.shape[1]):
                    raise ValueError(f"{kind}_{side} has the shape {under.shape}; ({n}, models) is needed")
        for kind in ("out", "in"):
            if (getattr(self, f"{kind}_members") is None) != (getattr(self, f"{kind}_strangers") is None):
                raise ValueError(f"{kind}_members and {kind}_strangers are needed together")


def losses_of(
    loss: Loss, members: Sequence[Record], strangers: Sequence[Record], *, without: Sequence[Loss] = ()
) -> Losses:
    """Return the losses of records under a model and under reference models.

    Args:
        loss: of the model that is attacked.
        members: records that it was trained on.
        strangers: real records of other patients.
        without: losses of models that were trained on neither members nor strangers.
    """

    def under(models: Sequence[Loss], records: Sequence[Record]) -> np.ndarray | None:
        return np.stack([model(records) for model in models], axis=1) if models else None

    def patients(records: Sequence[Record]) -> tuple[str, ...]:
        named = (getattr(r.condition, "patient_id", None) or r.provenance.get("patient_id") for r in records)
        return tuple(str(p) if p else f"record {r.record_id}" for p, r in zip(named, records, strict=True))

    return Losses(
        loss(members), loss(strangers), patients(members), patients(strangers),
        under(without, members), under(without, strangers),
    )  # fmt: skip


def likelihood_ratio(
    loss: Float[np.ndarray, " n"], out: Float[np.ndarray, "n models"],
    within: Float[np.ndarray, "n with"] | None = None, spread: tuple[float, float] | None = None,
) -> Float[np.ndarray, " n"]:  # fmt: skip
    """Return how much more likely a loss is of a model that was trained on the record; higher for members.

    With losses of models trained on the record it is the logarithm of the ratio of two Gaussians; without them it is
    how many standard deviations the loss lies below those of models that were not.

    Args:
        loss: under the model that is attacked.
        out: under models trained without the record.
        within: under models trained with it.
        spread: standard deviations to use for all records (without, with).
    """
    mean, sd = out.mean(axis=1), _spread(out, None if spread is None else spread[0])
    if within is None:
        return np.asarray((mean - loss) / sd)
    mean_in, sd_in = within.mean(axis=1), _spread(within, None if spread is None else spread[1])
    z_out, z_in = (loss - mean) / sd, (loss - mean_in) / sd_in
    return np.asarray((z_out**2 - z_in**2) / 2 + np.log(sd / sd_in))


def _spread(x: np.ndarray, common: float | None) -> np.ndarray:
    sd = x.std(axis=1, ddof=1) if common is None else np.full(len(x), common)
    return np.where(sd > 0, sd, 1.0)


def _common(*sides: np.ndarray | None) -> float | None:
    """Return one standard deviation for all records where there are too few models for one each."""
    given = [side for side in sides if side is not None]
    models = given[0].shape[1]
    if models >= OWN_SPREAD:
        return None
    if models == 1:
        return 1.0
    return float(np.sqrt(np.mean(np.concatenate([side.var(axis=1, ddof=1) for side in given]))))


def loss_attacks(losses: Losses, *, seed: int) -> tuple[Attack, ...]:
    """Return the threshold attack and, with reference models, the likelihood ratio.

    Args:
        losses: of members, strangers and reference models.
        seed: of the bootstrap over patients.
    """
    threshold = ("membership_loss", "membership, by the generator's loss", THRESHOLD)
    made = [_scored(*threshold, losses, -losses.members, -losses.strangers, seed)]
    if losses.out_members is None or losses.out_strangers is None:
        return (*made, unanswered(*RATIO, "no reference model was given that was trained without the records"))
    out = _common(losses.out_members, losses.out_strangers)
    within = None if losses.in_members is None else _common(losses.in_members, losses.in_strangers)
    spread = None if out is None else (out, out if within is None else within)
    scores = [
        likelihood_ratio(loss, reference, inside, spread)
        for loss, reference, inside in (
            (losses.members, losses.out_members, losses.in_members),
            (losses.strangers, losses.out_strangers, losses.in_strangers),
        )
    ]
    return (*made, _scored(*RATIO, losses, scores[0], scores[1], seed))


def _scored(
    name: str, label: str, method: str, losses: Losses, members: np.ndarray, strangers: np.ndarray, seed: int
) -> Attack:
    who = (losses.member_patients, losses.stranger_patients)
    few = min(len(set(names)) for names in who)
    broken = int((~np.isfinite(members)).sum() + (~np.isfinite(strangers)).sum())
    if few < FEWEST or broken:
        why = f"{broken} losses are not finite" if broken else f"{few} patients on a side; {FEWEST} or more are needed"
        return unanswered(name, label, method, why)
    rates = score_rates(members, strangers, (len(set(who[0])), len(set(who[1]))))
    return attack_of(name, label, method, rates, score_figures(members, strangers, *who, seed=seed))


THRESHOLD = "Accuses records that the generator fits better than all but 1 % of held-out ones."
RATIO = (
    "membership_reference",
    "membership, by reference models (LiRA)",
    "Accuses records that the generator fits better than models do that never saw them, by a line that 1 % of the "
    "held-out records pass.",
)
