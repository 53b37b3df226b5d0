"""Whether music sounds at all, from how likely the network says it is, hop by hop.

Pure: it depends on those numbers alone, of one stream or of many (see ``realtime_mer.lanes``).
"""

import math
from typing import ClassVar

from realtime_mer.hops import StreamPolicy
from realtime_mer.lanes import Flag, Number, where


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
        turning_hops: in a row that speak for the other state.
        closing_hops: doubtful ones in a row that close it, infinite where none do.
    """

    COUNTS: ClassVar = ("turning_hops",)
    FLAGS: ClassVar = ("closed", "doubtful")

    def __init__(self, policy: StreamPolicy, *, hop_s: float) -> None:
        self._policy = policy
        self.closing_hops = _hops(policy.no_music_after_s, hop_s)
        self._opening_hops = _hops(policy.music_after_s, hop_s)
        self.closed: Flag = False
        self.doubtful: Flag = False
        self.turning_hops: Number = 0

    def restart(self, which: Flag = True) -> None:
        """Begin as at the start of a stream."""
        self.closed = where(which, False, self.closed)
        self.doubtful = where(which, False, self.doubtful)
        self.turning_hops = where(which, 0, self.turning_hops)

    def take(self, music: Number, which: Flag = True) -> None:
        """Take the next hop in which there was sound.

        Args:
            music: probability that music sounds, in [0, 1]; NaN where nobody says.
            which: whether there was; of silence nobody asks whether it is music.
        """
        policy = self._policy
        doubtful = music < policy.no_music_below
        # NaN is not below anything, so where nobody says a closed gate opens.
        turns = where(self.closed, (music <= policy.music_above) ^ True, doubtful)
        hops = where(turns, self.turning_hops + 1, 0)
        enough = where(self.closed, self._opening_hops, self.closing_hops)
        turned = turns & (hops >= enough) & which
        self.doubtful = where(which, doubtful, self.doubtful)
        self.closed = self.closed ^ turned
        self.turning_hops = where(turned, 0, where(which, hops, self.turning_hops))


def _hops(seconds: float, hop_s: float) -> float:
    """Return how many hops last so long, one at least."""
    return max(1, math.ceil((seconds - 1e-9) / hop_s)) if math.isfinite(seconds) else math.inf
