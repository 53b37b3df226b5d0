"""``python -m training`` as a user meets it: splits, and mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from training.__main__ import app, main
from training.corpora import read_clips
from training.corpora.splits import kept_split
from training.learn.run import open_run


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return stopped.value.code


@pytest.mark.parametrize("name", ["training", "realtime_mer.training"])
def test_it_is_called_by_the_name_of_the_checkout_and_by_that_of_a_wheel(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", name, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert f"python -m {name}" in told
    assert "evaluate" in told


def test_a_split_is_drawn_once_and_checked_from_then_on(corpora_root: Path, tmp_path: Path) -> None:
    command = ["splits", str(tmp_path / "split.json"), "--data", str(corpora_root), "--json"]
    first = json.loads(CliRunner().invoke(app, [*command, "--folds", "3"]).stdout)
    kept = (tmp_path / "split.json").read_bytes()
    # Another seed draws nothing where a split lies.
    again = json.loads(CliRunner().invoke(app, [*command, "--seed", "9"]).stdout)
    assert (first["drawn"], again["drawn"]) == (True, False)
    assert first["folds"] == again["folds"]
    assert (tmp_path / "split.json").read_bytes() == kept
    assert sum(fold["clips"] for fold in first["folds"]) == 36
    assert sum(fold["by_corpus"]["grekow"] for fold in first["folds"]) == 12
    other = CliRunner().invoke(app, [*command, "--folds", "4"])
    assert isinstance(other.exception, InputError)
    assert "has 3 folds where 4" in str(other.exception)


def test_quadrants_too_rare_for_the_folds_are_told_of_with_the_split(
    corpora_root: Path, tmp_path: Path
) -> None:
    for folds, told in (("4", "fewer clips than the 4 folds"), ("3", None)):
        command = ["splits", str(tmp_path / folds), "--data", str(corpora_root), "--folds", folds]
        said = CliRunner().invoke(app, command).stdout
        assert said.count(told) == 1 if told else "fewer clips" not in said


def test_a_split_that_leaks_is_refused_by_the_command(corpora_root: Path, tmp_path: Path) -> None:
    clips = read_clips(corpora_root, ["panda4q"])
    path = tmp_path / "split.json"
    drawn = kept_split(path, clips, folds=2, seed=1)
    # The two songs of a singer are parted, and the file's hash is made to fit.
    moved = {**drawn.fold_of, "panda4q/MT0": 1 - drawn.fold_of["panda4q/MT0"]}
    leaky = type(drawn)(folds=2, seed=1, fold_of=moved)
    content = {"folds": 2, "seed": 1, "hash": leaky.hash, "fold_of": moved}
    path.write_text(json.dumps(content))
    command = ["splits", str(path), "--data", str(corpora_root), "--corpus", "panda4q"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InputError)
    assert "leaks" in str(refused.exception)


def test_a_run_uses_the_split_that_was_laid_into_its_folder(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    clips = read_clips(corpora_root)
    (tmp_path / "run").mkdir()
    own = kept_split(tmp_path / "run" / "split.json", clips, folds=2, seed=77)
    run = open_run(tmp_path / "run", clips, tiny_config)
    assert run.split == own
    assert run.provenance()["split_sha256"] == own.hash


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate", "--run", "{tmp}/none"], "is no run folder yet"),
        (["train", "--run", "{tmp}/new", "--config", "{tmp}/none.toml"], "cannot be read"),
        (["splits", "{tmp}/broken.json"], "is damaged"),
        (["splits", "{tmp}/no/such/folder/split.json"], "No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_happened(
    arguments: list[str],
    told: str,
    corpora_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "broken.json").write_text('{"folds": 5')
    filled = [each.format(tmp=tmp_path) for each in arguments]
    assert _call(monkeypatch, *filled, "--data", str(corpora_root)) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert told in line


def test_a_setting_that_does_not_exist_is_named(
    corpora_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "wrong.toml").write_text("[losses]\nquadrant = 1.0\n")
    places = ["--run", str(tmp_path / "new"), "--data", str(corpora_root)]
    code = _call(monkeypatch, "train", *places, "--config", str(tmp_path / "wrong.toml"))
    assert code == 1
    assert "losses.quadrant" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_teacher_that_is_not_there_is_a_mistake_and_no_traceback(
    corpora_root: Path,
    tiny_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny_config.write_text(tiny_config.read_text().replace("teacher = 0.0", "teacher = 1.0"))
    places = ["--run", str(tmp_path / "new"), "--data", str(corpora_root)]
    assert _call(monkeypatch, "train", *places, "--config", str(tiny_config)) == 1
    assert "name their folder by --teachers" in capsys.readouterr().err


def test_ctrl_c_says_that_what_was_finished_is_kept(
    corpora_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_root: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.corpora.listing.survey", interrupted)
    assert _call(monkeypatch, "corpora", "--data", str(corpora_root)) == 130
    assert "stopped: what was finished is kept" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["training", "realtime_mer.training"])
def test_without_the_training_extra_it_says_what_to_install(
    package: str, corpora_root: Path
) -> None:
    # A module that is None in sys.modules is one that is not installed.
    arguments = ["render", "--corpus", "vgmidi", "--data", str(corpora_root)]
    program = (
        "import runpy, sys; sys.modules['mido'] = None; "
        f"sys.argv = ['training', *{arguments}]; "
        f"runpy.run_module({package + '.__main__'!r}, run_name='__main__')"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True)
    assert done.returncode == 1
    assert "mido is not installed" in done.stderr
    assert "pip install 'realtime-mer[train]'" in done.stderr
    assert "Traceback" not in done.stderr


_HEAVY = {"torch", "torchaudio", "sklearn", "librosa", "scipy", "pandas", "matplotlib", "imblearn"}


_LIGHT = [
    "--help",
    "train --help",
    "papers --help",
    "report --run no/such/run --out here",
    "evaluate --run no/such/run",
    "export --run no/such/run --out here",
    "compare no/such/run",
    "train --run no/such/run",
    "train --run no/such/run --config no/such.toml",
    "train --jobs 0",
    "papers",
    "papers --all --protocol honest",
    "papers --export x --all",
    "papers --lyrics no/such.csv",
    "splits split.json --data no/such/folder",
    "train --run new --config pyproject.toml --data no/such/folder",
]


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[int, str, list[str]]]:
    """Each command's status, standard error, and what heavy was loaded by its end.

    One process for all: what none of them has loaded was loaded by no one of them.
    """
    program = f"""
import contextlib, io, json, sys
from training.__main__ import main

answers = []
for line in json.loads(sys.argv[1]):
    sys.argv = ["training", *line.split()]
    status = None
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code
    answers.append([status or 0, err.getvalue(), sorted({_HEAVY} & set(sys.modules))])
print(json.dumps(answers))
"""
    words = [sys.executable, "-c", program, json.dumps(_LIGHT)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(_LIGHT, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("line", _LIGHT)
def test_help_and_what_is_refused_at_once_load_nothing_heavy(
    line: str, answers: dict[str, tuple[int, str, list[str]]]
) -> None:
    status, err, loaded = answers[line]
    assert loaded == []
    assert (status == 0) == (err == "") == ("--help" in line)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (OSError("libtorch.so: undefined symbol: x"), "error: libtorch.so: undefined symbol: x"),
        (
            OSError(13, "Permission denied", "split.json"),
            "error: [Errno 13] Permission denied: 'split.json': see that there is room and access",
        ),
        (
            ImportError("libgomp.so.1: cannot open shared object file", name="torch"),
            "error: torch cannot be loaded: libgomp.so.1: cannot open shared object file; "
            "install it again",
        ),
    ],
)
def test_room_and_access_are_spoken_of_where_a_file_could_not_be_used_and_nowhere_else(
    problem: Exception,
    told: str,
    corpora_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(_root: Path) -> None:
        raise problem

    monkeypatch.setattr("training.corpora.listing.survey", fails)
    assert _call(monkeypatch, "corpora", "--data", str(corpora_root)) == 1
    assert capsys.readouterr().err.strip() == told
