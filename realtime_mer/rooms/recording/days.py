"""When the next session of a room begins: every day at one time of the clock on the wall (pure)."""

from datetime import datetime, time, timedelta

from realtime_mer.errors import InputError

NEVER = "never"


def time_of_day(text: str) -> time | None:
    """Return a time of day as a person writes it, as in ``06:30``; None for ``never``.

    Raises:
        InputError: it is neither.
    """
    if text == NEVER:
        return None
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise InputError(
            f"--new-session-at {text!r} is no time of day: give one from 00:00 to 23:59, or {NEVER}"
        ) from None


def next_break(now: datetime, at: time) -> datetime:
    """Return when this machine's clock shows a time of day next.

    Args:
        now: with its offset, as is what is returned; where clocks are changed, the two differ.
        at: without.
    """
    day = now.astimezone().date()
    while (found := datetime.combine(day, at).astimezone()) <= now:
        day += timedelta(days=1)
    return found
