"""CAF and W64, whose chunks have lengths of 64 bits: where their sound lies.

Apple Core Audio Format Specification 1.0; Sony Wave64. Lengths go wrong here as in WAV: a CAF file
that is still being written announces -1.
"""

import math
import struct
from dataclasses import replace

from realtime_mer.audio.decoding.bytes import ByteStream
from realtime_mer.audio.decoding.chunks import Layout, wave_format

_MOST_HEADER = 1 << 24  # bytes before the sound
_W64_HEAD = 40  # its name, its size, and the name of what is inside


def layout_of(stream: ByteStream) -> Layout | None:
    """Read a header up to the sound; None where it has none, or holds what needs a decoder.

    The stream stands at the first byte of the sound afterwards.
    """
    head = stream.peek(4)
    if head == b"caff":
        stream.skip(8)
        return _caf(stream)
    if head == b"riff":
        stream.skip(_W64_HEAD)
        return _w64(stream)
    return None


def _caf(stream: ByteStream) -> Layout | None:
    kind: Layout | None = None
    while len(head := stream.peek(12)) == 12 and stream.position < _MOST_HEADER:
        name, size = struct.unpack(">4sq", head)
        if name == b"data":
            if kind is None:
                return None
            stream.skip(16)  # the head, and a count of changes
            announced = None if size < 0 else max(0, size - 4)
            return replace(kind, start=stream.position, announced=announced)
        if not 0 <= size <= _MOST_HEADER:
            return None
        if name == b"desc" and size >= 32:
            kind = _caf_format(stream.peek(44)[12:])
        stream.skip(12 + size)
    return None


def _caf_format(body: bytes) -> Layout | None:
    if len(body) < 32:
        return None
    rate, name, flags, width, frames, channels, bits = struct.unpack(">d4s5I", body)
    floating, little = flags & 1, flags & 2
    subtype = {
        (b"lpcm", 0, 8): "PCM_S8",
        (b"lpcm", 0, 16): "PCM_16",
        (b"lpcm", 0, 24): "PCM_24",
        (b"lpcm", 0, 32): "PCM_32",
        (b"lpcm", 1, 32): "FLOAT",
        (b"lpcm", 1, 64): "DOUBLE",
        (b"alaw", 0, 8): "ALAW",
        (b"ulaw", 0, 8): "ULAW",
    }.get((name, floating if name == b"lpcm" else 0, bits if name == b"lpcm" else 8))
    size = bits // 8 if name == b"lpcm" else 1
    if subtype is None or frames != 1 or width != size * channels:
        return None
    return Layout(
        width=width,
        rate=round(rate) if math.isfinite(rate) and abs(rate) < 2**31 else 2**31,
        channels=channels,
        subtype=subtype,
        endian="LITTLE" if little else "BIG",
        order=">",
    )


def _w64(stream: ByteStream) -> Layout | None:
    kind: Layout | None = None
    while len(head := stream.peek(24)) == 24 and stream.position < _MOST_HEADER:
        name, size = struct.unpack("<4s12xQ", head)
        if name == b"data":
            if kind is None or kind.subtype is None:
                return None
            stream.skip(24)
            announced = None if size >= 2**62 else max(0, size - 24)
            return replace(kind, start=stream.position, announced=announced)
        if not 24 <= size <= _MOST_HEADER:
            return None
        if name == b"fmt " and len(body := stream.peek(min(size, 88))[24:]) >= 16:
            kind = wave_format(body, "<")
        stream.skip(size + -size % 8)
    return None
