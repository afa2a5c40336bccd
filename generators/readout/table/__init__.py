"""Networks that learn the tasks of anybody's table: classes, labels, numbers, masks and boxes, on any axes."""

from .adapting import adapted
from .named import network
from .networks import TableNetwork
from .pretraining import pretrained
from .rows import KINDS, Kind, Rows
from .teaching import CHANGES, features_of, said_of, taught, untrained

__all__ = [
    "CHANGES", "KINDS", "Kind", "Rows", "TableNetwork", "adapted", "features_of", "network", "pretrained", "said_of",
    "taught", "untrained",
]  # fmt: skip
