"""``realtime-mer doctor``: what this machine has for a session, and what to do about the rest.

Everything is tried as a session would use it; whatever could hang or crash is tried in a process
of its own. The advice for macOS and Windows was not tried there.
"""

import importlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import typer

from realtime_mer.audio.devices import Listing, survey
from realtime_mer.commands.arguments import AsJson
from realtime_mer.commands.first_words import say
from realtime_mer.commands.libraries import library_problem
from realtime_mer.errors import DeviceError, RealtimeMerError, ServiceError
from realtime_mer.service.listening import check_free
from realtime_mer.wording import counted, installing

if TYPE_CHECKING:
    from realtime_mer.recognizer.contract import StreamingRecognizer

DEFAULT_PORT = 8765

_LISTEN_S = 1.0
_LISTEN_LIMIT_S = 10.0
_QT_LIMIT_S = 60.0
_HOPS_TIMED = 5

# What a session needs beside sound, network and window, and the libraries that each part imports.
_PARTS = {
    "sound files": ("numpy", "soundfile", "soxr"),
    "service": ("pydantic", "websockets", "prometheus_client", "segno", "pythonosc"),
    "sessions": ("cryptography", "pyarrow", "typst"),
}


def doctor(as_json: AsJson = False) -> None:
    """Find out what is missing on this machine, and what to do about it.

    `realtime-mer doctor` tries everything that a session uses: sound, network, window and port.
    """
    say("Checking what a session needs")

    from rich.text import Text

    from realtime_mer.printing.console import console

    shown = console()
    results = []
    for check in checks():
        results.append(check)
        if not as_json:
            sign = {True: ("ok", "green"), False: ("no", "red"), None: ("--", "yellow")}[check.ok]
            shown.print(Text.assemble(sign, "  ", (check.name, "bold"), ": "), end="")
            shown.print(check.detail)
            if not check.ok and check.advice:
                shown.print(f"    {check.advice}")
    if as_json:
        print(json.dumps([check.to_dict() for check in results], indent=2, allow_nan=False))
    if any(check.ok is False for check in results):
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        ok: True where it works, False where a session would miss it, None where it was not tried or
            a session does without it.
        detail: what was found.
        advice: what to do, on this operating system; None where there is nothing to do.
    """

    name: str
    ok: bool | None
    detail: str
    advice: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping with every attribute."""
        return asdict(self)


def checks(*, port: int = DEFAULT_PORT, names: Collection[str] | None = None) -> Iterator[Check]:
    """Look at what a live session uses, one thing after the other, all of it in some seconds.

    Args:
        port: port of the WebSocket service.
        names: of the things to look at; None for all.
    """
    listing = cache(survey)
    looks: dict[str, Callable[[], Check]] = {
        "audio back end": lambda: _audio_back_end(listing()),
        "microphone": lambda: _microphone(listing()),
        "system audio": lambda: _system_audio(listing()),
        **{name: partial(_part, name, libraries) for name, libraries in _PARTS.items()},
        "compute": _compute,
        "checkpoint": _checkpoint,
        "window": _window,
        "port": partial(_port, port),
    }
    for name, look in looks.items():
        if names is not None and name not in names:
            continue
        try:
            yield look()
        except (ImportError, OSError) as error:
            yield _broken(name, error)


def _broken(name: str, error: ImportError | OSError) -> Check:
    problem = library_problem(error)
    if problem is not None:
        return Check(name=name, ok=False, detail=problem.detail, advice=problem.advice)
    return Check(
        name=name,
        ok=False,
        detail=str(error),
        advice="see that there is room and access",
    )


def _part(name: str, libraries: tuple[str, ...]) -> Check:
    for library in libraries:
        importlib.import_module(library)
    return Check(name=name, ok=True, detail=f"{', '.join(libraries)} can be imported")


def _audio_back_end(listing: Listing) -> Check:
    problem = listing.problems.get("input")
    inputs = [device for device in listing.devices if device.kind == "input"]
    if problem is not None:
        return Check(name="audio back end", ok=False, detail=problem, advice=_install_portaudio())
    return Check(
        name="audio back end",
        ok=True,
        detail=f"the sound system works and has {counted(len(inputs), 'input')}",
    )


def _install_portaudio() -> str:
    return _by_system(
        linux="install PortAudio: `sudo apt install libportaudio2`",
        macos="install again: `pip install --force-reinstall sounddevice` brings PortAudio along",
        windows="install again: `pip install --force-reinstall sounddevice` brings PortAudio along",
    )


_PLAYED = "what this machine plays, `realtime-mer live system`,"
_BUILT_IN = "the built-in piece, `realtime-mer live demo`"


def _microphone(listing: Listing) -> Check:
    """Listen for a second: a denied permission shows as exact zeros."""
    name = "microphone"
    if not any(device.kind == "input" for device in listing.devices):
        return Check(
            name=name,
            ok=None,
            detail="there is no input device",
            advice=_by_system(
                linux=f"plug one in, or hear {_PLAYED} or {_BUILT_IN}",
                macos=f"plug one in, or hear {_BUILT_IN}",
                windows=f"plug one in, or hear {_PLAYED} or {_BUILT_IN}",
            ),
        )
    import numpy as np

    from realtime_mer.audio.sources import DeviceSource

    try:
        source = DeviceSource(kind="input")
    except DeviceError as error:
        return Check(name=name, ok=False, detail=str(error), advice=_permit_microphone())
    watchdog = threading.Timer(_LISTEN_LIMIT_S, source.close)
    watchdog.start()
    try:
        peak, seconds = 0.0, 0.0
        while seconds < _LISTEN_S and (block := source.read()) is not None:
            if len(block.samples):
                peak = max(peak, float(np.abs(block.samples).max()))
                seconds += len(block.samples) / block.rate
    finally:
        watchdog.cancel()
        source.close()
    if seconds < _LISTEN_S:
        return Check(
            name=name,
            ok=False,
            detail=f"{source.name!r} gave {seconds:.1f} s of sound in {_LISTEN_LIMIT_S:.0f} s",
            advice="choose another device with --device; `realtime-mer devices` lists them",
        )
    if peak == 0:
        return Check(
            name=name,
            ok=False,
            detail=f"{source.name!r} gives exact zeros: no permission, or muted",
            advice=_permit_microphone(),
        )
    level = 20 * math.log10(max(peak, 1e-6))
    return Check(name=name, ok=True, detail=f"{source.name!r} hears sound, peak {level:.0f} dBFS")


def _permit_microphone() -> str:
    return _by_system(
        linux="unmute it and choose it as the input in the sound settings (or `pavucontrol`)",
        macos="allow the terminal in System Settings > Privacy & Security > Microphone, and start "
        "the terminal again",
        windows="allow desktop apps in Settings > Privacy & security > Microphone",
    )


def _system_audio(listing: Listing) -> Check:
    loopbacks = [device for device in listing.devices if device.kind == "loopback"]
    if loopbacks:
        chosen = next((device for device in loopbacks if device.default), loopbacks[0])
        return Check(name="system audio", ok=True, detail=f"{chosen.name!r} can be listened to")
    return Check(
        name="system audio",
        ok=None,
        detail=listing.problems.get("loopback", "there is no output device to listen to"),
        advice=_by_system(
            linux="start a sound server: `pulseaudio --start`, or install pipewire-pulse",
            macos="install BlackHole and play through a Multi-Output Device that contains it",
            windows="connect or enable an output device in Settings > System > Sound",
        ),
    )


def _compute() -> Check:
    from realtime_mer.recognizer.compute import choose_compute

    chosen = choose_compute("auto")
    enough = ", which is enough" if chosen.name == "light" else ""
    return Check(name="compute", ok=True, detail=f"{chosen.name}{enough}: {chosen.why}")


def _checkpoint() -> Check:
    from realtime_mer.model.files import shipped_checkpoints
    from realtime_mer.recognizer.loading import load_recognizer

    told = []
    try:
        for name in sorted({"default", *(stem.name for stem in shipped_checkpoints())}):
            recognizer = load_recognizer(name, "light")
            hop_s = recognizer.hop_samples / recognizer.sample_rate
            told.append(
                f"{name} (every {hop_s:.2f} s an estimate, in {_hop_ms(recognizer):.1f} ms)"
            )
    except RealtimeMerError as error:
        return Check(
            name="checkpoint",
            ok=False,
            detail=str(error),
            advice="install again: `pip install --force-reinstall realtime-mer`",
        )
    return Check(name="checkpoint", ok=True, detail=f"these load: {', '.join(told)}")


def _hop_ms(recognizer: "StreamingRecognizer") -> float:
    """Return how many milliseconds a hop takes, the least of a few."""
    import numpy as np

    state = recognizer.initial_state()
    silence = np.zeros((1, recognizer.hop_samples), np.float32)
    times = []
    for _ in range(_HOPS_TIMED):
        began = time.perf_counter()
        _, state = recognizer.step(silence, state)
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def _window() -> Check:
    from realtime_mer import display

    name = "window"
    if not display.is_installed():
        return Check(
            name=name,
            ok=None,
            detail="the display extra is not installed",
            advice=installing("display"),
        )
    screen = display.has_screen()
    environ = os.environ if screen else {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    code = "import pyqtgraph; from PySide6.QtWidgets import QApplication; QApplication([])"
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_QT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return Check(
            name=name,
            ok=False,
            detail=f"Qt did not start in {_QT_LIMIT_S:.0f} s",
            advice="see that the screen answers, or run with --no-window",
        )
    if tried.returncode != 0:
        lines = tried.stderr.decode(errors="replace").strip().splitlines()
        return Check(
            name=name,
            ok=False,
            detail=f"Qt does not start: {lines[-1] if lines else f'status {tried.returncode}'}",
            advice=_by_system(
                linux="`sudo apt install libegl1 libgl1 libxkbcommon-x11-0 libdbus-1-3 "
                "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0`",
                macos="`pip install --force-reinstall 'realtime-mer[display]'`",
                windows="`pip install --force-reinstall 'realtime-mer[display]'`",
            ),
        )
    if screen:
        return Check(name=name, ok=True, detail="Qt starts and there is a screen")
    return Check(
        name=name,
        ok=None,
        detail="Qt starts, but there is no screen",
        advice="watch the estimates in the terminal, or elsewhere with `realtime-mer subscribe`",
    )


def _port(port: int) -> Check:
    try:
        check_free("127.0.0.1", port)
    except ServiceError as error:
        return Check(
            name="port",
            ok=False,
            detail=str(error),
            advice="end what uses it, another session perhaps, or choose another with --port",
        )
    return Check(name="port", ok=True, detail=f"port {port} is free")


def _by_system(*, linux: str, macos: str, windows: str) -> str:
    return {"darwin": macos, "win32": windows}.get(sys.platform, linux)
