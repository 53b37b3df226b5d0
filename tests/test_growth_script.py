"""The libraries that growth is measured on are libraries, of the size that is said."""

from pathlib import Path

import growth
import pytest

from realtime_mer.library.paths.columns import read_columns
from realtime_mer.library.tables import read_table

pytestmark = pytest.mark.slow


def test_a_made_library_has_as_many_tracks_as_it_is_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "MADE", 50)
    table = growth.make_library(tmp_path, 150)
    tracks = read_table(table)
    assert len({track.path for track in tracks}) == len({track.sound for track in tracks}) == 150
    assert len(read_columns(table).paths) == 150
    by_path = {track.path: track for track in tracks}
    for track in growth.made_tracks(tmp_path):
        assert by_path[track.path] == track
    (found,) = [track for track in tracks if "track 0000007 of 0000100" in track.path]
    first = by_path[found.path.replace(" of 0000100", "")]
    assert found.course == first.course
    assert found.valence != first.valence
    assert found.sections == first.sections
