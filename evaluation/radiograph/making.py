"""How generation went: what quality control said of every try, as the data set's manifest and receipts tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...conditioning.dataset.schema import Quarantined
from ...conditioning.record import Record
from ..report import Cell, Section, Table
from ..tables import DASH


def making_section(records: Sequence[Record], quarantined: Sequence[Quarantined]) -> Section:
    """Return tries, pass rates and quarantined samples.

    Args:
        records: what was written, with the truth that quality control left (`qc_tries`, `qc_scores`).
        quarantined: what was made and not written.
    """
    texts = [f"{len(records)} images were looked at; {len(quarantined)} of the data set were quarantined."]
    tries = [list(r.truth["qc_tries"]) for r in records if r.truth.get("qc_tries")]
    refused = [list(q.tries) for q in quarantined if q.tries]
    tables = []
    if tries:
        first = sum(bool(t[0].get("passed")) for t in tries)
        total = len(tries) + len(refused)
        texts.append(
            f"The generator's own quality control read every image back. {first} of {total} "
            f"({100 * first / total:.0f} %) passed at the first try, {len(tries)} ({100 * len(tries) / total:.0f} %) "
            f"in the end; {np.mean([len(t) for t in tries + refused]):.2f} tries a sample on average. What it refuses "
            "is not in the data, so its own pass rate says nothing of them: the judge above is another network."
        )
        tables.append(_tries(tries, refused))
        tables += _scores(records)
    else:
        texts.append("No quality control read the images back while they were made.")
    if quarantined:
        why = Counter(q.reason for q in quarantined)
        texts.append(f"Quarantined: {', '.join(f'{reason} {n}' for reason, n in why.most_common())}.")
    return Section(name="quality", title="Quality control while sampling", texts=tuple(texts), tables=tuple(tables))


def _tries(tries: Sequence[Sequence[dict]], refused: Sequence[Sequence[dict]]) -> Table:
    passed = Counter(len(t) for t in tries if t[-1].get("passed"))
    rows = [(Cell(text=str(k)), Cell(text=str(passed[k]))) for k in sorted(passed)]
    if refused:
        most = max(len(t) for t in refused)
        rows.append((Cell(text=f"never, in up to {most}"), Cell(text=str(len(refused)))))
    return Table(caption="Tries until an image passed", head=("tries", "images"), rows=tuple(rows))


def _scores(records: Sequence[Record]) -> list[Table]:
    """Return what quality control read of the images that were written."""
    names = sorted({name for r in records for name in (r.truth.get("qc_scores") or {})})
    rows = []
    for name in names:
        found = [(r.truth.get("qc_scores") or {}).get(name) for r in records]
        x = np.array([v for v in found if v is not None and np.isfinite(v)], dtype=float)
        middle = DASH if not len(x) else "{:.2f} [{:.2f} to {:.2f}]".format(*np.quantile(x, [0.5, 0.25, 0.75]))
        rows.append((Cell(text=name.replace("_", " ")), Cell(text=str(len(x))), Cell(text=middle)))
    if not rows:
        return []
    caption = "What quality control read of the images that were written: the chance of what was asked, or years off"
    return [Table(caption=caption, head=("check", "images", "median [quartiles]"), rows=tuple(rows), folded=True)]
