"""Every system of the papers that is causal comes back from its file as it was."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from realtime_mer.training.papers.live import (
    Head,
    HeadCard,
    PapersCard,
    PapersRecognizer,
    tensors_of,
    view_of,
)
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from realtime_mer.emotion import GEMS
from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.estimate import Status
from realtime_mer.model.card import Calibration
from realtime_mer.model.checkpoint import save_files
from realtime_mer.recognizer import loading as product
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from tests.networks import random_checkpoint
from training import __main__ as command_line
from training.corpora import Clip, read_clips
from training.papers.export import export
from training.papers.systems.registry import SYSTEMS, find_system
from training.papers.systems.system import (
    Arrays,
    Effort,
    Part,
    System,
    Task,
    Tensors,
    Training,
    labels_of,
)
from training.papers.trials.corpora import default_split
from training.papers.trials.options import TrialOptions
from training.papers.trials.rows import run_row

CAUSAL = [system for system in SYSTEMS if system.not_live is None]
SEGMENTS = 18


def made_segments(system: System) -> Arrays:
    """What the system hears of noise in several colours and levels."""
    generator = np.random.default_rng(0)
    rows = []
    for n in range(SEGMENTS):
        noise = generator.standard_normal(system.view.samples).astype(np.float32)
        coloured = noise + (n % 4) / 3 * np.roll(noise, 1)
        rows.append(system.view.compute((0.02 + 0.01 * n) * coloured))
    return {name: np.stack([row[name] for row in rows], dtype=np.float32) for name in rows[0]}


def learnt(system: System, arrays: Arrays, task: Task) -> Head:
    """A head that learnt for two steps from made labels."""
    labels: NDArray[Any] = np.arange(SEGMENTS) % len(labels_of(task))
    if task == "affect":
        labels = np.linspace(-0.5, 0.5, 2 * SEGMENTS, dtype=np.float32).reshape(SEGMENTS, 2)
    prepared = None if system.prepare is None else system.prepare(arrays, labels)
    part = Part(
        arrays=arrays if prepared is None else prepared(arrays),
        labels=labels,
        groups=np.array([str(n) for n in range(SEGMENTS)]),
    )
    effort = Effort(epochs=1, most_steps=2)
    fitted = system.fit(Training(train=part, validation=part, task=task, effort=effort))
    shares = np.full((9, 9), 0.1) + 0.5 * np.eye(9) if task == "gems" else None
    return Head(prepared=prepared, fitted=fitted, shares=shares)


def card_of(system: System, heads: Mapping[Task, Head], **changes: Any) -> PapersCard:
    cards = {
        task: HeadCard(
            corpus="made",
            clips=SEGMENTS,
            segments=SEGMENTS,
            parameters=head.fitted.parameters,
            affect_sd=(0.3, 0.4) if task == "affect" else None,
        )
        for task, head in heads.items()
    }
    settings: dict[str, Any] = {
        "name": system.name,
        "system": system.name,
        "view": view_of(system.view),
        "window_s": system.view.seconds,
        "hop_s": 0.5,
        "heads": cards,
    }
    return PapersCard(**(settings | changes))


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a checkpoint of a system with heads for these tasks."""
    arrays: dict[str, Arrays] = {}

    def checkpoint(name: str, tasks: tuple[Task, ...], **changes: Any) -> Path:
        system = find_system(name)
        if name not in arrays:
            arrays[name] = made_segments(system)
        heads = {task: learnt(system, arrays[name], task) for task in tasks}
        stem = tmp_path_factory.mktemp("checkpoint") / name
        save_files(stem, tensors_of(heads), card_of(system, heads, **changes))
        return stem

    return checkpoint


@pytest.fixture
def parisi(write: Callable[..., Path], tmp_path: Path) -> Path:
    """The stem of a whole checkpoint that a test may spoil."""
    stem = write("parisi", ("quadrants",))
    for suffix in (".json", ".safetensors"):
        shutil.copy(f"{stem}{suffix}", tmp_path)
    return tmp_path / "parisi"


def change_card(stem: Path, **fields: Any) -> None:
    path = stem.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def noise(recognizer: PapersRecognizer, seconds: float, *, batch: int = 1) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    shape = (batch, round(seconds * recognizer.sample_rate))
    return np.float32(0.1) * rng.standard_normal(shape, np.float32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "of one system"),
        (["--system", "svm", "--system", "cnn"], "of one system"),
        (["--system", "orjesek"], "orjesek cannot run live: the backward half"),
        (["--system", "yakovyna", "--corpus", "grekov"], "unknown corpus 'grekov'"),
    ],
)
def test_an_export_that_cannot_be_made_is_refused_before_anything_is_learnt(
    corpora_root: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    options = ["--export", str(tmp_path / "new" / "some"), "--data", str(corpora_root)]
    result = CliRunner().invoke(command_line.app, ["papers", *arguments, *options])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not list(tmp_path.glob("**/some*"))


def test_an_export_into_a_file_s_place_is_refused(corpora_root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = ["--export", str(tmp_path / "file" / "some"), "--data", str(corpora_root)]
    result = CliRunner().invoke(command_line.app, ["papers", "--system", "svm", *options])
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)


def _exported(system: System, clips: Sequence[Clip], options: TrialOptions) -> PapersCard:
    """Export a system that learnt Grekow's clips, beside the records in a folder."""
    return export(system, {"grekow": clips}, options.records / "some", options=options)


@pytest.mark.slow
def test_metrics_and_sd_come_from_the_record_of_the_same_recipe_and_from_no_other(
    corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    system = find_system("parisi")
    system = replace(system, tasks=("affect",))
    clips = read_clips(corpora_root, ["grekow"])
    split = default_split(corpora_root, clips)
    options = TrialOptions(epochs=1, most_steps=2, resamples=5, records=tmp_path, cache=cache_root)
    record = run_row(system, clips, "grouped", split, options)
    assert record is not None

    card = _exported(system, clips, options)
    assert [row["value"] for row in card.metrics] == [row["value"] for row in record.metrics]
    assert {row["protocol"].split(":")[0] for row in card.metrics} == {"grouped"}
    assert all({"n", "baseline", "low", "high"} <= row.keys() for row in card.metrics)
    errors = [
        np.array(said) - (clip.valence, clip.arousal)
        for clip in clips
        for said in record.predictions[clip.id]
    ]
    assert card.heads["affect"].affect_sd == pytest.approx(np.sqrt(np.mean(np.square(errors), 0)))
    other = _exported(system, clips, replace(options, most_steps=1))
    assert other.metrics == []
    prior = other.calibration
    assert other.heads["affect"].affect_sd == (prior.prior_valence_sd, prior.prior_arousal_sd)
    assert prior.prior_valence_sd == pytest.approx(0.6)


@pytest.mark.slow
def test_of_a_head_that_learnt_from_repeated_clips_the_table_tells_nothing(
    corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    system = replace(find_system("svm"), tasks=("affect",))
    clips = read_clips(corpora_root, ["grekow"])
    split = default_split(corpora_root, clips)
    options = TrialOptions(resamples=5, records=tmp_path, cache=cache_root)
    assert run_row(system, clips, "grouped", split, options) is not None

    card = _exported(system, clips, options)
    assert card.heads["affect"].repeated == len(clips)
    assert card.metrics == []
    prior = card.calibration
    assert card.heads["affect"].affect_sd == (prior.prior_valence_sd, prior.prior_arousal_sd)
    assert "repeated" in card.description


# -- what comes back -------------------------------------------------------------------------------


def test_a_system_can_be_restored_or_says_why_it_cannot_run_live() -> None:
    for system in SYSTEMS:
        assert (system.restore is None) == (system.not_live is not None), system.name


@pytest.mark.slow
@pytest.mark.parametrize("system", CAUSAL, ids=lambda system: system.name)
def test_every_causal_system_says_the_same_after_it_was_written_and_read(
    system: System, tmp_path: Path
) -> None:
    arrays = made_segments(system)
    heads = {task: learnt(system, arrays, task) for task in system.tasks}
    save_files(tmp_path / "some", tensors_of(heads), card_of(system, heads))
    loaded = load_recognizer(tmp_path / "some", "cpu")
    assert isinstance(loaded, PapersRecognizer)
    assert loaded.heads.keys() == heads.keys()
    for task, head in heads.items():
        np.testing.assert_allclose(
            loaded.heads[task].predict(arrays), head.predict(arrays), atol=1e-6
        )
        assert loaded.heads[task].fitted.parameters == head.fitted.parameters


def test_one_hop_is_what_the_system_says_of_that_window_as_a_segment(
    write: Callable[..., Path],
) -> None:
    recognizer = load_recognizer(write("parisi", ("quadrants", "gems", "affect")))
    view = find_system("parisi").view
    sound = noise(recognizer, 8.0)
    last = recognizer.run(sound)
    arrays = {
        name: values[None] for name, values in view.compute(sound[0, -view.samples :]).items()
    }
    said = {task: head.predict(arrays)[0] for task, head in recognizer.heads.items()}
    np.testing.assert_allclose(last.quadrants[0, -1], said["quadrants"], atol=1e-6)
    assert [last.valence[0, -1], last.arousal[0, -1]] == pytest.approx(said["affect"], abs=1e-6)
    assert float(last.valence_sd[0, -1]) == pytest.approx(0.3)
    assert float(last.arousal_sd[0, -1]) == pytest.approx(0.4)
    np.testing.assert_allclose(last.gems[0, -1], 0.1 + 0.5 * said["gems"], atol=1e-6)


@dataclass(frozen=True)
class Rater:
    """A ``Fitted`` that says the same of every window."""

    rating: tuple[float, float]
    parameters: int = 2

    def predict(self, arrays: Arrays) -> NDArray[np.floating[Any]]:
        return np.tile(self.rating, (len(arrays["mel"]), 1))

    def tensors(self) -> Tensors:
        return {"rating": np.array(self.rating)}


@pytest.mark.parametrize(
    ("rating", "expected", "sd"),
    [
        ((0.9, -1.0), (0.9, -1.0), (0.3, 0.4)),
        ((1.4, -1.3), (1.0, -1.0), (0.5, 0.5)),
        ((-4.8, 6.0), (-1.0, 1.0), (1.0, 1.0)),
    ],
)
def test_a_rating_beyond_the_scale_is_cut_off_and_is_the_less_sure_the_more_was_cut(
    rating: tuple[float, float], expected: tuple[float, float], sd: tuple[float, float]
) -> None:
    system = find_system("parisi")
    heads: dict[Task, Head] = {"affect": Head(prepared=None, fitted=Rater(rating))}
    recognizer = PapersRecognizer(card_of(system, heads), heads, system.view.compute)
    told = recognizer.run(noise(recognizer, 1.0))
    assert [told.valence[0, -1], told.arousal[0, -1]] == pytest.approx(expected)
    assert [told.valence_sd[0, -1], told.arousal_sd[0, -1]] == pytest.approx(sd)


# -- what no head gives ----------------------------------------------------------------------------


def test_without_ratings_valence_and_arousal_are_what_the_quadrants_tell_of_their_signs(
    write: Callable[..., Path],
) -> None:
    prior = Calibration(prior_valence_sd=0.4, prior_arousal_sd=0.6, prior_gems=(0.3,) * 9)
    recognizer = load_recognizer(write("parisi", ("quadrants",), calibration=prior))
    said = recognizer.run(noise(recognizer, 3.0))
    q1, q2, q3, q4 = np.moveaxis(said.quadrants, -1, 0)
    # The mean size of a Gaussian with sd s is s times the square root of 2 / pi.
    near = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    near(said.valence, 0.4 * 0.79788456 * (q1 + q4 - q2 - q3))
    near(said.arousal, 0.6 * 0.79788456 * (q1 + q2 - q3 - q4))
    near(said.valence**2 + said.valence_sd**2, np.full_like(said.valence, 0.16))
    assert (said.gems == np.float32(0.3)).all()


def test_with_gems_alone_all_else_is_the_prior(write: Callable[..., Path]) -> None:
    recognizer = load_recognizer(write("parisi", ("gems",)))
    said = recognizer.run(noise(recognizer, 1.0))
    assert (said.quadrants == 0.25).all()
    assert (said.valence == 0).all()
    assert (said.valence_sd == 0.5).all()
    assert said.gems.shape[-1] == len(GEMS)


# -- streams ---------------------------------------------------------------------------------------


def test_streams_of_a_batch_do_not_hear_one_another_and_one_can_start_anew(
    write: Callable[..., Path],
) -> None:
    recognizer = load_recognizer(write("parisi", ("quadrants",)))
    sound = noise(recognizer, 2.0, batch=2)
    _, state = recognizer.step(sound, recognizer.initial_state(2))
    more, _ = recognizer.step(sound, recognizer.reset(state, [1]))
    alone = recognizer.run(np.concatenate((sound[:1], sound[:1]), 1))
    near = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    near(more.quadrants[0], alone.quadrants[0, 4:])
    near(more.quadrants[1], recognizer.run(sound[1:]).quadrants[0])


def test_the_first_window_is_marked_as_warming_up(write: Callable[..., Path]) -> None:
    recognizer = load_recognizer(write("parisi", ("quadrants",)))
    estimates = EmotionStream(recognizer).push(noise(recognizer, 8.0)[0])
    assert [estimate.t for estimate in estimates] == [0.5 * n for n in range(1, 17)]
    early = [estimate.status is Status.WARMING_UP for estimate in estimates]
    assert early == [estimate.t < 6.0 for estimate in estimates]


def test_digital_silence_has_a_finite_answer_and_an_empty_picture(
    write: Callable[..., Path],
) -> None:
    recognizer = load_recognizer(write("parisi", ("quadrants", "gems", "affect")))
    said = recognizer.run(np.zeros((1, 2 * recognizer.hop_samples), np.float32))
    for numbers in (said.valence, said.valence_sd, said.quadrants, said.gems):
        assert np.isfinite(numbers).all()
    assert said.mel.shape == (1, 2, 64)
    assert not said.mel.any()


@pytest.mark.parametrize(
    "samples", [np.zeros(8, np.float32), np.zeros((2, 8), np.float32), np.zeros((1, 8))]
)
def test_samples_of_another_shape_or_type_are_refused(
    write: Callable[..., Path], samples: NDArray[Any]
) -> None:
    recognizer = load_recognizer(write("parisi", ("quadrants",)))
    with pytest.raises(InputError, match="Samples"):
        recognizer.step(samples, recognizer.initial_state())


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"system": "svn"}, "field system: no system 'svn'"),
        ({"system": "orjesek"}, "field system: orjesek cannot run live: the backward half"),
        ({"view": {"name": "parisi", "version": 0}}, "field view"),
        ({"window_s": 5.0}, "field window_s is 5.0, but parisi has 6.0 here"),
        ({"hop_s": 0.7}, "field hop_s is 0.7"),
        ({"hop_s": 12.0}, "field hop_s is 12.0"),
        ({"heads": {}}, "field heads"),
        ({"oddity": 1}, "field oddity"),
    ],
)
def test_a_card_that_does_not_fit_the_system_is_refused_by_field(
    parisi: Path, fields: dict[str, Any], message: str
) -> None:
    change_card(parisi, **fields)
    with pytest.raises(CheckpointError, match=message):
        load_recognizer(parisi)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("quadrants.fitted.head.1.weight", None, "head.1.weight"),
        ("quadrants.fitted.head.1.weight", torch.zeros(5, 64), "size mismatch for head.1.weight"),
        ("quadrants.prepared.mean.mel", None, "'mel'"),
        ("quadrants.prepared.mean.mel", torch.zeros(1, 63, 1), "does not fit its card"),
        ("gems.shares", torch.zeros(9, 9), "'gems.shares' belongs to nothing"),
        ("quadrants.fitted.head.1.bias", torch.full((4,), torch.nan), "NaN"),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused_by_name(
    parisi: Path, name: str, tensor: torch.Tensor | None, message: str
) -> None:
    path = parisi.with_suffix(".safetensors")
    tensors = load_file(path)
    tensors.pop(name, None)
    save_file(tensors if tensor is None else tensors | {name: tensor}, path)
    with pytest.raises(CheckpointError, match=message):
        load_recognizer(parisi)


def test_a_card_of_a_system_that_learnt_from_zeros_is_refused(
    write: Callable[..., Path],
) -> None:
    stem = write("svm", ("quadrants",))
    view = view_of(find_system("svm").view)
    assert view.pop("fill") == "repeat"
    change_card(stem, view=view)
    with pytest.raises(CheckpointError, match=r"field view is .* Export the system again\."):
        load_recognizer(stem)


@pytest.mark.parametrize("compute", ["light", "cuda"])
def test_they_run_on_torch_and_the_processor_alone_and_say_so(parisi: Path, compute: str) -> None:
    with pytest.raises(InputError, match=rf"the processor alone, not on '{compute}'"):
        load_recognizer(parisi, compute)


def test_a_kind_that_is_not_installed_says_what_to_install(parisi: Path) -> None:
    change_card(parisi, architecture="harp", requires="harp-emotions")
    with pytest.raises(
        CheckpointError, match=r"field architecture: no 'harp'.*papers.*Install harp-emotions\."
    ):
        load_recognizer(parisi)


def test_a_kind_whose_libraries_are_missing_says_what_to_install(
    parisi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = EntryPoint(name="papers", value="no_such_module:load", group=product.KINDS)
    monkeypatch.setattr(product, "entry_points", lambda *, group: [entry])
    with pytest.raises(CheckpointError, match=r"no_such_module.*Install realtime-mer\[train\]"):
        load_recognizer(parisi)


def test_what_needs_the_streaming_network_says_so(parisi: Path) -> None:
    with pytest.raises(CheckpointError, match="architecture is 'papers', and this needs"):
        Recognizer.load(parisi)


def test_the_built_in_kind_is_loaded_through_the_same_door(tmp_path: Path) -> None:
    made = random_checkpoint()
    save_files(tmp_path / "some", made.network.state_dict(), made.card)
    assert isinstance(load_recognizer(tmp_path / "some", "cpu"), Recognizer)
