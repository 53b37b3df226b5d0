"""What a layout of the window consists of and where it stands."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLayout, QPushButton, QVBoxLayout, QWidget

from realtime_mer.display.plots.bars import Bars
from realtime_mer.display.plots.meter import LevelMeter
from realtime_mer.display.plots.plane import Plane
from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.plots.timelines import TimeLine
from realtime_mer.display.plots.waterfall import Waterfall
from realtime_mer.display.theme import Theme
from realtime_mer.display.window.notes import Notes
from realtime_mer.emotion import GEMS, MOOD_WORDS
from realtime_mer.wording import QUADRANT_WORDS, STATUS_WORDS, spoken


class Face(QWidget):
    """The parts of the window in one layout.

    Args:
        theme: which layout.
        scale: of all text.
        words: what to write for a mood word, where it is not the word itself.
        mark, restart: as for ``Notes``.
        phone: called to hand the display to a phone.

    Attributes:
        notes: the panel of a therapy session; None for DJs.
        privacy: what becomes of what is heard; None for DJs.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        scale: float,
        words: Mapping[str, str],
        mark: Callable[[str], None],
        restart: Callable[[], None],
        phone: Callable[[], None],
    ) -> None:
        super().__init__()
        self._theme, self._scale = theme, scale
        self.setPalette(palette(theme))
        self.setAutoFillBackground(True)
        self.setFont(sized(self.font(), theme.text_pt * scale))
        labels = [words.get(mood.word, mood.word) for mood in MOOD_WORDS]
        text, small = theme.text_pt * scale, theme.small_pt * scale
        self.mood = Reading(
            max(labels, key=len),
            points=theme.mood_pt * scale,
            colour=theme.text,
            bold=theme.bold_mood,
            shrink=True,
        )
        number = theme.number_pt * scale
        sample = "valence \N{MINUS SIGN}0.00 \N{PLUS-MINUS SIGN} 0.00"
        self.valence = Reading(sample, points=number, colour=theme.valence)
        self.arousal = Reading(sample, points=number, colour=theme.arousal)
        self.status = Reading(
            max(STATUS_WORDS.values(), key=len),
            points=text * 1.1,
            colour=theme.good,
            bold=True,
            right=True,
            pill=True,
        )
        self.recording = Reading("", points=text * 1.1, colour=theme.record, bold=True, shrink=True)
        self.note = Reading("", points=text, colour=theme.warning, lines=3)
        self.plane = Plane(theme, scale=scale, words=words)
        self.lines = [
            TimeLine(
                "valence", theme=theme, colour=theme.valence, column=1, sd_column=3, scale=scale
            ),
            TimeLine(
                "arousal", theme=theme, colour=theme.arousal, column=2, sd_column=4, scale=scale
            ),
        ]
        self.gems = Bars(
            "GEMS: share of listeners",
            labels={name: spoken(name) for name in GEMS},
            colours=dict.fromkeys(GEMS, theme.gems),
            theme=theme,
            scale=scale,
        )
        self.quadrants = Bars(
            "Quadrants: probability",
            labels={name: f"{name} {words}" for name, words in QUADRANT_WORDS.items()},
            colours=theme.quadrants,
            theme=theme,
            scale=scale,
            stacked=theme.name == "dj",
        )
        self.waterfall = Waterfall(theme, scale=scale)
        self.waterfall.hide()
        self.meter = LevelMeter(theme, scale=scale)
        self.health = Reading(
            "latency 00 ms   xruns 00   skipped 00   state age 0:00   24 kHz, 10/s",
            points=small,
            colour=theme.muted,
        )
        self.origin = Reading("", points=small, colour=theme.muted, right=True)
        self.phone = QPushButton("phone (P)", flat=True)
        self.phone.setFont(sized(self.font(), small))
        self.phone.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.phone.clicked.connect(lambda: phone())
        self.notes: Notes | None = None
        self.privacy: Reading | None = None
        if theme.name == "therapy":
            self.notes = Notes(theme, scale=scale, mark=mark, restart=restart)
            self.privacy = Reading("", points=small, colour=theme.muted)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        inner = QVBoxLayout()
        inner.setContentsMargins(16, 10, 16, 8)
        inner.setSpacing(8)
        inner.addLayout(self._middle(), stretch=1)
        inner.addWidget(self.waterfall)
        if self.privacy is not None:
            inner.addWidget(self.privacy)
        page.addLayout(inner, stretch=1)
        page.addWidget(self._foot())

    def _middle(self) -> QLayout:
        side = QVBoxLayout()
        side.setSpacing(5)
        states = QHBoxLayout()
        states.addWidget(self.recording, stretch=1)
        states.addWidget(self.status)
        side.addLayout(states)
        side.addWidget(self.mood)
        numbers = QGridLayout()
        numbers.setHorizontalSpacing(16)
        numbers.setVerticalSpacing(0)
        numbers.addWidget(self.valence, 0, 0)
        numbers.addWidget(self.arousal, 1, 0)
        # Beside them and always there, so that nothing moves when it has something to say.
        numbers.addWidget(self.note, 0, 1, 2, 1)
        numbers.setColumnStretch(1, 1)
        side.addLayout(numbers)
        for line in self.lines:
            side.addWidget(line, stretch=3)
        side.addSpacing(4)
        middle = QHBoxLayout()
        middle.setSpacing(20)
        middle.addWidget(self.plane, stretch=54)
        middle.addLayout(side, stretch=46)
        if self.notes is None:
            bars = QHBoxLayout()
            bars.setSpacing(24)
            bars.addWidget(self.quadrants, stretch=5)
            bars.addWidget(self.gems, stretch=6)
            side.addLayout(bars, stretch=5)
        else:
            side.addWidget(self.quadrants, stretch=3)
            side.addSpacing(4)
            side.addWidget(self.gems, stretch=6)
            middle.addWidget(self.notes)
        return middle

    def _foot(self) -> QWidget:
        foot = QWidget(autoFillBackground=True)
        ground = foot.palette()
        ground.setColor(QPalette.ColorRole.Window, QColor(self._theme.panel))
        foot.setPalette(ground)
        row = QHBoxLayout(foot)
        row.setContentsMargins(16, 5, 8, 5)
        row.setSpacing(12)
        row.addWidget(self.meter)
        row.addWidget(self.health, stretch=3)
        row.addWidget(self.origin, stretch=4)
        row.addWidget(self.phone)
        return foot


def sized(font: QFont, points: float) -> QFont:
    """Return a font in another size."""
    other = QFont(font)
    other.setPointSizeF(points)
    return other


def palette(theme: Theme) -> QPalette:
    """Return the colours of a theme as Qt wants them."""
    role = QPalette.ColorRole
    colours = QPalette()
    for roles, colour in (
        ((role.Window,), theme.background),
        ((role.Base, role.AlternateBase, role.Button, role.ToolTipBase), theme.panel),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), theme.text),
        ((role.PlaceholderText,), theme.muted),
        ((role.Highlight,), theme.valence),
        ((role.HighlightedText,), theme.background),
    ):
        for one in roles:
            colours.setColor(one, QColor(colour))
    for one in (role.WindowText, role.Text, role.ButtonText):
        colours.setColor(QPalette.ColorGroup.Disabled, one, QColor(theme.grid))
    return colours


def style(theme: Theme, *, scale: float) -> str:
    """Return the style sheet of menus, buttons, fields and dialogs."""
    points = theme.text_pt * scale
    return f"""
        QMenuBar, QMenu, QDialog, QToolTip {{
            background: {theme.panel}; color: {theme.text}; font-size: {points:.1f}pt;
        }}
        QMenuBar::item {{ background: transparent; padding: 4px 12px; }}
        QMenu::item {{ padding: 5px 26px; }}
        QMenuBar::item:selected, QMenu::item:selected {{
            background: {theme.valence}; color: {theme.background};
        }}
        QMenu::item:disabled {{ color: {theme.muted}; background: transparent; }}
        QDialog QLabel, QDialog QCheckBox {{ font-size: {points:.1f}pt; color: {theme.text}; }}
        QPushButton {{
            color: {theme.text}; background: {theme.background}; border: 1px solid {theme.muted};
            border-radius: 6px; padding: 6px 12px; font-size: {points:.1f}pt;
        }}
        QPushButton:flat {{ border: 1px solid transparent; background: transparent;
            color: {theme.muted}; padding: 1px 8px; font-size: {theme.small_pt * scale:.1f}pt; }}
        QPushButton:focus {{ border: 2px solid {theme.valence}; }}
        QPushButton#mark {{
            background: {theme.point}; color: {theme.background}; font-weight: 600;
            font-size: {1.3 * points:.1f}pt; padding: 12px;
        }}
        QPushButton#mark:pressed {{ background: {theme.text}; }}
        QLineEdit {{
            color: {theme.text}; background: {theme.background}; border: 1px solid {theme.muted};
            border-radius: 6px; padding: 7px; font-size: {points:.1f}pt;
        }}
        QLineEdit:focus {{ border: 2px solid {theme.valence}; }}
        QFrame#notes {{ background: {theme.panel}; border-radius: 10px; }}
        QListWidget {{
            border: none; background: transparent; color: {theme.text};
            font-size: {points:.1f}pt;
        }}
        QLabel#notice {{
            background: {theme.text}; color: {theme.background}; border-radius: 8px;
            padding: 10px 18px; font-size: {1.1 * points:.1f}pt;
        }}
        QLabel#notice[failed="true"] {{ background: {theme.record}; color: {theme.background}; }}
    """
