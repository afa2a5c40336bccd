"""Which privacy figure catches which planted fault: a copier, copies in disguise, a leak of 5 %, and a good real half.

    python benchmarks/bench_privacy.py [--radiographs SOURCE] [--ecgs SOURCE] [--seed 0]

Patients of each source are cut in three: what is trained on, what is held out, and a real part that passes as a good
synthetic set. Faults are planted in that part. Each line gives an attack's risk with its interval and whether it
raised the alarm; the power column is how often copies of 5 % would have been seen at this number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.record import Record
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.comparison import Interval
from clinsynth.evaluation.curation.sketches import sketches
from clinsynth.evaluation.privacy import Pixels, PrivacyResult, privacy_of
from clinsynth.evaluation.realism import Sample

Arrays = np.ndarray
Embed = Callable[[Arrays], Arrays]
LEAK = 0.05


def thirds(records: Sequence[Record], seed: int) -> list[list[Record]]:
    """Return training (half of the patients), held-out and good parts, patients apart."""
    patients = [str(r.provenance.get("patient_id", r.record_id)) for r in records]
    names = sorted(set(patients))
    order = {names[k]: i for i, k in enumerate(stream(seed, "bench.privacy").permutation(len(names)))}
    n = len(names)
    cuts = [0 if order[p] < n // 2 else 1 if order[p] < 3 * n // 4 else 2 for p in patients]
    return [[r for r, part in zip(records, cuts, strict=True) if part == k] for k in range(3)]


def disguised(x: Arrays, rng: np.random.Generator) -> Arrays:
    """Return copies that a hash of bytes would miss: moved by up to two samples, of other contrast, a little noisy."""
    out = []
    for one in x:
        moved = np.roll(one, rng.integers(-2, 3), axis=-1)
        out.append(moved * rng.uniform(0.92, 1.0) + 0.01 * one.std() * rng.standard_normal(one.shape))
    return np.stack(out).astype(np.float32)


def planted(training: Arrays, good: Arrays, rng: np.random.Generator) -> dict[str, Arrays]:
    """Return the sets that are judged."""
    n = len(good)
    k = max(1, round(LEAK * n))
    rows = rng.choice(len(training), n, replace=len(training) < n)
    noisy = training[rows] + 0.01 * training.std() * rng.standard_normal(training[rows].shape).astype(np.float32)
    few, hidden = good.copy(), good.copy()
    few[:k] = noisy[:k]
    hidden[:k] = disguised(training[rows[:k]], rng)
    return {
        "good real part": good, "copier": training[rows], "copier, disguised": disguised(training[rows], rng),
        f"leak of {k} in {n}": few, f"leak of {k}, disguised": hidden,
    }  # fmt: skip


def shown(x: Interval) -> str:
    """Return a value with two digits."""
    return "-" if x.value is None else f"{x.value:.2f}"


def said(result: PrivacyResult) -> None:
    """Print one line an attack."""
    for a in result.attacks:
        if a.reason:
            print(f"    {a.name:24s} -  ({a.reason})")
            continue
        power = "" if a.power is None else f"  power {shown(a.power.here)}, false alarms {shown(a.power.false_alarms)}"
        print(f"    {a.name:24s} risk {a.risk.value:6.3f} [{a.risk.low:6.3f}, {a.risk.high:6.3f}] "
              f"{'CAUGHT' if a.found else '      '}{power}")  # fmt: skip
        if a.name.startswith("reid"):
            auc, second = a.figure("real_auc").value, a.figure("second_records").value
            print(f"      real pairs AUC {shown(auc)}, other records of a patient recognised {shown(second)}")
    nearest = result.attack("nearest")
    if not nearest.reason:
        print(f"    median ratio {nearest.figure('median_ratio').value.value:.2f}, exact copies {result.exact[0]}")


def run(name: str, records: Sequence[Record], key: str, embeds: dict[str, Embed], seed: int, images: bool) -> None:
    """Judge every planted set in every kind of feature."""
    sides = thirds(records, seed)
    arrays = [np.stack([np.asarray(r.arrays[key], np.float32) for r in side]) for side in sides]
    patients = [[str(r.provenance.get("patient_id", r.record_id)) for r in side] for side in sides]
    print(f"{name}: training {len(sides[0])} records of {len(set(patients[0]))} patients, held out {len(sides[1])} of "
          f"{len(set(patients[1]))}, good part {len(sides[2])} of {len(set(patients[2]))}")  # fmt: skip
    for feature, embed in embeds.items():
        t, h = (Sample(embed(x), p) for x, p in zip(arrays[:2], patients[:2], strict=True))
        for fault, x in planted(arrays[0], arrays[2], stream(seed, "bench.privacy.faults")).items():
            s = Sample(embed(x), patients[2] if fault.startswith("good") else [f"s{k}" for k in range(len(x))])
            clipped = np.clip(x, 0, 1) if images else x
            pixels = Pixels(arrays[0], arrays[1], clipped) if images and feature == "encoder" else None
            print(f"  {feature}, {fault}")
            said(privacy_of(t, h, s, images=pixels, seed=seed))


def main() -> None:
    """Run on radiographs and ECGs."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--radiographs", default="embedded:nih64")
    options.add_argument("--ecgs", default="embedded:ludb")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    records = list(read(chosen.radiographs))
    run("radiographs", records, "image", radiograph_features(records, chosen.seed), chosen.seed, True)
    records = list(read(chosen.ecgs))
    run("ECGs", records, "signal", ecg_features(records, chosen.seed), chosen.seed, False)


def radiograph_features(records: Sequence[Record], seed: int) -> dict[str, Embed]:
    """Return the studio's encoder, textures, and pixels on a small grid."""
    from clinsynth.evaluation.realism.texture import grey_shares, radial_spectra_db
    from clinsynth.generators.readout.radiograph import RadiographEncoder

    encoder = RadiographEncoder.trained(thirds(records, seed)[0], seed=seed)
    return {
        "encoder": lambda x: encoder.features(np.clip(x, 0, 1)),
        "texture": lambda x: np.concatenate([grey_shares(x)[:, ::4], radial_spectra_db(x)[:, ::2]], axis=1),
        "pixels": lambda x: sketched(x, records[0], "image"),
    }


def ecg_features(records: Sequence[Record], seed: int) -> dict[str, Embed]:
    """Return the studio's encoder and leads on a small grid."""
    from dataclasses import replace

    from clinsynth.generators.readout.ecg_encoder import EcgEncoder

    encoder = EcgEncoder.trained(thirds(records, seed)[0], seed=seed)

    def encoded(x: Arrays) -> Arrays:
        return np.asarray(encoder.features([replace(records[0], arrays={"signal": one}) for one in x]), np.float64)

    return {"encoder": encoded, "leads": lambda x: sketched(x, records[0], "signal")}


def sketched(x: Arrays, like: Record, key: str) -> Arrays:
    """Return arrays averaged onto a small grid."""
    from dataclasses import replace

    return sketches(replace(like, record_id=str(k), arrays={key: one}) for k, one in enumerate(x)).small


if __name__ == "__main__":
    main()
