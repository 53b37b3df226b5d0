"""A path through a library that a running session corrects: ``realtime-mer path --follow``.

It plays nothing: it tells any player which track comes next, and when.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from realtime_mer.client.streams import Gap, Stream, StreamMessage, connect
from realtime_mer.estimate import Estimate, Status
from realtime_mer.library.paths.columns import Columns, read_columns
from realtime_mer.library.paths.lead import Ended, Lead, Next, Replanned
from realtime_mer.library.paths.path import Asked, PathOptions, asked_of, found_path, records_of
from realtime_mer.library.paths.points import record, shown
from realtime_mer.library.paths.records import untold
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tracks import Point, Track
from realtime_mer.live.plan_view import PlanView
from realtime_mer.printing.lines import complain
from realtime_mer.wire.protocol import Bye

_PER_SECOND = 2.0  # estimates; a course has a value every 2 s
_BACKLOG = 64  # estimates that wait while a plan is looked for
_ROOM_S = 10.0  # of sound, whose mean says where the music in the room is
_ROOM_ENOUGH = 10  # estimates of it


@dataclass(kw_only=True)
class Room:
    """Where the music in the room lies, over the last seconds in which there was music.

    Attributes:
        points: where it was, by the stream time of the end of each window.
    """

    points: list[tuple[float, Point]] = field(default_factory=list)

    def add(self, estimate: Estimate) -> None:
        """Take an estimate of music; of a session that was started anew, all before is dropped."""
        self.points = [(t, point) for t, point in self.points if 0 <= estimate.t - t < _ROOM_S]
        self.points.append((estimate.t, _point(estimate)))

    @property
    def mean(self) -> Point | None:
        """Where it lies; None where too little music was heard."""
        number = len(self.points)
        if number < _ROOM_ENOUGH:
            return None
        return Point(
            valence=math.fsum(point.valence for _, point in self.points) / number,
            arousal=math.fsum(point.arousal for _, point in self.points) / number,
        )


class Telling:
    """Tells what comes next: as JSON lines, or to people; and keeps the playlist up to date.

    Args:
        options: of the path.
        columns: the tracks.
        asked: what is looked for.
        room: what was heard so far.
        view: for people; None for JSON lines.
        clock: seconds that pass; the path begins now.
    """

    def __init__(
        self,
        options: PathOptions,
        columns: Columns,
        asked: Asked,
        *,
        room: Room,
        view: PlanView | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ended = False
        self._options, self._columns, self._asked = options, columns, asked
        self._room, self._view, self._clock = room, view, clock
        self._known: dict[int, Track] = {}
        self._began_at = clock()
        path = found_path(asked)
        for remark in untold(asked.search.rules, path.turns):
            complain(remark)
        self._lead = Lead(asked.search, asked.way, path, last=asked.last, whole=self._whole)
        self._tell_plan()

    def take(self, message: StreamMessage) -> None:
        """Take what the session says into account."""
        match message:
            case Estimate(status=Status.MUSIC):
                self._room.add(message)
                self._lead.hear(_point(message), self._now())
            case Gap():
                complain("the session is back; until now the path went on by its plan")
            case Bye():
                complain(f"{message.reason}; the path goes on by its plan")

    def wait_s(self) -> float:
        """Return in how many seconds ``tell`` has something to say even if nothing is heard."""
        return max(0.0, self._lead.due_s() - self._now())

    def tell(self) -> None:
        """Tell what has come to be: the next track, a plan that has changed, the end."""
        for event in self._lead.at(self._now()):
            match event:
                case Next():
                    if event.number:  # the first was told with the plan
                        self._write()
                    self._tell_next(event)
                case Replanned():
                    self._tell_plan()
                case Ended():
                    self.ended = True
                    if self._view is None:
                        _print({"type": "end"})
        if self._view is not None:
            self._view.show(self._tracks(), self._lead, at_s=self._now(), room=self._room.mean)

    def _tell_next(self, event: Next) -> None:
        if self._view is not None:
            self._view.next(self._tracks()[event.number], in_s=event.in_s)
            return
        track = self._records()[event.number]
        _print({"type": "next", "in_s": round(event.in_s, 1), **track})

    def _tell_plan(self) -> None:
        self._write()
        if self._view is not None:
            self._view.plan(self._tracks()[self._lead.settled :])
            return
        room = self._room.mean
        _print(
            {
                "type": "plan",
                "room": None if room is None else record(room),
                "correction": record(self._lead.correction),
                "tracks": self._records()[self._lead.settled :],
            }
        )

    def _write(self) -> None:
        if self._options.m3u8 is not None:
            write_m3u8(self._options.m3u8, self._tracks())

    def _records(self) -> list[dict[str, Any]]:
        asked = Asked(search=self._asked.search, way=self._lead.way, last=self._asked.last)
        return records_of(self._lead.path, self._tracks(), asked)

    def _tracks(self) -> list[Track]:
        return [self._whole(turn.track) for turn in self._lead.path.turns]

    def _whole(self, track: int) -> Track:
        if track not in self._known:
            (self._known[track],) = self._columns.whole([track])
        return self._known[track]

    def _now(self) -> float:
        return self._clock() - self._began_at


def lead(options: PathOptions, url: str, *, token: str | None, ca: str | None) -> None:
    """Tell track after track until the path ends, or Ctrl-C; a running session corrects it.

    Args:
        options: as ``check_options`` lets them pass.
        url, token, ca: of the session, as for ``client.connect``.

    Raises:
        InputError: the table cannot be used, or there is no path.
        ServiceError: nobody serves there, or it refuses.
    """
    columns = read_columns(options.table)
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        view = None if options.as_json else stack.enter_context(PlanView())
        asyncio.run(_lead(options, columns, view, url, token=token, ca=ca))


async def _lead(
    options: PathOptions,
    columns: Columns,
    view: PlanView | None,
    url: str,
    *,
    token: str | None,
    ca: str | None,
) -> None:
    async with connect(
        url, max_rate=_PER_SECOND, token=token, ca=ca, events=True, backlog=_BACKLOG
    ) as stream:
        room = Room()
        here = None
        if options.at is None and options.start is None:
            here = await _heard(stream, room)
        asked = asked_of(options, columns, here=here)
        telling = Telling(options, columns, asked, room=room, view=view)
        telling.tell()
        while not telling.ended:
            # Not wait_for: in Python 3.11 it forgets Ctrl-C where a message comes with it.
            with suppress(TimeoutError):
                async with asyncio.timeout(telling.wait_s()):
                    telling.take(await anext(stream))
            telling.tell()


async def _heard(stream: Stream, room: Room) -> Point:
    """Wait until enough music was heard, and return where it lies."""
    complain(f"listening for {_ROOM_S:g} s of music, where the path is to begin; or give --at V,A")
    while (here := room.mean) is None:
        match await anext(stream):
            case Estimate(status=Status.MUSIC) as estimate:
                room.add(estimate)
            case Bye(reason=reason):
                complain(f"{reason}; waiting for it to return")
    complain(f"the music in the room lies at {shown(here)}")
    return here


def _point(estimate: Estimate) -> Point:
    return Point(valence=estimate.valence, arousal=estimate.arousal)


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, allow_nan=False), flush=True)
