"""The dialog for what can be changed while the session runs: speed, smoothing and delay."""

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QWidget

from realtime_mer.display.window.dialogs import Form
from realtime_mer.wire.settings import MOST_SHAPING_S, Change, Settings

_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class SettingsDialog(Form):
    """Asks for speed, smoothing and delay.

    Args:
        settings: how they stand.
        change: called with what is to be otherwise, if anything is.
    """

    def __init__(
        self,
        settings: Settings,
        change: Callable[[Change], None],
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Speed and delay", parent=parent)
        self._settings, self._change = settings, change
        self.speed = QComboBox()
        speeds = {*_SPEEDS, *([settings.speed] if settings.speed is not None else [])}
        for speed in sorted(speeds):
            self.speed.addItem(f"{speed:g} \N{MULTIPLICATION SIGN}", speed)
        self.speed.setCurrentIndex(self.speed.findData(settings.speed or 1.0))
        self.speed.setEnabled(settings.speed is not None)
        self.smoothing = self._seconds(settings.smoothing_s)
        self.delay = self._seconds(settings.delay_s)
        self.form.addRow("Speed of the file", self.speed)
        self.form.addRow("Smoothing", self.smoothing)
        self.form.addRow("Delay", self.delay)
        told = QLabel(
            "The speed is of a file or of the built-in piece; a device keeps its own time.\n"
            "Smoothing and delay are of all that leaves this session: windows, pages, OSC, files."
        )
        self.page.addWidget(told)
        self.finish(self._apply)

    @staticmethod
    def _seconds(value: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox(maximum=MOST_SHAPING_S, decimals=1, singleStep=0.5)
        box.setSuffix(" s")
        box.setValue(value)
        return box

    def _apply(self) -> None:
        before = self._settings
        speed = self.speed.currentData() if self.speed.isEnabled() else None
        smoothing, delay = self.smoothing.value(), self.delay.value()
        change = Change(
            speed=None if speed == before.speed else speed,
            smoothing_s=None if smoothing == round(before.smoothing_s, 1) else smoothing,
            delay_s=None if delay == round(before.delay_s, 1) else delay,
        )
        if change != Change():
            self._change(change)
