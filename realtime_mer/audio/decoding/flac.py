"""FLAC files: where they begin, and what they announce (RFC 9639)."""

from realtime_mer.audio.decoding.bytes import ByteStream
from realtime_mer.audio.decoding.mpeg import tag_size

HEAD = 42
"""Bytes of the mark and the stream's own description, which always comes first."""

_MARK = b"fLaC"
_BEGINNING = b"fLaC\x00\x00\x00\x22"
_LENGTH_AT = 21  # whose lower four bits and the next four bytes count the frames


def starts(stream: ByteStream, size: int) -> list[int]:
    """Return where FLAC files begin in one file, behind tags or joined end to end; may be none."""
    while tag := tag_size(stream.peek(32)):
        stream.skip(tag)
    found: list[int] = []
    if stream.peek(4) != _MARK:
        return found
    while stream.position < size:
        found.append(stream.position)
        stream.skip(HEAD)
        stream.skip_until(_BEGINNING)
    return found


def length(head: bytes) -> tuple[int, dict[int, bytes]]:
    """Return the frames that a file announces, 0 for none, and other bytes that announce none."""
    data = head.ljust(HEAD, b"\0")[_LENGTH_AT : _LENGTH_AT + 5]
    announced = int.from_bytes(data, "big") & (1 << 36) - 1
    return announced, {_LENGTH_AT: bytes([data[0] & 0xF0, 0, 0, 0, 0])}


def without_length(stream: ByteStream) -> tuple[bytes, int]:
    """Take the beginning of a stream; return it as if it announced no length, and that length."""
    while tag := tag_size(stream.peek(32)):
        stream.skip(tag)
    head = bytearray(stream.take(HEAD))
    announced, corrected = length(bytes(head))
    for at, right in corrected.items():
        head[at : at + len(right)] = right
    return bytes(head), announced
