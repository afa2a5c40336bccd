"""Reader options behind a source, as a command line writes them."""

import pytest
from clinsynth.conditioning.readers import read
from clinsynth.conditioning.readers.options import split_options, typed


def ids(source, **options):
    return [record.record_id for record in read(source, **options)]


def test_options_behind_the_source_are_those_beside_it():
    assert ids("embedded:ludb?split=held_out") == ids("embedded:ludb", split="held_out")
    both = next(read("embedded:ludb?leads=II|V1&fs_hz=250"))
    assert both.geometry.leads == ("II", "V1")
    assert both.geometry.fs_hz == 250


def test_numbers_truths_and_lists_are_turned_into_their_types():
    def reader(path, *, folds: "list[int]" = (), physical: bool = True, fs_hz: "float | None" = None):
        raise NotImplementedError

    assert typed(reader, "reader", {"folds": "9,10", "physical": "false", "fs_hz": "250"}) == {
        "folds": [9, 10],
        "physical": False,
        "fs_hz": 250.0,
    }
    assert typed(reader, "reader", {"physical": True}) == {"physical": True}


@pytest.mark.parametrize(
    "source, says",
    [
        ("embedded:ludb?split=tunning", "tunning"),
        ("embedded:ludb?fs_hz=fast", "fs_hz = 'fast'"),
        ("embedded:ludb?fs=250", "fs_hz"),
        ("embedded:ludb?split", "option=value"),
        ("embedded:ludb?split=tuning&split=held_out", "twice"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(source, says):
    with pytest.raises(ValueError, match=says) as caught:
        list(read(source))
    assert "\n" not in str(caught.value)


def test_an_option_beside_and_behind_is_refused():
    with pytest.raises(ValueError, match="both"):
        read("embedded:ludb?split=tuning", split="tuning")


def test_a_path_with_a_question_mark_is_left_whole(tmp_path):
    folder = tmp_path / "what?fs_hz=1"
    folder.mkdir()
    assert split_options(f"wfdb:{folder}") == (f"wfdb:{folder}", {})
