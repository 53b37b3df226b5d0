"""The list of tags in an MP4 file, written by mutagen, which moves what lies behind it.

What has to stay is read here from the atoms themselves (ISO/IEC 14496-12).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging.family import Changes, Family, Rest, copy, parts
from realtime_mer.library.tagging.fields import COMMENT, NAMES, Fields
from realtime_mer.library.tagging.with_mutagen import mutagen_at_work

_FREEFORM = "----:com.apple.iTunes:"
_KEYS = {name: f"{_FREEFORM}{name}" for name in NAMES} | {COMMENT: "\xa9cmt"}
_GENRE = b"gnre"  # by number; mutagen makes a text of it
_WITH_ATOMS = {  # and how many bytes stand before the first
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"udta": 0,
    b"meta": 4,
    b"ilst": 0,
}
_OFFSETS = {b"stco": 4, b"co64": 8}  # bytes of each
_LIST = (b"moov", b"udta", b"meta", b"ilst")
_FILLING = (b"free", b"skip")


@dataclass(frozen=True, kw_only=True)
class _Atom:
    """An atom: the names on the way to it, where its content begins, and where it ends."""

    path: tuple[bytes, ...]
    start: int
    stop: int

    @property
    def name(self) -> bytes:
        return self.path[-1]

    @property
    def reach(self) -> range:
        return range(self.start, self.stop)


def _atoms(file: IO[Any], start: int, stop: int, path: tuple[bytes, ...] = ()) -> Iterator[_Atom]:
    """Yield the atoms in a part of a file, each before those in it."""
    at = start
    while at + 8 <= stop:
        file.seek(at)
        head = file.read(16)
        size, name, begins = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if size == 1:
            size, begins = int.from_bytes(head[8:], "big"), at + 16
        elif size == 0:  # to the end
            size = stop - at
        if size < begins - at or at + size > stop:
            raise AudioFileError("it is cut off: mend the file first")
        atom = _Atom(path=(*path, name), start=begins, stop=at + size)
        yield atom
        if name in _WITH_ATOMS and (name != b"meta" or path == _LIST[:2]):
            yield from _atoms(file, begins + _WITH_ATOMS[name], atom.stop, atom.path)
        at += size


def _name(atom: bytes, content: bytes) -> str:
    """Return what an atom of the list is called; freeform ones name themselves."""
    if atom != b"----":
        return atom.decode("latin-1")
    means = int.from_bytes(content[:4], "big")
    names = means + int.from_bytes(content[means : means + 4], "big")
    texts = content[12:means], content[means + 12 : names]
    return ":".join(("----", *(text.decode("utf-8", "replace") for text in texts)))


def _places(content: bytes, size: int, sounds: Sequence[_Atom]) -> bytes:
    """Return the places of a table as sounds and places in them, which stay when sounds move."""
    found = [content[:8]]
    for at in range(8, len(content), size):
        place = int.from_bytes(content[at : at + size], "big")
        number, within = next(
            ((n, place - one.start) for n, one in enumerate(sounds) if place in one.reach),
            (-1, place),
        )
        found.append(b"%d %d;" % (number, within))
    return b"".join(found)


def _opened(file: IO[Any]) -> Any:
    from mutagen.mp4 import MP4, MP4Tags

    class Tags(MP4Tags):  # type: ignore[misc]
        def load(self, atoms: Any, fileobj: IO[Any]) -> None:
            super().load(atoms, fileobj)
            for atom in atoms.path(*_LIST)[-1].children:
                if atom.name == _GENRE:  # a number, of which mutagen has made a text
                    self.pop("\xa9gen", None)
                    self._failed_atoms["gnre"] = [atom.read(fileobj)[1]]

    class File(MP4):  # type: ignore[misc]
        MP4Tags = Tags

    file.seek(0)
    return File(file)


def _read(file: IO[Any]) -> Fields:
    with mutagen_at_work():
        tags = _opened(file).tags or {}
        return {
            name: tuple(_text(value) for value in tags[key])
            for name, key in _KEYS.items()
            if tags.get(key)
        }


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "surrogateescape")


def _write(source: IO[Any], target: IO[Any], changes: Changes) -> None:
    copy(source, target)
    with mutagen_at_work():
        from mutagen.mp4 import AtomDataType, MP4FreeForm

        opened = _opened(target)
        if opened.tags is None:
            opened.add_tags()
        for name, values in changes.items():
            if not values:
                opened.tags.pop(_KEYS[name], None)
            elif name == COMMENT:
                opened.tags[_KEYS[name]] = list(values)
            else:
                opened.tags[_KEYS[name]] = [
                    MP4FreeForm(value.encode("utf-8", "surrogateescape"), AtomDataType.UTF8)
                    for value in values
                ]
        target.seek(0)
        opened.save(target)


def _rest(file: IO[Any]) -> Rest:
    file.seek(0, 2)
    atoms = list(_atoms(file, 0, file.tell()))
    if any(atom.name == b"moof" for atom in atoms):
        raise AudioFileError("it comes in fragments: put them together with `ffmpeg -c copy`")
    sounds = [atom for atom in atoms if atom.path == (b"mdat",)]

    def content(atom: _Atom) -> bytes:
        return b"".join(parts(file, atom.start, atom.stop))

    def sound() -> Iterator[bytes]:
        for atom in sounds:
            yield from parts(file, atom.start, atom.stop)
        for atom in atoms:
            if atom.name in _OFFSETS:
                yield _places(content(atom), _OFFSETS[atom.name], sounds)
            elif not (
                atom in sounds
                or atom.name in _FILLING
                or (atom.name in _WITH_ATOMS and atom.name != b"meta")
                or atom.path[:3] == _LIST[:3]
            ):
                yield b"/".join(atom.path) + content(atom)

    def tags() -> Iterator[bytes]:
        for atom in atoms:
            if atom.path[:-1] == _LIST:
                found = content(atom)
                if _name(atom.name, found) not in _KEYS.values():
                    yield atom.name + found

    return Rest.of(sound(), tags())


MP4 = Family(name="MP4", read=_read, write=_write, rest=_rest)
