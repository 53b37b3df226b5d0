"""Small libraries and rules drawn at random, and what must hold of a path."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.music import UNTOLD, Key, Music, tempo_gap
from realtime_mer.library.paths.rules import Rules, Turn
from realtime_mer.library.tracks import Point, Track
from tests.library.made import made_track, moving

# A coarse grid, so that equal places and equal distances happen often.
coordinates = st.integers(-10, 10).map(lambda tenths: tenths / 10)
points = st.builds(Point, valence=coordinates, arousal=coordinates)
counts = st.integers(1, 12)


def untagged(track: int) -> Music:
    """Of a library without tags."""
    return UNTOLD


@st.composite
def libraries(draw: Any, *, min_size: int = 0, max_size: int = 25) -> list[Track]:
    """Draw tracks at random places."""
    size = draw(st.integers(min_size, max_size))
    tracks = []
    for number in range(size):
        ends = [draw(coordinates) for _ in range(4)]
        valence, arousal = draw(coordinates), draw(coordinates)
        tracks.append(
            made_track(
                f"/music/{number:02}.flac",
                valence=valence,
                arousal=arousal,
                seconds=draw(st.sampled_from([90.0, 180.0, 240.0, 600.0])),
                course=moving(
                    np.linspace(ends[0], ends[1], 20).tolist(),
                    np.linspace(ends[2], ends[3], 20).tolist(),
                ),
                valence_spread=draw(st.sampled_from([0.0, 0.1, 0.4])),
                arousal_spread=draw(st.sampled_from([0.0, 0.1, 0.4])),
                loudness_lufs=draw(st.sampled_from([None, -30.0, -14.0, -8.0])),
                music_share=draw(st.sampled_from([None, 0.0, 0.4, 1.0])),
            )
        )
    return tracks


music = st.builds(
    lambda artist, tempo, key: Music(
        artist=artist or "", artists=frozenset([artist] if artist else []), tempo=tempo, key=key
    ),
    artist=st.sampled_from([None, "a", "b", "c"]),
    tempo=st.sampled_from([None, 60.0, 100.0, 104.0, 120.0, 200.0]),
    key=st.sampled_from([None, Key(1, minor=True), Key(8, minor=True), Key(8, minor=False)]),
)

rules = st.builds(
    Rules,
    music=st.sampled_from([0.0, 0.5]),
    quietest_lufs=st.sampled_from([None, -20.0]),
    loudest_lufs=st.sampled_from([None, -10.0]),
    within=st.sampled_from([None, 0.3, 1.0]),
    tempo=st.sampled_from([None, 0.05]),
    keys=st.booleans(),
    artist_once=st.integers(1, 4),
    apart_s=st.sampled_from([0.0, 200.0, 900.0]),
)


def assert_keeps(
    rules: Rules,
    columns: Columns,
    turns: Sequence[Turn],
    wanted: Sequence[Point],
    tags: Mapping[int, Music],
    *,
    last: int | None = None,
) -> None:
    """Check a path against every rule, in words of its own."""
    tracks = [turn.track for turn in turns]
    assert len(set(tracks)) == len(tracks)
    ends = 0.0
    for place, (turn, point) in enumerate(zip(turns, wanted, strict=True)):
        track = turn.track
        assert turn.starts_s == ends
        ends = turn.starts_s + columns.seconds[track]
        assert turn.ends_s == ends
        if track == last:
            assert place == len(turns) - 1
            continue
        share, loud = columns.music_share[track], columns.loudness_lufs[track]
        assert math.isnan(share) or share > 0
        assert math.isnan(share) or share >= rules.music
        assert rules.quietest_lufs is None or loud >= rules.quietest_lufs
        assert rules.loudest_lufs is None or loud <= rules.loudest_lufs
        assert rules.longest_s is None or columns.seconds[track] <= rules.longest_s
        if rules.within is not None:
            far = math.hypot(
                columns.valence[track] - point.valence, columns.arousal[track] - point.arousal
            )
            assert far <= rules.within + 1e-6
    for later in range(len(turns)):
        now = tags[tracks[later]]
        for earlier in range(later):
            before = tags[tracks[earlier]]
            ago = later - earlier
            same = now.artists & before.artists
            assert not (same and ago < rules.artist_once)
            gap = turns[later].starts_s - turns[earlier].ends_s
            assert not (same and gap < rules.apart_s)
            if ago > 1:
                continue
            if rules.tempo is not None and now.tempo and before.tempo:
                assert tempo_gap(before.tempo, now.tempo) <= rules.tempo
            if rules.keys and now.key and before.key:
                assert now.key.suits(before.key)
