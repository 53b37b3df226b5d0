"""The window: what it shows, and that it shows nothing twice and keeps nothing for ever."""

import gc
from dataclasses import replace

import numpy as np
import psutil
import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from realtime_mer.display.bars import Bars
from realtime_mer.display.history import History
from realtime_mer.display.latest import Latest
from realtime_mer.display.plane import TRAIL_SECONDS, Plane
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.timelines import SECONDS, TimeLine
from realtime_mer.display.window import Window
from realtime_mer.display.words import STATUS_WORDS
from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Estimate, Status
from tests.samples import sample_estimate

URL = "ws://127.0.0.1:8765"


class Service:
    """Stands in for the reader: puts snapshots into the slot, at times that the test chooses."""

    def __init__(self, qtbot: QtBot) -> None:
        self.latest = Latest(Snapshot())
        self.window = Window(self.latest, url=URL)
        qtbot.addWidget(self.window)
        self.now = 1000.0

    def says(self, estimate: Estimate, *, status: Status | None = None) -> None:
        """Show an estimate, and then wait the tenth of a second that it takes to glide there."""
        self.latest.put(
            Snapshot(
                link=Link.CONNECTED,
                model="default",
                estimate=estimate,
                status=status or estimate.status,
            )
        )
        self.window.refresh(self.now)
        self.now += 0.1
        self.window.refresh(self.now)

    def settles(self) -> None:
        """Wait until everything that was said is drawn."""
        self.now += 1.0
        self.window.refresh(self.now)

    def words(self) -> str:
        return " ".join(label.text() for label in self.window.findChildren(QLabel))


@pytest.fixture
def service(qtbot: QtBot) -> Service:
    return Service(qtbot)


def test_the_point_stands_where_the_first_estimate_is(service: Service) -> None:
    service.says(sample_estimate(valence=0.3, arousal=-0.6))
    assert service.window.plane.position() == pytest.approx((0.3, -0.6))


def test_the_point_glides_from_one_estimate_to_the_next(service: Service) -> None:
    service.says(sample_estimate(t=1.0, valence=0.0, arousal=0.0))
    service.latest.put(
        Snapshot(
            link=Link.CONNECTED,
            estimate=sample_estimate(t=1.1, valence=0.4, arousal=-0.2),
            status=Status.MUSIC,
        )
    )
    plane = service.window.plane
    service.window.refresh(service.now)
    assert plane.position() == pytest.approx((0.0, 0.0))
    service.window.refresh(service.now + 0.05)
    assert plane.position() == pytest.approx((0.2, -0.1))
    service.window.refresh(service.now + 5.0)
    assert plane.position() == pytest.approx((0.4, -0.2))


def test_the_ellipse_reaches_one_standard_deviation_to_each_side(service: Service) -> None:
    service.says(sample_estimate(valence=0.1, arousal=0.2, valence_sd=0.3, arousal_sd=0.15))
    ellipse = service.window.plane.ellipse
    edges = ellipse.mapToParent(ellipse.rect()).boundingRect()
    assert (edges.left(), edges.right()) == pytest.approx((0.1 - 0.3, 0.1 + 0.3))
    assert (edges.top(), edges.bottom()) == pytest.approx((0.2 - 0.15, 0.2 + 0.15))


def test_right_is_pleasant_and_up_is_energetic_on_screen(service: Service) -> None:
    view = service.window.plane.getPlotItem().getViewBox()
    centre, right, up = (
        view.mapViewToScene(view.viewRect().center().__class__(*place))
        for place in ((0, 0), (0.5, 0), (0, 0.5))
    )
    assert right.x() > centre.x()
    assert up.y() < centre.y()
    assert right.x() - centre.x() == pytest.approx(centre.y() - up.y(), rel=0.01)


def test_every_mood_word_stands_at_its_place(qtbot: QtBot) -> None:
    plane = Plane()
    qtbot.addWidget(plane)
    shown = {
        item.toPlainText(): (item.pos().x(), item.pos().y())
        for item in plane.getPlotItem().items
        if hasattr(item, "toPlainText")
    }
    for mood in MOOD_WORDS:
        assert shown[mood.word] == (mood.valence, mood.arousal)


def test_the_trail_holds_the_last_thirty_seconds_and_no_more(service: Service) -> None:
    for number in range(1000):
        service.says(sample_estimate(t=0.1 * number, valence=number / 1000))
    drawn = np.concatenate([piece.getData()[0] for piece in service.window.plane.trail])
    assert drawn.min() * 100 >= 99.9 - TRAIL_SECONDS - 0.11
    assert drawn.max() == pytest.approx(0.998)  # the estimate before the one where the point is


def test_the_time_lines_reach_two_minutes_back(service: Service) -> None:
    for number in range(1500):
        service.says(sample_estimate(t=0.1 * number, valence=0.5, arousal=-0.25))
    service.settles()
    for line, value in zip(service.window.lines, (0.5, -0.25), strict=True):
        seconds, values = line.line.getData()
        assert seconds[0] == pytest.approx(-SECONDS, abs=0.11)
        assert seconds[-1] == 0
        assert set(values) == {value}


def test_the_band_of_a_time_line_is_one_standard_deviation_each_way(qtbot: QtBot) -> None:
    line = TimeLine("valence", colour="#ffffff", column=1, sd_column=3)
    qtbot.addWidget(line)
    history = History(capacity=10)
    for t in (1.0, 1.1, 1.2):
        history.add(sample_estimate(t=t, valence=0.2, valence_sd=0.3))
    line.show_rows(history.rows())
    band = line.band.path().boundingRect()
    assert (band.top(), band.bottom()) == pytest.approx((-0.1, 0.5))
    assert (band.left(), band.right()) == pytest.approx((-0.2, 0.0))


def test_a_hole_in_time_is_a_hole_in_the_lines(service: Service) -> None:
    for t in (1.0, 1.1, 50.0, 50.1):
        service.says(sample_estimate(t=t))
    service.settles()
    _, values = service.window.lines[0].line.getData()
    assert np.isnan(values).sum() == 1


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_told_in_words(service: Service, status: Status) -> None:
    service.says(sample_estimate(status=status))
    assert service.window.status.text() == STATUS_WORDS[status]


def test_only_music_is_drawn_as_certain(service: Service) -> None:
    point, pictures = service.window.plane.point, {}
    for number, status in enumerate(Status):
        service.says(sample_estimate(t=float(number + 1), status=status))
        pictures[status] = (point.brush().color().name(), point.pen().color().name())
    music = pictures.pop(Status.MUSIC)
    assert music not in pictures.values()


def test_a_service_that_is_away_is_told_in_words_until_it_returns(service: Service) -> None:
    service.says(sample_estimate(t=1.0))
    service.latest.put(service.latest.get()[1].lost("nobody answers"))
    service.window.refresh(service.now)
    assert service.window.status.text() == "reconnecting"
    assert "nobody answers" in service.words()
    assert "not connected" in service.window.origin.toolTip()
    service.says(sample_estimate(t=0.1, mood="sad"))
    assert service.window.status.text() == "music"
    assert service.window.mood.text() == "sad"


def test_a_service_that_falls_silent_is_not_taken_for_music(service: Service) -> None:
    service.says(sample_estimate())
    service.window.refresh(service.now + 7.0)
    assert service.window.status.text() == "waiting"
    assert "no estimate for 7 s" in service.window.note.text()


def test_a_device_that_is_gone_is_told_though_no_estimate_comes(service: Service) -> None:
    service.says(sample_estimate(), status=Status.RECONNECTING)
    service.window.refresh(service.now + 60.0)
    assert service.window.status.text() == "reconnecting"


def test_the_health_of_the_stream_is_shown(service: Service) -> None:
    service.says(
        sample_estimate(level_dbfs=-23.4, latency_ms=17.2, xruns=3, skipped=5, state_age_s=65.0)
    )
    words = service.words()
    for part in ("−23 dBFS", "latency 17 ms", "xruns 3", "skipped 5", "state age 1:05", "default"):
        assert part in words


def test_a_stream_without_a_clock_has_no_latency(service: Service) -> None:
    service.says(sample_estimate(latency_ms=None))
    assert "latency –" in service.words()


def test_nothing_is_drawn_when_nothing_is_new(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.says(sample_estimate())
    service.settles()
    calls: list[str] = []
    for kind, method in (
        (TimeLine, "show_rows"),
        (Plane, "show_estimate"),
        (Bars, "update"),
        (QLabel, "setText"),
    ):
        monkeypatch.setattr(kind, method, lambda *_, name=method, **__: calls.append(name))
    monkeypatch.setattr(service.window.plane.tip, "setData", lambda *_: calls.append("tip"))
    drawn = [service.window.refresh(service.now + frame / 60) for frame in range(45)]
    assert not any(drawn)
    assert calls == []


def test_the_point_moves_sixty_times_a_second_and_the_slow_lines_four_times(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.says(sample_estimate(t=1.0))
    service.settles()
    lines: list[int] = []
    monkeypatch.setattr(TimeLine, "show_rows", lambda *_: lines.append(frame))
    moved = 0
    for frame in range(120):  # two seconds
        if frame % 6 == 0:
            estimate = sample_estimate(t=1.1 + frame / 60, valence=(-1) ** (frame // 6) * 0.5)
            service.latest.put(replace(service.latest.get()[1], estimate=estimate))
        moved += service.window.refresh(service.now + frame / 60)
    assert moved == 120
    assert len(lines) // len(service.window.lines) in range(6, 9)
    assert service.window.refresh(service.now + 10.0)  # and the last one is drawn too


@pytest.mark.slow
def test_nothing_grows_over_ten_thousand_estimates(service: Service) -> None:
    def play(start: int, count: int) -> None:
        for number in range(start, start + count):
            angle = number / 50
            service.says(
                sample_estimate(
                    t=0.1 * number, valence=np.sin(angle).item(), arousal=np.cos(angle).item()
                )
            )

    play(1, 5000)  # every buffer is full by now
    process = psutil.Process()
    items, before = len(service.window.plane.scene().items()), process.memory_info().rss
    play(5001, 5000)
    gc.collect()
    assert len(service.window.plane.scene().items()) == items
    # Estimates take about 1 kB each: to keep those of 5000 hops would take 5 MB.
    grown = process.memory_info().rss - before
    assert grown < 3_000_000


def test_the_bars_show_the_shares(service: Service) -> None:
    estimate = sample_estimate()
    service.says(estimate)
    assert service.window.gems.shares() == pytest.approx(dict(estimate.gems))
    assert service.window.quadrants.shares() == pytest.approx(dict(estimate.quadrants))


def test_a_long_bar_is_drawn_longer(qtbot: QtBot) -> None:
    bars = Bars("title", labels={"a": "a"}, colours={"a": "#ff0000"})
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


@pytest.mark.parametrize("size", [(1200, 800), (900, 640), (2560, 1440)])
def test_no_text_is_cut_off(qtbot: QtBot, service: Service, size: tuple[int, int]) -> None:
    window = service.window
    service.says(
        sample_estimate(
            mood="distressed", status=Status.WARMING_UP, level_dbfs=-120.0, valence=-0.5, xruns=99
        )
    )
    window.resize(*size)
    with qtbot.waitExposed(window):
        window.show()
    window.refresh(service.now)
    qtbot.waitUntil(lambda: window.mood.width() >= window.mood.sizeHint().width())
    assert (window.width(), window.height()) == size
    for name in ("mood", "valence", "arousal", "status", "level", "health"):
        label = getattr(window, name)
        assert label.width() >= label.sizeHint().width(), name
        assert label.height() >= label.sizeHint().height(), name
    assert window.note.height() >= window.note.heightForWidth(window.note.width())


def test_a_long_source_name_is_shortened_on_screen_and_whole_in_the_tool_tip(
    qtbot: QtBot, service: Service
) -> None:
    window, name = service.window, "a very long device name " * 10
    service.says(sample_estimate())
    service.latest.put(replace(service.latest.get()[1], source=name))
    with qtbot.waitExposed(window):
        window.show()
    window.refresh(service.now)
    assert name in window.origin.toolTip()
    qtbot.waitUntil(lambda: "…" in window.origin.text())
    assert window.origin.text().endswith(URL)
    drawn = window.origin.fontMetrics().horizontalAdvance(window.origin.text())
    assert drawn <= window.origin.width()
