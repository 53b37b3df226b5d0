"""How well a run tells music from what is none, as its report has it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.hops import StreamPolicy
from training.corpora import read_clips
from training.files import write_json
from training.judge import not_music
from training.judge.evaluate import fingerprint
from training.judge.music_prior import Verdict
from training.learn.run import Run, open_run
from training.report.music import MISTAKEN, SONGS, SPOKEN_OVER, TOLD, music_rows
from training.report.music import told_from_what_is_none as section
from training.report.targets import table_of_targets


@pytest.fixture
def run(trained: Path, corpora_root: Path, tmp_path: Path) -> Run:
    folder = shutil.copytree(trained, tmp_path / "run")
    run = open_run(folder, read_clips(corpora_root), None)
    telling = replace(run.config.network, music=True)
    return replace(run, config=replace(run.config, network=telling))


def _heard(kind: str, said: float) -> Verdict:
    return Verdict(
        key=f"{kind}/{said:g}",
        kind=kind,
        synthetic=False,
        truth=np.full(40, float(kind == "music")),
        stream=np.full(40, said, np.float32),
    )


def _found(run: Run, *, over: int = 3) -> dict[str, object]:
    """Return what ``not-music --run`` leaves of four clips, of which one of each side is wrong."""
    clips = [_heard("music", 0.9), _heard("music", 0.05), _heard("rain", 0.1), _heard("rain", 0.8)]
    moved = {"clips": over, "over_db": 5.0, "still": 0.7, "valence": 0.07, "arousal": 0.2}
    return {
        "run": fingerprint(run),
        "folds": list(range(run.split.folds)),
        "protocol": "out of fold",
        **not_music.figures(clips),
        "told": not_music.told(clips, StreamPolicy(), hop_s=0.1),
        "speech_over_music": moved if over else {"clips": 0},
    }


def test_what_was_found_of_no_music_is_told_and_held_to_what_is_wanted(run: Run) -> None:
    write_json(not_music.verdict_file(run), _found(run))
    rows = music_rows(run)
    value = {row["metric"]: row["value"] for row in rows if "kind" not in row}
    assert value[TOLD] == pytest.approx(26 / 80)  # the gate takes its time
    assert value[MISTAKEN] == pytest.approx(26 / 80)
    assert value[SONGS] == 1
    text = section(rows)
    assert "Taken for none most: music/0.05 0.650, music/0.9 0.000." in text
    assert "| rain | recorded | 0.500 | 2 | rain/0.8 0.000, rain/0.1 1.000 |" in text
    assert "| 0.2 | 0.500 | 0.500 |" in text
    assert "until above 0.3 for 0.5 s" in text
    wanted = {
        line.split(" | ")[1]: line for line in table_of_targets({"music": rows}).split("\n")[4:]
    }
    assert "≥ 0.9 | 0.325 | **missed by 0.575**" in wanted[TOLD]
    assert "≤ 0 | 1.000 | **missed by 1.000**" in wanted[SONGS]
    assert "< 0.15 | 0.070 | reached" in wanted[SPOKEN_OVER.format(axis="valence")]
    assert "**missed by 0.050**" in wanted[SPOKEN_OVER.format(axis="arousal")]


def test_without_speech_nothing_is_told_of_speech_over_music(run: Run) -> None:
    write_json(not_music.verdict_file(run), _found(run, over=0))
    rows = music_rows(run)
    assert not [row for row in rows if "speech" in row["metric"]]
    assert section(rows)


def test_what_was_never_asked_or_is_of_other_weights_is_not_told(run: Run) -> None:
    with pytest.raises(InputError, match=r"not_music\.json is missing; run training not-music"):
        music_rows(run)
    for changed, words in (
        ({"run": "another"}, "of other weights than lie in"),
        ({"folds": [0]}, r"covers folds \[0\] of 2"),
    ):
        write_json(not_music.verdict_file(run), _found(run) | changed)
        with pytest.raises(InputError, match=words):
            music_rows(run)
    silent = replace(run.config, network=replace(run.config.network, music=False))
    with pytest.raises(InputError, match="its networks do not tell music"):
        music_rows(replace(run, config=silent))
    assert section([]) == ""
