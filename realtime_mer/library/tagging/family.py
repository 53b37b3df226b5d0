"""``Family``: how the tags of one kind of file are read and written, and what has to stay."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from realtime_mer.library.tagging.fields import Fields

_AT_ONCE = 1 << 20  # bytes

Changes = Mapping[str, tuple[str, ...]]
"""New values by the names of fields; a field with none goes."""


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What of a file has to stay as it is, by hashes.

    Attributes:
        sound: of its sound, and of all else that is no tag.
        tags: of each of its other tags, in any order.
    """

    sound: bytes
    tags: Counter[bytes]

    @classmethod
    def of(cls, sound: Iterable[bytes], tags: Iterable[bytes]) -> "Rest":
        """Return the rest that consists of these bytes."""
        digest = hashlib.sha256()
        for part in sound:
            digest.update(part)
        return cls(
            sound=digest.digest(), tags=Counter(hashlib.sha256(tag).digest() for tag in tags)
        )


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of file. Its files are open in binary, at any place.

    Attributes:
        name: for people.
        read: returns what the fields that may be written say.
        write: writes a file with changes of fields into an empty one, which can be read too.
        rest: returns what has to stay.

    Each raises an ``AudioFileError`` where a file is not what it seems to be, or is of a kind that
    cannot be written; its message says so of "it".
    """

    name: str
    read: Callable[[IO[Any]], Fields]
    write: Callable[[IO[Any], IO[Any], Changes], None]
    rest: Callable[[IO[Any]], Rest]


def parts(file: IO[Any], start: int, stop: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file from a place to another one, or to its end."""
    file.seek(start)
    left = None if stop is None else stop - start
    while left is None or left > 0:
        part = file.read(_AT_ONCE if left is None else min(left, _AT_ONCE))
        if not part:
            return
        left = None if left is None else left - len(part)
        yield part


def copy(source: IO[Any], target: IO[Any], start: int = 0, stop: int | None = None) -> None:
    """Write a part of a file to where another one is."""
    for part in parts(source, start, stop):
        target.write(part)
