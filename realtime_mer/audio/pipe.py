"""A stream of bytes that can be read only once, read so that closing it never waits."""

import io
import queue
import threading
from typing import IO

_READ_BYTES = 1 << 16


class Pipe:
    """Reads a binary stream in a thread, because a read of a pipe cannot be interrupted everywhere.

    It reads ahead by one chunk at most, so that the writer feels how fast the bytes are used.

    Args:
        stream: nothing else may read from it.
    """

    def __init__(self, stream: IO[bytes] | io.RawIOBase) -> None:
        self._stream = stream
        self._closed = threading.Event()
        self._permits = threading.Semaphore(1)
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed.is_set()

    def read(self) -> bytes:
        """Wait for bytes and return those that are there; none at the end or once closed."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._pump, daemon=True)
            self._reader.start()
        chunk = b"" if self.closed else self._chunks.get()
        self._permits.release()
        if not chunk:
            self._chunks.put(b"")  # for whoever asks again
        return b"" if self.closed else chunk

    def close(self) -> None:
        """Stop; a ``read`` in progress returns at once, whether or not the sender stops."""
        self._closed.set()
        self._permits.release()
        self._chunks.put(b"")

    def _pump(self) -> None:
        chunk = b"-"
        while chunk:
            self._permits.acquire()
            if self.closed:
                return
            try:
                chunk = _read_available(self._stream)
            except (OSError, ValueError):  # the sender broke off, or the stream was closed
                chunk = b""
            self._chunks.put(chunk)


def _read_available(stream: IO[bytes] | io.RawIOBase) -> bytes:
    """Wait for bytes and return those that are there; none at the end."""
    if isinstance(stream, io.BufferedReader):
        # Not its own read1: a thread that holds its lock at exit makes Python abort.
        stream = stream.raw
    return stream.read(_READ_BYTES) or b""
