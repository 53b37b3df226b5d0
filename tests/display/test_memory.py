"""What the window knows of the service, without a window."""

from dataclasses import replace

import pytest

from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.window.marking import Marking
from realtime_mer.display.window.memory import Memory
from realtime_mer.estimate import Status
from realtime_mer.wire.protocol import Hello, History, LevelMessage, Marker
from tests.samples import sample_estimate


def level(t: float, *, mel: bool = True) -> LevelMessage:
    column = (7,) * 64 if mel else None
    return LevelMessage(t=t, level_dbfs=-20.0, peak_dbfs=-6.0, mel=column)


def marker(label: str, t: float | None, id: str = "") -> Marker:
    return Marker(label=label, id=id, t=t, wall_time="2026-01-01T12:00:00.000+00:00")


@pytest.fixture
def memory() -> Memory:
    return Memory(now=0.0)


def test_an_estimate_is_news_once(memory: Memory) -> None:
    snapshot = Snapshot(estimates=(sample_estimate(seq=3),))
    assert memory.take(snapshot, now=1.0).estimate is snapshot.estimate
    assert memory.take(replace(snapshot, detail="x"), now=2.0).estimate is None
    assert (memory.seen, memory.arrived) == (snapshot.estimate, 1.0)
    assert len(memory.history) == 1


def test_all_that_came_within_a_frame_is_drawn_and_none_of_it_twice(memory: Memory) -> None:
    snapshot = Snapshot()
    for seq in range(25):  # two and a half seconds, as after the window was held up
        snapshot = snapshot.after(sample_estimate(seq=seq))
        if seq in (4, 24):
            memory.take(snapshot, now=seq)
    assert memory.history.rows()[:, 0] == pytest.approx([0.1 * (seq + 1) for seq in range(25)])


def test_what_came_of_another_session_is_not_drawn_with_this_one(memory: Memory) -> None:
    snapshot = Snapshot().after(hello("a")).after(sample_estimate(seq=3))
    memory.take(snapshot, now=1.0)
    snapshot = snapshot.after(sample_estimate(seq=4)).after(hello("b"))
    memory.take(snapshot.after(sample_estimate(seq=9)), now=2.0)
    assert memory.history.rows()[:, 0] == pytest.approx([1.0])


def test_levels_that_were_seen_add_nothing_to_the_spectrum(memory: Memory) -> None:
    first, second = level(0.1), level(0.2)
    news = memory.take(Snapshot(levels=(first,)), now=1.0)
    assert (news.levels, news.spectrum) == (True, True)
    memory.take(Snapshot(levels=(first, second)), now=2.0)
    assert [column[0] for column in memory.spectrum.columns()[-3:]] == [0, 7, 7]
    news = memory.take(Snapshot(levels=(first, second, level(0.3, mel=False))), now=3.0)
    assert (news.levels, news.spectrum) == (True, False)


def test_columns_that_never_came_are_counted(memory: Memory) -> None:
    memory.take(Snapshot(levels=(level(0.1), level(0.2))), now=1.0)
    assert memory.spectrum.missed == 0
    memory.take(Snapshot(levels=(level(0.6),)), now=2.0)
    assert memory.spectrum.missed == 3
    memory.take(Snapshot(levels=(level(0.1),)), now=3.0)  # another stream
    assert memory.spectrum.missed == 3


def test_only_new_markers_are_listed_and_placed(memory: Memory) -> None:
    first, early = marker("a", 1.0), marker("b", None)
    assert memory.take(Snapshot(markers=(first,)), now=1.0).markers == (first,)
    assert memory.take(Snapshot(markers=(first, early)), now=2.0).markers == (early,)
    assert list(memory.markers) == [first, early]
    assert list(memory.marked) == [1.0]


def test_a_stream_that_begins_anew_places_no_marker_of_before(memory: Memory) -> None:
    memory.take(
        Snapshot(estimates=(sample_estimate(seq=50),), markers=(marker("a", 4.0),)), now=1.0
    )
    memory.take(Snapshot(estimates=(sample_estimate(seq=0),)), now=2.0)
    assert list(memory.marked) == []
    assert len(memory.markers) == 1


def hello(session: str) -> Hello:
    return Hello(
        server_version="1", model="m", hop=0.1, window=3.0, sample_rate=24000, session=session
    )


def past(*times: float, markers: tuple[Marker, ...] = ()) -> History:
    zeros = (0.0,) * len(times)
    return History(
        seq=tuple(round(t * 10) for t in times),
        t=times,
        valence=zeros,
        arousal=zeros,
        valence_sd=zeros,
        arousal_sd=zeros,
        level_dbfs=zeros,
        status=(Status.MUSIC,) * len(times),
        turns=(0,) * len(times),
        markers=markers,
    )


def test_the_past_comes_before_the_estimates_with_its_markers_which_are_no_news(
    memory: Memory,
) -> None:
    verse = marker("verse", 1.5)
    told = past(1.0, 1.5, 2.0), past(markers=(verse,))
    snapshot = Snapshot(past=told, estimates=(sample_estimate(t=2.5),))
    news = memory.take(snapshot, now=1.0)
    assert (news.past, news.markers) == ((verse,), ())
    assert memory.history.rows()[:, 0].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert (list(memory.markers), list(memory.marked)) == ([verse], [1.5])
    assert memory.take(replace(snapshot, detail="x"), now=2.0).past is None


def test_after_a_loss_the_past_fills_the_hole_and_repeats_nothing(memory: Memory) -> None:
    verse, chorus = marker("verse", 1.0), marker("chorus", 2.0)
    before = Snapshot(hello=hello("a"), estimates=(sample_estimate(t=1.0),), markers=(verse,))
    memory.take(before, now=1.0)
    again = before.after(hello("a")).after(past(0.5, 1.0, 1.5, 2.0, markers=(verse, chorus)))
    news = memory.take(again.after(sample_estimate(t=2.5)), now=2.0)
    assert news.past == (chorus,)
    assert memory.history.rows()[:, 0].tolist() == [1.0, 1.5, 2.0, 2.5]
    assert list(memory.markers) == [verse, chorus]


def test_the_past_of_a_service_started_anew_takes_the_place_of_the_old_one(memory: Memory) -> None:
    before = Snapshot(hello=hello("a"), estimates=(sample_estimate(t=1.0),))
    memory.take(before, now=1.0)
    again = before.after(hello("b")).after(past(0.5, 1.5)).after(sample_estimate(t=2.0))
    memory.take(again, now=2.0)
    assert memory.history.rows()[:, 0].tolist() == [0.5, 1.5, 2.0]


def test_what_the_service_is_and_says_of_itself_is_news(memory: Memory) -> None:
    assert memory.take(Snapshot(link=Link.CONNECTED), now=1.0).service
    assert not memory.take(Snapshot(link=Link.CONNECTED, detail="x"), now=2.0).service
    assert memory.take(Snapshot(link=Link.CONNECTED, source="mic"), now=3.0).service


def test_the_clock_of_a_session_begins_with_the_latest_estimate_and_never_below_zero(
    memory: Memory,
) -> None:
    memory.take(Snapshot(estimates=(sample_estimate(t=65.0),)), now=1.0)
    assert memory.clock(65.0) == 65.0
    memory.restart_clock()
    assert (memory.clock(70.0), memory.clock(60.0)) == (5.0, 0.0)


def test_a_marker_that_does_not_come_back_in_time_is_told_once() -> None:
    asked: list[tuple[str, str]] = []
    said: list[str] = []
    marking = Marking(lambda label, id: asked.append((label, id)) is None, say=said.append)
    marking.ask("", connected=True, now=10.0)
    marking.ask(" sighs ", connected=True, now=10.0)
    (_, _), (label, id) = asked
    assert [label for label, _ in asked] == ["marker", "sighs"]
    assert marking.confirm(marker(label, 1.0, id)) == "sighs"
    assert marking.confirm(marker("of others", 1.0, "other")) is None
    marking.pass_time(13.0)
    assert said == []
    marking.pass_time(13.1)
    marking.pass_time(13.2)
    assert said == ["The marker 'marker' was not confirmed: is there a connection?"]


@pytest.mark.parametrize("connected", [False, True])
def test_a_marker_that_cannot_be_asked_for_is_told_at_once(connected: bool) -> None:
    said: list[str] = []
    marking = Marking(lambda _label, _id: False, say=said.append)
    marking.ask("drop", connected=connected, now=10.0)
    marking.pass_time(99.0)
    assert said == ["The marker 'drop' was not set: there is no connection."]
