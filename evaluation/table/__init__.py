"""Images, volumes and signals of anybody's table: brought to one shape, described by simple features, shown."""

from .arrays import Cohort, Compared, compared
from .look import TableLook, table_look
from .page import table_findings, table_page

__all__ = ["Cohort", "Compared", "TableLook", "compared", "table_findings", "table_look", "table_page"]
