"""``map check``, ``map show`` and ``map learn``: mappings before they are used."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.command_line import call, noise, write_model, write_sound
from tests.outlets.test_osc import Receiver

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "maps").glob("*.toml"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def show(tmp_path: Path, receiver: Receiver) -> Path:
    path = tmp_path / "show.toml"
    path.write_text(
        f"""
[[output]]
to = "osc://{receiver.text}"
routes = [
  {{ from = "seq", address = "/count", range = [0, 10], target = [0, 100], home = 50 }},
  {{ from = "status", address = "/status" }},
]
[[rule]]
name = "lively"
when = "seq > 2"
send = {{ to = "osc://{receiver.text}", address = "/scene", value = "lively" }}
"""
    )
    return path


def test_check_tells_what_a_mapping_holds(
    show: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    result = call(capsys, "map", "check", show)
    assert result.code == 0
    assert result.out.splitlines() == [
        f"{show}: 2 routes and 1 rule to 1 target",
        f"  osc://{receiver.text}",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_mappings_that_ship_can_be_used(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "map", "check", example).code == 0


def test_three_mappings_ship() -> None:
    assert [path.stem for path in EXAMPLES] == ["ableton", "booth", "installation"]


def test_show_shows_every_value_and_sends_nothing(
    show: Path, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path)
    song = write_sound(tmp_path / "song.wav", noise(1))
    result = call(capsys, "map", "show", show, song, "--model", model)
    assert result.code == 0
    lines = result.out.splitlines()
    first = r"0:00  warming up, .*; nothing is sent  /count \d+\.00  /status warming_up"
    assert re.match(first, lines[0])
    assert any(re.search(r"/count +seq +9 +90\.00 +█{11}·", line) for line in lines)
    assert any(re.search(r"lively +/scene lively +waits for its end +1", line) for line in lines)
    receiver._socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.datagram()


def test_learn_sends_one_place_after_the_other(
    show: Path,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("realtime_mer.outlets.learning._STEP_S", 0.0)
    result = call(capsys, "map", "learn", show)
    assert result.out.splitlines() == [
        f"1 of 3: /count at osc://{receiver.text} (seq)",
        f"2 of 3: /status at osc://{receiver.text} (status)",
        f"3 of 3: /scene at osc://{receiver.text} (lively)",
    ]
    counts = [receiver.receive() for _ in range(82)]
    assert {message.address for message in counts} == {"/count"}
    values = [message.params[0] for message in counts]
    assert (min(values), max(values), values[0], values[-1]) == (0.0, 100.0, 0.0, 50.0)
    assert receiver.receive_all(2) == {"/status": "learn", "/scene": "lively"}
    assert call(capsys, "map", "learn", show, "--only", 3).code == 0
    assert receiver.receive_all(1) == {"/scene": "lively"}
    assert "--only 4" in call(capsys, "map", "learn", show, "--only", 4).complaint()


def test_learn_says_who_cannot_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "show.toml"
    path.write_text('[[output]]\nto = "osc://nobody.invalid:9"')
    complaint = call(capsys, "map", "learn", path).complaint()
    assert complaint == (
        "realtime-mer: osc://nobody.invalid:9: there is no machine 'nobody.invalid'; give its "
        "address."
    )
