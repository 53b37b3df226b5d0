"""What the states of a stream are called on screen: words, never colour alone."""

from realtime_mer.estimate import Status

STATUS_WORDS = {
    Status.WARMING_UP: "warming up",
    Status.MUSIC: "music",
    Status.SILENCE: "silence",
    Status.NO_SIGNAL: "no signal",
    Status.GAP: "gap",
    Status.RECONNECTING: "reconnecting",
    Status.PAUSED: "paused",
}
"""A short name for every status."""

STATUS_NOTES = {
    Status.WARMING_UP: "less than 3 s of sound so far",
    Status.MUSIC: "",
    Status.SILENCE: "the last estimate is held",
    Status.NO_SIGNAL: "only zeros arrive: a denied permission or a paused player",
    Status.GAP: "samples were lost",
    Status.RECONNECTING: "the sound device is gone; the last estimate is held",
    Status.PAUSED: "no estimates until somebody lets it go on",
}
"""What each status means for the numbers beside it; empty where there is nothing to add."""


def signed(value: float) -> str:
    """Return a number in [-1, 1] with its sign and two decimals, as in ``+0.42``."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def clock(seconds: float) -> str:
    """Return a duration as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
