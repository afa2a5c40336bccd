"""How well an attribute must be read back for an image to pass: so that a stated share of real images would.

Each value has its own limit, found on real images that have it, so that a rare value is not turned away more often
than a common one. With n of them, the limit is the k-th worst score, k = floor((n + 1) (1 - share)): a further real
image passes with a chance of `share` at least. Fewer than share / (1 - share) images give no limit.

Source: Vovk et al. 2005 (conformal prediction, by class).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ....conditioning.radiograph import RadiographCondition, Sex
from .attributes import Said
from .readings import Readings

SHARE = 0.95
LEAST_CAUGHT = 0.2
OFF_YEARS = 20.0  # ages at least so far off are wrong ones, when it is counted how many would be caught
FIELDS = ("sex", "age_years", "race", "view", "findings")


class Limit(BaseModel):
    """One check: a score and where it ends.

    Attributes:
        limit: least chance of what was asked; for age the largest error in years.
        images: real ones with this value that it was found on.
        passes: share of those that pass.
        catches: share of real images with another value that would fail, had this one been asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float
    images: int
    passes: float
    catches: float


class Thresholds(BaseModel):
    """The limits of an inspector.

    Attributes:
        share: of real images that pass each check, at least.
        limits: by check: `sex=F`, `age_years`, `race=asian`, `view=pa`, `effusion=present`, `effusion=absent`.
        not_judged: why a check is not made, a sentence by its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(SHARE, gt=0, lt=1)
    limits: Mapping[str, Limit] = {}
    not_judged: Mapping[str, str] = {}


def asked(condition: RadiographCondition) -> dict[str, str]:
    """Return the checks that a condition asks for and the name of each one's score; what is open is not among them."""
    checks: dict[str, str] = {}
    for name in ("sex", "race", "view"):
        value = getattr(condition, name)
        if value is not None:
            checks[f"{name}={value}"] = name
    if condition.age_years is not None:
        checks["age_years"] = "age_years"
    for finding in _named(condition):
        state = condition.state(finding)
        if state is not None:
            checks[f"{finding}={'present' if state else 'absent'}"] = str(finding)
    return checks


def score_of(check: str, read: Readings, age_years: float | None) -> Float[np.ndarray, " b"] | None:
    """Return the score of a check for each image read; None where the network has not learned it.

    Args:
        check: as `asked` names it.
        read: of b images.
        age_years: the age that was asked for.
    """
    name, _, value = check.partition("=")
    if name == "age_years":
        return np.abs(read.age_years - age_years) if read.attributes.age and age_years is not None else None
    if name == "sex":
        chance = read.male if value == Sex.M else 1 - read.male
        return chance if read.attributes.sex else None
    if name in ("race", "view"):
        values, columns = (read.attributes.races, read.race) if name == "race" else (read.attributes.views, read.view)
        return columns[:, _words(values).index(value)] if value in _words(values) else None
    if name not in _words(read.attributes.findings):
        return None
    chance = read.findings[:, _words(read.attributes.findings).index(name)]
    return chance if value == "present" else 1 - chance


def thresholds(
    read: Readings, known: Said, *, share: float = SHARE, judge: Sequence[str] | None = None,
    least_caught: float = LEAST_CAUGHT,
) -> Thresholds:  # fmt: skip
    """Return limits found on real images of patients that the networks were not trained on.

    Args:
        read: of n real images.
        known: what is known of them.
        share: of real images with a value that its check lets pass, at least.
        judge: what is judged: `sex`, `age_years`, `race`, `view`, `findings`, or a finding by its name; when None, what
            is read well enough.
        least_caught: with `judge` None, an attribute whose checks catch fewer of the wrong ones, on average, is not
            judged.

    Raises:
        ValueError: share is not between 0 and 1, or `judge` names what was not learned.
    """
    if not 0 < share < 1:
        raise ValueError(f"share = {share:g} is not between 0 and 1")
    _known(judge, read)
    limits: dict[str, Limit] = {}
    why = {name: f"not learned: {reason}" for name, reason in read.attributes.not_learned.items()}
    for check, right, wrong in _rows(read, known):
        name = check.partition("=")[0]
        field = name if name in FIELDS else "findings"
        if judge is not None and name not in judge and field not in judge:
            why[check] = "not among those to be judged"
            continue
        found = _limit(right, wrong, share, worst_is_high=name == "age_years")
        if found is None:
            why[check] = f"{len(right)} real images; {math.ceil(share / (1 - share) - 1e-9)} are needed"
        else:
            limits[check] = found
    blind = {} if judge is not None else _blind(limits, least_caught)
    kept = {check: limit for check, limit in limits.items() if check not in blind}
    return Thresholds(share=share, limits=kept, not_judged=why | blind)


def _blind(limits: Mapping[str, Limit], least_caught: float) -> dict[str, str]:
    """Return the checks that catch too little, with the reason; those of one attribute stay or go together.

    Were one sex judged and the other not, quality control itself would treat them unequally.
    """
    caught: dict[str, list[float]] = {}
    for check, limit in limits.items():
        caught.setdefault(check.partition("=")[0], []).append(limit.catches)
    mean = {name: float(np.mean(each)) for name, each in caught.items()}
    return {
        check: f"only {mean[name]:.0%} of images with another value would be caught"
        for check, name in ((check, check.partition("=")[0]) for check in limits)
        if mean[name] < least_caught
    }


def _limit(right: np.ndarray, wrong: np.ndarray, share: float, worst_is_high: bool) -> Limit | None:
    """Return the limit that lets `share` of the right scores pass."""
    k = math.floor((len(right) + 1) * (1 - share) + 1e-9)
    if k < 1:
        return None
    sign = -1 if worst_is_high else 1
    limit = float(np.sort(sign * right)[k - 1]) * sign
    pass_right, pass_wrong = (float((sign * x >= sign * limit).mean()) if len(x) else 1.0 for x in (right, wrong))
    return Limit(limit=limit, images=len(right), passes=pass_right, catches=1 - pass_wrong)


def _rows(read: Readings, known: Said) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return each check with the scores of real images that have its value, and of those that have another."""
    rows = []

    def add(check: str, right: np.ndarray, wrong: np.ndarray) -> None:
        score = score_of(check, read, None)
        assert score is not None
        rows.append((check, score[right], score[wrong]))

    if read.attributes.sex:
        add(f"sex={Sex.F}", known.male == 0, known.male == 1)
        add(f"sex={Sex.M}", known.male == 1, known.male == 0)
    if read.attributes.age:
        rows.append(("age_years", *_age_errors(read.age_years, known.age_years)))
    for name, values, index in (
        ("race", read.attributes.races, known.race),
        ("view", read.attributes.views, known.view),
    ):
        for k, value in enumerate(values):
            add(f"{name}={value}", index == k, (index >= 0) & (index != k))
    for k, finding in enumerate(read.attributes.findings):
        state = known.findings[:, k]
        add(f"{finding}=present", state == 1, state == 0)
        add(f"{finding}=absent", state == 0, state == 1)
    return rows


def _age_errors(read: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors against the true age, and against every other age there is that is far off."""
    there = ~np.isnan(age)
    read, age = read[there], age[there]
    far = np.abs(age[:, None] - age[None]) >= OFF_YEARS
    return np.abs(read - age), np.abs(read[:, None] - age[None])[far]


def _known(judge: Sequence[str] | None, read: Readings) -> None:
    learned = {"sex": read.attributes.sex, "age_years": read.attributes.age, "race": bool(read.attributes.races)}
    learned |= {"view": bool(read.attributes.views), "findings": bool(read.attributes.findings)}
    can = [name for name, yes in learned.items() if yes] + _words(read.attributes.findings)
    for name in judge or ():
        if name not in can:
            raise ValueError(f"{name!r} cannot be judged: it was not learned (learned: {', '.join(can)})")


def _named(condition: RadiographCondition) -> list:
    """Return the findings that a condition says something of by name; not what only follows from them."""
    listed = {*(condition.findings or ()), *(condition.absent or ())}
    return sorted(listed)


def _words(values: Sequence[object]) -> list[str]:
    return [str(value) for value in values]
