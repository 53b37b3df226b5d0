"""The connection to NATS: what is written, read and heard there, by kind and key.

It comes back by itself, makes again what NATS lost of its streams, and then says so. It keeps
nothing while NATS is away: whoever writes knows what he would have to write again.
"""

import asyncio
import json
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from realtime_mer.errors import InputError, ProtocolError, ServiceError
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.names import (
    EVERY_MODEL,
    OF_A_MODEL,
    Kind,
    Names,
    key_of,
    model_of_stream,
    model_of_subject,
)
from realtime_mer.rooms.machines.streams import born, make_streams
from realtime_mer.rooms.machines.tasks import end_tasks
from realtime_mer.wire.tls import client_context
from realtime_mer.wording import installing

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

_log = logging.getLogger(__name__)

_ANSWER_S = 5.0
_AGAIN_S = 0.5
_PING_S = 2  # two that are not answered, and the connection is taken for lost
_MOST_WAITING = 64 << 20
_MOST_COMPLAINTS = 5  # for one absence
_REMIND_S = 60.0
_SEE_EVERY_S = 5.0  # that the streams are those of before
_WRONG_SEQUENCE = (10071, 10164)  # of JetStream's errors
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_SEQUENCE = "Nats-Sequence"
_REFUSED = "authorization violation"


class Away(ServiceError):
    """NATS does not answer now; whether it took what was said last is not known."""


class Unstored(Away):
    """NATS is there and does not store what it is given, as where it has no room left."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message.

    Attributes:
        key: a room, mostly.
        data: of it; empty for nothing, as of a key that was given up.
        sequence: its number in its stream, which rises; in a bucket the revision of the key. 0
            where it is not stored, or was heard at once.
        at: when NATS stored it, by its own clock; None where it was heard.
    """

    key: str
    data: bytes
    sequence: int = 0
    at: datetime | None = None


class Link:
    """Speaks with NATS, in the loop that awaits ``open``.

    Args:
        address: of NATS.
        names: of the model.
        say: takes a line for people.
        lost: is called when the connection is lost.
        back: is called each time when it stands, the first time too, once the streams are there.
        kinds: of which the streams and buckets are to be there.
        most_waiting: most bytes of ``send`` that the socket did not take yet.

    Attributes:
        overflowed: messages of ``send`` that were left out because the socket took no more.
        missed: messages that came and were left out because they were not taken in time.
        unstored: messages that NATS is there for and did not store.
        refused: messages under names that can be none.
        returns: how often the connection came back.
        ended: fails with a ``RealtimeMerError`` where the connection has ended for good.
    """

    ended: "asyncio.Future[None]"

    def __init__(
        self,
        address: NatsAddress,
        names: Names,
        *,
        say: Callable[[str], None],
        lost: Callable[[], None],
        back: Callable[[], Awaitable[None]],
        kinds: Collection[Kind] = OF_A_MODEL,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.overflowed = self.missed = self.unstored = self.refused = self.returns = 0
        self._address, self._names, self._say = address, names, say
        self._lost, self._back, self._kinds = lost, back, kinds
        self._client: Client
        self._jetstream: JetStreamContext
        self._up = self._closing = False
        self._complaints: set[str] = set()  # since it was there last
        self._refused_at = -math.inf  # when people were told that NATS does not store
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes, self._most_waiting = 0, most_waiting
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        self._seeing: asyncio.Task[None] | None = None
        self._born: dict[Kind, datetime | None] = {}  # the streams, and when

    @property
    def up(self) -> bool:
        """Whether it can be written to now."""
        return self._up

    # -- its life ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, however long NATS is away; returns after ``back`` did.

        Raises:
            InputError: NATS refuses what it is shown, it has no JetStream, a file cannot be read.
            ServiceError: the library for NATS is not installed.
        """
        try:
            from nats.aio.client import Client
        except ModuleNotFoundError as error:
            raise ServiceError(f"rooms on many machines need nats-py: {installing('nats')}") from (
                error
            )
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        self._client = _secure_client() if self._address.secure else Client()
        self._jetstream = self._client.jetstream(timeout=_ANSWER_S)
        connecting = loop.create_task(self._client.connect(**self._options()))
        try:
            await asyncio.wait({connecting, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not connecting.done():
                await end_tasks([connecting])
        if self.ended.done():
            self.ended.result()
        await connecting
        self._sending = loop.create_task(self._send_out())
        await self._return()
        if self._kinds:
            self._seeing = loop.create_task(self._see_that_streams_stay())

    def _options(self) -> dict[str, Any]:
        address = self._address
        options: dict[str, Any] = {
            "servers": list(address.urls),
            "name": "realtime-mer",
            "error_cb": self._erred,
            "disconnected_cb": self._disconnected,
            "reconnected_cb": self._reconnected,
            "closed_cb": self._closed,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _AGAIN_S,
            "ping_interval": _PING_S,
            "max_outstanding_pings": 2,
            # What was kept while NATS is away would come before what is written again then.
            "pending_size": 0,
        }
        if address.secure:
            options["tls"] = client_context(address.ca, option="--nats-ca")
        return options

    async def close(self) -> None:
        """Send what waits, and end."""
        self._closing, self._up = True, False
        if not hasattr(self, "_client"):  # it could not be opened: the library is not there
            return
        tasks = (self._seeing, self._returning, self._sending)
        await end_tasks(task for task in tasks if task is not None)
        if self._client.is_connected:
            while self._waiting:
                await self._send(*self._waiting.popleft())
            with suppress(TimeoutError):
                await self._client.flush(timeout=int(_ANSWER_S))
        await self._client.close()

    async def _return(self) -> None:
        """Make the streams, and say that the connection stands."""
        while True:
            try:
                with self._asking():
                    await make_streams(self._jetstream, self._names, self._kinds)
                    self._born = await born(self._jetstream, self._names, self._kinds)
                if self._complaints:
                    self._say("NATS is there.")
                self._complaints.clear()
                self._up = True
                await self._back()
                return
            except Away as error:
                self._up = False
                self._complain(str(error))
                await asyncio.sleep(_AGAIN_S)

    async def _disconnected(self) -> None:
        if self._returning is not None:
            self._returning.cancel()
        if self._up:
            self._up = False
            self._lost()
        self._waiting.clear()
        self._waiting_bytes = 0

    async def _reconnected(self) -> None:
        self.returns += 1
        self._begin_to_return()

    def _begin_to_return(self) -> None:
        self._returning = asyncio.get_running_loop().create_task(self._return())
        self._returning.add_done_callback(self._returned)

    async def _see_that_streams_stay(self) -> None:
        """Begin anew where somebody removed a stream: all that was known of it is worth nothing."""
        while True:
            await asyncio.sleep(_SEE_EVERY_S)
            known = self._born
            try:
                with self._asking():
                    found = await born(self._jetstream, self._names, self._kinds)
            except Away:
                continue
            if self._up and known is self._born and found != known:
                gone = (
                    self._names.stream(kind) for kind in known if found.get(kind) != known[kind]
                )
                self._say(
                    f"Somebody removed from NATS what rooms need ({', '.join(gone)}): it is made "
                    "anew. Rooms go on, and what was kept there alone is lost."
                )
                self._up = False
                self._lost()
                self._begin_to_return()

    def _returned(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._end(error)

    async def _closed(self) -> None:
        if not self._closing:
            reason = self._client.last_error
            self._end(ServiceError(f"{self._address.shown} has ended the connection: {reason}"))

    def _end(self, error: BaseException) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # it is told to whoever waits for it, if somebody does

    async def _erred(self, error: Exception) -> None:
        from nats.errors import Error, SecureConnWantedError, SlowConsumerError

        if isinstance(error, SlowConsumerError):
            self.missed += 1
        elif isinstance(error, SecureConnWantedError) and self._sending is None:
            self._end(
                InputError(
                    f"{self._address.shown} does not speak TLS, which tls:// and --nats-ca ask "
                    "for: switch it on there, or give nats:// in a network that you trust"
                )
            )
        elif _REFUSED in str(error).lower() and self._sending is None:
            self._end(
                InputError(
                    f"{self._address.shown} refuses what it is shown: give a user and a password "
                    "or a token in the address"
                )
            )
        elif isinstance(error, (Error, OSError, TimeoutError)):
            self._complain(str(error) or type(error).__name__)
        else:
            _log.error("a message of NATS could not be taken", exc_info=error)

    def _complain(self, reason: str) -> None:
        told = reason in self._complaints or len(self._complaints) >= _MOST_COMPLAINTS
        if not told and not self._closing and not self._up:
            self._complaints.add(reason)
            self._say(f"NATS at {self._address.shown} does not answer ({reason}): waiting for it.")

    # -- writing ----------------------------------------------------------------------------------

    def send(self, kind: Kind, key: str, data: bytes) -> bool:
        """Write soon, without being told whether NATS stored it; never waits.

        Returns:
            False where NATS is away: nothing is kept of it.
        """
        if not self._up:
            return False
        self._waiting.append((self._names.subject(kind, key), data))
        self._waiting_bytes += len(data)
        while self._waiting_bytes > self._most_waiting:
            self._waiting_bytes -= len(self._waiting.popleft()[1])
            self.overflowed += 1
        self._wake.set()
        return True

    async def put(
        self, kind: Kind, key: str, data: bytes, *, expected: int | None = None
    ) -> int | None:
        """Write, and wait until it is stored.

        Args:
            kind, key: where.
            data: what.
            expected: the sequence of what was stored last under the key, 0 for nothing: where it
                is another one, nothing is written. None writes in any case.

        Returns:
            its sequence; None where something else was stored meanwhile.

        Raises:
            Away: NATS does not answer; it may have stored it nevertheless.
            Unstored: it does, and has no room for this.
        """
        from nats.errors import MaxPayloadError

        headers = None if expected is None else {_EXPECTED: str(expected)}
        with self._asking():
            try:
                answer = await self._client.request(
                    self._names.subject(kind, key), data, timeout=_ANSWER_S, headers=headers
                )
            except MaxPayloadError as too_long:
                raise self._not_stored(str(too_long)) from too_long
        told = json.loads(answer.data)
        error = told.get("error")
        if error is None:
            return int(told["seq"])
        if error.get("err_code") in _WRONG_SEQUENCE:
            return None
        raise self._not_stored(str(error.get("description")))

    def _not_stored(self, reason: str) -> Unstored:
        """Count what NATS did not store, and say so now and then; return what is to be raised."""
        self.unstored += 1
        now = time.monotonic()
        if now - self._refused_at > _REMIND_S:
            self._refused_at = now
            self._say(
                f"NATS at {self._address.shown} does not store what it is given ({reason}): rooms "
                "come late or stand still. Give it more memory and disk, or let it have fewer "
                "rooms."
            )
        return Unstored(f"NATS does not store it: {reason}")

    async def _send_out(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                subject, data = self._waiting.popleft()
                self._waiting_bytes -= len(data)
                await self._send(subject, data)

    async def _send(self, subject: str, data: bytes) -> None:
        from nats.errors import Error, MaxPayloadError

        # The library would keep it, and send it before what is written again when NATS is back.
        if not self._client.is_connected:
            return
        try:
            await self._client.publish(subject, data)
        except MaxPayloadError as error:
            self._not_stored(str(error))
        except Error:  # the connection was lost just now
            self.overflowed += 1

    # -- reading ----------------------------------------------------------------------------------

    async def last(self, kind: Kind, key: str) -> Stored | None:
        """Return what was stored last under a key; None for nothing.

        Raises:
            Away: NATS does not answer.
        """
        from nats.js.errors import NotFoundError

        with self._asking():
            try:
                found = await self._jetstream.get_msg(
                    self._names.stream(kind), subject=self._names.subject(kind, key), direct=True
                )
            except NotFoundError:
                return None
        return Stored(key, found.data or b"", found.seq or 0, found.time)

    async def read(
        self, kind: Kind, key: str = "*", *, since: datetime | None = None
    ) -> list[Stored]:
        """Return what is stored, oldest first.

        Args:
            kind: of it.
            key: ``*`` for all.
            since: when it was stored, by the clock of NATS; None for all.

        Raises:
            Away: NATS does not answer.
        """
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        stream, inbox = self._names.stream(kind), self._client.new_inbox()
        config = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.ALL if since is None else DeliverPolicy.BY_START_TIME,
            opt_start_time=since,
            ack_policy=AckPolicy.NONE,
            filter_subject=self._names.subject(kind, key),
            inactive_threshold=2 * _ANSWER_S,
            mem_storage=True,
            num_replicas=1,
        )
        found: list[Stored] = []
        with self._asking():
            listening = await self._client.subscribe(inbox)
            try:
                made = await self._jetstream.add_consumer(stream, config)
                left = (made.num_pending or 0) + (
                    made.delivered.consumer_seq if made.delivered else 0
                )
                while left:
                    message = await listening.next_msg(timeout=_ANSWER_S)
                    told = message.metadata
                    left = told.num_pending
                    with self._minding():
                        key_told = key_of(message.subject)
                        found.append(
                            Stored(key_told, message.data, told.sequence.stream, told.timestamp)
                        )
                await self._jetstream.delete_consumer(stream, made.name)
            finally:
                await listening.unsubscribe()
        return found

    async def models(self) -> list[str]:
        """Return the models of which NATS holds rooms, as ``Names`` has them.

        Raises:
            Away: NATS does not answer.
        """
        found: list[str] = []
        seen, page = 0, [""]
        with self._asking():
            while page:
                streams = await self._jetstream.streams_info(offset=seen)
                page = [stream.config.name or "" for stream in streams]
                found += [model for name in page if (model := model_of_stream(name)) is not None]
                seen += len(page)
        return found

    async def purge(self, kind: Kind, key: str) -> None:
        """Remove all that is stored under a key, and that anything was.

        Raises:
            Away: NATS does not answer.
        """
        from nats.js.errors import NotFoundError

        with self._asking(), suppress(NotFoundError):
            await self._jetstream.purge_stream(
                self._names.stream(kind), subject=self._names.subject(kind, key)
            )

    async def follow(
        self, kind: Kind, key: str, heard: Callable[[Stored], None]
    ) -> Callable[[], Awaitable[None]]:
        """Hear what is written from now on, also after the connection was lost and came back.

        What comes twice or not at all is for whoever hears to find out, by what it says, and to
        ``read``.

        Args:
            kind: of it.
            key: ``*`` for all.
            heard: takes each message, in this loop.

        Returns:
            what ends it.
        """

        async def take(message: "Msg") -> None:
            sequence = (message.headers or {}).get(_SEQUENCE, "0")
            with self._minding():
                heard(Stored(key_of(message.subject), message.data, int(sequence)))

        with self._asking():
            listening = await self._client.subscribe(self._names.heard(kind, key), cb=take)

        async def leave() -> None:
            from nats.errors import Error

            with suppress(Error):  # it is closed
                await listening.unsubscribe()

        return leave

    async def follow_all_models(self, kind: Kind, heard: Callable[[str, bytes], None]) -> None:
        """Hear what is said under any model, for as long as this is open.

        Args:
            kind: that is not stored.
            heard: takes the model and what was said.
        """

        async def take(message: "Msg") -> None:
            with self._minding():
                heard(model_of_subject(message.subject), message.data)

        with self._asking():
            await self._client.subscribe(Names(EVERY_MODEL).heard(kind), cb=take)

    @contextmanager
    def _minding(self) -> Iterator[None]:
        try:
            yield
        except ProtocolError:
            self.refused += 1

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Make one error of all by which the library says that NATS does not answer."""
        from nats.errors import Error
        from nats.js.errors import ServiceUnavailableError

        # The library would keep what is asked now, and ask it long after this gave up.
        if not self._client.is_connected:
            raise Away("there is no connection")
        try:
            yield
        except ServiceUnavailableError as error:
            raise Away("it has no JetStream, or not yet; it is started with -js") from error
        except (Error, OSError, TimeoutError) as error:
            raise Away(str(error) or type(error).__name__) from error


def _secure_client() -> "Client":
    """Return a client that says its first word by TLS, or not at all.

    The library's own goes on in the clear where a server does not ask for TLS, with user, password
    and sound, whatever its address says. This one tells ``error_cb`` a ``SecureConnWantedError``.
    """
    from nats.aio.client import Client
    from nats.errors import SecureConnWantedError

    class SecureClient(Client):
        def _connect_command(self) -> bytes:
            if not self._server_info.get("tls_required"):
                raise SecureConnWantedError
            return super()._connect_command()

    return SecureClient()
