"""Matplotlib figures to files and data URIs: no pyplot, no global state, the same bytes each time."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
# Text stays text (smaller, searchable), and the identifiers inside an SVG do not depend on chance.
_STYLE: dict[str, Any] = {"svg.hashsalt": "clinsynth", "svg.fonttype": "none"}
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


def rendered(figure: Figure, form: str = "svg") -> bytes:
    """Return a figure as SVG, PNG or PDF bytes.

    Raises:
        ValueError: another format.
    """
    if form not in FORMATS:
        raise ValueError(f"format {form!r} is not known (allowed: {', '.join(FORMATS)})")
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure.savefig(out, format=form, metadata=_METADATA[form])
    return out.getvalue()


def save(figure: Figure, path: Path | str) -> Path:
    """Write a figure in the format that the path's suffix names; return the path.

    Raises:
        ValueError: a suffix other than .svg, .png or .pdf.
    """
    path = Path(path)
    path.write_bytes(rendered(figure, path.suffix.lstrip(".").lower()))
    return path


def data_uri(figure: Figure, form: str = "svg") -> str:
    """Return a figure as a `data:` URI: a picture that a page carries in itself."""
    mime = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}
    return f"data:{mime.get(form, '')};base64," + base64.b64encode(rendered(figure, form)).decode("ascii")
