"""Keeps the sound of a session as FLAC, in a thread of its own that reads the ring."""

import io
import os
import struct
import threading
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.sessions.sealing import Key, SealedReader, SealedWriter, open_sealed, sealed_path

_PURPOSE = "audio.flac"
_STOPPED = "recording of sound stopped, the session goes on"
_PLACE = struct.Struct(">QI")  # of a write in the file, and its length
_LENGTH_AT = 18  # in a FLAC file


class Passing(Protocol):
    """Sound that passes, for one thread that reads it: a ``RingBuffer``, or what is like it there.

    Attributes:
        capacity: samples that are kept for whoever reads.
        written: samples so far, those that were lost among them.
    """

    capacity: int
    written: int

    def read(self, start: int, length: int) -> NDArray[np.float32] | None:
        """Return samples ``[start, start + length)``; None if they are not all kept any more."""

    def gaps(self, start: int, length: int) -> list[LostSamples]:
        """Return the parts of what was lost on its way here that fall within those."""


class SoundRecorder:
    """Write what passes through a ring to a FLAC file, mono, 16 bits.

    Sample n of the file is sample ``start`` + n of the stream: lost samples are zeros, and so is
    what the disk was too slow for (counted in ``lost``) where nobody waits with ``make_room``.
    Killing the program or a power cut loses at most the last second, and the file's head then says
    how much it holds.

    Args:
        path: the file; it must not exist.
        ring: may hold sound already, but not have lost any.
        rate: sample rate in Hz.
        start: position in the ring of the first sample to keep.
        key: encrypts the sound, in a file of this name with ``.sealed`` added; None does not.

    Attributes:
        failure: why the recording ended too early, one line; None if it did not.
        lost: samples that became zeros because the disk was too slow.
        kept: samples that any program finds in the file, whatever happens now.

    Raises:
        OSError, soundfile.LibsndfileError: the file cannot be made.
    """

    _PERIOD_S = 0.25
    _FLAC_BLOCK = 4096  # samples; libsndfile writes whole blocks

    def __init__(
        self, path: Path, ring: Passing, *, rate: int, key: Key | None = None, start: int = 0
    ) -> None:
        self.failure: str | None = None
        self.lost = 0
        self.kept = 0
        self._path, self._ring, self._rate = path, ring, rate
        self._start = self._position = start
        self._writes = _Writes(path, key)
        self._file = soundfile.SoundFile(
            self._writes,
            "w",
            samplerate=rate,
            channels=1,
            format="FLAC",
            subtype="PCM_16",
        )
        self._stopped = False
        self._ended = False
        self._wake = threading.Event()
        self._copied = threading.Condition()  # told of every step of ``_position``, and of the end
        self._thread = threading.Thread(target=self._run, name="sound-recorder", daemon=True)
        self._thread.start()

    def make_room(self, length: int) -> None:
        """Wait until so many more samples can go into the ring without any being lost.

        For a source that can wait, in the thread that writes the ring.

        Args:
            length: at most half of the ring's capacity.
        """
        with self._copied:
            while not self._ended:
                waiting = self._ring.written - self._position
                if waiting + length <= self._ring.capacity:
                    return
                self._wake.set()
                self._copied.wait(self._PERIOD_S)  # bounded, for Ctrl-C on Windows

    def end(self, why: str) -> None:
        """Keep what came so far and nothing more, without waiting.

        Args:
            why: for ``failure``.
        """
        self.failure = f"{_STOPPED}: {why}"
        self._stopped = True
        self._wake.set()

    def close(self) -> None:
        """Write the rest and end the file. May be called twice."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write()
        finally:
            with self._copied:
                self._ended = True
                self._copied.notify_all()

    def _write(self) -> None:
        try:
            stopped = False
            flushed = time.monotonic()
            while not stopped:
                self._wake.wait(self._PERIOD_S)
                self._wake.clear()
                stopped = self._stopped
                self._copy()
                if stopped or time.monotonic() - flushed >= self._PERIOD_S:
                    self._flush()
                    flushed = time.monotonic()
            self._file.close()
            self._writes.flush()  # libsndfile wrote the rest and a new head
            self._writes.close()
        except (OSError, soundfile.LibsndfileError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            self.failure = f"{_STOPPED}: {why or error}"
            for end in (self._file.close, self._writes.close):
                with suppress(OSError, soundfile.LibsndfileError):  # for the same reason
                    end()

    def _copy(self) -> None:
        end = self._ring.written
        while self._position < end:
            length = min(self._rate, end - self._position)
            samples = self._ring.read(self._position, length)
            if samples is None:  # overwritten before it could be read
                samples = np.zeros(length, dtype=np.float32)
                gaps = self._ring.gaps(self._position, length)  # zeros anyway
                self.lost += length - sum(gap.length for gap in gaps)
            self._file.write(samples)
            with self._copied:
                self._position += length
                self._copied.notify_all()

    def _flush(self) -> None:
        """Force what there is to the disk, in a state that any program can open."""
        # The newest block stays in the encoder until a sample follows it.
        frames = max(0, self._position - self._start - 1) // self._FLAC_BLOCK * self._FLAC_BLOCK
        if not frames:
            return  # there is nothing to open yet
        self._writes.write_at(_LENGTH_AT, _noted(self._writes.head, frames))
        self._writes.flush()
        self.kept = frames


def _noted(head: bytes, frames: int) -> bytes:
    """Return these 8 bytes of STREAMINFO with the length, which libsndfile puts in at the end.

    It stands in their last 36 bits (RFC 9639, section 8.2).
    """
    return (int.from_bytes(head, "big") >> 36 << 36 | frames).to_bytes(8, "big")


class _Writes:
    """A file for libsndfile to write into, plain or as a sealed list of writes.

    Nothing is raised inside libsndfile, which would not tell of every error: writes are kept until
    ``flush`` puts them on the disk. Sealed, a frame is what was written since the one before: for
    each write where it goes (8 bytes), its length (4 bytes) and its data. So it is appended to
    only, although libsndfile goes back to the head at the end.

    Attributes:
        head: the 8 bytes of the file's head in which its length stands.
    """

    def __init__(self, path: Path, key: Key | None) -> None:
        self.head = bytes(8)
        self._path = path if key is None else sealed_path(path)
        self._file: FileIO | SealedWriter
        if key is None:
            self._file = FileIO(path, "x")
        else:
            self._file = open_sealed(self._path, key=key, purpose=_PURPOSE)
        self._position = self._end = 0
        self._pending: list[tuple[int, bytearray]] = []

    def write(self, data: Any, /) -> int:
        self.write_at(self._position, bytes(data))
        self._position += len(data)
        return len(data)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write somewhere else; the position stays."""
        if offset <= _LENGTH_AT and offset + len(data) >= _LENGTH_AT + 8:
            self.head = data[_LENGTH_AT - offset :][:8]
        last = self._pending[-1] if self._pending else None
        if last is not None and last[0] + len(last[1]) == offset:
            last[1].extend(data)
        else:
            self._pending.append((offset, bytearray(data)))
        self._end = max(self._end, offset + len(data))

    def flush(self) -> None:
        """Put what was written since the last time on the disk, and force it there."""
        if isinstance(self._file, FileIO):
            for offset, data in self._pending:
                self._file.seek(offset)
                rest = memoryview(data)
                while rest:  # a nearly full disk takes a part, then nothing
                    rest = rest[self._file.write(rest) :]
        elif self._pending:
            self._file.write(
                b"".join(_PLACE.pack(offset, len(data)) + data for offset, data in self._pending)
            )
        self._pending.clear()
        os.fsync(self._file.fileno())
        self._path.stat()  # what nobody can find any more is not kept

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """Note the end and close the file; what was not flushed is gone. May be called twice."""
        self._file.close()


def read_sound(path: Path, *, key: Key) -> tuple[bytes, SealedReader]:
    """Return a FLAC file that was recorded encrypted, and what read it.

    What was damaged or changed is zeros, and counted by the reader.

    Args:
        path: without ``.sealed``.

    Raises:
        OSError: the file cannot be read.
    """
    reader = SealedReader(sealed_path(path), key=key, purpose=_PURPOSE)
    sound = bytearray()
    for frame in reader:
        while frame:
            offset, length = _PLACE.unpack_from(frame)
            sound.extend(bytes(max(0, offset - len(sound))))
            sound[offset : offset + length] = frame[_PLACE.size : _PLACE.size + length]
            frame = frame[_PLACE.size + length :]
    return bytes(sound), reader
