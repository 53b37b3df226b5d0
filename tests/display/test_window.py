"""The window: what it shows, and that it shows nothing twice and keeps nothing for ever."""

import gc
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QRect, QRectF, QSettings, QStandardPaths
from PySide6.QtGui import QAction, QFontInfo, QImage, QRegion, QTextDocument
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.plots.bars import Bars
from realtime_mer.display.plots.history import History
from realtime_mer.display.plots.meter import LevelMeter
from realtime_mer.display.plots.plane import Plane
from realtime_mer.display.plots.reading import Reading
from realtime_mer.display.plots.timelines import POINTS, TimeLine
from realtime_mer.display.plots.trail import TRAIL_SECONDS
from realtime_mer.display.plots.waterfall import Waterfall
from realtime_mer.display.preferences import Preferences, load
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.theme import DJ, THEMES, LayoutName
from realtime_mer.display.window.dialogs import ChannelsDialog, RecordDialog, WordsDialog
from realtime_mer.display.window.main import Window
from realtime_mer.display.window.menus import MENUS
from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.wire.control import (
    AskLevels,
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
from realtime_mer.wire.protocol import Hello, LevelMessage, Marker, RecordingState
from realtime_mer.wording import STATUS_WORDS
from tests.patience import PATIENCE_S
from tests.samples import NAME_SPELT_OUT, NAME_THAT_ACTS, sample_estimate

URL = "ws://127.0.0.1:8765"
HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


class Service:
    """Stands in for the reader: puts snapshots into the slot, at times that the test chooses."""

    def __init__(self, qtbot: QtBot) -> None:
        self.latest = Latest(Snapshot())
        self.window = Window(self.latest, url=URL)
        qtbot.addWidget(self.window)
        self.now = 1000.0
        self.window.grab()  # lays it out

    def says(self, estimate: Estimate, *, status: Status | None = None) -> None:
        """Show an estimate, and then wait the tenth of a second that it takes to glide there."""
        self.latest.put(
            Snapshot(
                link=Link.CONNECTED,
                hello=HELLO,
                estimates=(estimate,),
                status=status or estimate.status,
            )
        )
        self.window.refresh(self.now)
        self.frames(6, seconds=0.1)

    def frames(self, count: int, *, seconds: float) -> None:
        """Let time pass, with so many looks into the slot."""
        for _ in range(count):
            self.now += seconds / count
            self.window.refresh(self.now)

    def settles(self) -> None:
        """Wait until everything that was said is drawn."""
        self.frames(60, seconds=1.5)

    def words(self) -> str:
        readings = [part.text() for part in self.window.findChildren(Reading)]
        labels = [part.text() for part in self.window.findChildren(QLabel)]
        return " ".join([*readings, *labels, self.window.face.foot.meter.words()])


@pytest.fixture
def service(qtbot: QtBot) -> Service:
    return Service(qtbot)


def test_the_point_stands_where_the_first_estimate_is(service: Service) -> None:
    service.says(sample_estimate(valence=0.3, arousal=-0.6))
    assert service.window.face.plane.position() == pytest.approx((0.3, -0.6))


def test_the_point_glides_from_one_estimate_to_the_next(service: Service) -> None:
    service.says(sample_estimate(t=1.0, valence=0.0, arousal=0.0))
    service.latest.put(
        Snapshot(
            link=Link.CONNECTED,
            estimates=(sample_estimate(t=1.1, valence=0.4, arousal=-0.2),),
            status=Status.MUSIC,
        )
    )
    plane = service.window.face.plane
    service.window.refresh(service.now)
    assert plane.position() == pytest.approx((0.0, 0.0))
    service.window.refresh(service.now + 0.05)
    assert plane.position() == pytest.approx((0.2, -0.1))
    service.window.refresh(service.now + 5.0)
    assert plane.position() == pytest.approx((0.4, -0.2))


def test_the_ellipse_reaches_one_standard_deviation_to_each_side(service: Service) -> None:
    service.says(sample_estimate(valence=0.1, arousal=0.2, valence_sd=0.3, arousal_sd=0.15))
    edges = service.window.face.plane.ellipse()
    assert (edges.left(), edges.right()) == pytest.approx((0.1 - 0.3, 0.1 + 0.3))
    assert (edges.top(), edges.bottom()) == pytest.approx((0.2 - 0.15, 0.2 + 0.15))


def test_right_is_pleasant_and_up_is_energetic_on_screen(qtbot: QtBot) -> None:
    plane = Plane(DJ)
    qtbot.addWidget(plane)
    plane.resize(700, 500)
    plane.grab()
    centre, right, up = (plane.on_screen(*place) for place in ((0, 0), (0.5, 0), (0, 0.5)))
    assert right.x() > centre.x()
    assert up.y() < centre.y()
    assert right.x() - centre.x() == pytest.approx(centre.y() - up.y(), rel=0.01)


def test_every_mood_word_stands_at_its_place(qtbot: QtBot) -> None:
    plane = Plane(DJ, words={"calm": "ruhig"})
    qtbot.addWidget(plane)
    plane.resize(1400, 1400)  # there is room for all
    plane.grab()
    for mood in MOOD_WORDS:
        home, drawn = plane.on_screen(mood.valence, mood.arousal), plane.word_rect(mood.word)
        assert abs(drawn.center().x() - home.x()) <= 1
        assert abs(drawn.center().y() - home.y()) <= 1


@pytest.mark.parametrize("layout", list(THEMES))
def test_the_mood_word_is_never_under_the_point(qtbot: QtBot, layout: LayoutName) -> None:
    theme = THEMES[layout]
    plane = Plane(theme)
    qtbot.addWidget(plane)
    plane.resize(560, 560)
    plane.grab()
    now = 0.0
    for number in range(400):
        angle = number / 200 * math.pi
        valence, arousal = 0.6 * math.cos(angle), 0.6 * math.sin(angle)
        estimate = sample_estimate(t=0.1 * (number + 1), valence=valence, arousal=arousal)
        plane.show_estimate(estimate, now=now)
        plane.show_mood(estimate.words)
        now += 0.1
        plane.advance(now)
        for mood in estimate.words:
            point, word = plane.on_screen(*plane.position()), plane.word_rect(mood)
            aside = max(word.left() - point.x(), point.x() - word.right(), 0.0)
            below = max(word.top() - point.y(), point.y() - word.bottom(), 0.0)
            assert math.hypot(aside, below) >= theme.dot - 2


def test_the_trail_holds_the_last_thirty_seconds_and_no_more(service: Service) -> None:
    for number in range(400):
        service.says(sample_estimate(t=0.1 * number, valence=number / 400))
    drawn = service.window.face.plane.trail()[:, 0]
    assert drawn.min() * 40 == pytest.approx(39.9 - TRAIL_SECONDS, abs=1.0)
    assert drawn.max() * 40 > 39.0


def test_a_trail_is_shown_once_all_of_it_is_drawn(qtbot: QtBot) -> None:
    plane = Plane(DJ)
    qtbot.addWidget(plane)
    plane.resize(600, 600)
    with qtbot.waitExposed(plane, timeout=1000 * PATIENCE_S):
        plane.show()
    times = np.arange(0.0, 30.0, 0.4)
    past = np.stack([times, np.sin(times), np.cos(times), times, times], axis=1)
    steps = plane.show_trail(past)
    seen = set()
    for step, _ in enumerate(steps):
        seen.add(len(plane.trail()))
        if step == 0:
            before = plane.grab().toImage()
    assert step > 1
    assert seen == {0, len(past) - 1}
    assert plane.grab().toImage() != before

    steps = plane.show_trail(past[:40])
    next(steps)
    plane.resize(400, 400)
    plane.grab()
    for _ in steps:
        pass
    # What was begun for the old size is not shown.
    assert len(plane.trail()) == len(past) - 1


def test_nothing_of_the_point_stays_behind_when_the_size_changes(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane(DJ)
    qtbot.addWidget(plane)
    plane.resize(400, 400)
    plane.grab()
    plane.show_estimate(sample_estimate(t=1.0, valence_sd=0.4, arousal_sd=0.4), now=1.0)
    plane.resize(900, 900)
    plane.grab()
    ellipse = plane.ellipse()
    drawn = QRectF(
        plane.on_screen(ellipse.left(), ellipse.bottom()),
        plane.on_screen(ellipse.right(), ellipse.top()),
    )
    again = QRegion()

    def update(area: QRect) -> None:
        nonlocal again
        again += area

    monkeypatch.setattr(plane, "update", update)
    plane.show_estimate(sample_estimate(t=1.1, valence_sd=0.1, arousal_sd=0.1), now=1.1)
    plane.advance(1.3)
    assert QRectF(again.boundingRect()).contains(drawn)


def test_the_time_lines_reach_two_minutes_back(service: Service) -> None:
    for number in range(700):
        service.says(sample_estimate(t=0.2 * number, valence=0.5, arousal=-0.25))
    service.settles()
    for line, value in zip(service.window.face.lines, (0.5, -0.25), strict=True):
        (drawn,) = line.lines()
        seconds, values = drawn.T
        assert seconds[0] == pytest.approx(-DJ.line_s, abs=0.6)
        assert seconds[-1] == 0
        assert values == pytest.approx(value)
        assert len(values) <= POINTS + 2


def test_the_band_of_a_time_line_is_one_standard_deviation_each_way(qtbot: QtBot) -> None:
    line = TimeLine("valence", theme=DJ, colour="#ffffff", column=1, sd_column=3)
    qtbot.addWidget(line)
    history = History(capacity=10)
    for t in (1.0, 1.1, 1.2):
        history.add(sample_estimate(t=t, valence=0.2, valence_sd=0.3))
    line.show_rows(history.rows())
    band = line.band.path().boundingRect()
    assert (band.top(), band.bottom()) == pytest.approx((-0.1, 0.5))
    assert (band.left(), band.right()) == pytest.approx((-0.2, 0.0))


def test_markers_stand_on_the_time_lines_until_the_stream_begins_anew(service: Service) -> None:
    service.says(sample_estimate(t=1.0))
    heard = replace(service.latest.get()[1], markers=(Marker(label="drop", t=1.0),))
    service.latest.put(heard)
    service.settles()
    service.says(sample_estimate(t=9.0))
    service.settles()
    for line in service.window.face.lines:
        drawn = line.marks.path().boundingRect()
        assert (drawn.left(), drawn.right()) == (-8, -8)
        assert (drawn.top(), drawn.bottom()) == (-1, 1)
    service.says(sample_estimate(t=9.0 + DJ.line_s))
    service.settles()
    assert all(line.marks.path().isEmpty() for line in service.window.face.lines)
    for t in (0.1, 9.0):
        service.says(sample_estimate(t=t))
    service.settles()
    assert all(line.marks.path().isEmpty() for line in service.window.face.lines)


def test_where_the_music_turned_a_triangle_stands_under_the_lines_and_words_say_when(
    service: Service,
) -> None:
    words = "▴ the music turned at 0:09, 0:30"
    for t, turns in ((1.0, 4), (9.0, 5), (9.1, 5), (30.0, 6), (31.0, 6)):
        service.says(sample_estimate(t=t, turns=turns, changed=0.12))
    service.settles()
    for line in service.window.face.lines:
        x, y = line.turns.getData()
        assert x.tolist() == [-22, -1]
        assert y.tolist() == [-1, -1]
        assert line.toolTip() == line.accessibleDescription() == words
    assert "changed 12%" in service.words()
    assert words in service.words()
    for t in (32.0 + DJ.line_s, 33.0 + DJ.line_s):
        service.says(sample_estimate(t=t, turns=6))
    service.settles()
    for line in service.window.face.lines:
        assert line.turns.getData()[0].tolist() == []
        assert line.toolTip() == ""


def test_a_hole_in_time_is_a_hole_in_the_lines(service: Service) -> None:
    for t in (1.0, 1.1, 50.0, 50.1):
        service.says(sample_estimate(t=t))
    service.settles()
    assert len(service.window.face.lines[0].lines()) == 2


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_told_in_words(service: Service, status: Status) -> None:
    service.says(sample_estimate(status=status))
    assert service.window.face.status.text() == STATUS_WORDS[status]


def test_only_music_is_drawn_as_certain(service: Service) -> None:
    plane = service.window.face.plane
    service.window.resize(1000, 700)
    for number, status in enumerate(Status):
        service.says(sample_estimate(t=float(number + 1), status=status, valence=0.0, arousal=0.3))
        service.settles() if status is not Status.MUSIC else service.frames(30, seconds=0.5)
        picture = plane.grab().toImage()
        ratio = picture.devicePixelRatio()
        place = plane.on_screen(0.0, 0.3) * ratio
        filled = picture.pixelColor(place.toPoint()).name() == DJ.point
        assert filled is (status is Status.MUSIC)


def test_a_service_that_is_away_is_told_in_words_until_it_returns(service: Service) -> None:
    service.says(sample_estimate(t=1.0))
    service.latest.put(service.latest.get()[1].lost("nobody answers"))
    service.window.refresh(service.now)
    assert service.window.face.status.text() == "reconnecting"
    assert "nobody answers" in service.words()
    assert "not connected" in service.window.face.foot.origin.toolTip()
    service.says(sample_estimate(t=0.1, mood="sad"))
    service.frames(30, seconds=0.5)
    assert service.window.face.status.text() == "music"
    assert service.window.face.heading.mood.text() == "sad"


def test_a_service_that_falls_silent_is_not_taken_for_music(service: Service) -> None:
    service.says(sample_estimate())
    service.window.refresh(service.now + 7.0)
    assert service.window.face.status.text() == "waiting"
    assert "no estimate for 7 s" in service.window.face.note.text()


def test_a_device_that_is_gone_is_told_though_no_estimate_comes(service: Service) -> None:
    service.says(sample_estimate(), status=Status.RECONNECTING)
    service.window.refresh(service.now + 60.0)
    assert service.window.face.status.text() == "reconnecting"


def test_the_health_of_the_stream_is_shown(service: Service) -> None:
    service.says(
        sample_estimate(level_dbfs=-23.4, latency_ms=17.2, xruns=3, skipped=5, state_age_s=65.0)
    )
    service.settles()
    words = service.words()
    for part in ("−23 dBFS", "latency 17 ms", "xruns 3", "skipped 5", "state age 1:05", "default"):
        assert part in words


def test_how_likely_music_is_stands_with_the_health_where_the_model_tells(service: Service) -> None:
    service.says(sample_estimate(t=1.0))
    service.settles()
    assert "familiar" not in service.words()
    service.says(sample_estimate(t=2.0, music=0.034, familiar=0.5, status=Status.NO_MUSIC))
    service.settles()
    assert "music 3%   familiar 50%" in service.words()


def test_a_stream_without_a_clock_has_no_latency(service: Service) -> None:
    service.says(sample_estimate(latency_ms=None))
    service.settles()
    assert "latency –" in service.words()


def test_nothing_is_drawn_when_nothing_is_new(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.says(sample_estimate())
    service.frames(30, seconds=0.5)
    calls: list[str] = []
    for kind, method in (
        (TimeLine, "show_rows"),
        (Plane, "update"),
        (Bars, "update"),
        (Reading, "update"),
        (QLabel, "setText"),
    ):
        monkeypatch.setattr(kind, method, lambda *_, name=method, **__: calls.append(name))
    drawn = [service.window.refresh(service.now + frame / 60) for frame in range(45)]
    assert not any(drawn)
    assert calls == []


def test_a_frame_draws_one_slow_part_at_most_and_the_point_sixty_times_a_second(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.says(sample_estimate(t=1.0))
    service.frames(30, seconds=0.5)
    slow: list[int] = []
    frame = 0
    for kind, method in (
        (TimeLine, "show_rows"),
        (Plane, "show_trail"),
        (Bars, "show_shares"),
        (Waterfall, "show_columns"),
    ):
        monkeypatch.setattr(kind, method, lambda *_, **__: slow.append(frame))
    moved = 0
    for frame in range(120):  # two seconds
        if frame % 6 == 0:
            estimate = sample_estimate(t=1.7 + frame / 60, valence=(-1) ** (frame // 6) * 0.5)
            service.latest.put(replace(service.latest.get()[1], estimates=(estimate,)))
        moved += service.window.refresh(service.now + frame / 60)
    assert moved == 120
    assert len(slow) == len(set(slow))
    assert len(slow) > 20


@pytest.mark.slow
def test_nothing_grows_over_thousands_of_estimates(service: Service) -> None:
    def play(start: int, count: int) -> None:
        for number in range(start, start + count):
            angle = number / 50
            service.says(
                sample_estimate(
                    t=0.1 * number, valence=np.sin(angle).item(), arousal=np.cos(angle).item()
                )
            )

    def there() -> tuple[int, int, int]:
        gc.collect()
        items = sum(len(line.scene().items()) for line in service.window.face.lines)
        return items, sys.getallocatedblocks(), psutil.Process().memory_info().rss

    count = 1500
    play(1, count)  # the lines and the trail are full by now
    items, blocks, resident = there()
    play(count + 1, count)
    more_items, more_blocks, more_resident = there()
    assert more_items == items
    # Not a single object is kept of each estimate, nor 2 kB of it in C++.
    assert more_blocks - blocks < count / 2
    assert more_resident - resident < 2000 * count


def test_the_bars_show_the_shares(service: Service) -> None:
    estimate = sample_estimate()
    service.says(estimate)
    assert service.window.face.gems.shares() == pytest.approx(dict(estimate.gems))
    assert service.window.face.quadrants.shares() == pytest.approx(dict(estimate.quadrants))


def test_a_long_bar_is_drawn_longer(qtbot: QtBot) -> None:
    bars = Bars("title", labels={"a": "a"}, colours={"a": "#ff0000"}, theme=DJ)
    qtbot.addWidget(bars)
    bars.resize(400, 60)

    def red(share: float) -> int:
        bars.show_shares({"a": share}, current=True)
        picture = bars.grab().toImage()
        return sum(
            picture.pixelColor(x, y).name() == "#ff0000"
            for x in range(picture.width())
            for y in range(picture.height())
        )

    quarter, half, whole = red(0.25), red(0.5), red(1.0)
    assert half == pytest.approx(2 * quarter, rel=0.1)
    assert whole == pytest.approx(2 * half, rel=0.1)


@pytest.mark.parametrize("layout", list(THEMES))
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_text_is_cut_off(
    qtbot: QtBot, service: Service, layout: str, size: tuple[int, int]
) -> None:
    window = service.window
    window.arrange(layout)
    service.says(
        sample_estimate(
            mood="distressed", status=Status.WARMING_UP, level_dbfs=-120.0, valence=-0.5, xruns=99
        )
    )
    level = LevelMessage(t=1.0, level_dbfs=-120, peak_dbfs=-120, mel=(99,) * 64)
    service.latest.put(replace(service.latest.get()[1], levels=(level,), detail="Words. " * 9))
    window.menus.actions["details"].trigger()
    window.resize(*size)
    with qtbot.waitExposed(window, timeout=1000 * PATIENCE_S):
        window.show()
    service.settles()
    assert window.face.waterfall.isVisible()
    assert len(window.face.note.text()) > 50
    # No scroll bar.
    qtbot.waitUntil(lambda: window.face.width() == size[0], timeout=1000 * PATIENCE_S)
    for part in window.face.findChildren(Reading):
        if part.isVisible():
            font, text = part.drawn()
            assert text == part.text()
            assert QFontInfo(font).pixelSize() >= 13
    for bars in (window.face.gems, window.face.quadrants):
        assert bars.height() >= bars.minimumSizeHint().height()


@pytest.mark.slow
def test_no_text_is_cut_off_on_a_screen_of_twice_the_resolution() -> None:
    # Qt reads the variable once, before its first window.
    test = f"{__file__}::{test_no_text_is_cut_off.__name__}"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env={**os.environ, "QT_SCALE_FACTOR": "2"},
        check=True,
    )


def test_words_about_the_state_move_nothing(service: Service) -> None:
    service.says(sample_estimate(t=1.0))
    face = service.window.face
    places = [part.geometry() for part in face.findChildren(QWidget)]
    service.says(sample_estimate(t=2.0, status=Status.NO_SIGNAL))
    service.window.grab()
    assert face.note.text()
    assert [part.geometry() for part in face.findChildren(QWidget)] == places


def test_a_long_source_name_is_whole_in_the_tool_tip(service: Service) -> None:
    name = "a very long device name " * 10
    service.says(sample_estimate())
    service.latest.put(replace(service.latest.get()[1], source=name))
    service.window.refresh(service.now)
    assert name in service.window.face.foot.origin.toolTip()


# -- what can be asked for --------------------------------------------------------------------


class Session:
    """Stands in for the pipe to a session: keeps what it was asked and reports what it is told."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.reports: list[Report] = []
        self.ended = False
        self.busy = False

    def send(self, command: Command) -> bool:
        if not self.busy:
            self.asked.append(command)
        return not self.busy

    def take(self) -> list[Report]:
        reports, self.reports = self.reports, []
        return reports


STATE = SessionState(
    paused=False, source="mic", device=None, title="Built-in mic", recording=None, sound=False
)


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def controlled(qtbot: QtBot, session: Session) -> Window:
    window = Window(Latest(Snapshot()), url=URL, pipe=cast(SessionPipe, session))
    qtbot.addWidget(window)
    session.reports.append(STATE)
    window.refresh(1.0)
    session.asked.clear()
    return window


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("pause", Pause()),
        ("reset", Reset()),
        ("mic", ChangeSource(source="mic")),
        ("system", ChangeSource(source="system")),
        ("demo", ChangeSource(source="demo")),
    ],
)
def test_the_menu_asks_the_session(
    controlled: Window, session: Session, name: str, command: Command
) -> None:
    controlled.menus.actions[name].trigger()
    assert session.asked == [command]


def test_pausing_again_resumes(controlled: Window, session: Session) -> None:
    session.reports.append(replace(STATE, paused=True))
    controlled.refresh(2.0)
    controlled.menus.actions["pause"].trigger()
    assert session.asked == [Resume()]


def test_a_device_that_is_chosen_is_asked_for_by_name_and_ticked_once_it_is_used(
    controlled: Window, session: Session
) -> None:
    entry = DeviceEntry(kind="mic", name="Scarlett", default=False)
    session.reports.append(Devices(devices=(entry,)))
    controlled.refresh(2.0)

    def action() -> QAction:
        return controlled.menus.devices.actions()[-1]

    action().trigger()
    assert session.asked[-1] == ChangeSource(source="mic", device="Scarlett")
    assert not action().isChecked()
    session.reports.append(replace(STATE, device="Scarlett", title="Scarlett"))
    controlled.refresh(3.0)
    assert action().isChecked()
    assert "Scarlett" in controlled.notice.text()


def test_a_name_of_a_device_is_shown_as_it_is(
    controlled: Window, session: Session, service: Service
) -> None:
    entry = DeviceEntry(kind="mic", name=NAME_THAT_ACTS, default=False)
    session.reports.append(Devices(devices=(entry,)))
    controlled.refresh(2.0)
    action = controlled.menus.devices.actions()[-1]
    assert action.text().replace("&&", "&") == f"Microphone: {NAME_SPELT_OUT}"
    assert "&&amp;" in action.text()  # Qt shows one of the two
    action.trigger()
    assert session.asked[-1] == ChangeSource(source="mic", device=NAME_THAT_ACTS)
    source = controlled.face.foot.source
    source.setToolTip(NAME_SPELT_OUT)
    shown = QTextDocument()
    shown.setHtml(source.toolTip())
    assert shown.toPlainText() == NAME_SPELT_OUT


@pytest.mark.parametrize(("text", "picked"), [("3", (3,)), ("4, 3", (4, 3)), ("", ())])
def test_channels_are_picked_of_the_device_that_is_heard(
    controlled: Window, session: Session, text: str, picked: tuple[int, ...]
) -> None:
    session.reports.append(replace(STATE, device="Scarlett", title="Scarlett"))
    controlled.refresh(2.0)
    controlled.menus.actions["channels"].trigger()
    (dialog,) = controlled.findChildren(ChannelsDialog)
    dialog.channels.setText(text)
    assert dialog.channels.hasAcceptableInput()
    dialog.accept()
    assert session.asked[-1] == ChangeSource(source="mic", device="Scarlett", channels=picked)


def test_how_loud_each_channel_is_stands_in_the_dialog(
    controlled: Window, session: Session
) -> None:
    session.reports.append(replace(STATE, device="Scarlett", title="Scarlett"))
    controlled.refresh(2.0)
    controlled.menus.actions["channels"].trigger()
    assert session.asked[-1] == AskLevels()
    (dialog,) = controlled.findChildren(ChannelsDialog)
    session.reports.append(ChannelLevels(levels=(-120.0, -18.4, *[-120.0] * 8)))
    controlled.refresh(3.0)
    first, second, *_, last = dialog.levels.text().split("\n")
    assert first == "1: no signal\t9: no signal"
    assert second == "2: \N{MINUS SIGN}18 dBFS\t10: no signal"
    assert last == "8: no signal"
    session.reports.append(Failed(do="levels", message="It is used by another program."))
    controlled.refresh(4.0)
    assert dialog.levels.text() == "It is used by another program."
    assert controlled.notice.text() != dialog.levels.text()


def test_a_file_has_no_channels_to_pick_in_the_window(controlled: Window, session: Session) -> None:
    session.reports.append(replace(STATE, source="song.wav", title="song.wav"))
    controlled.refresh(2.0)
    controlled.menus.actions["channels"].trigger()
    assert "choose one first" in controlled.notice.text()
    assert controlled.findChildren(ChannelsDialog) == []


@pytest.mark.parametrize("message", ["There is no device 'x'.", "There is no device 'x'"])
def test_a_source_that_cannot_be_opened_is_told_with_what_is_heard_still(
    controlled: Window, session: Session, message: str
) -> None:
    session.reports.append(Failed(do="source", message=message))
    controlled.refresh(2.0)
    assert controlled.notice.text() == ("There is no device 'x'. Still listening to Built-in mic.")


def test_a_recording_is_begun_and_ended(controlled: Window, session: Session) -> None:
    actions = controlled.menus.actions
    assert actions["record"].isEnabled()
    assert not actions["stop"].isEnabled()
    actions["record"].trigger()
    (dialog,) = controlled.findChildren(RecordDialog)
    assert not dialog.sound.isChecked()
    dialog.name.setText("friday")
    dialog.sound.setChecked(True)
    dialog.accept()
    assert session.asked == [Record(name="friday", sound=True)]
    session.reports.append(replace(STATE, recording="friday", sound=True))
    controlled.refresh(2.0)
    assert not actions["record"].isEnabled()
    assert actions["stop"].isEnabled()
    actions["stop"].trigger()
    assert session.asked[-1] == StopRecording()


@pytest.mark.parametrize("layout", list(THEMES))
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, ""),
        (RecordingState(estimates=True, sound=False), "● REC estimates, no sound"),
        (RecordingState(estimates=True, sound=True), "● REC estimates and SOUND"),
        (RecordingState(estimates=False, sound=False), "recording stopped"),
    ],
)
def test_what_is_recorded_is_said(
    service: Service, layout: str, state: RecordingState | None, words: str
) -> None:
    service.window.arrange(layout)
    service.says(sample_estimate())
    service.latest.put(replace(service.latest.get()[1], recording=state))
    service.window.refresh(service.now)
    assert service.window.face.foot.recording.text() == words


def test_devices_that_cannot_be_listed_are_told_in_their_menu_alone(
    controlled: Window, session: Session
) -> None:
    session.reports += [Failed(do="devices", message="No sound server answers."), STATE]
    controlled.refresh(2.0)
    last = controlled.menus.devices.actions()[-1]
    assert (last.text(), last.isEnabled()) == ("No sound server answers.", False)
    assert not controlled.notice.isVisibleTo(controlled)
    session.reports.append(Devices(devices=()))
    controlled.refresh(3.0)
    assert controlled.menus.devices.actions()[-1].text() != "No sound server answers."


def test_a_busy_session_is_told(controlled: Window, session: Session) -> None:
    session.busy = True
    controlled.menus.actions["reset"].trigger()
    assert "busy" in controlled.notice.text()


def test_a_window_that_may_only_watch_says_why(service: Service) -> None:
    for items in MENUS.values():
        for item in items:
            action = service.window.menus.actions[item.name]
            assert action.isEnabled() is not item.controls or item.name == "stop"
            assert ("live" in action.toolTip()) is item.controls


def test_the_end_of_the_session_closes_its_window(controlled: Window, session: Session) -> None:
    controlled.show()
    session.ended = True
    controlled.refresh(2.0)
    assert not controlled.isVisible()


def test_every_item_has_a_key_of_its_own() -> None:
    keys = [key for items in MENUS.values() for item in items for key in item.keys]
    assert len(keys) == len(set(keys)) >= sum(map(len, MENUS.values()))


def test_a_marker_is_said_once_it_has_come_back_and_a_lost_one_after_a_while(
    qtbot: QtBot,
) -> None:
    marks: list[tuple[str, str]] = []
    latest = Latest(Snapshot())

    def mark(label: str, id: str) -> bool:
        marks.append((label, id))
        return True

    window = Window(latest, url=URL, mark=mark, layout="therapy")
    qtbot.addWidget(window)
    assert window.face.notes is not None
    window.show()
    window.face.notes.note.setText("tears")
    window.face.notes.mark.click()
    assert "not set" in window.notice.text()
    assert marks == []
    latest.put(Snapshot(link=Link.CONNECTED))
    window.refresh(1.0)
    window.face.notes.mark.click()
    ((label, id),) = marks
    assert (label, window.face.notes.note.text()) == ("tears", "tears")
    latest.put(Snapshot(link=Link.CONNECTED, markers=(Marker(label=label, id=id, t=83.0),)))
    window.refresh(2.0)
    assert "1:23" in window.notice.text()
    assert window.face.notes.note.text() == ""
    assert window.face.notes.markers.item(0).text() == "1:23   tears"
    window.set_marker("again")
    window.refresh(2.1)
    window.refresh(9.0)
    assert "not confirmed" in window.notice.text()


def test_the_spectrum_is_shown_where_there_is_one(service: Service) -> None:
    waterfall = service.window.face.waterfall
    service.says(sample_estimate())
    service.settles()
    assert not waterfall.isVisibleTo(service.window.face)
    mel = (0,) * 32 + (255,) * 32
    level = LevelMessage(t=1.0, level_dbfs=-20, peak_dbfs=-6, mel=mel)
    service.latest.put(replace(service.latest.get()[1], levels=(level,)))
    service.settles()
    assert waterfall.isVisibleTo(service.window.face)
    newest = waterfall.picture().width() - 1
    drawn = [waterfall.picture().pixelColor(newest, y).name() for y in (63, 0)]
    assert drawn == [DJ.spectrum[0], DJ.spectrum[-1]]  # low and silent below, high and loud above
    without = replace(level, t=1.1, mel=None)
    service.latest.put(replace(service.latest.get()[1], levels=(level, without)))
    service.settles()
    assert not waterfall.isVisibleTo(service.window.face)


def test_clipping_is_written_until_it_has_been_seen(qtbot: QtBot) -> None:
    meter = LevelMeter(DJ)
    qtbot.addWidget(meter)
    meter.show_level(-6.0, 0.0, now=1.0)
    assert meter.words() == "CLIP"
    meter.show_level(-20.0, -10.0, now=2.0)
    assert meter.words() == "CLIP"
    meter.show_level(-20.0, -10.0, now=3.5)
    assert meter.words() == "−20 dBFS"


def test_the_layout_can_be_changed_while_it_runs_and_nothing_is_forgotten(
    service: Service,
) -> None:
    for number in range(100):
        service.says(sample_estimate(t=0.1 * (number + 1)))
    service.window.menus.actions["turn"].trigger()
    assert service.window.theme.name == "therapy"
    service.settles()
    face = service.window.face
    assert face.heading.mood.text() == "calm"
    assert len(face.lines[0].lines()[0]) > 5
    assert face.notes is not None
    assert face.notes.clock.text() == "0:10"
    service.window.menus.layouts["dj"].trigger()
    assert service.window.face.notes is None


def test_preferences_are_remembered(qtbot: QtBot, tmp_path: Path) -> None:
    def open_window() -> Window:
        settings = QSettings(str(tmp_path / "display.ini"), QSettings.Format.IniFormat)
        window = Window(Latest(Snapshot()), url=URL, settings=settings)
        qtbot.addWidget(window)
        return window

    first = open_window()
    first.resize(700, 600)
    first.show()
    first.menus.actions["turn"].trigger()
    first.menus.actions["larger"].trigger()
    first.menus.actions["words"].trigger()
    (dialog,) = first.findChildren(WordsDialog)
    dialog.fields["calm"].setText("ruhig")
    dialog.accept()
    first.close()
    second = open_window()
    assert second.theme.name == "therapy"
    assert second.preferences.scale == 1.15
    assert second.preferences.words == {"calm": "ruhig"}
    assert (second.width(), second.height()) == (700, 600)


def test_a_file_of_settings_that_makes_no_sense_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "display.ini").write_text("[General]\nlayout=disco\nscale=-3\ngeometry=7\n")
    settings = QSettings(str(tmp_path / "display.ini"), QSettings.Format.IniFormat)
    assert load(settings) == Preferences()


def test_a_picture_is_written_or_it_is_said_why_not(service: Service, tmp_path: Path) -> None:
    assert service.window.take_picture(tmp_path / "a.png")
    assert QImage(str(tmp_path / "a.png")).width() == service.window.width()
    assert not service.window.take_picture(tmp_path / "none" / "a.png")
    assert "No picture" in service.window.notice.text()


def test_two_pictures_within_a_second_are_two_files(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QStandardPaths, "writableLocation", staticmethod(lambda _location: str(tmp_path))
    )
    for _ in range(3):
        service.window.menus.actions["screenshot"].trigger()
    assert len(list(tmp_path.glob("realtime-mer-*.png"))) == 3
