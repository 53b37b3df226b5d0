"""A music library on each device."""

from pathlib import Path

import pytest

from realtime_mer.library.tables import read_table
from tests.command_line import call, noise, write_model, write_sound
from tests.on_devices import assert_near, each_device


@pytest.mark.slow
@each_device
@pytest.mark.parametrize("jobs", [(), ("--jobs", 2)], ids=["jobs unsaid", "two jobs"])
def test_a_library_has_the_numbers_of_analyze_on_the_processor(
    tmp_path: Path, monkeypatch, capsys, device: str, jobs: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    model = write_model(tmp_path)
    (tmp_path / "music").mkdir()
    for name, seconds in (("a.wav", 4), ("b.flac", 6), ("c.ogg", 5)):
        write_sound(tmp_path / "music" / name, noise(seconds))
    options = ("--model", model, "--compute")
    done = call(capsys, "annotate", "music", "--out", "table.sqlite", *jobs, *options, device)
    assert "3 tracks; 3 new, 0 unchanged, 0 gone, 0 broken" in done.out, done.err
    tracks = read_table(Path("table.sqlite"))
    paths = [track.path for track in tracks]
    summaries = call(capsys, "analyze", *paths, "--summary", *options, "cpu").records()
    for track, summary in zip(tracks, summaries, strict=True):
        del summary["mood"]  # of the nearest word, which may be another where two are as near
        assert_near({name: getattr(track, name) for name in summary}, summary)
