"""What a worker tells of a room's hops on its way through NATS, as bytes (pure).

Numbers as they are, not as watchers read them: that is written where somebody watches.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import le

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import Affect, Estimate
from realtime_mer.hops import STATUSES
from realtime_mer.wire.protocol import LevelMessage

MAX_HOPS = 64
"""Most hops that are told at once."""
GLANCE_EVERY_S = 0.5
"""Seconds from one glance at a worker's rooms to the next: what the past keeps is as far apart."""
MOST_GLANCED = 256
"""Rooms in a message of glances: a tenth of what NATS takes."""

_VERSION = 2
_HEAD = struct.Struct("<BBB")  # version, hops, bytes of the worker's id, which follow
_ROOM = struct.Struct("<BH")  # bytes of a room's name, and of its report, which follow
_COUNTS = struct.Struct("<QQIIBB")  # number, skipped, xruns, turns, status, mel bands
_Q, _G = len(QUADRANTS), len(GEMS)
_NUMBERS = struct.Struct(f"<{13 + _Q + _G}d")
_FARTHEST = 1 << 53
# What they may be: when it was captured, NaN for never; music, familiar and changed, NaN where
# nobody tells; time and age of the state; the levels and the peak; ratings, their deviations,
# quadrants and GEMS.
_LEAST = (0.0,) * 6 + (-120.0,) * 3 + (-1.0,) * 2 + (0.0,) * (2 + _Q + _G)
_MOST = (
    (1e12,)
    + (1.0,) * 3
    + (1e9,) * 2
    + (120.0,) * 3
    + (1.0,) * 2
    + (100.0,) * 2
    + (1.0,) * (_Q + _G)
)
_UNSURE = 4  # of them, at the beginning, that may be NaN


@dataclass(frozen=True, slots=True)
class ToldHop:
    """What is told of a hop.

    Attributes:
        estimate: without what whoever tells it to watchers knows: when that is, and when it was.
        level: at the same time.
        captured_at: when its last sample was captured, in seconds since 1970; None where the sound
            does not happen now.
    """

    estimate: Estimate
    level: LevelMessage
    captured_at: float | None = None

    def encode(self) -> bytes:
        """Return it as bytes, little-endian."""
        told, affect, level = self.estimate, self.estimate.affect, self.level
        mel = bytes(level.mel or ())
        counts = _COUNTS.pack(
            told.seq, told.skipped, told.xruns, told.turns, STATUSES.index(told.status), len(mel)
        )
        known_or_not = (self.captured_at, told.music, told.familiar, told.changed)
        numbers = _NUMBERS.pack(
            *(math.nan if value is None else value for value in known_or_not),
            *(told.t, told.state_age_s, told.level_dbfs, level.level_dbfs, level.peak_dbfs),
            *(affect.valence, affect.arousal, affect.valence_sd, affect.arousal_sd),
            *affect.quadrants.values(),
            *affect.gems.values(),
        )
        return counts + numbers + mel


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of hops of a room, oldest first.

    Attributes:
        worker: what the worker that computed them calls itself.
        hops: 1 to ``MAX_HOPS`` of them, numbers rising.
    """

    worker: str
    hops: Sequence[ToldHop]

    def encode(self) -> bytes:
        """Return it as bytes."""
        worker = self.worker.encode()
        head = _HEAD.pack(_VERSION, len(self.hops), len(worker)) + worker
        return b"".join((head, *(hop.encode() for hop in self.hops)))


@dataclass(frozen=True, slots=True)
class Glances:
    """The newest hop of each of a worker's rooms, for nodes where nobody follows them.

    Of a room that somebody follows a node hears every hop, by a message each.

    Attributes:
        worker: what the worker calls itself.
        hops: of each room, by its name.
    """

    worker: str
    hops: Mapping[str, ToldHop]

    def encode(self) -> bytes:
        """Return it as bytes."""
        parts = []
        for room, hop in self.hops.items():
            name, report = room.encode(), Report(self.worker, [hop]).encode()
            parts += [_ROOM.pack(len(name), len(report)), name, report]
        return b"".join(parts)


def parse_report(data: bytes) -> Report:
    """Read a report.

    Raises:
        ProtocolError: ``bad_report``, it is none, or one of another version.
    """
    try:
        version, count, named = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise ProtocolError(
                "bad_report",
                f"a report of version {version}, and this is {_VERSION}: let nodes and workers "
                "be of one version of realtime-mer",
            )
        begin = _HEAD.size + named
        report = Report(data[_HEAD.size : begin].decode(), list(_hops(data, begin, count)))
    except (struct.error, ValueError, IndexError) as error:
        raise ProtocolError("bad_report", f"{len(data)} bytes are no report: {error}") from error
    if not 1 <= count <= MAX_HOPS or any(
        after.estimate.seq <= before.estimate.seq for before, after in pairwise(report.hops)
    ):
        raise ProtocolError("bad_report", f"a report of {count} hops, or they do not rise")
    return report


def parse_glances(data: bytes) -> dict[str, ToldHop]:
    """Read what was told last of rooms; return the hop of each, by its name.

    Raises:
        ProtocolError: ``bad_report``, it is none, or one of another version.
    """
    found, at = {}, 0
    while at < len(data):
        try:
            named, size = _ROOM.unpack_from(data, at)
            begin = at + _ROOM.size + named
            room = data[at + _ROOM.size : begin].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise ProtocolError("bad_report", f"not what was told last: {error}") from error
        at = begin + size
        found[room] = parse_report(data[begin:at]).hops[-1]
    return found


def _hops(data: bytes, at: int, count: int) -> Iterator[ToldHop]:
    """Yield the hops, which end where the data ends.

    Raises:
        struct.error, ValueError, IndexError: they cannot be.
    """
    for _ in range(count):
        seq, skipped, xruns, turns, status, bands = _COUNTS.unpack_from(data, at)
        numbers = _NUMBERS.unpack_from(data, at + _COUNTS.size)
        begin = at + _COUNTS.size + _NUMBERS.size
        at = begin + bands
        unsure = [None if math.isnan(number) else number for number in numbers[:_UNSURE]]
        known = [0.0 if number is None else number for number in unsure]
        known += numbers[_UNSURE:]  # of which NaN is within no bounds
        if not (all(map(le, _LEAST, known)) and all(map(le, known, _MOST))):
            raise ValueError(f"{numbers} are not within their bounds")
        if seq >= _FARTHEST or skipped >= _FARTHEST or at > len(data):
            raise ValueError(f"hop {seq} cannot be")
        captured_at, music, familiar, changed = unsure
        t, state_age_s, level_dbfs, level, peak, valence, arousal, valence_sd, arousal_sd = numbers[
            4:13
        ]
        affect = Affect(
            valence=valence,
            arousal=arousal,
            valence_sd=valence_sd,
            arousal_sd=arousal_sd,
            quadrants=dict(zip(QUADRANTS, numbers[13:], strict=False)),
            gems=dict(zip(GEMS, numbers[13 + _Q :], strict=True)),
        )
        estimate = Estimate(
            seq=seq,
            t=t,
            wall_time=None,
            affect=affect,
            music=music,
            familiar=familiar,
            changed=changed,
            turns=turns,
            status=STATUSES[status],
            level_dbfs=level_dbfs,
            latency_ms=None,
            state_age_s=state_age_s,
            xruns=xruns,
            skipped=skipped,
        )
        mel = tuple(data[begin:at]) if bands else None
        yield ToldHop(
            estimate, LevelMessage(t=t, level_dbfs=level, peak_dbfs=peak, mel=mel), captured_at
        )
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many")
