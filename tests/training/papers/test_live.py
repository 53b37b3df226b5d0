"""The papers' systems as checkpoints that run live."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from realtime_mer.training.papers.live import PapersRecognizer
from typer.testing import CliRunner

from realtime_mer.audio.files import load_audio
from realtime_mer.cli import app as realtime_mer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.recognizer.windows import WindowState
from training import __main__ as command_line
from training.corpora import read_clips
from training.papers.systems.features import cut
from training.papers.systems.registry import SYSTEMS
from training.papers.systems.system import View

FILLED = list({system.view.name: system.view for system in SYSTEMS if system.view.fill}.values())
"""The views that fill up a clip which is shorter than a window."""

FIELDS = ("valence", "arousal", "valence_sd", "arousal_sd", "quadrants", "gems")


def _export(system: str, stem: Path, corpora_root: Path, cache: Path, *options: str) -> str:
    arguments = ["papers", "--export", str(stem), "--system", system, "--steps", "2", *options]
    places = ["--data", str(corpora_root), "--cache", str(cache)]
    result = CliRunner().invoke(command_line.app, [*arguments, *places])
    # What ``main`` tells a user in one line is an exception here.
    return f"{result.output}{result.exception or ''}"


@pytest.fixture(scope="module")
def stem(corpora_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A support vector machine on made corpora, all three heads."""
    folder = tmp_path_factory.mktemp("live")
    told = _export("svm", folder / "svm", corpora_root, folder / "cache")
    assert "wrote" in told, told
    return folder / "svm"


@pytest.fixture(scope="module")
def recognizer(stem: Path) -> PapersRecognizer:
    loaded = load_recognizer(stem, "cpu")
    assert isinstance(loaded, PapersRecognizer)
    return loaded


def _sound(seconds: float, rate: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return np.float32(0.1) * rng.standard_normal((1, round(seconds * rate)), np.float32)


@pytest.mark.slow
def test_another_package_called_training_breaks_no_checkpoint(stem: Path, tmp_path: Path) -> None:
    other = tmp_path / "training"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('this is another training')")
    sound = tmp_path / "sound.wav"
    soundfile.write(sound, _sound(4, 22_050)[0], 22_050)
    done = subprocess.run(
        [sys.executable, "-m", "realtime_mer", "analyze", sound, "--model", stem, "--summary"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["seconds"]) == (0, 4.0), done.stderr


def test_a_card_says_what_the_checkpoint_is_and_is_not(stem: Path) -> None:
    card = json.loads(stem.with_suffix(".json").read_text())
    assert card["architecture"] == "papers"
    assert "Not calibrated" in card["description"]
    assert {corpus["name"] for corpus in card["corpora"]} == {"emotify", "panda4q", "grekow"}
    assert all(corpus["licence"] for corpus in card["corpora"])


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(1, 150_000), max_size=4))
def test_whatever_pieces_arrive_the_estimates_are_those_of_the_whole(
    recognizer: PapersRecognizer, cuts: list[int]
) -> None:
    sound = _sound(6.0, recognizer.sample_rate)
    whole = recognizer.run(sound)
    state = recognizer.initial_state()
    pieces = []
    edges = sorted({min(cut, sound.shape[1]) for cut in cuts} | {0, sound.shape[1]})
    for start, stop in pairwise(edges):
        estimates, state = recognizer.step(sound[:, start:stop], state)
        pieces.append(estimates)
    assert whole.valence.shape[1] == sound.shape[1] // recognizer.hop_samples
    for name in FIELDS:
        parts = np.concatenate([getattr(piece, name) for piece in pieces], 1)
        np.testing.assert_allclose(parts, getattr(whole, name), atol=1e-4, err_msg=name)


def test_an_estimate_never_looks_at_what_comes_after(recognizer: PapersRecognizer) -> None:
    sound = _sound(4.0, recognizer.sample_rate)
    other = sound.copy()
    other[:, 3 * recognizer.sample_rate :] = 0.0
    heard = 3 * recognizer.sample_rate // recognizer.hop_samples
    for name in FIELDS:
        one, two = (getattr(recognizer.run(each), name)[:, :heard] for each in (sound, other))
        assert np.array_equal(one, two), name


# -- what training heard is what a live window holds ----------------------------------------------


@pytest.mark.parametrize("view", FILLED, ids=lambda view: view.name)
@settings(max_examples=15)
@given(seconds=st.floats(0.1, 45.0))
def test_what_is_learnt_from_is_sound_from_end_to_end_whatever_a_clip_s_length(
    view: View, seconds: float
) -> None:
    sound = np.arange(1, 1 + round(seconds * view.sample_rate), dtype=np.float32)
    (heard,) = cut(sound, view.live)
    played = np.tile(sound, 1 + view.samples // len(sound))[: view.samples]
    np.testing.assert_array_equal(heard, played)


def test_a_system_keeps_its_answers_on_full_windows_of_the_short_clips_that_it_learnt_from(
    recognizer: PapersRecognizer, corpora_root: Path
) -> None:
    assert {head.repeated for head in recognizer.card.heads.values()} == {12}
    for clip in read_clips(corpora_root, ["panda4q", "grekow"]):
        sound = load_audio(clip.path, sample_rate=recognizer.sample_rate)
        again = np.resize(sound, (1, recognizer.window_samples))
        before, hop = again[:, : -recognizer.hop_samples], again[:, -recognizer.hop_samples :]
        said, _ = recognizer.step(hop, WindowState(before))
        if clip.corpus == "panda4q":
            assert said.quadrants[0, -1].argmax() == clip.quadrant, clip.id
        else:
            rating = [said.valence[0, -1], said.arousal[0, -1]]
            assert rating == pytest.approx([clip.valence, clip.arousal], abs=0.2), clip.id


# -- in a session ----------------------------------------------------------------------------------


def test_it_runs_in_a_live_session(stem: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    command = ["live", "demo", "--model", str(stem), "--seconds", "4", "--speed", "max"]
    result = CliRunner().invoke(realtime_mer, [*command, "--jsonl", str(lines)])
    assert result.exit_code == 0, result.output
    estimates = [json.loads(line) for line in lines.read_text().splitlines()]
    estimates = [line for line in estimates if "valence" in line]
    assert len(estimates) == round(4 / load_recognizer(stem, "cpu").card.hop_s)
    for estimate in estimates:
        assert np.isclose(sum(estimate["quadrants"].values()), 1, atol=1e-3)
