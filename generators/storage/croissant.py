"""The data set in the Croissant vocabulary of MLCommons, so that loaders and catalogues can read it.

Source: Croissant Format Specification 1.0, http://mlcommons.org/croissant/1.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...conditioning.dataset.reader import DIGEST
from ...conditioning.dataset.schema import DatasetInfo, Receipt
from .card import manifest_glob

if TYPE_CHECKING:
    import pyarrow as pa

_CROISSANT = "http://mlcommons.org/croissant/"
_TERMS = (
    *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes"),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "separator", "source", "subField", "transform", "equivalentProperty", "samplingRate"),
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _CROISSANT,
    "rai": f"{_CROISSANT}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_SETS = "manifests"
_TYPES = {
    "png": "image/png",
    "png16": "image/png",
    "dicom": "application/dicom",
    "nifti": "application/gzip",
}  # of images, which loaders open


def croissant(info: DatasetInfo, receipts: Sequence[Receipt], manifest: pa.Table, shared: set[str]) -> str:
    """Return the text of `croissant.json`; it depends on nothing but the data set's content.

    Args:
        info: what `dataset.json` says.
        receipts: all of them, in order.
        manifest: rows of all written samples.
        shared: columns that every shard's manifest has; loaders read file by file and miss what one of them lacks.
    """
    what = f"SYNTHETIC: {manifest.num_rows} samples computed by the generator {info.generator}."
    tables = sorted({f.removesuffix(".parquet") for r in receipts for f in r.files if f.endswith(".parquet")})
    alike = manifest.select([name for name in manifest.column_names if name in shared])
    body = {
        "@context": dict(sorted(_CONTEXT.items())),
        "@type": "sc:Dataset",
        "conformsTo": f"{_CROISSANT}1.0",
        "name": info.name,
        "description": f"{what} {info.intended_use}",
        "license": info.licence,
        "citeAs": f"{info.name}. Made by clinsynth {info.versions['clinsynth']}, recipe {info.recipe_sha256}.",
        "version": "1.0.0",
        "rai:dataUseCases": info.intended_use,
        "rai:personalSensitiveInformation": "None: every sample is synthetic.",
        "distribution": [_parquet(info, name) for name in tables] + [_samples(info, manifest)],
        "recordSet": [
            _record_set(alike),
            *_images(info, manifest),
        ],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def _parquet(info: DatasetInfo, table: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": _SETS if table == "manifest" else table,
        "name": _SETS if table == "manifest" else table,
        "description": "One row a sample." if table == "manifest" else f"Ground truth of the samples: {table}.",
        "encodingFormat": "application/x-parquet",
        "includes": manifest_glob(info).replace("manifest", table),
    }


def _samples(info: DatasetInfo, manifest: pa.Table) -> dict[str, Any]:
    tar = info.layout == "webdataset"
    return {
        "@type": "cr:FileSet",
        "@id": "samples",
        "name": "samples",
        "description": f"The samples as {info.file_format}{' in tar files' if tar else ''}.",
        "encodingFormat": "application/x-tar" if tar else _TYPES.get(info.file_format, "application/octet-stream"),
        "includes": "shards/*.tar" if tar else [f"shards/*/*.{s}" for s in _suffixes(manifest)],
    }


def _suffixes(manifest: pa.Table) -> list[str]:
    found = [c.removeprefix(DIGEST) for c in manifest.column_names if c.startswith(DIGEST)]
    return found or ["*"]


def _record_set(manifest: pa.Table) -> dict[str, Any]:
    fields = [f for name in manifest.column_names if (f := _field(manifest, name))]
    key = {"@id": "samples_table/sample_id"}
    return {"@type": "cr:RecordSet", "@id": "samples_table", "name": "samples_table", "key": key, "field": fields}


def _images(info: DatasetInfo, manifest: pa.Table) -> list[dict[str, Any]]:
    """Return the record set that pairs ids with opened images.

    Only of 8-bit PNG files in folders: loaders of Croissant turn pictures into RGB of 8 bit, which would make one of
    16 bit all white, and DICOM files they do not take for pictures. Those are found by the manifest's `file`.
    """
    if info.file_format != "png" or info.layout != "folder" or not manifest.num_rows:
        return []
    rows, files = {"fileSet": {"@id": _SETS}}, {"fileSet": {"@id": "samples"}}
    last_part = {"extract": {"column": "file"}, "transform": {"regex": "^(?:.*/)?([^/]+)$"}}
    pairs = {"references": files | {"extract": {"fileProperty": "filename"}}}
    fields = [
        _image_field("sample_id", "sc:Text", rows | {"extract": {"column": "sample_id"}}),
        _image_field("filename", "sc:Text", rows | last_part) | pairs,
        _image_field("image", "sc:ImageObject", files | {"extract": {"fileProperty": "content"}}),
    ]
    key = {"@id": "images/sample_id"}
    return [{"@type": "cr:RecordSet", "@id": "images", "name": "images", "key": key, "field": fields}]


def _image_field(name: str, kind: str, source: dict[str, Any]) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"images/{name}", "name": name, "dataType": kind, "source": source}


def _field(manifest: pa.Table, name: str) -> dict[str, Any] | None:
    import pyarrow as pa

    kind = manifest.schema.field(name).type
    listed = pa.types.is_list(kind)
    kind = kind.value_type if listed else kind
    words = {pa.float64(): "sc:Float", pa.int64(): "sc:Integer", pa.string(): "sc:Text", pa.bool_(): "sc:Boolean"}
    if kind not in words:
        return None
    field = {
        "@type": "cr:Field",
        "@id": f"samples_table/{name}",
        "name": name,
        "dataType": words[kind],
        "source": {"fileSet": {"@id": _SETS}, "extract": {"column": name}},
    }
    return field | ({"repeated": True} if listed else {})
