"""What sound may claim to be before anything is allocated for it."""

import math

LOWEST_RATE = 1_000
"""Hz; telephones have 8 000, and what claims less would only fill the memory when resampled."""

HIGHEST_RATE = 768_000
"""Hz; the fastest converters in use."""

MOST_CHANNELS = 128
"""Of one source; the widest interfaces in use have 64 or 128."""

LONGEST_S = 100 * 3600.0
"""Seconds of one file; a week's monitoring belongs into several."""


def unfit(*, rate: int, channels: int, seconds: float = 0.0) -> str | None:
    """Return what is beyond the limits, as a clause with its values; None where nothing is.

    Args:
        rate: sample rate in Hz.
        channels: samples in a frame.
        seconds: duration, or a lower bound of it.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        return f"{rate} Hz, and {LOWEST_RATE} to {HIGHEST_RATE} Hz can be used"
    if not 1 <= channels <= MOST_CHANNELS:
        return f"{channels} channels, and 1 to {MOST_CHANNELS} can be used"
    if not seconds <= LONGEST_S:
        hours = f"{seconds / 3600:.0f}" if math.isfinite(seconds) else "countless"
        return f"{hours} hours, and at most {LONGEST_S / 3600:.0f} can be used"
    return None
