"""``LibraryServer``: what the page of a library asks for, on this machine unless told otherwise."""

import secrets
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.browsing.shelf import Shelf
from realtime_mer.library.browsing.sound import TYPES, Clips, bytes_part, file_part, playable
from realtime_mer.library.browsing.titles import Titles
from realtime_mer.library.exporting.entries import MADE_BY
from realtime_mer.library.playlist import m3u8
from realtime_mer.library.tracks import Track
from realtime_mer.service.pages import Page, token_needed
from realtime_mer.service.plain import PlainServer, Request, Streamed
from realtime_mer.web.library import asset
from realtime_mer.wire import access

MOST_TRACKS = 100
"""Whose names can be asked for at once."""

_MOST_IN_A_PLAYLIST = 1 << 20
_LONGEST_NUMBER = 10  # digits
_LONGEST_S = 1e7
_SOUND = "/sound/"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    path: str
    seconds: float


class LibraryServer(PlainServer):
    """Shows a table of tracks; ``server_close`` ends what it does besides answering too.

    The files of the page are for everybody who may ask, what is known of tracks for whoever shows
    the token, if there is one. A sound is asked for by an address that only they are told, since a
    browser's player shows no token.

    Args:
        shelf: the table.
        host, port, token: as for ``PlainServer``.

    Raises:
        InputError, ServiceError: as ``PlainServer`` does.
    """

    most_body = 4 * _MOST_IN_A_PLAYLIST

    def __init__(
        self, shelf: Shelf, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None
    ) -> None:
        self._shelf, self._titles, self._clips = shelf, Titles(), Clips()
        self._key = secrets.token_urlsafe()
        super().__init__(host=host, port=port, token=token)

    def server_close(self) -> None:
        """Listen no longer, and read no more tags."""
        super().server_close()
        self._titles.close()

    def answer(self, request: Request) -> Page | Streamed:
        """Return what is at a place."""
        path, _, query = request.target.partition("?")
        if request.method == "GET":
            if (found := asset(path)) is not None:
                return Page.file(found)
            if path.startswith(_SOUND):
                return self._sound(path.removeprefix(_SOUND), query, request)
        if not request.authorized:
            return token_needed()
        try:
            return self._told(request.method, path, query, request.body)
        except InputError as error:
            return Page.text(HTTPStatus.CONFLICT, str(error))

    def _told(self, method: str, path: str, query: str, body: bytes) -> Page:
        match method, path:
            case "GET", "/about":
                return Page.json(self._about())
            case "GET", "/points":
                points = self._shelf.edition.points
                return Page.of(points, "application/octet-stream")
            case "GET", "/find":
                return self._found(_of_query(query, "text"))
            case "GET", "/tracks":
                return self._several(_of_query(query, "numbers"))
            case "POST", "/playlist":
                return self._playlist(body)
            case "POST", "/paths":
                lines = "".join(f"{entry.path}\n" for entry in self._entries(body))
                return Page.of(_bytes(lines), "text/plain; charset=utf-8")
        if method == "GET" and path.startswith("/track/"):
            return self._one(path.removeprefix("/track/"))
        return Page.text(HTTPStatus.NOT_FOUND, "nothing here")

    def _about(self) -> dict[str, Any]:
        self._shelf.refresh()
        edition = self._shelf.edition
        return {
            "table": self._shelf.table.name,
            "version": edition.version,
            "tracks": len(edition.catalogue.paths),
            "problem": self._shelf.problem or self._titles.problem,
        }

    def _found(self, text: str) -> Page:
        """Return the numbers of tracks by a text, and how many of all have had their tags read."""
        catalogue = self._shelf.edition.catalogue
        places = self._titles.search(text, catalogue.paths)
        numbers = catalogue.numbers
        return Page.of(
            np.array([numbers[place] for place in places], dtype="<u4").tobytes(),
            "application/octet-stream",
            Titles_Read=str(self._titles.read(catalogue.paths)),
        )

    def _several(self, asked: str) -> Page:
        numbers = [_number(text) for text in asked.split(",")]
        if len(numbers) > MOST_TRACKS:
            return Page.text(
                HTTPStatus.BAD_REQUEST, f"{len(numbers)} tracks: ask for {MOST_TRACKS} at a time"
            )
        catalogue = self._shelf.edition.catalogue
        found = []
        for number in numbers:
            path = None if number is None else catalogue.path(number)
            found.append(None if path is None else {"number": number, **self._named(path)})
        return Page.json(found)

    def _one(self, asked: str) -> Page:
        number = _number(asked)
        track = None if number is None else self._shelf.track(number)
        if track is None:
            return Page.text(HTTPStatus.NOT_FOUND, "the table holds no such track")
        return Page.json(
            {
                "number": number,
                **self._named(track.path),
                **_told_of(track),
                "sound": f"sound/{self._key}/{number}",
                "type": TYPES.get(Path(track.path).suffix.lower(), ""),
            }
        )

    def _named(self, path: str) -> dict[str, str]:
        names = self._titles.of(path)
        return {"path": path, "title": names.title, "artist": names.artist, "album": names.album}

    def _entries(self, body: bytes) -> list[_Entry]:
        """Return the tracks of a body of numbers of 32 bits each, little-endian, that are there."""
        catalogue = self._shelf.edition.catalogue
        found = []
        for number in np.frombuffer(body[: len(body) // 4 * 4], dtype="<u4").tolist():
            path = catalogue.path(number)
            if path is not None:
                found.append(_Entry(path=path, seconds=catalogue.seconds(number)))
        return found

    def _playlist(self, body: bytes) -> Page:
        entries = self._entries(body)
        titles = [self._titles.known(entry.path) for entry in entries]
        text = m3u8(entries, titles=titles, folder=None, remark=MADE_BY)
        return Page.of(_bytes(text), "audio/mpegurl; charset=utf-8")

    def _sound(self, place: str, query: str, request: Request) -> Page | Streamed:
        key, _, rest = place.partition("/")
        name, _, what = rest.partition("/")
        number = _number(name)
        if not access.same_token(key, self._key) or number is None or what not in ("", "clip"):
            return Page.text(HTTPStatus.NOT_FOUND, "nothing here")
        path = self._shelf.edition.catalogue.path(number)
        file = None if path is None else playable(path)
        if file is None:
            return Page.text(HTTPStatus.NOT_FOUND, "the file is not there")
        try:
            if not what:
                return file_part(file, asked=request.range, if_range=request.if_range)
            start = _seconds(_of_query(query, "at"))
            clip = self._clips.clip(file, start=start)
            return bytes_part(clip, kind="audio/wav", asked=request.range)
        except AudioFileError as error:
            return Page.text(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))
        except OSError:
            return Page.text(HTTPStatus.NOT_FOUND, "the file cannot be read")


def _told_of(track: Track) -> dict[str, Any]:
    course = track.course
    return {
        "seconds": track.seconds,
        "mood": track.mood,
        "valence": track.valence,
        "arousal": track.arousal,
        "valence_sd": track.valence_sd,
        "arousal_sd": track.arousal_sd,
        "gems": dict(track.gems),
        "loudness_lufs": track.loudness_lufs,
        "music_share": track.music_share,
        "typical_s": track.typical_s,
        "sections": [asdict(section) for section in track.sections],
        "course": None if course is None else asdict(course),
    }


def _of_query(query: str, name: str) -> str:
    try:
        return parse_qs(query, max_num_fields=4).get(name, [""])[0]
    except ValueError:
        return ""


def _number(text: str) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if digits else None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds <= _LONGEST_S else 0.0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
