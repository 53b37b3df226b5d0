"""Which processes live, by what was heard of them (pure: the times are told)."""

from realtime_mer.rooms.machines.entries import Beat, Role

BEAT_EVERY_S = 1.0
"""Seconds from one beat of a process to the next."""
SILENT_S = 3.0
"""Seconds without a beat after which a process is taken for dead."""


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
