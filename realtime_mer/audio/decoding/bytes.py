"""Bytes that are read forwards, as libsndfile wants them: peeked at, cut out, corrected."""

import io
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import IO

_CHUNK = 1 << 16
_HISTORY = 1 << 17  # libsndfile and its decoders step back by a few kilobytes at most


class ByteStream:
    """Bytes of a file or pipe, looked at before they are taken.

    Args:
        read: returns the next bytes, as many as are there, up to the number it is given; none at
            the end.
        position: where the first of them stands.

    Attributes:
        position: where the next stands.
    """

    def __init__(self, read: Callable[[int], bytes], *, position: int = 0) -> None:
        self._read = read
        self._buffer = b""
        self._start = 0  # of what has not been taken, in the buffer
        self._ended = False
        self.position = position

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes without taking them; fewer at the end only."""
        while not self._ended and (missing := size - len(self._buffer) + self._start) > 0:
            more = self._read(max(_CHUNK, missing))
            self._ended = not more
            self._buffer = self._buffer[self._start :] + more
            self._start = 0
        return self._buffer[self._start : self._start + size]

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes; fewer at the end only."""
        data = self.peek(size)
        self._start += len(data)
        self.position += len(data)
        return data

    def take_some(self, most: int | None = None) -> bytes:
        """Return what is there, at least a byte, at most so many; none at the end."""
        self.peek(1)
        there = len(self._buffer) - self._start
        return self.take(there if most is None else min(there, most))

    def skip(self, size: int) -> None:
        """Leave out the next ``size`` bytes, or as many as there are."""
        while size > 0 and (data := self.take(min(size, _CHUNK))):
            size -= len(data)

    def skip_until(self, mark: bytes) -> int:
        """Leave out what comes before ``mark``, or all where it does not come.

        Returns:
            How many bytes were left out.
        """
        before = self.position
        while data := self.peek(max(len(mark), len(self._buffer) - self._start)):
            at = data.find(mark)
            if at >= 0:
                self.take(at)
                break
            if len(data) < len(mark):
                self.take(len(data))
                break
            self.take(len(data) - len(mark) + 1)
        return self.position - before


class Forwards(io.RawIOBase):
    """A stream as a file for libsndfile, without an end that could be sought.

    It can step back by a few kilobytes. Its size reads as ``SIZE``, far beyond any real end, so
    that no decoder takes an announced or estimated length for the end of the data; near that size
    it holds zeros, where decoders look for tags.

    Args:
        more: returns the next bytes; none at the end.
    """

    SIZE = 1 << 40

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._data = b""
        self._start = 0  # position of the first byte that is still known
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True, within what is still known."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position from which the next read goes on."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.SIZE}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; less at the end, nothing at a place that is not known any more."""
        size = len(buffer)
        if self._position > self.SIZE // 2:
            buffer[:] = bytes(size)
            return size
        while self._start + len(self._data) < self._position + size and (more := self._more()):
            self._data += more
        at = self._position - self._start
        found = self._data[at : at + size] if at >= 0 else b""
        buffer[: len(found)] = found
        self._position += len(found)
        if len(self._data) > 2 * _HISTORY:
            gone = max(0, min(len(self._data) - _HISTORY, self._position - self._start))
            self._data, self._start = self._data[gone:], self._start + gone
        return len(found)


class Window(io.RawIOBase):
    """Parts of a file as a file of its own, with some of its bytes corrected.

    Args:
        file: binary, seekable; nothing else may read from it meanwhile.
        parts: first position of each, and the one after its last; in order.
        corrected: other bytes by their position in what is left.
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        parts: Sequence[tuple[int, int]],
        corrected: dict[int, bytes] | None = None,
    ) -> None:
        self._file = file
        self._parts = parts
        self._starts = [0, *accumulate(end - start for start, end in parts)]
        self._size = self._starts.pop()
        self._corrected = corrected or {}
        self._position = 0

    @property
    def exhausted(self) -> bool:
        """Whether it has been read to its end."""
        return self._position >= self._size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position from which the next read goes on."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; less at the end of the file or of a part."""
        if self._position >= self._size:
            return 0
        part = bisect_right(self._starts, self._position) - 1
        start, end = self._parts[part]
        at = start + self._position - self._starts[part]
        self._file.seek(at)
        data = bytearray(self._file.read(min(len(buffer), end - at)))
        for at, right in self._corrected.items():
            for index, value in enumerate(right, at - self._position):
                if 0 <= index < len(data):
                    data[index] = value
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the whole file."""
        self._file.close()
        super().close()
