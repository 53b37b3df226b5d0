"""A room that a worker computes: its sound comes from NATS, what is told of it goes there."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from realtime_mer.batch import StreamState
from realtime_mer.errors import CheckpointError, ProtocolError
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.machines.chunks import SoundChunk, parse_chunk
from realtime_mer.rooms.machines.entries import SavedState, parse_saved
from realtime_mer.rooms.machines.link import Away, Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.reports import ToldHop
from realtime_mer.rooms.machines.tasks import end_tasks
from realtime_mer.rooms.machines.telling import Telling
from realtime_mer.rooms.machines.track import Track
from realtime_mer.rooms.shard import Hop, Shard
from realtime_mer.rooms.states import packed, unpacked

_MARGIN = timedelta(seconds=3)  # from when a chunk is stored to when it is computed, and more
_AGAIN_S = 0.25
_GRACE_S = 0.5  # in which sound that NATS does not have may come yet
_PARTING_S = 5.0
_MOST_HELD_BACK = 1024  # chunks that come while the log is read: 100 s of sound


@dataclass(frozen=True, kw_only=True, slots=True)
class Computing:
    """With what a worker computes.

    Attributes:
        recognizer: of all rooms.
        shard: in which they are computed.
        say: takes a line for people.
    """

    recognizer: StreamingRecognizer
    shard: Shard
    say: Callable[[str], None]


class HeldRoom:
    """Computes a room from where another worker left it, for as long as it is this worker's.

    Args:
        room: its name.
        link: to NATS.
        computing: with what.
        telling: of the room.

    Attributes:
        name: of the room.
        track: how far its sound has come.
        telling: what is told of it.
        holes: how often sound did not come that was not called missing.
        given_way: chunks that came while the log was read for too long.
    """

    def __init__(self, room: str, link: Link, computing: Computing, telling: Telling) -> None:
        self.name = room
        self.telling = telling
        self.holes = self.given_way = 0
        self._link, self._with = link, computing
        self._rate = computing.recognizer.sample_rate
        self._hop = computing.recognizer.hop_samples
        self.track = self._track_from(0)
        self._next_seq = 0  # of the hop that is computed next
        self._held_back: deque[SoundChunk] | None = deque(maxlen=_MOST_HELD_BACK)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfollow: Callable[[], Awaitable[None]] | None = None
        self._joined = False

    @property
    def backlog_s(self) -> float:
        """Seconds of whole hops that came and were not computed yet."""
        return max(0, self.track.next // self._hop - self._next_seq) * self._hop / self._rate

    @property
    def settled(self) -> bool:
        """Whether all whole hops of what came were computed and told."""
        return self._held_back is None and self.backlog_s == 0 and self.telling.waiting == 0

    # -- coming and going -------------------------------------------------------------------------

    async def begin(self) -> None:
        """Load the room's state, and go on from there with the sound that NATS keeps.

        Raises:
            Away: NATS does not answer.
        """
        self._unfollow = await self._link.follow(Kind.SOUND, self.name, self._hear)
        stored = await self._link.last(Kind.STATES, self.name)
        saved, state = self._state_of(stored)
        await self.telling.begin()
        self._next_seq = saved.seq
        self.track = self._track_from(saved.seq * self._hop)
        self._with.shard.join(self.name, state)
        self._joined = True
        since = None
        if stored is not None and stored.at is not None and state is not None:
            since = stored.at - timedelta(seconds=saved.behind_s) - _MARGIN
        self._start(self._read(since))

    def watch(self, task: "asyncio.Task[None]") -> None:
        """Let a task end with this room."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def come_back(self) -> None:
        """Go on after NATS was away: feeders may be numbered anew, and sound was missed."""
        self.track.epoch = 0
        if self._held_back is None:
            self._held_back = deque(maxlen=_MOST_HELD_BACK)
            self._start(self._read(None))

    async def hand_over(self) -> None:
        """Stop, and leave in NATS what another worker needs to go on.

        Raises:
            Away: NATS does not answer.
        """
        await self._stop_hearing()
        if not self._joined:
            return
        self._joined = False
        loop = asyncio.get_running_loop()
        parting: asyncio.Future[tuple[int, StreamState]] = loop.create_future()

        def left(seq: int, state: StreamState) -> None:
            loop.call_soon_threadsafe(parting.set_result, (seq, state))

        self._with.shard.leave(self.name, left)
        seq, state = await parting
        self.keep(seq, state)
        # Where that fails the state before it counts, and what was not told is computed again.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PARTING_S):
                await self.telling.settled()
        await end_tasks(self._tasks)

    async def drop(self) -> None:
        """Let the room go without a word: somebody else has it."""
        await self._stop_hearing()
        if self._joined:
            self._joined = False
            self._with.shard.leave(self.name, lambda seq, state: None)
        await end_tasks(self._tasks)

    async def _stop_hearing(self) -> None:
        unfollow, self._unfollow = self._unfollow, None
        if unfollow is not None:
            await unfollow()

    def _start(self, reading: "Awaitable[None]") -> None:
        self.watch(asyncio.ensure_future(reading))

    def _track_from(self, position: int) -> Track:
        return Track(position, rate=self._rate, hop_samples=self._hop)

    def _state_of(self, stored: Stored | None) -> tuple[SavedState, StreamState | None]:
        nothing = SavedState(seq=0, behind_s=0.0, state=b"")
        if stored is None or not stored.data:
            return nothing, None
        try:
            saved = parse_saved(stored.data)
            return saved, unpacked(saved.state, self._with.recognizer)
        except (ProtocolError, CheckpointError) as error:
            self._with.say(f"Room {self.name} begins anew: {error}.")
            return nothing, None

    # -- sound ------------------------------------------------------------------------------------

    def _hear(self, stored: Stored) -> None:
        chunk = parse_chunk(stored.data)
        if self._held_back is not None:
            self.given_way += len(self._held_back) == _MOST_HELD_BACK
            self._held_back.append(chunk)
        elif self.track.hole(chunk):
            self.holes += 1
            self._held_back = deque([chunk], maxlen=_MOST_HELD_BACK)
            self._start(self._read(None))
        else:
            self._go_on([chunk])

    async def _read(self, since: datetime | None) -> None:
        """Take from the log what did not come, and then what came meanwhile."""
        chunks = await self._logged(since)
        if self.track.holed(_sorted([*chunks, *(self._held_back or ())])):
            # The state is older than it says; or a node writes again what NATS lost, just now.
            await asyncio.sleep(_GRACE_S)
            chunks = await self._logged(None)
        held_back, self._held_back = self._held_back, None
        self._go_on(_sorted([*chunks, *(held_back or ())]))

    async def _logged(self, since: datetime | None) -> list[SoundChunk]:
        chunks = []
        while True:
            try:
                found = await self._link.read(Kind.SOUND, self.name, since=since)
                break
            except Away:
                await asyncio.sleep(_AGAIN_S)
        for stored in found:
            with suppress(ProtocolError):  # counted when it was heard
                chunks.append(parse_chunk(stored.data))
        return chunks

    def _go_on(self, chunks: Iterable[SoundChunk]) -> None:
        for chunk in chunks:
            part = self.track.take(chunk)
            if part is not None and self._joined:
                self._with.shard.push(
                    self.name, part.samples, missing=part.missing, fresh=part.fresh
                )

    # -- what came of it --------------------------------------------------------------------------

    def tell(self, hop: Hop) -> None:
        """Take a hop of this room that was computed."""
        estimate, level = hop.said()
        self._next_seq = estimate.seq + 1
        stamp = self.track.stamp((estimate.seq + 1) * self._hop)
        told = replace(estimate, xruns=stamp.gaps)
        self.telling.tell(ToldHop(told, level, stamp.captured_at))

    def keep(self, seq: int, state: StreamState) -> None:
        """Take the room's state."""
        behind_s = max(0.0, (self.track.next - seq * self._hop) / self._rate)
        self.telling.keep(SavedState(seq=seq, behind_s=behind_s, state=packed(state)))


def _sorted(chunks: list[SoundChunk]) -> list[SoundChunk]:
    return sorted(chunks, key=lambda chunk: (chunk.epoch, chunk.position))
