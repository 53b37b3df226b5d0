"""MPEG audio (MP1, MP2, MP3) as the frames it consists of; whatever else lies around is left out.

Nothing in front of the frames says reliably how many there are: the header that LAME began to
write (Xing, Info) may be missing, stale, or that of the first of several files joined end to end.
So the frames themselves are walked. Field layouts are those of ISO 11172-3 and 13818-3.
"""

import struct
from dataclasses import dataclass

from realtime_mer.audio.decoding.bytes import ByteStream

_BITRATES = {  # kbit/s by (first version, layer), from index 1 on
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_CONFIRM = 3  # frames in a row; fewer are found in any data by chance
_MUSIC = 32  # frames in a row that cannot be chance
_MOST_TAG = 1 << 24  # bytes of a tag that are looked at
_DECODER_DELAY = 529  # samples by which every decoder is late, as LAME's header counts


@dataclass(frozen=True, slots=True)
class Header:
    """What the first four bytes of a frame say.

    Attributes:
        version: 3 for MPEG-1, 2 for MPEG-2, 0 for MPEG-2.5.
        layer: 1, 2 or 3.
        rate: sample rate in Hz.
        channels: 1 or 2.
        size: bytes of the frame, these four included.
        samples: frames of sound that it decodes to.
    """

    version: int
    layer: int
    rate: int
    channels: int
    size: int
    samples: int

    def goes_on(self, other: "Header") -> bool:
        """Whether both can belong to one stream."""
        return (self.version, self.layer, self.rate, self.channels) == (
            other.version,
            other.layer,
            other.rate,
            other.channels,
        )


@dataclass(frozen=True, slots=True)
class Info:
    """What the header frame of a file says of it.

    Attributes:
        frames: how many follow; None where it does not say.
        delay: samples to leave out at the start, the decoder's own delay included.
        padding: samples to leave out at the end.
    """

    frames: int | None
    delay: int
    padding: int


def header(data: bytes) -> Header | None:
    """Return what a frame's first four bytes say; None where they begin no frame.

    Frames of a free bit rate, which say nothing of their size, count as none.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    bitrate, rate = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in {0, 15} or rate == 3 or data[3] & 3 == 2:
        return None
    first = version == 3
    bits = 1000 * _BITRATES[first, layer][bitrate - 1]
    hertz = _RATES[version][rate]
    samples = 384 if layer == 1 else 1152 if first or layer == 2 else 576
    slot = 4 if layer == 1 else 1
    size = (samples // 8 // slot * bits // hertz + (data[2] >> 1 & 1)) * slot
    channels = 1 if data[3] >> 6 == 3 else 2
    return Header(version, layer, hertz, channels, size, samples)


def info(frame: bytes) -> Info | None:
    """Return what a Xing or Info frame says; None for a frame of sound."""
    found = header(frame)
    if found is None or found.layer != 3:
        return None
    side = {(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9}[
        found.version == 3, found.channels
    ]
    for at in (4 + side, 6 + side):  # behind a checksum of two bytes
        if frame[at : at + 4] in {b"Xing", b"Info"} and not any(frame[6:at]):
            break
    else:
        return None
    (flags,) = struct.unpack_from(">I", frame.ljust(at + 8, b"\0"), at + 4)
    at += 8
    frames = None
    if flags & 1:
        (frames,) = struct.unpack_from(">I", frame.ljust(at + 4, b"\0"), at)
    at += sum(size for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    encoder = frame[at : at + 24]
    if len(encoder) < 24 or not encoder[0]:
        return Info(frames or None, 0, 0)
    both = int.from_bytes(encoder[21:24], "big")
    delay, padding = both >> 12, both & 0xFFF
    return Info(frames or None, delay + _DECODER_DELAY, max(0, padding - _DECODER_DELAY))


def begins(data: bytes) -> bool | None:
    """Return whether bytes begin with frames; None where there are too few of them to say."""
    at = 0
    first = None
    for _ in range(_CONFIRM):
        head = data[at : at + 4]
        if len(head) < 4:
            return None if first or _may_begin(head) else False
        found = header(head)
        if found is None or (first is not None and not first.goes_on(found)):
            return False
        first = found
        at += found.size
    return True


def _may_begin(head: bytes) -> bool:
    return head[:1] in {b"", b"\xff"} and (len(head) < 2 or head[1] & 0xE0 == 0xE0)


class Frames:
    """The frames of a stream, one after the other.

    Args:
        stream: where they come from; tags and garbage may lie in front, between and behind.

    Attributes:
        skipped: bytes left out that are neither frames nor tags.
        cut: bytes of a last frame that breaks off.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._last: Header | None = None  # of the frame that ended just here
        self.skipped = 0
        self.cut = 0

    def next(self) -> tuple[Header, bytes] | None:
        """Return the next frame; None at the end."""
        while len(head := self._stream.peek(10)) >= 4:
            found = header(head)
            if found is not None and (self._follows(found) or self._confirmed(found)):
                data = self._stream.take(found.size)
                if len(data) < found.size:
                    self.cut = len(data)
                    return None
                self._last = found
                return found, data
            size = tag_size(head if head[:1] != b"A" else self._stream.peek(32))
            if size:
                self._stream.skip(self._without_frames(size) if head[:3] == b"ID3" else size)
            else:
                self._last = None
                self._stream.skip(1)
                self.skipped += 1 + self._to_next()
        self.skipped += len(self._stream.take(4))
        return None

    def _follows(self, found: Header) -> bool:
        return self._last is not None and self._last.goes_on(found)

    def _confirmed(self, found: Header) -> bool:
        """Whether more frames follow, or the end: sound may hold what looks like a header."""
        data = self._stream.peek(found.size + 4)
        if len(data) <= found.size:
            return self._last is not None
        following = header(data[found.size :])
        return following is not None and following.goes_on(found)

    def _without_frames(self, size: int) -> int:
        """Return how much of a tag of so many bytes is tag: its size may be nonsense."""
        inside = self._stream.peek(min(size, _MOST_TAG) + 32)
        behind = inside[size:]
        if behind and (header(behind) or tag_size(behind) or not any(behind)):
            return size
        end = min(size, len(inside))
        at = 10
        while (at := inside.find(b"\xff", at)) >= 0:
            place, count = at, 0
            first = header(inside[at : at + 4])
            found = first
            while first is not None and found is not None and found.goes_on(first):
                place, count = place + found.size, count + 1
                found = header(inside[place : place + 4])
            # Pictures hold what looks like a frame or two, and no music.
            if count >= _MUSIC or (count >= _CONFIRM and place >= end):
                return at
            at += 1
        return size

    def _to_next(self) -> int:
        """Leave out what cannot begin a frame or a tag; return how many bytes."""
        skipped = 0
        while data := self._stream.peek(4096):
            places = [
                at for mark in (b"\xff", b"ID3", b"TAG", b"APE") if (at := data.find(mark)) >= 0
            ]
            at = min(places, default=max(1, len(data) - 2))
            self._stream.skip(at)
            skipped += at
            if places:
                break
        return skipped


def tag_size(head: bytes) -> int:
    """Return the size of the tag that begins with these bytes (32 of an APE tag); 0 for none."""
    if head[:3] == b"ID3" and len(head) >= 10 and all(byte < 0x80 for byte in head[6:10]):
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return size + (20 if head[5] & 0x10 else 10)
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        in_front = head[23] & 0x20  # else it is the foot of one, whose items went by as garbage
        return 32 + (int(struct.unpack_from("<I", head, 12)[0]) if in_front else 0)
    return 0
