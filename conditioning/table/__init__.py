"""What a row of anybody's table says of a sample: targets, groups, masks and boxes, without code."""

from .condition import Box, TableCondition, parse_boxes
from .row import COLUMNS, condition_of_row

__all__ = ["COLUMNS", "Box", "TableCondition", "condition_of_row", "parse_boxes"]
