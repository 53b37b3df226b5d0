"""Sessions as tables and labels of other programs."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from realtime_mer.estimate import Estimate, Status, columns
from realtime_mer.sessions.store import EVENTS, Session
from realtime_mer.wire.protocol import Marker
from tests.command_line import call
from tests.samples import sample_estimate
from tests.sessions.sessions import estimates, recorded

WHEN = "2026-01-01T12:00:00.000+00:00"


@pytest.fixture
def session() -> Session:
    return recorded(
        [
            *estimates(100, valence=1 / 3, latency_ms=None),
            Marker(label='a <b> & "c", d', t=4.5, wall_time=WHEN),
            *(
                sample_estimate(seq=seq, arousal=0.1 + 0.2, status=Status.SILENCE)
                for seq in range(100, 130)
            ),
        ]
    )


def rows(session: Session) -> list[dict[str, object]]:
    return [dict(columns(estimate.to_dict())) for estimate in session.estimates()]


def test_csv_holds_a_row_per_estimate_with_the_numbers_to_the_bit(session, capsys) -> None:
    result = call(capsys, "sessions", "export", session.name, "--format", "csv")
    read = list(csv.DictReader(io.StringIO(result.out)))
    expected = [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in rows(session)
    ]
    assert read == expected
    assert float(read[0]["valence"]) == 0.333333  # of 1 / 3, as it was sent
    assert float(read[-1]["arousal"]) == 0.3


def test_json_lines_are_those_of_a_live_session(session, tmp_path: Path, capsys) -> None:
    out = tmp_path / "x.jsonl"
    call(capsys, "sessions", "export", session.name, "--format", "jsonl", "--out", out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines == [estimate.to_dict() for estimate in session.estimates()]


def test_a_session_from_before_music_was_told_has_empty_columns_of_it(
    session, tmp_path, capsys
) -> None:
    events = session.folder / EVENTS
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("music", None)
        line.pop("familiar", None)
    events.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert {(one.music, one.familiar) for one in session.estimates()} == {(None, None)}
    table = tmp_path / "x.parquet"
    call(capsys, "sessions", "export", session.name, "--format", "parquet", "--out", table)
    read = pq.read_table(table)
    assert read.schema.field("music").type == "double"
    assert set(read["music"].to_pylist()) == {None}


def test_parquet_holds_typed_columns_with_the_numbers_to_the_bit(session, tmp_path, capsys) -> None:
    out = tmp_path / "x.parquet"
    call(capsys, "sessions", "export", session.name, "--format", "parquet", "--out", out)
    table = pq.read_table(out)
    assert table.to_pylist() == rows(session)
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["seq"], types["gems.power"], types["status"]) == ("int64", "double", "string")
    assert (types["turns"], types["changed"]) == ("int64", "double")
    assert types["latency_ms"] == "double"  # even where every one is missing


def test_captions_hold_segments_and_markers_in_order_with_signs_made_harmless(session, capsys):
    out = call(capsys, "sessions", "export", session.name, "--format", "vtt").out
    head, *cues = out.strip().split("\n\n")
    assert head == "WEBVTT"
    assert cues == [
        "00:00:00.000 --> 00:00:10.000\ncalm (valence +0.33, arousal -0.50)",
        '00:00:04.500 --> 00:00:07.500\na &lt;b&gt; &amp; "c", d',
        "00:00:10.000 --> 00:00:13.000\nsilence",
    ]


def test_labels_fit_the_sound_that_was_kept_amid_a_session(capsys) -> None:
    amid = [sample_estimate(seq=seq) for seq in range(6000, 6100)]
    before, within = Marker(label="before", t=599.0), Marker(label="within", t=602.0)
    session = recorded([before, *amid, within], audio="audio.flac", audio_start=14_378_400)
    out = call(capsys, "sessions", "export", session.name, "--format", "audacity").out
    assert [line.split("\t") for line in out.splitlines()] == [
        ["0.000000", "0.000000", "before"],
        ["0.900000", "10.900000", "calm (valence +0.25, arousal -0.50)"],
        ["2.900000", "2.900000", "within"],
    ]


def test_without_sound_labels_tell_the_time_of_the_stream(capsys) -> None:
    session = recorded([sample_estimate(seq=seq) for seq in range(6000, 6100)])
    out = call(capsys, "sessions", "export", session.name, "--format", "audacity").out
    assert out.startswith("600.000000\t610.000000\t")


def test_audacity_labels_are_tabbed_lines_and_a_marker_is_a_point(session, capsys) -> None:
    out = call(capsys, "sessions", "export", session.name, "--format", "audacity").out
    lines = [line.split("\t") for line in out.splitlines()]
    assert [(start, end) for start, end, _ in lines] == [
        ("0.000000", "10.000000"),
        ("4.500000", "4.500000"),
        ("10.000000", "13.000000"),
    ]
    assert lines[1][2] == 'a <b> & "c", d'


def test_labels_say_where_the_music_turned_within_the_sound(capsys) -> None:
    def turning(seq: int) -> Estimate:
        return sample_estimate(seq=seq, changed=0.1, turns=int(seq >= 6003) + int(seq >= 6050))

    amid = [turning(seq) for seq in range(6000, 6100)]
    session = recorded(amid, audio="audio.flac", audio_start=24_000 * 601)
    out = call(capsys, "sessions", "export", session.name, "--format", "audacity").out
    assert [line.split("\t") for line in out.splitlines()][1:] == [
        ["4.100000", "4.100000", "the music turned"]
    ]
    cues = call(capsys, "sessions", "export", session.name, "--format", "vtt").out.split("\n\n")
    assert cues[-1].strip() == "00:00:04.100 --> 00:00:07.100\nthe music turned"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_place_that_cannot_be_written_is_told_in_one_line(session, tmp_path, capsys, format):
    out = tmp_path / "missing" / "x"
    result = call(capsys, "sessions", "export", session.name, "--format", format, "--out", out)
    assert "cannot be written" in result.complaint()


def test_parquet_goes_to_a_file_alone(session, capsys) -> None:
    result = call(capsys, "sessions", "export", session.name, "--format", "parquet")
    assert "--out" in result.complaint()


def test_parquet_of_a_session_without_estimates_is_refused(tmp_path, capsys) -> None:
    session = recorded([])
    out = tmp_path / "x.parquet"
    result = call(capsys, "sessions", "export", session.name, "--format", "parquet", "--out", out)
    assert "no estimate" in result.complaint()
    assert not out.exists()


def forge(session: Session, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the last estimate, as a damaged or a forged file has it."""
    path = session.folder / EVENTS
    *before, line = path.read_text("utf-8").splitlines()
    message = json.loads(line)
    change(message)
    path.write_text("\n".join([*before, json.dumps(message)]) + "\n", "utf-8")


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown keys": lambda one: one["gems"].update({"new": 0.5}) or one.update({"extra": 1}),
    "no quadrant": lambda one: one["quadrants"].clear(),
    "a huge number": lambda one: one.update({"seq": 10**30}),
    "a formula": lambda one: one.update({"wall_time": "=cmd()"}),
}


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "vtt", "audacity"])
@pytest.mark.parametrize("forgery", FORGED)
def test_what_stands_in_a_session_is_written_or_told_in_one_line(
    session: Session, tmp_path: Path, capsys, format: str, forgery: str
) -> None:
    forge(session, FORGED[forgery])
    out = tmp_path / "out"
    result = call(capsys, "sessions", "export", session.name, "--format", format, "--out", out)
    # A number beyond the protocol's bounds is no estimate: it is told and left out, but where it is
    # not looked at.
    left_out = forgery == "a huge number" and format in {"csv", "jsonl", "parquet"}
    assert result.code == 0
    told = [remark for remark in result.remarks() if "left out" in remark]
    assert len(told) == left_out
    if format == "csv":
        table = list(csv.DictReader(io.StringIO(out.read_text("utf-8"))))
        assert len(table) == 130 - left_out
        assert None not in table[-1]
        assert (table[-1]["wall_time"] == "'=cmd()") == (forgery == "a formula")
    report = tmp_path / "report.html"
    assert call(capsys, "sessions", "report", session.name, "--out", report).code == 0
