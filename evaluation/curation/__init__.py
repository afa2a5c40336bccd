"""What of a synthetic set is worth keeping: near-duplicates, redundancy, quality and diversity."""

from .curate import curate
from .hamming import groups_of, near_pairs
from .hashes import dhash, phash, signal_hash, volume_hash
from .reduction import close_pairs, duplicate_line, keep_first, reduced
from .result import CurationConfig, CurationResult, KeepRate, Row
from .section import curation_findings, curation_section
from .selection import coverage, covering, density_weighted, k_center, realism

__all__ = [
    "CurationConfig",
    "CurationResult",
    "KeepRate",
    "Row",
    "close_pairs",
    "coverage",
    "covering",
    "curate",
    "curation_findings",
    "curation_section",
    "density_weighted",
    "dhash",
    "duplicate_line",
    "groups_of",
    "k_center",
    "keep_first",
    "near_pairs",
    "phash",
    "realism",
    "reduced",
    "signal_hash",
    "volume_hash",
]
