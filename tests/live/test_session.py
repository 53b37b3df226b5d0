"""``live``: a session from its source to the terminal, the JSON lines and the service."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realtime_mer.audio import opening
from realtime_mer.client.streams import subscribe
from realtime_mer.estimate import Estimate, Status
from realtime_mer.live.terminal import TerminalView
from realtime_mer.service.server import Service
from realtime_mer.sessions.store import list_sessions
from realtime_mer.wire.protocol import Bye, Hello, StatusMessage
from tests.command_line import (
    RATE,
    Result,
    call,
    command,
    noise,
    remarks,
    start,
    write_model,
    write_sound,
)
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.training.made_committee import write_committee

MAX = ("--speed", "max")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def live(model: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*args: object) -> Result:
        return call(capsys, "live", *args, "--no-window", "--model", model)

    return run


@pytest.fixture
def analyze(model: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*args: object) -> Result:
        return call(capsys, "analyze", *args, "--model", model)

    return run


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """What is given to it is what standard input holds."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))

    return put


def without_path(lines: str) -> list[str]:
    """Return lines of ``analyze`` without their path, which ``live`` does not have."""
    return [line.replace('"path": "song.wav", ', "", 1) for line in lines.splitlines()]


# -- the very numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [24_000, 44_100])
@pytest.mark.parametrize("shaping", [(), ("--smoothing", "1", "--delay", "0.4")])
def test_at_full_speed_a_file_gives_the_very_lines_of_analyze(
    folder, live, analyze, rate: int, shaping: tuple[str, ...]
) -> None:
    write_sound(folder / "song.wav", noise(7, rate=rate, channels=2), rate=rate)
    result = live("song.wav", *MAX, "--jsonl", "-", *shaping)
    assert result.code == 0
    assert len(result.records()) == 70
    assert result.out.splitlines() == without_path(analyze("song.wav", *shaping).out)


def test_so_it_is_with_a_committee(folder, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--model", write_committee(folder))
    write_sound(folder / "song.wav", noise(7, rate=44_100), rate=44_100)
    result = call(capsys, "live", "song.wav", *MAX, "--jsonl", "-", "--no-window", *model)
    statuses = [record["status"] for record in result.records()]
    assert len(statuses) == 14
    assert [status == "warming_up" for status in statuses] == [True] * 5 + [False] * 9
    assert result.out.splitlines() == without_path(call(capsys, "analyze", "song.wav", *model).out)


def test_json_lines_go_to_a_file_as_they_go_to_standard_output(folder, live) -> None:
    write_sound(folder / "song.wav", noise(2))
    printed = live("song.wav", *MAX, "--jsonl", "-")
    result = live("song.wav", *MAX, "--jsonl", "lines.jsonl")
    assert (folder / "lines.jsonl").read_text() == printed.out
    assert "heard 2.0 s: 20 estimates" in result.out
    assert "heard 2.0 s: 20 estimates" in printed.err


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("f32le", lambda x: x.astype("<f4")),
        ("s16le", lambda x: np.round(x * 2**15).astype("<i2")),
        ("s32le", lambda x: np.round(x.astype(np.float64) * 2**31).astype("<i4")),
    ],
)
def test_a_pipe_gives_the_numbers_of_the_file(
    folder, live, analyze, pipe, name: str, encode: Callable[[Any], Any]
) -> None:
    sound = np.round(noise(4, channels=2) * 2**15) / 2**15  # what 16 bits can hold
    write_sound(folder / "song.wav", sound, subtype="FLOAT")
    pipe(encode(sound).tobytes())
    given = ("--rate", RATE, "--channels", 2, "--format", name)
    piped = live("-", *given, "--jsonl", "-", "--no-server").records()
    records = analyze("song.wav").records()
    assert len(piped) == len(records) == 40
    for one, other in zip(piped, records, strict=True):
        for key in ("valence", "arousal", "valence_sd", "arousal_sd", "level_dbfs"):
            assert one[key] == pytest.approx(other[key], abs=1e-4)
        assert (one["seq"], one["t"], one["status"]) == (other["seq"], other["t"], other["status"])


def test_a_pipe_that_ends_in_the_middle_of_a_frame_warns_and_loses_nothing_else(live, pipe):
    pipe(np.zeros(2 * RATE, dtype="<i2").tobytes() + b"\0\0\0")
    given = ("--rate", RATE, "--channels", 2, "--format", "s16le")
    result = live("-", *given, "--jsonl", "-", "--no-server")
    assert result.code == 0
    assert len(result.records()) == 10
    assert "ended in the middle of a frame: the last 3 of 4 bytes" in result.err


def test_an_empty_pipe_ends_cleanly(live, pipe) -> None:
    pipe(b"")
    result = live("-", "--jsonl", "-", "--no-server")
    assert (result.code, result.out) == (0, "")
    assert "no estimate" in result.err


@pytest.mark.filterwarnings("error")
def test_a_pipe_of_noise_bytes_as_floats_never_gives_a_number_that_is_none(live, pipe) -> None:
    pipe(np.random.default_rng(0).bytes(4 * 4 * RATE))
    result = live("-", "--rate", RATE, "--format", "f32le", "--jsonl", "-", "--no-server")
    assert result.code == 0
    assert len(result.records()) == 40
    assert "not finite" in result.err
    assert "Warning" not in result.err


@pytest.mark.parametrize(("seconds", "count"), [("1.5", 15), ("0.1", 1), ("0.05", 0), ("100", 40)])
def test_seconds_ends_it_after_so_much_sound(folder, live, seconds: str, count: int) -> None:
    write_sound(folder / "song.wav", noise(4))
    result = live("song.wav", *MAX, "--seconds", seconds, "--jsonl", "-")
    assert result.code == 0
    assert len(result.records()) == count


def test_the_demo_piece_is_a_source_too(live) -> None:
    result = live("demo", *MAX, "--seconds", "4", "--jsonl", "-")
    assert result.code == 0
    assert result.records()[-1]["status"] == "music"


def test_off_a_terminal_it_says_what_it_hears_and_what_that_came_to(folder, live) -> None:
    write_sound(folder / "song.wav", noise(4))
    result = live("song.wav", *MAX)
    assert (result.code, result.remarks()) == (0, [])
    first, *_ = result.out.splitlines()
    assert first == "Source: song.wav (file, speed max)"
    assert "heard 4.0 s: 40 estimates, 11 of music" in result.out
    assert "no sound was lost" in result.out


# -- what goes wrong -----------------------------------------------------------------------------


def test_what_a_file_has_before_it_was_cut_off_is_written_summed_up_and_told(folder, live):
    sound = write_sound(folder / "song.wav", noise(4)).read_bytes()
    (folder / "song.wav").write_bytes(sound[: len(sound) // 2])
    result = live("song.wav", *MAX, "--jsonl", "lines.jsonl")
    assert result.code == 0
    assert "frames fewer than the file announces" in result.out
    lines = (folder / "lines.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(len(lines)))
    assert len(lines) >= 19
    assert f"{len(lines)} estimates" in result.out


def test_at_ctrl_c_everything_estimated_until_then_is_written(
    folder, live, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sound(folder / "song.wav", noise(3))
    show = TerminalView.show

    def interrupted(view: TerminalView, estimate: Estimate) -> None:
        show(view, estimate)
        if estimate.seq == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(TerminalView, "show", interrupted)
    result = live("song.wav", *MAX, "--jsonl", "-")
    assert result.code == 0
    seqs = [record["seq"] for record in result.records()]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) > 1  # the rest of the block that was being worked on
    assert f"{len(seqs)} estimates" in result.err


def test_a_pipe_that_is_closed_is_one_line(live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python starts with `<&-`
    assert "Standard input is closed" in live("-", "--no-server").complaint()


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_seconds_that_cannot_be_are_refused(folder, live, seconds: str) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    result = live("song.wav", *MAX, f"--seconds={seconds}")
    assert "--seconds" in result.complaint()


@pytest.mark.parametrize("option", ["--smoothing", "--delay"])
@pytest.mark.parametrize("value", ["nan", "-1", "inf", "1e9"])
def test_times_of_shaping_that_cannot_be_are_refused(folder, live, option: str, value: str) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    assert option in live("song.wav", *MAX, f"{option}={value}").complaint()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--rate", "0"), "0 Hz"),
        (("--channels", "0"), "0 channels"),
        (("--channels", "-2"), "-2 channels"),
    ],
)
def test_a_format_that_sound_cannot_have_is_refused(live, pipe, given, says: str) -> None:
    pipe(bytes(1000))
    assert says in live("-", *given, "--no-server").complaint()


@pytest.mark.parametrize("kind", ["mic", "system"])
def test_an_unknown_device_is_one_line(live, kind: str) -> None:
    line = live(kind, "--device", "no such device", "--no-server").complaint()
    assert "device" in line or "no PulseAudio" in line


def test_a_device_cannot_be_hurried(live) -> None:
    assert "--speed max needs a FILE" in live(*MAX).complaint()


def test_a_missing_file_is_one_line(folder, live) -> None:
    assert "missing.wav does not exist" in live("missing.wav", "--port", 0).complaint()


def test_a_file_without_sound_is_one_line(folder, live) -> None:
    write_sound(folder / "header.wav", noise(0))
    assert "header.wav holds no sound" in live("header.wav", *MAX).complaint()


def test_json_lines_that_cannot_be_written_are_one_line(folder, live) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    line = live("song.wav", *MAX, "--jsonl", "no/such/folder").complaint()
    assert "--jsonl no/such/folder cannot be written: No such file or directory" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_line(folder, live) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    line = live("song.wav", *MAX, "--jsonl", "/dev/full").complaint()
    assert "--jsonl /dev/full cannot be written: No space left" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_an_analysis_onto_a_full_disk_is_one_line(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(60))
    line = analyze("song.wav", "--out", "/dev/full").complaint()
    assert "--out /dev/full cannot be written: No space left" in line


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("song.wav", "--device", "scarlett"), "--device scarlett"),
        (("demo", "--device", "1"), "--device 1"),
        (("song.wav", "--rate", 44100), "--rate"),
        (("demo", "--channels", 2), "--channels"),
        (("--format", "f32le"), "--format"),
        (("song.wav", "--osc-rate", 5), "--osc-rate"),
        (("song.wav", *MAX, "--osc", "9000"), "--osc"),
    ],
)
def test_options_that_do_not_apply_are_refused(folder, live, given, says: str) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    assert says in live(*given, "--no-server").complaint()


def test_an_old_result_outlives_a_mistyped_name(folder, analyze) -> None:
    (folder / "keep.jsonl").write_text("kept")
    assert "missing.wav does not exist" in analyze("missing.wav", "--out", "keep.jsonl").complaint()
    assert (folder / "keep.jsonl").read_text() == "kept"


def test_an_unknown_checkpoint_is_one_line(folder, capsys: pytest.CaptureFixture[str]) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    for name in ("live", "analyze"):
        line = call(capsys, name, "song.wav", "--model", "no-such-model").complaint()
        assert "No checkpoint 'no-such-model'" in line


def test_a_checkpoint_that_does_not_fit_its_card_is_one_line(
    folder, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    other = write_model(folder)
    card = other.with_suffix(".json")
    card.write_text(card.read_text().replace('"hop_s": 0.1', '"hop_s": 0.2'))
    line = call(capsys, "live", "song.wav", *MAX, "--model", other).complaint()
    assert "random.json: field hop_s is 0.2" in line


def test_a_busy_port_is_one_line(folder, live) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        line = live("song.wav", "--port", port).complaint()
    assert str(port) in line


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_cannot_be_is_one_line(folder, live, port: str) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    assert port in live("song.wav", f"--port={port}").complaint()


def test_beyond_loopback_no_session_goes_without_a_token(folder, live) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    result = live("song.wav", "--host", "0.0.0.0", "--port", 0)
    assert "token" in result.out + result.err


@pytest.mark.parametrize("host", ["no host", "999.1.2.3", "host.invalid"])
def test_a_host_that_cannot_be_is_one_line(folder, live, host: str) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    live("song.wav", "--host", host, "--port", 0, "--token", "something-long-enough").complaint()


def test_a_device_of_another_make_is_refused(folder, live) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    write_sound(folder / "song.wav", noise(0.1))
    assert "cuda" in live("song.wav", *MAX, "--compute", "cuda").complaint()


# -- who listens ---------------------------------------------------------------------------------


def test_without_devices_the_demo_piece_plays_and_says_why(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "list_devices", list)
    opened = opening.open_source(None)
    with closing(opened.source):
        assert opened.source.real_time
        assert (opened.spec, opened.device) == ("demo", None)
        assert opened.why == "no microphone; no system audio; so the built-in piece plays"


def test_a_window_that_is_not_installed_is_told_with_what_brings_it(
    capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("realtime_mer.display.has_screen", lambda: True)
    monkeypatch.setattr("realtime_mer.display.is_installed", lambda: False)
    model = write_model(tmp_path)
    result = call(capsys, "live", "demo", "--seconds", "0.2", "--port", 0, "--model", model)
    assert result.code == 0
    said = " ".join(result.out.split())  # the lines are broken to fit
    assert "No window, since PySide6 or pyqtgraph" in said
    assert "pip install 'realtime-mer[display]'" in said


def session(folder: Path, model: Path, *args: object) -> tuple[Any, str]:
    """Start a real session of the demo piece; return its process and the address it serves."""
    process = start(
        "live",
        "demo",
        "--no-window",
        "--port",
        0,
        "--jsonl",
        folder / "lines.jsonl",
        *args,
        "--model",
        model,
    )
    for line in process.stdout:
        if line.startswith("Service: "):
            return process, line.split()[1]
    raise AssertionError(process.stderr.read())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_subscriber_follows_a_session_until_it_is_stopped(folder, model, stop: int) -> None:
    process, url = session(folder, model, "--smoothing", "0.5", "--delay", "0.2")
    with process:
        received = []
        with closing(
            subscribe(
                url, streams=["estimates", "status"], events=True, reconnect=False, backlog=256
            )
        ) as messages:
            for message in messages:
                received.append(message)
                if sum(isinstance(m, Estimate) for m in received) == 8:
                    process.send_signal(stop)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, remarks(err)) == (0, [])

    hello = received[0]
    assert isinstance(hello, Hello)
    assert (hello.model, hello.hop, hello.window) == ("random", 0.1, 3.0)
    assert (hello.smoothing_s, hello.delay_s) == (0.5, 0.2)
    # It may overtake estimates that wait for a busy reader, as every control message does.
    assert sum(isinstance(m, Bye) for m in received) == 1
    (status, *_) = (m for m in received if isinstance(m, StatusMessage))
    assert status.status in (Status.WARMING_UP, Status.MUSIC)
    assert status.source

    sent = [m for m in received if isinstance(m, Estimate)]
    seqs = [estimate.seq for estimate in sent]
    assert seqs == sorted(set(seqs))
    assert {estimate.delay_s for estimate in sent} == {0.2}
    assert all(estimate.wall_time and estimate.latency_ms is not None for estimate in sent)

    text = (folder / "lines.jsonl").read_text()
    assert text.endswith("}\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    by_seq = {line["seq"]: line for line in lines}
    assert all(estimate.to_dict() == by_seq[estimate.seq] for estimate in sent)
    assert f"{len(lines)} estimates" in out


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
def test_a_terminal_that_is_closed_ends_a_session_with_bye_and_a_finished_recording(
    folder, model
) -> None:
    import fcntl
    import termios

    ours, theirs = os.openpty()
    with subprocess.Popen(
        command("live", "demo", "--record", "--port", 0, "--no-window", "--model", model),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        shown = b""
        while (found := re.search(rb"Service: (ws://[\w.:\[\]]+)", shown)) is None:
            shown += os.read(ours, 4096)
        received = []
        streams = {"streams": ["estimates"], "events": True, "reconnect": False}
        with closing(subscribe(found[1].decode(), backlog=256, **streams)) as messages:
            for message in messages:
                received.append(message)
                if ours is not None and sum(isinstance(m, Estimate) for m in received) == 8:
                    os.close(ours)  # the system sends SIGHUP, and writing fails from now on
                    ours = None
        assert process.wait(timeout=PATIENCE_S) == 0
    assert sum(isinstance(one, Bye) for one in received) == 1
    ((kept,), problems) = list_sessions()
    assert problems == []
    assert kept.manifest.ended_at is not None
    estimates = sum(isinstance(one, Estimate) for one in received)
    assert kept.manifest.estimates >= estimates
    assert kept.manifest.failures == ()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
def test_no_word_to_a_terminal_that_is_gone_costs_a_session_anything(folder, model) -> None:
    ours, theirs = os.openpty()
    # It is not the terminal that rules this process, so no signal tells of its end.
    with subprocess.Popen(
        command("live", "demo", "--record", "--seconds", 3, "--no-server", "--model", model),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"Source: " not in shown:
            shown += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(timeout=PATIENCE_S) == 0
    ((kept,), problems) = list_sessions()
    assert (problems, kept.manifest.estimates, kept.manifest.failures) == ([], 30, ())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_session_that_was_started_with_nohup_goes_on_when_the_terminal_closes(
    folder, model
) -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process, url = session(folder, model)
    finally:
        signal.signal(signal.SIGHUP, ignored)
    with process, closing(subscribe(url, reconnect=False)) as estimates:
        next(estimates)
        process.send_signal(signal.SIGHUP)
        for _ in range(5):
            next(estimates)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_session_whose_pipe_is_idle(model) -> None:
    with start("live", "-", "--no-server", "--model", model, stdin=subprocess.PIPE) as process:
        assert any(line.startswith("listening") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert "no estimate" in process.stdout.read()  # while the pipe is still open
        assert remarks(process.stderr.read()) == []
        assert process.wait(timeout=PATIENCE_S) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("to_jsonl", [True, False])
def test_a_reader_that_goes_away_ends_a_session_without_a_traceback(
    folder, model, to_jsonl: bool
) -> None:
    write_sound(folder / "song.wav", noise(60))
    jsonl = ("--jsonl", "-") if to_jsonl else ()
    with start("live", "song.wav", "--no-server", *jsonl, "--model", model) as process:
        assert process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=PATIENCE_S) == 1
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away_ends_an_analysis_without_a_word(folder, model) -> None:
    write_sound(folder / "song.wav", noise(60))
    with start("analyze", "song.wav", "--model", model) as process:
        assert json.loads(process.stdout.readline())["seq"] == 0
        process.stdout.close()
        assert remarks(process.stderr.read()) == []
        assert process.wait(timeout=PATIENCE_S) == 1


@pytest.mark.slow
def test_a_real_pipe_is_read_and_nothing_but_json_is_printed(folder, model) -> None:
    given = ("--rate", RATE, "--format", "f32le", "--no-server", "--jsonl", "-")
    with start("live", "-", *given, "--model", model, stdin=subprocess.PIPE) as process:
        sound = noise(2).tobytes() + b"\0\0"
        writer = threading.Thread(target=_write, args=(process.stdin.buffer, sound))
        writer.start()
        lines = [json.loads(line) for line in process.stdout]
        err = process.stderr.read()
        writer.join()
        assert process.wait(timeout=PATIENCE_S) == 0
    assert [line["seq"] for line in lines] == list(range(20))
    assert "ended in the middle of a frame: the last 2 of 4 bytes" in err
    assert "Traceback" not in err


def _write(stream: Any, data: bytes) -> None:
    with stream:
        stream.write(data)


# -- subscribe -----------------------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that publishes estimates until the test is over."""
    hello = Hello(server_version="0.1.0", model="some", hop=0.1, window=3.0, sample_rate=RATE)
    over = threading.Event()
    with Service(hello=hello, port=0) as service:

        def publish() -> None:
            seq = 0
            while not over.wait(0.005):
                service.publish(sample_estimate(seq=seq))
                seq += 1

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield service
        finally:
            over.set()
            thread.join()


def test_subscribe_prints_json_lines_and_nothing_else(service, capsys) -> None:
    result = call(capsys, "subscribe", service.url, "--jsonl", "--count", 5)
    assert (result.code, result.remarks()) == (0, [])
    records = result.records()
    first = records[0]["seq"]
    assert [record["seq"] for record in records] == list(range(first, first + 5))
    assert records[0] == sample_estimate(seq=first).to_dict()


def test_subscribe_prints_lines_for_people_too(service, capsys) -> None:
    result = call(capsys, "subscribe", service.url, "--count", 5)
    assert result.code == 0
    assert "model some" in result.out
    assert "calm" in result.out


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_a_subscription_without_a_word(service) -> None:
    with start("subscribe", service.url, "--jsonl") as process:
        assert json.loads(process.stdout.readline())["mood"] == "calm"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert (process.wait(timeout=PATIENCE_S), remarks(process.stderr.read())) == (0, [])
    assert rest == "" or rest.endswith("}\n")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "ws://", "127.0.0.1:port"])
def test_subscribe_refuses_what_is_no_address(capsys, url: str) -> None:
    assert "address" in call(capsys, "subscribe", url).complaint()


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_subscribe_refuses_a_rate_that_cannot_be(service, capsys, rate: str) -> None:
    assert "max_rate" in call(capsys, "subscribe", service.url, f"--max-rate={rate}").complaint()


def test_subscribe_says_when_nobody_serves(capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    line = call(capsys, "subscribe", f"ws://127.0.0.1:{port}").complaint()
    assert f"nothing answers at ws://127.0.0.1:{port}" in line
