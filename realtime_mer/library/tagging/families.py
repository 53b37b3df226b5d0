"""Which kind a file is, told from its first bytes, whatever it is called."""

from typing import IO, Any

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging import id3, id3_files, mp4, vorbis
from realtime_mer.library.tagging.family import Family

FAMILIES = (
    id3_files.MP3,
    vorbis.FLAC,
    vorbis.VORBIS,
    vorbis.OPUS,
    mp4.MP4,
    id3_files.AIFF,
    id3_files.WAV,
)

_FIRST_PAGE = 64  # bytes, of which the head of an Ogg page is the first 28


def family_of(file: IO[Any]) -> Family:
    """Return the kind of a file that is open.

    Raises:
        AudioFileError: its tags are of no kind that can be written.
    """
    file.seek(0)
    head = file.read(_FIRST_PAGE)
    if size := id3.tag_size(head):
        file.seek(size)
        return vorbis.FLAC if file.read(4) == b"fLaC" else id3_files.MP3
    if head.startswith(b"fLaC"):
        return vorbis.FLAC
    if head.startswith(b"OggS") and head[28:35] == b"\x01vorbis":
        return vorbis.VORBIS
    if head.startswith(b"OggS") and head[28:36] == b"OpusHead":
        return vorbis.OPUS
    if head[4:8] == b"ftyp":
        return mp4.MP4
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return id3_files.AIFF
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return id3_files.WAV
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return id3_files.MP3  # a frame of MPEG; without a layer it would be AAC
    names = ", ".join(family.name for family in FAMILIES)
    raise AudioFileError(f"it is none of {names}: convert it to one of them")
