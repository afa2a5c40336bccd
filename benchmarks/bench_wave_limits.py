"""How far the simulator's wave limits lie from cardiologists': bias and spread per wave and boundary.

    python benchmarks/bench_wave_limits.py

A heart is fitted to each embedded LUDB record, the simulator's definition is applied to the fitted
kernels, and each lead's limits are compared with the median of the annotated beats in that lead.
Printed for the tuning half, on which shares and margins were chosen, and for the held-out half.
"""

from __future__ import annotations

import numpy as np
from clinsynth.conditioning.ecg.fit import (
    MeanBeat,
    beat_centre,
    fit_heart,
    mean_beat,
    r_peaks,
    steady_leads,
    to_one_second,
)
from clinsynth.conditioning.ecg.heart import LEAD_INDEX, WAVES, T
from clinsynth.conditioning.embedded import embedded
from clinsynth.conditioning.record import Record
from clinsynth.generators.ecg.limits import wave_limits_s

POINTS = ("onset", "peak", "offset")


def annotated(record: Record, beat: MeanBeat, lead: str, wave: str) -> np.ndarray | None:
    """Return the median annotated onset, peak, offset in seconds from the beat's centre, or None."""
    x = steady_leads(record)
    centre = np.array([beat_centre(x, p) for p in r_peaks(record) if 12 <= p < x.shape[1] - 13])
    w = record.tables["waves"]
    mine = (w["lead"] == lead) & (w["wave"] == wave)
    if mine.sum() < 3:
        return None
    peak = w["peak"][mine]
    after = np.searchsorted(centre, peak)
    k = {"P": after, "T": after - 1}.get(wave, np.abs(centre[None, :] - peak[:, None]).argmin(axis=1))
    ok = (k >= 0) & (k < centre.size)
    ok &= np.abs(centre[np.clip(k, 0, centre.size - 1)] - peak) < 400 * beat.rr_s
    if ok.sum() < 3:
        return None
    rows = np.array([w[p][mine][ok] for p in POINTS], float)
    rows[rows < 0] = np.nan
    return np.asarray(np.nanmedian((rows - centre[k[ok]]) / 500, axis=1))


def errors_ms(split: str) -> dict[tuple[str, str], np.ndarray]:
    """Return definition minus annotation in milliseconds, by wave and boundary, one per record and lead."""
    out: dict[tuple[str, str], list[float]] = {(w, p): [] for w in WAVES[:3] for p in POINTS}
    for record in embedded("ludb", split=split):
        try:
            beat = mean_beat(record)
        except ValueError:
            continue
        heart, _ = fit_heart(beat)
        limits = wave_limits_s(heart)
        anchor, factor = to_one_second(beat)
        limits[:, T] = anchor + (limits[:, T] - anchor) / factor
        for code, wave in enumerate(WAVES[:3]):
            for lead, row in LEAD_INDEX.items():
                truth = annotated(record, beat, lead, wave)
                if truth is not None:
                    for p, name in enumerate(POINTS):
                        out[wave, name].append(1000 * (limits[row, code, p] - truth[p]))
    return {key: np.array(v)[np.isfinite(v)] for key, v in out.items()}


def main() -> None:
    """Print the table."""
    print(f"{'half':9} {'wave':4} {'limit':7} {'n':>5} {'mean':>7} {'sd':>6} {'median':>7} {'robust sd':>9}   (ms)")
    for split in ("tuning", "held_out"):
        for (wave, point), e in errors_ms(split).items():
            robust = 1.4826 * np.median(np.abs(e - np.median(e)))
            numbers = f"{e.mean():7.1f} {e.std():6.1f} {np.median(e):7.1f} {robust:9.1f}"
            print(f"{split:9} {wave:4} {point:7} {e.size:5} {numbers}")


if __name__ == "__main__":
    main()
