"""Which node feeds which room: how this one gets a room's only place, keeps it and loses it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.chunks import parse_chunk
from realtime_mer.rooms.machines.entries import parse_saved
from realtime_mer.rooms.machines.feeds import Feed, digest, parse_feed
from realtime_mer.rooms.machines.link import Away, Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.presence import Presence
from realtime_mer.rooms.machines.reports import parse_report
from realtime_mer.rooms.nodes.seats import Elsewhere, comes_back
from realtime_mer.rooms.nodes.untold import Untold
from realtime_mer.rooms.room import Room
from realtime_mer.wire.sound import Open

_Read = TypeVar("_Read")

_TRIES = 8
_UNSURE_S = 2.0  # what of a room's sound may have been that nobody knows of any more


class Seat:
    """A room's place for a sender, which this node has.

    Attributes:
        feed: what was written of it last.
        sequence: under which NATS has that; 0 where it has nothing.
        end: position behind the last sample that was handed on.
        untold: the newest of its sound.
        gave_way: whether some of it was lost since NATS went away last.
    """

    def __init__(self, feed: Feed, sequence: int, *, rate: int) -> None:
        self.feed, self.sequence = feed, sequence
        self.end = feed.position
        self.untold = Untold(rate=rate)
        self.gave_way = False


class Claims:
    """Knows who feeds the rooms, and gives their places to senders by compare-and-set.

    Args:
        link: to NATS.
        presence: of nodes.
        node: what this one calls itself.
        rate, hop_samples: of the recogniser.
        find: returns a room that is there; else None.
        appeared: is told of a room that is not.
        forgotten: is told of a room that somebody let all forget; returns whether it stays here.

    Attributes:
        seats: the places that this node has, by their rooms.
        garbage: words of rooms that cannot be read.
        coming: rooms that somebody is about to feed here.
    """

    def __init__(
        self,
        link: Link,
        presence: Presence,
        *,
        node: str,
        rate: int,
        hop_samples: int,
        find: Callable[[str], Room | None],
        appeared: Callable[[str], None],
        forgotten: Callable[[str], bool],
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self.garbage = 0
        self.coming: set[str] = set()
        self._link, self._presence, self._node = link, presence, node
        self._rate, self._hop = rate, hop_samples
        self._find, self._appeared, self._forgotten = find, appeared, forgotten
        self._gone: dict[str, int] = {}  # rooms that were forgotten, and under which sequence
        self._feeds: dict[str, tuple[Feed, int]] = {}
        self._writing: set[str] = set()
        self._named: set[str] = set()  # rooms that are here, whether or not somebody feeds them
        self._unsent = 0  # samples, of places that were lost

    @property
    def rooms(self) -> list[str]:
        """All that some node feeds or fed."""
        return list(self._feeds)

    @property
    def unsent(self) -> int:
        """Samples that were lost while NATS was away."""
        return self._unsent + sum(seat.untold.lost for seat in self.seats.values())

    # -- a place is wanted ------------------------------------------------------------------------

    async def claim(self, room: str, opened: Open, *, resume: str, manages: bool) -> int | None:
        """As ``seats.Claim`` promises.

        Raises:
            Away: NATS does not answer.
        """
        for _ in range(_TRIES):
            stored = await self._link.last(Kind.FEEDS, room)
            before = self._read(stored, parse_feed) or Feed()
            seat = self.seats.get(room)
            if seat is not None and seat.feed.epoch > before.epoch:
                before = seat.feed  # NATS has lost what it kept
            resumed = before.lets_back(opened.resume)
            other = None if before.node == self._node else before.node
            if other is not None and not self._presence.gone(other, time.monotonic()):
                resumed = comes_back(room, opened, resumes=resumed, manages=manages)
            if seat is not None and seat.feed.epoch != before.epoch:
                seat = None  # another node fed it since
            if seat is None:
                start, epoch, sure = await self._standing(room, before)
                start += 0 if sure else round(_UNSURE_S * self._rate)
            else:
                start, epoch = seat.end, before.epoch
            feed = Feed(
                node=self._node,
                epoch=epoch + 1,
                state="fed",
                source=opened.source,
                position=start,
                resume=digest(resume),
                resumed=resumed,
            )
            expected = 0 if stored is None else stored.sequence
            sequence = await self._link.put(Kind.FEEDS, room, feed.encode(), expected=expected)
            if sequence is None:
                continue  # somebody else was quicker: see who
            self._feeds[room] = feed, sequence
            if seat is not None:
                seat.feed, seat.sequence = feed, sequence
                return None
            self._let_go(room)
            self.seats[room] = Seat(feed, sequence, rate=self._rate)
            return start
        raise ProtocolError("room_is_fed", f"others feed room {room}: use another, or try again")

    async def position(self, room: str) -> int:
        """Return how many samples of a room have been, as far as can be told.

        Raises:
            Away: NATS does not answer.
        """
        feed, _ = self._feeds.get(room, (Feed(), 0))
        position, _, _ = await self._standing(room, feed)
        return position

    async def _standing(self, room: str, before: Feed) -> tuple[int, int, bool]:
        """Return how many samples of a room have been, its highest epoch, and whether that is all.

        Another node fed it, or an earlier one. What cannot be read, such as what another version
        wrote, is as good as not there.
        """
        ends, epochs = [before.position], [before.epoch]
        chunk = self._read(await self._link.last(Kind.SOUND, room), parse_chunk)
        if chunk is not None:
            ends.append(chunk.end)
            epochs.append(chunk.epoch)  # workers take no sound of one before
        report = self._read(await self._link.last(Kind.TOLD, room), parse_report)
        if report is not None:
            ends.append((report.hops[-1].estimate.seq + 1) * self._hop)
        saved = self._read(await self._link.last(Kind.STATES, room), parse_saved)
        if saved is not None:
            ends.append(saved.seq * self._hop)
        return max(ends), max(epochs), before.node is None or chunk is not None

    def _read(self, stored: Stored | None, parse: Callable[[bytes], _Read]) -> _Read | None:
        """Return what is stored; None for nothing, and for what cannot be read."""
        if stored is None or not stored.data:
            return None
        try:
            return parse(stored.data)
        except ProtocolError:
            self.garbage += 1
            return None

    # -- what is said of rooms --------------------------------------------------------------------

    def hear(self, stored: Stored) -> None:
        """Take what a node has written of a room."""
        name = stored.key
        _, known = self._feeds.get(name, (None, -1))
        if stored.sequence <= known:
            return
        if not stored.data:
            self._forget(name, stored.sequence)
            return
        feed = self._read(stored, parse_feed)
        if feed is None:
            return
        self._feeds[name] = feed, stored.sequence
        room, seat = self._find(name), self.seats.get(name)
        if seat is not None and feed.node != self._node and feed.epoch > seat.feed.epoch:
            self._let_go(name)
            if room is not None and room.sender is not None:
                room.sender.replaced(by_itself=feed.resumed)
        if room is None:
            self._appeared(name)
        else:
            room.elsewhere = self.elsewhere(name)

    async def hear_all(self) -> None:
        """Take what all nodes have written, after NATS was away.

        Raises:
            Away: it is away again.
        """
        self._feeds.clear()  # it may have lost what it kept; what is heard meanwhile counts
        self._gone.clear()
        for each in await self._link.read(Kind.FEEDS):
            self.hear(each)
        for name, seat in self.seats.items():
            if name not in self._feeds:
                seat.sequence = 0
        for name in self._named - self._feeds.keys() - self.seats.keys():
            await self.name(name)

    async def name_anew(self) -> None:
        """Let all nodes know of rooms that are to be here though they were forgotten.

        Raises:
            Away: NATS does not answer; they are told when it is back.
        """
        for name in self._named & self._gone.keys() - self._feeds.keys() - self.seats.keys():
            await self.name(name)

    async def name(self, name: str) -> None:
        """Let all nodes know of a room that is here, though nobody feeds it yet.

        Raises:
            Away: NATS does not answer; they are told when it is back.
        """
        self._named.add(name)
        if name in self._feeds:
            return
        room = self._find(name)
        # What its senders and watchers count on goes on, though all else may be forgotten.
        feed = Feed() if room is None else Feed(position=room.position)
        expected = self._gone.get(name, 0)
        sequence = await self._link.put(Kind.FEEDS, name, feed.encode(), expected=expected)
        if sequence is not None:  # else somebody was quicker
            self._feeds.setdefault(name, (feed, sequence))

    def _forget(self, name: str, sequence: int) -> None:
        """Take that somebody forgot a room; the word of one that is fed here is written again."""
        self._feeds.pop(name, None)
        self._gone[name] = sequence
        room, seat = self._find(name), self.seats.get(name)
        if name in self.coming or (room is not None and room.sender is not None):
            if seat is not None:
                seat.sequence = sequence
            return
        self._let_go(name)
        if room is None:
            self._named.discard(name)
            return
        room.elsewhere = None
        if not self._forgotten(name):
            self._named.discard(name)

    def feeder(self, name: str) -> str | None:
        """Return which node has a room's place; None for none."""
        feed, _ = self._feeds.get(name, (Feed(), 0))
        return feed.node

    def elsewhere(self, name: str) -> Elsewhere | None:
        """Return how others feed a room; None where its sender is, or was, here."""
        if name in self.seats or name not in self._feeds:
            return None
        feed, _ = self._feeds[name]
        if feed.node is None or self._presence.gone(feed.node, time.monotonic()):
            return Elsewhere("ended" if feed.state == "ended" else "empty", feed.source)
        return Elsewhere(feed.state, feed.source)

    # -- what is to be said of those that are fed here --------------------------------------------

    def changed(self, name: str) -> bool:
        """Whether something is to be written of a room that is fed here, besides its position."""
        seat, room = self.seats[name], self._find(name)
        if room is None or name in self._writing:
            return False
        now = replace(self._feed(seat, room), position=seat.feed.position)
        return now != seat.feed or name not in self._feeds

    async def write(self, name: str) -> None:
        """Write how a room is fed here."""
        seat, room = self.seats.get(name), self._find(name)
        if seat is None or room is None or name in self._writing:
            return
        self._writing.add(name)
        try:
            feed = self._feed(seat, room)
            sequence = await self._link.put(Kind.FEEDS, name, feed.encode(), expected=seat.sequence)
            if sequence is not None and feed.epoch == seat.feed.epoch:
                seat.feed, seat.sequence = feed, sequence
                self._feeds[name] = feed, sequence
            elif sequence is None:
                stored = await self._link.last(Kind.FEEDS, name)
                if stored is not None:
                    self._mind(seat, stored)
        except Away:
            pass  # it is written at the next look
        finally:
            self._writing.discard(name)

    def _mind(self, seat: Seat, stored: Stored) -> None:
        """Take what was written instead: of another node, or of this one though it was not told."""
        self.hear(stored)
        feed = self._read(stored, parse_feed) or Feed()
        if feed.node in (None, self._node) and feed.epoch <= seat.feed.epoch:
            seat.sequence = stored.sequence

    def _feed(self, seat: Seat, room: Room) -> Feed:
        return replace(
            seat.feed,
            node=None if room.sender is None else self._node,
            state=room.state,
            source="" if room.opened is None else room.opened.source,
            position=seat.end,
        )

    def _let_go(self, name: str) -> None:
        seat = self.seats.pop(name, None)
        self._unsent += 0 if seat is None else seat.untold.lost
