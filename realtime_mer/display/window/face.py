"""What a layout of the window consists of and where it stands."""

from collections.abc import Callable, Mapping

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLayout, QVBoxLayout, QWidget

from realtime_mer.display.plots.bars import Bars
from realtime_mer.display.plots.plane import Plane
from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.plots.timelines import TimeLine
from realtime_mer.display.plots.waterfall import Waterfall
from realtime_mer.display.theme import Theme
from realtime_mer.display.window.foot import Foot
from realtime_mer.display.window.heading import Heading
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
        show_details, phone: as for ``Foot``.

    Attributes:
        notes: the panel of a therapy session; None for DJs.
        recent: the last markers in the place of it, the newest first; none in a therapy session.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        scale: float,
        words: Mapping[str, str],
        mark: Callable[[str], None],
        restart: Callable[[], None],
        show_details: Callable[[], None],
        phone: Callable[[], None],
    ) -> None:
        super().__init__()
        self._theme, self._scale = theme, scale
        self.setPalette(palette(theme))
        self.setAutoFillBackground(True)
        self.setFont(sized(self.font(), theme.text_pt * scale))
        labels = [words.get(mood.word, mood.word) for mood in MOOD_WORDS]
        text = theme.text_pt * scale
        self.heading = Heading(theme, scale=scale, longest=max(labels, key=len))
        self.status = Reading(
            max(STATUS_WORDS.values(), key=len),
            points=text * 1.1,
            colour=theme.good,
            bold=True,
            pill=True,
        )
        self.note = Reading("", points=text, colour=theme.warning, lines=2)
        self.plane = Plane(theme, scale=scale, words=words)
        self.lines = [
            TimeLine(
                "valence",
                theme=theme,
                colour=theme.valence,
                column=1,
                sd_column=3,
                scale=scale,
                times=False,  # those of the one below it
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
            stacked=theme.name == "dj",
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
        self.foot = Foot(theme, scale=scale, show_details=show_details, phone=phone)
        self.notes: Notes | None = None
        self.recent: list[Reading] = []
        if theme.name == "therapy":
            self.notes = Notes(theme, scale=scale, mark=mark, restart=restart)
        else:
            self.recent = [Reading("", points=text, colour=theme.muted) for _ in range(3)]
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addLayout(self._middle(), stretch=1)
        page.addWidget(self.foot)

    def _middle(self) -> QLayout:
        states = QHBoxLayout()
        states.setSpacing(14)
        states.addWidget(self.status)
        # Beside it and always there, so that nothing moves when it has something to say.
        states.addWidget(self.note, stretch=1)
        side = QVBoxLayout()
        side.setSpacing(6)
        side.addLayout(states)
        side.addWidget(self.heading)
        for line in self.lines:
            side.addWidget(line, stretch=3)
        under = QVBoxLayout()
        under.setSpacing(8)
        if self.notes is None:
            likeliest = QVBoxLayout()
            likeliest.addWidget(self.quadrants, stretch=1)
            likeliest.setSpacing(2)
            for marker in self.recent:
                likeliest.addWidget(marker)
            bars = QHBoxLayout()
            bars.setSpacing(24)
            bars.addLayout(likeliest, stretch=1)
            bars.addWidget(self.gems, stretch=1)
            side.addLayout(bars, stretch=5)
        else:
            side.addWidget(self.gems, stretch=5)
            under.addWidget(self.quadrants)
        under.addWidget(self.waterfall)
        self.plane.squared.connect(lambda left, right: under.setContentsMargins(left, 0, right, 0))
        sight = QVBoxLayout()
        sight.setSpacing(6)
        sight.addWidget(self.plane, stretch=1)
        sight.addLayout(under)
        middle = QHBoxLayout()
        middle.setContentsMargins(16, 10, 16, 8)
        middle.setSpacing(20)
        middle.addLayout(sight, stretch=52)
        middle.addLayout(side, stretch=48)
        if self.notes is not None:
            middle.addWidget(self.notes)
        return middle


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
        QComboBox, QAbstractSpinBox {{ font-size: {points:.1f}pt; }}
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
        QLineEdit {{ placeholder-text-color: {theme.muted}; }}
        QLineEdit:focus {{ border: 2px solid {theme.valence}; }}
        QScrollBar {{ background: transparent; }}
        QScrollBar:vertical {{ width: 8px; }}
        QScrollBar:horizontal {{ height: 8px; }}
        QScrollBar::handle {{
            background: {theme.muted}; border-radius: 4px; min-height: 24px; min-width: 24px;
        }}
        QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
        QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
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
