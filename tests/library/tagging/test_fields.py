"""What tags are to say, and how it is taken back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.library.tagging.fields import NAMES, NOTE, Fields, Wish, taken_back, written
from tests.library.made import made_track

values = st.lists(st.text(), min_size=1, max_size=3).map(tuple)
tags = st.dictionaries(st.sampled_from([name for name in NAMES if name != NOTE]), values)
wishes = st.builds(Wish, energy=st.booleans(), replace=st.booleans())
ratings = st.floats(-1, 1)
tracks = st.builds(lambda v, a: made_track(valence=v, arousal=a), ratings, ratings)


def own(now: Fields) -> Fields:
    """Return tags without the fields that are ours by their names, which nobody else writes."""
    return {name: texts for name, texts in now.items() if not name.startswith("MER_")}


@given(tags.map(own), tracks, wishes)
def test_what_was_there_is_there_again_whatever_was_written(now, track, wish) -> None:
    then = written(now, track=track, wish=wish)
    assert then.fields != now
    back = taken_back(then.fields)
    assert (back.fields, back.remarks) == (now, ())


@given(tags.map(own), tracks, tracks, wishes, wishes)
def test_writing_again_is_writing_once(now, track, other, wish, another) -> None:
    first = written(now, track=track, wish=wish).fields
    again = written(first, track=other, wish=another).fields
    assert again == written(now, track=other, wish=another).fields


@given(tags, tracks, wishes, tags)
def test_what_somebody_has_changed_since_stays(now, track, wish, edits) -> None:
    then = dict(written(own(now), track=track, wish=wish).fields)
    edited = {**then, **edits}
    back = taken_back(edited).fields
    assert NOTE not in back
    for name, texts in edits.items():
        if name != "COMMENT" and then.get(name) != texts:
            assert back[name] == texts


def test_a_mood_of_somebody_else_stays_and_that_is_told() -> None:
    then = written({"MOOD": ("Happy",)}, track=made_track(), wish=Wish())
    assert then.fields["MOOD"] == ("Happy",)
    (remark,) = then.remarks
    assert remark == "the mood Happy stays: write over it with --replace"


def test_with_replace_it_gives_way_and_comes_back() -> None:
    then = written({"MOOD": ("Happy", "Old")}, track=made_track(), wish=Wish(replace=True))
    assert then.fields["MOOD"] == made_track().words
    assert taken_back(then.fields).fields == {"MOOD": ("Happy", "Old")}


def test_what_follows_an_energy_in_a_comment_may_be_edited() -> None:
    then = dict(written({"COMMENT": ("old",)}, track=made_track(), wish=Wish(energy=True)).fields)
    assert then["COMMENT"] == ("Energy 6 - old",)
    then["COMMENT"] = ("Energy 6 - old and new",)
    assert taken_back(then).fields == {"COMMENT": ("old and new",)}
    then["COMMENT"] = ("mine",)
    back = taken_back(then)
    assert back.fields == {"COMMENT": ("mine",)}
    assert back.remarks == ("COMMENT was changed since, and stays mine",)


def test_a_mood_that_lies_between_two_words_is_two_moods() -> None:
    track = made_track(valence=-0.01, arousal=-0.6)
    assert len(track.words) == 2
    assert written({}, track=track, wish=Wish()).fields["MOOD"] == track.words


@pytest.mark.parametrize(
    "note",
    [
        "",
        "{",
        "[]",
        "null",
        '{"model": 1}',
        '{"model": "a", "wrote": {"TITLE": ["x"]}}',
        '{"model": "a", "wrote": {"MOOD": []}}',
        "[" * 100_000,
    ],
)
def test_a_note_that_somebody_has_spoilt_takes_nothing_back(note: str) -> None:
    now = {"MOOD": ("calm",), NOTE: (note,)}
    back = taken_back(now)
    assert back.fields == now
    assert back.remarks == ("MER_WRITTEN was changed: nothing can be taken back",)


def test_the_note_is_short_and_says_which_model_spoke() -> None:
    then = written({}, track=made_track(model="default"), wish=Wish())
    (note,) = then.fields[NOTE]
    assert json.loads(note)["model"] == "default"
    assert len(note) < 120
