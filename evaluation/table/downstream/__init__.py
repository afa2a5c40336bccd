"""What synthetic data are worth to anybody's task: classes, labels, numbers, masks or boxes, without code."""

from .examples import Examples, examples_of, kinds_of
from .findings import table_task_findings
from .page import table_task_sections
from .proof import table_task
from .result import TableTaskResult
from .settings import TableTaskSettings

__all__ = [
    "Examples",
    "TableTaskResult",
    "TableTaskSettings",
    "examples_of",
    "kinds_of",
    "table_task",
    "table_task_findings",
    "table_task_sections",
]
