"""Whoever follows one session: what they are told, what they may ask, and what newcomers get.

Everything here runs in the service's loop. A service of one session has one audience, by however
many doors they came; a service of rooms has one a room.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite

from websockets.exceptions import ConnectionClosed

from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import Estimate
from realtime_mer.service import events
from realtime_mer.service.connection import Connection, Limits, address_of, framed, text_frame
from realtime_mer.service.door import Door
from realtime_mer.service.event_stream import EventStream
from realtime_mer.service.gate import Verdict
from realtime_mer.service.metrics import Metrics, Traffic
from realtime_mer.service.owners import Owners
from realtime_mer.service.reception import Reception
from realtime_mer.wire.mailbox import MessageBudget
from realtime_mer.wire.past import Past
from realtime_mer.wire.protocol import (
    Authorize,
    Bye,
    CloseCode,
    Hello,
    LevelMessage,
    Marker,
    Own,
    Ping,
    Pong,
    StatusMessage,
    Subscribe,
    encode,
    parse_client_message,
)
from realtime_mer.wire.settings import Change
from realtime_mer.wire.turns import Turns

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What happened to an audience so far.

    Attributes:
        connections: clients that came.
        refused: those that were closed for what they did or did not do.
        dropped: messages that gave way to newer ones.
        histories: how often the past was sent.
        histories_refused: how often it was not, since the client asked too often.
        markers: that clients set.
        markers_dropped: that they set too fast.
    """

    connections: int = 0
    refused: int = 0
    dropped: int = 0
    histories: int = 0
    histories_refused: int = 0
    markers: int = 0
    markers_dropped: int = 0


class Audience:
    """The clients of one session, and its latest and its past, which newcomers get.

    Args:
        hello: what every client is told first; ``authorization_required`` is filled in.
        limits: bounds on what clients can do.
        metrics: counts what is told.
        owners: those clients who may change the session's settings.
        marked: is told of each marker that a client set, after all who subscribed to them were.
        full: whether all places are taken of those who may stay.

    Attributes:
        clients: those that are connected, subscribed or not.
        event_streams: readers of events.
        counts: what happened so far.
        t: seconds of sound of the latest estimate; None before there is one.
    """

    def __init__(
        self,
        *,
        hello: Hello,
        limits: Limits,
        metrics: Metrics,
        owners: Owners,
        marked: Callable[[Marker], None],
        full: Callable[[], bool],
    ) -> None:
        self.hello = hello
        self.clients: set[Connection] = set()
        self.event_streams: set[EventStream] = set()
        self.counts = Counts()
        self.t: float | None = None
        self._limits = limits
        self._metrics = metrics
        self._owners = owners
        self._marked = marked
        self._full = full
        self._latest: dict[str, Estimate | LevelMessage | StatusMessage] = {}
        self._texts: dict[str, str] = {}  # of those, once somebody wanted them
        self._past: Past[bytes] = Past(text_frame, seconds=limits.history_s)
        # Senders take turns, or many together could crowd out the markers of one.
        self._turns: Turns[Connection, Marker] = Turns(
            per_second=limits.markers_per_s,
            burst=limits.marker_burst,
            places=limits.markers_per_client,
        )
        self._next_turn: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many follow, subscribed or not, readers of events among them."""
        return len(self.clients) + len(self.event_streams)

    def traffic(self, reception: Reception) -> Traffic:
        """Return how the service fares with those who follow, and with all at its doors."""
        counts = self.counts
        return Traffic(
            clients=len(self),
            waiting=len(reception.lobby),
            connections_total=counts.connections,
            wrong_tokens_total=reception.guesses.total,
            unlogged_total=reception.notices.left_out,
            evicted_total=reception.lobby.evicted,
            refused_total=counts.refused,
            dropped_total=counts.dropped,
            histories_total=counts.histories,
            histories_refused_total=counts.histories_refused,
            markers_total=counts.markers,
            markers_dropped_total=counts.markers_dropped,
        )

    def tell(self, message: StatusMessage | Marker) -> None:
        """Send what comes in order."""
        try:
            text = encode(message)
        except ProtocolError as error:
            _not_sent(error)
            return
        if isinstance(message, Marker):
            self._past.mark(message)
            self._offer_clients("markers", text, t=0.0)
            return
        self._latest["status"], self._texts["status"] = message, text
        self._metrics.count(message)
        frame = framed(text)
        for client in self.clients:
            if "status" in client.streams:
                client.deliver(frame)
        self._offer_event_streams("status", text, t=message.t)

    def offer(self, message: Estimate | LevelMessage) -> None:
        """Send what is worth having only while it is the newest of its stream."""
        stream = "estimates" if isinstance(message, Estimate) else "level"
        self._latest[stream] = message
        self._texts.pop(stream, None)
        text = self._text(stream) if self._wanted(stream) or not _finite(message) else None
        if stream not in self._latest:
            return
        if isinstance(message, Estimate):
            self.t = message.t
            self._metrics.count(message)
            self._past.add(message)
        if text is not None:
            self._offer_clients(stream, text, t=message.t)

    def _wanted(self, stream: str) -> bool:
        """Whether anybody follows a stream: most of what is told of many rooms nobody reads."""
        return bool(self.event_streams) or any(stream in each.streams for each in self.clients)

    def _text(self, stream: str) -> str | None:
        """Return the newest of a stream as JSON; None before there is one."""
        if stream in self._latest and stream not in self._texts:
            try:
                self._texts[stream] = encode(self._latest[stream])
            except ProtocolError as error:
                _not_sent(error)
                del self._latest[stream]
        return self._texts.get(stream)

    def now(self) -> str | None:
        """Return the latest estimate as JSON; None before there is one."""
        return self._text("estimates")

    def end(self) -> None:
        """Count the markers that wait as dropped: nobody hands them on any more."""
        self.counts.markers_dropped += len(self._turns)

    def part(
        self, reason: str, *, code: CloseCode, why: str, of: Callable[[Door], bool]
    ) -> list["asyncio.Future[None]"]:
        """Say ``bye`` to those who came by some doors; return what is done once each has gone.

        Args:
            reason: what they are told.
            code, why: with which their connections are closed.
            of: by which doors.
        """
        text = encode(Bye(reason=reason))
        bye, last_event = framed(text), events.named("bye", text)
        partings: list[asyncio.Future[None]] = []
        for client in [client for client in self.clients if of(client.door)]:
            client.deliver(bye)
            partings.append(client.part(code, why))
        for reader in [reader for reader in self.event_streams if of(reader.door)]:
            reader.part(last_event)
            partings.append(reader.gone)
        return partings

    def send_events(self, client: Connection, asked: Subscribe, *, head: bytes) -> None:
        """Let a client have events from now on, the latest of each first."""
        self.counts.connections += 1
        reader = EventStream(client, asked, head=head, readers=self.event_streams)
        for stream, message in list(self._latest.items()):
            text = self._text(stream)
            if text is not None:
                reader.offer(stream, events.event(stream, text), t=message.t)

    async def attend(self, client: Connection) -> None:
        """Speak with a client until it has gone."""
        self.clients.add(client)
        self.counts.connections += 1
        client.deliver(text_frame(client.gate.greeting(self.hello)))
        client.read_on()
        budget = MessageBudget(
            per_second=self._limits.messages_per_s, burst=self._limits.message_burst
        )
        try:
            async with asyncio.timeout(self._limits.subscribe_timeout_s) as deadline:
                async for text in client:
                    if budget.spend(time.monotonic()):
                        self._receive(client, text)
                    else:
                        client.refuse("too_many_messages", "too many messages: send fewer")
                        client.part(CloseCode.TOO_MANY_MESSAGES, "too many messages")
                    if client.parting is not None:
                        break
                    if client.subscribed:
                        deadline.reschedule(None)
        except TimeoutError:
            if client.authorized:
                client.part(CloseCode.NOT_SUBSCRIBED, "no subscribe in time")
            else:
                client.part(CloseCode.UNAUTHORIZED, "no token in time")
        except ConnectionClosed:
            pass
        finally:
            self.clients.discard(client)
            self._owners.leave(client)
            self.counts.markers_dropped += self._turns.leave(client)
            if client.parting is not None:
                self.counts.refused += (client.parting_code or 0) >= CloseCode.UNAUTHORIZED
                await asyncio.wait([client.parting])

    def _receive(self, client: Connection, text: str | bytes) -> None:
        try:
            message = parse_client_message(text)
        except ProtocolError as error:
            client.refuse(error.code, str(error))
            return
        if isinstance(message, Authorize) and not client.authorized:
            self._try_token(client, message.token)
        if client.parting is not None:
            return
        if message is not None and not client.authorized:
            client.refuse("unauthorized", "a token is needed first: give --token")
            client.part(CloseCode.UNAUTHORIZED, "wrong token or none")
        elif isinstance(message, Subscribe):
            self._subscribe(client, message)
        elif isinstance(message, Marker):
            marker = replace(message, t=self.t, wall_time=_wall_time())
            if self._turns.put(client, marker):
                self._hand_on_markers()
            else:
                self.counts.markers_dropped += 1
                client.refuse("too_many_markers", "too many markers wait: set fewer, or later")
        elif isinstance(message, Own):
            self._owners.own(client, message.key)
        elif isinstance(message, Change):
            self._owners.ask(client, message)
        elif isinstance(message, Ping):
            client.deliver(text_frame(Pong(id=message.id)))

    def _subscribe(self, client: Connection, message: Subscribe) -> None:
        past = None
        if message.history > 0 and client.may_have_history():
            self.counts.histories += 1
            past = self._past.read(
                message.history,
                estimates="estimates" in message.streams,
                markers="markers" in message.streams,
            )
        elif message.history > 0:
            self.counts.histories_refused += 1
            client.refuse("too_much_history", "you got the past several times: ask again later")
        if "status" in message.streams and "status" in self._latest:
            client.deliver(framed(self._texts["status"]))
        client.subscribe(message, past=past, begin=lambda: self._begin(client))

    def _begin(self, client: Connection) -> None:
        """Offer the latest of what a client subscribed to."""
        for stream in ("estimates", "level"):
            text = self._text(stream) if stream in client.streams else None
            if text is not None:
                client.offer(stream, framed(text), t=self._latest[stream].t)

    def _try_token(self, client: Connection, token: str) -> None:
        verdict = client.gate.check(token, address=address_of(client), now=time.monotonic())
        if verdict is Verdict.TOO_SOON:
            client.refuse("too_many_guesses", "too many wrong tokens from your address: wait")
            client.part(CloseCode.TOO_MANY_MESSAGES, "too many wrong tokens")
        elif verdict is Verdict.RIGHT and self._full():  # since its handshake
            client.part(CloseCode.TRY_AGAIN_LATER, "too many clients")
        elif verdict is Verdict.RIGHT:
            client.let_in(token)

    def _hand_on_markers(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while (marker := self._turns.take(now)) is not None:
            self.counts.markers += 1
            self._marked(marker)
            self.tell(marker)
        wait_s = self._turns.wait_s(now)
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        if wait_s is not None:
            self._next_turn = loop.call_later(wait_s, self._hand_on_markers)

    def _offer_clients(self, stream: str, text: str, *, t: float) -> None:
        frame = framed(text)
        for client in self.clients:
            self.counts.dropped += client.offer(stream, frame, t=t)
        self._offer_event_streams(stream, text, t=t)

    def _offer_event_streams(self, stream: str, text: str, *, t: float) -> None:
        if self.event_streams:
            event = events.event(stream, text)
            for reader in self.event_streams:
                self.counts.dropped += reader.offer(stream, event, t=t)


def total(audiences: Sequence[Audience]) -> Counts:
    """Return what happened to several audiences, counted together."""
    sums = Counts()
    for audience in audiences:
        for name in Counts.__slots__:
            setattr(sums, name, getattr(sums, name) + getattr(audience.counts, name))
    return sums


def _finite(message: Estimate | LevelMessage) -> bool:
    """Whether the numbers are some of which the past is made."""
    if isinstance(message, LevelMessage):
        return True
    affect = message.affect
    spread = affect.valence_sd + affect.arousal_sd + message.level_dbfs + message.t
    return isfinite(affect.valence + affect.arousal + spread)


def _not_sent(error: ProtocolError) -> None:
    # A defect of whoever published it, which must not end the service for everybody.
    _log.error("not sent: %s", error)


def _wall_time() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
