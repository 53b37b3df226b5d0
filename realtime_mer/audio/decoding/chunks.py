"""WAV (RIFF, RIFX, RF64, BW64), AIFF, AU: where their sound lies, whatever they announce.

Recorders that crash leave a length of 0 or an old one, lengths wrap at 4 GiB, and streams announce
the largest there is. What lies in the file is what counts.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

from realtime_mer.audio.decoding.bytes import ByteStream

UNKNOWN_LENGTH = 0x7FFF0000
"""Bytes; streamed files announce about 2 or 4 GB where they do not know, and lie about nothing."""

_PCM, _ADPCM, _FLOAT, _ALAW, _ULAW, _MPEG, _MP3, _EXTENSIBLE = 1, 2, 3, 6, 7, 0x50, 0x55, 0xFFFE
_SUBTYPES = {  # by (tag, bytes of a sample)
    (_PCM, 1): "PCM_U8",
    (_PCM, 2): "PCM_16",
    (_PCM, 3): "PCM_24",
    (_PCM, 4): "PCM_32",
    (_FLOAT, 4): "FLOAT",
    (_FLOAT, 8): "DOUBLE",
    (_ALAW, 1): "ALAW",
    (_ULAW, 1): "ULAW",
}
_HEADS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">", b"FORM": ">"}
_MOST_HEADER = 1 << 24  # bytes before the sound: pictures of a tag at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where the sound of a file lies.

    Attributes:
        origin: position of the header's first byte, where something lies in front of it.
        start: position of its first byte.
        announced: bytes of it that the header promises; None where that is said to be unknown.
        size: bytes that are there; None of a stream, which has no end yet.
        width: bytes of a frame; 0 where frames have no size of their own.
        rate, channels: of the frames.
        subtype: libsndfile's name of samples that need no decoder; None for others.
        endian: order of the bytes of a sample, ``LITTLE`` or ``BIG``.
        order: the same of the header's numbers, ``<`` or ``>``.
        mpeg: whether it is MPEG frames.
        length_at: position of the length that is announced.
        frames_at: position of the number of frames, of an AIFF file; else None.
    """

    origin: int = 0
    start: int = 0
    announced: int | None = None
    size: int | None = None
    width: int
    rate: int
    channels: int
    subtype: str | None
    endian: str
    order: str
    mpeg: bool = False
    length_at: int = 0
    frames_at: int | None = None

    @property
    def seconds(self) -> float:
        """Seconds of sound, as far as its bytes say; else 0."""
        frames = (self.size or 0) // self.width if self.width else 0
        return frames / self.rate if self.rate else 0.0

    def corrected(self) -> dict[int, bytes]:
        """Return the lengths as they should be, by their positions from the header's on."""
        size = self.size or 0
        aiff = self.frames_at is not None
        origin = self.origin
        right = {4: self.start - origin + size - 8, self.length_at - origin: size + 8 * aiff}
        if self.frames_at is not None and self.width:
            right[self.frames_at - origin] = size // self.width
        return {at: struct.pack(self.order + "I", min(n, 2**32 - 1)) for at, n in right.items()}


def layout_of(stream: ByteStream) -> Layout | None:
    """Read a header up to the sound; None where it has none, or is not of this kind.

    The stream stands at the first byte of the sound afterwards.
    """
    head, origin = stream.peek(12), stream.position
    if head[:4] == b".snd":
        return _sun(stream)
    order = _HEADS.get(head[:4])
    aiff = head[:4] == b"FORM"
    if order is None or head[8:12] not in ((b"AIFF", b"AIFC") if aiff else (b"WAVE",)):
        return None
    stream.skip(12)
    kind: Layout | None = None
    wide: int | None = None
    while len(head := stream.peek(8)) == 8 and stream.position < _MOST_HEADER:
        name, size = head[:4], int(struct.unpack(order + "I", head[4:])[0])
        at = stream.position
        if name in {b"data", b"SSND"} and kind is not None:
            # AIFF may leave room in front of the samples, to have them begin at a round position.
            room = 0
            if aiff and len(body := stream.peek(16)) == 16:
                (room,) = struct.unpack_from(">I", body, 8)
            stream.skip((16 if aiff else 8) + room)
            unknown = size >= UNKNOWN_LENGTH
            if size == 2**32 - 1 and wide is not None:
                size, unknown = wide, wide >= 2**62
            return replace(
                kind,
                origin=origin,
                start=stream.position,
                announced=None if unknown else max(0, size - 8 - room) if aiff else size,
                length_at=at + 4,
            )
        if size > _MOST_HEADER:
            return None
        body = stream.peek(8 + min(size, 64))[8:]
        if name == b"ds64" and len(body) >= 16:
            (wide,) = struct.unpack_from("<Q", body, 8)
        elif name == b"fmt " and len(body) >= 16:
            kind = wave_format(body, order)
        elif name == b"COMM" and len(body) >= 18:
            kind = _aiff(body, at + 8)
        stream.skip(8 + size)
        if size % 2 and not _is_name(stream.peek(4)):  # some writers forget the byte that pads
            stream.skip(1)
    return None


def all_of(file: IO[bytes], size: int, *, first: Layout) -> Iterator[Layout]:
    """Yield where the sound of a file of ``size`` bytes lies, however many were joined into it.

    Args:
        file: seekable.
        size: of the file.
        first: what its first header says.
    """
    layout = measured(first, file, size)
    yield layout
    at = layout.start + (layout.size or 0)
    while at < size:
        file.seek(at)
        head = file.read(12)
        if (at - layout.origin) % 2 and not _is_name(head[:4]):
            at += 1
            continue
        if len(head) < 8 or not _is_name(head[:4]):
            return
        name, length = head[:4], int(struct.unpack(layout.order + "I", head[4:8])[0])
        if name in _HEADS:
            file.seek(at)
            stream = ByteStream(file.read, position=at)
            if (joined := layout_of(stream)) is None:
                return
            layout = measured(joined, file, size)
        elif name == b"data" and length < UNKNOWN_LENGTH:
            layout = measured(replace(layout, start=at + 8, announced=length), file, size)
        else:
            at += 8 + length
            continue
        yield layout
        at = layout.start + (layout.size or 0)


def to_next_file(stream: ByteStream, order: str) -> bool:
    """Leave out the chunks behind the sound; return whether another file was joined to them.

    Args:
        stream: behind the sound.
        order: of the numbers, ``<`` or ``>``.
    """
    while len(head := stream.peek(9)) >= 8:
        if not _is_name(head[:4]) and _is_name(head[1:5]):
            stream.skip(1)  # which pads what came before
        elif not _is_name(head[:4]):
            return False
        elif head[:4] in _HEADS:
            return True
        else:
            stream.skip(8 + int(struct.unpack(order + "I", head[4:8])[0]))
    return False


def _is_name(data: bytes) -> bool:
    """Whether four bytes can be the name of a chunk."""
    return len(data) == 4 and all(0x20 <= byte < 0x7F for byte in data)


def measured(layout: Layout, file: IO[bytes], size: int) -> Layout:
    """Return a layout with what is really there in a file of ``size`` bytes.

    Sound that is announced as shorter than the rest of the file ends there only if chunks, a tag
    or zeros follow; otherwise the announcement is stale.
    """
    there = max(0, size - layout.start)
    announced = layout.announced
    if announced and announced < there:
        end = layout.start + announced
        for at in {end, end + (end - layout.origin) % 2}:
            file.seek(at)
            if is_no_sound(file.read(4096), layout.order):
                return replace(layout, size=announced)
    return replace(layout, size=there)


def is_no_sound(data: bytes, order: str) -> bool:
    """Whether what follows the announced end is chunks, a tag or zeros.

    Args:
        data: the first bytes of it.
        order: of the numbers, ``<`` or ``>``.
    """
    if len(data) < 8 or not any(data) or data[:3] in {b"TAG", b"ID3"} or data[:8] == b"APETAGEX":
        return True
    length = int(struct.unpack_from(order + "I", data, 4)[0])
    return _is_name(data[:4]) and (length < UNKNOWN_LENGTH or data[:4] in _HEADS)


def wave_format(body: bytes, order: str) -> Layout:
    """Return what the chunk ``fmt `` of a WAV or W64 file says, without any place."""
    tag, channels, rate, _, width, bits = struct.unpack_from(order + "HHIIHH", body)
    width = width or channels * ((bits + 7) // 8)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from(order + "H", body, 24)
    size = width // channels if channels else 0  # bytes of a sample, whatever bits it uses
    subtype = _SUBTYPES.get((tag, size))
    if channels and width % channels:
        subtype = None
    return Layout(
        width=width,
        rate=rate,
        channels=channels,
        subtype=subtype,
        endian="LITTLE" if order == "<" else "BIG",
        order=order,
        mpeg=tag in {_MPEG, _MP3},
    )


def _aiff(body: bytes, at: int) -> Layout:
    channels, _, bits = struct.unpack_from(">HIH", body)
    exponent, mantissa = struct.unpack_from(">HQ", body, 8)  # an 80-bit float
    rate = round(mantissa * 2.0 ** (exponent - 16383 - 63)) if exponent < 16450 else 0xFFFFFFFF
    kind = body[18:22] or b"NONE"
    size = (bits + 7) // 8
    subtypes = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
    little = kind == b"sowt"
    plain = kind in {b"NONE", b"twos", b"sowt"}
    return Layout(
        width=size * channels if plain else 0,
        rate=rate,
        channels=channels,
        subtype=subtypes.get(size) if plain else None,
        endian="LITTLE" if little else "BIG",
        order=">",
        frames_at=at + 2,
    )


def _sun(stream: ByteStream) -> Layout | None:
    """Read the header of an AU file, which is nothing but six numbers and a remark."""
    head, origin = stream.peek(24), stream.position
    if len(head) < 24:
        return None
    start, announced, encoding, rate, channels = struct.unpack_from(">5I", head, 4)
    subtype, size = {
        1: ("ULAW", 1),
        2: ("PCM_S8", 1),
        3: ("PCM_16", 2),
        4: ("PCM_24", 3),
        5: ("PCM_32", 4),
        6: ("FLOAT", 4),
        7: ("DOUBLE", 8),
        27: ("ALAW", 1),
    }.get(encoding, (None, 0))
    if subtype is None or not len(head) <= start < _MOST_HEADER:
        return None
    stream.skip(start)
    return Layout(
        origin=origin,
        start=stream.position,
        announced=None if announced >= UNKNOWN_LENGTH else announced,
        width=size * channels,
        rate=rate,
        channels=channels,
        subtype=subtype,
        endian="BIG",
        order=">",
    )
