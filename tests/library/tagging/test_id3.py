"""ID3 tags: frames of others stay byte by byte, whatever is in them."""

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging.id3 import (
    Frame,
    Tag,
    build,
    changed,
    fields,
    others,
    parse,
    tag_size,
)
from tests.library.tagging.made_files import FOREIGN, ODD

ALL = (*FOREIGN, *ODD)
SAID = {"MER_VALENCE": ("0.412",), "MOOD": ("tired", "calm"), "COMMENT": ("Énergie 3",)}


def of_version(version: int, frames: tuple[Frame, ...] = ALL) -> Tag:
    """Return a tag whose frames have names and flags as its version has them."""
    if version == 2:
        plain = [frame for frame in frames if not frame.flags[1]]  # it has no flags
        frames = tuple(replace(frame, name=frame.name[:3], flags=b"") for frame in plain)
    return parse(build(Tag(version=version, frames=frames)))


@pytest.mark.parametrize("version", [2, 3, 4])
def test_frames_of_others_stay_byte_by_byte(version: int) -> None:
    before = of_version(version)
    after = parse(build(changed(before, SAID)))
    assert list(others(after)) == list(others(before))
    assert {name: fields(after)[name] for name in SAID} == SAID
    back = parse(build(changed(after, dict.fromkeys(SAID, ()))))
    assert back.frames == before.frames


def read_by_mutagen(tag: Tag) -> ID3:
    return ID3(io.BytesIO(build(tag) + b"\xff\xfb\x90\0" * 100), translate=False)


def test_the_mood_is_tmoo_in_version_4_and_a_text_of_its_own_before() -> None:
    by_4 = read_by_mutagen(changed(of_version(4), SAID))
    assert by_4["TMOO"].text == ["tired", "calm"]
    by_3 = read_by_mutagen(changed(of_version(3), SAID))
    assert by_3["TXXX:MOOD"].text == ["tired/calm"]
    assert "TMOO" not in by_3
    for read in (by_3, by_4):
        assert "0.412" in read["TXXX:MER_VALENCE"].text  # which it joins with the odd one
        assert read["COMM::eng"].text == ["Énergie 3"]
        assert read["TIT2"].text == ["Tïtle"]


encodings = st.sampled_from([(0, "latin-1", b"\0"), (1, "utf-16-le", b"\0\0"), (3, "utf-8", b"\0")])


@given(encodings, st.text(st.characters(max_codepoint=255, exclude_characters="\0")), st.booleans())
def test_a_comment_keeps_language_and_encoding_and_comes_back(encoding, text, ends) -> None:
    number, codec, zero = encoding
    mark = b"\xff\xfe" if number == 1 else b""
    content = bytes((number,)) + b"deu" + mark + zero + mark + text.encode(codec) + zero * ends
    frame = Frame(name=b"COMM", flags=b"\0\0", content=content)
    before = Tag(version=4, frames=(frame,))
    after = changed(before, {"COMMENT": (f"Energy 3 - {text}",)})
    assert fields(after) == {"COMMENT": (f"Energy 3 - {text}",)}
    assert after.frames[0].content.startswith(bytes((number,)) + b"deu")
    assert changed(after, {"COMMENT": (text,)}) == before


def test_a_text_that_an_encoding_lacks_changes_the_encoding() -> None:
    frame = Frame(name=b"COMM", flags=b"\0\0", content=b"\0deu\0old")
    for version in (3, 4):
        after = changed(Tag(version=version, frames=(frame,)), {"COMMENT": ("neu 年",)})
        assert fields(after) == {"COMMENT": ("neu 年",)}
        assert read_by_mutagen(after)["COMM::deu"].text == ["neu 年"]


def test_a_tag_that_was_unsynchronised_is_read_as_it_was_meant() -> None:
    tag = of_version(3)
    plain = build(tag)
    body = plain[10:].rstrip(b"\0").replace(b"\xff", b"\xff\0")
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    found = parse(b"ID3\3\0\x80" + size + body)
    assert found.frames == tag.frames
    assert parse(build(changed(found, SAID))).flags == 0


def test_sizes_that_some_programs_wrote_in_the_way_of_version_3_are_read() -> None:
    frame = Frame(name=b"PRIV", flags=b"\0\0", content=bytes(300))
    other = Frame(name=b"TIT2", flags=b"\0\0", content=b"\3title")
    tag = Tag(version=4, frames=(frame, other))
    content = build(tag).replace(b"PRIV\0\0\x02\x2c", b"PRIV\0\0\x01\x2c")
    assert parse(content).frames == tag.frames


@given(st.binary(max_size=200), st.integers(0, 5), st.integers(0, 255))
def test_whatever_stands_in_a_tag_it_is_read_or_refused(body, version, flags) -> None:
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    content = b"ID3" + bytes((version, 0, flags)) + size + body
    assert tag_size(content) >= 10
    try:
        tag = parse(content)
    except AudioFileError:
        return
    after = parse(build(changed(tag, SAID)))
    assert list(others(after)) == list(others(tag))


contents = st.lists(st.binary(max_size=60), max_size=6)
names = st.sampled_from([b"TXXX", b"COMM", b"TMOO", b"TIT2", b"PRIV"])


@given(st.lists(st.tuples(names, st.binary(max_size=40), st.sampled_from([0, 0, 8])), max_size=6))
def test_whatever_the_frames_what_is_written_is_read_and_taken_back(drawn) -> None:
    frames = tuple(
        Frame(name=name, flags=bytes((0, flag)), content=content) for name, content, flag in drawn
    )
    before = Tag(version=4, frames=frames)
    was = fields(before)
    after = changed(before, SAID)
    assert {name: fields(after)[name] for name in SAID} == SAID
    assert list(others(after)) == list(others(before))
    back = changed(after, {name: was.get(name, ()) for name in SAID})
    assert fields(back) == was
