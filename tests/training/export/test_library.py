"""A committee that ships: what its file says, and what its card tells of it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from numpy.typing import NDArray
from scipy.special import logit, softmax
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from realtime_mer.model.committee import CommitteeCard, read_committee
from realtime_mer.model.files import find_checkpoint
from realtime_mer.recognizer.committee import CommitteeRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from tests.networks import light_recognizer
from tests.training.conftest import TINY as RUN
from tests.training.made_committee import (
    CALIBRATION,
    RATE,
    TOGETHER,
    TURN,
    WINDOW,
    committee,
    network,
    seated,
    student,
)
from tests.training.made_committee import networks as made_networks
from tests.training.made_corpora import made_sounds
from tests.training.made_teacher import tagger_arrays, teacher_arrays
from training.__main__ import app
from training.export.committee import committee_file
from training.features import tagger, teacher
from training.features.tagger import EMBEDDING, MUSIC, Tagger
from training.features.teacher import MusiCNN
from training.features.teachers import COMMITTEE, music_logits
from training.judge.committee import Turn, fit_turn
from training.judge.lean import OF_MEAN, leaning_point, leaning_quadrants
from training.judge.music_prior import Verdict
from training.judge.rescale import rescaled
from training.learn.committee import AFFECT, GEMS, QUADRANT

TINY = """
name = "tiny"
folds = 6
corpora = ["emotify", "panda4q", "grekow"]
"""


TRAINED = (
    'also = ["not_music"]\n'
    + RUN.replace('"tiny"', '"level"')
    .replace("folds = 2", "folds = 6")
    .replace("shares = {", "shares = { not_music = 1.0,")
    .replace("teacher = 0.0", "teacher = 0.0\nmusic = 1.0")
    .replace("[network]", "[network]\nmusic = true")
    + "[level]\nusual_dbfs = -12.0\nfree_db = 3.0\n"
)


def _rows(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the made teachers say of windows, in torch."""
    rows = []
    networks = made_networks()
    with torch.inference_mode():
        for name in COMMITTEE:
            network = networks[name]
            rate = tagger.SAMPLE_RATE if isinstance(network, Tagger) else teacher.SAMPLE_RATE
            sound = torch.from_numpy(np.stack([soxr.resample(one, RATE, rate) for one in windows]))
            if isinstance(network, MusiCNN):
                rows.append(network(network.mel(sound)[:, : teacher.WINDOW_FRAMES]))
            else:
                heard = network(network.mel(sound))
                rows += [heard.hidden, heard.logits]
    said: NDArray[np.float32] = torch.cat(rows, 1).numpy()
    return said


def test_a_file_says_what_its_committee_says_of_what_the_teachers_hear_in_torch() -> None:
    random = np.random.default_rng(3)
    tone = np.sin(2 * np.pi * 330 * np.arange(WINDOW) / RATE)
    windows = [gain * random.standard_normal(WINDOW) + gain * tone for gain in (0.02, 0.1, 0.3)]
    heard = np.stack(windows).astype(np.float32)
    said = CommitteeRecognizer(*network()).windowed(heard)[0]
    rows = _rows(heard)
    right = committee().votes([row[np.newaxis] for row in rows]).mean(0)
    point = np.stack((said.valence[:, 0], said.arousal[:, 0]), axis=1)
    np.testing.assert_allclose(point, np.clip(right[:, AFFECT], -1, 1), atol=1e-3)
    np.testing.assert_allclose(said.gems[:, 0], np.clip(right[:, GEMS], 0, 1), atol=1e-3)
    cooled = right[:, QUADRANT] ** (1 / CALIBRATION.quadrant_temperature)
    cooled /= cooled.sum(1, keepdims=True)
    np.testing.assert_allclose(said.quadrants[:, 0], cooled, atol=1e-3)
    logits = music_logits(COMMITTEE, rows)
    np.testing.assert_allclose(logits, rows[:, teacher.EMBEDDING + EMBEDDING + MUSIC])
    np.testing.assert_allclose(said.music[:, 0], TURN(logits[:, None]), atol=1e-3)
    assert np.ptp(point, axis=0).min() > 0.05  # the windows are told apart
    assert np.ptp(logits) > 0.01


def test_with_a_network_in_it_a_file_says_the_mean_of_both_each_leaning_on_the_other() -> None:
    random = np.random.default_rng(5)
    heard = 0.1 * random.standard_normal((3, WINDOW)).astype(np.float32)
    heard *= np.array([0.1, 1.0, 3.0], np.float32)[:, None]
    own = student()
    network_said = light_recognizer(own.checkpoint).run(heard)
    alone = CommitteeRecognizer(*network()).windowed(heard)[0]

    def mean(name: str) -> NDArray[np.float32]:
        shares = getattr(alone, name)[:, -1]
        if name == "quadrants":  # the file has cooled them
            shares = shares**CALIBRATION.quadrant_temperature
            shares = shares / shares.sum(1, keepdims=True)
        both: NDArray[np.float32] = (shares + getattr(network_said, name)[:, -1]) / 2
        return both

    lean = own.rescaling["lean"]
    quadrants = mean("quadrants")
    point = np.stack((mean("valence"), mean("arousal")), 1)
    point = leaning_point(point, quadrants, lean, pull=OF_MEAN)
    for at, axis in enumerate(("valence", "arousal")):
        point[:, at] = rescaled(point[:, at], own.rescaling[axis])
    shares = leaning_quadrants(point, quadrants, lean, pull=OF_MEAN)
    logits = np.log(shares) / CALIBRATION.quadrant_temperature
    said = CommitteeRecognizer(*seated()).windowed(heard)[0]
    np.testing.assert_allclose(said.valence[:, 0], point[:, 0], atol=1e-4)
    np.testing.assert_allclose(said.arousal[:, 0], point[:, 1], atol=1e-4)
    np.testing.assert_allclose(said.quadrants[:, 0], softmax(logits, 1), atol=1e-4)
    np.testing.assert_allclose(said.gems[:, 0], mean("gems"), atol=1e-4)
    np.testing.assert_allclose(
        said.valence_sd[:, 0], CALIBRATION.hop_valence * network_said.valence_sd[:, -1], rtol=1e-4
    )
    np.testing.assert_allclose(
        said.arousal_sd[:, 0], CALIBRATION.hop_arousal * network_said.arousal_sd[:, -1], rtol=1e-4
    )
    np.testing.assert_allclose(said.familiar[:, 0], network_said.familiar[:, -1], atol=1e-4)
    assert np.isnan(alone.familiar).all()
    tagger_said = (logit(alone.music[:, 0]) - TURN.shift) / TURN.tagger
    both = np.column_stack((tagger_said, logit(network_said.music[:, -1])))
    np.testing.assert_allclose(said.music[:, 0], TOGETHER(both), atol=1e-4)
    assert np.abs(said.music - alone.music).max() > 0.02
    assert np.abs(said.valence - alone.valence).max() > 0.02  # the network has a say


def test_without_the_tagger_nobody_tells_whether_music_sounds() -> None:
    with pytest.raises(InputError, match="musicnn cannot tell whether music sounds"):
        music_logits(["musicnn"], np.zeros((1, 200), np.float32))


# -- whether music sounds --------------------------------------------------------------------------


def _heard(logits: NDArray[np.floating], *, music: bool) -> Verdict:
    return Verdict(
        key=str(music),
        kind="music",
        synthetic=False,
        truth=np.full(len(logits), float(music)),
        stream=logits.astype(np.float32).reshape(len(logits), -1),
    )


def test_a_tagger_that_is_slow_to_be_sure_is_turned_so_that_half_is_where_it_is_not_known() -> None:
    random = np.random.default_rng(0)
    # Much more of the one than of the other: what is likelier by number alone must not count.
    music, none = random.normal(1.0, 1.0, 6000), random.normal(-3.0, 1.0, 600)
    turn = fit_turn([_heard(music, music=True), _heard(none, music=False)])
    assert turn(np.array([[-1.0]])) == pytest.approx(0.5, abs=0.1)
    # Two normal distributions of one width: the logit rises by their distance over its square.
    assert (turn.tagger, turn.network) == (pytest.approx(4.0, rel=0.2), 0.0)
    assert (turn(none[:, None]) < 0.4).mean() > 0.9
    assert (turn(music[:, None]) < 0.4).mean() < 0.05


def test_of_two_who_tell_each_counts_by_how_much_it_knows() -> None:
    random = np.random.default_rng(1)
    apart = np.array([1.0, 3.0])  # means of either side, whose spread is 1
    music, none = (sign * apart + random.standard_normal((4000, 2)) for sign in (1, -1))
    turn = fit_turn([_heard(music, music=True), _heard(none, music=False)])
    assert (turn.tagger, turn.network) == pytest.approx(tuple(2 * apart), rel=0.25)
    alone = fit_turn([_heard(music[:, :1], music=True), _heard(none[:, :1], music=False)])
    assert (turn(none) < 0.2).mean() > (alone(none[:, :1]) < 0.2).mean() + 0.05


def test_a_network_that_is_not_there_cannot_tell() -> None:
    with pytest.raises(InputError, match="no network sits in the committee"):
        committee_file(committee(), made_networks(), CommitteeCard(name="made"), turn=TOGETHER)


def test_nothing_but_music_turns_nothing() -> None:
    with pytest.raises(InputError, match="must have heard music, and what is none"):
        fit_turn([_heard(np.zeros(3), music=True)])


def test_a_word_that_is_not_turned_is_the_tagger_s_own() -> None:
    logits = np.array([[0.0], [100.0], [-100.0]])
    np.testing.assert_allclose(Turn()(logits), [0.5, 1.0, 0.0], atol=1e-6)


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(corpora_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a checkpoint that the command wrote, its settings and its data."""
    folder = tmp_path_factory.mktemp("library")
    root = folder / "data"
    root.mkdir()
    for corpus in ("emotify", "panda4q", "grekow"):
        (root / corpus).symlink_to(corpora_root / corpus)
    (root / "teachers").mkdir()
    np.savez(root / "teachers" / "msd_musicnn.npz", **teacher_arrays())
    np.savez(root / "teachers" / "audioset_mn04.npz", **tagger_arrays())
    (folder / "tiny.toml").write_text(TINY)
    return folder


def _ship(made: Path, *more: str) -> tuple[int, str]:
    options = more or ("--config", str(made / "tiny.toml"), "--out", str(made / "few"))
    return _done(made, "committee", *options, "--resamples", "20")


def _done(made: Path, command: str, *options: str) -> tuple[int, str]:
    places = ["--data", str(made / "data"), "--cache", str(made / "cache")]
    done = CliRunner().invoke(app, [command, *options, *places])
    return done.exit_code, f"{done.output}{done.exception or ''}"


def test_the_command_writes_a_checkpoint_whose_card_tells_all(made: Path) -> None:
    code, told = _ship(made)
    assert code == 1
    assert "no not_music/clips.csv in" in told
    made_sounds(made / "data" / "not_music", artists=("Singer 0", "The Singer-5"))
    code, told = _ship(made)
    assert code == 0, told
    card = json.loads((made / "few.json").read_text())
    corpora = {entry["name"]: entry for entry in card["corpora"]}
    assert set(corpora) == {
        *("emotify", "panda4q", "grekow", "not_music"),
        *("MSD-MusiCNN", "EfficientAT mn04"),
    }
    assert corpora["MSD-MusiCNN"]["licence"] == "ISC"
    assert corpora["EfficientAT mn04"]["licence"].startswith("MIT")
    assert "MSD-MusiCNN: ISC; EfficientAT mn04: MIT" in card["weights_licence"]
    metrics = {(row["data"], row["metric"]): row for row in card["metrics"]}
    judged = metrics["panda4q", "macro-F1"]
    assert (judged["n"], len(judged["folds"])) == (12, 6)
    assert "6 of 6 grouped folds" in judged["protocol"]
    assert "each window of 3 s by itself" in judged["protocol"]
    assert 0 <= judged["baseline"] < 1
    assert "MSD-MusiCNN and EfficientAT mn04" in card["description"]
    coverage = metrics["grekow", "coverage of the 90% interval, hop arousal"]
    assert 0.5 < coverage["value"] <= 1
    telling = metrics["music and not_music", "AUC music, clips that are wholly one or the other"]
    assert 0 <= telling["value"] <= 1
    assert card["training"]["music"]["network"] == 0
    assert set(card["training"]["teachers_sha256"]) == set(COMMITTEE)
    recognizer = load_recognizer(made / "few")
    said = recognizer.run((0.1 * np.ones((1, RATE))).astype(np.float32))
    deviation = card["calibration"]["hop_valence"]
    np.testing.assert_allclose(said.valence_sd, deviation, rtol=1e-5)
    assert not (made / "few.safetensors").exists()


@pytest.mark.slow
def test_the_network_of_a_run_sits_in_a_committee(made: Path) -> None:
    made_sounds(made / "data" / "not_music", artists=("Singer 0", "The Singer-5"))
    (made / "level.toml").write_text(TRAINED)
    run = str(made / "run")
    for command, *options in (
        ("train", "--run", run, "--config", str(made / "level.toml")),
        ("evaluate", "--run", run, "--resamples", "20"),
    ):
        code, told = _done(made, command, *options)
        assert code == 0, told
    code, told = _ship(made, "--run", run, "--out", str(made / "seat"))
    assert code == 0, told
    card = json.loads((made / "seat.json").read_text())
    assert "MSD-MusiCNN and EfficientAT mn04: ridge" in card["description"]
    assert "the network of level" in card["description"]
    assert card["level"]["usual_dbfs"] == -12.0
    told_of = card["training"]["network"]
    assert told_of["name"] == "level"
    assert {"valence", "arousal", "lean", "config_sha256"} <= set(told_of)
    assert card["training"]["music"]["network"] != 0  # both tell whether music sounds
    random = np.random.default_rng(0)
    said = load_recognizer(made / "seat").run(
        (np.linspace(0.01, 0.3, 4 * RATE) * random.standard_normal((1, 4 * RATE))).astype(
            np.float32
        )
    )
    assert np.ptp(said.valence_sd) > 0  # the network's, not one number
    code, told = _ship(made, "--run", run, "--config", "x", "--out", str(made / "seat"))
    assert code == 1
    assert "give --run or --config, not both" in told


# -- what ships ------------------------------------------------------------------------------------


def test_the_page_tells_the_figures_of_the_card_that_ships() -> None:
    card, _ = read_committee(find_checkpoint("library"))
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    _, _, section = page.partition("\n### A committee that ships\n")
    rows = {(row["data"], row["metric"]): row for row in card.metrics}
    told = re.findall(
        r"^\| (\w+) \| ([^|]+) \| ([-.\d]+) \| ([.\d]+) – ([.\d]+) \| ([ .\d]+) "
        r"\| ([-.\d]+) \| (\d+) \|",
        section.partition("\n### ")[0],
        re.MULTILINE,
    )
    assert len(told) == 6
    for data, metric, value, low, high, folds, baseline, n in told:
        row = rows[data, metric]
        said = [float(number) for number in (value, low, high, baseline, *folds.split())]
        names = ("value", "low", "high", "baseline")
        assert said == pytest.approx([*(row[name] for name in names), *row["folds"]], abs=6e-4)
        assert int(n) == row["n"]
    told_music = re.search(
        r"Of windows without\s+music ([\d.]+) % .* music it is ([\d.]+) %", section
    )
    assert told_music
    names = ("share of not-music below 0.2", "share of music below 0.2")
    shares = [100 * rows["music and not_music", name]["value"] for name in names]
    assert [float(share) for share in told_music.groups()] == pytest.approx(shares, abs=0.06)
