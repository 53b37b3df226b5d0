"""Files with an ID3 tag: before the sound in MP3, in a chunk of its own in AIFF and WAV."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Literal

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging import id3
from realtime_mer.library.tagging.family import Changes, Family, Rest, copy, parts
from realtime_mer.library.tagging.fields import Fields

_FORM = 12  # bytes of the head of a file of chunks
_CHUNK = 8  # of the head of a chunk
_MOST = 2**32 - 1 - _CHUNK  # what the length of such a file can tell


def _at_front(file: IO[Any]) -> id3.Tag:
    file.seek(0)
    size = id3.tag_size(file.read(id3.HEAD))
    file.seek(0)
    return id3.parse(file.read(size)) if size else id3.Tag()


def _read_front(file: IO[Any]) -> Fields:
    return id3.fields(_at_front(file))


def _write_front(source: IO[Any], target: IO[Any], changes: Changes) -> None:
    tag = _at_front(source)
    target.write(id3.build(id3.changed(tag, changes)))
    copy(source, target, tag.size)


def _rest_front(file: IO[Any]) -> Rest:
    tag = _at_front(file)
    return Rest.of(parts(file, tag.size), id3.others(tag))


MP3 = Family(name="MP3", read=_read_front, write=_write_front, rest=_rest_front)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of file of chunks: how its lengths are written, and what its tag's chunk is called."""

    order: Literal["little", "big"]
    name: bytes
    names: tuple[bytes, ...]


_WAV = _Kind(order="little", name=b"id3 ", names=(b"id3 ", b"ID3 "))
_AIFF = _Kind(order="big", name=b"ID3 ", names=(b"ID3 ",))


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """A chunk: its name, where its head begins, where its content ends, where the next begins."""

    name: bytes
    start: int
    stop: int
    next: int


def _chunks(file: IO[Any], kind: _Kind) -> Iterator[_Chunk]:
    file.seek(0, 2)
    end = file.tell()
    file.seek(4)
    announced = _CHUNK + int.from_bytes(file.read(4), kind.order)
    at = _FORM
    while at + _CHUNK <= min(announced, end):
        file.seek(at)
        head = file.read(_CHUNK)
        size = int.from_bytes(head[4:], kind.order)
        stop = at + _CHUNK + size
        if stop > end:
            raise AudioFileError("it is cut off, or does not tell its length: mend the file first")
        yield _Chunk(name=head[:4], start=at, stop=stop, next=min(stop + size % 2, end))
        at = stop + size % 2


def _find(file: IO[Any], kind: _Kind) -> tuple[id3.Tag, _Chunk | None, list[_Chunk]]:
    """Return the tag of a file, the chunk that it is in, and all chunks."""
    chunks = list(_chunks(file, kind))
    place = next((chunk for chunk in chunks if chunk.name in kind.names), None)
    if place is None:
        return id3.Tag(), None, chunks
    file.seek(place.start + _CHUNK)
    content = file.read(place.stop - place.start - _CHUNK)
    if not id3.tag_size(content):
        raise AudioFileError("its ID3 tag cannot be read: mend it first")
    return id3.parse(content), place, chunks


def _read_chunk(kind: _Kind, file: IO[Any]) -> Fields:
    return id3.fields(_find(file, kind)[0])


def _write_chunk(kind: _Kind, source: IO[Any], target: IO[Any], changes: Changes) -> None:
    tag, place, chunks = _find(source, kind)
    content = id3.build(id3.changed(tag, changes))
    end = chunks[-1].next if chunks else _FORM
    copy(source, target, 0, place.start if place else end)
    if content:
        if target.tell() % 2:  # the last chunk has no filling
            target.write(b"\0")
        target.write((place.name if place else kind.name) + len(content).to_bytes(4, kind.order))
        target.write(content + b"\0" * (len(content) % 2))
    if place:
        copy(source, target, place.next, end)
    size = target.tell()
    if size > _MOST:
        raise AudioFileError("it would be longer than such a file can be: convert it to FLAC")
    copy(source, target, end)
    target.seek(4)
    target.write((size - _CHUNK).to_bytes(4, kind.order))
    target.seek(0, 2)


def _rest_chunks(kind: _Kind, file: IO[Any]) -> Rest:
    tag, place, chunks = _find(file, kind)

    def sound() -> Iterator[bytes]:
        file.seek(_CHUNK)
        yield file.read(_FORM - _CHUNK)
        for chunk in chunks:
            if chunk != place:
                yield from parts(file, chunk.start, chunk.stop)
        yield from parts(file, chunks[-1].next if chunks else _FORM)

    return Rest.of(sound(), id3.others(tag))


def _of_chunks(name: str, kind: _Kind) -> Family:
    read: Callable[[IO[Any]], Fields] = partial(_read_chunk, kind)
    return Family(
        name=name, read=read, write=partial(_write_chunk, kind), rest=partial(_rest_chunks, kind)
    )


AIFF = _of_chunks("AIFF", _AIFF)
WAV = _of_chunks("WAV", _WAV)
