"""Ogg as the links of its chain: a radio recording is many streams end to end (RFC 3533)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from realtime_mer.audio.decoding.bytes import ByteStream

_MARK = b"OggS"
_HEAD = struct.Struct("<4sBBqIIIB")
_FIRST, _LAST = 2, 4  # flags of a stream's first and last page


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        position: of its first byte, counted from the beginning of what is read.
        data: all of it, its head included.
        first, last: whether it is a stream's first or last page.
        serial: number of the stream.
        number: of the page in it, from 0.
    """

    position: int
    data: bytes
    first: bool
    last: bool
    serial: int
    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """A part of a chain that is a whole Ogg file of its own.

    Attributes:
        parts: first position of its bytes and the one after the last, without what lies between.
        ended: whether its streams are marked as ended.
        left_out: bytes in front of it and in it that are no pages.
        missing: pages that its streams should have and do not.
    """

    parts: tuple[tuple[int, int], ...]
    ended: bool
    left_out: int
    missing: int


def pages(stream: ByteStream) -> Iterator[Page]:
    """Yield the pages of a stream; what lies between them, or breaks off, is left out."""
    while True:
        stream.skip_until(_MARK)
        head = stream.peek(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        _, version, flags, _, serial, number, _, segments = _HEAD.unpack(head)
        sizes = stream.peek(_HEAD.size + segments)[_HEAD.size :]
        if version != 0:
            stream.skip(len(_MARK))
            continue
        size = _HEAD.size + segments + sum(sizes)
        position = stream.position
        data = stream.take(size)
        if len(data) < size:
            return
        first, last = bool(flags & _FIRST), bool(flags & _LAST)
        yield Page(position, data, first, last, serial, number)


def links(stream: ByteStream) -> list[Link]:
    """Return the links of a chain, which has one where it is none."""
    found: list[Link] = []
    link: _Gathered | None = None
    behind, opening = stream.position, False
    for page in pages(stream):
        if link is None or (page.first and not opening):
            if link is not None:
                found.append(link.link())
            link = _Gathered()
        opening = page.first
        link.add(page, behind=behind)
        behind = page.position + len(page.data)
    return [*found, link.link()] if link is not None else []


class _Gathered:
    """The pages of one link until it is complete."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, int]] = []
        self._numbers: dict[int, int] = {}  # of each stream's last page
        self._ended = False
        self._left_out = 0
        self._missing = 0

    def add(self, page: Page, *, behind: int) -> None:
        """Take the next page, which may lie some way behind the end of the last one."""
        end = page.position + len(page.data)
        self._left_out += page.position - behind
        if self._parts and page.position == behind:
            self._parts[-1] = (self._parts[-1][0], end)
        else:
            self._parts.append((page.position, end))
        last = self._numbers.get(page.serial)
        if last is not None:
            self._missing += max(0, page.number - last - 1)
        self._numbers[page.serial] = page.number
        self._ended |= page.last

    def link(self) -> Link:
        return Link(tuple(self._parts), self._ended, self._left_out, self._missing)
