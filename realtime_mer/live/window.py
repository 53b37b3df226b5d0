"""Opening the window of a session: a process of its own, and the pipes to it."""

import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from realtime_mer import display
from realtime_mer.live.control_pipe import ControlPipe
from realtime_mer.live.outlets import Outlets, ServiceOptions
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Hello
from realtime_mer.wording import installing

if TYPE_CHECKING:  # it brings devices, which a replay has no use for
    from realtime_mer.live.controller import Controller

_NOT_INSTALLED = "No window, since PySide6 or pyqtgraph, which draw it, are not installed"


def open_window(
    outlets: Outlets,
    *,
    hello: Hello,
    service: ServiceOptions | None,
    console: Console,
    stack: ExitStack,
    controller: "Controller | None" = None,
    layout: Literal["dj", "therapy"] | None = None,
    closed: Callable[[], None] = lambda: None,
) -> None:
    """Open a window where there is a screen; tell where nothing is installed to draw it.

    Args:
        outlets: the window becomes one of them.
        hello, service, console, stack: as for ``open_outlets``.
        controller: carries out what the window asks; None for a window without controls.
        layout: as for ``display.spawn``.
        closed: called, from a thread of its own, when somebody closes a window with controls.
    """
    if not display.has_screen():
        return
    if not display.is_installed():
        console.print(f"{_NOT_INSTALLED}: {installing('display')}")
        return
    # The window is a client like any other. Without a service that it can use as it is (a
    # certificate is for a name, not for this machine's loopback) it gets a private one.
    services = outlets.services
    if not services or (service is not None and service.cert is not None):
        private = Service(hello=hello, port=0, token=secrets.token_urlsafe())
        services.append(stack.enter_context(private))
    link = service.link(services[0]) if service is not None else None
    process = display.spawn(
        services[-1].url,
        token=services[-1].token,
        link=link,
        controls=controller is not None,
        layout=layout,
    )
    stack.enter_context(_until_the_end(process, controller, closed))


@contextmanager
def _until_the_end(
    process: subprocess.Popen[bytes],
    controller: "Controller | None",
    closed: Callable[[], None],
) -> Iterator[None]:
    ending = threading.Event()

    def at_end() -> None:
        if not ending.is_set():
            closed()

    pipe = None
    if controller is not None and process.stdout is not None and process.stdin is not None:
        pipe = ControlPipe(
            process.stdout, process.stdin, carry_out=controller.carry_out, at_end=at_end
        )
        pipe.start()
        controller.attach(pipe.send)
    try:
        yield
    finally:
        ending.set()
        process.terminate()
        try:
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
        if pipe is not None:
            pipe.close()
