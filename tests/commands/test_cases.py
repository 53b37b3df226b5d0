"""``analyze`` on files of the kinds that people report, beside a table of what a user should get.

`REALTIME_MER_CASES` names a folder with `make.py`, which makes the files of one clip, and
`expected.csv`, the table. `REALTIME_MER_CLIP` names the clip. Of some clips the network moves by
more than .1 before they are too quiet to judge (docs/live.md): of those one test fails, and says by
how much.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import command
from tests.patience import PATIENCE_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not {"REALTIME_MER_CASES", "REALTIME_MER_CLIP"} <= set(os.environ),
        reason="REALTIME_MER_CASES and REALTIME_MER_CLIP name no cases and no clip of music",
    ),
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed"),
]

Found = dict[str, dict[str, object]]
QUIET = "too quiet to judge"
REFUSED = {"rate_of_1_Hz.wav": "claims 1 Hz", "rate_2G_1024_channels.wav": "claims 2147483647 Hz"}
TOLD = {
    "data_length_zero.wav": "frames more than the file announces",
    "stale_length.wav": "frames more than the file announces",
    "length_16_bytes_too_long.wav": "frames fewer than the file announces",
    "antiphase.wav": "channels cancelled out",
    "one_frame_96k.wav": "shorter than one hop",
    "no_sound_but_dc.wav": "hops of silence and none that could be judged",
}
AS_THE_BASE = {
    "data_length_zero.wav": 0.001,
    "length_16_bytes_too_long.wav": 0.001,
    "stale_length.wav": 0.001,
    "vbr_without_header.mp3": 0.2,  # it begins some hundredths of a second late
    "cbr_with_header.mp3": 0.1,
    "antiphase.wav": 0.05,
    "quieter_by_20_dB.wav": 0.1,
    "quieter_by_30_dB.wav": 0.1,
    "quieter_by_40_dB.wav": 0.1,
}


@pytest.fixture(scope="module")
def cases() -> Path:
    return Path(os.environ["REALTIME_MER_CASES"])


@pytest.fixture(scope="module")
def expected(cases: Path) -> dict[str, float | None]:
    """Seconds of each file that a user should get; None where the table leaves them open."""
    with (cases / "expected.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["file"]: float(row["seconds"]) if row["seconds"] else None
            for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def analyzed(
    cases: Path, expected: dict[str, float | None], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Found, list[str]]:
    """What was found in each file, and what was said of them, by one run over all."""
    folder = tmp_path_factory.mktemp("cases")
    clip = os.environ["REALTIME_MER_CLIP"]
    subprocess.run([sys.executable, cases / "make.py", clip, folder], check=True)
    run = subprocess.run(
        [*command("analyze", *expected, "--summary")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert run.returncode == 1  # two are refused
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    return {row["path"]: row for row in rows}, run.stderr.splitlines()


def said_of(name: str, lines: list[str]) -> list[str]:
    """Return what was said of a file besides that it is quiet, as a quiet clip makes all."""
    return [line for line in lines if name in line and QUIET not in line]


def test_every_file_has_the_seconds_that_it_should_have(
    analyzed: tuple[Found, list[str]], expected: dict[str, float | None]
) -> None:
    found, _ = analyzed
    assert set(found) == set(expected) - set(REFUSED)
    for name, seconds in expected.items():
        if seconds is not None:
            assert found[name]["seconds"] == pytest.approx(seconds, abs=0.15), name


@pytest.mark.parametrize(("name", "words"), REFUSED.items())
def test_nonsense_is_refused_in_one_line(
    analyzed: tuple[Found, list[str]], name: str, words: str
) -> None:
    (line,) = said_of(name, analyzed[1])
    assert words in line


@pytest.mark.parametrize(("name", "words"), TOLD.items())
def test_what_is_odd_is_told_in_one_line(
    analyzed: tuple[Found, list[str]], name: str, words: str
) -> None:
    (line,) = said_of(name, analyzed[1])
    assert words in line


def test_nothing_is_told_of_what_is_in_order(
    analyzed: tuple[Found, list[str]], expected: dict[str, float | None]
) -> None:
    for name in set(expected) - set(REFUSED) - set(TOLD):
        if not name.startswith("quieter"):
            assert not said_of(name, analyzed[1]), name


@pytest.mark.parametrize(("name", "apart"), AS_THE_BASE.items())
def test_the_same_music_has_the_same_mood_or_is_marked_as_too_quiet(
    analyzed: tuple[Found, list[str]], name: str, apart: float
) -> None:
    found, lines = analyzed
    if name.startswith("quieter") and any(name in line for line in lines):
        return
    for axis in ("valence", "arousal"):
        assert found[name][axis] == pytest.approx(found["base.wav"][axis], abs=apart), axis


def test_one_of_eighteen_channels_is_as_it_would_be_alone(
    analyzed: tuple[Found, list[str]],
) -> None:
    found, _ = analyzed
    for axis in ("valence", "arousal"):
        alone = found["the_same_in_mono.wav"][axis]
        assert found["one_of_18_channels.wav"][axis] == pytest.approx(alone, abs=0.05)


def test_an_offset_is_silence(analyzed: tuple[Found, list[str]]) -> None:
    found, _ = analyzed
    assert found["no_sound_but_dc.wav"]["valence"] == 0
    assert found["no_sound_but_dc.wav"]["arousal"] == 0
    assert found["one_frame_96k.wav"]["valence"] is None
