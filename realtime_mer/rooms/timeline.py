"""Where the chunks of a sender belong in a room's time, by the index of their first sample (pure).

An index counts samples from where the room began, at the sender's rate. What is missing becomes a
gap, what comes twice is left out, and what can be neither is refused.
"""

from dataclasses import dataclass

from realtime_mer.errors import ProtocolError

LONGEST_RETURN_S = 60.0
"""Seconds that a sender may go back: several times what it keeps while the network is away."""
LONGEST_GAP_S = 7 * 86400.0
"""Seconds that may be missing; a jump beyond a week is taken for a broken index."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to do with a chunk.

    Attributes:
        missing: samples that never came, just before it.
        repeated: samples at its beginning that came before and are left out.
    """

    missing: int
    repeated: int


class Timeline:
    """Counts the samples of one sender.

    Args:
        rate: samples a second.
        next_index: of the sample that is expected.

    Attributes:
        next: index of the sample that is expected next.
        lost: samples that never came.
        repeated: samples that came twice.
    """

    def __init__(self, *, rate: int, next_index: int) -> None:
        self.next = next_index
        self.lost = self.repeated = 0
        self._back = round(LONGEST_RETURN_S * rate)
        self._ahead = round(LONGEST_GAP_S * rate)

    def take(self, index: int, samples: int) -> Place:
        """Take a chunk and return where it belongs.

        Args:
            index: of its first sample.
            samples: of each channel, >= 0.

        Raises:
            ProtocolError: ``bad_index``, it lies too far from what is expected.
        """
        missing = max(0, index - self.next)
        repeated = min(samples, max(0, self.next - index))
        if missing > self._ahead or self.next - index > self._back:
            raise ProtocolError(
                "bad_index",
                f"a chunk begins with sample {index}, and {self.next} is the next: give your "
                "first sample the number that `ready` calls next, and count on from there",
            )
        self.next += missing + samples - repeated
        self.lost += missing
        self.repeated += repeated
        return Place(missing, repeated)
