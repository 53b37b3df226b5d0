"""A checkpoint is loaded by whoever makes its kind, and where nobody does you are told why."""

import json
import sys
from pathlib import Path

import pytest

from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.recognizer.compute import choose_compute
from realtime_mer.recognizer.loading import KINDS, load_recognizer
from realtime_mer.recognizer.reference import Recognizer
from tests.command_line import write_model
from tests.networks import SMALL

MODULE = "made_up_kind"


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    """The files of a checkpoint of the kind ``made-up``."""
    stem = write_model(tmp_path).with_suffix("")
    _rewrite(stem, architecture="made-up")
    return stem


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that brings the kind ``made-up``; the module of it is to be written."""
    site = tmp_path / "site"
    metadata = site / f"{MODULE}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{KINDS}]\nmade-up = {MODULE}:load\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    return site / f"{MODULE}.py"


def _rewrite(stem: Path, **fields: str) -> None:
    card = Path(f"{stem}.json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **fields}))


def test_the_default_recogniser_is_the_default_checkpoint_wherever_it_runs_best() -> None:
    recognizer = load_recognizer()
    assert recognizer.compute == choose_compute("auto").name
    assert recognizer.card == Recognizer.load("default", "cpu").card


def test_a_checkpoint_of_the_reference_kind_needs_nobody_else(tmp_path: Path) -> None:
    recognizer = load_recognizer(write_model(tmp_path), "torch")
    assert isinstance(recognizer, Recognizer)
    assert recognizer.card.network == SMALL
    assert recognizer.device.type == "cpu"
    with pytest.raises(InputError, match="abacus"):
        load_recognizer(write_model(tmp_path), "abacus")


def test_the_package_that_brings_a_kind_is_given_the_files_and_the_device(
    stem: Path, installed: Path
) -> None:
    installed.write_text("def load(stem, compute):\n    return stem, compute\n")
    assert load_recognizer(f"{stem}.json", "cuda:1") == (stem, "cuda:1")
    assert load_recognizer(stem) == (stem, "auto")


@pytest.mark.parametrize(
    ("requires", "advice"),
    [("", "Install the package it came with."), ("kinds[all]", "Install kinds[all].")],
)
@pytest.mark.usefixtures("installed")
def test_of_a_kind_that_is_not_installed_you_are_told_what_there_is_and_what_to_install(
    stem: Path, requires: str, advice: str
) -> None:
    _rewrite(stem, architecture="unheard-of", requires=requires)
    with pytest.raises(CheckpointError) as caught:
        load_recognizer(stem)
    told = str(caught.value)
    assert told.startswith(
        f"{stem}.json: field architecture: no 'unheard-of' is installed; there are: cnn-lstm, "
    )
    assert "made-up" in told.partition("there are: ")[2].partition(". ")[0].split(", ")
    assert told.endswith(f". {advice}")


def test_of_a_kind_that_cannot_start_you_are_told_why(stem: Path, installed: Path) -> None:
    installed.write_text("import nothing_of_that_name\n")
    with pytest.raises(CheckpointError) as caught:
        load_recognizer(stem)
    assert str(caught.value) == (
        f"{stem}.json: a recogniser 'made-up' cannot start: No module named "
        "'nothing_of_that_name'. Install the package it came with."
    )


@pytest.mark.parametrize(
    ("module", "fault"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("", f"AttributeError: module '{MODULE}' has no attribute 'load'"),
        ("def load(stem, compute):\n    raise KeyError('x')\n", "KeyError: 'x'"),
    ],
)
def test_of_a_kind_that_breaks_you_are_told_what_and_whose_it_is(
    stem: Path, installed: Path, module: str, fault: str
) -> None:
    installed.write_text(module)
    with pytest.raises(CheckpointError) as caught:
        load_recognizer(stem)
    assert str(caught.value) == (
        f"{stem}.json: the recogniser 'made-up' ({MODULE}:load) has a fault: {fault}. Tell whoever "
        "wrote it."
    )
