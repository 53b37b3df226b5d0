"""The live source: a microphone or what the system plays."""

import json
import queue
import threading
import time
from dataclasses import replace
from typing import IO, cast

import numpy as np

from realtime_mer.audio import capture
from realtime_mer.audio.block import Block
from realtime_mer.audio.devices import Device, Kind, capture_process, find_device
from realtime_mer.audio.picking import Picked, RememberedChannels, lacking, pick
from realtime_mer.errors import DeviceError

_RECONNECTING_EVERY_S = 0.25
_FIRST_RETRY_S, _LAST_RETRY_S = 0.25, 5.0


class DeviceSource:
    """A ``Source`` that captures a microphone or what the system plays.

    The device is opened by a process of its own. When that ends, because the device is gone or
    delivers nothing, ``read`` returns a ``reconnecting`` block four times a second while the device
    is being reopened by name: after 0.25 s, then after twice as long each time, at most 5 s. The
    first block from the reopened device tells in ``missing`` what the clock says was lost.

    Where no device was named it follows the system's default, if that is moved to another while the
    device is still there; ``name`` then is the other's.

    Args:
        kind: ``input`` or ``loopback``.
        device: index, name or part of a name; None for the default device.
        remembered: which channels to hear of a device that the default has moved to.

    Raises:
        DeviceError: there is no such device, several fit, or it cannot be opened.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        device: str | int | None = None,
        remembered: RememberedChannels | None = None,
    ) -> None:
        name = None if device is None else str(device).strip()
        if name is not None and name.isdecimal():
            name = find_device(name, kind=kind).name  # the process numbers one kind only
        self._kind = kind
        self._closed = threading.Event()
        self._lock = threading.Lock()  # so that close finds every process that was started
        self._follow = name is None
        self._remembered = remembered
        self._helper = _Helper(kind, name, follow=self._follow)
        try:
            self._device = self._helper.wait_open()
        except DeviceError:
            self._helper.close()
            raise
        self._heard_until = time.monotonic()
        self._picked: Picked | None = None
        # While reconnecting: gets the first block from the reopened device, or None once closed.
        self._reopened: queue.SimpleQueue[Block | None] | None = None

    @property
    def name(self) -> str:
        """The device's name, which is what it is reopened by."""
        return self._device.name

    @property
    def device(self) -> Device:
        """The device as it was when it was last opened."""
        return self._device

    @property
    def real_time(self) -> bool:
        """True: a sound card waits for nobody."""
        return True

    def pick(self, channels: Picked) -> None:
        """Hear these channels only, counted from 0; a device that comes back has to have them.

        Raises:
            DeviceError: it lacks one of them.
        """
        if problem := lacking(channels, channels=self._device.channels, name=self.name):
            raise DeviceError(f"{problem}; see `realtime-mer devices`")
        self._picked = channels

    def read(self) -> Block | None:
        """Return the next block; one without frames while reconnecting; None once closed."""
        if self._reopened is not None:
            try:
                block = self._reopened.get(timeout=_RECONNECTING_EVERY_S)
            except queue.Empty:
                return None if self._closed.is_set() else self._nothing()
            self._reopened = None
            if block is not None:
                block = self._with_loss(block)
        else:
            block = self._helper.read()
            if block is not None and self._helper.device is not self._device:
                block = self._moved(block)
            if block is None and not self._closed.is_set():
                self._reopened = queue.SimpleQueue()
                threading.Thread(
                    target=self._reopen, args=(self._reopened,), name="reopen", daemon=True
                ).start()
                return self._nothing()
        if block is None or self._closed.is_set():
            return None
        self._heard_until = cast(float, block.arrived_at)
        return replace(block, samples=pick(block.samples, self._picked))

    def close(self) -> None:
        """Stop capturing; a ``read`` in progress returns None at once."""
        self._closed.set()
        with self._lock:
            self._helper.close()

    def _reopen(self, reopened: "queue.SimpleQueue[Block | None]") -> None:
        """Start capture processes until one delivers sound. Runs in a thread of its own."""
        delay = _FIRST_RETRY_S
        while not self._closed.wait(delay):
            with self._lock:
                self._helper.close()
                if self._closed.is_set():
                    break
                self._helper = _Helper(self._kind, self._device.name, follow=self._follow)
            try:
                self._device = self._helper.wait_open()
            except DeviceError:
                block = None
            else:
                there = (
                    lacking(self._picked, channels=self._device.channels, name=self.name) is None
                )
                block = self._helper.read() if there else None
            if block is not None:
                reopened.put(block)
                return
            delay = min(2 * delay, _LAST_RETRY_S)
        reopened.put(None)

    def _moved(self, block: Block) -> Block:
        """Take over what was opened anew, mostly another device, from its first block on."""
        before, self._device = self._device, self._helper.device
        if before == self._device:
            return self._with_loss(block)
        known = None if self._remembered is None else self._remembered.get(self.name)
        there = lacking(known, channels=self._device.channels, name=self.name) is None
        self._picked = known if there else None
        return self._with_loss(block)

    def _nothing(self) -> Block:
        return Block(
            samples=pick(np.zeros((0, self._device.channels), dtype=np.float32), self._picked),
            rate=self._device.rate,
            arrived_at=time.monotonic(),
            reconnecting=True,
        )

    def _with_loss(self, block: Block) -> Block:
        started = cast(float, block.arrived_at) - len(block.samples) / block.rate
        lost = round((started - self._heard_until) * block.rate)
        return replace(block, missing=max(lost, 0))


class _Helper:
    """A running capture process.

    Attributes:
        device: what the sound that was read last came from; not before it is open.
    """

    device: Device

    def __init__(self, kind: Kind, device: str | None, *, follow: bool) -> None:
        arguments = ["--kind", kind, *(["--follow"] if follow else [])]
        if device is not None:
            arguments.append(f"--device={device}")
        self._process = capture_process(arguments)
        self._output = cast(IO[bytes], self._process.stdout)
        self._lock = threading.Lock()

    def wait_open(self) -> Device:
        """Wait until the device is open. Bounded, since the process watches itself."""
        message = self._message()
        if message is None:
            raise DeviceError(
                f"the sound system gave no answer (exit status {self._process.wait()}): "
                "`realtime-mer doctor` tells what is wrong"
            )
        header, payload = message
        if header.kind != capture.OPENED:
            raise DeviceError(payload.decode())
        self.device = Device(**json.loads(payload))
        return self.device

    def read(self) -> Block | None:
        """Wait for sound; None where the process has ended or the device failed."""
        message = self._message()
        while message is not None and message[0].kind == capture.OPENED:
            self.device = Device(**json.loads(message[1]))
            message = self._message()
        if message is None or message[0].kind != capture.SOUND:
            return None
        header, payload = message
        return Block(
            samples=np.frombuffer(payload, dtype=np.float32).reshape(-1, header.channels),
            rate=header.rate,
            arrived_at=header.arrived,
            missing=header.missing,
            xruns=header.xruns,
        )

    def close(self) -> None:
        """End the process; a read in progress returns None. May be called twice."""
        self._process.kill()  # it holds nothing that needs an orderly end
        with self._lock:
            self._output.close()
        self._process.wait()

    def _message(self) -> tuple[capture.Header, bytes] | None:
        with self._lock:
            return None if self._output.closed else capture.read_message(self._output)
