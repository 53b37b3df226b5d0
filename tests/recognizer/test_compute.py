"""What is computed with: what was asked for where it can be had, and else what there is."""

import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.recognizer import compute
from realtime_mer.recognizer.compute import choose_compute, compute_on_one_thread
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.recognizer.reference import Recognizer
from tests.command_line import write_model


class Driver:
    """NVIDIA's driver as it answers where there are so many GPUs."""

    def __init__(self, gpus: int, *, status: int = 0) -> None:
        self._gpus, self._status = gpus, status

    def cuInit(self, _flags: int) -> int:
        return self._status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self._gpus
        return 0


@pytest.fixture
def with_driver(monkeypatch: pytest.MonkeyPatch) -> Callable[[Driver | None], None]:
    """Let a driver be installed, or none."""

    def install(driver: Driver | None) -> None:
        def load(_name: str) -> Driver:
            if driver is None:
                raise OSError("no such library")
            return driver

        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(ctypes, "CDLL", load)

    return install


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if PyTorch were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )


@pytest.mark.parametrize("driver", [None, Driver(0), Driver(1, status=100)])
def test_without_a_gpu_it_is_light(
    with_driver: Callable[[Driver | None], None], driver: Driver | None
) -> None:
    with_driver(driver)
    chosen = choose_compute("auto")
    assert (chosen.name, chosen.why) == ("light", "there is no NVIDIA GPU")


def test_on_a_system_without_nvidias_driver_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert choose_compute("auto").name == "light"


@pytest.mark.usefixtures("no_torch")
def test_a_gpu_without_torch_is_told_with_what_brings_it(
    with_driver: Callable[[Driver | None], None],
) -> None:
    with_driver(Driver(1))
    chosen = choose_compute("auto")
    assert chosen.name == "light"
    assert "pip install 'realtime-mer[gpu]'" in chosen.why


@pytest.mark.parametrize(("sees", "name"), [(True, "cuda"), (False, "light")])
def test_a_gpu_is_used_where_torch_can(
    with_driver: Callable[[Driver | None], None],
    monkeypatch: pytest.MonkeyPatch,
    sees: bool,
    name: str,
) -> None:
    with_driver(Driver(2))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: sees)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fast GPU")
    chosen = choose_compute("auto")
    assert chosen.name == name
    assert chosen.why.endswith("sees Fast GPU" if sees else "cannot use the NVIDIA GPU")


@pytest.mark.parametrize("asked", ["light", "torch", "cuda", "cuda:1"])
def test_what_was_asked_for_is_chosen(asked: str) -> None:
    assert choose_compute(asked).name == asked


@pytest.mark.parametrize("asked", ["auto", "cpu"])
def test_a_checkpoint_that_cannot_run_light_runs_on_torch(
    with_driver: Callable[[Driver | None], None], asked: str
) -> None:
    with_driver(None)
    assert choose_compute(asked, light=True).name == "light"
    chosen = choose_compute(asked, light=False)
    assert chosen.name == "torch"
    assert chosen.why.endswith("the checkpoint has no .onnx file")


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize(("asked", "light"), [("torch", True), ("cuda", True), ("cpu", False)])
def test_where_torch_is_needed_and_is_not_there_you_are_told_what_to_install(
    asked: str, light: bool
) -> None:
    with pytest.raises(InputError, match=r"needs PyTorch.*pip install 'realtime-mer\[gpu\]'"):
        choose_compute(asked, light=light)


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="'abacus'; use auto, light, torch or cuda"):
        choose_compute("abacus")


def test_a_recogniser_is_of_the_kind_that_was_asked_for(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    assert isinstance(load_recognizer(model, "light"), LightRecognizer)
    assert isinstance(load_recognizer(model, "cpu"), LightRecognizer)
    made = load_recognizer(model, "torch")
    assert isinstance(made, Recognizer)
    assert made.device.type == "cpu"


def test_a_checkpoint_without_the_file_runs_on_torch_and_says_why_it_cannot_run_light(
    tmp_path: Path,
) -> None:
    model = write_model(tmp_path, light=False)
    assert isinstance(load_recognizer(model, "cpu"), Recognizer)
    with pytest.raises(CheckpointError, match=r"field onnx_sha256.*python -m training onnx"):
        load_recognizer(model, "light")


def test_torch_computes_on_one_thread_where_it_is_loaded() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        compute_on_one_thread()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_choosing_imports_no_torch_where_there_is_no_gpu(tmp_path: Path) -> None:
    program = """
import sys
from realtime_mer.recognizer import compute
compute._DRIVERS = {}
from realtime_mer.recognizer.loading import load_recognizer
assert load_recognizer().compute == "light"
print(*sorted(sys.modules.keys() & {"torch", "torchaudio", "onnx", "scipy"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == []
    assert compute._DRIVERS  # what the program emptied is there
