"""``Titles``: what tags call tracks, read when they are first asked for, and searched."""

import threading
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.exporting.entries import Names
from realtime_mer.library.exporting.names import read_names


class Titles:
    """Keeps the names that were read; for many threads at once.

    A search reads the tags of all tracks, in a thread of its own, and finds by their paths
    meanwhile.
    """

    def __init__(self) -> None:
        self._names: dict[str, Names] = {}
        self._words: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._beginning = threading.Lock()
        self._ended = threading.Event()
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why no tags are read; "" where they are."""
        return self._problem

    def close(self) -> None:
        """Stop reading."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def of(self, path: str) -> Names:
        """Return what a file's tags call it; the title is the file's name where they have none."""
        known = self._names.get(path)
        return self._read(path) if known is None else known

    def known(self, path: str) -> str:
        """Return artist and title as far as they were read, else the file's name."""
        names = self._names.get(path, _of_file(path))
        return " - ".join(filter(None, (names.artist, names.title)))

    def search(self, text: str, paths: Sequence[str]) -> list[int]:
        """Return the places of those paths that hold every word, they or what is known of them.

        Case and accents do not count.

        Args:
            text: words.
            paths: of all tracks; whatever was not read of them is from now on.
        """
        self._begin(paths)
        words = _folded(text).split()
        return [
            place
            for place, path in enumerate(paths)
            if all(word in self._searched(path) for word in words)
        ]

    def read(self, paths: Iterable[str]) -> int:
        """Return how many of these were read."""
        return sum(path in self._names for path in paths)

    def _begin(self, paths: Sequence[str]) -> None:
        with self._beginning:
            running = self._thread is not None and self._thread.is_alive()
            if not running and not self._ended.is_set() and self.read(paths) < len(paths):
                self._thread = threading.Thread(target=self._read_all, args=(paths,), daemon=True)
                self._thread.start()

    def _read_all(self, paths: Sequence[str]) -> None:
        for path in paths:
            if self._ended.is_set():
                return
            if path not in self._names:
                self._read(path)

    def _read(self, path: str) -> Names:
        try:
            names = read_names(path)
        except InputError as error:
            self._problem, names = f"Titles are the names of files: {error}", Names()
        except (AudioFileError, OSError):
            names = Names()
        if not names.title:
            names = Names(title=_of_file(path).title, artist=names.artist, album=names.album)
        self._words[path] = _folded(" ".join((names.artist, names.title, names.album, path)))
        self._names[path] = names
        return names

    def _searched(self, path: str) -> str:
        words = self._words.get(path)
        return _folded(path) if words is None else words


def _of_file(path: str) -> Names:
    return Names(title=PurePath(path).stem)


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).casefold()
