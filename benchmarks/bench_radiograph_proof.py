r"""What synthetic radiographs are worth to a classifier of findings: arms, controls, shares, other sites, fairness.

    python benchmarks/bench_radiograph_proof.py --synthetic DATASET [--data DIR] [--out FILE.json] [--seeds 3]

Trained on the embedded NIH radiographs (88 patients) and the data set made by a generator that saw the same 88; tested
on the 44 held-out patients and, where --data names a folder that holds them, on the sites `cxr_covid` and
`cxr_pediatric`. `--synthetic warped` stands in for a generator: training images pulled about and blended in pairs,
which is also the simplest thing that a generator has to beat; `--synthetic none` runs the real arms alone. Finished
arms lie beside --out and are not trained again. The same on other hospitals' data:

    python benchmarks/bench_radiograph_proof.py --train 'mimic-cxr:DIR?split=train&size=64' \
        --real 'mimic-cxr:DIR?split=test&size=64' --synthetic DATASET --steps 5000 --shares 0.001,0.01,0.1,1

All images are held in memory, 16 kB each at 64 x 64 and 200 kB at 224 x 224; the reader's `limit` takes fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from clinsynth.conditioning.radiograph import Finding  # noqa: E402
from clinsynth.conditioning.readers import read  # noqa: E402
from clinsynth.conditioning.record import Record  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.radiograph.downstream import (  # noqa: E402
    FindingsResult,
    FindingsSettings,
    about,
    cell_table,
    difference_tables,
    finding_table,
    findings_task,
    level_tables,
    read_site,
)
from clinsynth.evaluation.radiograph.downstream.network import augmented  # noqa: E402
from clinsynth.evaluation.report import Table  # noqa: E402

SITES = ("cxr_covid", "cxr_pediatric")
ELSEWHERE = {
    "MIMIC-CXR": ("mimic-cxr:DIR?split=train&size=64", "mimic-cxr:DIR?split=test&size=64"),
    "CheXpert": ("chexpert:DIR?split=train&size=64", "chexpert:DIR?split=valid&size=64"),
}


def main() -> None:
    """Train, judge, print."""
    o = options()
    torch.set_num_threads(1)
    settings = FindingsSettings(
        shares=[float(x) for x in o.shares.split(",")], steps=o.steps, seeds=o.seeds, size=o.size
    )
    train = list(read(o.train))
    named = {name: read_site(o.data / name) for name in SITES if o.data and (o.data / name).is_dir()}
    if o.data and not named:
        raise SystemExit(f"{o.data} holds none of the folders {', '.join(SITES)}")
    begun, cpu = time.perf_counter(), time.process_time()

    def said(done: int, total: int) -> None:
        print(f"{done} of {total} arms, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)

    result = findings_task(
        train, synthetic_records(o.synthetic, train), read(o.real), settings,
        sites=named, folder=o.out.parent / "arms", progress=said,
    )  # fmt: skip
    took = {"wall_s": round(time.perf_counter() - begun), "cpu_s": round(time.process_time() - cpu)}
    made = {"synthetic": o.synthetic, "train": o.train, "real": o.real, **took}
    o.out.parent.mkdir(parents=True, exist_ok=True)
    o.out.write_text(json.dumps(made | {"result": result.model_dump(mode="json")}, indent=1) + "\n", encoding="utf-8")
    show(result)
    print(f"\n{took['wall_s']} s, {took['cpu_s']} s of one core for what was not found in {o.out.parent / 'arms'}")
    print("\nEach table again, for who has the data:")
    for name, (training, test) in ELSEWHERE.items():
        print(f"  {name}: python benchmarks/bench_radiograph_proof.py --train {shlex.quote(training)} "
              f"--real {shlex.quote(test)} --synthetic DATASET --steps 5000 --shares 0.001,0.01,0.1,1")  # fmt: skip


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", default="warped", help="a data set, `warped` or `none`")
    parser.add_argument("--train", default="embedded:nih64?split=train", help="real data to train on")
    parser.add_argument("--real", default="embedded:nih64?split=held_out", help="real data to test on")
    parser.add_argument("--data", type=Path, default=None, help=f"a folder with {' and '.join(SITES)}")
    parser.add_argument("--out", type=Path, default=Path("build/radiograph_proof/result.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=160, help="of each stage, 32 images each")
    parser.add_argument("--size", type=int, default=64, help="rows and columns")
    parser.add_argument("--shares", default="0.05,0.1,0.25,1", help="of the real patients")
    return parser.parse_args()


def synthetic_records(name: str, train: Sequence[Record]) -> Iterator[Record]:
    """Return the synthetic records that are asked for."""
    if name == "none":
        return iter(())
    return warped(train, 2 * len(train)) if name == "warped" else read(name)


def warped(train: Sequence[Record], n: int, seed: int = 0) -> Iterator[Record]:
    """Yield training images pulled about and blended, 7 to 3, with another that is sick or healthy as they are."""
    rng = stream(seed, "bench_radiograph_proof.warped")
    sides: dict[bool | None, list[Record]] = {}
    for record in train:
        sides.setdefault(record.condition.state(Finding.no_finding), []).append(record)
    for k in range(n):
        first = train[int(rng.integers(len(train)))]
        alike = sides[first.condition.state(Finding.no_finding)]
        second = alike[int(rng.integers(len(alike)))]
        pair = np.stack([first.arrays["image"], second.arrays["image"]]).astype(np.float32)
        moved = augmented(torch.from_numpy(pair)[:, None], rng).numpy()[:, 0]
        yield replace(
            first,
            record_id=f"warped_{k}",
            arrays={"image": (0.7 * moved[0] + 0.3 * moved[1]).astype(np.float32)},
            condition=first.condition.model_copy(update={"patient_id": None}),
            provenance={"synthetic": True, "generator": "warped"},
        )


def show(result: FindingsResult) -> None:
    """Print every table."""
    print("\n".join(about(result)))
    most = max(result.settings.shares)
    for site in result.tests:
        for table in (*level_tables(result, site), *difference_tables(result, site)):
            print(markdown(table))
        print(markdown(finding_table(result, site, most)))
        print(markdown(cell_table(result, site, most)))


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    lines = [f"\n**{table.caption}**\n", "| " + " | ".join(table.head) + " |", "|---" * len(table.head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cell.text for cell in row) + " |" for row in table.rows)])


if __name__ == "__main__":
    main()
