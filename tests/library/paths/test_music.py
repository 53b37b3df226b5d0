"""Tempo, key and artists as tags tell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.library.paths.music import Key, key_of, music_of, tempo_gap, tempo_of

# The wheel of fifths as DJ programs print it: major outside (B), its relative minor inside (A).
WHEEL = {
    1: ("B", "G#m"),
    2: ("F#", "Ebm"),
    3: ("Db", "Bbm"),
    4: ("Ab", "Fm"),
    5: ("Eb", "Cm"),
    6: ("Bb", "Gm"),
    7: ("F", "Dm"),
    8: ("C", "Am"),
    9: ("G", "Em"),
    10: ("D", "Bm"),
    11: ("A", "F#m"),
    12: ("E", "C#m"),
}
keys = st.builds(Key, st.integers(1, 12), minor=st.booleans())


@pytest.mark.parametrize("number", WHEEL)
def test_every_key_has_its_place_on_the_wheel(number: int) -> None:
    major, minor = WHEEL[number]
    assert key_of(major) == key_of(f"{major} major") == key_of(f"{number}B")
    assert key_of(minor) == key_of(f"{minor[:-1]} minor") == key_of(f"{number:02}a")
    assert key_of(major) == Key(number, minor=False)
    assert key_of(minor) == Key(number, minor=True)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(("1d", "8B"), ("1m", "8A"), ("6d", "1B"), ("12m", "7A"), (" Bbmaj ", "6B")),
        *(("A♭ min", "1A"), ("a", "11B"), ("AM", "11B"), ("Am", "8A"), ("B moll", "10A")),
        *((text, None) for text in ("o", "", "13A", "0A", "H", "Amaze", "cis")),
    ],
)
def test_keys_are_read_as_programs_write_them(text: str, key: str | None) -> None:
    found = key_of(text)
    assert (None if found is None else str(found)) == key


@given(one=keys, other=keys)
def test_suiting_is_mutual_and_each_key_suits_four(one: Key, other: Key) -> None:
    assert one.suits(other) == other.suits(one)
    every = [Key(number, minor=minor) for number in range(1, 13) for minor in (True, False)]
    assert sum(one.suits(key) for key in every) == 4


@pytest.mark.parametrize(
    ("text", "tempo"),
    [("128", 128.0), (" 127,5 ", 127.5), ("0", None), ("nan", None), ("fast", None), ("1e9", None)],
)
def test_a_tempo_that_no_music_has_is_none(text: str, tempo: float | None) -> None:
    assert tempo_of(text) == tempo


@pytest.mark.parametrize(("one", "other", "gap"), [(100, 106, 0.06), (70, 140, 0), (140, 70, 0)])
def test_half_and_double_tempo_go_together(one: float, other: float, gap: float) -> None:
    assert tempo_gap(one, other) == pytest.approx(gap)


def test_what_tags_tell_is_read_and_what_is_no_good_is_passed_over() -> None:
    texts = {"artist": ("Ä  B", "c", " "), "tempo": ("0", "120"), "key": ("o", "Am")}
    found = music_of(texts)
    assert (found.artist, found.artists) == ("Ä B, c", {"ä b", "c"})
    assert (found.tempo, found.key) == (120.0, Key(8, minor=True))
    assert music_of({}).artists == frozenset()
