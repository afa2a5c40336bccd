"""The rules of a cohort: what they may say, and why a set of them is refused before anything is drawn."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..words import one_line, unknown
from .bands import AGE, AGE_BAND, AGE_BANDS, label, parse_band
from .columns import RANGE, Column, checked, columns_of

# What the records of one patient share.
PATIENT_COLUMNS = ("sex", "age_years", "race")
PATIENT_KEYS = ("patient_id", "patient_seed")


class Quota(NamedTuple):
    """FIELD=VALUE:SHARE: this share of the samples has (or, for a list field, holds) the value."""

    field: str
    value: Any
    share: float

    def __str__(self) -> str:
        return f"quota {self.field}={self.value}:{self.share:g}"


class Rules(BaseModel):
    """What a cohort must be.

    Attributes:
        n: number of samples.
        balance: columns over whose product the samples are spread evenly.
        fixed: one value for all samples.
        choices: values to balance over, or to draw from.
        ranges: (low, high) to draw from uniformly, both ends included.
        quotas: exact shares.
        records_per_patient: how many records each patient gives.
        seed: run seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=1, le=100_000_000)
    balance: tuple[str, ...] = ()
    fixed: dict[str, Any] = {}
    choices: dict[str, tuple[Any, ...]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    quotas: tuple[Quota, ...] = ()
    records_per_patient: int = Field(1, ge=1)
    seed: int = Field(0, ge=0, lt=2**63)

    @classmethod
    def of(cls, condition_type: type[BaseModel], **rules: Any) -> Rules:
        """Return rules with every value parsed by the condition model and every contradiction refused.

        Raises:
            ValueError: a rule names an unknown field or value, cannot hold, or contradicts another; it is named.
        """
        try:
            given = cls(**rules)
        except ValidationError as error:
            raise ValueError(one_line(error, cls)) from None
        parsed = given.model_copy(
            update={
                "fixed": {k: _value(condition_type, k, v) for k, v in given.fixed.items()},
                "choices": {k: tuple(_value(condition_type, k, v) for v in vs) for k, vs in given.choices.items()},
                "quotas": tuple(_quota(condition_type, q) for q in given.quotas),
            }
        )
        for check in (_fields_once, _balance_possible, _choices_differ, _ranges_possible, _quotas_possible, _patients):
            check(parsed, condition_type)
        return parsed

    @property
    def quota_fields(self) -> list[str]:
        """Fields under a quota, each once, in the order given."""
        return list(dict.fromkeys(quota.field for quota in self.quotas))

    def units(self, field: str) -> int:
        """Return how many things a rule on this field counts: patients for what patients share, else samples."""
        shared = self.records_per_patient > 1 and field in (*PATIENT_COLUMNS, AGE_BAND)
        return math.ceil(self.n / self.records_per_patient) if shared else self.n

    def named(self, field: str, value: Any = None) -> str | None:
        """Return the rule that decides a field, as the user wrote it, or None."""
        if field in self.fixed:
            return f"{field}={_shown(self.fixed[field])}"
        if field in self.balance:
            return f"balance over {field}" + ("" if value is None else f" ({value})")
        quotas = [q for q in self.quotas if q.field == field]
        if quotas:
            held = value if isinstance(value, list) else [value]
            return " and ".join(str(q) for q in quotas if q.value in held) or str(quotas[0])
        if field in self.choices:
            return f"{field}={','.join(map(_shown, self.choices[field]))}"
        if field in self.ranges:
            return "{}={:g}..{:g}".format(field, *self.ranges[field])
        return self.named(AGE_BAND) if field == AGE else None


def _shown(value: Any) -> str:
    """Return a value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return "|".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def domain(condition_type: type[BaseModel], field: str) -> Column:
    """Return the column that a rule speaks of; `age_band` exists wherever `age_years` does.

    Raises:
        ValueError: there is no such field.
    """
    columns = columns_of(condition_type)
    age = columns.get(AGE)
    if field == AGE_BAND and age is not None:
        low, high = (-math.inf if age.low is None else age.low), (math.inf if age.high is None else age.high)
        return Column(AGE_BAND, "string", words=tuple(label(b) for b in AGE_BANDS if low <= b[0] and b[1] <= high))
    if field not in columns:
        raise ValueError(unknown("field", field, [*columns, AGE_BAND] if age else columns))
    return columns[field]


def parse_sets(
    texts: Sequence[str], condition_type: type[BaseModel]
) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]], dict[str, tuple[float, float]]]:
    """Return (fixed, choices, ranges) from texts FIELD=VALUE, FIELD=A,B,C, FIELD=LOW..HIGH.

    Raises:
        ValueError: a text is none of these, names an unknown field, or a field stands twice.
    """
    fixed: dict[str, Any] = {}
    choices: dict[str, tuple[Any, ...]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        field = field.strip()
        if not equals or not field:
            raise ValueError(f"--set {text!r} is not FIELD=VALUE, FIELD=A,B,C or FIELD=LOW..HIGH")
        if field in fixed or field in choices or field in ranges:
            raise ValueError(f"--set names {field} twice")
        column = domain(condition_type, field)
        found = RANGE.fullmatch(value)
        if found:
            ranges[field] = (float(found[1]), float(found[2]))
        elif "," in value and column.kind != "object":
            choices[field] = tuple(part.strip() for part in value.split(","))
        else:
            fixed[field] = value.strip()
    return fixed, choices, ranges


def parse_quota(text: str) -> Quota:
    """Return a quota from FIELD=VALUE:SHARE.

    Raises:
        ValueError: the text is not that.
    """
    field, equals, rest = text.partition("=")
    value, colon, share = rest.rpartition(":")
    try:
        if equals and colon and field.strip() and value.strip():
            return Quota(field.strip(), value.strip(), float(share))
    except ValueError:
        pass
    raise ValueError(f"quota {text!r} is not FIELD=VALUE:SHARE, such as sex=F:0.5")


def _value(condition_type: type[BaseModel], field: str, value: Any) -> Any:
    if field == AGE_BAND and AGE in columns_of(condition_type):
        low, high = parse_band(value)
        for age in (low, high):
            checked(condition_type, AGE, age)
        return label((low, high))
    return checked(condition_type, field, value)


def _quota(condition_type: type[BaseModel], quota: Quota) -> Quota:
    column = domain(condition_type, quota.field)
    if not column.listed:
        return Quota(quota.field, _value(condition_type, quota.field, quota.value), quota.share)
    values = checked(condition_type, quota.field, quota.value if isinstance(quota.value, str) else [quota.value])
    if len(values) != 1:
        raise ValueError(f"quota {quota.field}={quota.value}: name one value; give each value its own quota")
    return Quota(quota.field, values[0], quota.share)


def _fields_once(rules: Rules, condition_type: type[BaseModel]) -> None:
    """One rule decides a field; only a balance or a quota may take its values from choices or a range."""
    for field in rules.balance:
        domain(condition_type, field)
    twice = [field for field, count in Counter(rules.balance).items() if count > 1]
    if twice:
        raise ValueError(f"balance names {twice[0]} twice")
    for field in [*rules.balance, *rules.quota_fields]:
        if field in rules.fixed:
            kind = "balance over" if field in rules.balance else "quota on"
            raise ValueError(
                f"{kind} {field} contradicts {field}={_shown(rules.fixed[field])}: a fixed value has no shares"
            )
    for field in rules.balance:
        if field in rules.quota_fields:
            raise ValueError(f"balance over {field} contradicts the quota on {field}: keep one of them")
    for field in rules.fixed:
        if field in rules.choices or field in rules.ranges:
            raise ValueError(
                f"{field}={_shown(rules.fixed[field])} contradicts another rule on {field}: keep one of them"
            )
    for field in rules.choices:
        if field in rules.ranges:
            raise ValueError(f"{field} has both a list and a range: keep one of them")
    decided = {*rules.balance, *rules.fixed, *rules.choices, *rules.ranges, *rules.quota_fields}
    if {AGE, AGE_BAND} <= decided:
        raise ValueError("age_band and age_years both decide the age: keep one of them")


def _balance_possible(rules: Rules, condition_type: type[BaseModel]) -> None:
    cells = {True: 1, False: 1}
    for field in rules.balance:
        column = domain(condition_type, field)
        words = rules.choices.get(field) or (() if column.listed else column.words)
        if column.kind == "boolean" and not words:
            words = (False, True)
        if not words:
            hint = f"--set {field}=A,B,C" + (", or balance over age_band" if field == AGE else "")
            raise ValueError(f"balance over {field} needs a list of values: {hint}")
        cells[rules.units(field) == rules.n] *= len(words)
    for per_sample, count in cells.items():
        fields = [f for f in rules.balance if (rules.units(f) == rules.n) == per_sample]
        if fields and rules.units(fields[0]) < count:
            things = f"n = {rules.n}" if per_sample else f"{rules.units(fields[0])} patients"
            raise ValueError(
                f"balance over {' x '.join(fields)} has {count} cells and {things} cannot fill them; "
                f"ask for at least {count} or balance over less"
            )


def _choices_differ(rules: Rules, condition_type: type[BaseModel]) -> None:
    for field, values in rules.choices.items():
        shown = [_shown(value) for value in values]
        if not shown:
            raise ValueError(f"{field} has an empty list of values")
        if len(set(shown)) < len(shown):
            raise ValueError(f"{field}={','.join(shown)} names {Counter(shown).most_common(1)[0][0]} twice")
        if field in rules.quota_fields and domain(condition_type, field).listed:
            raise ValueError(f"quota on {field} contradicts {field}={','.join(shown)}: keep one of them")


def _ranges_possible(rules: Rules, condition_type: type[BaseModel]) -> None:
    for field, (low, high) in rules.ranges.items():
        column = domain(condition_type, field)
        text = f"{field}={low:g}..{high:g}"
        if not column.numeric:
            raise ValueError(f"{text}: {field} is not a number; a range LOW..HIGH needs one")
        if not low <= high:
            raise ValueError(f"{text}: the low end is above the high end")
        if column.kind == "integer" and not (low.is_integer() and high.is_integer()):
            raise ValueError(f"{text}: {field} takes whole numbers")
        for end in (low, high):
            try:
                checked(condition_type, field, end)
            except ValueError as error:
                raise ValueError(f"{text} leaves the bounds: {error}") from None


def _quotas_possible(rules: Rules, condition_type: type[BaseModel]) -> None:
    for quota in rules.quotas:
        units = rules.units(quota.field)
        if not 0 < quota.share <= 1:
            raise ValueError(f"{quota}: the share must be above 0 and at most 1")
        if round(quota.share * units) == 0:
            raise ValueError(f"{quota}: of {units} that is less than one; raise the share or n")
    for field in rules.quota_fields:
        mine = [q for q in rules.quotas if q.field == field]
        if len({str(q.value) for q in mine}) < len(mine):
            raise ValueError(f"quota on {field} names a value twice")
        if not domain(condition_type, field).listed:
            _shares_add_up(rules, condition_type, field, mine)


def _shares_add_up(rules: Rules, condition_type: type[BaseModel], field: str, mine: list[Quota]) -> None:
    """Shares of a scalar field are at most 1 in all, and it is known what the rest is."""
    total = sum(q.share for q in mine)
    if total > 1 + 1e-9:
        raise ValueError(f"quotas on {field} add up to {total:g}, more than all samples")
    if total < 1 - 1e-9 and not rest_of(rules, condition_type, field) and field not in rules.ranges:
        raise ValueError(
            f"quotas on {field} cover {total:g} of the samples; say what the rest is with more quotas or "
            f"--set {field}=A,B,C"
        )


def rest_of(rules: Rules, condition_type: type[BaseModel], field: str) -> list[Any]:
    """Return the values that samples outside a scalar field's quotas are drawn from.

    They are the field's own list where one is set, or the other word of a vocabulary of two.
    """
    taken = {str(q.value) for q in rules.quotas if q.field == field}
    words = rules.choices.get(field) or domain(condition_type, field).words
    rest = [word for word in words if str(word) not in taken]
    return rest if field in rules.choices or len(rest) == 1 else []


def _patients(rules: Rules, condition_type: type[BaseModel]) -> None:
    if rules.records_per_patient == 1:
        return
    if rules.records_per_patient > rules.n:
        raise ValueError(f"records_per_patient = {rules.records_per_patient} is more than n = {rules.n}")
    missing = [key for key in PATIENT_KEYS if key not in columns_of(condition_type)]
    if missing:
        raise ValueError(f"records_per_patient needs the field {missing[0]}, which {condition_type.__name__} lacks")
    decided: Mapping[str, Any] = {**rules.fixed, **rules.choices, **rules.ranges, **dict.fromkeys(rules.quota_fields)}
    for key in PATIENT_KEYS:
        if key in decided or key in rules.balance:
            raise ValueError(f"records_per_patient sets {key} itself; leave the rule on {key} out")
