"""Quality control while sampling: an image that does not show what was asked for is drawn again, R times at most.

Try 0 has the sample's own seed, so that images which pass at once are those that the model alone would make. Every
image is read by itself: a record depends on its condition and seed, never on what is drawn beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ...conditioning.radiograph import RadiographCondition
from ...conditioning.record import Record
from ...conditioning.seeds import sample_seed
from ..protocol import Generator, check_seeds
from ..readout.radiograph.inspector import Inspector, Verdict

RETRIES = 3
TOGETHER = 64  # samples whose failures are drawn again in one pass


class Judge(Protocol):
    """What decides whether an image passes; `Inspector` is one."""

    def judge(self, image: Any, condition: Any) -> Verdict:
        """Return the verdict on one image (rows, columns) in [0, 1]."""
        ...

    def config(self) -> dict[str, Any]:
        """Return what decides its verdicts."""
        ...


@dataclass
class _Sample:
    """One sample on its way: what was asked, what was drawn, and how each try went."""

    asked: Any
    seed: int
    record: Record | None = None
    verdict: Verdict | None = None
    tries: list[dict[str, Any]] = field(default_factory=list)

    def take(self, record: Record, seed: int, judge: Judge) -> None:
        """Judge a try and keep it."""
        self.record, self.verdict = record, judge.judge(record.arrays["image"], self.asked)
        self.tries.append({"seed": seed, "passed": self.verdict.passed, "scores": dict(self.verdict.scores)})

    @property
    def passed(self) -> bool:
        return self.verdict is not None and self.verdict.passed


class QualityControlled:
    """A generator of radiographs whose images are read back, and drawn again where they fail.

    A record's truth has `qc_passed`, `qc_failed` (why its last try failed; empty if it passed), `qc_scores` (by field
    or finding the chance of what was asked, for age the error in years), `qc_unjudged` (what was asked and nobody can
    judge) and `qc_tries` (seed, passed and scores of each). A sample that fails to the end comes with its last try.

    Attributes:
        generator: draws.
        inspector: judges.
        retries: further tries at most.
    """

    name: ClassVar[str]
    condition_type: ClassVar[type[BaseModel]]
    shard_size: ClassVar[int]
    formats: ClassVar[tuple[str, ...]]

    def __init__(self, generator: Generator, inspector: Inspector | Judge, *, retries: int = RETRIES) -> None:
        """Wrap a generator.

        Args:
            generator: of records with `image`, for a RadiographCondition.
            inspector: judges each image.
            retries: further tries of an image that fails, 0 or more.

        Raises:
            ValueError: retries is negative, or the generator makes no radiographs.
        """
        if retries < 0:
            raise ValueError(f"retries = {retries} is negative")
        if not issubclass(generator.condition_type, RadiographCondition):
            kind = generator.condition_type.__name__
            raise ValueError(f"{generator.name} takes a {kind}; quality control reads radiographs")
        self.generator = generator
        self.inspector = inspector
        self.retries = retries
        own = ("name", "condition_type", "shard_size", "formats")  # a class has them; here they are the wrapped one's
        vars(self).update({name: getattr(generator, name) for name in own})

    @property
    def weights_sha256(self) -> str | None:
        """Return the wrapped generator's hash of weights; the inspector's is in `config`."""
        return getattr(self.generator, "weights_sha256", None)

    @property
    def device(self) -> str:
        """Return where the wrapped generator computes; images are judged on the CPU."""
        return str(getattr(self.generator, "device", "cpu"))

    def to(self, device: str) -> QualityControlled:
        """Let the wrapped generator compute on a device from now on."""
        self.generator.to(device)  # type: ignore[attr-defined]
        return self

    def halve_pass(self) -> int | None:
        """Let fewer images go through the wrapped generator's networks together; None if it cannot."""
        halve: Callable[[], int | None] = getattr(self.generator, "halve_pass", lambda: None)
        return halve()

    def support(self) -> dict[str, dict[str, int]]:
        """Return how many training images had each value of each field."""
        counts: dict[str, dict[str, int]] = self.generator.support()  # type: ignore[attr-defined]
        return counts

    def config(self) -> dict[str, Any]:
        """Return the wrapped generator's settings, and under `quality_control` what decides tries and verdicts."""
        return self.generator.config() | {"quality_control": {"retries": self.retries} | self.inspector.config()}

    def generate(self, conditions: Sequence[Any], seeds: Sequence[int]) -> Iterator[Record]:
        """Yield one record per condition; record i depends on conditions[i] and seeds[i] alone.

        Args:
            conditions: what is asked for.
            seeds: one seed per record.

        Raises:
            ValueError: the sequences differ in length, or the wrapped generator refuses a condition.
        """
        check_seeds(conditions, seeds)
        for first in range(0, len(conditions), TOGETHER):
            some = slice(first, first + TOGETHER)
            yield from self._block([_Sample(c, int(s)) for c, s in zip(conditions[some], seeds[some], strict=True)])

    def _block(self, samples: Sequence[_Sample]) -> Iterator[Record]:
        for attempt in range(self.retries + 1):
            pending = [sample for sample in samples if not sample.passed]
            if not pending:
                break
            seeds = [try_seed(sample.seed, attempt) for sample in pending]
            drawn = self.generator.generate([sample.asked for sample in pending], seeds)
            for sample, seed, record in zip(pending, seeds, drawn, strict=True):
                sample.take(record, seed, self.inspector)
        for sample in samples:
            yield _told(sample)


def try_seed(seed: int, attempt: int) -> int:
    """Return the seed of a try: the sample's own for the first, then one derived from it for each."""
    return seed if attempt == 0 else sample_seed(seed, f"quality control, try {attempt}")


def _told(sample: _Sample) -> Record:
    """Return a sample's record with how its tries went."""
    assert sample.record is not None and sample.verdict is not None
    truth = {
        "qc_passed": sample.verdict.passed,
        "qc_failed": "; ".join(sample.verdict.failed),
        "qc_scores": dict(sample.verdict.scores),
        "qc_unjudged": list(sample.verdict.unjudged),
        "qc_tries": sample.tries,
    }
    return replace(sample.record, truth={**sample.record.truth, **truth})
