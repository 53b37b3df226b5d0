"""What is written over: what an earlier time has made, and nothing of anybody else's."""

from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.library.exporting.entries import MADE_BY

_LOOKED_AT = 1024  # bytes, in which a file says who made it
_MARKS = (MADE_BY, "mer_valence")


def refuse_stranger(path: Path) -> None:
    """Refuse to write over what somebody else has made, such as a DJ's collection.

    Raises:
        InputError: it was not made here, or cannot be read.
    """
    if path.exists() and not is_ours(path):
        raise InputError(f"{path} is there and was not made by realtime-mer: name another place")


def is_ours(path: Path) -> bool:
    """Return whether a file says that it was made here.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT).decode("utf-8", "replace").lower()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return any(mark in head for mark in _MARKS)
