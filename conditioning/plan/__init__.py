"""Cohort plans: a table with one row a sample, made from rules or read from the user's file."""

from .bands import AGE_BANDS, band_of
from .cohort import CohortPlan
from .columns import Column, columns_of
from .like import Like
from .make import make_plan
from .rules import Quota, Rules, parse_quota, parse_sets

__all__ = [
    "AGE_BANDS",
    "CohortPlan",
    "Column",
    "Like",
    "Quota",
    "Rules",
    "band_of",
    "columns_of",
    "make_plan",
    "parse_quota",
    "parse_sets",
]
