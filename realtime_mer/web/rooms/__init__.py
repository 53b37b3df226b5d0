"""The pages of a service of rooms: the wall, and the one that sends what a microphone hears.

They stand beside the files of the browser display, of which a room has its own, and use some of it.
"""

from functools import cache
from importlib.resources import files

from realtime_mer import web
from realtime_mer.web import Asset

_SCRIPT = "text/javascript; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
WALL = "/rooms"
"""The wall of all rooms."""

OVERLAY = "/overlay"
"""A page of ``web`` that shows one session, as that at the root does."""

SEND = "/send"
"""The page that sends, below the address of a room."""

_FILES = {
    WALL: ("wall.html", _PAGE),
    SEND: ("send.html", _PAGE),
    "/rooms.css": ("rooms.css", "text/css; charset=utf-8"),
    "/feeder.js": ("feeder.js", _SCRIPT),
    "/layout.js": ("layout.js", _SCRIPT),
    "/kept.js": ("kept.js", _SCRIPT),
    "/microphone.js": ("microphone.js", _SCRIPT),
    "/recorder.js": ("recorder.js", _SCRIPT),
    "/room-state.js": ("room-state.js", _SCRIPT),
    "/send.js": ("send.js", _SCRIPT),
    "/small-plane.js": ("small-plane.js", _SCRIPT),
    "/tile.js": ("tile.js", _SCRIPT),
    "/wall.js": ("wall.js", _SCRIPT),
    "/watch.js": ("watch.js", _SCRIPT),
}

PATHS = tuple(_FILES)
"""Every path that these files have, besides those of ``web.PATHS``."""

OF_EVERY_ROOM = frozenset({*PATHS, *web.PATHS} - {WALL, "/", OVERLAY})
"""What there is below the address of any room, whether or not anybody fed it yet."""


def asset(path: str) -> Asset | None:
    """Return what a browser gets for a path of a service of rooms, None where there is nothing.

    Args:
        path: of the service, or below the address of a room, without query: one of ``PATHS`` or
            of ``web.PATHS``.
    """
    return _read(path) if path in _FILES else web.asset(path)


@cache
def _read(path: str) -> Asset:
    name, content_type = _FILES[path]
    body = (files(__name__) / name).read_bytes()
    return Asset(body, content_type, microphone=path == SEND)
