"""The report: complete, self-contained, and safe to open."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typst

from realtime_mer.estimate import Status
from realtime_mer.sessions.html import to_html
from realtime_mer.sessions.labels import Box
from realtime_mer.sessions.pdf import to_pdf
from realtime_mer.sessions.pictures import MOST_NUMBERS
from realtime_mer.sessions.report import LEAVES_OUT, LIMITS, TAKES_ALL
from realtime_mer.sessions.report import report as document
from realtime_mer.sessions.store import Session
from realtime_mer.wire.protocol import LevelMessage, Marker
from realtime_mer.wording import literal
from tests.command_line import call
from tests.samples import NAME_SPELT_OUT, NAME_THAT_ACTS, sample_estimate
from tests.sessions.sessions import estimates, recorded
from tests.subscribers import status

VOID = {"meta", "line", "rect", "circle", "polyline", "polygon"}


def report(sessions: list[Session]) -> str:
    return to_html(document(sessions))


class Page(HTMLParser):
    """Collects text and tags, and insists that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words = ""
        self.tags: list[str] = []
        self.values: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def evening(**changes: object) -> list[object]:
    return [
        *(sample_estimate(seq=i, valence=0.5, arousal=0.4, mood="happy") for i in range(200)),
        Marker(label="<script>alert(1)</script> sighs & smiles", t=12.0, wall_time="now"),
        LevelMessage(t=20.0, level_dbfs=-3.0, peak_dbfs=0.0),
        LevelMessage(t=20.1, level_dbfs=-3.0, peak_dbfs=-0.5),
        *(
            sample_estimate(seq=i, valence=-0.4, arousal=-0.4, mood="sad", xruns=3)
            for i in range(200, 400)
        ),
        *(sample_estimate(seq=i, status=Status.SILENCE, xruns=3) for i in range(400, 450)),
    ]


def test_each_session_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    whole = Session._lines

    def counted(session: Session) -> Iterator[bytes]:
        read.append(session.name)
        return whole(session)

    sessions = [recorded(evening(), label="one"), recorded(evening(), label="two")]
    monkeypatch.setattr(Session, "_lines", counted)
    report(sessions)
    assert read == [session.name for session in sessions]


def test_talk_is_left_out_as_silence_is_and_told_by_its_name() -> None:
    talk = [
        sample_estimate(seq=i, valence=-0.9, status=Status.NO_MUSIC, music=0.1)
        for i in range(200, 300)
    ]
    session = recorded([*estimates(200, mood="happy", music=0.9), *talk])
    words = Page(report([session])).words
    assert "20 seconds of music in 30 seconds of sound." in words
    assert re.search(r"0:200:30No music", words)
    assert re.search(r"no music10\.0 s", words)
    assert LEAVES_OUT in words
    assert TAKES_ALL not in words


def test_where_a_model_did_not_tell_music_from_talk_the_limits_say_so() -> None:
    told = recorded(estimates(50, music=0.9), label="told")
    older = recorded(estimates(50), label="older")
    for sessions in ([older], [told, older]):
        words = Page(report(sessions)).words
        assert TAKES_ALL in words
        assert LEAVES_OUT not in words


def test_it_holds_course_segments_shares_markers_quality_and_limits() -> None:
    words = Page(report([recorded(evening(), pseudonym="P7")])).words
    for limit in LIMITS:
        assert limit in words
    assert "not a measurement of a person's state" in words
    assert (
        "40 seconds of music in 45 seconds of sound. Most of the music was pleasant and energetic "
        "(50%), above all excited (50%). It began excited and ended sad. The greatest change came "
        "at 0:20: from excited to sad." in words
    )
    for heading in ("Course of valence and arousal", "The music, part by part", "How well"):
        assert heading in words
    assert "P7" in words
    assert "sighs & smiles" in words
    assert re.search(
        "10:000:20Excited: very pleasant, energetic.*"
        "20:200:40Sad: unpleasant, with little energy.*30:400:45Silence",
        words,
    )
    assert "excited0:2050%sad0:2050%" in words
    assert re.search(r"10:12nowexcited \(.*\)<script>alert\(1\)</script> sighs & smiles", words)
    assert "(xruns)3" in words
    assert "(clipping)1 of 2" in words
    assert "silence5.0 s" in words


def turning(**changes: object) -> list[object]:
    return [
        sample_estimate(
            seq=i, mood="happy" if i < 200 else "sad", changed=0.1, turns=int(i >= 230), **changes
        )
        for i in range(400)
    ]


def test_where_the_music_turned_stands_in_a_table_and_under_the_lines() -> None:
    text = report([recorded(turning())])
    page = Page(text)
    assert re.search(
        r"Where the music turned\natthe music then0:23sad \(.*\)\nTo a new section", page.words
    )
    assert "Triangle: the music turned." in page.words
    course = text.split("<svg")[1].partition("</svg>")[0]
    triangles = re.findall(r'<polygon points="([^"]*)" fill="#24302e"/>', course)
    assert len(triangles) == 2  # one a line
    places = [[float(x) for x in re.findall(r"([\d.]+),", one)] for one in triangles]
    assert places[0] == places[1]
    assert places[0][1] == pytest.approx(40 + 23.1 / 40 * (960 - 40 - 12), abs=0.1)


def test_a_session_that_was_not_compared_says_nothing_of_turns() -> None:
    assert "the music turned" not in Page(report([recorded(evening())])).words
    never = [sample_estimate(seq=i, changed=0.1) for i in range(50)]
    assert (
        "Where the music turned\nNowhere, as far as was told."
        in Page(report([recorded(never)])).words
    )
    both = Page(report([recorded(turning(), "one"), recorded(evening(), "two")])).words
    assert "times that the music turned1not told" in both


def test_it_loads_nothing_and_runs_nothing() -> None:
    text = report([recorded(evening(), pseudonym="<img src=x onerror=alert(1)>")])
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object", "image", "a"} & set(page.tags)
    assert not re.search(r"https?:|//|url\(|@import|data:", text)
    assert not [value for value in page.values if "nan" in value or "inf" in value.split()]


def test_an_uncertain_line_has_a_band_and_change_points_and_markers_have_theirs() -> None:
    text = report([recorded(evening())])
    course, plane = (part.partition("</svg>")[0] for part in text.split("<svg")[1:])
    assert course.count("<polyline") == course.count("<polygon") == 2
    assert course.count('stroke-dasharray="2 3"') == 2 * 2
    assert course.count('stroke-dasharray="7 3"') == 1
    for word in ("1 excited", "2 sad", "3 silence"):  # in the strip below
        assert f">{word}</text>" in course
    assert plane.count("<circle") == 2  # segments of music


def test_a_session_that_began_amid_another_is_shown_from_there_on() -> None:
    amid = [sample_estimate(seq=seq, xruns=7 + (seq > 6050)) for seq in range(6000, 6100)]
    note = Marker(label="sighs", t=604.0)
    changed = replace(status("music"), source="the other microphone")
    session = recorded([*amid, note, changed], audio="audio.flac", audio_start=24_000 * 600)
    text = report([session])
    words = Page(text).words
    assert "10 seconds of music in 10 seconds of sound" in words
    assert "0:10, 100 estimates; from 10:00 to 10:10 of what was listened to" in words
    assert "yes, from 10:00 on" in words
    assert "USB microphone, then the other microphone" in words
    assert "110:04calm (+0.25, −0.50)sighs" in words
    assert "(xruns)1" in words
    course = text.partition("</svg>")[0]
    assert ">10:00</text>" in course
    assert ">0:00</text>" not in course
    (line,) = re.findall(r'<polyline points="([\d.]+),', course)[:1]
    assert float(line) < 50  # it fills the picture from the left


@pytest.mark.parametrize("form", ["page", "pdf"])
def test_a_name_of_a_device_is_shown_as_it_is_and_acts_on_nobody(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = replace(status("music"), source=NAME_THAT_ACTS)
    whole = document([recorded([*evening(), acting], pseudonym=NAME_THAT_ACTS)])
    if form == "page":
        page = to_html(whole)
        assert Page(page).words.count(NAME_SPELT_OUT) == 2
        shown = [page]
    else:
        given: list[str] = []

        def compile_(template: bytes, *, sys_inputs: dict[str, str]) -> bytes:
            given.append(sys_inputs["report"])
            return b""

        monkeypatch.setattr(typst, "compile", compile_)
        to_pdf(whole)
        shown = [text for text in texts(json.loads(given[0])) if "evil" in text]
        assert len(shown) == 2
    assert all(literal(text) == text for text in shown)


def texts(value: object) -> Iterator[str]:
    """Every text in what JSON holds."""
    match value:
        case str():
            yield value
        case dict():
            yield from texts(list(value.values()))
        case list():
            for one in value:
                yield from texts(one)


def test_a_hole_in_time_breaks_the_line() -> None:
    session = recorded([*estimates(50), *(sample_estimate(seq=i) for i in range(100, 150))])
    assert report([session]).partition("</svg>")[0].count("<polyline") == 2 * 2


@pytest.mark.slow
def test_the_page_does_not_grow_with_the_session() -> None:
    small, large = (len(report([recorded(estimates(count))])) for count in (3_000, 20_000))
    assert large < 1.2 * small


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_session_of_hardly_anything_has_a_report_too(count: int) -> None:
    words = Page(report([recorded(estimates(count))])).words
    assert ("No estimate was recorded." in words) == (count == 0)


def test_two_sessions_are_compared_side_by_side() -> None:
    first = recorded(evening(), "before")
    second = recorded(estimates(100, valence=0.75, mood="happy"), "after")
    words = Page(report([first, second])).words
    assert f"{first.name}{second.name}" in words
    assert re.search(r"mean valence of the music\+0\.05 \(spread 0\.45\)\+0\.75", words)
    assert words.count("Course of valence") == 2
    assert words.count("What this is, and what it is not") == 1


def test_the_title_is_ones_own_or_the_sessions_or_its_name() -> None:
    session, named = recorded(evening()), recorded(evening(), "named", title="Quiet <music>")

    def titles(*sessions: Session, **options: str) -> list[str]:
        page = to_html(document(list(sessions), **options))
        return re.findall("<h1>(.*?)</h1>", page)

    assert titles(session) == [session.name]
    assert titles(named) == ["Quiet &lt;music&gt;"]
    assert titles(named, title="Thursday") == ["Thursday"]
    assert titles(named, session, title="Both") == ["Both", "Quiet &lt;music&gt;", session.name]
    assert f"Session{named.name}" in Page(to_html(document([named]))).words


def test_every_segment_and_marker_has_its_number_in_the_picture_however_narrow() -> None:
    places = [(0.5, 0.5), (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5)]
    course = [
        sample_estimate(seq=seq, valence=valence, arousal=arousal)
        for seq in range(12_000)
        for valence, arousal in [places[seq // 100 % 4] if seq < 2_000 else places[0]]
    ]
    close = [Marker(label="note", t=500.0 + seconds) for seconds in (0, 0, 1, 2)]
    picture = report([recorded([*course, *close])]).split("<svg")[1].partition("</svg>")[0]
    texts = re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" font-size="14" text-anchor="middle"[^>]*>([^<]*)</text>',
        picture,
    )
    boxes = [Box(x=float(x), y=float(y), width=7.7 * len(word), height=14) for x, y, word in texts]
    numbers = [word.split()[0] for _, _, word in texts if ":" not in word]
    assert sorted(numbers, key=int) == sorted(
        [*map(str, range(1, 22)), *map(str, range(1, 5))], key=int
    )
    for index, box in enumerate(boxes):
        assert not any(map(box.overlaps, boxes[:index])), texts[index]


def test_of_more_segments_than_can_be_read_the_longest_bear_numbers() -> None:
    places = [(0.5, 0.5), (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5)]
    course = [
        sample_estimate(seq=seq, valence=valence, arousal=arousal)
        for seq in range(60 * 100 + 3_000)
        for valence, arousal in [places[seq // 100 % 4] if seq < 6_000 else places[0]]
    ]
    page = report([recorded(course)])
    _, *pictures = page.split("<svg")
    for picture in pictures[:2]:
        numbers = re.findall(r"#000\"[^>]*>(\d+)[^<:]*</text>", picture.partition("</svg>")[0])
        assert "61" in numbers  # the longest
        assert 10 < len(numbers) <= MOST_NUMBERS
    assert f"Of 61 segments only the longest {MOST_NUMBERS} bear numbers here." in page
    assert "Dotted" not in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "suffix", "start"),
    [
        ((), ".html", b"<!DOCTYPE html>"),
        (("--format", "pdf"), ".pdf", b"%PDF-"),
        (("--out", "evening.PDF"), ".PDF", b"%PDF-"),
        (("--out", "evening.txt"), ".txt", b"<!DOCTYPE html>"),
    ],
)
def test_the_command_writes_the_page_and_says_where(
    tmp_path: Path, capsys, monkeypatch, args: tuple[str, ...], suffix: str, start: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    session = recorded(evening())
    out = call(capsys, "sessions", "report", session.name, *args).out
    assert out in {f"{session.name}{suffix}\n", f"evening{suffix}\n"}
    assert (tmp_path / out.strip()).read_bytes().startswith(start)


def test_a_page_that_cannot_be_written_is_told_in_one_line(capsys) -> None:
    session = recorded(evening())
    result = call(capsys, "sessions", "report", session.name, "--out", "no/where.html")
    assert "cannot be written" in result.complaint()


# -- PDF -----------------------------------------------------------------------------------------


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("count", [0, 1, 450])
def test_any_session_becomes_a_pdf_whatever_its_notes_hold(count: int) -> None:
    notes = (
        '#panic("x")',
        "$x",
        "*_`",
        "\\ </svg>",
        "音楽 ěšč",
        "https://example.org/" + "a" * 300,
    )
    session = recorded(
        [*estimates(count), *(Marker(label=note, t=1.0) for note in notes)], pseudonym="#eval(1)"
    )
    pdf = to_pdf(document([session]))
    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) >= 1


def test_a_long_table_goes_on_on_the_next_page() -> None:
    short, long = (
        to_pdf(document([recorded([Marker(label=f"note {i}", t=i) for i in range(count)])]))
        for count in (3, 200)
    )
    assert pages(short) == 1
    assert pages(long) > 3
