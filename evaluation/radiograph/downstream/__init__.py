"""What radiographs are worth to a classifier of findings, and whom that classifier misses."""

from ...trust import trust_findings
from .examples import Radiographs, findings_of
from .page import about, cell_table, difference_tables, finding_table, findings_sections, level_tables
from .proof import findings_task
from .result import FindingsResult
from .settings import FindingsSettings
from .sites import read_site
from .subsets import nested
from .task import FindingsTask

__all__ = [
    "FindingsResult",
    "FindingsSettings",
    "FindingsTask",
    "Radiographs",
    "about",
    "cell_table",
    "difference_tables",
    "finding_table",
    "findings_of",
    "findings_sections",
    "findings_task",
    "level_tables",
    "nested",
    "read_site",
    "trust_findings",
]
