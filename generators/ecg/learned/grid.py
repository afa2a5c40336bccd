"""A picture of a few drawn ECGs, to see how training goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....conditioning.ecg import EcgCondition
from ....conditioning.record import Record, SignalGeometry

CONDITIONS: tuple[EcgCondition, ...] = tuple(
    EcgCondition.model_validate(asked)
    for asked in (
        {},
        {"heart_rate_bpm": 60, "rhythm": "sinus", "sex": "F", "age_years": 30},
        {"heart_rate_bpm": 90, "rhythm": "sinus", "sex": "M", "age_years": 60},
        {"heart_rate_bpm": 120},
        {"rhythm": "atrial_fibrillation", "heart_rate_bpm": 85},
        {"rhythm": "sinus", "findings": ["left_bundle_branch_block"]},
        {"rhythm": "sinus", "findings": ["left_ventricular_hypertrophy"], "age_years": 70},
        {"rhythm": "premature_ventricular_complexes"},
    )
)
_SHOWN = ("II", "V2", "V5")


def draw_grid(records: Sequence[Record], path: Path) -> None:
    """Write leads II, V2 and V5 of records as a PNG, a row each, with what was asked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 1.5 * len(records)), layout="constrained")
    axes = figure.subplots(len(records), len(_SHOWN), squeeze=False, sharex=True)
    for row, record in zip(axes, records, strict=True):
        assert isinstance(record.geometry, SignalGeometry)
        for ax, lead in zip(row, _SHOWN, strict=True):
            mv = record.arrays["signal"][record.geometry.leads.index(lead)]
            ax.plot(np.arange(len(mv)) / record.geometry.fs_hz, mv, "k", linewidth=0.6)
            ax.set_ylabel(f"{lead} (mV)", fontsize=7)
            ax.tick_params(labelsize=6)
        row[0].set_title(_asked(record), fontsize=8, loc="left")
    for ax in axes[-1]:
        ax.set_xlabel("s", fontsize=7)
    figure.savefig(path, dpi=70, metadata={"Software": None})


def _asked(record: Record) -> str:
    assert isinstance(record.condition, EcgCondition)
    said = record.condition.model_dump(mode="json", exclude_defaults=True)
    words = (f"{key} {', '.join(v) if isinstance(v, list) else v}" for key, v in said.items())
    return "; ".join(words) or "nothing asked"
