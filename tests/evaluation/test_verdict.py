"""The first screen: one answer a question, by the worst finding, and never better than what was measured."""

import itertools

import pytest
from clinsynth.evaluation.finding import Finding
from clinsynth.evaluation.verdict import HEADLINE, LEVELS, SYMBOL, WORD, answers, worst
from hypothesis import given
from hypothesis import strategies as st

QUESTIONS = ("use", "purpose", "risk")


def finding(level, question="use", claim="It is so.", **more):
    return Finding(part="validity", question=question, level=level, claim=claim, **more)


some = st.lists(
    st.builds(finding, level=st.sampled_from(LEVELS), question=st.sampled_from(QUESTIONS), claim=st.text(max_size=3))
)


@given(some)
def test_every_finding_stands_under_its_question_once_the_worst_first(found):
    said = answers(found)
    assert [a.question for a in said] == list(QUESTIONS)
    assert {f for a in said for f in a.findings} == set(found)
    for a in said:
        assert all(f.question == a.question for f in a.findings) and len(set(a.findings)) == len(a.findings)
        ranks = [LEVELS.index(f.level) for f in a.findings]
        assert ranks == sorted(ranks) and a.level == (a.findings[0].level if a.findings else "unknown")


@given(some, st.sampled_from(LEVELS), st.sampled_from(QUESTIONS))
def test_one_more_finding_never_betters_an_answer_that_had_one(found, level, question):
    before, after = ({a.question: a for a in answers(f)} for f in (found, [*found, finding(level, question)]))
    for q in QUESTIONS:
        if before[q].findings:
            assert LEVELS.index(after[q].level) <= LEVELS.index(before[q].level)


def test_what_nothing_was_measured_for_is_unknown_and_not_in_order():
    assert worst([]) == "unknown"
    for a in answers([]):
        assert a.level == "unknown" and a.headline not in HEADLINE.values()


@pytest.mark.parametrize("levels", list(itertools.combinations_with_replacement(LEVELS, 2)))
def test_unknowns_are_said_beside_a_worse_answer(levels):
    use = answers([finding(level, claim=str(k)) for k, level in enumerate(levels)])[0]
    told = "could not be told" in use.headline
    assert told == ("unknown" in levels)
    if "unknown" in levels and use.level != "unknown":
        assert use.headline.startswith(HEADLINE["use", use.level])


def test_levels_differ_in_word_and_symbol():
    assert len(set(WORD.values())) == len(set(SYMBOL.values())) == len(LEVELS)
