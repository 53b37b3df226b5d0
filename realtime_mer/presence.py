"""Whether music sounds at all, from how likely the network says it is, hop by hop.

Pure: it depends on those numbers alone.
"""

from realtime_mer.hops import StreamPolicy


class MusicGate:
    """A gate with hysteresis: it closes where music has become unlikely, opens where it returns.

    It begins open. It closes once ``no_music_after_s`` of hops in a row were below
    ``no_music_below``, and opens once ``music_after_s`` of hops in a row were above
    ``music_above``. A model that does not say how likely music is leaves it open.

    Args:
        policy: thresholds and times.
        hop_s: seconds of a hop.

    Attributes:
        closed: whether there is no music.
        doubtful: whether music was unlikely in the latest hop, closed or not yet.
    """

    def __init__(self, policy: StreamPolicy, *, hop_s: float) -> None:
        self._policy = policy
        self._hop_s = hop_s
        self.restart()

    def restart(self) -> None:
        """Begin as at the start of a stream."""
        self.closed = False
        self.doubtful = False
        self._hops = 0  # in a row that speak for the other state

    def take(self, music: float | None) -> None:
        """Take the next hop in which there was sound.

        Args:
            music: probability that music sounds, in [0, 1]; None where nobody says.
        """
        policy = self._policy
        self.doubtful = music is not None and music < policy.no_music_below
        if self.closed:
            turns, after_s = music is None or music > policy.music_above, policy.music_after_s
        else:
            turns, after_s = self.doubtful, policy.no_music_after_s
        self._hops = self._hops + 1 if turns else 0
        if turns and self._hops * self._hop_s >= after_s - 1e-9:
            self.closed = not self.closed
            self._hops = 0
