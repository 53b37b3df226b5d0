"""Sound from files: anything libsndfile decodes, and what ffmpeg decodes where it is installed."""

import math
import os
import re
import shutil
import struct
import subprocess
import tempfile
import threading
from os import PathLike
from pathlib import Path
from typing import IO, Protocol, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.intake import Intake
from realtime_mer.audio.pacing import Pacer
from realtime_mer.audio.spec import check_file
from realtime_mer.errors import AudioFileError

_PACED_BLOCK_S = 0.02  # small beside a hop of 0.1 s, so that pacing adds little latency
_UNPACED_BLOCK_S = 5.0  # long blocks make the network several times faster
_PIECE_S = 0.25  # libsndfile drops the whole of a read in which the file breaks off
# Only local files: a playlist must not make ffmpeg fetch anything.
_FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe")
_UNKNOWN_LENGTH = 0x7FFF0000  # streamed WAV files announce about 2 or 4 GB; no real file says so


def load_audio(
    path: str | PathLike[str], *, sample_rate: int = 24_000, longest_s: float | None = None
) -> NDArray[np.float32]:
    """Decode a file to mono at one rate.

    Any sample rate, channel count and format that libsndfile reads (WAV, FLAC, Ogg Vorbis, Opus,
    MP3, AIFF, ...), and through ffmpeg, where it is installed, the rest (AAC in .m4a, ...). The
    samples are the very ones that a live session playing the file gets.

    Args:
        path: the file.
        sample_rate: rate of the result in Hz.
        longest_s: read no further than so many seconds from its start; None for the whole file.

    Returns:
        float32 ``(n,)``, full scale 1.0, values that are not finite 0; of a whole file
        n = round(frames * sample_rate / file's rate).

    Raises:
        AudioFileError: the file is missing, not audio, empty, or breaks off.
    """
    source = FileSource(path, paced=False)
    intake = Intake(target_rate=sample_rate)
    parts: list[NDArray[np.float32]] = []
    most = math.inf if longest_s is None else round(longest_s * sample_rate)
    try:
        while sum(len(part) for part in parts) < most and (block := source.read()) is not None:
            parts += [piece.samples for piece in intake.push(block)]
    finally:
        source.close()
    parts += [piece.samples for piece in intake.flush()]
    samples = np.concatenate(parts)
    return samples if len(samples) <= most else samples[: int(most)]


class FileSource:
    """A ``Source`` that decodes a file, as fast as it is read or paced in real time.

    Paced, a block is handed out when its last frame would have been captured: ``arrived_at`` is
    that moment on the monotonic clock, counted in frames from the first ``read``, so a slow reader
    catches up without shifting the timeline. Memory use does not depend on the file's length.

    Args:
        path: the file.
        paced: whether to play it in real time.

    Raises:
        AudioFileError: the file is missing, empty or not audio; from ``read``, where it breaks
            off, after everything that could be decoded was handed out.
    """

    def __init__(self, path: str | PathLike[str], *, paced: bool) -> None:
        self._path = os.fspath(path)
        self._closed = threading.Event()
        self._decoder = _open(Path(path), self._path)
        self._size = max(1, round(self.rate * (_PACED_BLOCK_S if paced else _UNPACED_BLOCK_S)))
        self._pacer = Pacer(rate=self.rate) if paced else None
        self._empty = True

    @property
    def name(self) -> str:
        """The file's name without its folders, which are not every subscriber's business."""
        return Path(self._path).name

    @property
    def real_time(self) -> bool:
        """Whether it is paced by the clock."""
        return self._pacer is not None

    @property
    def rate(self) -> int:
        """Sample rate of the file in Hz."""
        return self._decoder.rate

    def read(self) -> Block | None:
        """Return the next block; None at the end or once closed."""
        if self._closed.is_set():
            return None
        samples = self._decoder.read(self._size)
        if self._closed.is_set():
            return None
        if not len(samples):
            self.close()
            if self._empty:
                raise AudioFileError(f"{self._path} holds no sound: it has a header and no samples")
            return None
        self._empty = False
        if self._pacer is None:
            return Block(samples=samples, rate=self.rate)
        due = self._pacer.wait(len(samples))
        return None if due is None else Block(samples=samples, rate=self.rate, arrived_at=due)

    def resume(self) -> None:
        """Go on after a time without reads: the clock begins anew."""
        if self._pacer is not None:
            self._pacer.restart()

    def close(self) -> None:
        """Stop; a paced ``read`` in progress returns None at once."""
        self._closed.set()
        if self._pacer is not None:
            self._pacer.close()
        self._decoder.close()


class _Decoder(Protocol):
    rate: int

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames ``(n, channels)``; none at the end."""

    def close(self) -> None: ...


def _open(path: Path, shown: str) -> _Decoder:
    try:
        check_file(shown)
        return _SndfileDecoder(path, shown)
    except OSError as error:
        raise AudioFileError(f"{shown} cannot be opened: {error.strerror or error}") from error
    except TypeError as error:  # soundfile's answer to a name that ends in .raw
        raise AudioFileError(
            f"{shown} is raw sound without a header: pipe it in and state its format, "
            f"as in `realtime-mer live - --rate 44100 < {shown}`"
        ) from error
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
    if shutil.which("ffmpeg") is None:
        raise AudioFileError(
            f"{shown} cannot be decoded ({reason}): install ffmpeg, which reads more formats, "
            "or convert the file to WAV, FLAC or MP3"
        )
    return _FfmpegDecoder(path, shown)


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is only read forwards.

    soundfile seeks after every read of a seekable file, which re-primes libsndfile's MP3 decoder:
    a variable-rate MP3 read block by block then differs from the same file read whole by up to
    0.4 of full scale, and a FLAC stream of unknown length cannot be read at all.
    """

    def seekable(self) -> bool:
        return False


class _SndfileDecoder:
    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        self._lock = threading.Lock()  # closing frees what a read in another thread uses
        # As bytes, because a name on POSIX may be no text; a name on Windows always is.
        self._file = _Sequential(path if os.name == "nt" else os.fsencode(path))
        self.rate: int = self._file.samplerate
        self._decoded = 0
        self._announced = _announced_frames(self._file)
        self._piece = max(1, round(self.rate * _PIECE_S))
        self._failure: str | None = None

    def read(self, frames: int) -> NDArray[np.float32]:
        with self._lock:
            if self._file.closed:
                return np.zeros((0, 1), dtype=np.float32)
            pieces = [np.zeros((0, self._file.channels), dtype=np.float32)]
            while frames > 0 and self._failure is None:
                try:
                    piece = self._file.read(
                        min(frames, self._piece), dtype="float32", always_2d=True
                    )
                except soundfile.LibsndfileError as error:
                    self._failure = error.error_string
                    break
                if not len(piece):
                    break
                pieces.append(piece)
                frames -= len(piece)
        samples = np.concatenate(pieces)
        self._decoded += len(samples)
        if not len(samples) and self._failure is not None:
            raise self._breaks_off(self._failure)
        if not len(samples) and self._decoded < self._announced:
            raise self._breaks_off(f"{self._announced / self.rate:.1f} s were announced")
        return samples

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _breaks_off(self, reason: str) -> AudioFileError:
        return _breaks_off(self._shown, self._decoded / self.rate, reason)


class _FfmpegDecoder:
    """Reads ffmpeg's output as a Sun audio stream, whose header is six 32-bit numbers."""

    _HEADER = struct.Struct(">4s5I")

    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  a pipe could fill and block
        self._process = subprocess.Popen(
            [*_FFMPEG, "-i", f"file:{path}", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        self._output = cast(IO[bytes], self._process.stdout)
        self._decoded = 0
        self._lock = threading.Lock()
        header = self._output.read(self._HEADER.size)
        if len(header) < self._HEADER.size:
            reason = self._complaint() or "no audio in it"
            self.close()
            raise AudioFileError(
                f"{shown} is not audio that can be decoded ({reason}): "
                "give a WAV, FLAC, MP3, Ogg or M4A file"
            )
        _, offset, _, _, self.rate, self._channels = self._HEADER.unpack(header)
        self._output.read(offset - self._HEADER.size)

    def read(self, frames: int) -> NDArray[np.float32]:
        width = 4 * self._channels
        with self._lock:
            if self._output.closed:
                return np.zeros((0, self._channels), dtype=np.float32)
            data = self._output.read(frames * width)
            complaint = "" if data else self._complaint()
        if complaint:
            raise _breaks_off(self._shown, self._decoded / self.rate, complaint)
        samples = np.frombuffer(data[: len(data) // width * width], dtype=">f4")
        self._decoded += len(samples) // self._channels
        return samples.astype(np.float32).reshape(-1, self._channels)

    def close(self) -> None:
        self._process.kill()  # ends a read in progress, which holds the lock
        with self._lock:
            self._process.wait()
            self._output.close()
            self._complaints.close()

    def _complaint(self) -> str:
        """Return ffmpeg's last message, without the addresses and names it puts in front."""
        self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        return re.sub(r"^(\[[^]]*\] |file:.*?: )*", "", lines[-1]) if lines else ""


def _announced_frames(file: soundfile.SoundFile) -> int:
    """Return how many frames the header promises; 0 where it says nothing reliable."""
    if file.format == "MP3":  # an estimate from the first frames' bit rate
        return 0
    # libsndfile corrects the length of a cut WAV file without a word, but for its log.
    cut = re.search(r"^data *: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if cut and int(cut[2]) < int(cut[1]) < _UNKNOWN_LENGTH:
        return int(file.frames) * int(cut[1]) // max(1, int(cut[2]))
    return int(file.frames) if file.frames < 2**62 else 0


def _breaks_off(shown: str, seconds: float, reason: str) -> AudioFileError:
    reason = reason.strip().removeprefix("Error : ").rstrip(".")
    return AudioFileError(
        f"{shown} breaks off after {seconds:.1f} s ({reason}): copy or convert it again"
    )
