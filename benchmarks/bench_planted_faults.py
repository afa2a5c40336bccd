r"""What an evaluation says of sets with a fault planted in them: copies, collapse, leaks, wrong labels, broken files.

    python benchmarks/bench_planted_faults.py [--modality radiograph|ecg|both] [--cases copier,leak,...] [--n 120]
        [--source embedded:nih64|embedded:ludb|READER:PATH|simulator:600] [--seeds 1,2]
        [--folder build/planted_faults] [--through parts|evaluate] [--out TABLE.md]

Real patients (embedded NIH radiographs, embedded LUDB ECGs, or any others) are dealt out at random: half are what a
generator was trained on, a quarter is the real side, a quarter is passed off as synthetic. `simulator:N` takes N
simulated ECGs in the place of real ones, where these are too few. That last quarter is the good set, which
must pass; every fault is planted in it. Each set is written as a stranger would hand it in, a CSV and PNG or npy
files, and read back from there. A fault counts as caught where a finding at `stop` or `care` of a part that should see
it is not also made of the good set, or there of fewer attributes. Finished cases stay in the folder and are not
measured again; --again measures them anew from what is kept there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from clinsynth import __version__  # noqa: E402
from clinsynth.conditioning.readers import read  # noqa: E402
from clinsynth.conditioning.record import Record  # noqa: E402
from clinsynth.conditioning.seeds import stream  # noqa: E402
from clinsynth.evaluation.finding import Finding  # noqa: E402
from clinsynth.evaluation.verdict import LEVELS  # noqa: E402

ARRAY = {"radiograph": "image", "ecg": "signal"}
SOURCE = {"radiograph": "embedded:nih64", "ecg": "embedded:ludb"}
COLLAPSED_TO = 4  # records that a collapsed generator knows
NOISE = 0.01  # of the spread, on each repeat of one
Deal = dict[str, list[Record]]  # training, real and good records
Plant = Callable[[Deal, str, np.random.Generator], list[Record]]


@dataclass(frozen=True)
class Fault:
    """A fault, how it is planted, and the parts of an evaluation that should see it."""

    title: str
    plant: Plant
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """What an evaluation said of one set; `refused` is its word where it would not measure it."""

    findings: tuple[Finding, ...]
    refused: str
    seconds: float


def _good(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    return deal["good"]


def _copier(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    return _some(deal["training"], len(deal["good"]), rng)


def _collapse(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    few = _some(deal["good"], COLLAPSED_TO, rng)
    return [_noisy(few[k % len(few)], record, array, rng) for k, record in enumerate(deal["good"])]


def _one_each(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    first: dict[Any, Record] = {}
    for record in deal["good"]:
        first.setdefault(_kind(record), record)
    return [_noisy(first[_kind(record)], record, array, rng) for record in deal["good"]]


def _leak(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    good = list(deal["good"])
    rows = rng.permutation(len(good))[: max(1, round(0.05 * len(good)))]
    for row, record in zip(rows.tolist(), _some(deal["training"], len(rows), rng), strict=True):
        good[row] = record
    return good


def _leak_near(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    """Return a leak of records stored anew: no byte of them is the same."""
    whole = _leak(deal, array, rng)
    good = {id(record) for record in deal["good"]}
    return [r if id(r) in good else _noisy(r, r, array, rng) for r in whole]


def _own(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    """Return what the package's own generator makes of the good half's conditions."""
    from clinsynth.app.jobs.models import build

    asked = [_bare(record.condition) for record in deal["good"]]
    return list(build("radiograph" if array == "image" else "ecg").generate(asked, range(1, len(asked) + 1)))


def _bare(condition: Any) -> Any:
    """Return sex, age, view, rhythm and findings of a condition, and nothing of its measures."""
    names = ("sex", "age_years", "view", "rhythm", "findings")
    return type(condition)(**{n: v for n in names if (v := getattr(condition, n, None)) is not None})


def _shuffled(share: float) -> Plant:
    def plant(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
        good = list(deal["good"])
        rows = np.sort(rng.permutation(len(good))[: round(share * len(good))])
        told = [good[row].condition for row in rng.permutation(rows).tolist()]
        for row, condition in zip(rows.tolist(), told, strict=True):
            good[row] = replace(good[row], condition=condition)
        return good

    return plant


def _junk(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
    def junk(record: Record) -> Record:
        x = record.arrays[array]
        made = rng.uniform(size=x.shape) if array == "image" else np.zeros(x.shape)
        return replace(record, arrays={array: made.astype(np.float32)})

    return [junk(record) for record in deal["good"]]


def _broken(value: float) -> Plant:
    def plant(deal: Deal, array: str, rng: np.random.Generator) -> list[Record]:
        good = list(deal["good"])
        for row in rng.permutation(len(good))[: max(1, len(good) // 10)].tolist():
            good[row] = replace(good[row], arrays={array: np.full_like(good[row].arrays[array], value)})
        return good

    return plant


NEAR = ("copies", "neighbours", "privacy", "curation", "validity", "encoder")
VARIED = ("encoder", "pairs", "realism", "clouds", "curation", "validity", "groups", "diversity")
LOOKS = ("encoder", "readers", "realism", "clouds", "summary", "r-peaks", "validity", "groups", "pairs", "obedience")
OBEYED = ("obedience", "readers")
FAULTS = {
    "good": Fault("a good real half, other patients", _good, ()),
    "copier": Fault("training set passed off as synthetic", _copier, NEAR),
    "leak": Fault("5 % training records in a good set", _leak, NEAR),
    "leak_near": Fault("5 % training records with slight noise in a good set", _leak_near, NEAR),
    "collapse": Fault(f"{COLLAPSED_TO} records repeated with slight noise", _collapse, VARIED),
    "one_each": Fault("one record for each sex and view or rhythm", _one_each, VARIED),
    "shuffled": Fault("conditions shuffled", _shuffled(1.0), OBEYED),
    "shuffled_20": Fault("conditions of 20 % shuffled", _shuffled(0.2), OBEYED),
    "junk": Fault("noise images, flat ECGs", _junk, LOOKS),
    "constant": Fault("a tenth of the files constant", _broken(0.0), LOOKS),
    "nan": Fault("a tenth of the files without a number", _broken(float("nan")), LOOKS),
    "own": Fault("the shipped generator's own, the conditions of the good half", _own, LOOKS),
}


def main() -> None:
    """Plant, measure, print."""
    o = options()
    lines = []
    for modality in ("radiograph", "ecg") if o.modality == "both" else (o.modality,):
        source = o.source or SOURCE[modality]
        runs = {seed: planted(modality, source, seed, o) for seed in o.seeds}
        lines += [f"## {modality}s of {source}\n", summary(runs), ""]
        for seed, found in runs.items():
            lines += [f"### Seed {seed}\n", markdown(found), ""]
    text = "\n".join(lines)
    print(text)
    if o.out is not None:
        o.out.write_text(text + "\n", encoding="utf-8")


def planted(modality: str, source: str, seed: int, o: argparse.Namespace) -> dict[str, Measured]:
    """Return what is said of every planted set of one deal, the good one first."""
    name = re.sub(r"[^a-z0-9]+", "-", source.lower())
    folder = o.folder / f"{modality}-{name}-n{o.n}-seed{seed}"
    deal = dealt(source, o.n, seed)
    print({side: len(records) for side, records in deal.items()}, file=sys.stderr, flush=True)
    tables = {side: written(deal[side], folder / side, modality) for side in ("training", "real")}
    found: dict[str, Measured] = {}
    for case in dict.fromkeys(("good", *o.cases.split(","))):
        made = FAULTS[case].plant(deal, ARRAY[modality], stream(seed, f"planted_faults.{case}"))
        table = written(made, folder / case / "handed_in", modality)
        if case != "good":
            _share_measures(folder / "good" / f"look-{o.through}", folder / case / f"look-{o.through}")
        found[case] = measured(modality, tables, table, folder / case, o.through, seed, o.again)
        print(f"{modality} {case}: {found[case].seconds:.0f} s", file=sys.stderr, flush=True)
    return found


def _share_measures(done: Path, fresh: Path) -> None:
    """Put what the good case measured of single real records where another case finds it, by its content."""
    (fresh / "parts").mkdir(parents=True, exist_ok=True)
    for file in (done / "parts").glob("measured-*"):
        shutil.copy(file, fresh / "parts" / file.name)


def summary(runs: dict[int, dict[str, Measured]]) -> str:
    """Return one row a fault: which parts caught it at each seed, those at `stop` marked."""
    lines = ["| planted | " + " | ".join(f"seed {seed}" for seed in runs) + " |", "|---" * (1 + len(runs)) + "|"]
    for case in next(iter(runs.values())):
        cells = [FAULTS[case].title, *(_caught_by(case, found) for found in runs.values())]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _caught_by(case: str, found: dict[str, Measured]) -> str:
    m = found[case]
    if m.refused:
        return "refused"
    if case == "good":
        raised = [f for f in m.findings if f.level in ("stop", "care")]
        return ", ".join(dict.fromkeys(f"{f.part} ({f.level})" for f in raised)) or "nothing raised"
    by = caught(FAULTS[case], m, found["good"])
    return ", ".join(dict.fromkeys(f"{f.part} ({f.level})" for f in by)) or "**not caught**"


def options() -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", choices=("radiograph", "ecg", "both"), default="both")
    parser.add_argument("--cases", default=",".join(FAULTS), help="of " + ", ".join(FAULTS))
    parser.add_argument("--n", type=int, default=120, help="records of a planted set, at most")
    parser.add_argument("--source", default=None, help="real records; embedded ones when left out")
    parser.add_argument("--seeds", default="0", type=lambda said: [int(k) for k in said.split(",")])
    parser.add_argument("--folder", type=Path, default=Path("build/planted_faults"))
    parser.add_argument("--through", choices=("parts", "evaluate"), default="parts", help="what is run")
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    parser.add_argument("--out", type=Path, default=None, help="the table as a Markdown file")
    o = parser.parse_args()
    if unknown := set(o.cases.split(",")) - set(FAULTS):
        parser.error(f"--cases: {', '.join(sorted(unknown))} is not among {', '.join(FAULTS)}")
    return o


def dealt(source: str, n: int, seed: int) -> Deal:
    """Return real records dealt out by patient: half training, a quarter real, a quarter good."""
    records = _records(source, seed)
    patients = sorted({_patient(r) for r in records})
    order = [patients[i] for i in stream(seed, "planted_faults.deal").permutation(len(patients)).tolist()]
    half, three = len(order) // 2, 3 * len(order) // 4
    who = {"training": set(order[:half]), "real": set(order[half:three]), "good": set(order[three:])}
    deal = {side: [r for r in records if _patient(r) in p] for side, p in who.items()}
    return deal | {"good": deal["good"][:n]}


def _records(source: str, seed: int) -> list[Record]:
    name, _, count = source.partition(":")
    if name != "simulator":
        return list(read(source))
    from clinsynth.evaluation.ecg.training_cohort import training_records

    return list(training_records(int(count), 1000 + seed))


def _patient(record: Record) -> str:
    named = getattr(record.condition, "patient_id", None) or record.provenance.get("patient_id")
    return str(named or record.record_id)


def written(records: Sequence[Record], folder: Path, modality: str) -> Path:
    """Write records as a stranger's table and return it; one that is there is taken as it is.

    Real sides keep their patients; a planted set names its records alone, and says nothing of where they come from.
    """
    table = folder / "table.csv"
    if table.is_file():
        return table
    folder.mkdir(parents=True, exist_ok=True)
    own = folder.name in ("training", "real")
    rows = [_row(k, record, folder, modality, own) for k, record in enumerate(records)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    part = folder / "table.part"
    with part.open("w", newline="", encoding="utf-8") as text:
        lines = csv.DictWriter(text, names, restval="")
        lines.writeheader()
        lines.writerows(rows)
    part.rename(table)  # the table last: it stands for a folder that is whole
    return table


def _row(k: int, record: Record, folder: Path, modality: str, own: bool) -> dict[str, str]:
    name = record.record_id if own else f"made_{k:04d}"
    assert record.condition is not None
    facts = record.condition.model_dump(mode="json", exclude_none=True)
    facts.pop("duration_s", None)
    if not own:
        facts.pop("patient_id", None)
    told = {key: "|".join(map(str, v)) if isinstance(v, list) else str(v) for key, v in facts.items()}
    return {"path": _file(record, folder / name, modality).name, "record_id": name, **told}


def _file(record: Record, path: Path, modality: str) -> Path:
    x = record.arrays[ARRAY[modality]]
    if modality == "radiograph" and np.isfinite(x).all():
        from PIL import Image

        Image.fromarray(np.rint(255 * x).astype(np.uint8)).save(path.with_suffix(".png"))
        return path.with_suffix(".png")
    np.save(path.with_suffix(".npy"), x.astype(np.float32))
    return path.with_suffix(".npy")


def measured(
    modality: str, real: dict[str, Path], table: Path, folder: Path, through: str, seed: int, again: bool
) -> Measured:
    """Return what is said of a planted set; what was measured before by this version is read."""
    kept, key = folder / f"measured-{through}.json", {"by": __version__, "through": through, "seed": seed}
    try:
        body = json.loads(kept.read_text(encoding="utf-8"))
        if body["key"] == key and not again:
            findings = tuple(Finding.model_validate(f) for f in body["findings"])
            return Measured(findings, body["refused"], body["seconds"])
    except (OSError, ValueError, KeyError):
        pass
    begun, findings, refused = time.process_time(), (), ""
    try:
        findings = measure(modality, real, table, folder / f"look-{through}", through, seed)
    except ValueError as error:
        refused = str(error)
    result = Measured(findings, refused, time.process_time() - begun)
    body = {"key": key, **asdict(result), "findings": [f.model_dump() for f in result.findings]}
    kept.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return result


def measure(
    modality: str, real: dict[str, Path], table: Path, folder: Path, through: str, seed: int
) -> tuple[Finding, ...]:
    """Return the findings on one set.

    Raises:
        ValueError: it cannot be measured, and why.
    """
    if modality == "radiograph":
        _same_eyes()
    if through == "evaluate":
        from clinsynth.app.jobs import evaluate
        from clinsynth.evaluation.report import Page

        evaluate(
            f"table:{real['real']}", f"table:{table}", folder, seed=seed, train=f"table:{real['training']}"
        )  # fmt: skip
        content = json.loads((folder / "page.json").read_text(encoding="utf-8"))
        return Page.model_validate(content["page"]).findings
    sides = [list(read(f"table:{path}")) for path in (real["training"], real["real"], table)]
    return _radiographs(*sides, folder, seed) if modality == "radiograph" else _ecgs(*sides, seed)


def _radiographs(
    training: list[Record], held_out: list[Record], made: list[Record], folder: Path, seed: int
) -> tuple[Finding, ...]:
    from clinsynth.app.jobs import radiographs
    from clinsynth.evaluation.radiograph.look import radiograph_look, sides_of
    from clinsynth.evaluation.radiograph.verdict import radiograph_findings

    sides = sides_of(training, held_out, made, seed=seed)
    look = radiograph_look(sides, len(made), eyes=radiographs.eyes(), seed=seed, folder=folder)
    return radiograph_findings(look, None)


def _ecgs(training: list[Record], held_out: list[Record], made: list[Record], seed: int) -> tuple[Finding, ...]:
    from clinsynth.evaluation.ecg.clouds import clouds
    from clinsynth.evaluation.ecg.first_look import first_look
    from clinsynth.evaluation.ecg.verdict import first_findings, proof_findings

    look = first_look(held_out, made, seed=seed)
    return (*first_findings(look), *proof_findings(clouds(training, held_out, made, seed=seed), None))


@cache
def _same_eyes() -> None:
    """Let one encoder and one judge look at all sets, since all have the same training images."""
    from clinsynth.app.jobs import radiographs

    usual, seen = radiographs.eyes(), {}

    def once(what: str, train: Callable[..., Any]) -> Callable[..., Any]:
        def trained(records: Sequence[Record], seed: int) -> Any:
            key = (what, seed, tuple(r.record_id for r in records))
            if key not in seen:
                seen[key] = train(records, seed)
            return seen[key]

        return trained

    same = replace(usual, encoder=once("encoder", usual.encoder), judge=once("judge", usual.judge))
    radiographs.eyes = lambda: same  # type: ignore[assignment]


def caught(fault: Fault, found: Measured, good: Measured) -> list[Finding]:
    """Return the findings that give a fault away, the worst first: none that is made of the good set as well."""
    new = [f for f in found.findings if f.level in ("stop", "care") and f.part in fault.parts and _is_new(f, good)]
    return sorted(new, key=lambda f: LEVELS.index(f.level))


def _is_new(f: Finding, good: Measured) -> bool:
    """Return whether a finding is not made of the good set, or is made there of fewer things by name."""
    usual = [
        g for g in good.findings if (g.part, g.question, g.level, g.claim) == (f.part, f.question, f.level, f.claim)
    ]
    return not usual or bool(_names(f.figure) - set().union(*(_names(g.figure) for g in usual)))


def _names(figure: str) -> set[str]:
    """Return what a figure is of: the words before the number of each of its items."""
    return {re.split(r"[-+]?\.?\d", item)[0].strip() for item in re.split(r"[,;] ", figure)}


def markdown(found: dict[str, Measured]) -> str:
    """Return the table of faults and what caught them."""
    lines = ["| planted | caught | by | level | figure | same figure, good half | s |", "|---|---|---|---|---|---|---|"]
    good = found["good"]
    for name, m in found.items():
        title, fault = FAULTS[name].title, FAULTS[name]
        if m.refused:
            caught_it = "no, refused" if name == "good" else "yes, refused"
            lines.append(f"| {title} | {caught_it} | the reader | – | {_cell(m.refused)} | – | {m.seconds:.0f} |")
        elif name == "good":
            raised = [f for f in m.findings if f.level in ("stop", "care")]
            said = "; ".join(f"{f.part}: {f.claim} {f.figure}" for f in raised) or "nothing raised"
            stops = any(f.level == "stop" for f in raised)
            word = "passes" if not raised else "does not pass" if stops else "passes with care"
            lines.append(f"| {title} | {word} | – | – | {_cell(said)} | – | {m.seconds:.0f} |")
        else:
            by = caught(fault, m, good)
            if not by:
                lines.append(f"| {title} | **no** | – | – | – | – | {m.seconds:.0f} |")
            for k, f in enumerate(by):
                first = (title, "yes") if k == 0 else ("", "")
                took = f"{m.seconds:.0f}" if k == 0 else ""
                cells = (*first, f.part, f.level, f"{f.claim} {f.figure}", _alike(f, good), took)
                lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _alike(f: Finding, good: Measured) -> str:
    """Return the good half's figure that begins with the same words, or of the same part and question."""
    same = [g for g in good.findings if (g.part, g.question) == (f.part, f.question) and g.figure]
    best = max(same, key=lambda g: len(os.path.commonprefix([g.figure, f.figure])), default=None)
    return "–" if best is None else best.figure


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _some(records: Sequence[Record], n: int, rng: np.random.Generator) -> list[Record]:
    return [records[i] for i in np.sort(rng.permutation(len(records))[:n]).tolist()]


def _kind(record: Record) -> Any:
    c = record.condition
    return (getattr(c, "sex", None), getattr(c, "view", None), getattr(c, "rhythm", None))


def _noisy(source: Record, asked: Record, array: str, rng: np.random.Generator) -> Record:
    """Return one record with slight noise, under another one's condition where they are of one kind, else its own."""
    x = source.arrays[array]
    y = x + NOISE * x.std() * rng.standard_normal(x.shape)
    condition = asked.condition if _kind(asked) == _kind(source) else source.condition
    return replace(
        source, arrays={array: (y.clip(0, 1) if array == "image" else y).astype(np.float32)}, condition=condition
    )


if __name__ == "__main__":
    main()
