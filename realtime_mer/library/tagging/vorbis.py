"""Vorbis comments of FLAC, Ogg Vorbis and Opus, written by mutagen.

What has to stay is read here from the bytes themselves, so that whatever mutagen would read and
write in another way is noticed.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging import id3
from realtime_mer.library.tagging.family import Changes, Family, Rest, copy, parts
from realtime_mer.library.tagging.fields import NAMES, Fields
from realtime_mer.library.tagging.with_mutagen import mutagen_at_work

if TYPE_CHECKING:
    from mutagen.ogg import OggPage

_PADDING, _COMMENTS, _LAST = 1, 4, 0x80  # kinds of blocks of FLAC, and what marks the last
_HEADS = {b"\x01vorbis": (b"\x03vorbis", 3), b"OpusHead": (b"OpusTags", 2)}
"""By what the first packet begins with: what the comments begin with, and how many heads."""

Open = Callable[[IO[Any]], Any]


def _read(open_file: Open, file: IO[Any]) -> Fields:
    file.seek(0)
    with mutagen_at_work():
        tags = open_file(file).tags or {}
        return {name: tuple(tags[name]) for name in NAMES if tags.get(name)}


def _write(open_file: Open, source: IO[Any], target: IO[Any], changes: Changes) -> None:
    copy(source, target)
    target.seek(0)
    with mutagen_at_work():
        opened = open_file(target)
        bare = opened.tags is None
        if bare:
            opened.add_tags()
        tags: Any = opened.tags
        if bare:
            tags.vendor = ""  # whoever encoded it, it was not mutagen
        for name, values in changes.items():
            if values:
                tags[name] = list(values)
            elif name in tags:
                del tags[name]
        target.seek(0)
        opened.save(target)


def _others(comments: bytes) -> Iterator[bytes]:
    """Yield what has to stay of a block of comments: whose it is, the others, and what follows."""
    at = 0

    def next_text() -> bytes:
        nonlocal at
        size = int.from_bytes(comments[at : at + 4], "little")
        start, at = at + 4, at + 4 + size
        if at > len(comments):
            raise AudioFileError("its comments are cut off: mend the file first")
        return comments[start:at]

    yield b"vendor=" + next_text()
    count, at = int.from_bytes(comments[at : at + 4], "little"), at + 4
    for _ in range(count):
        text = next_text()
        if text.partition(b"=")[0].upper().decode("ascii", "replace") not in NAMES:
            yield text
    if comments[at : at + 1] and comments[at] & 1:  # else it is filling
        yield b"tail=" + comments[at:].rstrip(b"\0")


# -- FLAC ------------------------------------------------------------------------------------------


def _open_flac(file: IO[Any]) -> Any:
    from mutagen.flac import FLAC

    return FLAC(file)


def _rest_flac(file: IO[Any]) -> Rest:
    file.seek(0)
    front = id3.tag_size(file.read(id3.HEAD))  # some programs put one before it
    at = front + 4
    sound: list[bytes] = []
    tags: list[bytes] = []
    last = False
    while not last:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            raise AudioFileError("it is cut off: mend the file first")
        last, kind = bool(head[0] & _LAST), head[0] & ~_LAST
        content = file.read(int.from_bytes(head[1:], "big"))
        at += 4 + int.from_bytes(head[1:], "big")
        if kind == _COMMENTS:
            tags += _others(content)
        elif kind != _PADDING:
            sound.append(bytes((kind,)) + content)

    def all_parts() -> Iterator[bytes]:
        yield from parts(file, 0, front)
        yield from sound
        yield from parts(file, at)

    return Rest.of(all_parts(), [tag for tag in tags if tag != b"vendor="])


# -- Ogg -------------------------------------------------------------------------------------------


def _open_vorbis(file: IO[Any]) -> Any:
    from mutagen.oggvorbis import OggVorbis

    return OggVorbis(file)


def _open_opus(file: IO[Any]) -> Any:
    from mutagen.oggopus import OggOpus

    return OggOpus(file)


def _rest_ogg(file: IO[Any]) -> Rest:
    """Of the first stream the comments are taken out, and of all pages how they are numbered."""
    comments: list[bytes] = []

    def sound() -> Iterator[bytes]:
        heads: list[OggPage] = []
        for page in _pages(file):
            if comments or (heads and page.serial != heads[0].serial):
                yield b"%d %d %d" % (page.serial, page.position, page.continued)
                yield from page.packets
                continue
            heads.append(page)
            begins, count = next(
                found for start, found in _HEADS.items() if heads[0].packets[0].startswith(start)
            )
            packets = page.to_packets(heads)
            if len(packets) >= count and page.complete:
                comments.append(packets.pop(1).removeprefix(begins))
                yield from packets

    def tags() -> Iterator[bytes]:
        if not comments:
            raise AudioFileError("it has no comments where they belong: mend the file first")
        yield from _others(comments[0])

    return Rest.of(sound(), tags())


def _pages(file: IO[Any]) -> "Iterator[OggPage]":
    file.seek(0)
    with mutagen_at_work():
        from mutagen.ogg import OggPage
    while True:
        try:
            with mutagen_at_work():
                page = OggPage(file)
        except AudioFileError as error:
            if isinstance(error.__cause__, EOFError):
                return
            raise
        yield page


FLAC = Family(
    name="FLAC", read=partial(_read, _open_flac), write=partial(_write, _open_flac), rest=_rest_flac
)
VORBIS = Family(
    name="Ogg Vorbis",
    read=partial(_read, _open_vorbis),
    write=partial(_write, _open_vorbis),
    rest=_rest_ogg,
)
OPUS = Family(
    name="Opus", read=partial(_read, _open_opus), write=partial(_write, _open_opus), rest=_rest_ogg
)
