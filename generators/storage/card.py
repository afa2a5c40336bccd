"""The data card: a README with the front matter that the Hugging Face hub reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...conditioning.dataset.reader import DIGEST
from ...conditioning.dataset.schema import DatasetInfo, Receipt

if TYPE_CHECKING:
    import pyarrow as pa

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_OWN = ("sample_id", "seed", "file", "condition", "truth", "provenance")
# What an image format's files hold, and what the hub's visitors search for.
_IMAGES = {
    "png": ("grey PNG of 8 bit", 255, "iTXt chunk `clinsynth`"),
    "png16": ("grey PNG of 16 bit", 65535, "iTXt chunk `clinsynth`"),
    "dicom": ("DICOM (Digital X-Ray Image For Presentation) of 16 bit, explicit VR little endian", 65535, "header"),
}
_IMAGE_TAGS = ("image", "radiology", "chest-x-ray")
_VOLUME_TAGS = ("image", "radiology", "3d")
_VOLUMES_OF = {"MriCondition": ("mri", "brain"), "CbctCondition": ("ct", "cbct")}
_VOLUMES = """
Each sample is one or more volumes on one grid, a gzipped NIfTI-1 file each: `SAMPLE.NAME.nii.gz`, NAME a contrast,
`segmentation` (uint8 labels) or `..._uncertainty`. Spacing and affine are in mm, the axes run to the right, front and
head where the affine says so. `descrip` in the header says that a volume is synthetic; a header extension (JSON) says
which generator, seed, condition and inputs it comes from.
"""
_REFERENCE = re.compile(r"\.nii(\.gz)?\b|#(series|sha256)=|^embedded:")  # where a volume lies: nobody else's business
_FEW = 20  # a text column with more different values is not listed


def manifest_glob(info: DatasetInfo) -> str:
    """Return the pattern of the manifests' names, from the data set's root."""
    return "shards/*/manifest.parquet" if info.layout == "folder" else "shards/*.manifest.parquet"


def card(info: DatasetInfo, receipts: Sequence[Receipt], manifest: pa.Table) -> str:
    """Return the text of `README.md`; it depends on nothing but the data set's content.

    Args:
        info: what `dataset.json` says.
        receipts: all of them, in order.
        manifest: rows of all written samples.
    """
    import yaml

    front = yaml.safe_dump(_front_matter(info, manifest.num_rows), sort_keys=False, allow_unicode=False)
    parts = [f"---\n{front}---\n\n# {info.name}\n", _summary(info, manifest.num_rows), _made(info)]
    parts += [_composition(manifest), _quarantine(receipts), _files(info)]
    return "\n".join(part for part in parts if part)


def _front_matter(info: DatasetInfo, n: int) -> dict[str, Any]:
    size = next((word for limit, word in _SIZES if n < limit), "1M<n<10M")
    tags = ["synthetic", "medical", info.generator, info.file_format]
    return {
        "pretty_name": info.name,
        "license": info.licence,
        "size_categories": [size],
        "tags": tags + _image_tags(info),
        "configs": [{"config_name": "default", "data_files": manifest_glob(info)}],
    }


def _image_tags(info: DatasetInfo) -> list[str]:
    if info.file_format == "nifti":
        return [*_VOLUME_TAGS, *_VOLUMES_OF.get(info.condition, ())]
    return list(_IMAGE_TAGS) if info.file_format in _IMAGES else []


def _summary(info: DatasetInfo, n: int) -> str:
    return f"""SYNTHETIC: {n} samples computed by the generator `{info.generator}`; none was recorded from a person.

## Intended use

{info.intended_use}
"""


def _made(info: DatasetInfo) -> str:
    rows = {
        "generator": info.generator,
        "weights (sha256)": info.weights_sha256 or "none, a simulator",
        "run seed": info.run_seed,
        "plan (sha256)": info.plan_sha256,
        "recipe (sha256)": info.recipe_sha256,
        "file format": info.file_format,
        "software": ", ".join(f"{name} {version}" for name, version in info.versions.items()),
    }
    return "## How it was made\n\n" + _table(("what", "value"), [(name, str(value)) for name, value in rows.items()])


def _composition(manifest: pa.Table) -> str:
    rows = [(name, text) for name in manifest.column_names if (text := _described(manifest, name))]
    return "## Composition\n\n" + _table(("column", "values"), rows) if rows else ""


def _described(manifest: pa.Table, name: str) -> str | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = manifest.column(name)
    if name in _OWN or name.startswith(DIGEST) or column.null_count == len(column):
        return None
    if pa.types.is_floating(column.type):
        ends = pc.min_max(pc.filter(column, pc.is_finite(column))).as_py()
        return None if ends["min"] is None else f"{ends['min']:.6g} to {ends['max']:.6g}"
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    if not pa.types.is_string(column.type):
        return None
    counts = Counter(value for value in column.to_pylist() if value is not None)
    if not 0 < len(counts) <= _FEW or any(_REFERENCE.search(value) for value in counts):
        return None
    return ", ".join(f"{value} {count}" for value, count in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))


def _quarantine(receipts: Sequence[Receipt]) -> str:
    reasons = Counter(q.reason for receipt in receipts for q in receipt.quarantined)
    if not reasons:
        return ""
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"## Quarantined\n\nMade and not written, for the reason that the receipts name: {told}.\n"


def _files(info: DatasetInfo) -> str:
    where = "`shards/NNNNNN/`" if info.layout == "folder" else "`shards/NNNNNN.tar`"
    return f"""## Files
{_pixels(info)}
The samples lie in {where}; `{manifest_glob(info)}` has one row a sample with its address, the sha256 of its files,
its condition, its seed and quality scores; the other Parquet files beside it hold the ground truth. The receipts
`shards/NNNNNN.json` carry the hashes of all of it: `clinsynth verify` checks them.
"""


def _pixels(info: DatasetInfo) -> str:
    """Return what the values of an image format's files mean, as a paragraph; nothing for another format."""
    if info.file_format == "nifti":
        return _VOLUMES
    if info.file_format not in _IMAGES:
        return ""
    kind, top, where = _IMAGES[info.file_format]
    return f"""
Each sample is a radiograph: a {kind}, in which the pixel value / {top}
lies in [0, 1] and white is dense. Its {where} says that it is synthetic, and which generator, seed and condition it
comes from.
"""


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {a} | {b} |" for a, b in (head, ("---", "---"), *rows)]
    return "\n".join(lines) + "\n"
