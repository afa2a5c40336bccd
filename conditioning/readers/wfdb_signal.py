"""The signal of one WFDB record in mV, read by the `wfdb` library after the header's claims held."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .leads import lead_order, mv_per_unit
from .wfdb_header import Channel, Header, check_files, read_header

NORMALISED = (
    "every lead spans 1 mV: the header's gains scale each lead on its own (as LUDB's do), so amplitudes and "
    "III = II - I are lost; physical=False takes the stored counts as microvolts"
)


@dataclass(frozen=True)
class WfdbSignal:
    """A record's signal and what its header says.

    Attributes:
        signal_mv: (leads, samples), float64.
        leads: names of the rows, in the order asked for.
        fs_hz: sampling rate.
        comments: the header's comments.
        caution: what a user of the amplitudes must know, or None.
    """

    signal_mv: Float[np.ndarray, "leads samples"]
    leads: tuple[str, ...]
    fs_hz: float
    comments: tuple[str, ...]
    caution: str | None


def read_signal(
    header_path: Path,
    *,
    leads: Sequence[str] | str | None = None,
    physical: bool = True,
    verify_checksum: bool = True,
) -> WfdbSignal:
    """Return one WFDB record in mV.

    Args:
        header_path: the .hea file.
        leads: leads wanted, in order; all, the standard ones first, when None.
        physical: divide counts by the header's gain. False takes the stored counts as microvolts,
            for headers whose gains normalise each lead (LUDB).
        verify_checksum: hold the samples against the header's checksums, where it has them.

    Raises:
        ValueError: one line that names the file.
    """
    header = read_header(header_path)
    try:
        rows = lead_order([channel.name for channel in header.channels], leads)
        channels = [header.channels[row] for row in rows]
        factors = [_mv_per_count_unit(channel, physical) for channel in channels]
    except ValueError as error:
        raise ValueError(f"{header_path}: {error}") from error
    check_files(header)
    record = _rdrecord(header, rows)
    counts = np.asarray(record.d_signal)
    if verify_checksum:
        _check_sums(header_path, counts, channels)
    invalid_aware = record.dac(return_res=64)
    values = invalid_aware if physical else np.where(np.isnan(invalid_aware), np.nan, counts)
    signal = np.ascontiguousarray((values * np.asarray(factors)).T)
    _check_invalid(header_path, signal, channels)
    caution = NORMALISED if physical and _normalised(signal, channels) else None
    if caution:
        warnings.warn(caution, stacklevel=2)
    return WfdbSignal(signal, tuple(c.name for c in channels), header.fs_hz, header.comments, caution)


def _mv_per_count_unit(channel: Channel, physical: bool) -> float:
    if not physical:
        return 1e-3
    try:
        factor = mv_per_unit(channel.unit)
    except ValueError as error:
        raise ValueError(f"lead {channel.name}: {error}; choose the leads to read") from error
    if channel.gain is None:
        raise ValueError(
            f"lead {channel.name} has no gain or a gain of 0, so its amplitude is unknown; "
            "physical=False takes counts as microvolts"
        )
    return factor


def _rdrecord(header: Header, rows: Sequence[int]) -> Any:
    import wfdb

    try:
        return wfdb.rdrecord(str(header.path.with_suffix("")), channels=list(rows), physical=False)
    except Exception as error:  # a foreign parser on an untrusted file fails in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{header.path}: cannot be read: {reason}") from error


def _check_sums(path: Path, counts: Int[np.ndarray, "samples leads"], channels: Sequence[Channel]) -> None:
    # wfdb averages the samples of a frame, so sums can be told only where a frame is one sample.
    for channel, column in zip(channels, counts.T, strict=True):
        if channel.checksum is None or channel.per_frame != 1:
            continue
        if (int(column.sum()) - channel.checksum) % 65536:
            raise ValueError(
                f"{path}: the samples of lead {channel.name} do not add up to the header's checksum "
                f"{channel.checksum}: the file is damaged or its header lies (verify_checksum=False reads it anyway)"
            )


def _check_invalid(path: Path, signal: Float[np.ndarray, "leads samples"], channels: Sequence[Channel]) -> None:
    for channel, row in zip(channels, signal, strict=True):
        bad = np.flatnonzero(~np.isfinite(row))
        if bad.size:
            first = f"the first is sample {bad[0]}"
            raise ValueError(f"{path}: lead {channel.name}: {bad.size} of {row.size} samples are invalid ({first})")


def _normalised(signal: Float[np.ndarray, "leads samples"], channels: Sequence[Channel]) -> bool:
    """Whether every lead of many has its own gain and spans 1 mV from peak to peak, which no heart does."""
    if len(signal) < 6 or signal.size == 0 or len({channel.gain for channel in channels}) == 1:
        return False
    return bool(np.all(np.abs(np.ptp(signal, axis=-1) - 1.0) < 0.02))
