"""The gate: whether records are there, readable, whole, in range and of the right shape, and no copies of one another.

It comes first and must be 100 %: what does not pass it makes every figure behind it doubtful.
"""

from .digests import exact_sha256, main_array, rounded_sha256
from .gate import Source, validity
from .page import validity_findings, validity_section
from .result import Check, Validity, wilson

__all__ = [
    "Check",
    "Source",
    "Validity",
    "exact_sha256",
    "main_array",
    "rounded_sha256",
    "validity",
    "validity_findings",
    "validity_section",
    "wilson",
]
