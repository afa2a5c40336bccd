"""curate: which samples of a data set are worth keeping, as a list, a table with the reasons, and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

    from ...conditioning.record import Record
    from ...evaluation.curation import CurationResult

TABLE, LIST, RESULT, DATA = "curation.csv", "kept.txt", "curation.json", "data"
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
    from pydantic import ValidationError

    from ...conditioning.dataset import open_dataset
    from ...conditioning.readers import read
    from ...conditioning.words import one_line
    from ...evaluation.curation import CurationConfig

    try:
        config = CurationConfig.model_validate({"keep": keep, **settings})
    except ValidationError as error:
        raise ValueError(one_line(error, CurationConfig)) from None
    source = None if real is None else read(real)
    reader = open_dataset(dataset)
    if not reader.complete:
        raise ValueError(f"{dataset} is unfinished; run the command that makes it again, then curate")
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder")
    if file_format is not None:
        from .exporting import check_format

        check_format(file_format)
    result = _curated(_counted(reader, len(reader), progress), source, config, hashed, embed, seed)
    folder.mkdir(parents=True, exist_ok=True)
    result.write_csv(folder / TABLE)
    (folder / LIST).write_text("".join(f"{name}\n" for name in result.kept), encoding="utf-8")
    (folder / RESULT).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if file_format is not None:
        from .exporting import export

        export(dataset, file_format, folder / DATA, keep=result.kept)
    return result


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
