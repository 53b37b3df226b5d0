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
    """

    position: int
    data: bytes
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A part of a chain that is a whole Ogg file of its own.

    Attributes:
        start, end: positions of its bytes.
        ended: whether its streams are marked as ended.
    """

    start: int
    end: int
    ended: bool


def pages(stream: ByteStream) -> Iterator[Page]:
    """Yield the pages of a stream; what lies between them, or breaks off, is left out."""
    while True:
        stream.skip_until(_MARK)
        head = stream.peek(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        _, version, flags, _, _, _, _, segments = _HEAD.unpack(head)
        sizes = stream.peek(_HEAD.size + segments)[_HEAD.size :]
        if version != 0:
            stream.skip(len(_MARK))
            continue
        size = _HEAD.size + segments + sum(sizes)
        position = stream.position
        data = stream.take(size)
        if len(data) < size:
            return
        yield Page(position, data, bool(flags & _FIRST), bool(flags & _LAST))


def links(stream: ByteStream) -> list[Link]:
    """Return the links of a chain, which has one where it is none."""
    found: list[Link] = []
    start, end, ended, opening = 0, 0, False, True
    for page in pages(stream):
        if page.first and not opening:
            found.append(Link(start, page.position, ended))
            start, ended = page.position, False
        opening = page.first
        end = page.position + len(page.data)
        ended |= page.last
    return [*found, Link(start, end, ended)] if end else []
