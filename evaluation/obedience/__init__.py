"""Whether samples show what was asked for, whatever they are of."""

from .conditions import Said
from .findings import obedience_findings
from .measuring import obedience_of
from .result import ObedienceResult
from .section import obedience_section

__all__ = ["ObedienceResult", "Said", "obedience_findings", "obedience_of", "obedience_section"]
