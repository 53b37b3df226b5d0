"""The wheel, where nothing but it and what is locked is installed, does what the checkout does."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import _lock
import _proof
import _setup
import pytest
import soundfile

import realtime_mer
from realtime_mer.audio.demo import compose

RATE = 24_000
SECONDS = 8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling", reason="scripts/test.py installs it")
    return _proof.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Iterator[_proof.Environment]:
    """An environment with what running needs, locked, and the wheel."""
    made = _proof.Environment(tmp_path_factory.mktemp("environment") / "venv")
    made.install_locked(["run"])
    made.install("--no-deps", wheel)
    yield made
    shutil.rmtree(made.folder)  # it holds gigabytes, though mostly as hard links


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, compose(sample_rate=RATE)[: SECONDS * RATE], RATE)
    return path


def test_the_wheel_claims_no_name_but_its_own(wheel):
    names = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"realtime_mer"}


def test_it_analyses_a_file_as_the_checkout_does(environment, song, tmp_path):
    estimates = environment.analyze(song, cwd=tmp_path)
    expected = realtime_mer.analyze(song).estimates
    assert len(estimates) == SECONDS * 10
    assert [estimate["status"] for estimate in estimates] == [here.status for here in expected]
    for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
        assert [estimate[name] for estimate in estimates] == pytest.approx(
            [getattr(here, name) for here in expected], abs=1e-4
        )


def test_it_runs_from_where_it_was_installed_and_finds_all_that_it_requires(environment, tmp_path):
    code = (
        "import importlib.metadata as m, pathlib, realtime_mer;"
        "print(pathlib.Path(realtime_mer.__file__).parent.parent);"
        "print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
    )
    place, names = environment.run("-c", code, cwd=tmp_path).splitlines()
    assert Path(place).is_relative_to(environment.folder)
    locked = {pin.name for pin in _lock.needed(_setup.fitting_lock(), ["run"])}
    assert set(names.split()) - {"pip", "setuptools", "realtime-mer"} <= locked
    environment.check(cwd=tmp_path)
