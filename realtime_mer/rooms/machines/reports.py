"""What a worker tells of a room's hops on its way through NATS, as text (pure).

A head, then a line an estimate and a line its level, as the protocol of watchers writes them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic_core import from_json

from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import LevelMessage, encode, parse_server_message

MAX_HOPS = 64
"""Most hops that are told at once."""
MAX_REPORT = 1 << 18
"""Longest report, in bytes: four times that of 64 hops, and a quarter of what NATS takes."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ToldHop:
    """What is told of a hop.

    Attributes:
        estimate: its latency is None: who tells it to watchers knows when that is.
        level: at the same time.
    """

    estimate: Estimate
    level: LevelMessage


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
        """Return it as UTF-8."""
        head = json.dumps({"version": _VERSION, "worker": self.worker})
        lines = (encode(part) for hop in self.hops for part in (hop.estimate, hop.level))
        return "\n".join([head, *lines]).encode()


def parse_report(data: bytes) -> Report:
    """Read a report.

    Raises:
        ProtocolError: ``bad_report`` or as of ``wire.protocol``: it is none, or of another version.
    """
    if len(data) > MAX_REPORT:
        raise ProtocolError("bad_report", f"a report of {len(data)} bytes: at most {MAX_REPORT}")
    try:
        head, *lines = data.decode().split("\n")
        told = from_json(head, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError("bad_report", f"no report: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("worker"), str):
        raise ProtocolError("bad_report", "a report without a head")
    if told.get("version") != _VERSION:
        raise ProtocolError(
            "bad_report",
            f"a report of version {told.get('version')}, and this is {_VERSION}: let nodes and "
            "workers be of one version of realtime-mer",
        )
    if len(lines) % 2 or not 2 <= len(lines) <= 2 * MAX_HOPS:
        raise ProtocolError("bad_report", f"a report of {len(lines)} lines")
    hops = list(_hops(lines))
    if any(after.estimate.seq <= before.estimate.seq for before, after in pairwise(hops)):
        raise ProtocolError("bad_report", "the numbers of a report do not rise")
    return Report(told["worker"][:128], hops)


def _hops(lines: Sequence[str]) -> Iterator[ToldHop]:
    for pair in zip(lines[::2], lines[1::2], strict=True):
        estimate, level = map(parse_server_message, pair)
        if not isinstance(estimate, Estimate) or not isinstance(level, LevelMessage):
            raise ProtocolError("bad_report", "a report of something else than hops")
        yield ToldHop(estimate, level)
