"""Whatever computes hops does so with one thread: more would only wait for one another."""

import signal
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from realtime_mer.bench.hops import load_runtimes
from realtime_mer.library.workers import _work
from tests.command_line import call, noise, write_model, write_sound


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Compute with two threads, as a library would that was asked for nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "command", [("live", "--speed", "max", "--no-window"), ("analyze", "--summary")]
)
def test_sound_is_heard_with_one_thread(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_sound(tmp_path / "song.wav", noise(1))
    name, *options = command
    assert call(capsys, name, song, "--model", write_model(tmp_path), *options).code == 0
    assert torch.get_num_threads() == 1


def test_a_library_is_worked_out_with_one_thread_a_process(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    ours.close()  # nobody asks for anything
    before = signal.getsignal(signal.SIGINT)
    try:
        _work(theirs, str(write_model(tmp_path)), "cpu")
    finally:
        signal.signal(signal.SIGINT, before)
    assert torch.get_num_threads() == 1


def test_the_bench_measures_what_one_thread_does(tmp_path: Path) -> None:
    assert load_runtimes(str(write_model(tmp_path))).keys() == {"light", "torch"}
    assert torch.get_num_threads() == 1
