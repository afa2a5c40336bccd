"""A small network that finds a brain tumour's parts in four contrasts: what tells whether a made contrast is of use."""

from .scan import Scan, scan_of
from .segmenter import SegmenterConfig, TumourSegmenter, taught_segmenter

__all__ = ["Scan", "SegmenterConfig", "TumourSegmenter", "scan_of", "taught_segmenter"]
