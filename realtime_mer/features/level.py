"""How loud a stream has been, and by how much it is made louder or quieter before it is heard.

Pure: it depends on the levels of the hops alone, of one stream or of many (see
``realtime_mer.lanes``). The gain of a hop follows from those before it, so that it is known before
its sound is.
"""

from typing import ClassVar

from realtime_mer.features.config import LevelConfig
from realtime_mer.lanes import Flag, Number, clipped, in_steps, where

_STEPS = 1_000_000
"""Steps of a decibel in which the running level is kept, as whole numbers are in a state."""


class LevelFollower:
    """The running level of a stream, or of many.

    It is the mean power of the hops so far; once they are as many as ``time_s`` holds, each new one
    counts as much as one of so many, and those before fade. Before the first of them nothing is
    known, and the gain is 0.

    Args:
        config: to which level sound is brought; None leaves it as it is.
        hop_s: seconds of a hop.

    Attributes:
        running: level in millionths of dBFS.
        level_hops: that have counted, ``time_s`` full at most.
    """

    COUNTS: ClassVar = ("running", "level_hops")
    FLAGS: ClassVar = ()

    def __init__(self, config: LevelConfig | None, *, hop_s: float) -> None:
        self._config = config
        self._most_hops = 0 if config is None else max(1, round(config.time_s / hop_s))
        self.running: Number = 0
        self.level_hops: Number = 0

    def restart(self, which: Flag = True) -> None:
        """Begin as at the start of a stream."""
        self.running = where(which, 0, self.running)
        self.level_hops = where(which, 0, self.level_hops)

    @property
    def gain_db(self) -> Number:
        """By how many decibels the next hop is made louder."""
        config = self._config
        if config is None:
            return self.level_hops * 0.0
        above = self.running / _STEPS - config.usual_dbfs
        beyond = above - clipped(above, config.free_db)
        return where(self.level_hops > 0, -clipped(beyond, config.most_db), 0.0)

    def take(self, level_dbfs: Number, which: Flag) -> None:
        """Take the level of the next hop.

        Args:
            level_dbfs: as ``hops.Loudness`` has it.
            which: whether it was heard, rather than lost.
        """
        config = self._config
        if config is None:
            return
        counts = which & (level_dbfs > config.floor_dbfs)
        hops = where(counts, self.level_hops + 1, self.level_hops)
        hops = where(hops > self._most_hops, self._most_hops, hops)
        before = where(self.level_hops > 0, 10.0 ** (self.running / (10 * _STEPS)), 0.0)
        mean = before + (10.0 ** (level_dbfs / 10) - before) / where(hops > 0, hops, 1)
        running = in_steps(mean, floor=10 ** (config.floor_dbfs / 10), steps=_STEPS)
        self.running = where(counts, running, self.running)
        self.level_hops = hops
