"""What a browser hears of a track: parts of its file, or a clip that every browser plays."""

import io
import os
import re
import subprocess
import threading
import wave
from collections import OrderedDict
from collections.abc import Generator, Mapping
from http import HTTPStatus
from pathlib import Path

from realtime_mer.audio.decoding.ffmpeg import FFMPEG
from realtime_mer.errors import AudioFileError
from realtime_mer.library.tracks import TYPICAL_S
from realtime_mer.library.walk import is_audio
from realtime_mer.service.pages import Page
from realtime_mer.service.plain import Streamed

TYPES: Mapping[str, str] = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".caf": "audio/x-caf",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mp2": "audio/mpeg",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg; codecs=opus",
    ".wav": "audio/wav",
    ".wave": "audio/wav",
}
"""What a browser may play, by the extension; whether it does, it says itself."""

_CLIP_RATE, _CLIP_CHANNELS = 44_100, 2
_CLIPS = 4  # of 5 MB, that are kept: a browser asks for parts of one
_CLIP_PATIENCE_S = 60.0
_PART = 1 << 16  # bytes that are read at a time
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def playable(path: str) -> Path | None:
    """Return a path of a table as a file of sound; None where none is there."""
    found = Path(path)
    heard = is_audio(found.name) and found.is_absolute()
    return found if heard and found.is_file() else None


def file_part(path: Path, *, asked: str, if_range: str) -> Page | Streamed:
    """Return a file, or the part of it that is asked for (RFC 9110, 14).

    Args:
        path: as of ``playable``.
        asked, if_range: the headers ``Range`` and ``If-Range``; "" for none.

    Raises:
        OSError: it cannot be looked at.
    """
    told = os.stat(path)
    tag = f'"{told.st_size:x}-{told.st_mtime_ns:x}"'
    kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
    part = _part(asked, told.st_size, kind=kind, tag=tag, if_range=if_range)
    if isinstance(part, Page):
        return part
    page, wanted = part
    return Streamed(page=page, parts=_read(path, wanted))


def bytes_part(body: bytes, *, kind: str, asked: str) -> Page:
    """Return bytes, or the part of them that is asked for."""
    part = _part(asked, len(body), kind=kind, tag="", if_range="")
    if isinstance(part, Page):
        return part
    page, wanted = part
    return Page(
        status=page.status,
        body=body[wanted.start : wanted.stop],
        length=page.length,
        headers=page.headers,
    )


class Clips:
    """Clips of ``TYPICAL_S`` as WAV, made by ffmpeg one at a time; the latest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, float, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def clip(self, path: Path, *, start: float) -> bytes:
        """Return a clip.

        Args:
            path: as of ``playable``.
            start: seconds at which it begins.

        Raises:
            AudioFileError: ffmpeg is not there or makes nothing of it.
            OSError: it cannot be looked at.
        """
        name = (os.fspath(path), start, os.stat(path).st_mtime_ns)
        with self._lock:
            made = self._kept.pop(name, None) or _transcoded(path, start=start)
            self._kept[name] = made
            while len(self._kept) > _CLIPS:
                self._kept.popitem(last=False)
        return made


def _transcoded(path: Path, *, start: float) -> bytes:
    words = [*FFMPEG, "-ss", f"{start:.3f}", "-t", f"{TYPICAL_S:g}", "-i", f"file:{path}"]
    words += [
        "-map",
        "0:a:0",
        "-ac",
        str(_CLIP_CHANNELS),
        "-ar",
        str(_CLIP_RATE),
        "-f",
        "s16le",
        "-",
    ]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CLIP_PATIENCE_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise AudioFileError(
            f"your browser does not play {path.suffix} and ffmpeg, which would, is not there: "
            "install ffmpeg"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise AudioFileError(f"{path.name} takes too long to decode") from error
    if not done.stdout:
        raise AudioFileError(f"{path.name} cannot be decoded")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(_CLIP_CHANNELS)
        sound.setsampwidth(2)
        sound.setframerate(_CLIP_RATE)
        sound.writeframes(done.stdout)
    return file.getvalue()


def _part(
    asked: str, size: int, *, kind: str, tag: str, if_range: str
) -> Page | tuple[Page, range]:
    """Return the head of an answer and which bytes follow, or a refusal."""
    wanted = byte_range(asked if if_range in ("", tag) else "", size)
    headers = {"Accept_Ranges": "bytes", **({"ETag": tag} if tag else {})}
    if wanted is None:
        page = Page.of(b"", kind, status=HTTPStatus.OK, **headers)
        return _of_length(page, size), range(size)
    if not wanted:
        return Page.text(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"there are {size} bytes",
            Content_Range=f"bytes */{size}",
        )
    told = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    page = Page.of(b"", kind, status=HTTPStatus.PARTIAL_CONTENT, Content_Range=told, **headers)
    return _of_length(page, len(wanted)), wanted


def _of_length(page: Page, length: int) -> Page:
    return Page(status=page.status, body=b"", length=length, headers=page.headers)


def byte_range(asked: str, size: int) -> range | None:
    """Return which bytes are asked for; empty where there are none, None for all.

    Args:
        asked: a ``Range`` header; several parts, and what is none, ask for all.
        size: how many there are.
    """
    match = _RANGE.fullmatch(asked)
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        return range(max(0, size - int(last)), size)
    stop = min(size, int(last) + 1) if last else size
    if last and int(last) < int(first):
        return None
    return range(int(first), max(stop, int(first)))


def _read(path: Path, wanted: range) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        file.seek(wanted.start)
        left = len(wanted)
        while left > 0 and (part := file.read(min(_PART, left))):
            left -= len(part)
            yield part
