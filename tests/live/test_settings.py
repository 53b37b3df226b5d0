"""What can be changed while a session runs, by its window and by the page of its owner."""

import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from rich.console import Console
from websockets.exceptions import InvalidStatus

from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.client.streams import subscribe
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.live.outlets import Outlets, ServiceOptions, open_outlets
from realtime_mer.live.settings import LiveSettings, PhoneAccess
from realtime_mer.service.links import qr_rows
from realtime_mer.service.server import Service
from realtime_mer.shaping import Shaper
from realtime_mer.wire import access
from realtime_mer.wire.settings import Change, Settings
from tests.audio.test_switch import Paced
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO, Client, in_loop, let_time_pass
from tests.wire.test_tls import Files


class Live:
    """The settings of a session with a source that has a speed, and its service."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        options: ServiceOptions,
        service: bool = True,
        terminal: bool = True,
    ) -> None:
        self._out = io.StringIO()
        self.outlets: Outlets = open_outlets(
            hello=HELLO,
            service=options if service else None,
            console=Console(
                file=self._out, force_terminal=terminal, soft_wrap=True, highlight=False
            ),
            stack=stack,
            controls=True,
        )
        self.switch = SwitchableSource(Paced("song"))
        self.shaper = Shaper()
        self.phones = PhoneAccess(self.outlets, options)
        self.settings = LiveSettings(
            switch=self.switch, shaper=self.shaper, outlets=self.outlets, phones=self.phones
        )

    @property
    def service(self) -> Service:
        return self.outlets.services[0]

    @property
    def printed(self) -> str:
        return self._out.getvalue()

    def open(self) -> str:
        """Let phones watch and return their link."""
        self.settings.apply(Change(phones=True))
        phones = self.settings.state().phones
        assert phones is not None
        return phones.link


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def live(stack: ExitStack) -> Live:
    return Live(stack, options=ServiceOptions(port=0))


def token_of(link: str) -> str:
    match = re.fullmatch(r"token=([\w-]+)", urlsplit(link).fragment)
    assert match is not None
    return match[1]


class _Way:
    def __init__(self, link: str) -> None:
        self.port = urlsplit(link).port
        self.url = f"ws://127.0.0.1:{self.port}"


def phone(link: str, *streams: str, token: str | None = None) -> Client:
    header = {"Authorization": f"Bearer {token or token_of(link)}"}
    return Client(_Way(link), *streams, additional_headers=header)  # type: ignore[arg-type]


def test_speed_smoothing_and_delay_are_changed_one_by_one(live: Live) -> None:
    assert live.settings.state().speed == 1.0
    live.settings.apply(Change(speed=2.0))
    live.settings.apply(Change(delay_s=1.5))
    live.settings.apply(Change(smoothing_s=0.5))
    state = live.settings.state()
    assert (state.speed, state.smoothing_s, state.delay_s) == (2.0, 0.5, 1.5)
    assert (live.shaper.smoothing_s, live.shaper.delay_s) == (0.5, 1.5)
    assert live.switch.speed == 2.0


def test_phones_come_by_a_link_with_a_token_that_nobody_guesses(live: Live) -> None:
    link = live.open()
    assert not access.is_loopback(urlsplit(link).hostname or "")
    assert access.randomness_bits(token_of(link)) >= access.ENOUGH_BITS
    phones = live.settings.state().phones
    assert phones is not None
    assert phones.code == qr_rows(link)
    with phone(link, "estimates") as client:
        live.service.publish(sample_estimate(seq=3))
        assert client.receive()["seq"] == 3
    with pytest.raises(InvalidStatus, match="401"):
        phone(link, token="x" * 43)


def test_ending_it_cuts_phones_off_with_the_reason_and_makes_the_link_void(live: Live) -> None:
    link = live.open()
    with phone(link, "estimates") as client:
        ending = threading.Thread(target=live.settings.apply, args=(Change(phones=False),))
        ending.start()
        assert client.receive() == {"type": "bye", "reason": "phones may not watch any more"}
        assert client.close_code() == 1001
        ending.join(PATIENCE_S)
    assert live.settings.state().phones is None
    with pytest.raises(ConnectionRefusedError):
        phone(link)
    again = live.open()
    assert token_of(again) != token_of(link)
    with pytest.raises(InvalidStatus, match="401"):
        phone(again, token=token_of(link))


def test_letting_phones_watch_twice_gives_the_same_link_and_ending_twice_is_no_error(
    live: Live,
) -> None:
    assert live.open() == live.open()
    for _ in range(2):
        live.settings.apply(Change(phones=False))
    assert live.settings.state().phones is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("by_page", [False, True])
def test_letting_phones_watch_again_and_again_leaves_no_port_thread_or_file_behind(
    live: Live, by_page: bool
) -> None:
    def set_(phones: bool, page: Client) -> None:
        if not by_page:
            live.settings.apply(Change(phones=phones))
            return
        page.send(type="change", phones=phones)
        page.settle()
        live.settings.serve_pages()
        assert (page.receive()["phones"] is not None) == phones

    process, counts = psutil.Process(), []
    for _ in range(50):
        with Client(live.service) as page:
            live.settings.serve_pages()
            page.send(type="own", key=key_in(live.printed))
            page.until("settings")
            set_(True, page)
            phones = live.settings.state().phones
            assert phones is not None
            with phone(phones.link, "estimates"):
                set_(False, page)
        in_loop(live.service, lambda: None)
        while live.service.open_connections:
            let_time_pass(live.service, 0)
        counts.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
        listening = [one for one in process.net_connections() if one.status == "LISTEN"]
        assert [one.laddr.port for one in listening] == [live.service.port]
    assert counts[-1] == counts[1]


def test_it_says_in_words_what_it_opens_to_whom_and_until_when(live: Live) -> None:
    opens = live.settings.state().opens
    for word in ("link", "network", "notes", "no sound", "until you end it", "not encrypted"):
        assert word in opens


def test_phones_of_a_session_with_a_certificate_come_encrypted(
    stack: ExitStack, tmp_path: Path
) -> None:
    files = Files(tmp_path)
    options = ServiceOptions(port=0, cert=str(files.cert), key=str(files.key))
    live = Live(stack, options=options)
    link = live.open()
    assert link.startswith("https://")
    assert "not encrypted" not in live.settings.state().opens
    live.service.publish(sample_estimate(seq=3))
    with subscribe(
        f"wss://127.0.0.1:{urlsplit(link).port}", token=token_of(link), ca=str(files.ca)
    ) as messages:
        estimate = next(messages)
    assert isinstance(estimate, Estimate)
    assert estimate.seq == 3


def test_a_session_that_was_started_for_a_network_shows_its_link_and_cannot_be_closed(
    stack: ExitStack,
) -> None:
    live = Live(stack, options=ServiceOptions(host="0.0.0.0", port=0))
    state = live.settings.state()
    assert state.opens == ""
    assert state.phones is not None
    assert token_of(state.phones.link) == live.service.token
    with pytest.raises(InputError, match="started for a network"):
        live.settings.apply(Change(phones=False))


def test_without_any_service_phones_have_nowhere_to_come_to(stack: ExitStack) -> None:
    live = Live(stack, options=ServiceOptions(port=0), service=False)
    with pytest.raises(InputError, match="no service"):
        live.settings.apply(Change(phones=True))
    assert live.settings.state().phones is None


def test_after_the_end_of_the_service_nobody_can_be_let_in(stack: ExitStack) -> None:
    live = Live(stack, options=ServiceOptions(port=0))
    live.service.close()
    with pytest.raises(ServiceError, match="does not run"):
        live.settings.apply(Change(phones=True))
    assert live.settings.state().phones is None


# The page of the owner


def key_in(printed: str) -> str:
    match = re.search(r"#(?:token=[\w-]+&)?control=([\w-]{40,})$", printed, re.M)
    assert match is not None
    return match[1]


def test_the_link_that_a_terminal_shows_lets_its_page_change_settings(live: Live) -> None:
    with Client(live.service) as page:
        page.send(type="own", key=key_in(live.printed))
        page.settle()
        live.settings.serve_pages()
        told = page.receive()
        assert (told["type"], told["speed"], told["phones"]) == ("settings", 1.0, None)
        page.send(type="change", speed=4.0)
        page.settle()
        live.settings.serve_pages()
        assert page.receive()["speed"] == 4.0
        assert live.switch.speed == 4.0


@pytest.mark.parametrize("asked", [{}, {"speed": 1.0}, {"delay_s": -0.0}, {"phones": False}])
def test_a_change_to_what_stands_already_is_answered(live: Live, asked: dict[str, Any]) -> None:
    with Client(live.service) as page:
        page.send(type="own", key=key_in(live.printed))
        page.settle()
        live.settings.serve_pages()
        before = page.receive()
        page.send(type="change", **asked)
        page.settle()
        live.settings.serve_pages()
        assert page.receive() == before


def test_what_cannot_be_changed_is_told_to_the_page(live: Live) -> None:
    class Device:
        name, real_time = "USB", True

        def read(self) -> None:
            return None

        def close(self) -> None:
            return None

    live.switch.change(Device())
    live.switch.read()
    with Client(live.service) as page:
        live.settings.serve_pages()
        page.send(type="own", key=key_in(live.printed))
        assert page.receive()["speed"] is None
        page.send(type="change", speed=4.0)
        page.settle()
        live.settings.serve_pages()
        error = page.receive()
        assert error["code"] == "not_changed"
        assert "USB keeps its own time" in error["message"]


def test_whoever_comes_later_hears_of_the_delay_in_hello(live: Live) -> None:
    live.settings.apply(Change(delay_s=2.0))
    live.settings.serve_pages()
    with Client(live.service) as client:
        assert client.hello["delay_s"] == 2.0


def test_where_nobody_looks_at_a_terminal_no_key_is_written_anywhere(stack: ExitStack) -> None:
    live = Live(stack, options=ServiceOptions(port=0), terminal=False)
    assert "control=" not in live.printed
    assert live.service.key is not None
    assert live.service.key not in live.printed


def test_links_for_other_machines_hold_no_key(stack: ExitStack) -> None:
    live = Live(stack, options=ServiceOptions(host="0.0.0.0", port=0))
    lines = [line for line in live.printed.splitlines() if "control=" in line]
    assert len(lines) == 1
    assert "on this machine: http://127.0.0.1:" in lines[0]
    phones = live.settings.state().phones
    assert phones is not None
    assert "control" not in phones.link


def test_without_a_change_nobody_is_told_anything_again(live: Live) -> None:
    told: list[Settings] = []
    live.outlets.tell_settings = told.append  # type: ignore[method-assign]
    live.settings.serve_pages()
    live.settings.serve_pages()
    assert len(told) == 1
