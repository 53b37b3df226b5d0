"""Paths that keep every rule, and what is said where there is none."""

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.music import Key, Music
from realtime_mer.library.paths.plane import squared_distances
from realtime_mer.library.paths.refusals import missing, refusal
from realtime_mer.library.paths.rules import Rules, breaks
from realtime_mer.library.paths.search import Search, breaking_alone
from realtime_mer.library.paths.way import Way, counted, lasting, stepped
from realtime_mer.library.tracks import Point
from tests.library.made import made_track
from tests.library.paths.libraries import (
    assert_keeps,
    libraries,
    music,
    points,
    rules,
    untagged,
)

HERE, THERE = Point(valence=-0.5, arousal=0.0), Point(valence=0.5, arousal=0.0)


@st.composite
def ways(draw: Any) -> Way:
    here, there = draw(points), draw(points)
    kind = draw(st.sampled_from(["counted", "stepped", "lasting"]))
    if kind == "counted":
        return counted(here, there, draw(st.integers(1, 4)))
    way = stepped(here, there, step=draw(st.sampled_from([0.4, 1.0, 3.0])))
    if kind == "stepped":
        return way
    return lasting(way, step_s=draw(st.sampled_from([100.0, 200.0, 500.0])), track_s=200.0)


def at(valence: float, name: str, **changes: Any) -> Any:
    return made_track(f"/{name}", valence=valence, **changes)


# -- a path that is found --------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(tracks=libraries(max_size=12), rules=rules, way=ways(), data=st.data())
def test_a_path_that_is_found_breaks_no_rule(tracks, rules, way, data) -> None:
    columns = Columns.of(tracks)
    tags = {track: data.draw(music) for track in range(len(tracks))}
    last = data.draw(st.sampled_from([None, *range(len(tracks))]))
    search = Search(columns, rules, music_of=tags.__getitem__)
    path = search.find(way, last=last).path
    if path is None:
        return
    tags = tags if rules.of_tags else dict.fromkeys(tags, Music())
    wanted = [way.places[place] for place in path.places]
    assert_keeps(rules, columns, path.turns, wanted, tags, last=last)
    # Every place has its turn, in order, and the way is gone to its end and no farther.
    assert sorted(set(path.places)) == list(range(len(way.places)))
    assert list(path.places) == sorted(path.places)
    assert way.done(path.place, path.turns[-1].ends_s)
    assert not any(
        way.done(place, turn.ends_s)
        for place, turn in zip(path.places[:-1], path.turns[:-1], strict=True)
    )
    assert last is None or path.turns[-1].track == last


@settings(deadline=None, max_examples=50)
@given(tracks=libraries(max_size=5), rules=rules, here=points, there=points, data=st.data())
def test_a_path_is_found_wherever_there_is_one(tracks, rules, here, there, data) -> None:
    columns = Columns.of(tracks)
    tags = {track: data.draw(music) for track in range(len(tracks))}
    way = counted(here, there, data.draw(st.integers(1, 3)))
    search = Search(columns, rules, music_of=tags.__getitem__)
    outcome = search.find(way)
    alone = breaking_alone(rules, columns)
    costs = []
    for row in itertools.permutations(range(len(tracks)), len(way.places)):
        turns, fits = (), True
        for track, point in zip(row, way.places, strict=True):
            turn = search.turn(track, turns[-1].ends_s if turns else 0.0)
            far = math.dist(
                (columns.valence[track], columns.arousal[track]), (point.valence, point.arousal)
            )
            fits &= not any(mask[track] for mask in alone.values())
            fits &= rules.within is None or far <= rules.within + 1e-9
            fits &= next(breaks(rules, turns, turn), None) is None
            turns = (*turns, turn)
        if fits:
            far = [squared_distances(columns, point) for point in way.places]
            costs.append(np.mean([f[track] for f, track in zip(far, row, strict=True)]))
    assert (outcome.path is not None) == bool(costs)
    assert outcome.all_tried or outcome.path is not None
    if outcome.path is not None:
        # So few are all gone on from: no other one fits its places better.
        assert outcome.path.cost == pytest.approx(min(costs))


@given(tracks=libraries(max_size=10), way=ways(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_table_does_not_matter(tracks, way, seed) -> None:
    shuffled = random.Random(seed).sample(tracks, len(tracks))
    one, other = (
        Search(Columns.of(each), Rules(), music_of=untagged).find(way)
        for each in (tracks, shuffled)
    )
    assert one == other


def test_through_a_dense_library_the_steps_are_equal() -> None:
    grid = np.linspace(-1, 1, 41).tolist()
    tracks = [made_track(f"/{v:+.2f}{a:+.2f}", valence=v, arousal=a) for v in grid for a in grid]
    here, there = Point(valence=-0.5, arousal=-0.5), Point(valence=0.5, arousal=0.5)
    columns = Columns.of(tracks)
    path = Search(columns, Rules(), music_of=untagged).find(counted(here, there, 10)).path
    assert path is not None
    row = [turn.track for turn in path.turns]
    assert columns.valence[row] == pytest.approx(np.linspace(-0.4, 0.5, 10))
    assert columns.arousal[row] == pytest.approx(np.linspace(-0.4, 0.5, 10))


def test_a_search_goes_back_where_the_nearest_leads_nowhere() -> None:
    """The nearest first track is the only one by an artist that must not play second."""
    tracks = [at(0.0, "a"), at(0.1, "b"), at(0.9, "c")]
    columns = Columns.of(tracks)
    tags = [Music(artists=frozenset([name])) for name in ("x", "y", "x")]
    way = Way(places=(Point(valence=0.0, arousal=0.0), Point(valence=0.9, arousal=0.0)))
    rules = Rules(artist_once=2, within=0.2)
    path = Search(columns, rules, music_of=tags.__getitem__).find(way).path
    assert path is not None
    assert [turn.track for turn in path.turns] == [1, 2]


# -- steps that last -------------------------------------------------------------------------------


def test_each_step_lasts_its_time_to_the_nearest_track() -> None:
    tracks = [at(v, f"{v:+.2f} {i}", seconds=170.0) for v in (-0.5, 0.0, 0.5) for i in range(9)]
    way = lasting(stepped(HERE, THERE, step=0.5), step_s=600.0, track_s=170.0)
    columns = Columns.of(tracks)
    path = Search(columns, Rules(), music_of=untagged).find(way).path
    assert path is not None
    begins = [path.turns[path.places.index(place)].starts_s for place in range(3)]
    assert begins == pytest.approx([0.0, 600.0, 1200.0], abs=85)
    assert path.turns[-1].ends_s >= 1800.0 > path.turns[-1].starts_s
    assert columns.valence[[turn.track for turn in path.turns]].tolist() == [
        way.places[place].valence for place in path.places
    ]


def test_no_step_is_left_out_for_long_tracks() -> None:
    tracks = [at(v, f"{v:+.1f}", seconds=900.0) for v in (-0.5, -0.25, 0.0, 0.25, 0.5)]
    way = lasting(stepped(HERE, THERE, step=0.25), step_s=120.0, track_s=900.0)
    path = Search(Columns.of(tracks), Rules(), music_of=untagged).find(way).path
    assert path is not None
    assert path.places == (0, 1, 2, 3, 4)


@given(here=points, there=points, step=st.floats(0.05, 3.0))
def test_steps_are_equal_and_no_larger_than_stated(here, there, step) -> None:
    way = stepped(here, there, step=step)
    assert (way.places[0], way.places[-1]) == (here, there) or here == there
    assert way.step <= step + 1e-6
    far = math.dist((here.valence, here.arousal), (there.valence, there.arousal))
    assert way.last * step < far + step


# -- no path ---------------------------------------------------------------------------------------


def said(tracks: list[Any], rules: Rules, way: Way, tags: Any = untagged, **how: Any) -> str:
    search = Search(Columns.of(tracks), rules, music_of=tags)
    outcome = search.find(way, **how)
    assert outcome.path is None
    text = refusal(search, way, outcome, **how)
    assert "\n" not in text
    return text


def tagged(**values: list[Any]) -> Any:
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return [Music(**row) for row in rows].__getitem__


LINE = [at(v, f"{i}", loudness_lufs=-20.0 - i) for i, v in enumerate((-0.5, 0.0, 0.5))]


@pytest.mark.parametrize(
    ("rules", "tags", "words"),
    [
        (Rules(quietest_lufs=-10), untagged, "--min-lufs alone keeps out 3 of all tracks"),
        (Rules(quietest_lufs=-20.5), untagged, "the nearest is /1: it has -21.0 LUFS"),
        (Rules(loudest_lufs=-30), untagged, "--max-lufs alone keeps out 3"),
        (Rules(within=0.05), untagged, "--within alone keeps out"),
        (Rules(longest_s=100), untagged, "lasts longer than two steps"),
        (
            Rules(tempo=0.06),
            tagged(tempo=[100.0, 150.0, 110.0]),
            "--tempo alone keeps out",
        ),
        (
            Rules(keys=True),
            tagged(key=[Key(1, minor=True), Key(5, minor=True), Key(9, minor=True)]),
            "does not suit",
        ),
        (
            Rules(artist_once=2),
            tagged(artist=["X"] * 3, artists=[frozenset("x")] * 3),
            "--artist-once alone keeps out 2 of all tracks, the nearest is /",
        ),
        (
            Rules(apart_s=60),
            tagged(artist=["X"] * 3, artists=[frozenset("x")] * 3),
            "X has ended 0:00 before",
        ),
    ],
)
def test_the_rule_that_is_in_the_way_is_named_and_by_what(rules, tags, words: str) -> None:
    text = said(LINE, rules, counted(HERE, THERE, 3), tags)
    assert text.startswith("No path keeps all rules: track ")
    assert words in text


def test_too_few_tracks_are_told() -> None:
    text = said(LINE, Rules(), counted(HERE, THERE, 4))
    assert "track 4" in text
    assert "That no track comes twice alone keeps out 3 of all tracks" in text


def test_two_rules_that_are_in_the_way_together_are_both_named() -> None:
    tracks = [at(0.0, "a", loudness_lufs=-40.0, music_share=0.0)]
    text = said(tracks, Rules(quietest_lufs=-20), counted(HERE, THERE, 1))
    assert "Each of all tracks breaks more than one rule" in text
    assert "--min-lufs 1" in text
    assert "--music 1" in text


def test_a_last_track_that_does_not_suit_is_told() -> None:
    tags = tagged(tempo=[100.0, 100.0, 140.0])
    text = said(LINE, Rules(tempo=0.1), counted(HERE, THERE, 2), tags, last=2)
    assert "/2 is to be the last, and its tempo of 140 is 30% from 100" in text


def test_a_search_that_gave_up_does_not_say_that_there_is_none(monkeypatch) -> None:
    monkeypatch.setattr("realtime_mer.library.paths.search._MOST_TRIED", 5)
    tracks = [at(i / 50, f"{i:02}") for i in range(20)]
    tags = tagged(artists=[frozenset("x")] * 20)
    text = said(tracks, Rules(artist_once=3), counted(HERE, THERE, 4), tags)
    assert "though not every way could be tried" in text


def test_a_library_without_tracks_says_so() -> None:
    search = Search(Columns.of([]), Rules(), music_of=untagged)
    assert "0 tracks" in missing(search, HERE)
