"""Keeps a session on disk while it runs, in a thread of its own that can slow nobody.

It imports neither torch nor anything that opens a device, so that it can be crashed in tests.
"""

import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import Estimate
from realtime_mer.sessions.lock import RecordingLock
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.sealing import Key, SealedWriter, open_sealed, sealed_path
from realtime_mer.sessions.store import EVENTS, span
from realtime_mer.wire.protocol import Marker, ServerMessage, encode

_Stamped = tuple[ServerMessage, float]  # and when it came, in seconds since 1970


def _append_unbuffered(path: Path) -> BinaryIO:
    return cast(BinaryIO, path.open("ab", buffering=0))


class Recorder:
    """Append messages to a session. A context manager.

    Every message is written at once as one JSON line, and every half second what was written is
    forced to the disk: killing the program loses what it had not handed over yet, a power cut at
    most the last second. Where the disk is full, or the file is taken away, the recording ends,
    ``failures`` says so, and whoever records goes on undisturbed. As long as it records, the
    session's lock is held.

    Args:
        folder: of the session; it exists, is empty, and is nobody else's.
        manifest: is written at once, and again with the totals at the end.
        wait: when the queue is full wait for the disk, for a source that can wait; otherwise the
            message counts as ``lost``.
        key: encrypts what is recorded; None leaves it readable.
        capacity: messages that may wait for the disk.
        open_file: opens the file of events, if it is not to be encrypted.

    Attributes:
        estimates, markers: how many were written.

    Raises:
        OSError: the manifest cannot be written.
    """

    _SYNC_S = 0.5
    _BATCH = 512

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        wait: bool = False,
        key: Key | None = None,
        capacity: int = 4096,
        open_file: Callable[[Path], BinaryIO] = _append_unbuffered,
    ) -> None:
        self.folder = folder
        self.estimates = self.markers = 0
        self._overflowed = 0  # counted by whoever records; the thread counts the others
        self._unwritten = 0
        self._first: Estimate | None = None
        self._last: Estimate | None = None
        self._manifest = manifest
        self._wait = wait
        self._failures: list[str] = []
        self._closed = False
        self._queue: queue.Queue[_Stamped | None] = queue.Queue(capacity)  # None ends it
        self._key = key
        self._lock = RecordingLock(folder)
        self._path = folder / EVENTS if key is None else sealed_path(folder / EVENTS)
        self._file: BinaryIO | SealedWriter
        try:
            manifest.write(folder, key=key)
            if key is None:
                self._file = open_file(self._path)
            else:
                self._file = open_sealed(self._path, key=key, purpose=EVENTS)
        except OSError:
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.folder.name

    @property
    def failures(self) -> tuple[str, ...]:
        """What ended the recording, or a part of it, too early; one line each."""
        return tuple(self._failures)

    @property
    def waiting(self) -> int:
        """Messages that wait for the disk."""
        return self._queue.qsize()

    @property
    def lost(self) -> int:
        """Messages that could not be recorded."""
        return self._overflowed + self._unwritten

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def record(self, message: ServerMessage) -> None:
        """Take a message; from any thread, and without waiting unless ``wait`` was asked for."""
        if self._closed:
            return
        try:
            self._queue.put((message, time.time()), block=self._wait)
        except queue.Full:
            self._overflowed += 1

    def close(self, *, failures: tuple[str, ...] = ()) -> None:
        """Write what waits, and the totals. May be called twice.

        Args:
            failures: of others who write into the session, for the manifest.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        start, seconds = span(self._first, self._last, hop=self._manifest.hello.hop)
        self._manifest = self._manifest.model_copy(
            update={
                "ended_at": datetime.now().astimezone().isoformat("T", "milliseconds"),
                "estimates": self.estimates,
                "markers": self.markers,
                "start": start,
                "seconds": seconds,
                "lost": self.lost,
                "failures": (*failures, *self._failures),
            }
        )
        try:
            self._manifest.write(self.folder, key=self._key)
        except OSError as error:
            # The first manifest stands, and the session reads like one that crashed.
            self._failures.append(f"the end of the session could not be noted: {error.strerror}")
        self._lock.release()

    # In the thread.

    def _run(self) -> None:
        synced = time.monotonic()
        dirty = ended = False
        while not ended:
            batch, ended = self._take()
            for message, stamp in batch:
                if self._written(message, stamp):
                    self._count(message)
                    dirty = True
                else:
                    self._unwritten += 1
            if dirty and (ended or time.monotonic() - synced >= self._SYNC_S):
                try:
                    os.fsync(self._file.fileno())
                    self._path.stat()  # what nobody can find any more is not kept
                except FileNotFoundError:
                    self._fail(OSError("the files of the session were taken away"))
                except OSError as error:
                    self._fail(error)
                synced, dirty = time.monotonic(), False
        try:
            self._file.close()
        except OSError as error:  # there is no room for the end of an encrypted one
            self._fail(error)

    def _take(self) -> tuple[list[_Stamped], bool]:
        """Wait for messages; return them, and whether they are the last."""
        batch: list[_Stamped] = []
        try:
            item = self._queue.get(timeout=self._SYNC_S)
            while item is not None:
                batch.append(item)
                if len(batch) == self._BATCH:
                    return batch, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _written(self, message: ServerMessage, stamp: float) -> bool:
        if self._failures:
            return False
        try:
            rest = memoryview(_line(message, stamp))
        except (ProtocolError, UnicodeEncodeError):
            return False  # a number or a text is none: nobody could read the line back
        try:
            while rest:
                # A nearly full disk takes a part, then nothing; readers ignore the torn line.
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: OSError) -> None:
        why = error.strerror or str(error)
        self._failures.append(f"recording stopped, the session goes on: {why}")

    def _count(self, message: ServerMessage) -> None:
        if isinstance(message, Estimate):
            self.estimates += 1
            self._first, self._last = self._first or message, message
        elif isinstance(message, Marker):
            self.markers += 1


def _line(message: ServerMessage, stamp: float) -> bytes:
    """Return a message of the protocol as a line, with when it was recorded."""
    at = datetime.fromtimestamp(stamp).astimezone().isoformat("T", "milliseconds")
    return f'{encode(message)[:-1]},"recorded_at":"{at}"}}\n'.encode()
