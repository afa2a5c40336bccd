"""Missing contrasts of real brains: all 28 questions, steps, uncertainty and a segmenter's Dice, beside baselines.

    python benchmarks/bench_mri_proof.py [OUT] [--real SOURCE...] [--brains NAME,...] [--baselines zero,mean,...]
        [--model NAME=FOLDER[@BRAIN,...]]... [--steps 1,2,4,10] [--samples 4] [--phantoms 24] [--md FILE.md]

A baseline learns on the other patients. A model's folder may hold `{brain}`, one model for each brain that it left out;
or it is named with the brains that it was not trained on (`@`). Everything that is done stays in OUT, so a stopped run
goes on where it was; OUT/results.json holds all, OUT/tables.md (or --md) the tables. One CPU thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from clinsynth.evaluation.kept import kept
from clinsynth.evaluation.mri.baselines import BASELINES, Baseline
from clinsynth.evaluation.mri.case import Case, Missing, questions
from clinsynth.evaluation.mri.crossing import answered, crossed
from clinsynth.evaluation.mri.trust import trust
from clinsynth.evaluation.mri.usefulness import Use, uses_of
from clinsynth.generators.mri.wavelet import MriDiffusion
from clinsynth.generators.readout.tumour import SegmenterConfig, TumourSegmenter, scan_of, taught_segmenter
from mri_brains import SEED, brains, phantoms
from mri_tables import Results, markdown
from pydantic import BaseModel

THREE = [q for q in questions() if len(q.inputs) == 3]


@dataclass(frozen=True)
class Model:
    """A trained model, or one for each brain that was left out."""

    folder: str
    brains: tuple[str, ...]

    def of(self, case: Case, **sampling: Any) -> MriDiffusion:
        """Return the model that has not seen a brain."""
        made = MriDiffusion.from_pretrained(self.folder.format(brain=case.name))
        return made.with_sampling(**sampling) if sampling else made

    def hashes(self) -> list[str]:
        """Return the hashes of all its weights."""
        folders = dict.fromkeys(self.folder.format(brain=brain) for brain in self.brains)
        return [MriDiffusion.from_pretrained(folder).weights_sha256 for folder in folders]

    def method(self, **sampling: Any) -> Baseline:
        """Return it as a baseline is called."""

        def learned(training: Sequence[Case], asked: Missing, seed: int) -> Callable[[Case], np.ndarray]:
            return lambda case: drawn(self.of(case, **sampling), case, asked)[0]

        return learned


def drawn(model: MriDiffusion, case: Case, asked: Missing) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a made contrast and its uncertainty on the case's scale, 0 to 1."""
    record = model.translate(case.record, [asked.target], SEED, sources=list(asked.inputs))
    scale = record.provenance["made"][asked.target]["scale"]
    spread = record.arrays.get(f"{asked.target}_uncertainty")
    made = np.asarray(record.arrays[asked.target][case.near] / scale, np.float32)
    return made, None if spread is None else np.asarray(spread[case.near] / scale, np.float32)


def main() -> None:
    """Run what is asked for and write the tables."""
    o = arguments()
    cases = brains(o.real, o.brains)
    models = dict(parsed(text, [c.name for c in cases]) for text in o.model)
    o.out.mkdir(parents=True, exist_ok=True)
    methods = {name: BASELINES[name] for name in o.baselines} | {name: m.method() for name, m in models.items()}
    found = crossed(
        cases, methods, who={n: m.brains for n, m in models.items()}, seed=SEED, folder=o.out,
        made_from={n: m.hashes() for n, m in models.items()}, progress=told("cells"),
    )  # fmt: skip
    results = Results(
        brains=[c.name for c in cases], answers=list(found.answers),
        steps=list(steps(models, cases, o.steps, o.out)), trust=list(trusts(models, cases, o.samples, o.out)),
        uses=list(uses(methods, {n: m.brains for n, m in models.items()}, cases, o.phantoms, o.out)),
    )  # fmt: skip
    (o.out / "results.json").write_text(results.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (o.md or o.out / "tables.md").write_text(markdown(results), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words: Callable[[str], list[str]] = lambda text: [w for w in text.split(",") if w]  # noqa: E731
    parser.add_argument("out", type=Path, nargs="?", default=Path("bench-mri-proof"))
    parser.add_argument("--real", nargs="+", default=["embedded:tcga_lgg"])
    parser.add_argument("--brains", type=words, default=[], help="records that are used; all when left out")
    parser.add_argument("--baselines", type=words, default=list(BASELINES))
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--steps", type=lambda t: [int(w) for w in words(t)], default=[1, 2, 4, 10])
    parser.add_argument("--samples", type=int, default=4, help="draws behind an uncertainty; 0 leaves it out")
    parser.add_argument("--phantoms", type=int, default=24, help="brains that segmenters learn on; 0 leaves Dice out")
    parser.add_argument("--md", type=Path)
    return parser.parse_args()


def parsed(text: str, known: Sequence[str]) -> tuple[str, Model]:
    """Return a model's name and where it lies."""
    name, _, place = text.partition("=")
    folder, _, whom = place.partition("@")
    return name, Model(folder, tuple(whom.split(",")) if whom else tuple(known))


def told(what: str) -> Callable[[int, int], None]:
    """Return what says on the terminal how far a part is."""

    def say(done: int, of: int) -> None:
        if done % 25 == 0 or done == of:
            print(f"{what}: {done} of {of}, {time.process_time():.0f} CPU s", flush=True)

    return say


class _Rows(BaseModel):
    rows: list[dict[str, Any]]


def steps(models: Mapping[str, Model], cases: Sequence[Case], counts: Sequence[int], out: Path) -> Iterator[dict]:
    """Yield quality and time of each number of steps, of the questions with three inputs."""
    for name, model in models.items():
        for n in counts:

            def make(model: Model = model, name: str = name, n: int = n) -> _Rows:
                rows = []
                for case in (c for c in cases if c.name in model.brains):
                    for asked in THREE:
                        begun = time.process_time()
                        made = drawn(model.of(case, steps=n), case, asked)[0]
                        cpu_s = time.process_time() - begun
                        scores = answered(name, asked, case, made).scores["brain"]
                        rows.append(
                            {"model": name, "steps": n, "brain": case.name, "target": str(asked.target),
                             "psnr_db": scores.psnr_db, "ssim": scores.ssim, "cpu_s": cpu_s}
                        )  # fmt: skip
                return _Rows(rows=rows)

            try:
                key = {"model": name, "weights": model.hashes(), "steps": n, "brains": list(model.brains)}
                yield from kept(out, f"steps-{name}-{n}", key, _Rows, make).rows
            except ValueError as refused:
                print(f"{name}, {n} steps: {refused}")


def trusts(models: Mapping[str, Model], cases: Sequence[Case], samples: int, out: Path) -> Iterator[dict]:
    """Yield what the spread of several samples says of the error, of the questions with three inputs."""
    if samples < 2:
        return
    for name, model in models.items():

        def make(model: Model = model, name: str = name) -> _Rows:
            rows = []
            for case in (c for c in cases if c.name in model.brains):
                for asked in THREE:
                    made, spread = drawn(model.of(case, samples=samples), case, asked)
                    assert spread is not None
                    miss = (made - case.volumes[asked.target])[case.brain].astype(float)
                    said = trust(miss, spread[case.brain].astype(float)).model_dump(mode="json")
                    rows.append({"model": name, "brain": case.name, "target": str(asked.target), **said})
            return _Rows(rows=rows)

        key = {"model": name, "weights": model.hashes(), "samples": samples, "brains": list(model.brains)}
        yield from kept(out, f"trust-{name}", key, _Rows, make).rows


def uses(
    methods: Mapping[str, Baseline], who: Mapping[str, Sequence[str]], cases: Sequence[Case], n: int, out: Path
) -> Iterator[Use]:
    """Yield what a segmenter finds with each contrast replaced; it learned on phantoms and other labelled brains."""
    labelled = [c for c in cases if c.labels is not None]
    if n < 1 or len(labelled) < 2:
        return
    arms = {name: m for name, m in methods.items() if name in ("zero", "mean", "histogram") or name in who}

    def make() -> _Rows:
        pool = phantoms(n)
        rows: list[dict[str, Any]] = []
        for case in labelled:
            others = [c for c in cases if c.patient != case.patient]
            segment = segmenter([c for c in labelled if c.patient != case.patient], pool)
            for asked in THREE:
                made = {
                    a: m(others, asked, SEED)(case) for a, m in arms.items() if case.name in who.get(a, [case.name])
                }
                rows += [u.model_dump(mode="json") for u in uses_of(case, asked.target, segment.labels, made)]
                print(f"Dice: {case.name} {asked.name}, {time.process_time():.0f} CPU s", flush=True)
        return _Rows(rows=rows)

    key = {"arms": sorted(arms), "phantoms": n, "brains": [c.name for c in labelled]}
    yield from (Use.model_validate(row) for row in kept(out, "uses", key, _Rows, make).rows)


def segmenter(real: Sequence[Case], pool: Sequence[Case]) -> TumourSegmenter:
    """Return a segmenter that learned on phantoms, then on real brains and phantoms alike."""
    config = SegmenterConfig(steps=300)
    made, known = ([scan_of(c.volumes, c.brain, c.labels) for c in side] for side in (pool, real))
    first = taught_segmenter(made, config, SEED)
    both = known * max(1, len(made) // max(1, len(known))) + made
    return taught_segmenter(both, config, SEED + 1, first)


if __name__ == "__main__":
    main()
