"""The browser display: the files that the service hands to a browser, and nothing else.

Which files there are is written down here, so that no path a browser asks for ever reaches the file
system.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SCRIPT = "text/javascript; charset=utf-8"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/overlay": ("overlay.html", "text/html; charset=utf-8"),
    "/overlay.css": ("overlay.css", "text/css; charset=utf-8"),
    "/overlay.js": ("overlay.js", _SCRIPT),
    "/plane.css": ("plane.css", "text/css; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/theme.css": ("theme.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/realtime-mer.js": ("realtime-mer.js", _SCRIPT),
    "/app.js": ("app.js", _SCRIPT),
    "/charts.js": ("charts.js", _SCRIPT),
    "/controls.js": ("controls.js", _SCRIPT),
    "/emotion.js": ("emotion.js", _SCRIPT),
    "/fit.js": ("fit.js", _SCRIPT),
    "/history.js": ("history.js", _SCRIPT),
    "/labels.js": ("labels.js", _SCRIPT),
    "/markers.js": ("markers.js", _SCRIPT),
    "/meter.js": ("meter.js", _SCRIPT),
    "/mood.js": ("mood.js", _SCRIPT),
    "/plane.js": ("plane.js", _SCRIPT),
    "/settings.js": ("settings.js", _SCRIPT),
    "/svg.js": ("svg.js", _SCRIPT),
    "/theme.js": ("theme.js", _SCRIPT),
    "/token-dialog.js": ("token-dialog.js", _SCRIPT),
    "/values.js": ("values.js", _SCRIPT),
}

PATHS = tuple(_FILES)
"""Every path that ``asset`` knows."""


@dataclass(frozen=True)
class Asset:
    """A file of the browser display.

    Attributes:
        body: its bytes.
        content_type: value of the ``Content-Type`` header.
        microphone: whether it is a page that may ask for the microphone.
    """

    body: bytes
    content_type: str
    microphone: bool = False


def asset(path: str) -> Asset | None:
    """Return what a browser gets for a path, None where there is nothing.

    Args:
        path: the path of the request as it was sent, without query: one of ``PATHS``.
    """
    return _read(path) if path in _FILES else None


@cache
def _read(path: str) -> Asset:
    name, content_type = _FILES[path]
    return Asset((files(__name__) / name).read_bytes(), content_type)
