"""The small dialogs of the window; each opens without holding it up."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from PySide6.QtCore import QRegularExpression, Qt
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Status
from realtime_mer.wire.protocol import MAX_LABEL
from realtime_mer.wording import STATUS_WORDS

_MAX_WORD = 40
_ROWS = 8  # of levels
_NOTHING_DBFS = -120.0  # of digital silence


class Form(QDialog):
    """A dialog with OK and Cancel, that is gone once it is closed."""

    def __init__(self, title: str, *, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.page = QVBoxLayout(self)
        self.page.setContentsMargins(24, 20, 24, 20)
        self.page.setSpacing(14)
        self.form = QFormLayout()
        self.page.addLayout(self.form)

    def finish(self, accept: Callable[[], None]) -> None:
        """Add the buttons; ``accept`` is called for OK."""
        standard = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(standard.Ok | standard.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(accept)
        self.page.addWidget(buttons)


class NoteDialog(Form):
    """Asks for the words of a marker.

    Args:
        mark: called with them.
    """

    def __init__(self, mark: Callable[[str], None], *, parent: QWidget | None = None) -> None:
        super().__init__("Marker with a note", parent=parent)
        self.note = QLineEdit(maxLength=MAX_LABEL)
        self.note.setMinimumWidth(360)
        self.form.addRow("Note", self.note)
        self.finish(lambda: mark(self.note.text()))


class RecordDialog(Form):
    """Asks what to record, and says what that means.

    Args:
        record: called with the name, which may be empty, and whether to record the sound.
    """

    def __init__(
        self, record: Callable[[str, bool], None], *, parent: QWidget | None = None
    ) -> None:
        super().__init__("Record the session", parent=parent)
        self.name = QLineEdit(maxLength=100, placeholderText="session")
        self.sound = QCheckBox("Record the sound too")
        self.form.addRow("Name", self.name)
        self.form.addRow("", self.sound)
        told = QLabel(
            "Estimates, markers and their notes are kept on this machine.\n"
            "The sound is kept only if you tick the box: ask everybody who can be heard."
        )
        self.page.addWidget(told)
        self.finish(lambda: record(self.name.text().strip(), self.sound.isChecked()))


class ChannelsDialog(Form):
    """Asks which channels of a device to hear.

    Args:
        device: its name.
        choose: called with their numbers, from 1 on; none for all.
    """

    def __init__(
        self,
        device: str,
        choose: Callable[[tuple[int, ...]], None],
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(f"Channels of {device}", parent=parent)
        self.channels = QLineEdit(placeholderText="all", maxLength=100)
        numbers = QRegularExpression(r"\s*([1-9]\d{0,1}\s*(,\s*[1-9]\d{0,1}\s*)*)?")
        self.channels.setValidator(QRegularExpressionValidator(numbers, self.channels))
        self.form.addRow("Channels", self.channels)
        told = QLabel(
            "Write numbers, as in 3 or 3,4. They are remembered with the device.\n"
            "Leave it empty to hear all again. How loud each one was just now:"
        )
        self.page.addWidget(told)
        self.levels = QLabel("listening for a second …")
        self.levels.setTextFormat(Qt.TextFormat.PlainText)
        self.page.addWidget(self.levels)
        self.finish(lambda: choose(self._numbers()))

    def show_levels(self, levels: Sequence[float]) -> None:
        """Show the level of each channel in dBFS, in columns of eight."""
        cells = [f"{number}: {_loud(level)}" for number, level in enumerate(levels, start=1)]
        rows = min(_ROWS, len(cells))
        self.levels.setText("\n".join("\t".join(cells[row::rows]) for row in range(rows)))

    def show_problem(self, message: str) -> None:
        """Say why there are no levels."""
        self.levels.setText(message)

    def _numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.channels.text().split(",") if part.strip())


def _loud(level: float) -> str:
    if level <= _NOTHING_DBFS:
        return STATUS_WORDS[Status.NO_SIGNAL]
    return f"{level:.0f} dBFS".replace("-", "\N{MINUS SIGN}")


class WordsDialog(Form):
    """Asks for words of one's own in the place of the mood words.

    Args:
        words: those there are.
        choose: called with the new ones; where nothing is written the word itself stays.
    """

    def __init__(
        self,
        words: Mapping[str, str],
        choose: Callable[[dict[str, str]], None],
        *,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Words", parent=parent)
        self.fields = {
            mood.word: QLineEdit(
                words.get(mood.word, ""), placeholderText=mood.word, maxLength=_MAX_WORD
            )
            for mood in MOOD_WORDS
        }
        # Beside each other, in the order of the columns: one below the other they are higher than
        # a small screen.
        columns = QHBoxLayout()
        columns.setSpacing(24)
        rows = list(self.fields.items())
        half = (len(rows) + 1) // 2
        for part in (rows[:half], rows[half:]):
            column = QFormLayout()
            for word, field in part:
                column.addRow(word, field)
            columns.addLayout(column)
        self.page.addLayout(columns)
        self.finish(lambda: choose(self._words()))

    def _words(self) -> dict[str, str]:
        written = {word: field.text().strip() for word, field in self.fields.items()}
        return {word: chosen for word, chosen in written.items() if chosen and chosen != word}


class KeysDialog(QDialog):
    """Shows what every key does.

    Args:
        keys: pairs of what it does and the key.
    """

    def __init__(self, keys: Iterable[tuple[str, str]], *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys")
        # In two columns: one is higher than a small screen.
        pairs = list(keys)
        half = (len(pairs) + 1) // 2
        columns = QHBoxLayout(self)
        columns.setContentsMargins(24, 20, 24, 20)
        columns.setSpacing(40)
        for part in (pairs[:half], pairs[half:]):
            grid = QGridLayout()
            grid.setHorizontalSpacing(28)
            grid.setVerticalSpacing(8)
            for row, (does, key) in enumerate(part):
                bold = QLabel(key)
                font = bold.font()
                font.setBold(True)
                bold.setFont(font)
                grid.addWidget(bold, row, 0)
                grid.addWidget(QLabel(does), row, 1)
            grid.setRowStretch(len(part), 1)
            columns.addLayout(grid)
