"""One thing that an evaluation found, in a sentence with its figure: what the first screen of a report is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["stop", "care", "good", "unknown"]
Question = Literal["use", "purpose", "risk"]


class Finding(BaseModel):
    """A claim with its evidence.

    Attributes:
        part: the part of the evaluation that found it, as its section is named (`validity`, `privacy`).
        question: what it answers: `use`, whether the data can be used at all; `purpose`, what for; `risk`, at
            what risk to patients whose data were trained on, or to those a model will judge.
        level: `stop`, do not use the data before this is mended; `care`, a limit to respect; `good`, looked at
            and found in order; `unknown`, could not be told, and why.
        claim: one sentence, without the figure.
        figure: the number behind it with its interval and floor or line, such as `.31 [.28, .35], line .05`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    part: str
    question: Question
    level: Level
    claim: str
    figure: str = ""
