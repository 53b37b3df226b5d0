"""DMX over the network, for lights: sACN (E1.31) and Art-Net, a universe an output.

A universe is sent whole, at most forty times a second, and again while nothing changes, since
receivers let go of a source that is silent for seconds. What comes in between is merged: a rule
that fires a thousand times a second is forty packets.
"""

import contextlib
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field, StrictInt

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.fixtures import CHANNELS, DmxOptions, DmxPlace, Universe, misfit
from realtime_mer.outlets.wires import Message, Url, Wire

SACN_PORT, ARTNET_PORT = 5568, 6454

_LEAST_S = 1 / 40
_AGAIN_S = 0.8
_PACKET_S = 1.0  # for a packet, on however busy a machine
_TIMES = 3  # the end is told so often: UDP loses packets
_HOPS = 8  # of multicast
_SOURCE = "realtime-mer"

Packet = Callable[[bytes, bool], bytes]
"""Makes a packet of 512 levels; the flag says that the source ends."""


class SacnOptions(DmxOptions):
    """What an sACN output has besides.

    Attributes:
        universe: 1 to 63999.
        priority: who has more has the lights. A desk has 100; ours is below, so that it wins.
    """

    universe: Annotated[StrictInt, Field(ge=1, le=63999)] = 1
    priority: Annotated[StrictInt, Field(ge=0, le=200)] = 50


class ArtnetOptions(DmxOptions):
    """What an Art-Net output has besides.

    Attributes:
        universe: 0 to 32767, net and sub-net included.
    """

    universe: Annotated[StrictInt, Field(ge=0, le=32767)] = 0


class DmxConnection:
    """Sends a universe, from a thread of its own, until it is closed.

    Args:
        address: host and port.
        packet: how one is made.
        options: of the output.

    Raises:
        ServiceError: the name cannot be looked up.
    """

    def __init__(self, address: tuple[str, int], packet: Packet, options: DmxOptions) -> None:
        try:
            self._address = (socket.gethostbyname(address[0]), address[1])
        except (OSError, UnicodeError) as error:
            raise ServiceError(f"there is no machine {address[0]!r}; give its address") from error
        self._packet, self._blackout = packet, options.blackout
        self._universe = Universe(options)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        self._changed = threading.Condition()
        self._closed = False
        self._asked = self._told = 0  # batches taken, and those that a packet has told of
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="dmx", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Message[DmxPlace]]) -> int:
        """Send values with the next packet; those of a kind that a channel has not are refused."""
        refused = 0
        with self._changed:
            for message in messages:
                refused += not self._universe.take(message.place, message.value)
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._error is not None or self._told >= mine, _PACKET_S)
            if self._error is not None:
                raise self._error
        return refused

    def close(self) -> None:
        """Go dark, unless the options say otherwise, and tell that the source ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        levels = bytes(CHANNELS) if self._blackout else bytes(self._universe.levels)
        with contextlib.suppress(OSError):
            for ends in (False, True):
                for _ in range(_TIMES):
                    self._socket.sendto(self._packet(levels, ends), self._address)
        self._socket.close()

    def _run(self) -> None:
        started = False
        while True:
            with self._changed:
                # Before the first value nobody is told anything: the lights are as they were.
                ready = self._changed.wait_for(
                    lambda: self._asked > self._told or self._closed, _AGAIN_S if started else None
                )
                if self._closed:
                    return
                started = started or ready
                asked = self._asked
                levels = bytes(self._universe.levels)
            try:
                self._socket.sendto(self._packet(levels, False), self._address)
            except (BlockingIOError, ConnectionRefusedError):  # UDP: who listens again gets more
                pass
            except OSError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._told = asked
                self._changed.notify_all()
                if self._changed.wait_for(lambda: self._closed, _LEAST_S):
                    return


def _connect_sacn(url: Url, options: SacnOptions) -> DmxConnection:
    from sacn.messages.data_packet import DataPacket

    data = DataPacket(
        cid=tuple(uuid.uuid4().bytes),
        sourceName=_SOURCE,
        universe=options.universe,
        priority=options.priority,
    )

    def packet(levels: bytes, ends: bool) -> bytes:
        data.dmxData = tuple(levels)
        data.option_StreamTerminated = ends
        encoded = bytes(data.getBytes())
        data.sequence_increase()
        return encoded

    host = url.host or data.calculate_multicast_addr()
    return DmxConnection((host, url.port or SACN_PORT), packet, options)


def _connect_artnet(url: Url, options: ArtnetOptions) -> DmxConnection:
    sequence = 0

    def packet(levels: bytes, ends: bool) -> bytes:
        nonlocal sequence
        sequence = sequence % 255 + 1  # 0 would say that there is none
        return artdmx(levels, universe=options.universe, sequence=sequence)

    return DmxConnection((url.host or "", url.port or ARTNET_PORT), packet, options)


def artdmx(levels: bytes, *, universe: int, sequence: int) -> bytes:
    """Return an ArtDmx packet (Art-Net 4, "ArtDmx Packet Definition").

    Args:
        levels: an even number of them, at most 512.
        universe: 0 to 32767, sent low byte first; everything else goes high byte first.
        sequence: 1 to 255.
    """
    return (
        b"Art-Net\0"
        + (0x5000).to_bytes(2, "little")
        + (14).to_bytes(2, "big")  # version of the protocol
        + bytes((sequence, 0))  # which port it came in at: none
        + universe.to_bytes(2, "little")
        + len(levels).to_bytes(2, "big")
        + levels
    )


def _check_sacn(url: Url) -> None:
    if url.path not in ("", "/") or url.user is not None or url.query:
        raise InputError(f"{url.text!r}: write sacn: for all, or a machine, as in {SACN.example}")


def _check_artnet(url: Url) -> None:
    if url.host is None or url.path not in ("", "/") or url.user is not None or url.query:
        raise InputError(f"{url.text!r}: give a machine, as in {ARTNET.example}")


SACN = Wire(
    scheme="sacn",
    example="sacn://192.168.1.50",
    place=DmxPlace,
    options=SacnOptions,
    connect=_connect_sacn,
    check=_check_sacn,
    misfit=misfit,
    target=(0.0, 255.0),
    libraries=("sacn",),
    extra="dmx",
)
"""The wire ``sacn``: E1.31, by multicast or to one machine."""

ARTNET = Wire(
    scheme="artnet",
    example="artnet://192.168.1.50",
    place=DmxPlace,
    options=ArtnetOptions,
    connect=_connect_artnet,
    check=_check_artnet,
    misfit=misfit,
    target=(0.0, 255.0),
)
"""The wire ``artnet``: to one machine, or to a broadcast address."""
