"""What a browser hears: parts of files by range requests, and clips of what it cannot play."""

import io
import os
import shutil
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import AudioFileError
from realtime_mer.library.browsing.sound import (
    TYPES,
    Clips,
    byte_range,
    bytes_part,
    file_part,
    playable,
)
from realtime_mer.library.walk import is_audio
from realtime_mer.service.plain import Streamed
from tests.library.browsing.made_library import write_sounds

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("", None),
        ("bytes=0-", range(10)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=4-99", range(4, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("bytes=-0", range(0)),
        ("bytes=10-", range(0)),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("pages=0-1", None),
        ("bytes=٣-", None),
    ],
)
def test_a_range_is_that_of_rfc_9110(asked, part) -> None:
    found = byte_range(asked, 10)
    assert (None if found is None else list(found)) == (None if part is None else list(part))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300))
def test_a_range_never_reaches_beyond_what_there_is(first: int, more: int, size: int) -> None:
    for asked in (f"bytes={first}-{first + more}", f"bytes={first}-", f"bytes=-{first}"):
        found = byte_range(asked, size)
        assert found is not None
        assert set(found) <= set(range(size))


def taken(answer) -> bytes:
    assert isinstance(answer, Streamed)
    body = b"".join(answer.parts)
    assert len(body) == answer.page.length
    return body


def test_a_file_is_given_whole_or_in_part_and_whole_where_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(bytes(range(256)) * 1000)
    whole = file_part(path, asked="", if_range="")
    assert (whole.page.status, whole.page.headers["Content-Type"]) == (200, "audio/flac")
    assert taken(whole) == path.read_bytes()
    tag = whole.page.headers["ETag"]
    part = file_part(path, asked="bytes=100000-200000", if_range=tag)
    assert part.page.status == 206
    assert part.page.headers["Content-Range"] == "bytes 100000-200000/256000"
    assert taken(part) == path.read_bytes()[100_000:200_001]
    os.utime(path, ns=(0, 0))
    assert file_part(path, asked="bytes=1-2", if_range=tag).page.status == 200
    beyond = file_part(path, asked="bytes=256000-", if_range="")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */256000")


def test_a_file_that_is_cut_off_meanwhile_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(bytes(200_000))
    answer = file_part(path, asked="", if_range="")
    path.write_bytes(bytes(10))
    assert b"".join(answer.parts) == bytes(10)


def test_only_files_of_sound_are_heard(tmp_path: Path) -> None:
    for name in ("a.flac", "b.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c.flac").mkdir()
    os.mkfifo(tmp_path / "d.flac")  # reading it would wait for ever
    found = [playable(str(tmp_path / name)) for name in ("a.flac", "b.txt", "c.flac", "d.flac")]
    assert found == [tmp_path / "a.flac", None, None, None]
    assert playable("a.flac") is None
    assert playable(str(tmp_path / "gone.flac")) is None
    assert all(is_audio(f"a{ending}") for ending in TYPES)


@needs_ffmpeg
def test_what_a_browser_cannot_play_becomes_a_clip_that_every_one_can(tmp_path: Path) -> None:
    sounds, clips = write_sounds(tmp_path), Clips()
    for ending in ("aiff", "wma"):
        made = clips.clip(sounds[ending], start=5.0)
        with wave.open(io.BytesIO(made)) as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (44_100, 2)
            assert sound.getnframes() == pytest.approx(30 * 44_100, rel=0.01)
        assert clips.clip(sounds[ending], start=5.0) is made
    part = bytes_part(made, kind="audio/wav", asked="bytes=0-3")
    assert (part.status, part.body, part.length) == (206, b"RIFF", 4)
    whole = bytes_part(made, kind="audio/wav", asked="")
    assert (whole.status, whole.body) == (200, made)


@needs_ffmpeg
def test_a_clip_follows_its_file_and_few_are_kept(tmp_path: Path) -> None:
    sounds, clips = write_sounds(tmp_path), Clips()
    first = clips.clip(sounds["wav"], start=38.0)
    os.utime(sounds["wav"], ns=(0, 0))
    again = clips.clip(sounds["wav"], start=38.0)
    assert again is not first
    for start in (35.0, 36.0, 37.0, 39.0):
        clips.clip(sounds["wav"], start=start)
    assert clips.clip(sounds["wav"], start=38.0) is not again


@needs_ffmpeg
def test_what_is_no_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wma").write_bytes(b"nothing of the kind")
    with pytest.raises(AudioFileError, match=r"a\.wma cannot be decoded"):
        Clips().clip(tmp_path / "a.wma", start=0.0)


def test_without_ffmpeg_it_is_told_what_to_install(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.wma").write_bytes(b"x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioFileError, match=r"does not play \.wma .* install ffmpeg"):
        Clips().clip(tmp_path / "a.wma", start=0.0)
