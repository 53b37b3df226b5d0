"""What the window asks of the session that opened it, and what that answers."""

from collections.abc import Callable

from PySide6.QtWidgets import QFileDialog, QWidget

from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.window.dialogs import ChannelsDialog, RecordDialog
from realtime_mer.display.window.menus import Menus
from realtime_mer.display.window.settings import SettingsDialog
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
)
from realtime_mer.wire.settings import Change, Settings
from realtime_mer.wording import PHONES_END


class SessionControl:
    """Sends commands through a pipe, and shows in menus and words what came of them.

    Args:
        pipe: leads to the session; None where the window may only watch.
        parent: of the dialogs.
        say: called with a sentence for people, and whether something failed.
    """

    def __init__(
        self, pipe: SessionPipe | None, *, parent: QWidget, say: Callable[[str, bool], None]
    ) -> None:
        self._pipe, self._parent, self._say = pipe, parent, say
        self._menus: Menus | None = None
        self._state: SessionState | None = None
        self._devices: tuple[DeviceEntry, ...] = ()
        self._no_devices = ""  # why there are none

    @property
    def ended(self) -> bool:
        """Whether the session has ended, or closed its end of the pipe."""
        return self._pipe is not None and self._pipe.ended

    @property
    def settings(self) -> Settings | None:
        """How what can be changed while the session runs stands; None if it did not say so."""
        return None if self._state is None else self._state.settings

    def attach(self, menus: Menus) -> None:
        """Show from now on how the session stands in these menus."""
        self._menus = menus

    def take(self) -> bool:
        """Take what the session has answered since the last call; return whether it did."""
        reports = self._pipe.take() if self._pipe is not None else []
        for report in reports:
            self._take(report)
        return bool(reports)

    def pause(self, on: bool) -> None:
        """Ask for a pause, or for its end."""
        self._ask(Pause() if on else Resume())

    def reset(self) -> None:
        """Ask to forget what was heard."""
        self._ask(Reset())

    def stop_recording(self) -> None:
        """Ask for the end of the recording."""
        self._ask(StopRecording())

    def ask_devices(self) -> None:
        """Ask which devices there are; the menu will say so."""
        if self._pipe is not None:
            self._pipe.send(AskDevices())

    def choose(self, source: ChangeSource) -> None:
        """Ask for another source."""
        self._ask(source)
        self._show_devices()  # ticked once the session says so

    def choose_file(self) -> None:
        """Let somebody choose a file, and ask for it."""
        path, _ = QFileDialog.getOpenFileName(self._parent, "Listen to a file")
        if path:
            self.choose(ChangeSource(source=path))

    def pick_channels(self) -> None:
        """Let somebody say which channels of the device to hear, and ask for them."""
        state = self._state
        if state is None or state.source not in ("mic", "system"):
            self._say("Channels can be picked of a device: choose one first (Ctrl+D).", True)
            return
        source, device = state.source, state.device
        ChannelsDialog(
            state.title,
            lambda picked: self.choose(ChangeSource(source=source, device=device, channels=picked)),
            parent=self._parent,
        ).open()
        self._ask(AskLevels())

    def record(self) -> None:
        """Let somebody say what to record, and ask for it."""
        RecordDialog(
            lambda name, sound: self._ask(Record(name=name or None, sound=sound)),
            parent=self._parent,
        ).open()

    def change_settings(self) -> None:
        """Let somebody say what is to be otherwise, and ask for it."""
        SettingsDialog(self.settings or Settings(), self._change, parent=self._parent).open()

    def allow_phones(self, on: bool) -> None:
        """Ask that phones may watch, or no longer."""
        self._change(Change(phones=on))

    def _change(self, change: Change) -> None:
        self._ask(ChangeSettings(change=change))

    def _ask(self, command: Command) -> None:
        if self._pipe is not None and not self._pipe.send(command):
            self._say("The session is busy and was not asked: try again.", True)

    def _take(self, report: Report) -> None:
        match report:
            case SessionState():
                before, self._state = self._state, report
                self._show_state()
                self._show_devices()
                if before is not None:
                    self._say_change(before, report)
            case Devices():
                self._devices, self._no_devices = report.devices, ""
                self._show_devices()
            case ChannelLevels():
                for dialog in self._parent.findChildren(ChannelsDialog):
                    dialog.show_levels(report.levels)
            case Failed(do="levels"):
                for dialog in self._parent.findChildren(ChannelsDialog):
                    dialog.show_problem(report.message)
            case Failed(do="devices"):  # the window asked, not a person: the menu says it
                self._devices, self._no_devices = (), report.message
                self._show_devices()
            case Failed():
                message = report.message
                if report.do == "source" and self._state is not None:
                    message = f"{message.rstrip('.')}. Still listening to {self._state.title}."
                self._say(message, True)
                self._show_state()  # the tick that it took at once goes back

    def _show_state(self) -> None:
        if self._menus is not None and self._state is not None:
            self._menus.show_state(self._state)

    def _show_devices(self) -> None:
        if self._menus is not None:
            self._menus.show_devices(self._devices, self._state, problem=self._no_devices)

    def _say_change(self, before: SessionState, state: SessionState) -> None:
        if (before.source, before.device) != (state.source, state.device):
            self._say(f"Listening to {state.title}.", False)
        elif before.settings.phones is None and state.settings.phones is not None:
            self._say("Phones may watch.", False)
        elif before.settings.phones is not None and state.settings.phones is None:
            self._say(f"{PHONES_END[0].upper()}{PHONES_END[1:]}.", False)
        elif before.recording is None and state.recording is not None:
            sound = "with its SOUND" if state.sound else "without sound"
            self._say(f"Recording {state.recording}, {sound}.", False)
        elif before.recording is not None and state.recording is None:
            self._say(f"The recording of {before.recording} has ended.", False)
