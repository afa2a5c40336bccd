"""What every evaluation measures behind its first look: an encoder's view, obedience, privacy, curation.

A part takes `Behind`, all sides as rows of features with what their conditions say, and returns sections and findings.
What a part found stays in the evaluation's folder and is read there when the same command is given again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from ...evaluation.finding import Finding
    from ...evaluation.obedience import Said
    from ...evaluation.realism import Sample
    from ...evaluation.realism.groupwise import GroupRow
    from ...evaluation.report import Section

    Found = tuple[Sequence[Section], Sequence[Finding]]
    Side = tuple[Sequence[str], Sequence[str], np.ndarray]  # names, patients, arrays

MOST_ROWS = 1000  # of a side, for what looks at pairs of records
RESAMPLES, SPLITS = 100, 30  # of the encoder's view
REREADINGS = 500  # resamples of obedience
REPEATS = 20  # plantings that try the power of each attack
NOTHING: Found = ((), ())


class Seen(NamedTuple):
    """All sides in the eyes of somebody.

    Attributes:
        training: features of the training records; None where none were named.
        real: of the held-out ones.
        synthetic: of what is judged.
        about: whose features they are, in words.
        standardise: whether they are compared on the real ones' mean and spread, as the studio's own encoders' are.
        made_from: JSON values that tell these features from all others.
    """

    training: Sample | None
    real: Sample
    synthetic: Sample
    about: str
    standardise: bool
    made_from: dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """Records of one side as curation takes them: their names, whose they are, and a hash of each one's looks."""

    ids: Sequence[str]
    patients: Sequence[str]
    words: np.ndarray


@dataclass(frozen=True)
class Behind:
    """What every part is given.

    Attributes:
        folder: of the evaluation.
        seed: of all that is drawn.
        seen: all sides in an encoder; None where nobody could look.
        read: all sides as obedience reads them; as they are seen when None.
        said: what conditions say, by attribute.
        named: synthetic and real records by name.
        everyone: metrics of everyone that another section shows already, by the same features; measured when None.
        titles: name and title of a part's section, where they are other than the usual ones.
    """

    folder: Path
    seed: int
    seen: Seen | None
    said: Mapping[str, Said]
    named: Callable[[], tuple[Listed, Listed]]
    read: Callable[[], Seen | None] | None = None
    everyone: GroupRow | None = None
    titles: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def readable(self) -> Seen | None:
        """Return all sides as obedience reads them."""
        return self.seen if self.read is None else self.read()

    def under(self, part: str, section: Section, findings: Sequence[Finding]) -> Found:
        """Return a section and its findings under the name that they have on this page."""
        name, title = self.titles.get(part, (section.name, section.title))
        moved = [f.model_copy(update={"part": name}) for f in findings]
        return (section.model_copy(update={"name": name, "title": title}),), moved


def realism(b: Behind) -> Found:
    """Compare clouds in the encoder: distances, neighbourhoods, kernels, and figures of memorising."""
    from ...evaluation.kept import kept
    from ...evaluation.realism import RealismResult, realism_findings, realism_of, realism_section

    seen = b.seen
    if seen is None:
        return NOTHING
    row = b.everyone
    key = {
        "version": 1,
        "seed": b.seed,
        "effort": [RESAMPLES, SPLITS],
        "everyone": None if row is None else row.model_dump(),
        **seen.made_from,
    }

    def made() -> RealismResult:
        return realism_of(
            seen.real, seen.synthetic, training=seen.training, seed=b.seed, most_rows=MOST_ROWS,
            standardise=seen.standardise, eyes=seen.about, everyone=row, resamples=RESAMPLES, splits=SPLITS,
        )  # fmt: skip

    result = kept(b.folder, "encoder", key, RealismResult, made)
    section = realism_section(result, everyone=row is None)
    section = section.model_copy(update={"name": "encoder", "title": "In the eyes of an encoder"})
    return b.under("encoder", section, [f.model_copy(update={"part": "encoder"}) for f in realism_findings(result)])


def obedience(b: Behind) -> Found:
    """Measure whether records show what their conditions say, by readers that learn on the training records."""
    from ...conditioning.dataset.schema import sha256_of
    from ...evaluation.kept import kept
    from ...evaluation.obedience import ObedienceResult, obedience_findings, obedience_of, obedience_section

    if not b.said or b.readable is None or b.readable.training is None:
        return NOTHING
    seen, training = b.readable, b.readable.training
    columns: dict[str, Any] = {name: [list(column) for column in said] for name, said in b.said.items()}
    key = {"version": 1, "seed": b.seed, "resamples": REREADINGS, "said": sha256_of(columns), **seen.made_from}

    def made() -> ObedienceResult:
        return obedience_of(
            training, seen.real, seen.synthetic, b.said, seed=b.seed, resamples=REREADINGS, features=seen.about
        )

    result = kept(b.folder, "readers", key, ObedienceResult, made)
    _write(b.folder / "obedience.json", result)
    return b.under("obedience", obedience_section(result), obedience_findings(result))


def privacy(b: Behind) -> Found:
    """Measure what the synthetic records give away of the training records."""
    from ...evaluation.privacy import privacy_findings, privacy_of, privacy_section

    if b.seen is None or b.seen.training is None:
        return NOTHING
    result = privacy_of(b.seen.training, b.seen.real, b.seen.synthetic, seed=b.seed, repeats=REPEATS, folder=b.folder)
    _write(b.folder / "privacy.json", result)
    return b.under("privacy", privacy_section(result), privacy_findings(result))


def curation(b: Behind) -> Found:
    """Tell which synthetic records are worth keeping: `curation.csv` says of each whether, and why not."""
    from ...conditioning.dataset.schema import sha256_of
    from ...evaluation.curation import CurationResult, curate, curation_findings, curation_section
    from ...evaluation.kept import kept

    made_, real = b.named()
    given: dict[str, Any] = {} if b.seen is None else {"features": b.seen.synthetic, "real": b.seen.real}
    sides = [[list(s.ids), list(s.patients), s.words.tolist()] for s in (made_, real)]
    key = {"version": 1, "seed": b.seed, "sides": sha256_of(sides), **({} if b.seen is None else b.seen.made_from)}

    def made() -> CurationResult:
        return curate(
            made_.ids, made_.words, real_words=real.words, real_ids=real.ids, real_patients=real.patients, seed=b.seed,
            **given,
        )  # fmt: skip

    result = kept(b.folder, "curation", key, CurationResult, made)
    result.write_csv(b.folder / "curation.csv")
    return b.under("curation", curation_section(result), curation_findings(result))


def said_alike(columns: Mapping[str, Sequence[Sequence[Any]]]) -> dict[str, Said]:
    """Return what conditions say, of the attributes that all sides have.

    Args:
        columns: by attribute, the values of the training, the real and the synthetic side; None where nothing is said.
    """
    from ...evaluation.obedience import Said

    plain = {name: [[_value(v) for v in column] for column in sides] for name, sides in columns.items()}
    return {name: Said(*sides) for name, sides in plain.items() if all(any(_stated(v) for v in side) for side in sides)}


def _value(said: Any) -> Any:
    """Return a condition's value as a list of words, a word or a number."""
    if isinstance(said, (list, tuple)):
        return [str(word) for word in said]
    if isinstance(said, str):
        return str(said)
    return None if said is None or said != said else said


def _stated(value: Any) -> bool:
    return value is not None


def named(
    hashed: Callable[[np.ndarray], np.ndarray], made: Side, real: Side, training: Side | None
) -> tuple[Listed, Listed]:
    """Return synthetic and real records by name, with a hash of each one's looks; what was trained on is real too.

    Args:
        hashed: takes arrays (n, ...).
        made: names, patients and arrays of the synthetic records.
        real: likewise.
        training: likewise; None where none were named.
    """
    import numpy as np

    sides = [real] if training is None else [real, training]
    words = np.concatenate([hashed(x) for *_, x in sides])
    ids = [name for names, *_ in sides for name in names]
    patients = [who for _, whose, _ in sides for who in whose]
    return Listed(made[0], made[1], hashed(made[2])), Listed(ids, patients, words)


# A line here is all that a part needs: its sections follow those of the first look in this order.
PARTS: tuple[Callable[[Behind], Found], ...] = (realism, obedience, privacy, curation)


def behind(b: Behind) -> Found:
    """Return the sections and the findings of all parts."""
    sections: list[Section] = []
    findings: list[Finding] = []
    for part in PARTS:
        more, found = part(b)
        sections += more
        findings += found
    return sections, findings


def _write(path: Path, result: Any) -> None:
    path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
