"""One target's line: a thread that sends, and connects again for as long as it takes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Literal

from realtime_mer.errors import RealtimeMerError
from realtime_mer.outlets.wires import Announcing, Connection, Message, Table, Target
from realtime_mer.wire.protocol import Hello, OutletState

MAX_EVENTS = 256
"""Most messages of rules that may wait."""

MAX_VALUES = 1024
"""Most values that may wait on a wire on which every one matters; then only the newest stay."""

STALE_S = 5.0
"""What a rule sent is not sent later than that."""

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
_END_S = 2.0  # for what is sent at the end


class Line:
    """Sends to one target, from a thread of its own.

    Of a place only the newest value waits, or, where the wire wants every one, a bounded run. A new
    connection gets the latest value of every place.

    Args:
        target: where to.
        name: for counts.
        tell: is told, in the line's thread, when it is lost and when it is back, once each.
        places: all that will be sent to, for connections that announce it.
        hello: what subscribers of the session are told of it; None outside of one.
    """

    def __init__(
        self,
        target: Target,
        *,
        name: str,
        tell: Callable[[str], None],
        places: Collection[Table] = (),
        hello: Hello | None = None,
    ) -> None:
        self.target, self.name, self._tell, self._hello = target, name, tell, hello
        self._rules_lost = 0
        self._sent = self._dropped = self._failed = 0
        self._state: Literal["connecting", "connected", "failing"] = "connecting"
        self._changed = threading.Condition()
        self._values: list[Message[Any]] = []  # not sent yet
        self._latest: dict[Hashable, Message[Any]] = {}  # of every place
        self._events: deque[tuple[float, Message[Any]]] = deque()
        self._places = tuple(dict.fromkeys(places))
        self._announced: tuple[Table, ...] | None = None  # by this connection
        self._closed = False
        self._connection: Connection[Any] | None = None
        self._since: float | None = None  # when it was connected
        self._lost = False  # which was told
        self._thread = threading.Thread(
            target=self._run, name=f"outlet {target.url.scheme}", daemon=True
        )
        self._thread.start()

    @property
    def state(self) -> OutletState:
        """How it fares."""
        with self._changed:
            return OutletState(
                name=self.name,
                state=self._state,
                sent=self._sent,
                dropped=self._dropped,
                failed=self._failed,
            )

    @property
    def lost(self) -> int:
        """What rules sent and that gave way, came too late, or waits for a target that is away."""
        with self._changed:
            return self._rules_lost + (len(self._events) if self._state == "failing" else 0)

    def offer(self, messages: Sequence[Message[Any]]) -> None:
        """Take messages to be sent soon; returns at once."""
        now = time.monotonic()
        with self._changed:
            if self._closed:
                self._dropped += len(messages)
                return
            for message in messages:
                if message.once:
                    self._add(now, message)
                else:
                    self._values.append(message)
                    self._latest[message.place] = message
            every = self.target.wire.every and self._state != "failing"
            if not every or len(self._values) > MAX_VALUES:
                self._values = self._newest(self._values)
            self._changed.notify()

    def keep(self, fed: Collection[Hashable], *, places: Collection[Table] = ()) -> None:
        """Let a new connection have only what is fed from now on.

        Args:
            fed: places that routes lead to.
            places: those, and what rules send to, as for the constructor.
        """
        with self._changed:
            self._places = tuple(dict.fromkeys(places))
            self._latest = {place: self._latest[place] for place in fed if place in self._latest}
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, if that does not take long, and end. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_END_S)

    def _newest(self, values: Sequence[Message[Any]]) -> list[Message[Any]]:
        """Return the newest value of each place, in the order in which these came."""
        newest: dict[Hashable, Message[Any]] = {}
        for message in values:
            newest.pop(message.place, None)
            newest[message.place] = message
        self._dropped += len(values) - len(newest)
        return list(newest.values())

    def _add(self, now: float, message: Message[Any]) -> None:
        if len(self._events) == MAX_EVENTS:
            self._events.popleft()
            self._dropped += 1
            self._rules_lost += 1
        self._events.append((now, message))

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        try:
            while True:
                try:
                    if self._connection is None:
                        self._connect()
                    self._send_on()
                    return
                except (OSError, RealtimeMerError) as error:
                    notice = f"{self.target.url.shown}: {reason(error)}; the rest goes on, and "
                    before, self._lost = self._lost, True
                    self._hang_up()
                    if not before:
                        self._tell(f"{notice}this is tried again.")
                if self._held():
                    pause = _FIRST_PAUSE_S
                if self._pause(pause):
                    return
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        finally:
            self._hang_up()
            self._give_up()

    def _held(self) -> bool:
        """Whether the last connection held for long: what breaks again and again waits longer."""
        return self._since is not None and time.monotonic() - self._since >= _LONGEST_PAUSE_S

    def _connect(self) -> None:
        self._since = self._announced = None
        self._connection = self.target.wire.connect(self.target.url, self.target.options)
        self._since = time.monotonic()
        with self._changed:
            waiting = {message.place for message in self._values}
            known = [message for place, message in self._latest.items() if place not in waiting]
            self._values = known + self._values
            nothing = not (self._values or self._events or self._is_to_announce())
        if nothing or not self._lost:
            self._works()

    def _works(self) -> None:
        """Note that it can be reached, and tell so where it was lost.

        A connection alone does not say that after a loss: over UDP there is one without a network.
        """
        with self._changed:
            self._state = "connected"
        if self._lost:
            self._lost = False
            self._tell(f"{self.target.url.shown}: back.")

    def _send_on(self) -> None:
        """Send what comes until the line is closed."""
        while True:
            with self._changed:
                while not (self._values or self._events or self._closed or self._is_to_announce()):
                    self._changed.wait()
                messages = self._due()
                places = self._places
                if not messages and self._closed:
                    return
            self._send(messages, places)

    def _is_to_announce(self) -> bool:
        return isinstance(self._connection, Announcing) and self._announced != self._places

    def _announce(self, places: tuple[Table, ...]) -> bool:
        """Tell a connection what will come, if it wants to know; return whether it was told."""
        if not isinstance(self._connection, Announcing) or self._announced == places:
            return False
        self._connection.announce(places, self._hello)
        self._announced = places
        return True

    def _due(self) -> list[Message[Any]]:
        """Take what waits, values first: a scene is meant for what stands then."""
        stale = time.monotonic() - STALE_S
        messages, self._values = self._values, []
        for came, message in self._events:
            if came < stale:
                self._dropped += 1
                self._rules_lost += 1
            else:
                messages.append(message)
        self._events.clear()
        return messages

    def _send(self, messages: list[Message[Any]], places: tuple[Table, ...]) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            got_out = self._announce(places) or bool(messages)
            refused = connection.send(messages) if messages else 0
        except (OSError, RealtimeMerError):
            with self._changed:
                self._failed += len(messages)
            raise
        with self._changed:
            self._failed += refused
            self._sent += len(messages) - refused
        if self._lost and got_out:
            self._works()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        with self._changed:
            self._state = "failing"
        if connection is None:
            return
        try:
            connection.close()
        except (OSError, RealtimeMerError) as error:
            with self._changed:
                self._failed += 1
            if not self._lost:
                self._tell(f"{self.target.url.shown}: {reason(error)}; it may still be open.")

    def _give_up(self) -> None:
        """Count what waits and will not be sent any more."""
        with self._changed:
            self._dropped += len(self._values) + len(self._events)
            self._rules_lost += len(self._events)
            self._values, self._latest = [], {}
            self._events.clear()

    def _pause(self, seconds: float) -> bool:
        """Wait before the next try; return whether the line was closed."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, seconds)


def reason(error: Exception) -> str:
    """Return why something failed, in few words, without a full stop."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).removesuffix(".") or type(error).__name__
