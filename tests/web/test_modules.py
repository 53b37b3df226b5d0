"""The modules of the browser display, one by one, in a real browser."""

import json
import random
from typing import Any

import pytest

from realtime_mer.emotion import MOOD_WORDS, QUADRANTS
from realtime_mer.mood import contradictions, mood_text
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Marker
from tests.samples import sample_estimate
from tests.web.browser import AWAY, HELLO, Browser

pytestmark = pytest.mark.slow

# Subscribes a second time, beside the page's own subscription, and notes down every event.
LISTEN = """
const stream = m.connect(`ws://${location.host}`, OPTIONS);
window.events = [];
for (const type of ["link", "hello", "estimate", "status", "level", "marker", "error", "bye",
                    "gap", "roundtrip", "history"]) {
  stream.addEventListener(type, ({ detail }) => events.push({ type, ...detail, type }));
}
window.stream = stream;
"""


_KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...all) { super(...all); sockets.push(this); }
};
"""


@pytest.fixture
def page(tab: Browser, service: Service) -> Browser:
    """A tab at the service's display."""
    tab.open(service)
    tab.wait_for("document.documentElement.dataset.link === 'connected'")
    return tab


def listen(tab: Browser, options: str = "{}") -> None:
    tab.module("realtime-mer.js", LISTEN.replace("OPTIONS", options))


def events(tab: Browser, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tab.js(
        "return window.events.filter(event => event.type === arguments[0])", kind
    )
    return found


def wait_for_event(tab: Browser, kind: str, number: int = 1) -> None:
    tab.wait_for(f"window.events.filter(event => event.type === '{kind}').length >= {number}")


def wait_for_link(tab: Browser, state: str) -> dict[str, Any]:
    event: dict[str, Any] = tab.wait_for(
        f"window.events.filter(event => event.type === 'link' && event.state === '{state}').at(-1)"
    )
    return event


def wait_for_subscription(tab: Browser) -> None:
    wait_for_event(tab, "roundtrip")  # its ping is sent behind the subscribe


def test_a_client_gets_the_messages_of_the_streams_it_asked_for(
    page: Browser, service: Service
) -> None:
    listen(page, "{ streams: ['estimates', 'markers'] }")
    wait_for_subscription(page)
    service.publish(sample_estimate(seq=0))
    service.publish(Marker(label="drop", t=0.1, wall_time=None))
    wait_for_event(page, "estimate")
    wait_for_event(page, "marker")
    assert events(page, "estimate")[0]["gems"]["sadness"] == 0.125
    assert events(page, "marker")[0]["label"] == "drop"
    assert events(page, "hello")[0]["model"] == HELLO.model
    assert page.js("return window.stream.hello.hop") == 0.1
    assert [event["state"] for event in events(page, "link")] == ["connecting", "connected"]


def test_a_client_can_only_ask_for_streams_that_exist(page: Browser) -> None:
    with pytest.raises(Exception, match="stream everything: give some of estimates, status"):
        listen(page, "{ streams: ['everything'] }")


def test_a_client_tells_of_a_hole_in_the_estimates(page: Browser, service: Service) -> None:
    listen(page)
    wait_for_subscription(page)
    for number, seq in enumerate([4, 5, 9], start=1):
        service.publish(sample_estimate(seq=seq))
        wait_for_event(page, "estimate", number)
    assert events(page, "gap") == [
        {"type": "gap", "from": 0.6, "to": 1.0, "missed": 3, "offlineMs": 0}
    ]
    order = page.js("return window.events.map(event => event.type)")
    assert order[order.index("gap") + 1] == "estimate"


def test_what_max_rate_thins_out_is_no_hole_but_more_than_that_is(
    page: Browser, service: Service
) -> None:
    listen(page, "{ maxRate: 2 }")
    wait_for_subscription(page)
    for number, seq in enumerate([0, 5, 10, 40], start=1):
        service.publish(sample_estimate(seq=seq))
        wait_for_event(page, "estimate", number)
    assert [event["missed"] for event in events(page, "gap")] == [29]


def test_after_a_loss_the_past_holds_only_what_was_missed(page: Browser, service: Service) -> None:
    page.js(_KEEP_SOCKETS)
    for seq in range(50):
        service.publish(sample_estimate(seq=seq))
    listen(page, "{ history: 600, streams: ['estimates', 'markers'] }")
    wait_for_event(page, "estimate")
    first = [seq for event in events(page, "history") for seq in event["seq"]]
    assert (first[0], first[-1]) == (0, 45)
    page.js("window.sockets.at(-1).close()")
    wait_for_link(page, "lost")
    for seq in range(50, 100):
        service.publish(sample_estimate(seq=seq))
    wait_for_event(page, "estimate", 2)
    told = [seq for event in events(page, "history") for seq in event["seq"]]
    assert told == sorted(set(told))
    assert (told[len(first)], told[-1]) == (50, 95)
    assert {len(event["t"]) == len(event["seq"]) for event in events(page, "history")} == {True}


def test_a_client_measures_the_way_to_the_service_and_back(page: Browser) -> None:
    listen(page)
    wait_for_event(page, "roundtrip")
    assert 0 < events(page, "roundtrip")[0]["ms"] < 5000


def test_a_marker_is_confirmed_by_the_service(page: Browser, service: Service) -> None:
    early = "const s = m.connect(`ws://${location.host}`); const set = s.mark('early'); s.close();"
    assert page.module("realtime-mer.js", f"{early} return set") is False
    listen(page, "{ streams: ['markers'] }")
    wait_for_subscription(page)
    assert page.js("return window.stream.mark('drop', 'a-1')") is True
    wait_for_event(page, "marker")
    assert events(page, "marker")[0]["id"] == "a-1"
    assert [marker.label for marker in service.take_markers()] == ["drop"]


def test_what_the_service_refuses_is_told_and_the_stream_goes_on(
    page: Browser, service: Service
) -> None:
    listen(page)
    wait_for_subscription(page)
    page.js("window.stream.mark('')")
    wait_for_event(page, "error")
    assert events(page, "error")[0]["code"] == "bad_message"
    service.publish(sample_estimate(seq=0))
    wait_for_event(page, "estimate")


def test_a_closed_stream_stays_closed(page: Browser, service: Service) -> None:
    listen(page)
    wait_for_subscription(page)
    page.js("window.stream.close(); dispatchEvent(new Event('online'))")
    assert wait_for_link(page, "closed")["retryMs"] is None
    service.publish(sample_estimate(seq=0))
    page.wait_for("document.getElementById('mood').textContent === 'calm'")  # the page got it
    assert events(page, "estimate") == []
    assert events(page, "link")[-1]["state"] == "closed"


def test_a_lost_client_tells_why_and_when_and_that_the_service_was_started_anew(
    page: Browser, service: Service
) -> None:
    page.expected = AWAY
    listen(page)
    wait_for_subscription(page)
    service.publish(sample_estimate(seq=3))
    wait_for_event(page, "estimate")
    service.close("the show is over")
    assert wait_for_link(page, "lost")["reason"] != ""
    reasons = [event["reason"] for event in events(page, "link") if event["state"] == "lost"]
    assert reasons[0] == "the show is over"
    assert events(page, "link")[2]["retryMs"] <= 250
    with Service(hello=HELLO, port=service.port) as again:
        wait_for_event(page, "roundtrip", 2)
        again.publish(sample_estimate(seq=70))
        wait_for_event(page, "estimate", 2)
    (gap,) = events(page, "gap")
    assert (gap["from"], gap["to"], gap["missed"]) == (None, 7.1, None)
    assert gap["offlineMs"] > 0


def test_a_client_that_comes_back_leaves_out_what_it_knows_and_tells_what_it_missed(
    page: Browser, service: Service
) -> None:
    page.js(_KEEP_SOCKETS)
    listen(page)
    wait_for_subscription(page)
    service.publish(sample_estimate(seq=3))
    wait_for_event(page, "estimate")
    page.js("window.sockets.at(-1).close()")
    wait_for_event(page, "roundtrip", 2)  # the service sent its latest estimate before the pong
    assert [event["seq"] for event in events(page, "estimate")] == [3]
    service.publish(sample_estimate(seq=9))
    wait_for_event(page, "estimate", 2)
    (gap,) = events(page, "gap")
    assert (gap["from"], gap["to"], gap["missed"]) == (0.4, 1.0, 5)
    assert gap["offlineMs"] >= 125


def test_a_connection_that_is_gone_without_a_word_is_given_up(page: Browser) -> None:
    page.js(_KEEP_SOCKETS)
    page.js("const real = setInterval; window.setInterval = (step, ms) => real(step, ms / 40)")
    listen(page)
    wait_for_subscription(page)
    page.js("window.sockets.at(-1).send = () => {}")  # no ping gets through
    assert wait_for_link(page, "lost")["reason"] == "the service went silent"
    wait_for_event(page, "roundtrip", 2)
    assert events(page, "link")[-1]["state"] == "connected"


@pytest.mark.parametrize(
    "sign",
    ["document.dispatchEvent(new Event('visibilitychange'))", "dispatchEvent(new Event('online'))"],
)
def test_a_page_that_is_looked_at_again_or_has_its_network_back_does_not_wait(
    page: Browser, service: Service, sign: str
) -> None:
    page.expected = AWAY
    listen(page)
    wait_for_subscription(page)
    page.js("window.setTimeout = () => 0")  # so no attempt would ever come by itself
    service.close("the show is over")
    wait_for_link(page, "lost")
    with Service(hello=HELLO, port=service.port):
        page.js(sign)
        wait_for_event(page, "roundtrip", 2)
        page.driver.get("about:blank")


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("ws://10.0.0.2:8765", "ws://10.0.0.2:8765/"),
        ("http://10.0.0.2:8765/#token=secret", "ws://10.0.0.2:8765/"),
        ("https://[2001:db8::5]/mer/", "wss://[2001:db8::5]/mer/"),
    ],
)
def test_the_link_of_the_display_is_an_address_too(page: Browser, link: str, address: str) -> None:
    assert page.module("realtime-mer.js", f"return m.serviceAddress('{link}')") == address


def test_what_is_no_address_is_refused_at_once(page: Browser) -> None:
    with pytest.raises(Exception, match=r"address 10\.0\.0\.2: give ws://HOST:PORT"):
        page.module("realtime-mer.js", "m.connect('10.0.0.2')")


def test_a_refused_client_does_not_try_again(tab: Browser) -> None:
    with Service(hello=HELLO, port=0, token="right") as service:
        tab.open(service, fragment="#token=right")
        tab.wait_for("document.documentElement.dataset.link === 'connected'")
        for options in ("{}", "{ token: 'wrong' }"):
            listen(tab, options)
            refusal = wait_for_link(tab, "refused")
            assert "token" in refusal["reason"]
            assert "connected" not in [event["state"] for event in events(tab, "link")]
            assert refusal["retryMs"] is None
            tab.js("dispatchEvent(new Event('online'))")
            assert events(tab, "link")[-1]["state"] == "refused"


def test_attempts_to_connect_become_rarer_and_chance_spreads_them(page: Browser) -> None:
    delays = page.module(
        "realtime-mer.js",
        "return [0, 1, 2, 5, 6, 1000].map(n => [m.retryDelay(n, 0), m.retryDelay(n, 1)])",
    )
    assert delays[:4] == [[125, 250], [250, 500], [500, 1000], [4000, 8000]]
    assert delays[4:] == [[5000, 10000], [5000, 10000]]
    drawn = page.module("realtime-mer.js", "return [1, 2, 3, 4].map(() => m.retryDelay(3))")
    assert len(set(drawn)) > 1


@pytest.mark.parametrize(
    ("fragment", "token"),
    [
        ("", None),
        ("#", None),
        ("#theme=dj", None),
        ("#token=abc", "abc"),
        ("#theme=dj&token=a+b", "a+b"),
        ("#token=a%26b", "a&b"),
    ],
)
def test_the_token_is_read_from_the_fragment(
    page: Browser, fragment: str, token: str | None
) -> None:
    assert page.module("realtime-mer.js", f"return m.tokenFromFragment('{fragment}')") == token


def test_numbers_are_written_as_people_read_them(page: Browser) -> None:
    def of(call: str) -> Any:
        return page.module("values.js", f"return {call}")

    assert of("[0.424, -0.3, 0, -0.001].map(m.signed)") == ["+0.42", "−0.30", "+0.00", "+0.00"]
    assert of("[0, 61.9, 3600, -5, -0.4].map(m.clock)") == [
        "0:00",
        "1:01",
        "1:00:00",
        "−0:05",
        "0:00",
    ]
    assert of("[-20.4, 0, -120].map(m.decibels)") == ["−20 dBFS", "0 dBFS", "−120 dBFS"]
    assert of("[-120, -60, -30, 0, 3].map(m.levelShare)") == [0, 0, 0.5, 1, 1]


def test_a_glide_does_not_depend_on_the_frames_it_is_cut_into(page: Browser) -> None:
    whole, halves, jump = page.module(
        "values.js",
        "return [m.approach(0, 1, 0.2, 0.15),"
        " m.approach(m.approach(0, 1, 0.1, 0.15), 1, 0.1, 0.15), m.approach(0, 1, 0.2, 0)]",
    )
    assert whole == pytest.approx(halves)
    assert 0.7 < whole < 0.8
    assert jump == 1


def test_a_new_mood_must_stand_for_a_while_before_it_is_shown(page: Browser) -> None:
    shown = page.module(
        "values.js",
        "const steady = new m.Steady();"
        "return [['calm', 0], ['sad', 1], ['calm', 1.5], ['sad', 2], ['sad', 3.9], ['sad', 4]]"
        ".map(([word, now]) => steady.offer(word, now, 2))",
    )
    assert shown == ["calm", "calm", "calm", "calm", "calm", "sad"]


def test_a_mood_that_contradicts_the_newest_estimate_gives_way_at_once(page: Browser) -> None:
    shown = page.module(
        "values.js",
        "const steady = new m.Steady();"
        "return [['calm', 0], ['serene', 1], ['tense', 1.5]]"
        ".map(([word, now]) => steady.offer(word, now, 2, (held) => word === 'tense'))",
    )
    assert shown == ["calm", "calm", "tense"]


def test_the_page_knows_the_words_of_a_mood_and_writes_ones_own(page: Browser) -> None:
    words, own, short, one = page.module(
        "mood.js",
        "const own = { calm: 'ruhig', tired: '{}' };"
        "return [m.moodWords('between tired and calm'), m.moodText('between tired and calm', own),"
        " m.moodText('between tired and calm', own, '{} / {}'), m.moodText('sad', own)]",
    )
    assert words == ["tired", "calm"]
    assert (own, short, one) == ("between {} and ruhig", "{} / ruhig", "sad")


def test_the_page_finds_the_contradictions_that_the_package_finds(page: Browser) -> None:
    draw = random.Random(20)
    coordinate = [-1.0, -0.5, -0.2, -0.05, 0.0, 0.05, 0.2, 0.3, 0.5, 1.0]
    singles = [(mood.word,) for mood in MOOD_WORDS]
    pairs = [tuple(mood.word for mood in draw.sample(MOOD_WORDS, 2)) for _ in range(20)]
    cases, wanted = [], []
    for words in (singles + pairs) * 12:
        parts = [draw.choice([0, 1, 1, 2, 5]) + 0.1 for _ in QUADRANTS]
        estimate = {
            "valence": draw.choice(coordinate),
            "arousal": draw.choice(coordinate),
            "quadrants": {q: part / sum(parts) for q, part in zip(QUADRANTS, parts, strict=True)},
        }
        cases.append([mood_text(words), estimate])
        wanted.append(bool(contradictions(words, **estimate)))
    found = page.module(
        "mood.js", f"return {json.dumps(cases)}.map(([mood, one]) => m.contradicts(mood, one))"
    )
    assert found == wanted
    assert 0.2 < sum(wanted) / len(wanted) < 0.9


def test_a_label_leaves_its_place_only_where_the_point_would_cover_it(page: Browser) -> None:
    free, moved, crowded, kept = page.module(
        "labels.js",
        """
        const label = { x: 0, y: 0, halfWidth: 30, halfHeight: 6 };
        const above = { x: 0, y: -20, halfWidth: 30, halfHeight: 6 };
        return [
          m.freePlace(label, { x: 50, y: 0, radius: 10 }, []),
          m.freePlace(label, { x: 0, y: 4, radius: 10 }, []),
          m.freePlace(label, { x: 0, y: 4, radius: 10 }, [above]),
          m.freePlace(label, { x: 0, y: -1, radius: 10 }, [], 1),
        ];
        """,
    )
    assert free == {"x": 0, "y": 0, "side": 0}
    assert moved == {"x": 0, "y": -12, "side": 1}  # above, which is nearer than below
    assert crowded == {"x": 0, "y": 20, "side": 2}  # but not onto another label
    assert kept == {"x": 0, "y": -17, "side": 1}  # below would be nearer, by a jump


def test_the_corners_of_the_plane_have_the_colours_of_the_quadrants(page: Browser) -> None:
    assert page.module(
        "values.js",
        "return [[1, 1], [-1, 1], [-1, -1], [1, -1]].map(([v, a]) => m.moodColour(v, a))",
    ) == page.module("values.js", "return Object.values(m.QUADRANT_RGB)")
    assert page.module("values.js", "return m.css(m.GROUND_RGB)") == "rgb(12 15 20)"
    assert page.module("values.js", "return m.css(m.HELD_RGB)") == "rgb(152 162 179)"
    ground = page.js(
        "return getComputedStyle(document.documentElement).getPropertyValue('--ground').trim()"
    )
    assert ground == "#{:02x}{:02x}{:02x}".format(*page.module("values.js", "return m.GROUND_RGB"))


def history(page: Browser, times: str, call: str) -> Any:
    return page.module(
        "history.js",
        "const history = new m.History(10);"
        f"for (const t of {times}) history.add("
        "{ t, valence: t, arousal: 0, valence_sd: 1, arousal_sd: 1 });"
        f"return {call}.map(run => run.map(row => row.t))",
    )


def test_the_past_has_holes_where_estimates_are_missing(page: Browser) -> None:
    assert history(page, "[1, 1.5, 4, 4.5]", "history.runs(10)") == [[1, 1.5], [4, 4.5]]
    assert history(page, "[1, 1.5, 4, 4.5]", "history.runs(1)") == [[4, 4.5]]
    assert history(page, "[]", "history.runs(1)") == []


def test_the_past_is_forgotten_when_time_steps_back_and_when_it_is_long_ago(page: Browser) -> None:
    past = (
        "(history.addPast({ t: [1, 2, 2.5], valence: [0, 0, 0], arousal: [0, 0, 0],"
        " valence_sd: [0, 0, 0], arousal_sd: [0, 0, 0] }), history.runs(10))"
    )
    assert history(page, "[]", past) == [[1, 2, 2.5]]
    assert history(page, "[1.5, 2]", past) == [[1.5, 2, 2.5]]  # what is known stays as it is
    assert history(page, "[7, 7.5, 0.1, 0.2]", "history.runs(10)") == [[0.1, 0.2]]
    (run,) = history(page, "Array.from({ length: 100 }, (_, n) => n / 2)", "history.runs(1000)")
    assert run[-1] == 49.5
    assert 10 <= run[-1] - run[0] <= 12


def test_the_music_turned_where_the_count_rose_and_a_service_may_not_tell(page: Browser) -> None:
    def turned(counts: str, seconds: float = 10) -> list[float]:
        return page.module(
            "history.js",
            "const history = new m.History(10);"
            f"{counts}.forEach((turns, n) => history.add("
            "{ t: n, valence: 0, arousal: 0, valence_sd: 1, arousal_sd: 1, turns }));"
            f"return history.turned({seconds})",
        )

    assert turned("[4, 4, 5, 5, 7, 7]") == [2, 4]
    assert turned("[4, 4, 5, 5, 7, 7]", 2) == [4]
    assert turned("[undefined, undefined]") == turned("[]") == []
    of_the_past = (
        "(history.addPast({ t: [1, 2, 3], valence: [0, 0, 0], arousal: [0, 0, 0],"
        " valence_sd: [0, 0, 0], arousal_sd: [0, 0, 0], turns: [0, 1, 1] }),"
        " [history.turned(10).map((t) => ({ t }))])"
    )
    assert history(page, "[]", of_the_past) == [[2]]


def test_a_thinned_line_keeps_its_ends_and_the_same_rows_as_time_goes_on(page: Browser) -> None:
    def thinned(length: int) -> set[float]:
        times = f"Array.from({{ length: {length} }}, (_, n) => n / 8)"
        (run,) = history(page, times, "history.runs(8, 20)")
        assert run[-1] == (length - 1) / 8
        assert len(run) <= 22
        return set(run[1:-1])

    before, after = thinned(80), thinned(81)
    assert len(before ^ after) <= 1


def test_a_note_becomes_one_line(page: Browser) -> None:
    labels = page.module(
        "markers.js", r"return ['', ' a\tb\n', 'x'.repeat(300), '\u0007'].map(m.asLabel)"
    )
    assert labels == ["mark", "a b", "x" * 200, "mark"]
