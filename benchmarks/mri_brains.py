"""The brains that the MRI benches use: real ones of the sources that are named, and phantoms with tumours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clinsynth.conditioning.mri import Contrast
from clinsynth.conditioning.mri.phantom_condition import BrainPhantomCondition, Tumour
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.seeds import stream
from clinsynth.evaluation.mri.case import Case, case_of
from clinsynth.generators.mri.phantom import BrainPhantom

SEED = 0


def brains(sources: Sequence[str], only: Sequence[str] = ()) -> list[Case]:
    """Return the complete brains of the sources; those of some records alone where any is named."""
    records = [r for source in sources for r in read(source)]
    return [case_of(r) for r in records if (not only or r.record_id in only) and set(Contrast) <= set(r.arrays)]


def phantoms(n: int, progress: Callable[[int], None] = lambda done: None) -> list[Case]:
    """Return phantom brains at 2 mm, with and without an enhancing tumour in turn."""
    seeds = [int(s) for s in stream(SEED, "bench.mri.phantoms").integers(2**62, size=n)]
    found = []
    for k, seed in enumerate(seeds):
        asked = BrainPhantomCondition(tumour=(Tumour.low_grade, Tumour.high_grade)[k % 2])
        found += [case_of(r) for r in BrainPhantom().generate([asked], [seed])]
        progress(k + 1)
    return found
