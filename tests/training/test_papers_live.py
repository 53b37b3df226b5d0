"""The papers' systems as checkpoints that run live."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from realtime_mer.cli import app as realtime_mer
from realtime_mer.recognizer import load_recognizer
from training import __main__ as command_line
from training.papers.live import WindowRecognizer

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
def recognizer(stem: Path) -> WindowRecognizer:
    loaded = load_recognizer(stem, device="cpu")
    assert isinstance(loaded, WindowRecognizer)
    return loaded


def _sound(seconds: float, rate: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(1, round(seconds * rate), generator=generator)


def test_a_card_says_what_the_checkpoint_is_and_is_not(stem: Path) -> None:
    card = json.loads(stem.with_suffix(".json").read_text())
    assert card["architecture"] == "papers"
    assert "Not calibrated" in card["description"]
    assert {corpus["name"] for corpus in card["corpora"]} == {"emotify", "panda4q", "grekow"}
    assert all(corpus["licence"] for corpus in card["corpora"])


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 150_000), max_size=4))
def test_whatever_pieces_arrive_the_estimates_are_those_of_the_whole(
    recognizer: WindowRecognizer, cuts: list[int]
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
        parts = torch.cat([getattr(piece, name) for piece in pieces], 1)
        assert torch.allclose(parts, getattr(whole, name), atol=1e-4), name


def test_an_estimate_never_looks_at_what_comes_after(recognizer: WindowRecognizer) -> None:
    sound = _sound(4.0, recognizer.sample_rate)
    other = sound.clone()
    other[:, 3 * recognizer.sample_rate :] = 0.0
    heard = 3 * recognizer.sample_rate // recognizer.hop_samples
    for name in FIELDS:
        one, two = (getattr(recognizer.run(each), name)[:, :heard] for each in (sound, other))
        assert torch.equal(one, two), name


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
