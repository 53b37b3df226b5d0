"""Which inputs and loopbacks there are, and how a person names one.

The libraries that know are asked in short-lived processes of their own (``capture --list``):
PortAudio lists devices only when it starts, and a sound server that hangs answers never.
"""

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from realtime_mer.errors import DeviceError

Kind = Literal["input", "loopback"]

_LIST_TIMEOUT_S = 15.0
_DEFAULT = "default"
_SHOWN = {"input": "input device", "loopback": "system-audio loopback"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """Something to listen to.

    Attributes:
        index: number in ``list_devices()``; it changes when devices come and go.
        name: unique among its kind; this is what is remembered.
        kind: ``input`` for microphones and line inputs, ``loopback`` for what the system plays.
        rate: sample rate in Hz at which it is opened.
        channels: channels that are opened.
        default: whether it is used where none is named.
        backend: library that opens it, ``sounddevice`` or ``soundcard``.
    """

    index: int
    name: str
    kind: Kind
    rate: int
    channels: int
    default: bool
    backend: Literal["sounddevice", "soundcard"]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping with every attribute."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The devices found, and why there may be fewer than hoped for.

    Attributes:
        devices: inputs first, then loopbacks.
        problems: for each kind that could not be listed, what is wrong and what to do.
    """

    devices: tuple[Device, ...]
    problems: dict[Kind, str]


def list_devices() -> list[Device]:
    """Return all inputs and loopbacks; empty where there are none. Takes about half a second."""
    return list(survey().devices)


def survey() -> Listing:
    """List all devices, in fresh processes, and say what stood in the way. Never raises."""
    kinds: tuple[Kind, Kind] = ("input", "loopback")
    processes = {kind: capture_process(["--list", "--kind", kind]) for kind in kinds}
    devices: list[Device] = []
    problems: dict[Kind, str] = {}
    for kind, process in processes.items():
        try:
            output, _ = process.communicate(timeout=_LIST_TIMEOUT_S)
            answer = json.loads(output)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            answer = {"error": f"the sound system gave no answer for {_LIST_TIMEOUT_S:.0f} s"}
        except ValueError:
            answer = {"error": f"listing devices failed with exit status {process.returncode}"}
        if "error" in answer:
            problems[kind] = answer["error"]
        devices += [Device(**found) for found in answer.get("devices", ())]
    numbered = tuple(replace(one, index=index) for index, one in enumerate(devices))
    return Listing(devices=numbered, problems=problems)


def find_device(spec: str | int | None = None, *, kind: Kind) -> Device:
    """Return the device that a person means.

    Args:
        spec: index, whole name or part of a name in any case; None or ``default`` for the
            default device.
        kind: ``input`` or ``loopback``.

    Raises:
        DeviceError: there is no such device, or several fit; the message names them.
    """
    listing = survey()
    return select(listing.devices, spec, kind=kind, problem=listing.problems.get(kind))


def select(
    devices: Sequence[Device], spec: str | int | None, *, kind: Kind, problem: str | None = None
) -> Device:
    """Choose from a list of devices; arguments and errors as for ``find_device``.

    Args:
        problem: why devices of this kind could not be listed, for the message.
    """
    candidates = [device for device in devices if device.kind == kind]
    if not candidates:
        reason = f": {problem}" if problem else ""
        raise DeviceError(
            f"there is no {_SHOWN[kind]}{reason}; `realtime-mer doctor` tells what to do"
        )
    wanted = _DEFAULT if spec is None else str(spec).strip().casefold()
    exact = [device for device in candidates if device.name.casefold() == wanted]
    if spec is not None and exact:
        return exact[0]
    if wanted == _DEFAULT:
        return next((device for device in candidates if device.default), candidates[0])
    if wanted.isdecimal():
        return _by_index(devices, int(wanted), kind)
    partial = [device for device in candidates if wanted in device.name.casefold()]
    if len(partial) == 1:
        return partial[0]
    if partial:
        names = ", ".join(f"{device.index} {device.name!r}" for device in partial)
        raise DeviceError(f"{spec!r} fits several devices ({names}): give more of the name")
    raise DeviceError(
        f"there is no {_SHOWN[kind]} {spec!r}; nearest: {_nearest(wanted, candidates)}. "
        "`realtime-mer devices` lists them all"
    )


def _by_index(devices: Sequence[Device], index: int, kind: Kind) -> Device:
    for device in devices:
        if device.index == index:
            if device.kind == kind:
                return device
            raise DeviceError(
                f"device {index} is {device.name!r}, of kind {device.kind}, not {kind}: "
                "`realtime-mer devices` lists them all"
            )
    raise DeviceError(f"there is no device {index}: `realtime-mer devices` lists them all")


def _nearest(wanted: str, candidates: Sequence[Device]) -> str:
    def likeness(device: Device) -> float:
        return difflib.SequenceMatcher(a=wanted, b=device.name.casefold()).ratio()

    nearest = sorted(candidates, key=likeness, reverse=True)[:3]
    return ", ".join(repr(device.name) for device in nearest)


def capture_process(
    arguments: Sequence[str], *, module: str = "realtime_mer.audio.capture", **options: Any
) -> subprocess.Popen[bytes]:
    """Start the capture helper with this interpreter, this package and the given arguments.

    Its standard output is a pipe. It gets no Ctrl-C of its own: the session ends it in order.

    Args:
        arguments: of ``python -m realtime_mer.audio.capture``.
        module: another helper that has to do with devices.
        options: of ``subprocess.Popen``.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package_root, inherited] if inherited else [package_root])
    if sys.platform == "win32":  # not run on Windows
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        options["creationflags"] = flags
    else:
        options["start_new_session"] = True
    return subprocess.Popen(
        # -P: a file named like a library in the user's folder must not be imported for it.
        [sys.executable, "-P", "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # ALSA and JACK chatter there
        **{"stdin": subprocess.DEVNULL, **options},
    )
