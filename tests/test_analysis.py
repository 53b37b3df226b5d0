"""``analyze``: whole files, from the command line and from Python."""

import csv
import io
import json
import math
import os
import signal
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import realtime_mer
from realtime_mer import load_audio, load_recognizer
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import Status, columns
from realtime_mer.recognizer.contract import StreamingRecognizer
from tests.command_line import RATE, Result, call, noise, remarks, start, write_model, write_sound
from tests.patience import PATIENCE_S

HOP = RATE // 10
ESTIMATE_KEYS = (
    "seq t wall_time valence arousal valence_sd arousal_sd quadrants gems mood music familiar "
    "changed turns status level_dbfs latency_ms state_age_s xruns skipped smoothing_s delay_s"
).split()
SUMMARY_KEYS = (
    "path seconds valence arousal valence_sd arousal_sd quadrants gems mood music_share"
).split()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def recognizer(model: Path) -> StreamingRecognizer:
    return load_recognizer(model, "cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, so that files can be typed by name alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def analyze(model: Path, capsys: pytest.CaptureFixture[str]):
    def run(*args: object) -> Result:
        return call(capsys, "analyze", *args, "--model", model)

    return run


def cut(path: Path) -> Path:
    """Cut a file in the middle, as a broken download is."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def test_the_network_hears_a_file_in_a_few_large_pieces(
    folder, recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sound(folder / "song.wav", noise(65.0))
    seconds: list[float] = []
    kind = type(recognizer)
    step = kind.step

    def noted(self, samples, state):
        seconds.append(samples.shape[1] / RATE)
        return step(self, samples, state)

    monkeypatch.setattr(kind, "step", noted)
    assert len(realtime_mer.analyze("song.wav", recognizer=recognizer).estimates) == 650
    assert len(seconds) <= 4
    assert max(seconds) == pytest.approx(30.0, abs=0.1)


# -- what comes out ------------------------------------------------------------------------------


def test_a_line_of_json_is_printed_for_every_hop_and_nothing_else(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(4.05))
    result = analyze("song.wav")
    assert (result.code, result.remarks()) == (0, [])
    records = result.records()
    assert [list(record) for record in records] == [["path", *ESTIMATE_KEYS]] * 40
    assert [record["seq"] for record in records] == list(range(40))
    assert [record["t"] for record in records] == [round((i + 1) / 10, 6) for i in range(40)]
    assert {record["status"] for record in records} == {"warming_up", "music"}
    assert list(records[0]["quadrants"]) == list(QUADRANTS)
    assert list(records[0]["gems"]) == list(GEMS)


@pytest.mark.parametrize(("rate", "channels"), [(24_000, 1), (44_100, 2), (16_000, 1)])
def test_a_hop_of_music_has_the_numbers_of_the_recogniser(
    folder, analyze, recognizer, rate: int, channels: int
) -> None:
    path = write_sound(folder / "song.wav", noise(5, rate=rate, channels=channels), rate=rate)
    expected = recognizer.run(load_audio(path)[np.newaxis])
    music = [record for record in analyze("song.wav").records() if record["status"] == "music"]
    assert len(music) == 21  # from the first whole window on
    for record in music:
        seq = record["seq"]
        for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
            value = getattr(expected, name)[0, seq].item()
            assert record[name] == pytest.approx(value, abs=1e-4), (seq, name)
        for name in ("quadrants", "gems"):
            values = getattr(expected, name)[0, seq].tolist()
            assert list(record[name].values()) == pytest.approx(values, abs=1e-4), (seq, name)


def test_a_summary_is_one_line_a_file_with_the_mean_of_its_music(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(4.05))
    music = [r for r in analyze("song.wav").records() if r["status"] == "music"]
    (summary,) = analyze("song.wav", "--summary").records()
    assert list(summary) == SUMMARY_KEYS
    assert summary["path"] == "song.wav"
    assert summary["seconds"] == pytest.approx(4.05)
    for name in ("valence", "arousal"):
        assert summary[name] == pytest.approx(np.mean([r[name] for r in music]), abs=2e-6)
    for name in ("quadrants", "gems"):
        for key, value in summary[name].items():
            assert value == pytest.approx(np.mean([r[name][key] for r in music]), abs=2e-6)


@pytest.mark.parametrize("summary", [(), ("--summary",)])
def test_csv_says_what_jsonl_says(folder, analyze, summary: tuple[str, ...]) -> None:
    write_sound(folder / "one.wav", noise(0.3))
    write_sound(folder / "two.wav", noise(0.2))
    records = analyze("one.wav", "two.wav", *summary).records()
    result = analyze("one.wav", "two.wav", "--format", "csv", *summary)
    assert (result.code, result.remarks()) == (0, [])
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        flat = {}
        for key, value in record.items():
            if isinstance(value, dict):
                flat |= {f"{key}.{name}": inner for name, inner in value.items()}
            else:
                flat[key] = value
        assert row == {key: "" if value is None else str(value) for key, value in flat.items()}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_out_writes_to_a_file_what_would_have_been_printed(folder, analyze, form: str) -> None:
    write_sound(folder / "song.wav", noise(0.5))
    printed = analyze("song.wav", "--format", form)
    written = analyze("song.wav", "--format", form, "--out", "result")
    assert (written.code, written.out, written.remarks()) == (0, "", [])
    assert (folder / "result").read_bytes().decode() == printed.out


@pytest.mark.parametrize(
    "name", ["song.wav", "./song.wav", "sub/../song.wav", "song [1] für Ö.wav", 'a, "b".wav']
)
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_path_is_given_back_as_it_was_typed(folder, analyze, name: str, form: str) -> None:
    (folder / "sub").mkdir()
    write_sound(folder / name, noise(0.1))
    result = analyze(name, "--format", form)
    rows = result.records() if form == "jsonl" else csv.DictReader(io.StringIO(result.out))
    assert [row["path"] for row in rows] == [name]


def test_smoothing_and_delay_are_told_and_lose_no_estimate(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(2))
    plain = analyze("song.wav").records()
    shaped = analyze("song.wav", "--smoothing", "2", "--delay", "0.5").records()
    assert [record["seq"] for record in shaped] == [record["seq"] for record in plain]
    assert {(record["smoothing_s"], record["delay_s"]) for record in plain} == {(0.0, 0.0)}
    assert {record["delay_s"] for record in shaped} == {0.5}
    assert {record["smoothing_s"] for record in shaped[1:]} == {2.0}
    assert np.ptp([r["valence"] for r in shaped]) < np.ptp([r["valence"] for r in plain])


# -- sound of every kind -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(24_000, 1, "PCM_U8"), (192_000, 1, "PCM_16"), (48_000, 6, "PCM_24"), (8_000, 2, "FLOAT")],
)
def test_sound_of_any_depth_rate_and_width_is_read(
    folder, analyze, rate: int, channels: int, subtype: str
) -> None:
    write_sound(
        folder / "song.wav", noise(1, rate=rate, channels=channels), rate=rate, subtype=subtype
    )
    result = analyze("song.wav")
    assert (result.code, result.remarks()) == (0, [])
    assert len(result.records()) == 10
    (summary,) = analyze("song.wav", "--summary").records()
    assert summary["seconds"] == pytest.approx(1.0)


def test_samples_that_are_no_numbers_never_reach_an_estimate(folder, analyze) -> None:
    sound = noise(4)
    sound[30_000:30_100] = np.nan
    sound[40_000] = np.inf
    sound[50_000] = 1e30
    write_sound(folder / "song.wav", sound, subtype="FLOAT")
    result = analyze("song.wav")
    assert result.code == 0
    records = result.records()
    assert len(records) == 40
    assert all(math.isfinite(record["valence"]) for record in records)


def test_digital_silence_is_told_and_is_not_calm(folder, analyze) -> None:
    write_sound(folder / "song.wav", np.zeros((5 * RATE, 1), dtype=np.float32))
    result = analyze("song.wav")
    records = result.records()
    assert records[-1]["status"] == "no_signal"
    (line,) = result.remarks()
    assert "hops of silence and none that could be judged" in line
    assert records[-1]["level_dbfs"] == -120
    assert {record["mood"] for record in records} == {"neutral"}


@pytest.mark.parametrize("samples", [1, 100, HOP - 1])
def test_a_file_too_short_for_a_hop_gives_nulls_and_a_warning(folder, analyze, samples: int):
    write_sound(folder / "blip.wav", noise(samples / RATE))
    result = analyze("blip.wav", "--summary")
    assert result.code == 0
    (summary,) = result.records()
    assert summary == {
        "path": "blip.wav",
        "seconds": pytest.approx(samples / RATE, abs=1e-6),
        "valence": None,
        "arousal": None,
        "valence_sd": None,
        "arousal_sd": None,
        "quadrants": dict.fromkeys(QUADRANTS),
        "gems": dict.fromkeys(GEMS),
        "mood": None,
        "music_share": None,
    }
    (warning,) = result.remarks()
    assert "blip.wav is shorter than one hop of 0.1 s" in warning


def test_a_file_too_short_for_a_hop_has_no_lines_of_hops_but_a_warning(folder, analyze) -> None:
    write_sound(folder / "blip.wav", noise(0.05))
    result = analyze("blip.wav")
    assert (result.code, result.out) == (0, "")
    assert "blip.wav is shorter" in result.err


# -- what cannot be read -------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_named_and_does_not_stop_the_others(folder, analyze):
    write_sound(folder / "one.wav", noise(0.2))
    write_sound(folder / "two.wav", noise(0.2))
    write_sound(folder / "header.wav", noise(0))
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound\n" * 100)
    (folder / "folder.wav").mkdir()
    bad = ["missing.wav", "empty.wav", "header.wav", "text.wav", "folder.wav"]
    result = analyze("one.wav", *bad, "two.wav", "--summary")
    assert result.code == 1
    assert [record["path"] for record in result.records()] == ["one.wav", "two.wav"]
    lines = result.remarks()
    assert len(lines) == len(bad)
    for name, line in zip(bad, lines, strict=True):
        assert line.startswith(f"realtime-mer: {name} ")


def test_a_file_that_claims_nonsense_costs_neither_the_next_nor_the_memory(folder, analyze) -> None:
    for name, rate, channels in (("slow.wav", 1, 2), ("fast.wav", 2**31 - 1, 1024)):
        form = struct.pack("<HHIIHH", 1, channels, rate, 0, 2 * channels, 16)
        body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 20_480)
        size = struct.pack("<I", len(body) + 20_480)
        (folder / name).write_bytes(b"RIFF" + size + body + bytes(20_480))
    write_sound(folder / "good.wav", noise(0.2))
    result = analyze("slow.wav", "fast.wav", "good.wav", "--summary")
    assert result.code == 1
    assert [record["path"] for record in result.records()] == ["good.wav"]
    _, slow, fast = result.err.splitlines()
    assert "slow.wav claims 1 Hz" in slow
    assert "fast.wav claims 2147483647 Hz" in fast


def test_a_picked_channel_is_the_one_that_is_heard(folder, analyze) -> None:
    left, right = noise(1.0), 0.5 * noise(1.0)[::-1]
    write_sound(folder / "right.wav", right)
    write_sound(folder / "both.wav", np.concatenate([left, right], axis=1))
    (alone,) = analyze("right.wav", "--summary").records()
    (picked,) = analyze("both.wav", "--channels", "2", "--summary").records()
    assert {**picked, "path": None} == {**alone, "path": None}
    assert "no channel 3" in analyze("both.wav", "--channels", "3").err
    assert analyze("both.wav", "--channels", "none").code != 0


def test_what_a_file_announces_wrongly_is_told_and_changes_nothing(folder, analyze) -> None:
    whole = write_sound(folder / "whole.wav", noise(1.0))
    data = bytearray(whole.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = bytes(4)
    (folder / "crashed.wav").write_bytes(data)
    first, second = analyze("whole.wav", "--summary"), analyze("crashed.wav", "--summary")
    assert (first.code, second.code) == (0, 0)
    assert "frames" not in first.err
    assert "crashed.wav: 24000 frames more than the file announces" in second.err
    (one,), (other,) = first.records(), second.records()
    assert {**one, "path": None} == {**other, "path": None}


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_what_a_file_has_before_it_was_cut_off_is_written(folder, analyze, suffix: str) -> None:
    whole = write_sound(folder / f"whole.{suffix}", noise(4))
    records = analyze(whole.name).records()
    cut(write_sound(folder / f"broken.{suffix}", noise(4)))
    write_sound(folder / "next.wav", noise(0.1))
    result = analyze(f"broken.{suffix}", "next.wav")
    assert result.code == 0
    (line,) = result.remarks()
    assert f"broken.{suffix}: " in line
    assert "frames fewer than the file announces" in line
    *before, last = result.records()
    assert last["path"] == "next.wav"
    assert len(before) >= 15
    # Up to the last hop, which the resampler or decoder may still have held; not to the last digit,
    # since hops that come in a block of another length may round differently.
    for record, expected in zip(before[:-1], records, strict=False):
        wanted = dict(columns({**expected, "path": f"broken.{suffix}"}))
        assert dict(columns(record)) == pytest.approx(wanted, abs=1e-4)
    (summary,) = analyze(f"broken.{suffix}", "--summary").records()
    assert summary["valence"] is not None


@pytest.mark.skipif(sys.platform == "win32", reason="any bytes are a name on POSIX")
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_name_that_is_no_text_is_given_back_too(folder, analyze, form: str) -> None:
    name = "caf\udce9.wav"  # as Latin-1 wrote it
    write_sound(folder / "song.wav", noise(0.1)).rename(name)
    assert analyze(name, "--format", form, "--out", "result").code == 0
    written = (folder / "result").read_bytes()
    given = json.loads(written)["path"] if form == "jsonl" else os.fsdecode(written)
    assert name in given


def test_a_name_that_cannot_be_is_named_and_does_not_stop_the_others(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    name = "x" * 300 + ".wav"
    result = analyze(name, "song.wav")
    assert [record["path"] for record in result.records()] == ["song.wav"]
    assert f"{name} cannot be opened" in result.complaint()


def test_the_same_file_may_be_named_twice(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(0.3))
    first, second = analyze("song.wav", "song.wav", "--summary").out.splitlines()
    assert first == second


def test_a_result_that_cannot_be_written_is_one_line(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    assert "--out no/such/folder cannot be written" in (
        analyze("song.wav", "--out", "no/such/folder").complaint()
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_line(folder, analyze) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    assert "No space left" in analyze("song.wav", "--out", "/dev/full").complaint()


@pytest.mark.parametrize("option", ["--smoothing", "--delay"])
@pytest.mark.parametrize("value", ["nan", "-1", "inf", "1e9"])
def test_a_time_that_cannot_be_is_refused_before_anything_is_written(
    folder, analyze, option: str, value: str
) -> None:
    write_sound(folder / "song.wav", noise(0.1))
    result = analyze("song.wav", f"{option}={value}", "--out", "result.jsonl")
    assert option in result.complaint()
    assert not (folder / "result.jsonl").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_it_without_a_word_and_keeps_what_was_found(folder, model) -> None:
    write_sound(folder / "song.wav", noise(600))
    with start("analyze", "song.wav", "song.wav", "--model", model) as process:
        lines = [process.stdout.readline()]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        assert (process.wait(timeout=PATIENCE_S), remarks(process.stderr.read())) == (130, [])
    if not lines[-1].endswith("\n"):
        lines.pop()  # torn in a write that waited for room in the pipe
    assert [json.loads(line)["seq"] for line in lines] == list(range(len(lines)))


# -- from Python ---------------------------------------------------------------------------------


def test_from_python_the_same_numbers_come(folder, analyze, recognizer) -> None:
    path = write_sound(folder / "song.wav", noise(4))
    records = analyze("song.wav").records()
    (summary,) = analyze("song.wav", "--summary").records()
    analysis = realtime_mer.analyze("song.wav", recognizer=recognizer)
    assert [{"path": "song.wav", **e.to_dict()} for e in analysis.estimates] == records
    assert analysis.summary.to_dict() == summary
    assert (analysis.path, analysis.seconds) == ("song.wav", 4.0)
    assert analysis.estimates[-1].status is Status.MUSIC
    assert realtime_mer.analyze(path, recognizer=recognizer).path == str(path)


def test_from_python_a_broken_file_raises(folder, recognizer) -> None:
    (folder / "broken.wav").write_text("rubbish")
    with pytest.raises(realtime_mer.RealtimeMerError, match="decoded"):
        realtime_mer.analyze("broken.wav", recognizer=recognizer)
    with pytest.raises(realtime_mer.RealtimeMerError, match="does not exist"):
        realtime_mer.analyze("missing.wav", recognizer=recognizer)


def test_no_line_holds_what_json_does_not_know(folder, analyze) -> None:
    write_sound(folder / "song.wav", np.zeros((RATE, 1), dtype=np.float32))

    def refuse(name: str) -> None:
        raise AssertionError(name)

    for line in analyze("song.wav").out.splitlines():
        json.loads(line, parse_constant=refuse)
