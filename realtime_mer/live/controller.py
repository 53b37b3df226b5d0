"""Carries out what the window asks of a running session."""

import threading
from collections.abc import Callable

from realtime_mer.audio.devices import Kind, find_device, survey
from realtime_mer.audio.levels import channel_levels
from realtime_mer.audio.opening import Opened, open_source
from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.errors import DeviceError, InputError, RealtimeMerError
from realtime_mer.live.settings import LiveSettings
from realtime_mer.sessions.recording import Deck
from realtime_mer.wire.control import (
    AskDevices,
    AskLevels,
    ChangeSettings,
    ChangeSource,
    ChannelLevels,
    Command,
    DeviceEntry,
    Devices,
    Failed,
    Pause,
    Record,
    Report,
    Reset,
    Resume,
    SessionState,
    StopRecording,
    command_name,
    one_line,
)


class Controller:
    """Carries out commands, and says how the session stands whenever that has changed.

    What takes its time, such as opening a device, is done in the thread of ``carry_out``: the sound
    goes on meanwhile, and where it fails nothing has changed.

    Args:
        opened: the source that the session began with.
        switch: plays it.
        deck: records the session.
        tell: told of a recording that has begun or ended, for everybody who watches.
        settings: what else can be changed.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        switch: SwitchableSource,
        deck: Deck,
        tell: Callable[[], None],
        settings: LiveSettings,
    ) -> None:
        self._settings = settings
        self._opened, self._switch, self._deck, self._tell = opened, switch, deck, tell
        self._send: Callable[[Report], None] | None = None
        self._sent: SessionState | None = None
        self._lock = threading.Lock()  # between the commands and ``refresh``

    def attach(self, send: Callable[[Report], None]) -> None:
        """Send reports there from now on, beginning with the state; ``send`` returns at once."""
        with self._lock:
            self._send, self._sent = send, None
        self.refresh()

    def refresh(self) -> None:
        """Send the state if anything in it has changed, to the window and to pages."""
        with self._lock:
            self._settings.serve_pages()
            state = self.state()
            if self._send is not None and state != self._sent:
                self._sent = state
                self._send(state)

    def state(self) -> SessionState:
        """Return how the session stands."""
        opened, recording = self._opened, self._deck.state
        return SessionState(
            paused=self._switch.paused,
            source=one_line(opened.spec),
            device=None if opened.device is None else one_line(opened.device),
            title=one_line(opened.source.name),
            recording=self._deck.name,
            sound=recording is not None and recording.sound,
            settings=self._settings.state(),
        )

    @property
    def opened_to_phones(self) -> bool:
        """Whether somebody let phones watch since the session began."""
        settings = self._settings.state()
        return settings.phones is not None and bool(settings.opens)

    def carry_out(self, command: Command) -> None:
        """Carry out a command and answer it."""
        try:
            self._carry_out(command)
        except RealtimeMerError as error:
            if self._send is not None:
                self._send(Failed(do=command_name(command), message=one_line(str(error))))
        self.refresh()

    def _carry_out(self, command: Command) -> None:
        match command:
            case Pause():
                self._switch.pause()
            case Resume():
                self._switch.resume()
            case Reset():
                self._switch.reset()
            case AskDevices():
                self._list_devices()
            case AskLevels():
                self._listen_to_channels()
            case ChangeSource():
                self._change(command)
            case Record(name=name, sound=sound):
                self._deck.begin(name, sound=sound)
                self._tell()
            case ChangeSettings(change=change):
                self._settings.apply(change)
            case StopRecording():
                if self._deck.state is None:
                    raise InputError("Nothing is being recorded.")
                self._deck.end()
                self._tell()

    def _list_devices(self) -> None:
        listing = survey()
        if not listing.devices and listing.problems:
            raise DeviceError("; ".join(listing.problems.values()))
        entries = tuple(
            DeviceEntry(
                kind="mic" if device.kind == "input" else "system",
                name=one_line(device.name),
                default=device.default,
            )
            for device in listing.devices
        )
        if self._send is not None:
            self._send(Devices(devices=entries))

    def _listen_to_channels(self) -> None:
        kinds: dict[str, Kind] = {"mic": "input", "system": "loopback"}
        kind = kinds.get(self._opened.spec)
        if kind is None:
            raise InputError("Only a device has channels to choose from.")
        levels = channel_levels(find_device(self._opened.device, kind=kind))
        if self._send is not None:
            self._send(ChannelLevels(levels=tuple(levels)))

    def _change(self, to: ChangeSource) -> None:
        if to.source == "-":
            raise InputError("Standard input can only be listened to from the start: `live -`.")
        asked = to.channels
        picked = None if asked is None else tuple(sorted({number - 1 for number in asked}))
        opened = open_source(to.source, device=to.device, channels=picked)
        self._switch.change(opened.source)
        self._opened = opened
