"""The page of a music library: every track on the plane.

Its files stand below ``/library/``, and it uses some of those of the browser display.
"""

from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from realtime_mer import web
from realtime_mer.web import Asset

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_OWN = (
    "library.css browse.js cloud.js course.js filters.js grid.js lasso.js player.js playlist.js "
    "table.js track.js"
).split()
_FILES = {"/": "index.html"} | {f"/library/{name}": name for name in _OWN}
_SHARED = frozenset(
    (
        "/theme.css /plane.css /icon.svg /realtime-mer.js /emotion.js /labels.js /mood.js "
        "/plane.js /settings.js /svg.js /theme.js /token-dialog.js /values.js"
    ).split()
)

PATHS = (*_FILES, *sorted(_SHARED))
"""Every path that ``asset`` knows."""


def asset(path: str) -> Asset | None:
    """Return what a browser gets for a path of the page, None where there is nothing.

    Args:
        path: the path of the request as it was sent, without query: one of ``PATHS``.
    """
    if path in _FILES:
        return _read(_FILES[path])
    return web.asset(path) if path in _SHARED else None


@cache
def _read(name: str) -> Asset:
    body = (files(__name__) / name).read_bytes()
    return Asset(body, _TYPES[PurePosixPath(name).suffix])
