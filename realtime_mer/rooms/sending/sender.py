"""``Sender`` keeps a room supplied with sound, over however many connections that takes."""

import asyncio
import math
import random
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from realtime_mer.audio.intake import Piece
from realtime_mer.client.connecting import OPEN_TIMEOUT_S, Unreachable, retry_delay
from realtime_mer.rooms.sending.figures import Figures, State
from realtime_mer.rooms.sending.kept import Kept
from realtime_mer.rooms.sending.talk import enter, hear, say
from realtime_mer.rooms.sending.writing import Writer
from realtime_mer.wire.sound import Chunk, End, Farewell, Open, Ready, Taken, encode_sound_message

KEPT_S = 10.0
"""Seconds of sound that are kept while the network is away."""

_CHUNK_S, _LONGEST_CHUNK_S = 0.02, 0.5
_SILENT_S = 5.0  # the service says every second what it took
_LAST_TRY_S = 10.0  # that a sender whose sound has ended waits for the network
_FAREWELL_S = 0.5
_FLOOR_DBFS = -120.0


class Sender:
    """Sends sound to a room: ``add`` it from any thread, while ``run`` runs in an event loop.

    While there is no connection the newest ``KEPT_S`` seconds are kept; then they are sent with the
    index that they have, so that the room's time stays true and it knows what it missed.

    Args:
        url: of the room's WebSocket for sound, as ``normalised`` returns it.
        opening: what is said first; its rate is the writer's.
        writer: writes the samples.
        context: for ``wss://``, None for ``ws://``.
        told: is told what the service is to be asked to tell people, once it is connected.
        kept_s: seconds that are kept.
    """

    def __init__(
        self,
        url: str,
        *,
        opening: Open,
        writer: Writer,
        context: ssl.SSLContext | None = None,
        told: Callable[[Ready], None] = lambda ready: None,
        kept_s: float = KEPT_S,
    ) -> None:
        self._url, self._opening, self._context = url, opening, context
        self._writer = writer
        self._told = told
        self._lock = threading.Lock()  # over what follows
        self._kept = Kept(round(kept_s * opening.rate))
        self._missed = 0
        self._level = _FLOOR_DBFS
        self._gone = False
        self._finished_at: float | None = None
        self._stopped = self._said_farewell = False

        self._resume: str | None = None  # lets us take back the place of a connection that is lost
        self._base: int | None = None  # index in the room of our first sample
        self._state: State = "connecting"
        self._reason = ""
        self._reconnects = -1
        self._drift: float | None = None
        self._undelivered = self._undelivered_told = 0  # samples; as the service counts them
        self._heard_at = self._sent_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event

    # From any thread.

    def add(self, piece: Piece) -> None:
        """Take sound at the rate that is sent."""
        with self._lock:
            self._kept.add(piece.samples, missing=piece.missing)
            self._missed += piece.missing
            if len(piece.samples):
                self._level = _dbfs(piece.samples)
        self._wake()

    def tell_device(self, *, gone: bool) -> None:
        """Note whether the device is away."""
        self._gone = gone

    def finish(self) -> None:
        """No more sound comes: ``run`` ends once all is sent, or the network stays away."""
        self._finished_at = time.monotonic()
        self._wake()

    def stop(self) -> None:
        """End now, whatever still waits."""
        self._stopped = True
        self._wake()

    @property
    def figures(self) -> Figures:
        """How it fares now."""
        rate = self._opening.rate
        with self._lock:
            return Figures(
                state=self._state,
                reason=self._reason,
                recorded_s=self._kept.end / rate,
                waiting_s=self._kept.waiting / rate,
                lost_s=self._kept.lost / rate,
                missed_s=self._missed / rate,
                undelivered_s=self._undelivered / rate,
                level_dbfs=self._level,
                gone=self._gone,
                reconnects=max(0, self._reconnects),
                drift_ppm=self._drift,
            )

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._news.set)

    # In the event loop.

    async def run(self) -> None:
        """Send until the sound ends or ``stop``.

        Raises:
            ServiceError: the first attempt fails, or the service refuses.
        """
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        try:
            await self._run()
        finally:
            self._state, self._reason = "ended", ""
            with self._lock:
                self._kept.give_up()

    async def _run(self) -> None:
        attempt = 0
        while not self._is_over():
            try:
                async with await self._connect() as connection:
                    await self._supply(connection)
            except Unreachable as error:
                if self._reconnects < 0:
                    raise
                self._state, self._reason = "away", str(error)
                if self._heard_at:  # it did take something, so begin with a short pause
                    attempt, self._heard_at = 0, 0.0
                await self._pause(retry_delay(attempt, random.random()))
                attempt += 1

    async def _connect(self) -> ClientConnection:
        opening = replace(self._opening, resume=self._resume, fresh=self._resume is None)
        connection, ready = await enter(
            self._url, opening, context=self._context, first=self._reconnects < 0
        )
        self._begin(ready)
        return connection

    def _begin(self, ready: Ready) -> None:
        """Go on from the sample that the service expects."""
        with self._lock:
            if self._base is None:
                self._base = ready.next
            expected = ready.next - self._base
            if expected > self._kept.end:  # somebody else fed the room meanwhile
                self._kept.give_up_unconfirmed()
                self._base += expected - self._kept.next
            else:
                self._kept.go_back_to(expected)
        self._resume = ready.resume
        self._reconnects += 1
        self._state, self._reason = "sending", ""
        self._told(ready)

    async def _supply(self, connection: ClientConnection) -> None:
        """Send what comes until all is sent.

        Raises:
            Unreachable: the connection is gone.
            ServiceError: the service ended it for good.
        """
        hearing = asyncio.create_task(self._hear_on(connection))
        sending = asyncio.create_task(self._send_on(connection))
        try:
            await asyncio.wait([hearing, sending], return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done() and sending.exception() is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL_S if self._stopped else OPEN_TIMEOUT_S):
                        await asyncio.shield(hearing)
        finally:
            for task in (hearing, sending):
                task.cancel()
            results = await asyncio.gather(hearing, sending, return_exceptions=True)
        # What the service said is a better reason than that nothing can be sent any more.
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send_on(self, connection: ClientConnection) -> None:
        rate, quantum = self._opening.rate, self._writer.quantum
        least = max(quantum, round(_CHUNK_S * rate))
        most = round(_LONGEST_CHUNK_S * rate) // quantum * quantum
        while not self._stopped:
            self._news.clear()
            ending = self._finished_at is not None
            with self._lock:
                taken = self._kept.take(
                    least=1 if ending else least, most=most, step=1 if ending else quantum
                )
                base = self._base or 0
            if taken is not None:
                self._sent_at = time.monotonic()
                for index, data in self._writer.write(*taken):
                    await say(connection, Chunk(base + index, data).encode(), url=self._url)
            elif ending:
                break
            else:
                await self._news.wait()
        await say(connection, encode_sound_message(End()), url=self._url)

    async def _hear_on(self, connection: ClientConnection) -> None:
        """Note what the service took, until it says farewell to sound that has ended."""
        while True:
            try:
                async with asyncio.timeout(_SILENT_S):
                    message = await hear(connection, url=self._url, first=False)
            except TimeoutError as error:
                if self._sent_at > self._heard_at:
                    raise Unreachable(f"{self._url} went silent") from error
                continue  # nothing was sent either
            if isinstance(message, Taken):
                self._heard_at = time.monotonic()
                self._drift = message.drift_ppm
                self._count_undelivered(message.undelivered)
                self._confirm(message.next)
            elif isinstance(message, Farewell):
                self._confirm(message.next)
                if self._finished_at is not None or self._stopped:
                    self._said_farewell = True
                    return
                raise Unreachable(f"{self._url}: {message.reason}")

    def _count_undelivered(self, told: int) -> None:
        before = self._undelivered_told
        self._undelivered += told - before if told >= before else told  # else another node counts
        self._undelivered_told = told

    def _confirm(self, index: int) -> None:
        with self._lock:
            self._kept.confirm(index - (self._base or 0))

    async def _pause(self, seconds: float) -> None:
        """Wait, and until there is something to send: a place is not taken for nobody."""
        until = time.monotonic() + seconds
        while not self._is_over():
            left = until - time.monotonic()
            with self._lock:
                # What was sent and not confirmed may have gone down with the connection.
                waits = self._kept.waiting > 0 or self._kept.unconfirmed
            if left <= 0 and (waits or self._finished_at is not None):
                return
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if left > 0 else None):
                    await self._news.wait()

    def _is_over(self) -> bool:
        """Whether the service has all there is, or it was waited for long enough."""
        if self._stopped or self._said_farewell:
            return True
        finished_at = self._finished_at
        return finished_at is not None and time.monotonic() > finished_at + _LAST_TRY_S


def _dbfs(samples: NDArray[np.float32]) -> float:
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(_FLOOR_DBFS, 10 * math.log10(power)) if power else _FLOOR_DBFS
