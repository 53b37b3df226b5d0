"""What one room may ask of a service, so that it takes nothing from the others (pure)."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomLimits:
    """What a service of rooms allows.

    Attributes:
        rooms: most rooms, those that nobody feeds now among them.
        messages_per_s, message_burst: messages of a sender, in the long run and at once; what is
            more is read later, so that the sender's own socket fills.
        speed: seconds of sound of a room in a second, in the long run; what is more waits likewise.
        ahead_s: seconds of sound at once beyond that: what a sender kept while the network was
            away, and some more.
        backlog_s: seconds of sound of a room that may wait to be computed before the sender has to.
        patience_s: how long a live sender waits for that; after it, what inference is behind is
            skipped.
        frames_per_s, frame_burst: WebSocket frames of a sender, pings and fragments included; what
            is more is read later, too.
        socket_bytes: receive buffer asked of the operating system for a sender.
        open_timeout_s: seconds a sender has to say ``open``.
        stall_s: seconds without a message after which its place is given up.
        quiet_s: seconds without sound after which the room says so.
    """

    rooms: int = 64
    messages_per_s: float = 200.0
    message_burst: int = 1000
    speed: float = 2.0
    ahead_s: float = 15.0
    backlog_s: float = 2.0
    patience_s: float = 3.0
    frames_per_s: float = 500.0
    frame_burst: int = 1000
    socket_bytes: int = 262144
    open_timeout_s: float = 10.0
    stall_s: float = 30.0
    quiet_s: float = 1.5


class Allowance:
    """An amount that may be spent, which grows back with time.

    Nothing is refused: whoever spends more than there is goes into debt, and waits until that is
    paid before the next.

    Args:
        per_second: what grows back.
        burst: most there is.
    """

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._at: float | None = None

    def spend(self, amount: float, now: float) -> float:
        """Spend some at ``now`` (seconds of any steady clock); return the seconds to wait, >= 0."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        self._left -= amount
        return max(0.0, -self._left / self._per_second)
