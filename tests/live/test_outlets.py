"""What ``live`` tells and hands to those who follow it from outside."""

import io
import re
import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from realtime_mer.errors import InputError
from realtime_mer.live.outlets import Outlets, ServiceOptions, open_outlets
from realtime_mer.wire.protocol import LevelMessage
from tests.command_line import call, noise, write_model, write_sound
from tests.outlets.test_osc import Receiver
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO, Client, status


class Session:
    """The outlets of a session without sound, and what was printed."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        service: ServiceOptions | None,
        receiver: Receiver | None = None,
        terminal: bool = False,
    ) -> None:
        self._out = io.StringIO()
        console = Console(file=self._out, force_terminal=terminal, soft_wrap=True, highlight=False)
        self.outlets: Outlets = open_outlets(
            hello=HELLO,
            service=service,
            plans=() if receiver is None else [receiver.plan],
            console=console,
            stack=stack,
        )

    @property
    def printed(self) -> str:
        return self._out.getvalue()


def test_beyond_this_machine_a_token_is_made_up_and_the_link_carries_it_in_its_fragment() -> None:
    tokens = set()
    for _ in range(2):
        with ExitStack() as stack:
            printed = Session(stack, service=ServiceOptions(host="0.0.0.0", port=0)).printed
            match = re.search(r"^Display: http://[^/]+:\d+/#token=([\w-]{40,})$", printed, re.M)
            assert match is not None
            tokens.add(match[1])
    assert len(tokens) == 2


def test_the_token_that_was_made_up_is_the_one_that_is_asked_for() -> None:
    with ExitStack() as stack:
        session = Session(stack, service=ServiceOptions(host="0.0.0.0", port=0))
        (service,) = session.outlets.services
        assert service.token is not None
        assert f"#token={service.token}\n" in session.printed
        headers = {"Authorization": f"Bearer {service.token}"}
        with Client(service, "estimates", additional_headers=headers) as client:
            session.outlets.publish(sample_estimate(seq=3))
            assert client.receive()["seq"] == 3


def test_a_token_that_was_chosen_is_not_printed_where_it_would_stand_in_a_log() -> None:
    options = ServiceOptions(host="0.0.0.0", port=0, token="s3cret", weak_token=True)
    with ExitStack() as stack:
        assert "s3cret" not in Session(stack, service=options).printed
    with ExitStack() as stack:
        assert "/#token=s3cret" in Session(stack, service=options, terminal=True).printed


def test_on_this_machine_there_is_no_token_and_no_qr_code() -> None:
    with ExitStack() as stack:
        session = Session(stack, service=ServiceOptions(port=0), terminal=True)
        (service,) = session.outlets.services
        assert service.token is None
        assert f"Display: http://127.0.0.1:{service.port}/\n" in session.printed
        assert "█" not in session.printed


def test_on_a_network_a_terminal_shows_a_qr_code_and_a_log_does_not() -> None:
    options = ServiceOptions(host="0.0.0.0", port=0)
    with ExitStack() as stack:
        assert "█▀▀▀▀▀█" in Session(stack, service=options, terminal=True).printed
    with ExitStack() as stack:
        assert "█" not in Session(stack, service=options).printed


def test_the_number_of_subscribers_is_bounded_as_asked() -> None:
    with ExitStack() as stack:
        session = Session(stack, service=ServiceOptions(port=0, clients=1))
        (service,) = session.outlets.services
        with Client(service), pytest.raises(Exception, match="503"):
            Client(service)


def test_markers_of_subscribers_come_to_the_program_and_go_out_by_osc() -> None:
    with ExitStack() as stack, closing(Receiver()) as receiver:
        session = Session(stack, service=ServiceOptions(port=0), receiver=receiver)
        (service,) = session.outlets.services
        with Client(service, "markers") as client:
            client.send(type="marker", label="drop")
            client.receive()
            assert [marker.label for marker in session.outlets.take_markers()] == ["drop"]
            assert session.outlets.take_markers() == []
        assert receiver.receive_all(1) == {"/mer/marker": "drop"}


def test_every_event_goes_to_osc_without_any_service() -> None:
    with ExitStack() as stack, closing(Receiver()) as receiver:
        session = Session(stack, service=None, receiver=receiver)
        session.outlets.publish(status("on air"))
        session.outlets.publish(LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0))
        session.outlets.publish(sample_estimate())
        assert receiver.receive().address == "/mer/status"
        assert receiver.receive_all(2) == {"/mer/level": -20.0, "/mer/peak": -6.0}
        assert receiver.receive().address == "/mer/seq"
        assert not any(session.outlets.faults().values())
        assert f"Sending to osc://{receiver.text}" in session.printed


def test_every_display_is_told_how_outlets_fare() -> None:
    with ExitStack() as stack, closing(Receiver()) as receiver:
        session = Session(stack, service=ServiceOptions(port=0), receiver=receiver)
        (service,) = session.outlets.services
        with Client(service, "status") as client:
            session.outlets.publish(sample_estimate())
            receiver.receive()  # so it is connected
            session.outlets.publish(status("on air"))
            (told,) = client.receive()["outlets"]
            assert (told["name"], told["state"], told["failed"]) == ("osc", "connected", 0)
            session.outlets.tell_outlets()  # nothing was lost, and it was told just now
            assert client.settle() == []
            session.outlets._told_outlets = (
                replace(session.outlets._told_outlets[0], state="failing"),
            )
            session.outlets.tell_outlets()
            (again,) = client.settle()
            assert (again["detail"], again["outlets"][0]["state"]) == ("on air", "connected")


def test_what_a_mapping_has_to_say_is_told_once(tmp_path: Path) -> None:
    broken = tmp_path / "show.toml"
    broken.write_text('[[output]]\nto = "osc://nobody.invalid:9"')
    told = threading.Event()

    class Heard(Outlets):
        def tell(self, notice: str) -> None:
            super().tell(notice)
            told.set()

    with ExitStack() as stack:
        outlets = Heard()
        stack.callback(outlets.open_mapped([], [broken], hello=HELLO).close)
        assert told.wait(PATIENCE_S)
        (notice,) = outlets.take_notices()
        assert "osc://nobody.invalid:9: there is no machine 'nobody.invalid'" in notice
        assert outlets.take_notices() == []


def test_nothing_at_all_is_wanted() -> None:
    with ExitStack() as stack:
        session = Session(stack, service=None)
        session.outlets.publish(sample_estimate())
        assert session.outlets.take_markers() == []
        assert session.printed == ""


def test_a_certificate_that_is_not_there_is_told_before_anything_starts() -> None:
    with ExitStack() as stack, pytest.raises(InputError, match=r"missing\.pem"):
        Session(stack, service=ServiceOptions(port=0, cert="missing.pem"))


def test_a_live_session_sends_what_it_recognises_by_osc(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path)
    write_sound(tmp_path / "song.wav", noise(1))
    with closing(Receiver()) as receiver:
        osc = receiver.text
        options = ("--osc", osc, "--osc-rate", 5, "--no-server", "--no-window", "--model", model)
        result = call(capsys, "live", tmp_path / "song.wav", *options)
        assert result.code == 0
        seqs = []
        while len(seqs) < 5:
            message = receiver.receive()
            if message.address == "/mer/seq":
                seqs += message.params
    assert seqs == [0, 2, 4, 6, 8]
    assert f"Sending to osc://{osc}" in result.out
    assert "Service:" not in result.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--osc", "nonsense"), "HOST:PORT"),
        (("--osc", "9000", "--osc-rate", 0), "--osc-rate"),
        (("--osc", ""), "--osc '': give HOST:PORT"),
        (("--mqtt", ""), "--mqtt: mqtt: give a machine"),
        (
            ("--mqtt", "http://u:s3cret@broker"),
            "--mqtt: http://broker: give an address as in mqtt://",
        ),
        (("--mqtt", "osc://127.0.0.1:9000"), "--mqtt: osc://127.0.0.1:9000: give an address"),
        (("--lsl", ""), "--lsl: 'lsl:': give a name alone"),
        (("--midi", ""), "--midi: 'midi:': give a port's name"),
        (("--key", "key.pem"), "--cert"),
        (("--cert", "missing.pem"), "cannot be read"),
        (("--token", "two words"), "token"),
    ],
)
def test_options_that_cannot_be_used_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    complaint: str,
) -> None:
    fixed = ("--port", 0, "--no-window", "--model", write_model(tmp_path))
    assert complaint in call(capsys, "live", "demo", *fixed, *options).complaint()


def test_a_broker_of_the_variable_alone_is_left_out_where_nobody_could_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_MER_MQTT", "mqtt://broker.invalid")
    song = write_sound(tmp_path / "song.wav", noise(1))
    result = call(capsys, "live", song, "--speed", "max", "--model", write_model(tmp_path))
    assert result.code == 0
    assert "broker.invalid" not in result.out
