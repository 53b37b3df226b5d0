"""Who follows a session sees at once what people do, whether or not any sound comes."""

import io
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from rich.console import Console

from realtime_mer.live.follower import Follower
from realtime_mer.live.outlets import ServiceOptions, open_outlets
from realtime_mer.live.terminal import TerminalView
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.sessions.store import Session, create_folder
from realtime_mer.wire.protocol import Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.sessions.sessions import NOW, manifest
from tests.subscribers import HELLO, Client


class Still:
    """An engine whose sound is paused until it is stopped."""

    def __init__(self, events: list[object], *, real_time: bool) -> None:
        self.source = SimpleNamespace(real_time=real_time)
        self.intake = SimpleNamespace(faults=dict)
        self.lost_events = 0
        self._events = events
        self._stopped = threading.Event()

    def events(self) -> Iterator[object]:
        yield from self._events
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


class Written(io.StringIO):
    """Text that says when a line has come."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def write(self, text: str, /) -> int:
        for line in filter(None, text.splitlines()):
            self.lines.put(line)
        return super().write(text)

    def until(self, part: str) -> None:
        while part not in self.lines.get(timeout=PATIENCE_S):
            pass


@pytest.mark.parametrize("real_time", [False, True])
def test_a_marker_set_during_a_pause_is_shown_and_kept_at_once(
    tmp_path, monkeypatch: pytest.MonkeyPatch, real_time: bool
) -> None:
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(tmp_path))

    def make(label: str | None, sound: bool) -> Recording:
        folder = create_folder(label or "session", now=NOW)
        return Recording(folder, manifest(folder))

    terminal = Written()
    console = Console(file=terminal)
    engine = Still([sample_estimate(seq=4)], real_time=real_time)
    deck = Deck(make)
    with ExitStack() as stack:
        outlets = open_outlets(
            hello=HELLO,
            service=ServiceOptions(port=0),
            console=console,
            stack=stack,
            deck=deck,
        )
        view = TerminalView(console=console, source="mic", model="default")
        follower = Follower(
            engine,
            view=view,
            outlets=outlets,
            deck=deck,
            controller=SimpleNamespace(refresh=lambda: None, opened_to_phones=False),
            write=None,
        )
        session = Session(deck.begin("friday", sound=False).folder)
        follow = threading.Thread(target=follower.run)
        follow.start()
        terminal.until("recording friday")
        with Client(outlets.services[0], "markers") as client:
            client.send(type="marker", label="sighs")
            terminal.until("sighs")
        while not kept(session):  # its own thread writes it
            follow.join(0.01)
        engine.stop()
        follow.join()
        assert follower.end() == []
    assert [marker.label for marker in kept(session)] == ["sighs"]


def kept(session: Session) -> list[Marker]:
    return [message for message in session.messages() if isinstance(message, Marker)]
