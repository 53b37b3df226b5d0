"""Valence and arousal on the scales of other programs, by maps that are stated and fitted nowhere.

Each rises with our number and never falls, so that no order of tracks changes. docs/library has
them for people.
"""

from realtime_mer.emotion import MIDDLE_RADIUS

ENERGIES = range(1, 11)
"""What DJ programs call energy."""

_STRONG = 2 * MIDDLE_RADIUS  # where the mood words stand; ratings of music rarely lie beyond


def energy(arousal: float) -> int:
    """Return a track's energy for DJs: ten equal steps of arousal from -0.6 to 0.6, and the ends.

    From -0.6 to 0.6, because mean ratings of music by a panel rarely leave the circle on which the
    mood words stand: ten steps over the whole of [-1, 1] would leave half of them empty.

    Args:
        arousal: in [-1, 1].
    """
    step = int((arousal + _STRONG) / (2 * _STRONG) * len(ENERGIES) // 1)
    return ENERGIES[min(max(step, 0), len(ENERGIES) - 1)]


def from_zero_to_one(value: float) -> float:
    """Return a valence or arousal in [-1, 1] on [0, 1], neutral at 0.5: (value + 1) / 2."""
    return (min(max(value, -1.0), 1.0) + 1) / 2
