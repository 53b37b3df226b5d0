"""The browser display in a real browser, against a real service."""

import re
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Status
from realtime_mer.mood import mood_text
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import (
    LevelMessage,
    Marker,
    OutletState,
    RecordingState,
    StatusMessage,
)
from realtime_mer.wording import OUTLET_NOTE, STATUS_WORDS, TURN_WORDS, clock, outlet_words
from tests.web.browser import (
    AWAY,
    DESKTOP,
    FULL_HD,
    HELLO,
    PHONE,
    Browser,
    estimate_at,
    piece,
    publish,
    until,
)

pytestmark = pytest.mark.slow

SIZES = (
    PHONE,
    (844, 390),
    (820, 1180),
    (1024, 700),
    (1180, 820),
    (1280, 720),
    DESKTOP,
    FULL_HD,
)
CONNECTED = "document.documentElement.dataset.link === 'connected'"
NO_CONNECTION = "no connection to the service"
LINE_RUNS = (
    "(document.querySelector('.line.valence').getAttribute('d') ?? '').split('M').length - 1"
)
PEAK = "document.getElementById('meter-peak')"
PLANE = "document.querySelector('#plane svg').dataset"


def open_display(tab: Browser, service: Service, **options: Any) -> None:
    tab.open(service, **options)
    tab.wait_for("document.getElementById('network')?.textContent")  # it has subscribed


def reaches(valence: float, arousal: float) -> str:
    return f"Math.hypot({PLANE}.valence - {valence}, {PLANE}.arousal - {arousal}) < 0.02"


def test_the_point_and_all_that_is_written_follow_the_estimates(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.42, -0.42, seq=0, latency_ms=7.4, level_dbfs=-31.0, xruns=2))
    tab.wait_for(reaches(0.42, -0.42))
    first = tab.js("return +document.querySelector('.point').getAttribute('cx')")
    tab.wait_for("mood.textContent === 'calm'")
    assert tab.text("#state-word") == "music"
    assert tab.text("#valence") == "+0.42"
    assert tab.text("#arousal") == "−0.42"
    assert tab.text("#quadrants .largest .name") == "Q4 pleasant, calm"
    assert tab.text("#gems .largest .name") == "tenderness"
    assert tab.text("#level") == "−31 dBFS"
    details = [tab.text(f"#{name}") for name in ("latency", "xruns", "skipped", "model")]
    assert details == ["7 ms", "2", "0", "default"]

    publish(service, estimate_at(-0.25, 0.54, seq=1))
    tab.wait_for(reaches(-0.25, 0.54))
    assert tab.js("return +document.querySelector('.point').getAttribute('cx')") < first - 50
    tab.wait_for("mood.textContent === 'afraid'")
    assert tab.text(".word.here") == "afraid"
    tab.wait_for("/^M.+L/.test(document.querySelector('.line.arousal').getAttribute('d'))")


@pytest.mark.parametrize(("motion", "glides"), [("no-preference", True), ("reduce", False)])
def test_the_point_glides_unless_reduced_motion_is_asked_for(
    tab: Browser, service: Service, motion: str, glides: bool
) -> None:
    tab.cdp(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-reduced-motion", "value": motion}],
    )
    open_display(tab, service)
    publish(service, estimate_at(-0.5, -0.5, seq=0))
    tab.wait_for(reaches(-0.5, -0.5))
    tab.js(
        "const svg = document.querySelector('#plane svg'); window.places = new Set();"
        "new MutationObserver(() => places.add(svg.dataset.valence))"
        ".observe(svg, { attributeFilter: ['data-valence'] });"
    )
    publish(service, estimate_at(0.5, 0.5, seq=1))
    tab.wait_for(reaches(0.5, 0.5))
    places = [float(place) for place in tab.js("return [...window.places]")]
    between = [place for place in places if -0.45 < place < 0.45]
    assert (len(between) >= 2) if glides else (between == [])


def test_sound_that_is_not_music_is_told_in_words_and_by_a_hollow_point(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.3, 0.3, seq=0))
    tab.wait_for("document.getElementById('state-word').textContent === 'music'")
    point = "getComputedStyle(document.querySelector('.point')).fill"
    filled = tab.js(f"return {point}")
    for seq, status in enumerate((Status.SILENCE, Status.NO_MUSIC), start=1):
        publish(service, estimate_at(0.3, 0.3, seq=seq, status=status))
        word = STATUS_WORDS[status]
        tab.wait_for(f"document.getElementById('state-word').textContent === '{word}'")
        assert tab.text("#state-note") == "the last estimate is held"
        assert tab.js(f"return {point}") != filled

    service.publish(
        StatusMessage(
            status=Status.RECONNECTING, detail="unplugged", t=0.2, wall_time=None, source="Mic 2"
        )
    )
    tab.wait_for("document.getElementById('state-note').textContent === 'unplugged'")
    assert tab.text("#state-word") == "reconnecting"
    assert tab.text("#origin") == "Mic 2"


def test_how_outlets_fare_stands_in_the_details_and_a_lost_one_is_told_to_everybody(
    tab: Browser, service: Service
) -> None:
    def tell(*outlets: OutletState) -> None:
        status = StatusMessage(
            status=Status.MUSIC, detail="", t=0.0, wall_time=None, source="Mic", outlets=outlets
        )
        service.publish(status)

    open_display(tab, service)
    tab.js("document.getElementById('details').open = true")
    publish(service, estimate_at(0.3, 0.3, seq=0))
    row = "document.getElementById('outlets')"
    booth = OutletState(name="<b>booth", state="connected", sent=120, dropped=3, failed=0)
    lab = OutletState(name="lab", state="failing", sent=7, dropped=0, failed=2)
    tell(booth)
    tab.wait_for(f"{row}.innerText === '{outlet_words(**asdict(booth))}'")
    assert tab.text("#origin") == "Mic"
    tell(booth, lab)
    words = "\\n".join(outlet_words(**asdict(one)) for one in (booth, lab))
    tab.wait_for(f"{row}.innerText === '{words}'")
    assert tab.text("#origin") == f"Mic, {OUTLET_NOTE}"
    tell()
    tab.wait_for(f"{row}.offsetParent === null")
    assert tab.text("#origin") == "Mic"


def test_how_likely_music_is_stands_in_the_details_where_the_model_tells(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    tab.js("document.getElementById('details').open = true")

    def shown(name: str) -> str:
        row = f"document.getElementById('{name}')"
        return tab.js(f"return {row}.offsetParent === null ? 'hidden' : {row}.textContent")

    publish(service, estimate_at(0.3, 0.3, seq=0))
    tab.wait_for("document.getElementById('xruns').textContent === '0'")
    assert (shown("music"), shown("familiar")) == ("hidden", "hidden")
    publish(service, estimate_at(0.3, 0.3, seq=1, music=0.034, familiar=0.5))
    tab.wait_for("document.getElementById('music').textContent === '3%'")
    assert (shown("music"), shown("familiar")) == ("3%", "50%")


def test_where_the_music_turned_is_marked_under_the_lines_and_said_in_the_details(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    for seq, turns, changed in ((0, 4, 0.0), (90, 5, 0.5), (100, 5, 0.07), (200, 6, 0.5)):
        publish(service, estimate_at(0.3, 0.3, seq=seq, changed=changed, turns=turns))
        tab.wait_for(
            "document.getElementById('clock').textContent === arguments[0]", clock(seq / 10)
        )
    for _ in range(2):  # after a reload too, from the past
        tab.js("document.getElementById('details').open = true")
        tab.wait_for("document.getElementById('turned').textContent === '0:09, 0:20'")
        tab.wait_for("document.getElementById('changed').textContent === '50%'")
        assert tab.js("return document.getElementById('turned').offsetParent !== null")
        tab.driver.refresh()
    tab.wait_for("document.getElementById('turned').textContent")
    for line in ("valence", "arousal"):
        marks = f"document.querySelector('#{line}-line .turn')"
        tab.wait_for(f"{marks}.getAttribute('d').split('M').length - 1 === 2")
        assert tab.js(
            f"const mark = {marks}.getBoundingClientRect();"
            f"const line = document.querySelector('#{line}-line').getBoundingClientRect();"
            "return mark.width > 0 && mark.bottom <= line.bottom + 1 && mark.top > line.top"
            " && mark.right <= line.right + 1"
        )


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_point_never_hides_the_word_of_the_mood(
    tab: Browser, service: Service, size: tuple[int, int]
) -> None:
    open_display(tab, service, size=size)
    for seq, mood in enumerate(MOOD_WORDS):
        publish(service, estimate_at(mood.valence, mood.arousal, seq=seq))
        tab.wait_for(reaches(mood.valence, mood.arousal))
        tab.wait_for(
            "[...document.querySelectorAll('.word.here')]"
            f".some((word) => word.textContent === '{mood.word}')"
        )
        assert tab.wait_for(_WORD_IS_FREE), mood.word


_WORD_IS_FREE = """(() => {
  const box = (e) => e.getBoundingClientRect();
  const point = box(document.querySelector(".point"));
  const apart = (word) => point.right <= word.left || word.right <= point.left
    || point.bottom <= word.top + word.height / 5 || word.bottom - word.height / 5 <= point.top;
  return [...document.querySelectorAll(".word.here")].map(box).every(apart);
})()"""


@pytest.mark.parametrize("theme", ["dj", "therapy"])
def test_the_page_says_what_is_recorded_and_what_is_not(
    tab: Browser, service: Service, theme: str
) -> None:
    def tell(recording: RecordingState | None) -> None:
        service.publish(
            StatusMessage(
                status=Status.MUSIC,
                detail="",
                t=0.0,
                wall_time=None,
                source="Mic",
                recording=recording,
            )
        )

    open_display(tab, service, fragment=f"#theme={theme}")
    said = "document.getElementById('recording')"
    assert "has not said" in tab.wait_for(f"{said}.textContent")
    for recording, words in [
        (None, "The service records no session."),
        (
            RecordingState(estimates=True, sound=False),
            "The service records estimates and notes, but no sound.",
        ),
        (
            RecordingState(estimates=True, sound=True),
            "The service records estimates, notes and SOUND.",
        ),
        (
            RecordingState(estimates=False, sound=True),
            "The service records SOUND, and no more estimates.",
        ),
        (RecordingState(estimates=False, sound=False), "The recording has stopped."),
    ]:
        tell(recording)
        tab.wait_for(f"{said}.textContent === arguments[0]", words)
        seen = tab.js(f"return {said}.checkVisibility()")
        assert seen == (theme == "therapy" or recording is not None)


def test_a_service_that_falls_silent_is_said_to_be_waited_for(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.3, 0.3, seq=0))
    tab.wait_for("document.getElementById('state-word').textContent === 'music'")
    tab.wait_for("document.getElementById('state-word').textContent === 'waiting'")
    assert re.fullmatch(r"no estimate for \d+ s", tab.text("#state-note"))


def test_markers_travel_to_the_service_and_back_and_those_of_others_come_too(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service, fragment="#theme=therapy")
    publish(service, estimate_at(0.3, 0.3, seq=612))
    tab.wait_for(reaches(0.3, 0.3))
    tab.js("document.getElementById('note').value = '  left\\thand <b> '")
    tab.js("document.getElementById('mark').click()")
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    assert tab.text("#markers time") == "1:01"
    assert tab.text("#markers span") == "left hand <b>"
    assert tab.js("return document.getElementById('note').value") == ""
    (marker,) = service.take_markers()
    assert (marker.label, marker.t) == ("left hand <b>", 61.3)

    tab.js("document.getElementById('mark').click()")  # without a note
    service.publish(Marker(label="from the desk", t=61.3, wall_time="2026-01-01T12:00:00Z"))
    tab.wait_for("document.querySelectorAll('#markers li').length === 3")
    labels = tab.js(
        "return [...document.querySelectorAll('#markers span')].map(e => e.textContent)"
    )
    assert sorted(labels) == ["from the desk", "left hand <b>", "mark"]
    tab.wait_for("document.querySelector('#valence-line .mark').getAttribute('d') !== ''")


def test_the_clock_of_a_session_starts_where_the_user_says(tab: Browser, service: Service) -> None:
    open_display(tab, service, fragment="#theme=therapy")
    publish(service, estimate_at(0.3, 0.3, seq=3599 + 600))
    tab.wait_for("document.getElementById('clock').textContent === '7:00'")
    tab.js("document.getElementById('mark').click()")
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    tab.js("document.getElementById('restart').click()")
    publish(service, estimate_at(0.3, 0.3, seq=3599 + 650))
    tab.wait_for("document.getElementById('clock').textContent === '0:05'")
    assert tab.text("#markers time") == "0:00"
    tab.driver.refresh()
    tab.wait_for("document.getElementById('clock').textContent === '0:05'")


def test_the_list_of_markers_can_be_saved(tab: Browser, service: Service, tmp_path: Any) -> None:
    tab.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    open_display(tab, service, fragment="#theme=therapy")
    for seq, label in enumerate(["first", "second"]):
        publish(service, estimate_at(0.3, 0.3, seq=10 * seq + 9))
        service.publish(Marker(label=label, t=seq + 1.0, wall_time="2026-01-01T12:00:00Z"))
    tab.wait_for("document.querySelectorAll('#markers li').length === 2")
    tab.js("document.getElementById('save').click()")
    path = tmp_path / "markers.txt"
    until(path.exists, what="the file is there")
    assert path.read_text().splitlines() == [
        "0:01\t2026-01-01T12:00:00Z\tfirst",
        "0:02\t2026-01-01T12:00:00Z\tsecond",
    ]


def test_a_hole_in_the_estimates_is_a_hole_in_the_lines(tab: Browser, service: Service) -> None:
    open_display(tab, service)
    for seq, valence in [(0, 0.1), (5, 0.2), (40, 0.3), (45, 0.4)]:
        publish(service, estimate_at(valence, 0.3, seq=seq))
        tab.wait_for(reaches(valence, 0.3))
    tab.wait_for(f"{LINE_RUNS} === 2")


def test_a_reloaded_page_shows_the_minutes_before_at_once(tab: Browser, service: Service) -> None:
    for estimate in piece(150):
        publish(service, estimate)
        if estimate.seq % 40 == 0:  # no faster than the service can take it
            until(lambda t=estimate.t: service._audience.t == t, what="the service")
        if estimate.seq == 900:
            service.publish(Marker(label="refrain", t=estimate.t, wall_time=None))
    for come in (lambda: open_display(tab, service), tab.driver.refresh):
        come()
        line = "document.querySelector('.line.valence')"
        tab.wait_for(f"{LINE_RUNS} === 1 && {line}.getAttribute('d').split('L').length > 100")
        whole = "document.querySelector('#valence-line').getBoundingClientRect().width"
        assert tab.js(f"return {line}.getBoundingClientRect().width / {whole}") > 0.8
        assert tab.text("#markers span") == "refrain"
        assert len(tab.js("return [...document.querySelectorAll('#markers li')]")) == 1
        marks = "document.querySelector('#valence-line .mark').getAttribute('d')"
        tab.wait_for(f"{marks} !== ''")
        assert tab.text("#marker-message") == ""


def test_a_service_started_anew_begins_with_empty_lines_and_a_clock_at_zero(tab: Browser) -> None:
    tab.expected = AWAY
    clock = "document.getElementById('clock').textContent"
    with Service(hello=HELLO, port=0) as service:
        open_display(tab, service, fragment="#theme=therapy")
        publish(service, estimate_at(0.3, 0.3, seq=639))
        tab.wait_for(f"{clock} === '1:04'")
        tab.js("document.getElementById('restart').click()")
        service.publish(Marker(label="before", t=65.0, wall_time=None))
        tab.wait_for("document.querySelector('#markers time')?.textContent === '0:01'")
    with Service(hello=HELLO, port=service.port) as again:
        tab.wait_for("document.getElementById('network').textContent")
        # Further than the first stream ever came, so that time alone does not tell.
        publish(again, estimate_at(-0.3, -0.3, seq=699))
        tab.wait_for(f"{clock} === '1:10'")
        tab.wait_for(reaches(-0.3, -0.3))
        publish(again, estimate_at(-0.3, -0.3, seq=702))
        line = "document.querySelector('.line.valence').getAttribute('d')"
        tab.wait_for(f"{LINE_RUNS} === 1 && {line}.split('L').length === 2")
        assert tab.text("#markers time") == "0:01"
        marks = "document.querySelector('#valence-line .mark').getAttribute('d')"
        assert tab.js(f"return {marks}") == ""
        tab.driver.get("about:blank")


def test_a_peak_at_full_scale_is_told_even_where_it_lasted_a_moment(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.3, 0.3, seq=0))
    for seq, peak in enumerate([-12.0, 0.0]):
        level = LevelMessage(t=seq / 10, level_dbfs=-20.0, peak_dbfs=peak)
        service.publish(level)
        tab.wait_for(
            f"getComputedStyle({PEAK}).transform.split(', ')[4] {'< 0' if peak else '== 0'}"
        )
    service.publish(LevelMessage(t=0.2, level_dbfs=-20.0, peak_dbfs=-12.0))
    tab.wait_for("document.getElementById('level').textContent === 'CLIP'")
    tab.wait_for("document.getElementById('level').textContent === '−20 dBFS'")


def test_a_page_left_open_for_hours_keeps_the_last_minutes_and_a_list_of_bounded_length(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    rows = tab.module(
        "history.js",
        "const history = new m.History(240); const row = { valence: 0, arousal: 0,"
        " valence_sd: 1, arousal_sd: 1 }; let most = 0;"
        "for (let n = 0; n < 6 * 36000; n += 1) { history.add({ ...row, t: n / 10 });"
        " if (n % 100 === 0) most = Math.max(most, history.runs(1e9)[0].length); }"
        "return most",
    )
    assert 2400 <= rows <= 2900  # six hours, of which four minutes and some more stay
    markers = tab.module(
        "markers.js",
        "const [form, note, message, list, save] = ['form', 'input', 'p', 'ol', 'button']"
        ".map(name => document.createElement(name));"
        "const markers = new m.Markers({ form, note, message, list, save }, () => true);"
        "for (let t = 0; t < 1010; t += 1) markers.confirm({ label: `${t}`, id: '', t });"
        "return [list.children.length, list.firstChild.lastChild.textContent]",
    )
    assert markers == [1000, "1009"]


def test_the_page_connects_again_when_the_service_comes_back(tab: Browser) -> None:
    tab.expected = AWAY
    with Service(hello=HELLO, port=0) as service:
        open_display(tab, service)
        publish(service, estimate_at(0.3, 0.3, seq=50))
        tab.wait_for(reaches(0.3, 0.3))
    tab.wait_for("document.documentElement.dataset.link === 'lost'")
    tab.wait_for("document.getElementById('state-word').textContent === 'reconnecting'")
    note = "document.getElementById('state-note').textContent.split(';')[0]"
    tab.wait_for(f"['the session has ended', '{NO_CONNECTION}'].includes({note})")
    tab.wait_for("document.getElementById('level').textContent === '–'")
    tab.js("document.getElementById('note').value = 'kept'")
    tab.js("document.getElementById('mark').click()")
    assert tab.text("#marker-message").startswith("Not set")
    assert tab.js("return document.getElementById('note').value") == "kept"

    with Service(hello=HELLO, port=service.port) as again:
        tab.wait_for("document.getElementById('network').textContent")
        publish(again, estimate_at(-0.3, -0.3, seq=0))
        tab.wait_for(reaches(-0.3, -0.3))
        tab.js("document.getElementById('mark').click()")
        tab.wait_for("document.querySelectorAll('#markers li').length === 1")
        assert [marker.label for marker in again.take_markers()] == ["kept"]


@pytest.mark.parametrize("fragment", ["", "#token=wrong"])
def test_a_page_without_the_right_token_says_so_and_takes_another(
    tab: Browser, fragment: str
) -> None:
    with Service(hello=HELLO, port=0, token="right+1") as service:
        tab.open(service, fragment=fragment)
        tab.wait_for("document.documentElement.dataset.link === 'refused'")
        tab.wait_for("document.getElementById('token-dialog').open")
        tab.press(Keys.ESCAPE)  # whoever closes it can have it back
        tab.wait_for("!document.getElementById('token-dialog').open")
        tab.driver.find_element("id", "give-token").click()
        assert "did not let this page in" in tab.text("#token-title")
        assert "token" in tab.text("#token-reason")
        assert tab.text("#state-word") == "refused"
        tab.driver.find_element("id", "token").send_keys("right+1", Keys.ENTER)
        tab.wait_for(CONNECTED)
        publish(service, estimate_at(0.3, 0.3, seq=0))
        tab.wait_for(reaches(0.3, 0.3))


def test_the_token_of_a_link_goes_into_the_first_message_and_never_into_an_address(
    tab: Browser,
) -> None:
    with Service(hello=HELLO, port=0, token="pass-word+1") as service:
        open_display(tab, service, fragment="#token=pass-word+1")
        assert tab.js("return performance.getEntriesByType('resource').length") > 5
        requests = tab.requests()
        assert any(url.startswith("ws://") for url in requests)
        assert not any("pass-word" in url for url in requests)


def test_everything_can_be_done_from_the_keyboard(tab: Browser, service: Service) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.3, 0.3, seq=9))
    tab.wait_for(reaches(0.3, 0.3))
    theme = "document.documentElement.dataset.theme"
    assert tab.js(f"return {theme}") == "dj"
    tab.press("t")
    assert tab.js(f"return {theme}") == "therapy"
    tab.press("n")
    tab.press("two moths tw?")  # letters of a note are no commands
    assert tab.js(f"return {theme}") == "therapy"
    tab.press(Keys.ENTER)
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    assert tab.text("#markers span") == "two moths tw?"
    tab.press(Keys.ESCAPE)
    tab.press("m")
    tab.wait_for("document.querySelectorAll('#markers li').length === 2")
    for key, dialog in (("?", "help-dialog"), ("w", "words-dialog")):
        tab.press(key)
        tab.wait_for(f"document.getElementById('{dialog}').open")
        tab.press(Keys.ESCAPE)
        tab.wait_for(f"!document.getElementById('{dialog}').open")
    tab.press("f")
    tab.wait_for("document.fullscreenElement !== null")
    tab.press("f")
    tab.wait_for("document.fullscreenElement === null")


def test_keys_of_one_character_can_be_left_out(tab: Browser, service: Service) -> None:
    open_display(tab, service)
    told = "return document.getElementById('theme').getAttribute('aria-keyshortcuts')"
    assert tab.js(told) == "t"
    tab.press("?")
    tab.wait_for("document.getElementById('help-dialog').open")
    tab.driver.find_element("id", "keys").click()
    tab.press(Keys.ESCAPE)
    tab.wait_for("!document.getElementById('help-dialog').open")
    tab.driver.refresh()
    tab.wait_for(CONNECTED)
    theme = "document.documentElement.dataset.theme"
    tab.press("t?")
    assert tab.js(f"return {theme}") == "dj"
    assert not tab.js("return document.getElementById('help-dialog').open")
    assert tab.js(told) is None
    tab.driver.find_element("id", "help").click()
    tab.wait_for("document.getElementById('help-dialog').open")
    tab.driver.find_element("id", "keys").click()
    assert tab.js(told) == "t"
    tab.press(Keys.ESCAPE)
    tab.wait_for("!document.getElementById('help-dialog').open")
    tab.press("t")
    assert tab.js(f"return {theme}") == "therapy"


def test_the_tab_key_reaches_every_control_and_shows_where_it_is(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service, fragment="#theme=therapy")
    tab.js("document.activeElement.blur()")
    service.publish(Marker(label="first", t=0.0, wall_time=None))
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    wanted = tab.js(
        "return [...document.querySelectorAll('main button, main input, nav button, #markers')]"
        ".filter(e => e.checkVisibility()).map(e => e.id)"
    )
    reached = []
    for _ in wanted:
        tab.press(Keys.TAB)
        reached.append(tab.js("return document.activeElement.id"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert tab.js(f"return {outline}") == "solid"
    assert sorted(reached) == sorted(wanted)


def test_the_screen_is_kept_on_and_the_page_says_whether_it_is(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    awake = "document.getElementById('awake').textContent"
    tab.wait_for(f"{awake} === 'screen stays on'")
    refusal = "Promise.reject(new DOMException('low battery', 'NotAllowedError'))"
    tab.js(
        f"navigator.wakeLock.request = () => {refusal};"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    tab.wait_for(f"{awake} === 'screen may turn off'")


def test_bars_and_words_stay_visible_in_the_colours_of_the_system(
    tab: Browser, service: Service
) -> None:
    tab.cdp("Emulation.setEmulatedMedia", features=[{"name": "forced-colors", "value": "active"}])
    open_display(tab, service)
    publish(service, estimate_at(0.42, -0.42, seq=0))
    tab.wait_for("document.querySelector('.word.here')")
    style = "getComputedStyle(document.querySelector(arguments[0]))"
    text, page = tab.js(f"return [{style}.color, {style}.backgroundColor]", "body")
    assert tab.js(f"return {style}.fill", ".word.here") == text != page
    for bar in ("#gems .fill", "#quadrants .fill", "#meter-fill"):
        assert tab.js(f"return {style}.backgroundColor", bar) != page
        assert tab.js(f"return {style}.borderTopStyle", ".groove") == "solid"


def test_the_theme_is_remembered_and_that_of_the_address_wins(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    tab.press("t")
    address = tab.driver.current_url
    assert address.endswith("#theme=therapy")
    tab.driver.get("about:blank")
    tab.driver.get(address.partition("#")[0])
    tab.wait_for("document.documentElement.dataset.theme === 'therapy'")
    tab.driver.get("about:blank")
    tab.driver.get(address.replace("therapy", "dj"))
    tab.wait_for("document.documentElement.dataset.theme === 'dj'")


def test_the_user_can_choose_other_words(tab: Browser, service: Service) -> None:
    open_display(tab, service, fragment="#theme=therapy")
    publish(service, estimate_at(0.42, -0.42, seq=0))
    tab.wait_for("document.getElementById('mood').textContent === 'calm'")
    tab.press("w")
    field = tab.driver.find_element("name", "calm")
    field.send_keys("gelassen", Keys.ENTER)
    tab.wait_for("document.getElementById('mood').textContent === 'gelassen'")
    assert tab.text(".word.here") == "gelassen"
    tab.driver.refresh()
    tab.wait_for("document.getElementById('mood').textContent === 'gelassen'")


def test_a_screen_reader_hears_moods_but_not_every_one_of_a_restless_piece(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    tab.js(
        "window.said = [];"
        "new MutationObserver(() => said.push(announcer.textContent))"
        ".observe(announcer, { childList: true });"
    )
    assert tab.js("return announcer.ariaLive") == "polite"
    for seq, (valence, arousal) in enumerate([(0.42, -0.42), (-0.25, 0.54), (0.59, 0.1)]):
        publish(service, estimate_at(valence, arousal, seq=seq))
        word = estimate_at(valence, arousal).mood
        tab.wait_for(f"document.getElementById('mood').textContent === '{word}'")
    assert tab.js("return window.said") == ["calm, valence +0.42, arousal −0.42"]
    tab.wait_for("window.said.length === 2")  # in due time, the mood that stayed
    assert tab.js("return window.said.at(-1)").startswith("happy")


def test_a_screen_reader_hears_that_the_music_turned_once_and_nothing_of_before(
    tab: Browser, service: Service
) -> None:
    publish(service, estimate_at(0.42, -0.42, seq=0, changed=0.1, turns=3))
    open_display(tab, service)
    said = "document.getElementById('announcer').textContent"
    calm = "calm, valence +0.42, arousal −0.42"
    tab.wait_for(f"{said} === '{calm}'")
    publish(service, estimate_at(0.42, -0.42, seq=1, changed=0.5, turns=4))
    tab.wait_for(f"{said} === '{TURN_WORDS}: {calm}'")
    # Another mood, later, is told as ever.
    publish(service, estimate_at(0.59, 0.1, seq=2, changed=0.1, turns=4))
    tab.wait_for(f"{said}.startsWith('happy')")


@pytest.mark.parametrize("theme", ["dj", "therapy"])
def test_text_has_the_contrast_of_wcag_aa_whatever_the_mood(
    tab: Browser, service: Service, theme: str
) -> None:
    open_display(tab, service, fragment=f"#theme={theme}")
    for estimate in piece(1.0):
        publish(service, estimate)
    service.publish(Marker(label="drop", t=0.5, wall_time=None))
    tab.wait_for("document.querySelectorAll('#markers li').length === 1")
    tab.wait_for("document.getElementById('mood').textContent.trim() !== ''")
    for held in (False, True):
        for colour in tab.module(
            "values.js",
            "return [-1, -0.2, 0, 0.2, 1].flatMap(v => [-1, -0.2, 0, 0.2, 1]"
            ".map(a => m.moodColour(v, a)).map(c => [m.css(c), m.css(m.tinted(c))]))",
        ):
            for words, text, ground, least in tab.js(_PAIRS, *colour, held):
                assert contrast(text, ground) >= least, (words, text, ground, colour, held)


def contrast(one: list[float], other: list[float]) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(rgb: list[float]) -> float:
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in rgb)
        ]
        return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


# Every visible piece of text with its colour and what lies behind it, and how much it needs: 4.5;
# bars, point and controls, which are no text, need 3.
_PAIRS = """
const root = document.documentElement;
const [mood, tint, held] = arguments;
for (const { style } of document.querySelectorAll(".moody")) {
  style.setProperty("--live-mood", mood);
  style.setProperty("--live-tint", tint);
}
root.classList.toggle("held", held);
document.querySelector("#plane svg").classList.toggle("held", held);
const parse = (colour) => {
  const parts = colour.match(/[\\d.]+/g).map(Number);
  if (!/^rgba?\\(/.test(colour)) throw new Error(`cannot read ${colour}`);
  return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
};
const over = (under, colour, alpha) => under.map((part, i) => part + (colour[i] - part) * alpha);
const behind = (element) => {
  if (element === document.body) {
    return parse(getComputedStyle(document.getElementById("glow")).backgroundColor).rgb;
  }
  const { rgb, alpha } = parse(getComputedStyle(element).backgroundColor);
  return alpha === 1 ? rgb : over(behind(element.parentElement), rgb, alpha);
};
const pairs = [];
for (const dialog of document.querySelectorAll("dialog")) dialog.setAttribute("open", "");
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const words = walker.currentNode.textContent.trim();
  if (words === "" || element.closest("svg, script, noscript, .unseen")) continue;
  if (!element.checkVisibility()) continue;
  pairs.push([words, parse(getComputedStyle(element).color).rgb, behind(element), 4.5]);
}
for (const input of document.querySelectorAll("input")) {
  const colour = getComputedStyle(input, "::placeholder").color;
  pairs.push(["placeholder", parse(colour).rgb, behind(input), 4.5]);
}
for (const control of document.querySelectorAll("button, input")) {
  const border = parse(getComputedStyle(control).borderTopColor).rgb;
  pairs.push([`border of ${control.id}`, border, behind(control.parentElement), 3]);
}
for (const dialog of document.querySelectorAll("dialog")) dialog.removeAttribute("open");
for (const fill of document.querySelectorAll(".fill, #meter-fill")) {
  if (held) continue; // fainter on purpose; the per cents stand beside it
  const groove = behind(fill.parentElement);
  pairs.push([fill.parentElement.parentElement.className, behind(fill), groove, 3]);
}
const peak = parse(getComputedStyle(document.getElementById("meter-peak")).borderRightColor).rgb;
pairs.push(["peak", peak, behind(document.getElementById("meter")), 3]);
const page = behind(document.body);
for (const text of document.querySelectorAll("#lines text, .tick, .title")) {
  if (text.textContent) {
    pairs.push([text.textContent, parse(getComputedStyle(text).fill).rgb, page, 4.5]);
  }
}
for (const line of document.querySelectorAll(".line")) {
  pairs.push([line.className.baseVal, parse(getComputedStyle(line).stroke).rgb, page, 3]);
}
const paint = (selector) => {
  const { fill, fillOpacity } = getComputedStyle(document.querySelector(selector));
  return [parse(fill).rgb, Number(fillOpacity)];
};
const base = over(page, ...paint(".base"));
for (const quadrant of ["Q1", "Q2", "Q3", "Q4"]) {
  const ground = over(base, ...paint(`.ground.${quadrant}`));
  const inEllipse = over(ground, ...paint(".uncertainty"));
  for (const text of document.querySelectorAll(".word, .corner")) {
    const colour = parse(getComputedStyle(text).fill).rgb;
    pairs.push([text.textContent, colour, ground, 4.5]);
    pairs.push([`${text.textContent} in the ellipse`, colour, inEllipse, 4.5]);
  }
  const stroke = parse(getComputedStyle(document.querySelector(".uncertainty")).stroke).rgb;
  pairs.push(["ellipse", stroke, ground, 3]);
}
return pairs;
"""


@pytest.mark.parametrize("theme", ["dj", "therapy"])
def test_nothing_is_cut_off_or_overlaps_on_phone_tablet_and_desktop(
    tab: Browser, service: Service, theme: str
) -> None:
    open_display(tab, service, fragment=f"#theme={theme}", size=SIZES[0])
    service.publish(Marker(label="a note of forty characters or even more", t=None))
    for size in SIZES:
        tab.resize(size)
        pair = mood_text(("astonished", "distressed"), short=True)
        for said in (*(mood.word for mood in MOOD_WORDS), pair):
            tab.say_mood(said)
            assert tab.js(_FITS) == [], (size, said)
        tab.wait_for("document.querySelector('#plane svg').viewBox.baseVal.width > 0")
        boxes = tab.wait_for(_WORD_BOXES)
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                assert not overlap(one, other), (size, one, other)
        rows = tab.js(_SECTIONS)
        for number, one in enumerate(rows):
            for other in rows[number + 1 :]:
                assert not overlap(one, other), (size, one, other)
        if size[0] >= 1280 or (theme == "dj" and size[0] >= 1180):
            assert tab.js("return document.documentElement.scrollHeight <= innerHeight"), size


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two boxes share more than the edge."""
    return all(
        one[start] < other[end] - 0.5 and other[start] < one[end] - 0.5
        for start, end in (("left", "right"), ("top", "bottom"))
    )


_FITS = """
const all = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility());
const wide = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
const cut = all.filter((e) => !e.closest("svg, .unseen, #marker label, #markers")
  && (e.scrollWidth > e.clientWidth + 1) && getComputedStyle(e).display !== "inline"
  && e.clientWidth > 0);
return [...wide, ...cut.map((e) => `${e.tagName} ${e.id} ${e.textContent.slice(0, 30)}`)];
"""
_WORD_BOXES = """(() => {
  const box = (e) => {
    // The box of a text has room above and below its letters.
    const { left, right, top, bottom } = e.getBoundingClientRect();
    const air = (bottom - top) / 5;
    return { word: e.textContent, left, right, top: top + air, bottom: bottom - air };
  };
  const svg = document.querySelector("#plane svg").getBoundingClientRect();
  const shown = "#plane .word:not(.away), #plane .corner";
  const words = [...document.querySelectorAll(shown)].map(box);
  // After a new size one frame passes before they are laid out.
  return words.every((word) => word.left >= svg.left && word.right <= svg.right) ? words : null;
})()"""
_SECTIONS = """
return [...document.querySelectorAll("header, main > section, footer")].map((e) => {
  const { left, right, top, bottom } = e.getBoundingClientRect();
  return { id: e.id || e.tagName, left, right, top, bottom };
});
"""


def test_a_held_mood_loses_its_colour(tab: Browser, service: Service) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.5, 0.5, seq=0))
    parts = "getComputedStyle(now).borderLeftColor.match(/\\d+/g).map(Number)"
    vivid = f"(parts => Math.max(...parts) - Math.min(...parts) > 100)({parts})"
    tab.wait_for(vivid)
    publish(service, estimate_at(0.5, 0.5, seq=1, status=Status.SILENCE))
    tab.wait_for(f"!{vivid}")


def test_the_colour_of_the_dj_theme_follows_the_mood_without_flashing(
    tab: Browser, service: Service
) -> None:
    open_display(tab, service)
    publish(service, estimate_at(0.5, 0.5, seq=0))
    ground = "getComputedStyle(document.getElementById('glow')).backgroundColor"
    tab.wait_for(f"{ground} !== 'rgb(12, 15, 20)'")
    tab.js(
        f"window.grounds = [{ground}];"
        f"new MutationObserver(() => grounds.push({ground}))"
        ".observe(document.getElementById('glow'), { attributeFilter: ['style'] });"
    )
    for seq in range(1, 25):  # from one end to the other, and back
        side = -0.5 if seq < 12 else 0.5
        publish(service, estimate_at(side, side, seq=seq))
        tab.wait_for(f"window.grounds.length > {seq}")
    seen = [
        [int(part) for part in re.findall(r"\d+", colour)]
        for colour in tab.js("return window.grounds")
    ]
    steps = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in pairwise(seen)]
    assert max(steps) <= 10  # of 255, ten times a second at most
    away = [max(abs(a - b) for a, b in zip(seen[0], one, strict=True)) for one in seen]
    assert max(away) > 10  # it does go from one end to the other
    tab.press("t")
    tab.wait_for(f"{ground} === 'rgb(246, 244, 239)'")
