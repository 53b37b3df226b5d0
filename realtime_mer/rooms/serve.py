"""``realtime-mer rooms serve``: the service of rooms as a process, until somebody ends it."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace

from realtime_mer.leaving import ending_signals, leave_terminal
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.names import ROOMS
from realtime_mer.rooms.nodes.alone import Alone
from realtime_mer.rooms.service import RoomsOptions, RoomsService
from realtime_mer.wire.tls import server_context
from realtime_mer.wording import ROOM_NOTICES


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What ``realtime-mer rooms serve`` was asked for.

    Attributes:
        rooms: of the service itself; its context for TLS is made here.
        keep: whether states are kept on disk.
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``.
        cert, key: paths of PEM files for TLS; None for plain text.
    """

    rooms: RoomsOptions
    keep: bool = True
    model: str = "default"
    compute: str = "auto"
    cert: str | None = None
    key: str | None = None


def run_rooms_serve(options: ServeOptions, *, say: Callable[[str], None]) -> None:
    """Serve rooms until a signal asks for the end; then whoever is there is told, and all is kept.

    Args:
        options: what was asked for.
        say: takes a line for people, in any thread.

    Raises:
        InputError: a setting or a file cannot be used.
        ServiceError: nobody can listen there, or the thread that computes has ended.
    """
    context = None if options.cert is None else server_context(options.cert, options.key)
    recognizer = load_recognizer(options.model, options.compute)
    compute_on_one_thread()
    rooms = options.rooms
    folder = rooms.folder if options.keep else None
    computer = Alone(recognizer, folder=folder, rooms=rooms.limits.rooms, say=say)
    service = RoomsService(recognizer, replace(rooms, ssl=context), computer=computer, say=say)

    def announce() -> None:
        say(f"Rooms: {service.url}{ROOMS}/NAME (feed one at {service.url}{ROOMS}/NAME/audio)")
        recorded = bool(options.rooms.record)
        say("Of rooms that are not recorded:" if recorded else "Of all rooms:")
        say(ROOM_NOTICES[False, False])
        if service.rights.asked:
            say("Tokens are asked for: realtime-mer rooms token make NAME feed|watch|manage")

    asyncio.run(_until_asked(service, announce, say))


async def _until_asked(
    service: RoomsService, announce: Callable[[], None], say: Callable[[str], None]
) -> None:
    def end(number: signal.Signals) -> None:
        leave_terminal(number)
        say("Ending: whoever is there is told, and the rooms are kept.")
        service.stop()

    loop = asyncio.get_running_loop()
    for number in ending_signals():
        try:
            loop.add_signal_handler(number, end, number)
        except NotImplementedError:  # on Windows Ctrl-C cancels what runs (not run on Windows)
            signal.signal(number, lambda code, frame: end(signal.Signals(code)))
    await service.run(announce)
