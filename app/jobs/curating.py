"""curate: which samples of a data set are worth keeping, as a list, a table with the reasons, and files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent
from .exporting import check_format, check_free, export
from .settings import WrongSetting

if TYPE_CHECKING:
    import numpy as np

    from ...conditioning.record import Record
    from ...evaluation.curation import CurationConfig, CurationResult

TABLE, LIST, RESULT, DATA, SHOWN = "curation.csv", "kept.txt", "curation.json", "data", "curation.html"
Embed = Callable[[Sequence["Record"]], "np.ndarray"]


def curate(
    dataset: str | Path,
    out: str | Path,
    *,
    real: str | None = None,
    keep: int | None = None,
    file_format: str | None = None,
    hashed: str = "phash",
    embed: Embed | None = None,
    seed: int = 0,
    progress: Progress = silent,
    **settings: Any,
) -> CurationResult:
    """Say which samples of a data set to keep, and write them down.

    Args:
        dataset: a finished data set.
        out: a new or empty folder for `curation.csv` (each sample, whether it is kept and why), `kept.txt` (a name a
            line), `curation.json`, and with `file_format` the kept samples under `data/`.
        real: READER:PATH, embedded:NAME or a data set's folder; samples near a real record are dropped, and a
            selection takes the real records as what is to be covered.
        keep: how many samples are wanted; all that are no copies or duplicates when left out.
        file_format: a format of `export`; nothing but lists when left out.
        hashed: `dhash` or `phash`.
        embed: features of records; small pictures of them when left out.
        seed: of drawn choices.
        progress: called with (samples done, samples).
        settings: of `CurationConfig`: `radius`, `within`, `share`, `select`.

    Raises:
        ValueError: a source that is missing or of another kind, a setting that is not known, an unfinished data set,
            or `out` is not empty.
    """
    from ...conditioning.readers import read

    config = _config({"keep": keep, **settings})
    source = None if real is None else read(real)
    reader = _finished(dataset, "curate")
    folder = Path(out)
    check_free(folder)
    if file_format is not None:
        check_format(file_format)
    result = _curated(_counted(reader, len(reader), progress), source, config, hashed, embed, seed)
    folder.mkdir(parents=True, exist_ok=True)
    result.write_csv(folder / TABLE)
    (folder / LIST).write_text("".join(f"{name}\n" for name in result.kept), encoding="utf-8")
    (folder / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if file_format is not None:
        export(dataset, file_format, folder / DATA, keep=result.kept)
    return result


def export_kept(
    dataset: str | Path, file_format: str, out: str | Path, *, keep: str, real: str | None = None,
    select: str = "quality_diversity", seed: int = 0, progress: Progress = silent,
) -> CurationResult:  # fmt: skip
    """Export what is worth keeping of a data set, and beside it what was left out and why.

    Copies of real records and near-duplicates go first, then what is not selected. The folder holds the samples as
    `export` writes them, `curation.csv` (each sample of the data set, whether it was kept, why not, and because of
    which record), `curation.json` (settings, counts, keep-rate curve, hash of the data set, the command) and
    `curation.html`.

    Args:
        dataset: a finished data set.
        file_format: of `export`.
        out: a new or empty folder; it appears whole or not at all.
        keep: a share above 0 and below 1, a number of samples, or `unique`: all that are no copies or duplicates.
        real: real data; samples near a record of theirs are dropped, and a selection covers them.
        select: how samples are chosen; see `CurationConfig`.
        seed: of drawn choices.
        progress: called with (samples done, samples), once for reading and once for writing.

    Raises:
        ValueError: a source, a setting or a format that is not known, an unfinished data set, or `out` is not empty.
    """
    from ...conditioning.readers import read

    check_format(file_format)
    reader = _finished(dataset, "export")
    config = _config({"keep": wanted(keep, len(reader)), "select": select})
    check_free(Path(out))
    source = None if real is None else read(real)
    total = 2 * len(reader)
    result = _curated(
        _counted(reader, len(reader), lambda done, _: progress(done, total)), source, config, "phash", None, seed
    )
    words = ["clinsynth", "export", str(dataset), "--format", file_format, "--out", "DIR", "--keep", keep]
    words += ["--real", real] if real is not None else []
    words += ["--select", select] if select != "quality_diversity" else []
    command = shlex.join([*words, *(["--seed", str(seed)] if seed else [])])
    made_of = {"dataset": str(dataset), "recipe_sha256": reader.info.recipe_sha256, "real": real, "command": command}
    write = len(reader) / max(1, len(result.kept))
    export(
        dataset, file_format, out, keep=result.kept, beside=lambda folder: _write_beside(folder, result, made_of),
        progress=lambda done, _: progress(len(reader) + round(write * done), total),
    )  # fmt: skip
    return result


def wanted(keep: str, n: int) -> int | None:
    """Return how many samples are wanted of n; None for all that are no copies or duplicates.

    Raises:
        WrongSetting: neither a share above 0 and below 1, nor a whole number from 1, nor `unique`.
    """
    if keep == "unique":
        return None
    try:
        number = float(keep)
    except ValueError:
        number = float("nan")
    if 0 < number < 1:
        return max(1, round(number * n))
    if number >= 1 and number == int(number) and keep.strip().isdecimal():
        return int(number)
    raise WrongSetting("keep", f"must be a share such as 0.7, a number of samples, or unique; got {keep}")


def _config(settings: dict[str, Any]) -> CurationConfig:
    from pydantic import ValidationError

    from ...conditioning.words import one_line
    from ...evaluation.curation import CurationConfig

    try:
        return CurationConfig.model_validate(settings)
    except ValidationError as error:
        raise ValueError(one_line(error, CurationConfig)) from None


def _finished(dataset: str | Path, verb: str) -> Any:
    from ...conditioning.dataset import open_dataset

    reader = open_dataset(dataset)
    if not reader.complete:
        raise ValueError(f"{dataset} is unfinished; run the command that makes it again, then {verb}")
    return reader


def _write_beside(folder: Path, result: CurationResult, made_of: dict[str, Any]) -> None:
    from ...evaluation.curation import curation_findings, curation_section
    from ...evaluation.report import Page, html

    result.write_csv(folder / TABLE)
    counts = {reason: sum(row.reason == reason for row in result.rows) for reason in {r.reason for r in result.rows}}
    content = {**made_of, "counts": dict(sorted(counts.items())), **result.model_dump(mode="json", exclude={"rows"})}
    (folder / RESULT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    facts = ((f"{len(result.kept)} of {len(result.rows)}", "samples were kept"),)
    page = Page(facts=facts, sections=(curation_section(result),), findings=curation_findings(result))
    provenance = {name: value for name, value in made_of.items() if name != "command" and value is not None}
    text = html(page, title="What was kept, and why", provenance={**provenance, "commands": [made_of["command"]]})
    (folder / SHOWN).write_text(text, encoding="utf-8")


def _counted(reader: Any, n: int, progress: Progress) -> Any:
    for done, record in enumerate(reader, start=1):
        yield record
        progress(done, n)


def _curated(records: Any, real: Any, config: Any, hashed: str, embed: Embed | None, seed: int) -> CurationResult:
    from ...evaluation.curation import curate as curated
    from ...evaluation.curation.sketches import sketches
    from ...evaluation.realism import Sample

    features: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])

    def seen(side: Any, rows: list[np.ndarray]) -> Any:
        """Pass records on, and keep their features by the way."""
        for record in side:
            if embed is not None:
                rows.append(embed([record])[0])
            yield record

    mine = sketches(seen(records, features[0]), hashed)
    theirs = None if real is None else sketches(seen(real, features[1]), hashed)
    if theirs is not None and theirs.kind and mine.kind and theirs.kind != mine.kind:
        raise ValueError(f"the samples are of kind {mine.kind}, the real records of kind {theirs.kind}")

    def cloud(of: Any, rows: list[np.ndarray]) -> Any:
        import numpy as np

        return Sample(np.stack(rows) if rows else of.small, of.patients) if len(of.ids) else None

    return curated(
        mine.ids, mine.words,
        features=cloud(mine, features[0]),
        real=None if theirs is None else cloud(theirs, features[1]),
        real_words=None if theirs is None else theirs.words,
        real_ids=None if theirs is None else theirs.ids,
        real_patients=None if theirs is None else theirs.patients,
        volumes=mine.patients, config=config, seed=seed,
    )  # fmt: skip
