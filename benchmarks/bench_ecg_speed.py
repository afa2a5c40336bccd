"""Speed of the ECG simulator against neurokit2, and end to end to verified WFDB on disk.

    python benchmarks/bench_ecg_speed.py [--rounds 7] [--records 4000]

Both sides make 12 leads x 10 s x 500 Hz with noise and are timed in turn, round by round, in CPU
seconds of one process and one thread. Ours has variable RR, respiration, T-wave alternans, all four
kinds of noise at a fixed SNR, every fiducial, and its own random streams per record.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

OURS = 300


def cpu_s(work: Callable[[], object]) -> float:
    """Return the CPU seconds that `work` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def against_neurokit(rounds: int) -> None:
    """Print CPU seconds per record on both sides and their ratio, each round for itself."""
    import neurokit2
    from clinsynth.conditioning.ecg import EcgCondition
    from clinsynth.generators.ecg import EcgSimulator

    warnings.simplefilter("ignore")
    condition = EcgCondition(twa_uv=40, snr_db=20)
    simulator = EcgSimulator()

    def ours(first: int) -> None:
        for _ in simulator.generate([condition] * OURS, range(first, first + OURS)):
            pass

    def theirs(seed: int) -> None:
        neurokit2.ecg_simulate(duration=10, sampling_rate=500, noise=0.01, method="multileads", random_state=seed)

    ours(0), theirs(0)  # compile, import
    pairs = []
    for k in range(rounds):
        before = cpu_s(lambda: ours((2 * k + 1) * OURS)) / OURS  # noqa: B023
        middle = cpu_s(lambda: theirs(k))  # noqa: B023
        after = cpu_s(lambda: ours((2 * k + 2) * OURS)) / OURS  # noqa: B023
        pairs.append(((before + after) / 2, middle))
    a, b = np.array(pairs).T
    ratio = b / a
    print(f"neurokit2 multileads: {np.median(b):.3f} CPU s a record; ours: {1000 * np.median(a):.3f} ms")
    print(f"ratio in {rounds} rounds: median {np.median(ratio):.0f}, {ratio.min():.0f} to {ratio.max():.0f}")


def where_it_goes(records: int = 400) -> None:
    """Print the wall time of each step of one record, in microseconds."""
    from clinsynth.conditioning.ecg import EcgCondition
    from clinsynth.conditioning.ecg.prior import complete
    from clinsynth.conditioning.seeds import stream
    from clinsynth.generators.ecg import compiled, simulator
    from clinsynth.generators.ecg.beats import draw_patient
    from clinsynth.generators.ecg.noise import electrode_noise

    condition = EcgCondition(twa_uv=40, snr_db=20)
    names = ("streams", "prior", "RR and rhythm", "patient", "dipole", "turn, leads", "noise", "sum", "truth, record")
    spent = np.zeros(len(names))
    for seed in range(records):
        t = [time.perf_counter()]
        streams = [stream(seed, n) for n in ("ecg.patient", "ecg.visit", "ecg.noise")]
        t.append(time.perf_counter())
        c = complete(condition, streams[0], streams[1])
        t.append(time.perf_counter())
        course = simulator._course(c, streams[1])
        t.append(time.perf_counter())
        patient = draw_patient(c, {0}, False, streams[0])
        t.append(time.perf_counter())
        work = simulator._WORK.resize(5000)
        simulator._dipole(c, patient, course, streams[1], work.vcg)
        t.append(time.perf_counter())
        breath = simulator._breath(c, course, streams[1])
        power = compiled.turn_and_lead(work.vcg, *breath, *simulator._fields(patient), work.clean)
        t.append(time.perf_counter())
        noise_power = electrode_noise(c.noise or (), c.fs_hz, c.powerline_hz, streams[2], work)
        t.append(time.perf_counter())
        signal = np.empty((12, 5000), np.float32)
        compiled.twelve(work.clean, work.noise, (power / noise_power / 100) ** 0.5, signal)
        t.append(time.perf_counter())
        simulator._record(c, seed, signal, 20.0, patient, course)
        t.append(time.perf_counter())
        if seed >= 50:
            spent += np.diff(t)
    for name, value in zip(names, spent / (records - 50) * 1e6, strict=True):
        print(f"  {name:14} {value:6.0f} us")


def end_to_end(records: int) -> None:
    """Print records per second from a plan to verified WFDB on disk with two processes."""
    from clinsynth.app.jobs import plan, sample, verify

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plan(root / "plan.parquet", "ecg", records, seed=1)
        start = time.perf_counter()
        sample("ecg", root / "plan.parquet", root / "cohort", workers=2, shard_size=500)
        made = time.perf_counter()
        report = verify(root / "cohort")
        done = time.perf_counter()
        assert report.ok and report.complete
        print(
            f"{records} records, two processes: {records / (done - start):.0f} a second "
            f"(sample {made - start:.1f} s with start-up, verify {done - made:.1f} s)"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--records", type=int, default=4000)
    options = parser.parse_args()
    against_neurokit(options.rounds)
    where_it_goes()
    end_to_end(options.records)
