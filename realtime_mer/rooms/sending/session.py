"""``realtime-mer rooms send``, wired together: a source, what goes to a room, a terminal."""

import asyncio
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from realtime_mer.audio.block import Source
from realtime_mer.audio.intake import Intake
from realtime_mer.audio.opening import open_source
from realtime_mer.audio.pacing import Pacer
from realtime_mer.audio.spec import RawFormat
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.client.connecting import normalised
from realtime_mer.errors import RealtimeMerError
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.rooms.sending.sender import Sender
from realtime_mer.rooms.sending.terminal import SendingView, summary
from realtime_mer.rooms.sending.writing import writer
from realtime_mer.wire.sound import Format, Open, Ready
from realtime_mer.wire.tls import client_context
from realtime_mer.wording import literal

# Sound on standard input may come from a device whose clock runs a little faster than ours.
_PIPE_SPEED = 1.005
_LOOK_S = 0.25
_LAST_WORDS_S = 1.0  # that a connection may take to end after Ctrl-C


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """What ``realtime-mer rooms send`` was asked for.

    Attributes:
        room: its name.
        to: address of the service.
        token: that lets feed the room; None for none.
        ca: path of a PEM file with the certificate to trust; None for the usual ones.
        source, device, raw, channels: as for ``open_source``; files play by the clock.
        format: how samples are written.
        as_json: print JSON for programs.
    """

    room: str
    to: str
    token: str | None = None
    ca: str | None = None
    source: str | None = None
    device: str | None = None
    raw: RawFormat | None = None
    channels: tuple[int, ...] | None = None
    format: Format = "s16le"
    as_json: bool = False


def room_url(to: str, room: str) -> str:
    """Return the address at which a room takes sound.

    Args:
        to: of the service, with or without a slash at its end.
        room: its name.

    Raises:
        InputError: ``to`` is no address.
    """
    return f"{normalised(to).rstrip('/')}/rooms/{room}/audio"


def send_to_room(options: SendOptions) -> None:
    """Send until the sound ends, or Ctrl-C.

    Raises:
        RealtimeMerError: the source or the service refuses.
    """
    url = room_url(options.to, options.room)
    written = writer(options.format)
    context = client_context(options.ca) if url.startswith("wss:") else None
    console = console_for_people(stderr=options.as_json)
    with ExitStack() as stack:
        opened = open_source(
            options.source,
            device=options.device,
            raw=options.raw,
            channels=options.channels,
        )
        source = opened.source
        stack.callback(source.close)
        console.print(f"Source: {source.name} ({opened.why})")
        view = SendingView(options.room, console=console, as_json=options.as_json)
        supply = _Supply(source, rate=written.rate)

        notices: list[str] = []

        def told(answer: Ready) -> None:
            if notices[-1:] != [answer.notice]:  # at first, or a service does otherwise since
                notices.append(answer.notice)
                view.message(answer.notice)
            if supply.ident is None:  # not started yet: this is the first connection
                supply.start()

        sender = Sender(
            url,
            opening=Open(
                rate=written.rate,
                format=options.format,
                token=options.token,
                source=literal(source.name)[:200],
            ),
            writer=written,
            context=context,
            told=told,
        )
        supply.sender = sender
        connection = _Connection(sender)
        connection.start()
        stack.enter_context(view)
        try:
            while not connection.ended.wait(_LOOK_S):
                view.show(sender.figures)
        except KeyboardInterrupt:
            source.close()
            connection.end()
        source.close()
        supply.end()
        figures = sender.figures
        if options.as_json:
            view.record(figures)
        for said in [*summary(options.room, figures), *supply.faults()]:
            view.message(said)
    for thread in (connection, supply):
        if thread.error is not None:
            raise thread.error


class _Connection(threading.Thread):
    """The event loop of a sender.

    Attributes:
        error: what ended it; None for the end of the sound.
        ended: is set once it has. Not ``join``: Python 3.11 takes a thread whose join Ctrl-C
            broke off for one that has ended (bpo-45274).
    """

    def __init__(self, sender: Sender) -> None:
        super().__init__(name="room-connection", daemon=True)
        self.error: RealtimeMerError | None = None
        self.ended = threading.Event()
        self._sender = sender
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:
            pass
        except RealtimeMerError as error:
            self.error = error
        finally:
            self.ended.set()

    async def _run(self) -> None:
        self._task = asyncio.create_task(self._sender.run())
        self._loop = asyncio.get_running_loop()
        await self._task

    def end(self) -> None:
        """Say farewell and end, and without a farewell where the network does not take it."""
        self._sender.stop()
        if self.ended.wait(_LAST_WORDS_S) or self._loop is None or self._task is None:
            return
        with suppress(RuntimeError):  # it has ended since
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.ended.wait(_LAST_WORDS_S)


class _Supply(threading.Thread):
    """Reads a source and gives what it hears to a sender; started once the service is ready.

    Args:
        source: that is open.
        rate: samples a second that are sent.

    Attributes:
        sender: gets the sound; to be set before it is started.
        error: what ended it; None for the end of the sound.
    """

    sender: Sender

    def __init__(self, source: Source, *, rate: int) -> None:
        super().__init__(name="room-supply", daemon=True)
        self.error: RealtimeMerError | None = None
        self._source = source
        self._intake = Intake(target_rate=rate)

    def run(self) -> None:
        try:
            self._read()
        except RealtimeMerError as error:
            self.error = error
        self.sender.finish()

    def end(self) -> None:
        """Wait until nobody reads the source any more, which was closed; not for ever."""
        if self.ident is not None:
            self.join(_LAST_WORDS_S)

    def _read(self) -> None:
        pacer: Pacer | None = None
        while (block := self._source.read()) is not None:
            if isinstance(self._source, StdinSource):
                if pacer is None:
                    pacer = Pacer(rate=block.rate)
                    pacer.speed = _PIPE_SPEED
                pacer.wait(len(block.samples))
            self.sender.tell_device(gone=block.reconnecting)
            for piece in self._intake.push(block):
                self.sender.add(piece)
        for piece in self._intake.flush():
            self.sender.add(piece)

    def faults(self) -> list[str]:
        """Return what was wrong with the sound, one statement a line."""
        said = [f"{count} {what}" for what, count in self._intake.faults().items() if count]
        warning = self._source.warning if isinstance(self._source, StdinSource) else None
        return [*said, *([] if warning is None else [warning])]
