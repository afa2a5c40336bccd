"""The gate before an evaluation: what goes on to be measured, and what the page says of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .modalities import Measured
from .sources import Side

if TYPE_CHECKING:
    from ...evaluation.finding import Finding
    from ...evaluation.report import Page, Section
    from ...evaluation.validity import Validity

RESULT = "validity.json"


@dataclass(frozen=True)
class Gated:
    """The sides behind the gate, and what it found.

    Attributes:
        synthetic: what is measured further on.
        real: likewise.
        training: likewise; None where none was named.
        validity: what was found of all of them.
    """

    synthetic: Side
    real: Side
    training: Side | None
    validity: Validity

    def on_page(self, page: Page) -> Page:
        """Return a page with the gate's section before all others."""
        return page.model_copy(update={"sections": (self.section(), *page.sections)})

    def section(self) -> Section:
        """Return the gate's section."""
        from ...evaluation.validity import validity_section

        return validity_section(self.validity)

    def findings(self) -> tuple[Finding, ...]:
        """Return what the first screen says of it."""
        from ...evaluation.validity import validity_findings

        return validity_findings(self.validity)

    def alone(self, why: str) -> Measured:
        """Return a page without anything behind the gate, and why there is nothing.

        Args:
            why: what the refusal said.
        """
        from ...evaluation.finding import Finding
        from ...evaluation.report import Page, Section

        said = f"Nothing else was measured: {why}."
        facts = ((str(self.validity.measured), f"of {self.validity.n} synthetic records can be measured"),)
        page = Page(facts=facts, sections=(Section(name="limits", title="Limits", texts=(said,)),))
        finding = Finding(part="validity", question="purpose", level="unknown", claim=said)
        return Measured(page, (finding,))


def gated(real: Side, synthetic: Side, training: Side | None) -> Gated:
    """Hold the synthetic side against the real one, record by record.

    Raises:
        ValueError: a record has no image, volume or signal.
    """
    from ...evaluation.validity import Source, validity

    a, b = (Source(side.records, side.unreadable, side.dataset is not None) for side in (synthetic, real))
    c = None if training is None else Source(training.records, training.unreadable)
    found, made, known, taught = validity(a, b, c)
    return Gated(
        _those(synthetic, made.tolist()),
        _those(real, known.tolist()),
        None if training is None else _those(training, taught.tolist()),
        found,
    )


def _those(side: Side, kept: Sequence[bool]) -> Side:
    return replace(side, records=tuple(r for r, keep in zip(side.records, kept, strict=True) if keep))
