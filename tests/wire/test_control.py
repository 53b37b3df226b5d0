"""What a session and its window say to each other, as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.wire.control import (
    MAX_LINE,
    AskDevices,
    AskLevels,
    ChangeSettings,
    ChangeSource,
    ChannelLevels,
    Command,
    DeviceEntry,
    Devices,
    Failed,
    Pause,
    Record,
    Reset,
    Resume,
    SessionState,
    StopRecording,
    command_name,
    one_line,
    parse_command,
    parse_report,
)
from realtime_mer.wire.settings import LEAST_SPEED, MOST_SPEED, Change, Phones, Settings

LINES = {
    '{"do":"pause"}': Pause(),
    '{"do":"resume"}': Resume(),
    '{"do":"reset"}': Reset(),
    '{"do":"devices"}': AskDevices(),
    '{"do":"levels"}': AskLevels(),
    '{"do":"source","source":"mic","device":"USB"}': ChangeSource(source="mic", device="USB"),
    '{"do":"source","source":"/music/a b.flac"}': ChangeSource(source="/music/a b.flac"),
    '{"do":"source","source":"mic","channels":[3,4]}': ChangeSource(source="mic", channels=(3, 4)),
    '{"do":"source","source":"mic","channels":[]}': ChangeSource(source="mic", channels=()),
    '{"do":"record","name":null,"sound":true}': Record(sound=True),
    '{"do":"record","name":"friday","sound":false,"colour":"red"}': Record(name="friday"),
    '{"do":"stop-recording"}': StopRecording(),
    '{"do":"settings","change":{"speed":2.0,"phones":true}}': ChangeSettings(
        change=Change(speed=2.0, phones=True)
    ),
}

TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=50)
REPORTS = st.one_of(
    st.builds(
        SessionState,
        paused=st.booleans(),
        source=TEXT.filter(bool),
        device=st.none() | TEXT,
        title=TEXT,
        recording=st.none() | TEXT,
        sound=st.booleans(),
        settings=st.builds(
            Settings,
            speed=st.none() | st.floats(LEAST_SPEED, MOST_SPEED),
            smoothing_s=st.floats(0, 60),
            delay_s=st.floats(0, 60),
            phones=st.none() | st.builds(Phones, link=TEXT, code=st.just(("10", "01"))),
            opens=TEXT,
        ),
    ),
    st.builds(
        Devices,
        devices=st.lists(
            st.builds(
                DeviceEntry,
                kind=st.sampled_from(["mic", "system"]),
                name=TEXT,
                default=st.booleans(),
            ),
            max_size=4,
        ).map(tuple),
    ),
    st.builds(ChannelLevels, levels=st.lists(st.floats(-120, 10), max_size=4).map(tuple)),
    st.builds(Failed, do=TEXT, message=TEXT),
)


@pytest.mark.parametrize("line", LINES)
def test_every_command_is_read_from_its_line(line: str) -> None:
    assert parse_command(line) == parse_command(line.encode() + b"\n") == LINES[line]


@pytest.mark.parametrize("command", LINES.values())
def test_every_command_comes_back_from_the_line_it_is_written_as(command) -> None:
    assert parse_command(command.to_json()) == command


@given(REPORTS)
def test_every_report_comes_back_from_the_one_line_it_is_written_as(report) -> None:
    line = report.to_json()
    assert line.isascii()
    assert "\n" not in line
    assert parse_report(line) == report


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"do":"explode"}',
        '{"do":["pause"]}',
        '{"say":"state"}',
        '{"do":"source"}',
        '{"do":"source","source":""}',
        '{"do":"source","source":7}',
        '{"do":"record","sound":1}',
        '{"do":"record","name":"a\\nb"}',
        '{"do":"record","name":"' + "x" * 201 + '"}',
        '{"do":"pause","x":"' + "x" * MAX_LINE + '"}',
        "[" * 10_000,
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_command_reads_as_nothing(line: str | bytes) -> None:
    assert parse_command(line) is None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_line_at_all_makes_the_reader_fail(line: str | bytes) -> None:
    assert parse_command(line) is None
    assert parse_report(line) is None


@given(st.text(st.characters()))
def test_any_text_becomes_a_line_that_is_accepted(text: str) -> None:
    report = Failed(do="source", message=one_line(text))
    assert parse_report(report.to_json()) == report


@pytest.mark.parametrize(("line", "command"), LINES.items())
def test_a_command_has_the_name_that_its_line_begins_with(line: str, command: Command) -> None:
    assert line.startswith(f'{{"do":"{command_name(command)}"')


def test_whatever_breaks_a_line_becomes_a_space_and_what_is_no_text_a_question_mark() -> None:
    assert one_line("a\nb\tc\x7fd\x9fe") == "a b c d e"
    assert one_line("a\ud800b") == "a?b"


def test_a_line_for_people_is_cut_where_the_other_side_would_refuse_it() -> None:
    assert one_line("x" * 5000) == "x" * 4096
    assert parse_report(Failed(do="source", message="x" * 4097).to_json()) is None


def test_a_line_may_be_as_long_as_the_limit() -> None:
    line = '{"do":"pause"}'
    assert parse_command(line.ljust(MAX_LINE)) == Pause()
