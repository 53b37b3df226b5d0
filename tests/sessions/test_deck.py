"""The recordings of a live session, one at a time, on one deck."""

from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.sessions.store import Session
from tests.samples import sample_estimate
from tests.sessions.sessions import manifest
from tests.subscribers import status


@pytest.fixture
def deck(tmp_path: Path) -> Deck:
    def make(label: str | None, _sound: bool) -> Recording:
        folder = tmp_path / (label or "session")
        folder.mkdir()
        return Recording(folder, manifest(folder))

    return Deck(make)


def test_a_recording_begins_with_the_status_that_holds(deck: Deck) -> None:
    deck.publish(status("on air"))
    deck.publish(sample_estimate(seq=0))
    session = Session(deck.begin("first", sound=False).folder)
    deck.publish(sample_estimate(seq=1))
    deck.end()
    assert list(session.messages()) == [status("on air"), sample_estimate(seq=1)]


def test_one_recording_follows_another_and_none_is_made_beside_it(deck: Deck) -> None:
    deck.begin("first", sound=False)
    with pytest.raises(InputError, match="first is being recorded: stop that first"):
        deck.begin("second", sound=False)
    deck.end()
    assert deck.name is deck.state is None
    deck.begin("second", sound=False)
    assert deck.name == "second"
    deck.close()


def test_once_the_session_is_over_nothing_can_be_recorded(deck: Deck, tmp_path: Path) -> None:
    deck.begin("first", sound=False)
    deck.close()
    deck.close()
    with pytest.raises(InputError, match="session is over"):
        deck.begin("second", sound=False)
    assert [folder.name for folder in tmp_path.iterdir()] == ["first"]
