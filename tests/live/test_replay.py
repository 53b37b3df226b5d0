"""A replay gives the recorded numbers to the bit, when they are due."""

import io
import threading
from contextlib import closing
from pathlib import Path

import pytest

from realtime_mer.client.streams import subscribe
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.live import replay as replay_module
from realtime_mer.live.replay import Player, parse_clock
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Bye, LevelMessage, Marker, StatusMessage, encode
from tests.command_line import call
from tests.outlets.test_osc import Receiver
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.sessions.sessions import estimates, recorded
from tests.subscribers import Client, status

FROZEN = 1e-6  # speed at which nothing ever comes due after the first estimate
MARKER = Marker(label="drop", t=1.0, wall_time="2026-01-01T12:00:00.000+00:00")


def evening() -> list[Estimate | StatusMessage | Marker | LevelMessage]:
    return [
        status("on air"),
        *estimates(10, valence=1 / 3),
        LevelMessage(t=1.0, level_dbfs=-20.0, peak_dbfs=-6.0),
        MARKER,
        *(sample_estimate(seq=seq, arousal=0.1 + 0.2) for seq in range(10, 20)),
    ]


def test_at_full_speed_everything_comes_in_order_and_at_once() -> None:
    assert list(Player(evening(), speed=None)) == evening()


def test_nothing_comes_before_it_is_due() -> None:
    player = iter(Player(evening(), speed=FROZEN))
    arrived: list[object] = [next(player), next(player)]  # the status, and what sets the clock
    waiting = threading.Thread(target=lambda: arrived.extend(player), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert len(arrived) == 2


def test_what_began_amid_a_session_is_replayed_at_once() -> None:
    player = iter(Player([status("on air"), sample_estimate(seq=6000)], speed=FROZEN))
    assert [next(player), next(player)] == [status("on air"), sample_estimate(seq=6000)]


def test_a_jump_wakes_a_replay_that_waits_and_tells_the_status_first() -> None:
    player = Player(evening(), speed=FROZEN)
    messages = iter(player)
    assert [next(messages), next(messages)] == evening()[:2]
    threading.Timer(0.05, player.seek, [1.55]).start()
    told, first = next(messages), next(messages)
    assert told == status("on air")
    assert isinstance(first, Estimate)
    assert first.t == 1.6
    player.seek(0.0)
    assert next(messages) == status("on air")
    player.skip(+1.0)
    assert [next(messages), next(messages)][0] == status("on air")


@pytest.mark.parametrize("t", [0.0, 0.55, 1.0, 1.95])
def test_after_a_jump_everything_from_there_on_comes(t: float) -> None:
    player = Player(evening(), speed=None)
    player.seek(t)
    found = [message for message in player if isinstance(message, Estimate)]
    assert found == [one for one in evening() if isinstance(one, Estimate) and one.t >= t]


def test_a_jump_behind_the_end_ends_it_and_one_before_the_beginning_begins_anew() -> None:
    player = Player(evening(), speed=None)
    player.seek(1000.0)
    assert [type(message) for message in player] == [StatusMessage]
    player.skip(-5000.0)
    assert list(player) == evening()


def test_closing_ends_a_replay_that_waits() -> None:
    player = Player(evening(), speed=FROZEN)
    threading.Timer(0.05, player.close).start()
    assert len(list(player)) == 2


def test_an_empty_session_ends_at_once() -> None:
    player = Player([], speed=1.0)
    player.skip(5.0)
    assert list(player) == []


def test_the_json_lines_of_a_replay_are_those_that_were_recorded(capsys) -> None:
    session = recorded(evening())
    result = call(capsys, "sessions", "replay", session.name, "--speed", "max", "--jsonl")
    assert result.code == 0
    assert result.records() == [one.to_dict() for one in evening() if isinstance(one, Estimate)]
    exported = call(capsys, "sessions", "export", session.name, "--format", "jsonl")
    assert result.out == exported.out


def test_off_a_terminal_markers_and_status_are_shown_as_live(capsys) -> None:
    session = recorded(evening())
    result = call(capsys, "sessions", "replay", session.name, "--speed", "max", "--start", "0:01")
    assert "marker at 0:01: drop" in result.out
    assert "on air" in result.out
    assert "heard 2.0 s: 11 estimates" in result.out


def test_a_subscriber_receives_the_recorded_numbers_to_the_bit(
    capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = recorded(evening())
    received: list[object] = []
    followers: list[threading.Thread] = []
    ready = threading.Event()

    def follow(url: str) -> None:
        streams = ("estimates", "status", "markers", "level")
        with subscribe(url, streams=streams, backlog=256, reconnect=False, events=True) as messages:
            for message in messages:
                received.append(message)
                ready.set()  # hello: the subscription is on its way, answered before what follows

    start = Service.start

    def started(service: Service) -> None:
        start(service)
        followers.append(threading.Thread(target=follow, args=(service.url,)))
        followers[-1].start()
        assert ready.wait(PATIENCE_S)
        with Client(service, "markers"):
            pass  # settled: what was sent before was answered

    monkeypatch.setattr(Service, "start", started)
    options = ("--speed", 10, "--port", 0, "--no-window")
    assert call(capsys, "sessions", "replay", session.name, *options).code == 0
    for follower in followers:
        follower.join(PATIENCE_S)
    got = [encode(message) for message in received if isinstance(message, Estimate)]
    assert got == [encode(one) for one in evening() if isinstance(one, Estimate)]
    assert MARKER in received
    assert status("on air") in received
    assert LevelMessage(t=1.0, level_dbfs=-20.0, peak_dbfs=-6.0) in received
    assert any(isinstance(message, Bye) for message in received)


def test_a_time_typed_on_a_terminal_goes_there(capsys) -> None:
    player = Player(evening(), speed=None)
    replay_module._obey(player, io.StringIO("nonsense\n1:00:00\n\n0:01.55\n"))
    assert next(message.t for message in player if isinstance(message, Estimate)) == 1.6
    replay_module._obey(player, io.StringIO("-0.45\n"))
    assert next(message.t for message in player if isinstance(message, Estimate)) == 1.3


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("1:02:03", 3723), ("0:01.5", 1.5)]
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_clock(text) == seconds


@pytest.mark.parametrize("text", ["", "now", "1:", "-3", "nan", "inf"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no time"):
        parse_clock(text)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--speed", "0"), "--speed '0'"),
        (("--speed", "fast"), "--speed 'fast'"),
        (("--start", "5:00"), "after the end"),
        (("--start", "soon"), "no time"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(
    capsys, options: tuple[str, ...], complaint: str
) -> None:
    session = recorded(evening())
    assert complaint in call(capsys, "sessions", "replay", session.name, *options).complaint()


def test_a_replay_sends_what_mappings_say_and_tells_what_was_lost(capsys, tmp_path: Path) -> None:
    session = recorded(evening())
    with closing(Receiver()) as receiver:
        show = tmp_path / "show.toml"
        show.write_text(
            f"""
[[output]]
to = "osc://{receiver.text}"
routes = [{{ from = "seq", address = "/seq" }}]
[[rule]]
when = 'marker "drop"'
send = {{ to = "osc://{receiver.text}", address = "/scene", value = "lively" }}
[[output]]
to = "osc://nobody.invalid:9"
"""
        )
        options = ("--map", show, "--speed", 20, "--no-server", "--no-window")
        result = call(capsys, "sessions", "replay", session.name, *options)
        received = [receiver.receive() for _ in range(21)]
    assert result.code == 0
    assert [one.params[0] for one in received if one.address == "/seq"] == list(range(20))
    assert ["lively"] in [one.params for one in received if one.address == "/scene"]
    assert "osc://nobody.invalid:9: there is no machine 'nobody.invalid'" in result.out


def test_a_replay_sends_by_the_short_ways_too(capsys) -> None:
    session = recorded(evening())
    with closing(Receiver()) as receiver:
        options = ("--osc", receiver.text, "--osc-rate", 5, "--speed", 20, "--no-server")
        assert call(capsys, "sessions", "replay", session.name, *options, "--no-window").code == 0
        seqs: list[object] = []
        while len(seqs) < 10:
            message = receiver.receive()
            seqs += message.params if message.address == "/mer/seq" else []
    assert seqs == list(range(0, 20, 2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--map", "show.toml", "--speed", "max"), "--map needs a --speed that is no max"),
        (("--mqtt", "broker", "--speed", "max"), "--mqtt needs a --speed that is no max"),
        (("--lsl", "lab", "--speed", "2"), "--lsl lab needs --speed 1"),
        (("--osc-rate", "5"), "of no use without --osc"),
    ],
)
def test_what_a_replay_cannot_send_is_refused(capsys, options: tuple[str, ...], told: str) -> None:
    assert told in call(capsys, "sessions", "replay", "friday", *options).complaint()


def test_a_replay_tells_nobody_by_a_variable_alone(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_MER_MQTT", "mqtt://broker.invalid")
    session = recorded(evening())
    options = ("--speed", 100, "--no-server", "--no-window")
    result = call(capsys, "sessions", "replay", session.name, *options)
    assert result.code == 0
    assert "broker.invalid" not in result.out
