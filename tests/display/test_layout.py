"""What a person can see of the window from two metres: sizes, contrast and colour, in numbers."""

import itertools
from dataclasses import replace

import pytest
from PySide6.QtGui import QColor, QFontInfo
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QListWidget, QWidget
from pytestqt.qtbot import QtBot

from realtime_mer.display.latest import Latest
from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.theme import THEMES, LayoutName, mood_colour
from realtime_mer.display.window.dialogs import KeysDialog
from realtime_mer.display.window.main import Window, fitting
from realtime_mer.display.window.menus import MENUS
from realtime_mer.estimate import Status
from realtime_mer.wire.protocol import Hello, LevelMessage, Marker, OutletState, RecordingState
from realtime_mer.wording import LOST_NOTE, OUTLET_NOTE, STATUS_NOTES, STATUS_SENTENCES
from tests.samples import sample_estimate

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)
ENGINEERS_WORDS = ("latency", "xruns", "skipped", "state age", "kHz", "columns missed")
SMALLEST_PX = 13  # what can be read from two metres


class Shown:
    """A window on a service that says what a test wants."""

    def __init__(self, qtbot: QtBot, layout: LayoutName, size: tuple[int, int] = (1280, 800)):
        self.latest = Latest(Snapshot())
        self.window = Window(self.latest, url="ws://127.0.0.1:8765", layout=layout)
        qtbot.addWidget(self.window)
        self.window.stop()
        self.window.resize(*size)
        self.window.show()
        self.now = 1000.0
        level = LevelMessage(t=1.0, level_dbfs=-20, peak_dbfs=-6, mel=(99,) * 64)
        self.snapshot = Snapshot(
            link=Link.CONNECTED, hello=HELLO, source="a microphone", levels=(level,)
        )

    def says(self, *, detail: str = "", **estimate: object) -> None:
        shown = sample_estimate(t=self.now, **estimate)  # type: ignore[arg-type]
        self.snapshot = replace(
            self.snapshot, estimates=(shown,), status=shown.status, detail=detail
        )
        self.puts()

    def puts(self, **news: object) -> None:
        self.snapshot = replace(self.snapshot, **news)  # type: ignore[arg-type]
        self.latest.put(self.snapshot)
        for _ in range(66):  # as long as any part waits, and not so long that it is late
            self.now += 1 / 60
            self.window.refresh(self.now)
        self.window.grab()

    def words(self) -> str:
        """Return everything that can be read now."""
        readings = self.window.face.findChildren(Reading)
        return " ".join(part.text() for part in readings if part.isVisible())


@pytest.fixture(params=list(THEMES))
def shown(qtbot: QtBot, request: pytest.FixtureRequest) -> Shown:
    return Shown(qtbot, request.param)


def test_no_text_is_smaller_than_can_be_read_from_two_metres(shown: Shown) -> None:
    shown.says()
    shown.puts(recording=RecordingState(estimates=True, sound=False))
    shown.window.menus.actions["details"].trigger()
    shown.window.grab()
    face = shown.window.face
    for part in face.findChildren(Reading):
        assert QFontInfo(part.drawn()[0]).pixelSize() >= SMALLEST_PX, part.text()
    kinds = (QAbstractButton, QLineEdit, QListWidget)
    others: list[QWidget] = [part for kind in kinds for part in face.findChildren(kind)]
    others += [face.foot.meter, face.waterfall, shown.window.menuBar()]
    for other in others:
        assert QFontInfo(other.font()).pixelSize() >= SMALLEST_PX, other
    theme = shown.window.theme
    for points in (theme.small_pt, theme.text_pt, theme.plane_pt):  # of what is painted
        assert points * 96 / 72 >= SMALLEST_PX


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
@pytest.mark.parametrize("layout", list(THEMES))
def test_bars_are_long_lines_are_high_and_nothing_has_to_be_scrolled(
    qtbot: QtBot, layout: LayoutName, size: tuple[int, int]
) -> None:
    shown = Shown(qtbot, layout, size)
    shown.says()
    face = shown.window.face
    assert face.gems.groove_length() >= (255 if layout == "dj" else 240)
    assert face.quadrants.groove_length() >= (255 if layout == "dj" else 150)
    assert all(line.height() >= 75 for line in face.lines)
    assert face.plane.width() >= 0.35 * size[0]
    assert face.waterfall.height() >= 68
    assert (face.width(), face.height()) <= (size[0], size[1])
    page = face.rect()
    for part in face.findChildren(QWidget):
        if part.isVisible() and part.parentWidget() is face:
            assert page.contains(part.geometry()), part


def test_the_parts_of_a_layout_do_not_overlap(shown: Shown) -> None:
    shown.says()
    face = shown.window.face
    parts = [
        part
        for part in (face.plane, face.waterfall, face.gems, face.quadrants, face.heading)
        + (face.status, face.note, face.foot, *face.lines, *face.recent)
        + (() if face.notes is None else (face.notes,))
        if part.isVisible()
    ]
    for one, other in itertools.combinations(parts, 2):
        assert not one.geometry().intersects(other.geometry()), (one, other)


def test_a_larger_window_has_larger_text(qtbot: QtBot) -> None:
    assert fitting(1280, 800) == fitting(600, 500) == fitting(2000, 800) == 1.0
    assert fitting(1920, 1080) == 1.3
    shown = Shown(qtbot, "dj")
    before = shown.window.face.heading.mood.font().pointSizeF()
    shown.window.resize(1920, 1080)
    shown.window.grab()
    assert shown.window.face.heading.mood.font().pointSizeF() == pytest.approx(1.3 * before)


def test_a_note_that_is_being_written_outlives_a_larger_window(qtbot: QtBot) -> None:
    shown = Shown(qtbot, "therapy")
    assert shown.window.face.notes is not None
    shown.window.face.notes.note.setText("tears at")
    shown.window.resize(1920, 1080)
    assert shown.window.face.notes.note.text() == "tears at"


def test_the_words_of_engineers_stand_in_the_details_alone(shown: Shown) -> None:
    shown.says(xruns=0, skipped=0)
    assert not any(word in shown.words() for word in ENGINEERS_WORDS)
    shown.window.menus.actions["details"].trigger()
    assert all(word in shown.words() for word in ENGINEERS_WORDS)
    assert shown.window.preferences.details
    shown.window.menus.actions["details"].trigger()
    assert not any(word in shown.words() for word in ENGINEERS_WORDS)


def test_how_outlets_fare_stands_in_the_details_and_a_lost_one_is_told_to_everybody(
    shown: Shown,
) -> None:
    booth = OutletState(name="booth", state="connected", sent=120, dropped=3, failed=0)
    lab = OutletState(name="lab", state="failing", sent=7, dropped=0, failed=2)
    shown.says()
    shown.puts(outlets=(booth,))
    assert OUTLET_NOTE not in shown.words()
    assert "120 sent" not in shown.words()
    shown.puts(outlets=(booth, lab))
    assert OUTLET_NOTE in shown.words()
    shown.window.menus.actions["details"].trigger()
    assert "booth: 120 sent, 3 dropped, 0 failed" in shown.words()
    assert "lab (failing): 7 sent, 0 dropped, 2 failed" in shown.words()


def test_lost_sound_is_told_to_everybody_in_plain_words(shown: Shown) -> None:
    shown.says(xruns=0, skipped=0)
    assert LOST_NOTE not in shown.words()
    shown.says(xruns=0, skipped=3)
    assert LOST_NOTE in shown.words()


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.MUSIC])
def test_the_usual_sentence_of_a_status_is_told_shortly(shown: Shown, status: Status) -> None:
    shown.says(status=status, detail=STATUS_SENTENCES[status])
    note = shown.window.face.note
    assert note.text() == STATUS_NOTES[status]
    assert note.drawn()[1] == note.text()


def test_a_note_that_is_too_long_is_shortened_and_whole_in_its_tool_tip(shown: Shown) -> None:
    shown.says(status=Status.RECONNECTING, detail="words " * 80)
    font, drawn = shown.window.face.note.drawn()
    assert drawn.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert QFontInfo(font).pixelSize() >= SMALLEST_PX
    assert shown.window.face.note.toolTip() == "words " * 80


@pytest.mark.parametrize(
    ("valence", "arousal", "quadrant"),
    [(0.5, 0.5, "Q1"), (-0.5, 0.5, "Q2"), (-0.5, -0.5, "Q3"), (0.5, -0.5, "Q4")],
)
@pytest.mark.parametrize("status", [Status.SILENCE, Status.NO_MUSIC])
def test_the_mood_has_its_colour_and_a_held_one_has_none(
    shown: Shown, valence: float, arousal: float, quadrant: str, status: Status
) -> None:
    theme, heading = shown.window.theme, shown.window.face.heading

    def pixel(x: int, y: int) -> QColor:
        picture = heading.grab().toImage()
        ratio = picture.devicePixelRatio()
        return picture.pixelColor(int(x * ratio), int(y * ratio))

    for _ in range(8):
        shown.says(valence=valence, arousal=arousal)
    assert heading.colour().name() == theme.quadrants[quadrant]
    assert pixel(6, heading.height() // 2) == heading.colour()
    glow = pixel(40, 6)
    for _ in range(8):
        shown.says(valence=valence, arousal=arousal, status=status)
    assert heading.colour().name() == theme.grid
    assert (glow != pixel(40, 6)) is (theme.glow > 0)


def test_colours_blend_where_quadrants_meet() -> None:
    theme = THEMES["dj"]
    left, middle, right = (QColor(mood_colour(theme, v, 0.6)) for v in (-0.3, 0.0, 0.3))
    assert (left.name(), right.name()) == (theme.quadrants["Q2"], theme.quadrants["Q1"])
    for part in (QColor.red, QColor.green, QColor.blue):
        assert part(middle) == pytest.approx((part(left) + part(right)) / 2, abs=1)


def luminance(colour: QColor) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(QColor(one)), luminance(QColor(other))), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mixed(ground: str, colour: str, opacity: int) -> str:
    parts = [
        round(a + (b - a) * opacity / 255)
        for a, b in zip(QColor(ground).getRgb()[:3], QColor(colour).getRgb()[:3], strict=True)  # type: ignore[index]
    ]
    return QColor(*parts).name()


@pytest.mark.parametrize("layout", list(THEMES))
def test_all_text_has_the_contrast_of_wcag_aa(layout: LayoutName) -> None:
    theme = THEMES[layout]
    for ground in (theme.background, theme.panel):
        for colour in (theme.text, theme.muted, theme.good, theme.warning, theme.record):
            assert contrast(colour, ground) >= 4.5, (colour, ground)
    for colour in (theme.valence, theme.arousal):
        assert contrast(colour, theme.background) >= 4.5
    for quadrant in theme.quadrants.values():
        ground = mixed(theme.background, quadrant, theme.tint)
        assert contrast(theme.muted, ground) >= 4.5, quadrant
        glow = mixed(theme.background, quadrant, theme.glow)
        assert contrast(theme.text, glow) >= 4.5, quadrant
        for colour in (theme.valence, theme.arousal):  # the numbers, which are large
            assert contrast(colour, glow) >= 3.0, (colour, quadrant)
    assert contrast(theme.muted, mixed(theme.background, theme.grid, theme.glow)) >= 4.5


def test_markers_are_listed_in_both_layouts_and_what_to_do_where_there_are_none(
    shown: Shown,
) -> None:
    shown.says()
    face = shown.window.face
    words = shown.words()
    assert "M sets a marker" in words or "Press M" in words
    shown.puts(markers=(Marker(label="first", t=3.0), Marker(label="second", t=65.0)))
    if face.notes is None:
        assert [line.text() for line in face.recent] == ["1:05   second", "0:03   first", ""]
    else:
        assert [face.notes.markers.item(row).text() for row in range(2)] == [
            "1:05   second",
            "0:03   first",
        ]
        assert not face.notes.hint.isVisible()


def test_a_therapist_reads_what_becomes_of_what_is_heard(qtbot: QtBot) -> None:
    shown = Shown(qtbot, "therapy")
    shown.says()
    assert shown.window.face.notes is not None
    privacy = shown.window.face.notes.privacy
    assert "not being recorded" in privacy.text()
    assert privacy.drawn()[1] == privacy.text()
    shown.puts(recording=RecordingState(estimates=True, sound=True))
    assert "SOUND" in privacy.text()
    assert privacy.drawn()[1] == privacy.text()


def test_every_key_is_told_in_a_whole_sentence_on_a_small_screen(shown: Shown) -> None:
    dialog = KeysDialog(shown.window.menus.keys(), parent=shown.window)
    dialog.show()
    assert dialog.height() <= 600
    told = dialog.findChildren(QWidget)
    texts = [
        item.text.rstrip("\N{HORIZONTAL ELLIPSIS}") for items in MENUS.values() for item in items
    ]
    assert not any(text.rsplit(" ", 1)[-1] in ("to", "of", "a", "with", "the") for text in texts)
    words = [part for part in told if hasattr(part, "text")]
    assert set(texts) <= {part.text() for part in words}
    for part in words:
        assert part.width() >= part.sizeHint().width()
