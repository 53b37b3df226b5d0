"""Which stream of the web feeds which room, as somebody asked for it (pure)."""

import shutil
from dataclasses import dataclass
from urllib.parse import urlsplit

from realtime_mer.errors import InputError
from realtime_mer.rooms.names import check_room


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A stream of the web.

    Attributes:
        room: that it feeds.
        url: of the stream, without a password in what is shown of it.
    """

    room: str
    url: str

    @property
    def shown(self) -> str:
        """The address without user, password and query, which may hold secrets."""
        parts = urlsplit(self.url)
        port = "" if parts.port is None else f":{parts.port}"
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def web_address(text: str) -> WebAddress:
    """Return what ``NAME=URL`` says.

    Raises:
        InputError: it says nothing that can be fetched, or there is no ffmpeg to fetch it.
    """
    room, sign, url = text.partition("=")
    if not sign:
        raise InputError(f"--stream {text}: give NAME=URL")
    check_room(room)
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise InputError(
            f"--stream {room}=...: give an address that begins with http:// or https://"
        )
    if shutil.which("ffmpeg") is None:
        raise InputError(
            "--stream needs ffmpeg, which is not installed: install it with your system's packages"
        )
    return WebAddress(room, url)
