"""What stands behind ``when``: comparisons and what happens, read as data."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.outlets.mapping.conditions import Happening, parse_condition

VALUES: dict[str, Any] = {
    "valence": 0.5,
    "arousal": -0.2,
    "quadrants.Q2": 0.7,
    "gems.power": 0.1,
    "bands.0-7": 0.3,
    "mood": "calm",
    "status": "music",
    "seq": 12,
}


def holds(text: str, values: dict[str, Any] = VALUES) -> bool | None:
    condition = parse_condition(text)
    assert not isinstance(condition, Happening)
    return condition.holds(values.get)


@pytest.mark.parametrize(
    ("text", "so"),
    [
        ("valence > 0.4", True),
        ("valence>.5", False),
        ("valence >= 0.5", True),
        ("arousal < -0.1", True),
        ("arousal<=-0.2", True),
        ("seq == 12", True),
        ("seq != 12", False),
        ("quadrants.Q2 > 0.6 and gems.power < 0.2", True),
        ("valence > arousal", True),
        ("bands.0-7 > 0.2", True),
        ('mood == "calm"', True),
        ("mood != 'calm'", False),
        ("not valence > 0.4", False),
        ("valence > 1 or arousal < 0 and seq > 10", True),
        ("(valence > 1 or arousal < 0) and seq > 20", False),
        ("not (valence > 1 or seq > 20)", True),
        ('status == "music" and not mood == "sad"', True),
    ],
)
def test_a_comparison_is_so_or_is_not(text: str, so: bool) -> None:
    assert holds(text) is so


@pytest.mark.parametrize(
    ("text", "so"),
    [
        ("familiar > 0.5", None),
        ("not familiar > 0.5", None),
        ("familiar > 0.5 and valence > 0", None),
        ("familiar > 0.5 and valence < 0", False),
        ("familiar > 0.5 or valence > 0", True),
        ("familiar > 0.5 or valence < 0", None),
        ("valence > familiar", None),
    ],
)
def test_what_is_not_known_is_neither_so_nor_not_so(text: str, so: bool | None) -> None:
    assert holds(text) is so


@pytest.mark.parametrize(
    ("text", "happening"),
    [
        ("mood changes", Happening("mood changes")),
        ("  music   begins ", Happening("music begins")),
        ("marker", Happening("marker")),
        ('marker "drop it"', Happening("marker", "drop it")),
        ("marker 'drop'", Happening("marker", "drop")),
    ],
)
def test_some_things_happen(text: str, happening: Happening) -> None:
    assert parse_condition(text) == happening


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "ends where a value"),
        ("valence", "ends where one of"),
        ("valence >", "ends where a number"),
        ("valence > 0.5 arousal", "at 'arousal' there should stand \"and\""),
        ("valenc > 0.5", "there is no value 'valenc'; did you mean valence?"),
        ("valence > 'calm'", "valence is a number"),
        ("mood == 3", "mood is a text"),
        ('mood > "calm"', "mood is a text, which is == or !="),
        ("mood == valence", "cannot be compared"),
        ('status == "musik"', "there is no status 'musik'; give one of warming_up, music"),
        ("(valence > 0", '")" should stand'),
        ("valence > 0)", "there should stand"),
        ("valence > 0 and", "ends where a value"),
        ("valence = 0", "is neither a value, a number"),
        ("valence > 0; import os", "is neither a value"),
        ("__import__('os')", "there is no value '__import__'"),
        ("marker > 1", "a marker happens"),
        ("bands.64 > 0", "there is no value 'bands.64'"),
        ("bands.7-3 > 0", "there is no value"),
        ("(" * 400, "brackets"),
        ("not " * 100, "brackets"),
        ("valence > 0 and " * 100, "at most 500 characters"),
    ],
)
def test_what_is_no_condition_is_told_by_its_place(text: str, told: str) -> None:
    with pytest.raises(InputError) as found:
        parse_condition(text)
    assert told in str(found.value)


@given(st.text(max_size=60) | st.text("valence ><=!()ordnt\"'.0123", max_size=60))
def test_any_text_is_a_condition_or_is_refused(text: str) -> None:
    try:
        condition = parse_condition(text)
    except InputError:
        return
    if not isinstance(condition, Happening):
        assert condition.holds(VALUES.get) in (True, False, None)
        assert condition.holds(lambda _name: None) is None
