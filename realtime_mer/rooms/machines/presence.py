"""Which processes live, by what was heard of them (pure: the times are told)."""

import secrets
from collections.abc import Callable

from realtime_mer.rooms.machines.entries import Beat, Role, parse_beat

BEAT_EVERY_S = 1.0
"""Seconds from one beat of a process to the next."""
SILENT_S = 3.0
"""Seconds without a beat after which a process is taken for dead."""

_MOST_STRANGERS = 8  # that are told of: who makes models up fills no terminal
_WORDS: dict[Role, str] = {"worker": "a worker", "node": "a node"}


def new_id(host: str) -> str:
    """Return what a process calls itself: its machine, for people, and what no other has.

    Args:
        host: name of the machine.
    """
    host = "".join(c if c.isascii() and c.isalnum() else "-" for c in host)
    return f"{host[:40].strip('-') or 'machine'}-{secrets.token_hex(4)}"


class Presence:
    """Keeps the latest beat of every process.

    Nobody is taken for dead who could not be heard: time counts from when one listens.

    Args:
        now: seconds of any steady clock, as in the rest.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._beats: dict[str, tuple[Beat, float]] = {}

    def restart(self, now: float) -> None:
        """Listen anew: before, nobody could be heard."""
        self._since = now

    def listened_s(self, now: float) -> float:
        """Return for how many seconds one has listened."""
        return now - self._since

    def hear(self, beat: Beat, now: float) -> None:
        """Take a beat."""
        self._beats[beat.id] = beat, now

    def gone(self, process: str, now: float) -> bool:
        """Whether a process has been silent for so long that it is dead."""
        _, heard_at = self._beats.get(process, (None, self._since))
        return now - max(heard_at, self._since) > SILENT_S

    def alive(self, role: Role, now: float) -> list[Beat]:
        """Return the latest beats of those that live; the dead are forgotten."""
        for process in [each for each in self._beats if self.gone(each, now)]:
            del self._beats[process]
        return [beat for beat, _ in self._beats.values() if beat.role == role]


class Strangers:
    """Says once of each model that a worker or node has it, and that their rooms do not meet.

    Args:
        model: of this process, as NATS has it.
        say: takes a line for people.
    """

    def __init__(self, model: str, *, say: Callable[[str], None]) -> None:
        self._model, self._say = model, say
        self._told: set[tuple[str, Role]] = set()

    def hear(self, model: str, data: bytes) -> None:
        """Take a beat of a process of whichever model.

        Raises:
            ProtocolError: it is none.
        """
        if model == self._model or len(self._told) >= _MOST_STRANGERS:
            return
        beat = parse_beat(data)
        if (model, beat.role) not in self._told:
            self._told.add((model, beat.role))
            self._say(
                f"{_WORDS[beat.role].capitalize()} on {beat.host!r} has another model or another "
                "version of it, and rooms of its own: give all processes the same --model, unless "
                "you mean this."
            )
