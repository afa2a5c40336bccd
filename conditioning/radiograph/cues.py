"""Words that turn a finding round or put it in doubt, and how far they reach.

The idea is that of NegBio and CheXpert's labeller (Peng et al., AMIA 2018; Irvin et al., AAAI 2019): doubt is looked
for before negation, and each cue has a scope. The rules are our own: a scope ends where a new statement begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NEUTRAL, NEGATES, DOUBTS, ASKS, NEGATES_BACK, DOUBTS_BACK, NEGATES_EITHER = (
    "neutral", "negates", "doubts", "asks", "negates back", "doubts back", "negates either",
)  # fmt: skip
_SURELY = r"(?:completely |entirely |definitely |definitively |fully |confidently |absolutely )?"
_SEEN = (
    r"(?:seen|identified|present|visuali[sz]ed|evident|appreciated|detected|demonstrated|noted|visible"
    r"|apparent|observed"
    r"|found|shown)"
)
_VERB = r"(?:be|represent|reflect|indicate|suggest|have|also|relate|contain|correspond|mean|signify|still|simply)"
_CUES: list[tuple[str, str]] = [
    (
        NEUTRAL,
        r"(?:no|without|not)(?: (?:significant|interval|substantial|appreciable|relevant|definite"
        r"|evidence of|further|acute"
        r"|major|other|any|new))* (?:changes?|increase|decrease|worsening|improvement|progression)(?: (?:in|of))?",
    ),
    (NEUTRAL, r"not only|no doubt|not (?:significantly |substantially |yet |fully "
        r"|completely )*(?:changed|resolved|improved|cleared)"),
    (NEUTRAL, r"(?:nearly|almost|mostly|largely|partially|partly|near"
        r"|incomplete(?:ly)?)(?: complete(?:ly)?)? (?:resolved|resolution(?: of)?|cleared)"),
    (DOUBTS_BACK, rf"(?:can ?not|can't|could not|couldn't|may not) be {_SURELY}(?:excluded|ruled out)"),
    (DOUBTS_BACK, rf"(?:(?:is|are) )?not {_SURELY}(?:excluded|ruled out)|(?:is|are) (?:difficult|hard"
        rf"|impossible) to exclude"),
    (
        DOUBTS_BACK,
        r"(?:is|are|remains?) (?:also |thought |felt )?(?:possible|suspected|questioned|likely|unlikely"
        r"|probable|considered"
        r"|a consideration|a possibility|in the differential|equivocal|less likely|uncertain|questionable)"
        r"(?= *(?:[,.;?)]|$|and\b|but\b|given\b|in\b|on\b|at\b))",
    ),
    (DOUBTS_BACK, r"(?:may|might|could) (?:also )?be (?:present|seen|considered)"),
    (DOUBTS, rf"(?:can ?not|can't|could not|unable to|not|difficult to|hard to) {_SURELY}(?:exclude|rule out)"),
    (
        NEGATES_BACK,
        rf"(?:is|are|was|were) (?:not|no longer) (?:\w+ )?{_SEEN}|(?:no longer|not) {_SEEN}"
        r"|(?:has|have|had|is|are|was|were)(?: (?:now|since|in the interval|completely|fully|entirely|all|been))*"
        r" (?:resolved|cleared|disappeared|absent|removed|excluded|ruled out)",
    ),
    (NEGATES_EITHER, r"resolved|absent|removed|ruled out"),
    (ASKS, r"(?:please )?(?:evaluate|assess|assessment|evaluation|check|look|query) for|rule out|r/o"
        r"|to exclude|history of|h/o|prior history of"),
    (
        DOUBTS,
        r"possible|possibly|probable|probably|(?:most |more |less )?likely|unlikely|presumed|presumably|presumptive"
        r"|suspect(?:ed)?|suspicio(?:n (?:of|for)|us for)|concern(?:ing)?(?: for)?|worrisome for"
        r"|suggest(?:s|ed|ing|ive)?(?: of)?"
        rf"|question(?:able)?(?: of)?|equivocal|(?:may|might|could) {_VERB}|perhaps|borderline"
        rf"|potential(?:ly)?|rather than"
        r"|differential(?: diagnosis)?(?: includes)?|possibility of|indeterminate",
    ),
    (
        NEGATES,
        r"no longer|no|without|w/o|negative for|free (?:of|from)|clear of|absence of|lack of|neither|nor|never"
        r"|(?:interval )?resolution of|(?:interval )?removal of|denies"
        r"|(?:do|does|did|is|are) not (?:have|show|demonstrate|reveal|suggest|indicate|represent)"
        r"|not (?:consistent with|compatible with|suggestive of|suspicious for|indicative of)",
    ),
]  # fmt: skip
_COMPILED = [(kind, re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])")) for kind, pattern in _CUES]
_COMPILED.append((DOUBTS, re.compile(r"\?(?= ?\w)")))
# Here a new statement begins, whatever stood before it.
STOP = re.compile(
    r"\b(?:but|however|although|though|yet|except(?: for)?|apart from|aside from|other than|besides"
    r"|whereas|while|which"
    r"|(?<!consistent )(?<!compatible )(?<!keeping )with|there (?:is|are|has|have)|and (?:the|there|this|a|an))\b|;"
)
_PREDICATE = re.compile(r"\b(?:is|are|was|were|remains?|persists?|unchanged|stable|has|have|shows?)\b")
_SINGULAR = re.compile(r"(?:is|has|was)\b")
_LINK = re.compile(r",|\band\b")
_AFFIRMS = re.compile(
    r"[ ,]*(?:and )?(?:there|the|small|tiny|trace|mild(?:ly)?|moderate(?:ly)?|large|severe|stable"
    r"|unchanged|persistent|new"
    r"|increas\w+|worsen\w+|improv\w+|decreas\w+|residual|known|chronic|resolving|slight\w*|minimal"
    r"|marked|prominent|again"
    r"|enlarged)\b"
)
_FINITE = re.compile(r"\b(?:is|are|was|were|remains?|persists?|has|have)\b")


@dataclass(frozen=True)
class Cue:
    """A cue in a sentence: its kind, and where it stands."""

    kind: str
    start: int
    end: int


def cues_in(sentence: str) -> list[Cue]:
    """Return the cues of a sentence in lower case, in order; where two overlap, the one listed first stays."""
    taken: list[Cue] = []
    for kind, pattern in _COMPILED:
        for found in pattern.finditer(sentence):
            if all(found.end() <= cue.start or cue.end <= found.start() for cue in taken):
                taken.append(Cue(kind, found.start(), found.end()))
    return sorted(taken, key=lambda cue: cue.start)


def reach(sentence: str, start: int) -> int:
    """Return where the scope of a cue that ends at `start` itself ends."""
    stop = STOP.search(sentence, start)
    end = stop.start() if stop else len(sentence)
    for link in _LINK.finditer(sentence, start, end):
        rest = sentence[link.end() : end]
        chunk = rest.split(",")[0]
        in_list = re.search(r"\b(?:or|nor)\b", rest) is not None
        if not in_list and (_AFFIRMS.match(rest) or (link[0] == "," and _FINITE.search(chunk))):
            return link.start()
    return end


def reaches_back(sentence: str, start: int, end: int) -> bool:
    """Return whether a cue at `end` speaks of what stands before `start`: no other statement is between them."""
    between = sentence[start:end]
    if STOP.search(between) or _PREDICATE.search(between):
        return False
    one = _SINGULAR.match(sentence, end) is not None  # "effusion and mass has resolved": only the mass
    return not (one and re.search(r"\band\b", between))
