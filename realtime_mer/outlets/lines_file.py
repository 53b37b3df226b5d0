"""Lines of text to a file or a named pipe, for programs that can read nothing else."""

import errno
import json
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictStr

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.outlets.wires import Message, Table, Url, Wire

_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0)  # Windows has none, and no named pipes in folders


class LinePlace(Table):
    """Where a value stands in a line.

    Attributes:
        name: what it is called there.
    """

    name: Annotated[StrictStr, Field(pattern=r"^[^\s\x00-\x1f\x7f]+$", max_length=100)]


class LinesOptions(Table):
    """What a file has besides.

    Attributes:
        lines: ``moments`` for a JSON object for all values of one moment, ``values`` for name and
            value of each.
    """

    lines: Literal["moments", "values"] = "moments"


class LinesConnection:
    """An open file, or a named pipe that is written to while somebody reads it.

    Nobody waits for a pipe: what comes without a reader, or while that takes nothing, is not taken.

    Args:
        url: of the file.
        options: of the output.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, url: Url, options: LinesOptions) -> None:
        self._path = Path(url.path)
        self._moments = options.lines == "moments"
        self._file: int | None = None
        self._torn = b""  # the rest of a line that a pipe took in part
        self._pipe = self._path.is_fifo()
        self._open()

    def send(self, messages: Sequence[Message[LinePlace]]) -> int:
        """Write lines; what a pipe does not take at once counts as not taken."""
        refused = 0
        for line, count in self._lines(messages):
            if not self._write(line):
                refused += count
        return refused

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        self._torn = b""
        try:
            self._file = os.open(
                self._path, _FLAGS | _NEVER_WAIT | (0 if self._pipe else os.O_CREAT)
            )
        except OSError as error:
            if self._pipe and error.errno == errno.ENXIO:  # nobody reads it now
                return
            raise
        if stat.S_ISREG(os.fstat(self._file).st_mode) and _is_torn(self._path):
            self._torn = b"\n"

    def _write(self, line: bytes) -> bool:
        """Write a line whole or not at all; return whether it was taken."""
        if self._file is None:
            self._open()
        if self._file is None:
            return False
        try:
            while self._torn:  # what comes after a part of a line has to begin behind it
                self._torn = self._torn[os.write(self._file, self._torn) :]
            self._torn = line[os.write(self._file, line) :]
            while self._torn and not self._pipe:
                self._torn = self._torn[os.write(self._file, self._torn) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.close()
            return False
        return True

    def _lines(self, messages: Sequence[Message[LinePlace]]) -> Iterator[tuple[bytes, int]]:
        """Yield each line and how many messages it holds."""
        if not self._moments:
            for message in messages:
                value = message.value
                text = value if isinstance(value, str) else json.dumps(value)
                yield f"{message.place.name} {' '.join(text.splitlines())}\n".encode(), 1
            return
        # What a rule sends stands alone: of two in a moment with one name both are told.
        for (t, once), group in groupby(messages, key=lambda message: (message.t, message.once)):
            together = list(group)
            for part in [[one] for one in together] if once else [together]:
                moment = {} if t is None else {"t": t}
                values = {message.place.name: message.value for message in part}
                yield f"{json.dumps(moment | values, ensure_ascii=False)}\n".encode(), len(part)


def _is_torn(path: Path) -> bool:
    """Whether a file ends amid a line, as after a full disk."""
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except PermissionError:  # one may write what one may not read
        return False


def _check(url: Url) -> None:
    if url.host is not None or url.query:
        raise InputError(f"{url.text!r}: give a path of this machine, as in {FILE.example}")
    if not url.path or url.path.endswith("/") or "\0" in url.path:
        raise InputError(f"{url.text!r}: give the path of a file or a named pipe")


FILE = Wire(
    scheme="file",
    example="file:/tmp/mood.jsonl",
    place=LinePlace,
    options=LinesOptions,
    connect=LinesConnection,
    check=_check,
    every=True,
    routes=tuple(
        {"from": name, "name": name}
        for name in (
            "seq",
            *("valence", "arousal", "valence_sd", "arousal_sd"),
            *(f"quadrants.{name}" for name in QUADRANTS),
            *(f"gems.{name}" for name in GEMS),
            *("mood", "status", "music", "familiar", "changed", "turns"),
            *("level_dbfs", "marker"),
        )
    ),
)
"""The wire ``file``."""
