"""A path while it is played: what is settled when, and what is corrected."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.lead import (
    AHEAD_S,
    ENOUGH,
    SETTLING_S,
    Ended,
    Lead,
    Next,
    Replanned,
)
from realtime_mer.library.paths.music import Music
from realtime_mer.library.paths.rules import Rules
from realtime_mer.library.paths.search import Search
from realtime_mer.library.paths.way import Way, lasting, stepped
from realtime_mer.library.tracks import Point
from tests.library.made import made_track, moving
from tests.library.paths.libraries import assert_keeps, libraries, music, points, rules, untagged

HERE, THERE = Point(valence=-0.4, arousal=0.0), Point(valence=0.4, arousal=0.0)
GRID = [
    made_track(f"/{v:+.2f}{a:+.2f}", valence=v, arousal=a, seconds=100.0)
    for v in [i / 20 for i in range(-10, 11)]
    for a in [i / 20 for i in range(-10, 11)]
]


def leading(tracks: list[Any], way: Way, rules: Rules = Rules(), tags: Any = untagged) -> Lead:  # noqa: B008
    columns = Columns.of(tracks)
    search = Search(columns, rules, music_of=tags)
    path = search.find(way).path
    assert path is not None
    return Lead(search, way, path, last=None, whole=lambda track: columns.whole([track])[0])


@pytest.fixture
def lead() -> Lead:
    return leading(GRID, stepped(HERE, THERE, step=0.2))


def hear(lead: Lead, point: Point, *, of: int, times: int = ENOUGH) -> None:
    begins = lead.path.turns[of].starts_s
    for number in range(times):
        lead.hear(point, begins + SETTLING_S + number)


def means(lead: Lead) -> list[Point]:
    return [lead._whole(turn.track).mean for turn in lead.path.turns]


def test_each_track_is_settled_shortly_before_it_begins(lead: Lead) -> None:
    assert lead.due_s() == 0.0
    assert lead.at(0.0) == [Next(number=0, in_s=0.0)]
    assert lead.at(50.0) == []
    assert lead.due_s() == 100.0 - AHEAD_S
    assert lead.at(90.0) == [Next(number=1, in_s=10.0)]
    assert lead.at(190.0) == [Next(number=2, in_s=10.0)]
    assert lead.at(499.0) == [Next(number=3, in_s=0.0), Next(number=4, in_s=0.0)]
    assert lead.due_s() == 500.0
    assert lead.at(500.0) == [Ended()]
    assert lead.at(501.0) == []


def test_what_sounds_as_its_file_says_changes_nothing(lead: Lead) -> None:
    before = lead.path
    lead.at(0.0)
    hear(lead, means(lead)[0], of=0)
    assert lead.at(60.0) == []
    assert lead.path == before


def test_a_room_that_is_heard_calmer_gets_livelier_tracks_by_as_much(lead: Lead) -> None:
    lead.at(0.0)
    first = means(lead)[0]
    hear(lead, Point(valence=first.valence, arousal=first.arousal - 0.15), of=0)
    assert lead.at(60.0) == [Replanned()]
    assert means(lead)[0] == first
    assert [point.arousal for point in means(lead)[1:]] == pytest.approx([0.15] * 4)
    assert [point.valence for point in means(lead)] == pytest.approx([-0.4, -0.2, 0.0, 0.2, 0.4])


def test_no_correction_is_larger_than_a_step(lead: Lead) -> None:
    lead.at(0.0)
    hear(lead, Point(valence=1.0, arousal=-1.0), of=0)
    lead.at(60.0)
    assert math.hypot(lead.correction.valence, lead.correction.arousal) == pytest.approx(0.2)


def test_the_first_seconds_of_a_track_are_not_compared(lead: Lead) -> None:
    lead.at(0.0)
    for tenth in range(int(SETTLING_S * 10)):
        lead.hear(Point(valence=1.0, arousal=1.0), tenth / 10)
    assert lead.at(60.0) == []


def test_a_track_is_compared_with_its_course_at_that_time() -> None:
    course = moving([-0.4] * 10 + [0.4] * 10, [0.0] * 20, seconds=100.0)
    tracks = [
        made_track("/turns", course=course, seconds=100.0),
        made_track("/far", valence=0.9, arousal=0.9),
    ]
    lead = leading(tracks, Way(places=(Point(valence=0.0, arousal=0.0), THERE)))
    lead.at(0.0)
    assert lead._whole(lead.path.turns[0].track).path == "/turns"
    for second in range(10, 50):
        lead.hear(Point(valence=-0.4, arousal=0.0), float(second))
    for second in range(50, 90):
        lead.hear(Point(valence=0.4, arousal=0.0), float(second))
    assert lead.correction == Point(valence=0.0, arousal=0.0)


def test_where_nothing_keeps_the_rules_after_a_correction_the_plan_stays() -> None:
    tracks = [made_track(f"/{v:+.1f}", valence=v, seconds=100.0) for v in (-0.4, 0.0, 0.4)]
    lead = leading(tracks, stepped(HERE, THERE, step=0.4), Rules(within=0.01))
    lead.at(0.0)
    before = lead.path
    hear(lead, Point(valence=-0.4, arousal=-0.3), of=0)
    assert lead.at(60.0) == []
    assert lead.path == before


@settings(deadline=None, max_examples=50)
@given(
    tracks=libraries(min_size=2, max_size=10),
    rules=rules,
    here=points,
    there=points,
    heard=st.lists(st.tuples(st.floats(0, 1500), points), max_size=8),
    data=st.data(),
)
def test_whatever_is_heard_what_was_played_keeps_the_rules(
    tracks, rules, here, there, heard, data
) -> None:
    columns = Columns.of(tracks)
    tags = {track: data.draw(music) for track in range(len(tracks))}
    search = Search(columns, rules, music_of=tags.__getitem__)
    way = lasting(stepped(here, there, step=0.7), step_s=300.0, track_s=200.0)
    path = search.find(way).path
    if path is None:
        return
    lead = Lead(search, way, path, last=None, whole=lambda track: columns.whole([track])[0])
    settled: list[int] = []
    wanted: list[Point] = []
    now = 0.0
    moments = sorted(heard, key=lambda one: one[0])
    while True:
        for event in lead.at(now):
            if isinstance(event, Next):
                assert event.number == len(settled)
                settled.append(lead.path.turns[event.number].track)
                wanted.append(lead.way.places[lead.path.places[event.number]])
            if isinstance(event, Ended):
                assert settled == [turn.track for turn in lead.path.turns]
                tags = tags if rules.of_tags else dict.fromkeys(tags, Music())
                assert_keeps(rules, columns, lead.path.turns, wanted, tags)
                return
        while moments and moments[0][0] <= lead.due_s():
            at_s, point = moments.pop(0)
            for number in range(ENOUGH):
                lead.hear(point, max(now, at_s) + number / 100)
        now = max(now, lead.due_s())
