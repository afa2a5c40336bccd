"""Beats of an ECG, cut out and lined up: what detectors of T-wave alternans compare with each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.signal import butter, sosfiltfilt
from scipy.stats import kurtosis

from ....conditioning.ecg.vocabulary import INDEPENDENT_LEADS
from ....conditioning.record import Record, SignalGeometry
from ..signal import band_limited

WORK_HZ = 500.0  # where beats are found and lined up
STEP = 4  # and every fourth sample is kept: 125 Hz
BEFORE, AFTER = 31, 62  # samples at 125 Hz before and after R: -0.25 to 0.50 s
SAMPLES = BEFORE + AFTER + 1
TIME_S = (np.arange(SAMPLES) - BEFORE) * STEP / WORK_HZ
FEWEST_BEATS = 4
_LEVEL = (TIME_S >= -0.081) & (TIME_S <= -0.047)  # the PR segment
_ALIKE = 0.8
_REACH = 10  # samples at 500 Hz that a beat may be moved to lie on the others


@dataclass(frozen=True)
class Beats:
    """Beats of one record, in order.

    Attributes:
        x_uv: (beats, 8, samples) I, II, V1-V6 from -0.25 to 0.50 s around R at 125 Hz, 0.5 to 40 Hz,
            each beat less its level in the PR segment, in uV; a lead that was not used is zero.
        rr_s: (beats,) interval before each beat; before the first, that behind it.
        usual: (beats,) whether a beat looks like the record's median beat; ectopic ones do not.
    """

    x_uv: Float[np.ndarray, "beats 8 samples"]
    rr_s: Float[np.ndarray, " beats"]
    usual: Bool[np.ndarray, " beats"]

    def __len__(self) -> int:
        return len(self.rr_s)

    def part(self, first: int, count: int) -> Beats:
        """Return `count` beats from beat `first` on."""
        cut = slice(first, first + count)
        return Beats(self.x_uv[cut], self.rr_s[cut], self.usual[cut])


def best_lead(x: Float[np.ndarray, "leads samples"], fs_hz: float) -> int:
    """Return the row whose QRS stand out most: the largest kurtosis between 5 and 30 Hz."""
    band = sosfiltfilt(butter(2, (5, 30), "bandpass", fs=fs_hz, output="sos"), x, axis=-1)
    spread = np.ptp(band, axis=-1)
    return int(np.argmax(np.where(spread > 1e-6, kurtosis(band, axis=-1), -np.inf)))


def find_r_peaks(x: Float[np.ndarray, "leads samples"], fs_hz: float) -> Int[np.ndarray, " beats"]:
    """Return the R peaks in samples that neurokit2 finds in the best lead; none where it fails.

    Args:
        x: leads in mV, finite.
        fs_hz: sampling rate.
    """
    import neurokit2 as nk

    fs = round(fs_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clean = nk.ecg_clean(np.asarray(x[best_lead(x, fs_hz)], dtype=float), sampling_rate=fs)
            return np.asarray(nk.ecg_findpeaks(clean, sampling_rate=fs)["ECG_R_Peaks"], dtype=int)
        except (IndexError, ValueError):  # neurokit2 lets these through on a lead without beats
            return np.zeros(0, dtype=int)


def beats_of(record: Record, leads: Sequence[str] = INDEPENDENT_LEADS) -> Beats:
    """Return the beats of an ECG, found in the signal alone; beats cut by the record's ends are left out.

    Args:
        record: an ECG in mV, at any sampling rate.
        leads: which of I, II and V1-V6 to use; the record must have them.

    Raises:
        ValueError: leads are missing, values are not finite, or fewer than 4 beats were found.
    """
    x = band_limited(chosen_leads(record, leads), record.geometry.fs_hz, WORK_HZ)  # type: ignore[union-attr]
    r = _inside(find_r_peaks(x, WORK_HZ), x.shape[-1])
    if len(r) < FEWEST_BEATS:
        raise ValueError(f"record {record.record_id} has {len(r)} whole beats; at least {FEWEST_BEATS} are needed")
    r = _inside(lined_up(x, r), x.shape[-1])
    cut = 1000 * x[:, r[:, None] + STEP * (np.arange(SAMPLES) - BEFORE)].transpose(1, 0, 2)
    cut -= cut[:, :, _LEVEL].mean(axis=-1, keepdims=True)
    rr = np.diff(r) / WORK_HZ
    return Beats(cut.astype(np.float32), np.concatenate([rr[:1], rr]), _usual(cut))


def chosen_leads(record: Record, leads: Sequence[str] = INDEPENDENT_LEADS) -> Float[np.ndarray, "8 samples"]:
    """Return I, II, V1-V6 in mV, those that are not among `leads` as zeros.

    Raises:
        ValueError: the record is no ECG, lacks a lead, or has values that are not finite; in one line.
    """
    if not isinstance(record.geometry, SignalGeometry):
        raise ValueError(f"record {record.record_id} is not a signal; an ECG is needed")
    there = record.geometry.leads
    missing = [lead for lead in leads if lead not in there]
    if missing:
        raise ValueError(f"record {record.record_id} lacks lead {', '.join(missing)}; it needs {', '.join(leads)}")
    signal = np.asarray(record.arrays["signal"])
    out = np.zeros((len(INDEPENDENT_LEADS), signal.shape[-1]))
    for lead in leads:
        out[INDEPENDENT_LEADS.index(lead)] = signal[there.index(lead)]
    if not np.isfinite(out).all():
        raise ValueError(f"record {record.record_id} has values that are not finite; beats need a whole signal")
    return out


def _inside(r: np.ndarray, n: int) -> np.ndarray:
    margin = _REACH + 2
    return r[(r >= STEP * BEFORE + margin) & (r < n - STEP * AFTER - margin)]


def lined_up(x: Float[np.ndarray, "leads samples"], r: Int[np.ndarray, " beats"]) -> Int[np.ndarray, " beats"]:
    """Return R peaks moved by up to 20 ms so that the leads' joint steepness lies on its median over the beats."""
    steep = np.sqrt((np.diff(x, axis=-1, append=x[:, -1:]) ** 2).sum(axis=0))
    around = np.arange(-25, 26)
    for _ in range(2):
        middle = np.median(steep[r[:, None] + around], axis=0)
        middle -= middle.mean()
        shifts = np.arange(-_REACH, _REACH + 1)
        at = np.clip(r[:, None, None] + shifts[:, None] + around, 0, len(steep) - 1)
        r = r + shifts[np.argmax(steep[at] @ middle, axis=1)]
    return np.unique(r)


def _usual(x: np.ndarray) -> np.ndarray:
    flat = x.reshape(len(x), -1)
    middle = np.median(flat, axis=0)
    r = flat @ middle / (np.linalg.norm(flat, axis=1) * np.linalg.norm(middle) + 1e-9)
    return np.asarray(r > _ALIKE)


def st_t(rr_s: float) -> Bool[np.ndarray, " samples"]:
    """Return which of a beat's samples are ST-T where nobody marked it: R + 0.10 s to R + 0.38 s times RR^(1/3)."""
    return np.asarray((TIME_S >= 0.10) & (TIME_S <= min(0.5, 0.38 * float(np.cbrt(rr_s)))))


def all_beats(records: Sequence[Record]) -> list[Beats | None]:
    """Return the beats of each record; None where too few are found."""
    out: list[Beats | None] = []
    for record in records:
        try:
            out.append(beats_of(record))
        except ValueError:
            out.append(None)
    return out
