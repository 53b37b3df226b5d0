"""Rooms that are computed in this process: a thread does, another keeps their states on disk."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.batch import StreamState
from realtime_mer.errors import CheckpointError
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.checkpoints import STATES, Checkpoints
from realtime_mer.rooms.computing import schedule
from realtime_mer.rooms.nodes.computer import Host, Number
from realtime_mer.rooms.shard import Hop, Shard
from realtime_mer.rooms.states import model_of, unpacked
from realtime_mer.wire.protocol import Marker
from realtime_mer.wire.sound import Open

_STUCK_S = 5.0  # that the computing thread has not looked up


class Alone:
    """Computes rooms here (``Computer``).

    Args:
        recognizer: of all rooms; nobody else uses it.
        folder: where their states are kept; None keeps none.
        rooms: most of them.
        say: takes a line for people, in any thread.
    """

    def __init__(
        self,
        recognizer: StreamingRecognizer,
        *,
        folder: Path | None,
        rooms: int,
        say: Callable[[str], None],
    ) -> None:
        self.fault: str | None = None
        self._recognizer, self._folder, self._most, self._say = recognizer, folder, rooms, say
        self._checkpoints: Checkpoints | None = None
        self._shard: Shard
        self._host: Host
        self._loop: asyncio.AbstractEventLoop
        self._kept: dict[str, tuple[int, StreamState]] = {}  # and did not come yet
        self._ending = False

    @property
    def ready(self) -> bool:
        """As ``Computer`` promises."""
        return self.fault is None and self._shard.idle_s < _STUCK_S

    async def begin(self, host: Host) -> list[str]:
        """As ``Computer`` promises."""
        self._host, self._loop = host, asyncio.get_running_loop()
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._checkpoints = Checkpoints(
                self._folder / STATES, model=model_of(self._recognizer), say=self._say
            )
            self._load(self._checkpoints)
        self._shard = Shard(
            schedule(self._recognizer, streams=self._most),
            tell=self._computed,
            save=self._save,
            ended=self._ended,
        )
        self._shard.start()
        return list(self._kept)

    async def end(self) -> None:
        """As ``Computer`` promises."""
        self._ending = True
        await asyncio.to_thread(self._shard.close)  # its last hops are told before this goes on
        if self._checkpoints is not None:
            await asyncio.to_thread(self._checkpoints.close)

    async def enter(self, name: str) -> int:
        """As ``Computer`` promises."""
        seq, state = self._kept.pop(name, (0, None))
        self._shard.join(name, state)
        return seq * self._recognizer.hop_samples

    async def claim(self, room: str, opened: Open, *, resume: str, manages: bool) -> int | None:
        """As ``seats.Claim`` promises: nobody else could feed it."""
        return None

    def push(self, room: str, samples: NDArray[np.float32], *, missing: int, fresh: bool) -> None:
        """As ``seats.Push`` promises."""
        self._shard.push(room, samples, missing=missing, fresh=fresh)

    def marked(self, room: str, marker: Marker) -> None:
        """As ``Computer`` promises: all who watch are here."""

    def kept(self, name: str) -> int:
        """As ``Computer`` promises."""
        return 0 if self._checkpoints is None else self._checkpoints.kept(name)

    def late(self, name: str) -> None:
        """As ``Computer`` promises: nobody is between."""

    def recorded(self, name: str) -> None:
        """As ``Computer`` promises: nothing elsewhere."""

    def placed(self, name: str) -> dict[str, str | None]:
        """As ``Computer`` promises: all are here."""
        return {}

    def look(self) -> None:
        """As ``Computer`` promises."""

    def numbers(self) -> Iterable[Number]:
        """As ``Computer`` promises."""
        failures = 0 if self._checkpoints is None else self._checkpoints.failures
        yield Number(
            "compute_idle_seconds", "Since the computing thread looked up", self._shard.idle_s
        )
        yield Number(
            "states_not_kept", "States of rooms that could not be stored", failures, total=True
        )

    def _load(self, checkpoints: Checkpoints) -> None:
        kept = list(checkpoints.load())
        if len(kept) > self._most:
            self._say(
                f"{len(kept)} rooms were kept, and --rooms allows {self._most}: the last of them "
                "by name begin anew when they are fed, if there is room."
            )
        for each in kept[: self._most]:
            try:
                state = unpacked(each.state, self._recognizer)
            except CheckpointError as error:
                self._say(f"Room {each.room} begins anew: {error}.")
                continue
            self._kept[each.room] = each.seq, state

    # In the thread that computes.

    def _computed(self, hops: Sequence[Hop]) -> None:
        self._loop.call_soon_threadsafe(partial(self._tell, hops))

    def _save(self, room: str, seq: int, state: StreamState) -> None:
        if self._checkpoints is not None:
            self._checkpoints.put(room, seq, state)

    def _ended(self) -> None:
        if not self._ending:
            self.fault = (
                "the thread that computes has ended, which is a defect: start the service again; "
                "rooms go on from what was kept"
            )
            self._host.stop()

    # In the loop again.

    def _tell(self, hops: Sequence[Hop]) -> None:
        now = time.monotonic()
        for hop in hops:
            room = self._host.find(hop.room)
            if room is not None:
                estimate, level = hop.said()
                room.tell(room.dated(estimate, now=now), level, now=now)
