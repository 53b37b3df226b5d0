"""ID3v2 frames, those of others byte by byte as they are.

mutagen, which the other families use, reads each frame into a value and writes it anew. What it
cannot read it drops: damaged frames, the second of two comments of one description, the comment of
an ID3v1 tag. DJ programs keep their cue points in such frames, so here they are never opened.
Sources: id3.org, "ID3 tag version 2.3.0" and "version 2.4.0".
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging.fields import COMMENT, MOOD, NAMES, Fields

HEAD = 10
"""Bytes of a tag's head."""

_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
_CODECS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_LATIN_1, _UTF_16, _UTF_8 = 0, 1, 3
_ORDERS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_NAME = re.compile(rb"[A-Z][A-Z0-9]{2,3} ?")
_TEXT = {2: b"TXX", 3: b"TXXX", 4: b"TXXX"}  # of one's own, with a description
_COMMENT = {2: b"COM", 3: b"COMM", 4: b"COMM"}
_MOOD = b"TMOO"  # of version 4
_SEVERAL = {2: "/", 3: "/", 4: "\0"}  # between the values of one text
_PADDING = 1024  # bytes, where a tag has to become larger


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A frame as it lies in a tag: its name, its two flags and its content."""

    name: bytes
    flags: bytes
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag.

    Attributes:
        version: 2, 3 or 4.
        flags: of the head.
        frames: in order.
        size: bytes that it takes, padding and head included; 0 where there was none.
    """

    version: int = 4
    flags: int = 0
    frames: tuple[Frame, ...] = ()
    size: int = 0


def tag_size(head: bytes) -> int:
    """Return how many bytes a tag takes that begins so; 0 where none does."""
    if len(head) < HEAD or not head.startswith(b"ID3") or any(byte & 0x80 for byte in head[6:10]):
        return 0
    return HEAD + _synchsafe(head[6:10]) + (HEAD if head[5] & _FOOTER else 0)


def parse(content: bytes) -> Tag:
    """Read a whole tag.

    Raises:
        AudioFileError: it cannot be taken apart frame by frame, or its version is not known.
    """
    version, flags, size = content[3], content[5], tag_size(content)
    body = content[HEAD:size]
    # In version 2 the flag of an extended head says that the tag is compressed.
    if version not in _TEXT or flags & (_FOOTER | _EXTENDED):
        raise AudioFileError(
            "its ID3 tag is of a kind that is not written: leave it, or convert it"
        )
    if len(content) < size:
        raise AudioFileError("its ID3 tag is cut off: mend the file first")
    if version < 4 and flags & _UNSYNCHRONISED:  # in version 4 it is frame by frame
        body, flags = body.replace(b"\xff\0", b"\xff"), flags & ~_UNSYNCHRONISED
    for sizes in (_synchsafe, _plain) if version == 4 else (_plain,):
        # Some programs wrote the sizes of version 4 as those of version 3.
        frames = _frames(body, version, sizes)
        if frames is not None:
            return Tag(version=version, flags=flags, frames=frames, size=size)
    raise AudioFileError("its ID3 tag cannot be read frame by frame: mend it first")


def build(tag: Tag) -> bytes:
    """Return a tag's bytes: as many as it had, if they will do; none where no frame is left."""
    if not tag.frames:
        return b""
    body = b"".join(_bytes(tag.version, frame) for frame in tag.frames)
    size = tag.size if HEAD + len(body) <= tag.size else HEAD + len(body) + _PADDING
    head = b"ID3" + bytes((tag.version, 0, tag.flags)) + _to_synchsafe(size - HEAD)
    return head + body.ljust(size - HEAD, b"\0")


def fields(tag: Tag) -> Fields:
    """Return what the fields that may be written say; of several frames of a name the first."""
    return {
        name: (text,) if name == COMMENT else tuple(text.split(_SEVERAL[tag.version]))
        for name, (_, text) in _places(tag).items()
    }


def changed(tag: Tag, changes: Mapping[str, Sequence[str]]) -> Tag:
    """Return a tag with other values in fields, and without those that are to have none."""
    frames: list[Frame | None] = list(tag.frames)
    places = _places(tag)
    for name, values in changes.items():
        text = _SEVERAL[tag.version].join(values)
        if name not in places:
            frames += [_made(tag.version, name, text)] if values else []
        else:
            place, _ = places[name]
            frames[place] = _with_text(tag.version, tag.frames[place], text) if values else None
    return replace(tag, frames=tuple(frame for frame in frames if frame is not None))


def others(tag: Tag) -> Iterator[bytes]:
    """Yield all that must stay as it is."""
    ours = {place for place, _ in _places(tag).values()}
    yield bytes((tag.version, tag.flags))
    for place, frame in enumerate(tag.frames):
        if place not in ours:
            yield frame.name + frame.flags + frame.content


# -- frames of text --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Text:
    """The content of a frame of text, taken apart.

    Attributes:
        before: all that stands before the text: encoding, language, description.
        description: of a comment or a text of one's own; "" of others.
        text: its values as they stand there.
        codec, mark: how it is encoded, and the mark of the order of its bytes.
        end: the zeros behind it.
    """

    before: bytes
    description: str
    text: str
    codec: str
    mark: bytes
    end: bytes

    def with_text(self, text: str) -> bytes:
        """Return the content with another text.

        Raises:
            UnicodeEncodeError: its encoding does not have it.
        """
        return self.before + self.mark + text.encode(self.codec) + self.end


def _read(version: int, frame: Frame) -> _Text | None:
    """Return what a frame says; None where it is no frame of text, or cannot be read."""
    described = frame.name in (_TEXT[version], _COMMENT[version])
    packed = len(frame.flags) == 2 and frame.flags[1]  # what it holds is not what it says
    if packed or not frame.content or frame.content[0] > _UTF_8:
        return None
    if not (described or (version == 4 and frame.name == _MOOD)):
        return None
    codec = _CODECS[frame.content[0]]
    zero = b"\0\0" if codec.startswith("utf-16") else b"\0"
    start = 4 if frame.name == _COMMENT[version] else 1
    description = b""
    if described:
        stop = _aligned(frame.content, zero, start)
        if stop < 0:
            return None
        description, start = frame.content[start:stop], stop + len(zero)
    before, text = frame.content[:start], frame.content[start:]
    end = zero if text.endswith(zero) and len(text) % len(zero) == 0 else b""
    text = text.removesuffix(end)
    mark = text[:2] if codec == "utf-16" and text[:2] in _ORDERS else b""
    codec = _ORDERS.get(mark, codec)
    try:
        return _Text(
            before=before,
            description=description.decode(_CODECS[frame.content[0]]),
            text=text.removeprefix(mark).decode(codec).replace("\ufeff", ""),
            codec=codec,
            mark=mark,
            end=end,
        )
    except UnicodeDecodeError:
        return None


def _aligned(content: bytes, zero: bytes, start: int) -> int:
    """Return where a zero of one or two bytes stands; -1 where none does."""
    for place in range(start, len(content) - len(zero) + 1, len(zero)):
        if content[place : place + len(zero)] == zero:
            return place
    return -1


def _places(tag: Tag) -> dict[str, tuple[int, str]]:
    """Return which frame is which field's, the first of its name, and its text."""
    places: dict[str, tuple[int, str]] = {}
    for place, frame in enumerate(tag.frames):
        read = _read(tag.version, frame)
        if read is not None and (field := _field(tag.version, frame.name, read.description)):
            places.setdefault(field, (place, read.text))
    return places


def _field(version: int, name: bytes, description: str) -> str | None:
    """Return the field of a frame of text; None where it is none that may be written."""
    if name == _MOOD:
        return MOOD
    if name == _COMMENT[version]:
        return None if description else COMMENT
    own = {*NAMES} - ({COMMENT, MOOD} if version == 4 else {COMMENT})
    return description if description in own else None


def _with_text(version: int, frame: Frame, text: str) -> Frame:
    """Return a frame with another text, in its own encoding if that has it."""
    read = _read(version, frame)
    try:
        if read is not None:
            return replace(frame, content=read.with_text(text))
    except UnicodeEncodeError:
        pass
    language = frame.content[1:4] if frame.name == _COMMENT[version] else b""
    return _encoded(version, frame.name, read.description if read else "", text, language)


def _made(version: int, field: str, text: str) -> Frame:
    """Return a new frame of a field."""
    if field == COMMENT:
        return _encoded(version, _COMMENT[version], "", text, b"eng")
    if field == MOOD and version == 4:
        return _encoded(version, _MOOD, None, text, b"")
    return _encoded(version, _TEXT[version], field, text, b"")


def _encoded(
    version: int, name: bytes, description: str | None, text: str, language: bytes
) -> Frame:
    encoding = _UTF_8 if version == 4 else _LATIN_1 if text.isascii() else _UTF_16
    codec = _CODECS[encoding]
    parts = [text] if description is None else [description, text]
    zero = "\0".encode(codec)[-2 if encoding == _UTF_16 else -1 :]
    content = bytes((encoding,)) + language + zero.join(part.encode(codec) for part in parts)
    return Frame(name=name, flags=b"" if version == 2 else b"\0\0", content=content)


# -- bytes -----------------------------------------------------------------------------------------


def _frames(body: bytes, version: int, size_of: Callable[[bytes], int]) -> tuple[Frame, ...] | None:
    """Return the frames of a tag's body up to its padding; None if they do not come out even."""
    name, head = (3, 6) if version == 2 else (4, 10)
    frames = []
    at = 0
    while at < len(body) and body[at]:
        start = at + head
        stop = start + size_of(body[at + name : at + 2 * name])
        if stop > len(body) or not _NAME.fullmatch(body[at : at + name]):
            return None
        flags = body[at + 2 * name : start]
        frames.append(Frame(name=body[at : at + name], flags=flags, content=body[start:stop]))
        at = stop
    return tuple(frames) if not any(body[at:]) else None


def _bytes(version: int, frame: Frame) -> bytes:
    size = len(frame.content)
    length = _to_synchsafe(size) if version == 4 else size.to_bytes(3 if version == 2 else 4, "big")
    return frame.name + length + frame.flags + frame.content


def _plain(size: bytes) -> int:
    return int.from_bytes(size, "big")


def _synchsafe(size: bytes) -> int:
    """Return a number of seven bits a byte."""
    number = 0
    for byte in size:
        number = number << 7 | byte & 0x7F
    return number


def _to_synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
