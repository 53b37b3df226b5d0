"""What a node knows of the workers, and what it says of them (pure: the times are told)."""

from collections.abc import Callable
from typing import Literal

from realtime_mer.rooms.machines.entries import Beat
from realtime_mer.rooms.machines.presence import SILENT_S, Presence
from realtime_mer.wording import COMPUTED_LATE, NOBODY_COMPUTES, WORKERS_FULL

_Staff = Literal["none", "full", "there"]


class Workers:
    """Says why a room is not computed, and to whoever runs the node when there are no workers.

    Args:
        presence: of all processes.
        say: takes a line for people.
    """

    def __init__(self, presence: Presence, *, say: Callable[[str], None]) -> None:
        self._presence, self._say = presence, say
        self._said: _Staff | None = None

    def late(self, worker: str | None, now: float) -> str:
        """Return why nothing is told of a room that is fed.

        Args:
            worker: which told of it last; None for none.
            now: seconds of the steady clock of ``presence``.
        """
        alive = self._presence.alive("worker", now)
        if not alive:
            return NOBODY_COMPUTES
        computed = any(beat.id == worker for beat in alive)
        return COMPUTED_LATE if computed or _staff(alive) != "full" else WORKERS_FULL

    def look(self, now: float) -> None:
        """Say it where there are workers now and were none, or the other way round."""
        if self._presence.listened_s(now) < SILENT_S:
            return
        alive = self._presence.alive("worker", now)
        staff = _staff(alive)
        if staff == self._said:
            return
        self._said = staff
        if staff == "none":
            self._say(
                "No worker is there: rooms are taken in, and none is computed. Start one with "
                "`realtime-mer rooms worker --nats URL`, and with the same --model."
            )
        elif staff == "full":
            self._say(
                "The workers have as many rooms as they may: another room would not be computed. "
                "Start another worker, or give them more with --rooms."
            )
        else:
            rooms = sum(beat.most for beat in alive)
            self._say(f"Workers that are there: {len(alive)}, for up to {rooms} rooms.")

    def accepting(self, now: float) -> int:
        """Return how many take more rooms."""
        return sum(beat.accepting for beat in self._presence.alive("worker", now))


def _staff(alive: list[Beat]) -> _Staff:
    if not alive:
        return "none"
    # One that is about to end takes no room either, and is not full.
    full = all(not beat.accepting for beat in alive) and any(
        beat.rooms >= beat.most for beat in alive
    )
    return "full" if full else "there"
