"""Menus and keys: what can be asked of the window, in one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from realtime_mer.display.theme import THEMES
from realtime_mer.wire.control import ChangeSource, DeviceEntry, SessionState
from realtime_mer.wording import literal

_NO_PIPE = (
    "Only the window that the session itself opened can do this: "
    "start it there with realtime-mer live"
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something that can be asked for.

    Attributes:
        name: of its handler.
        text: in the menu.
        keys: that ask for it, the first one shown.
        controls: whether it changes the session, which only its own window may.
        ticked: whether it is either on or off.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    controls: bool = False
    ticked: bool = False


MENUS: Mapping[str, Sequence[Item]] = {
    "Session": (
        Item(name="mark", text="Marker", keys=("M",)),
        Item(name="note", text="Marker with a note…", keys=("N",)),
        Item(name="pause", text="Pause", keys=("Ctrl+P",), controls=True, ticked=True),
        Item(name="reset", text="Forget what was heard", keys=("Ctrl+Backspace",), controls=True),
        Item(name="record", text="Record…", keys=("Ctrl+R",), controls=True),
        Item(name="stop", text="Stop the recording", keys=("Ctrl+Shift+R",), controls=True),
        Item(name="settings", text="Speed and delay…", keys=("Ctrl+E",), controls=True),
        Item(name="screenshot", text="Picture of the window", keys=("S",)),
        Item(name="picture", text="Picture of the window as a file…", keys=("Ctrl+S",)),
        Item(name="close", text="Close", keys=("Ctrl+Q", "Ctrl+W")),
    ),
    "Source": (
        Item(name="mic", text="Microphone", keys=("Ctrl+1",), controls=True),
        Item(name="system", text="What the system plays", keys=("Ctrl+2",), controls=True),
        Item(name="demo", text="Built-in piece", keys=("Ctrl+3",), controls=True),
        Item(name="file", text="File…", keys=("Ctrl+O",), controls=True),
        Item(name="sources", text="Choose a device", keys=("Ctrl+D",), controls=True),
        Item(name="channels", text="Channels of the device…", keys=("Ctrl+L",), controls=True),
    ),
    "View": (
        Item(name="turn", text="Other layout", keys=("T",)),
        Item(name="words", text="Words…", keys=("W",)),
        Item(name="details", text="Details", keys=("D",), ticked=True),
        Item(name="larger", text="Larger text", keys=("Ctrl++", "Ctrl+=")),
        Item(name="smaller", text="Smaller text", keys=("Ctrl+-",)),
        Item(name="normal", text="Normal text", keys=("Ctrl+0",)),
        Item(name="full", text="Full screen", keys=("F11", "F"), ticked=True),
        Item(name="top", text="Always on top", keys=("A",), ticked=True),
    ),
    "Help": (
        Item(name="keys", text="Keys", keys=("F1", "?")),
        Item(name="phone", text="On a phone", keys=("P",)),
    ),
}


class Menus:
    """The menu bar of a window, and its keys.

    Args:
        window: gets them.
        handlers: for every item, what is called; one that is ticked gets whether it is now on.
        choose: called with a source or device that was chosen.
        arrange: called with the name of a layout that was chosen.
        controls: whether the session can be controlled from here.

    Attributes:
        actions: one for every item.
        devices: the menu of sources.
        layouts: one for every layout.
    """

    def __init__(
        self,
        window: QMainWindow,
        *,
        handlers: Mapping[str, Callable[..., object]],
        choose: Callable[[ChangeSource], None],
        arrange: Callable[[str], None],
        controls: bool,
    ) -> None:
        self._controls, self._choose = controls, choose
        self.actions: dict[str, QAction] = {}
        self._titles: dict[str, QMenu] = {}
        self._found: list[QAction] = []
        for title, items in MENUS.items():
            menu = self._titles[title] = window.menuBar().addMenu(f"&{title}")
            menu.setToolTipsVisible(True)
            for item in items:
                action = QAction(item.text, window, checkable=item.ticked)
                action.setShortcuts([QKeySequence(key) for key in item.keys])
                action.setEnabled(controls or not item.controls)
                action.setToolTip(item.text if action.isEnabled() else _NO_PIPE)
                if item.ticked:
                    action.triggered.connect(handlers[item.name])
                else:
                    action.triggered.connect(lambda _on, run=handlers[item.name]: run())
                menu.addAction(action)
                window.addAction(action)  # its key counts though the menu bar be hidden
                self.actions[item.name] = action
        self.devices = self._titles["Source"]
        self.devices.addSeparator()
        self.layouts: dict[str, QAction] = {}
        group = QActionGroup(window)
        before = self.actions["turn"]
        for name, theme in THEMES.items():
            action = QAction(f"Layout: {theme.title}", window, checkable=True)
            action.triggered.connect(lambda _on, name=name: arrange(name))
            group.addAction(action)
            self._titles["View"].insertAction(before, action)
            self.layouts[name] = action

    def show_devices(
        self, devices: Sequence[DeviceEntry], state: SessionState | None, *, problem: str = ""
    ) -> None:
        """List the devices there are, with a tick at the one in use, or say why there are none."""
        for action in self._found:
            self.devices.removeAction(action)
            action.deleteLater()
        self._found = []
        for device in devices:
            kind = "Microphone" if device.kind == "mic" else "System"
            shown = literal(device.name).replace("&", "&&")  # one makes a key of what follows
            action = QAction(f"{kind}: {shown}", self.devices, checkable=True)
            used = state is not None and state.source == device.kind
            named = None if state is None else state.device
            action.setChecked(used and (named == device.name or (named is None and device.default)))
            choice = ChangeSource(source=device.kind, device=device.name)
            action.triggered.connect(lambda _on, choice=choice: self._choose(choice))
            self.devices.addAction(action)
            self._found.append(action)
        if problem:
            action = QAction(problem, self.devices, enabled=False)
            self.devices.addAction(action)
            self._found.append(action)

    def show_state(self, state: SessionState) -> None:
        """Tick and allow what fits the state of the session."""
        self.actions["pause"].setChecked(state.paused)
        self.actions["record"].setEnabled(self._controls and state.recording is None)
        self.actions["stop"].setEnabled(self._controls and state.recording is not None)

    def keys(self) -> list[tuple[str, str]]:
        """Return what can be asked for, and its key as this system writes it."""
        native = QKeySequence.SequenceFormat.NativeText
        return [
            (action.text().rstrip("…"), action.shortcut().toString(native))
            for action in self.actions.values()
        ]

    def popup_devices(self, window: QMainWindow) -> None:
        """Open the menu of sources in the window, for the keyboard."""
        self.devices.popup(window.mapToGlobal(window.rect().topLeft()))
