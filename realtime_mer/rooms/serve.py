"""``realtime-mer rooms serve``: the service of rooms as a process, until somebody ends it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.leaving import call_when_asked_to_end
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.contract import Model
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.names import ROOMS
from realtime_mer.rooms.nodes.alone import Alone
from realtime_mer.rooms.nodes.computer import Computer
from realtime_mer.rooms.nodes.described import described
from realtime_mer.rooms.nodes.node import Node
from realtime_mer.rooms.service import RoomsOptions, RoomsService
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from realtime_mer.rooms.tokens.grants import Tokens
from realtime_mer.wire.tls import server_context
from realtime_mer.wording import ROOM_NOTICES, SOUND_BETWEEN, counted

_OF_WHICH = {  # what is said next, by whether rooms are recorded here, and whether others might
    (False, False): "Of all rooms:",
    (True, False): "Of rooms that are not recorded:",
    (False, True): "Of rooms that no node records:",
    (True, True): "Of rooms that no node records:",
}


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What ``realtime-mer rooms serve`` was asked for.

    Attributes:
        rooms: of the service itself; its context for TLS is made here.
        folder: for what is kept of tokens and rooms, where that is not in NATS.
        nats: what lies between the machines of the service; None where this process is alone.
        keep: whether states are kept on disk, where it is.
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``, where it is.
        cert, key: paths of PEM files for TLS; None for plain text.
    """

    rooms: RoomsOptions
    folder: Path
    nats: NatsAddress | None = None
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
        ServiceError: nobody can listen there, the thread that computes has ended, or NATS has
            ended the connection.
    """
    context = None if options.cert is None else server_context(options.cert, options.key)
    rooms = replace(options.rooms, ssl=context)
    model: Model
    computer: Computer
    tokens: Tokens
    if options.nats is None:
        model = recognizer = load_recognizer(options.model, options.compute)
        compute_on_one_thread()
        tokens = TokenFile(options.folder / TOKENS)
        folder = options.folder if options.keep else None
        computer = Alone(recognizer, folder=folder, rooms=rooms.limits.rooms, say=say)
    else:
        model = described(options.model)
        computer = node = Node(options.nats, model, rooms=rooms.limits.rooms, say=say)
        say(f"Node {node.id}")
        tokens = node.tokens
        _tell_of_unused(TokenFile(options.folder / TOKENS), options.nats, say)
        # A live sender is no faster than the clock: it has nothing to wait for.
        rooms = replace(rooms, limits=replace(rooms.limits, patience_s=0.0))
    service = RoomsService(model, rooms, computer=computer, tokens=tokens, say=say)

    def announce() -> None:
        url = service.public_url
        say(f"Rooms: {url}{ROOMS}/NAME (feed one at {url}{ROOMS}/NAME/audio)")
        if url != service.url:
            say(f"Here, for the proxy before it: {service.url}")
        say(_OF_WHICH[bool(options.rooms.record), options.nats is not None])
        say(ROOM_NOTICES[False, False])
        if options.nats is not None:
            say(SOUND_BETWEEN.format(options.nats.shown))
        if service.rights.asked:
            between = "" if options.nats is None else f" --nats {options.nats.shown}"
            say(
                "Tokens are asked for: realtime-mer rooms token make NAME feed|watch|manage"
                f"{between}"
            )

    asyncio.run(_until_asked(service, announce, say))


async def _until_asked(
    service: RoomsService, announce: Callable[[], None], say: Callable[[str], None]
) -> None:
    def end() -> None:
        say("Ending: whoever is there is told, and the rooms are kept.")
        service.stop()

    call_when_asked_to_end(end)
    await service.run(announce)


def _tell_of_unused(file: TokenFile, nats: NatsAddress, say: Callable[[str], None]) -> None:
    """Say that tokens of a file let nobody in where they lie in NATS."""
    if unused := len(file.grants()):
        say(
            f"{file.path} holds {counted(unused, 'token')} that let nobody in here: those of all "
            f"nodes are made with `realtime-mer rooms token make --nats {nats.shown}`"
        )


def check_folder(folder: Path) -> None:
    """Make sure that a folder can be written.

    Raises:
        InputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from error
