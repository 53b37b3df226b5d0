"""Markers on their way: asked for here, set once the service gives them back (no Qt)."""

import secrets
from collections.abc import Callable

from realtime_mer.wire.protocol import Marker

_SECONDS = 3.0  # a marker that has not come back by then was not set


class Marking:
    """Asks for markers, and knows which have not come back.

    Args:
        mark: sets a marker with a label and an id; returns False where it cannot. None for nobody.
        say: called with a sentence for people when a marker was not set.
    """

    def __init__(
        self, mark: Callable[[str, str], bool] | None, *, say: Callable[[str], None]
    ) -> None:
        self._mark, self._say = mark, say
        self._asked: dict[str, tuple[str, float]] = {}  # label, and until when, by id

    def ask(self, note: str, *, connected: bool, now: float) -> None:
        """Ask for a marker at this moment of the stream.

        Args:
            note: its label; "marker" if empty.
            connected: whether the service is there.
            now: seconds on the clock of ``pass_time``.
        """
        label, id = note.strip() or "marker", secrets.token_hex(8)
        if not connected or self._mark is None or not self._mark(label, id):
            self._say(f"The marker {label!r} was not set: there is no connection.")
            return
        self._asked[id] = (label, now + _SECONDS)

    def confirm(self, marker: Marker) -> str | None:
        """Take a marker of the service; return its label if it was asked for here."""
        label, _ = self._asked.pop(marker.id, (None, 0.0))
        return label

    def pass_time(self, now: float) -> None:
        """Say which markers have not come back in time."""
        for id in [id for id, (_, until) in self._asked.items() if until < now]:
            label, _ = self._asked.pop(id)
            self._say(f"The marker {label!r} was not confirmed: is there a connection?")
