"""A metric with its floor as plain JSON values, where the parts of the radiographs' page look for it."""

from ..realism.rows import MeasuredRow, measured_row

__all__ = ["MeasuredRow", "measured_row"]
