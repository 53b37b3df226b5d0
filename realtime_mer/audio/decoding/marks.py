"""Sound formats told by the bytes that they begin with."""

import re

from realtime_mer.audio.decoding import mpeg
from realtime_mer.audio.decoding.bytes import ByteStream

_STREAMS = {
    b"RIFF": "WAV",
    b"RIFX": "WAV",
    b"RF64": "WAV",
    b"BW64": "WAV",
    b"FORM": "AIFF",
    b"OggS": "Ogg",
    b"fLaC": "FLAC",
    b"ID3": "MPEG",
    b".snd": "AU",
}
_FILES = {
    b"caff": "CAF",
    b"riff\x2e\x91\xcf\x11": "W64",
}
_FOREIGN = {
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"ADIF": "AAC",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
}
FOREIGN = frozenset({"MP4", *_FOREIGN.values()})
"""Formats that libsndfile does not know, whatever it meets in them."""

# Longer than the marks alone, so that they are not met in garbage by chance.
_BEGINNING = re.compile(
    rb"(?:RIFF|RIFX|RF64|BW64)....WAVE|FORM....AIF[FC]|OggS\x00[\x02\x06]|fLaC\x00\x00\x00\x22|caff\x00\x01\x00\x00desc",
    re.DOTALL,
)


def recognise(stream: ByteStream) -> str | None:
    """Return the name of the format that a stream begins with; None for raw samples.

    No more is waited for than is needed to tell.
    """
    size = 1
    while True:
        head = stream.peek(size)
        kind = _kind(head)
        if kind or kind is None or len(head) < size:
            return kind or None
        size = len(head) + 1


def to_beginning(stream: ByteStream, *, within: int) -> int:
    """Leave out what lies in front of the first mark of a format.

    Tags lie there, what a download wrote, a byte-order mark. Nothing is left out where no mark
    comes; MPEG frames, which have none, are found by ``mpeg.Frames``.

    Args:
        stream: a file's, at its beginning.
        within: bytes that are looked through.

    Returns:
        How many bytes were left out that are no tag.
    """
    tags = 0
    while tag := mpeg.tag_size(stream.peek(tags + 32)[tags:]):
        tags += tag
        if tags > within:
            return 0
    if found := _BEGINNING.match(stream.peek(tags + 16), tags):
        stream.skip(found.start())
        return 0
    if tags == 0 and (found := _BEGINNING.search(stream.peek(within))):
        stream.skip(found.start())
        return found.start()
    return 0


def _kind(head: bytes) -> str | None:
    """Return what begins with some bytes; None for nothing known, "" where they are too few."""
    unsure = False
    for mark, name in {**_STREAMS, **_FILES, **_FOREIGN}.items():
        if not head.startswith(mark):
            unsure |= mark.startswith(head)
        elif name != "WAV" or head[8:12] == b"WAVE":
            return name
        else:
            unsure |= b"WAVE".startswith(head[8:])
    unsure |= len(head) < 8 and bytes(2).startswith(head[:2]) and b"ftyp".startswith(head[4:])
    if head[4:8] == b"ftyp":
        return "MP4"
    begins = mpeg.begins(head)
    if begins:
        return "MPEG"
    return "" if unsure or begins is None else None
