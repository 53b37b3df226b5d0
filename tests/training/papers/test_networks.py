"""The papers' networks: sizes, what each part reads, that they learn, and which are causal."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.papers.systems import grekow, hizlisoy, kerhalkar, orjesek, parisi, yang
from training.papers.systems.features import cut
from training.papers.systems.fitting import fit_network
from training.papers.systems.system import (
    Effort,
    Part,
    System,
    Task,
    Training,
    labels_of,
    standardise,
    target,
)
from training.papers.trials.protocols import task_of

MODULES = (kerhalkar, yang, grekow, orjesek, hizlisoy, parisi)
SYSTEMS: tuple[System, ...] = tuple(system for module in MODULES for system in module.SYSTEMS)
VIEWS = tuple(module.VIEW for module in MODULES)

by_name = {"ids": lambda value: value.name}


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def shapes(system: System) -> Mapping[str, tuple[int, ...]]:
    made = system.view.compute(0.1 * noise(system.view.samples))
    return {name: values.shape for name, values in made.items()}


def made_part(system: System, task: Task, *, count: int = 16) -> Part:
    """Segments of noise to which each label adds a pattern of its own, prepared."""
    generator = np.random.default_rng(1)
    outputs = len(labels_of(task))
    if task == "affect":
        labels: NDArray[Any] = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
        weights = labels
    else:
        labels = np.arange(count) % outputs
        weights = np.eye(outputs, dtype=np.float32)[labels]
    arrays = {
        name: noise(count, *shape, seed=2)
        + 2 * np.tensordot(weights, noise(outputs, *shape, seed=3), 1)
        for name, shape in shapes(system).items()
    }
    if system.prepare is not None:
        arrays = dict(system.prepare(arrays, labels)(arrays))
    groups = np.array([f"song {n}" for n in range(count)])
    return Part(arrays=arrays, labels=labels, groups=groups)


def training_on(part: Part, task: Task, *, steps: int) -> Training:
    effort = Effort(epochs=steps, most_steps=steps)
    return Training(train=part, validation=part, task=task, effort=effort)


def loss(predicted: NDArray[Any], labels: NDArray[Any]) -> float:
    if labels.ndim == 2:
        return float(np.mean((predicted - labels) ** 2))
    return float(-np.log(np.maximum(predicted[np.arange(len(labels)), labels], 1e-9)).mean())


def weights_of(module: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())


# What all have in common


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS, **by_name)
def test_a_few_steps_on_made_data_lower_the_loss(system: System) -> None:
    task = system.tasks[0]
    part = made_part(system, task)
    before, after = (
        loss(system.fit(training_on(part, task, steps=steps)).predict(part.arrays), part.labels)
        for steps in (1, 12)
    )
    classes = len(labels_of(task))
    guess = np.log(classes) if task != "affect" else part.labels.var()
    # A machine is solved at once, whatever the steps.
    assert after < before or after < 0.7 * guess


@pytest.mark.parametrize("system", SYSTEMS, **by_name)
def test_a_system_answers_in_the_terms_of_every_task_it_names(system: System) -> None:
    for task in system.tasks:
        part = made_part(system, task, count=18)
        fitted = system.fit(training_on(part, task, steps=1))
        said = fitted.predict(part.arrays)
        assert said.shape == (18, len(labels_of(task)))
        assert np.isfinite(said).all()
        assert fitted.parameters > 0
        if task != "affect":
            np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("system", SYSTEMS, **by_name)
def test_the_same_seed_learns_the_same(system: System) -> None:
    task = system.tasks[0]
    part = made_part(system, task, count=12)
    first, second = (
        system.fit(training_on(part, task, steps=2)).predict(part.arrays) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("view", VIEWS, **by_name)
@pytest.mark.parametrize("sound", ["noise", "silence"])
def test_a_view_is_finite_and_of_one_shape_whatever_sounds(view: Any, sound: str) -> None:
    quiet = np.zeros(view.samples, np.float32)
    made = view.compute(quiet if sound == "silence" else quiet + 0.1 * noise(view.samples))
    assert {name: values.shape for name, values in made.items()} == {
        "kerhalkar": {"images": (3, 13, 216), "series": (5, 216), "static": (10,)},
        "yang": {"mfcc": (20, 431)},
        "grekow": {"pieces": (104, 11)},
        "orjesek": {"samples": (72_000,)},
        "hizlisoy": {"mfcc": (3, 20, 235), "mel": (3, 40, 235), "standard": (125,)},
        "parisi": {"mel": (64, 65)},
    }[view.name]
    assert all(np.isfinite(values).all() for values in made.values())


@pytest.mark.parametrize("view", VIEWS, **by_name)
def test_what_is_heard_of_a_window_does_not_depend_on_later_sound(view: Any) -> None:
    sound = 0.1 * noise(2 * view.samples)
    other = sound.copy()
    other[view.samples :] *= 5
    first, again = (view.compute(cut(each, view)[0]) for each in (sound, other))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])


@pytest.mark.parametrize("system", SYSTEMS, **by_name)
def test_what_is_said_of_a_window_does_not_depend_on_the_others(system: System) -> None:
    task = system.tasks[0]
    part = made_part(system, task, count=12)
    fitted = system.fit(training_on(part, task, steps=2))
    alone = fitted.predict({name: values[:1] for name, values in part.arrays.items()})
    np.testing.assert_allclose(alone, fitted.predict(part.arrays)[:1], atol=1e-5)


def test_the_bidirectional_network_is_the_only_one_that_cannot_run_live() -> None:
    network = orjesek.RawAudioNetwork(2, reconstruction=False).eval()
    sound = torch.from_numpy(0.1 * noise(1, 6 * orjesek.SAMPLE_RATE))
    other = sound.clone()
    other[:, 5 * orjesek.SAMPLE_RATE :] *= 5
    with torch.inference_mode():
        first, again = network.seconds(sound)[0, 0], network.seconds(other)[0, 0]
    assert not torch.equal(first, again)
    cannot = {system.name: system.not_live for system in SYSTEMS if system.not_live}
    assert set(cannot) == {"orjesek", "orjesek-dense"}
    assert all("reads a song from its end" in why for why in cannot.values())


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (kerhalkar.Hybrid(**kerhalkar.MODELS["model-1"], outputs=4), 134_500),
        (kerhalkar.Hybrid(**kerhalkar.MODELS["model-2"], outputs=4), 149_844),
        (kerhalkar.Hybrid(**kerhalkar.MODELS["model-3"], outputs=4), 150_516),
        (yang.ConvNetwork(4), 122_468),
        (yang.RecurrentNetwork(4), 22_276),
        (grekow.PiecesNetwork(2), 43_650),
        (grekow.PiecesNetwork(2, front=grekow.Front(2).select), 28_578),
        (orjesek.RawAudioNetwork(2, reconstruction=True), 56_520),
        (orjesek.RawAudioNetwork(2, reconstruction=False), 56_456),
        (hizlisoy.PartNetwork(20, 4).embed, 27_264),
        (hizlisoy.PartNetwork(40, 4).embed, 33_664),
        (hizlisoy.Cldnn(100, 4), 46_916),
        (parisi.Fusion([parisi.Sound()], 4), 23_780),
        (parisi.Fusion([parisi.Words(300)], 5), 94_021),
        (parisi.Fusion([parisi.Sound(), parisi.Words(300)], 5), 125_797),
    ],
)
def test_the_networks_have_the_stated_number_of_parameters(
    network: torch.nn.Module, count: int
) -> None:
    assert weights_of(network) == count


def test_the_systems_take_what_a_corpus_rated() -> None:
    def clip(**labels: Any) -> Clip:
        return Clip(corpus="any", id="1", path=Path("1.mp3"), seconds=45.0, group="a", **labels)

    deam = [clip(valence=0.3, arousal=0.4), clip(valence=-0.2, arousal=0.4)]
    shares = [clip(gems=tuple(np.eye(9)[n].tolist())) for n in range(3)]
    quadrants = [clip(quadrant=n) for n in range(4)]
    for system in SYSTEMS:
        regression = system.name.startswith(("grekow", "orjesek"))
        assert task_of(system, deam) == ("affect" if regression else "quadrants")
        assert task_of(system, shares) == "gems"
        assert task_of(system, quadrants) == "quadrants"


# Kerhalkar et al.


def test_the_quadrants_of_kerhalkar_are_turned_from_clockwise() -> None:
    signs = ((0.5, 0.5), (0.5, -0.5), (-0.5, -0.5), (-0.5, 0.5))
    for (valence, arousal), ours in zip(signs, kerhalkar.FROM_CLOCKWISE, strict=True):
        clip = Clip(
            corpus="deam",
            id="2",
            path=Path("2.mp3"),
            seconds=45.0,
            group="a",
            valence=valence,
            arousal=arousal,
        )
        assert target(clip, "quadrants") == ours
    printed = {
        (figure.corpus, figure.metric): figure.value for figure in kerhalkar.SYSTEMS[0].figures
    }
    assert printed["DEAM", "F1 Q4"] == 0.88
    assert printed["MTurk", "F1 Q4"] == 0.87


@pytest.mark.parametrize(
    ("valence", "arousal", "kept"),
    [(0.5, -0.5, True), (0.02, 0.5, False), (0.5, -0.02, False), (None, None, True)],
)
def test_kerhalkar_leaves_out_what_is_rated_near_an_axis(
    valence: float | None, arousal: float | None, kept: bool
) -> None:
    clip = Clip(
        corpus="deam",
        id="2",
        path=Path("2.mp3"),
        seconds=45.0,
        group="a",
        valence=valence,
        arousal=arousal,
    )
    assert kerhalkar.far_from_axes(clip) is kept


@pytest.mark.parametrize(
    ("model", "reads"),
    [
        ("model-1", {"mfcc", "mfcc_delta", "mfcc_delta2"}),
        ("model-2", {"mfcc", "mfcc_delta", *kerhalkar.SERIES}),
        ("model-3", {"mfcc", "rms", "zero_crossing_rate", "static"}),
    ],
)
def test_each_model_reads_what_the_paper_gives_it_and_nothing_else(
    model: str, reads: set[str]
) -> None:
    torch.manual_seed(0)
    network = kerhalkar.Hybrid(**kerhalkar.MODELS[model], outputs=4)
    arrays = {
        "images": torch.from_numpy(noise(1, 3, 13, 216)).requires_grad_(),
        "series": torch.from_numpy(noise(1, 5, 216)).requires_grad_(),
        "static": torch.from_numpy(noise(1, 10)).requires_grad_(),
    }
    network(arrays).sum().backward()
    read = set()
    for array, names in (
        ("images", ("mfcc", "mfcc_delta", "mfcc_delta2")),
        ("series", kerhalkar.SERIES),
    ):
        slope = arrays[array].grad
        if slope is not None:
            read |= {name for n, name in enumerate(names) if slope[0, n].any()}
    if arrays["static"].grad is not None:
        read.add("static")
    assert read == reads


def test_the_static_numbers_are_means_and_spreads_of_the_series() -> None:
    made = kerhalkar.segment(0.1 * noise(kerhalkar.VIEW.samples))
    np.testing.assert_allclose(made["static"][:5], made["series"].mean(1), rtol=1e-5)
    np.testing.assert_allclose(made["static"][5:], made["series"].std(1), rtol=1e-5)


# Yang


def test_pre_emphasis_is_the_filter_of_the_paper() -> None:
    sound = noise(1000)
    np.testing.assert_allclose(
        yang.pre_emphasised(sound, 0.9), lfilter([1, -0.9], [1], sound), atol=1e-6
    )


def test_the_cnn_svm_reads_the_last_fully_connected_layer() -> None:
    network = yang.ConvNetwork(4).eval()
    arrays = {"mfcc": noise(70, 20, 431)}
    rows = yang.Embedding(network)(arrays)
    assert rows.shape == (70, yang.ConvNetwork.width)
    with torch.inference_mode():
        logits = network({"mfcc": torch.from_numpy(arrays["mfcc"])})
        np.testing.assert_allclose(network.head(torch.from_numpy(rows)), logits, atol=1e-4)


def test_a_machine_gives_nothing_to_a_class_it_never_saw() -> None:
    labels = np.array([0, 2] * 10)
    mfcc = noise(20, 20, 431) + labels[:, None, None].astype(np.float32)
    part = Part(arrays={"mfcc": mfcc}, labels=labels, groups=np.array(["a"] * 20))
    fitted = yang.fit_svm(training_on(part, "quadrants", steps=1))
    said = fitted.predict(part.arrays)
    assert (said[:, [1, 3]] == 0).all()
    np.testing.assert_array_equal(said.argmax(1), labels)


# Grekow


def test_a_piece_is_a_second_of_the_sample_and_pieces_overlap() -> None:
    view = grekow.VIEW
    sound = 0.1 * noise(view.samples)
    other = sound.copy()
    other[round(2.6 * view.sample_rate) : round(2.7 * view.sample_rate)] *= 3
    changed = (grekow.pieces(sound)["pieces"] != grekow.pieces(other)["pieces"])[0]
    assert np.flatnonzero(changed).tolist() == [4, 5]


def test_every_piece_bears_its_samples_label_when_the_front_is_pretrained() -> None:
    values = noise(3, grekow.FEATURES, grekow.PIECES)
    part = Part(
        arrays={"pieces": values}, labels=np.array([2, 0, 1]), groups=np.array(["a", "b", "c"])
    )
    alone = grekow.single_pieces(part)
    assert len(alone) == 3 * grekow.PIECES
    at = grekow.PIECES + 4
    np.testing.assert_array_equal(alone.arrays["piece"][at], values[1, :, 4])
    assert (alone.labels[at], alone.groups[at]) == (0, "b")


def test_the_pretrained_front_learns_no_further_behind_the_lstm() -> None:
    front = grekow.Front(2).select
    before = [weights.clone() for weights in front.parameters()]
    part = made_part(grekow.SYSTEMS[0], "affect")
    fitted = fit_network(
        lambda: grekow.PiecesNetwork(2, front=front),
        training_on(part, "affect", steps=3),
        optimiser=lambda weights: torch.optim.Adam(weights, lr=0.1),
        batch_size=8,
    )
    kept = fitted.network.get_submodule("front").parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, kept, strict=True))


# Orjesek et al.


def to_levels(x: torch.Tensor) -> float:
    """Mean distance from the nearest of −1, 0 and 1."""
    return (x - x.round().clamp(-1, 1)).abs().mean().item()


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_iterative_reconstruction_drives_features_towards_minus_one_zero_and_one(
    seed: int,
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(50, 16)
    layer = orjesek.IterativeReconstruction(16)
    with torch.inference_mode():
        once, often = (orjesek.IterativeReconstruction(16, repetitions=n) for n in (1, 40))
        for other in (once, often):
            other.load_state_dict(layer.state_dict())
        assert to_levels(layer(x)) < 0.5 * to_levels(once(x))
        assert to_levels(often(x)) < 0.01
        final = often(x)
    # The dominant are strengthened, the weak suppressed.
    strong, weak = x.abs() > 0.6, x.abs() < 0.4
    assert torch.equal(final[strong].round(), x[strong].sign())
    assert (final[weak].round() == 0).all()


@given(st.integers(0, 1000), st.floats(0.2, 2.0))
@settings(max_examples=10)
def test_iterative_reconstruction_settles_whatever_it_has_learnt(seed: int, size: float) -> None:
    torch.manual_seed(seed)
    layer = orjesek.IterativeReconstruction(8, repetitions=1).double()
    with torch.inference_mode():
        layer.encoder.weight.copy_(size * torch.randn(8, 8))
        x = torch.randn(20, 8, dtype=torch.float64)
        for _ in range(400):
            last, x = x, layer(x)
        assert (x - last).abs().max() < 1e-2


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer = orjesek.Maxout(3, 2, pieces=4)
    x = torch.from_numpy(noise(5, 3))
    each = layer.pieces(x).reshape(5, 2, 4)
    torch.testing.assert_close(layer(x), each.max(-1).values)


def test_raw_audio_gives_an_estimate_for_every_whole_second() -> None:
    network = orjesek.RawAudioNetwork(2, reconstruction=False).eval()
    sound = torch.from_numpy(0.1 * noise(2, round(3.7 * orjesek.SAMPLE_RATE)))
    seconds = network.seconds(sound)
    assert seconds.shape == (2, 3, 2)
    torch.testing.assert_close(network({"samples": sound}), seconds.mean(1))


# Hizlisoy et al.


def test_cfs_keeps_the_informative_features_and_drops_copies_and_noise() -> None:
    generator = np.random.default_rng(5)
    causes = generator.standard_normal((300, 3))
    labels = (causes.sum(1) > 0).astype(np.int64)
    rows = np.hstack(
        (
            generator.standard_normal((300, 20)),
            causes,
            causes[:, :1] + 0.01 * generator.standard_normal((300, 1)),
            np.full((300, 1), 3.0),
        )
    )
    chosen = set(hizlisoy.select(rows, labels).tolist())
    assert {21, 22} <= chosen
    assert len(chosen & {20, 23}) == 1
    assert 24 not in chosen
    assert not chosen & set(range(20))


def test_cfs_of_ratings_serves_both_axes() -> None:
    generator = np.random.default_rng(6)
    labels = generator.uniform(-1, 1, (300, 2))
    rows = generator.standard_normal((300, 12))
    rows[:, 3] += 5 * labels[:, 0]
    rows[:, 8] += 5 * labels[:, 1]
    assert {3, 8} <= set(hizlisoy.select(rows, labels).tolist())


def test_cfs_follows_halls_merit() -> None:
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 3, 100)
    rows = generator.standard_normal((100, 8)) + labels[:, None] * np.linspace(0, 1, 8)
    with_labels, with_features = hizlisoy.correlations(rows, labels)

    def merit(features: list[int]) -> float:
        count = len(features)
        pairs = with_features[np.ix_(features, features)]
        between = (pairs.sum() - count) / max(1, count * (count - 1))
        numerator = count * with_labels[features].mean()
        return float(numerator / np.sqrt(count + count * (count - 1) * between))

    # Eight features are few enough for the whole greedy path to be followed by hand.
    path: list[list[int]] = []
    while len(path) < 8:
        last = path[-1] if path else []
        rest = [n for n in range(8) if n not in last]
        path.append([*last, max(rest, key=lambda n: merit([*last, n]))])
    best = max(path, key=merit)
    assert hizlisoy.select(rows, labels).tolist() == sorted(best)


def test_the_standard_features_are_chosen_from_the_clips_that_are_given() -> None:
    labels = np.arange(60) % 2
    arrays = {
        "mfcc": noise(60, 3, 20, 30),
        "mel": noise(60, 3, 40, 30, seed=1),
        "standard": noise(60, 10, seed=2),
    }
    arrays["standard"][:, 4] += 6 * labels
    prepared = hizlisoy.prepare(arrays, labels)(arrays)
    scaled = standardise(arrays, labels)(arrays)["standard"]
    assert prepared["standard"].shape[1] < 10
    assert any(np.array_equal(column, scaled[:, 4]) for column in prepared["standard"].T)


def test_a_step_holds_the_selected_numbers_of_its_third_and_the_standard_ones() -> None:
    learnt = np.zeros((3, 4), np.bool_)
    learnt[0, 1] = learnt[2, 3] = True
    selection = hizlisoy.Selection(
        scale=lambda arrays: arrays, learnt=learnt, standard=np.array([2])
    )
    rows = np.arange(1, 13, dtype=np.float32)[None]
    steps = selection.steps(rows, np.array([[7, 8, 9]], np.float32))["steps"]
    # Columns 1 and 3 of thirds (1 … 4), (5 … 8), (9 … 12), then the standard feature.
    np.testing.assert_array_equal(steps[0].T, [[2, 0, 9], [0, 0, 9], [0, 12, 9]])
    assert selection.width == 3


# Parisi et al.

VECTORS = "6 3\ntears 1 0 0\nsun 1 0.1 0\nnight 0 1 0\nfire 0 1 0.1\nmud 0 0 1\nthe 0 0 0\n"


@pytest.fixture
def vectors(tmp_path: Path) -> parisi.WordVectors:
    path = tmp_path / "made.vec"
    path.write_text(VECTORS, encoding="utf-8")
    return parisi.WordVectors.read(path)


def test_word_vectors_are_read_from_fasttexts_text_format(tmp_path: Path) -> None:
    path = tmp_path / "made.vec"
    # fastText ends a line with a blank.
    path.write_text(VECTORS.replace("\n", " \n"), encoding="utf-8")
    some = parisi.WordVectors.read(path, only=["sun", "mud", "unknown"])
    assert set(some.rows) == {"sun", "mud"}
    np.testing.assert_allclose(some.values[some.rows["sun"]], [1, 0.1, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tears 1 0 0\n", "does not begin with"),
        ("2 3\ntears 1 0\n", "line 2 of .* has 2 numbers, not 3|not a text file"),
        ("2 3\ntears 1 0 x\n", "not a text file of word vectors"),
        ("2 3\n", "none of the words"),
    ],
)
def test_a_broken_file_of_word_vectors_is_refused_in_words(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "broken.vec"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        parisi.WordVectors.read(path)


def test_missing_word_vectors_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"word vectors .*none\.vec cannot be read"):
        parisi.WordVectors.read(tmp_path / "none.vec")


def test_a_text_ends_with_its_last_known_word(vectors: parisi.WordVectors) -> None:
    steps = vectors.sequences(["The SUN, unheard-of; tears!", "nothing of it"])
    assert steps.shape == (2, 3, parisi.WORDS)
    np.testing.assert_allclose(steps[0, :, -2:].T, [[1, 0.1, 0], [1, 0, 0]])
    assert not steps[0, :, :-3].any()
    assert not steps[1].any()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"song": "a", "audio": "a.wav", "lyrics": "sun"}], "no column 'emotion'"),
        ([], "no column 'song'"),
        (
            [{"song": "a", "audio": "a.wav", "lyrics": "sun", "emotion": "bliss"}],
            "line 2 .* 'bliss'; known are sadness",
        ),
    ],
)
def test_a_broken_table_of_lyrics_is_refused_in_words(
    tmp_path: Path, rows: list[dict[str, str]], message: str
) -> None:
    path = tmp_path / "lyrics.csv"
    write_table(path, rows)
    with pytest.raises(InputError, match=message):
        parisi.read_lines(path)


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.slow
def test_the_fusion_learns_what_neither_sound_nor_words_tell_alone(
    tmp_path: Path, vectors: parisi.WordVectors
) -> None:
    # Joy and anger sound high; a pair of emotions shares each half of the words.
    told = {
        "sadness": (220, "the tears"),
        "joy": (3000, "the tears"),
        "fear": (220, "the night"),
        "anger": (3000, "the night"),
        "disgust": (3000, "mud"),
    }
    rows = []
    for n in range(10):
        emotion, (pitch, lyrics) = list(told.items())[n % 5]
        time = np.arange(16_000 * 2) / 16_000
        sound = 0.2 * np.sin(2 * np.pi * pitch * time)
        soundfile.write(tmp_path / f"{n}.wav", sound, 16_000)
        rows.append(
            {"song": f"song {n}", "audio": f"{n}.wav", "lyrics": lyrics, "emotion": emotion}
        )
    write_table(tmp_path / "lyrics.csv", rows)
    part = parisi.sung(parisi.read_lines(tmp_path / "lyrics.csv"), vectors)
    part = replace(part, arrays=standardise(part.arrays, part.labels)(part.arrays))

    def accuracy(fit: Any, *, steps: int) -> float:
        fitted = fit(training_on(part, "quadrants", steps=steps), outputs=5)
        return float((fitted.predict(part.arrays).argmax(1) == part.labels).mean())

    assert accuracy(parisi.fit_both, steps=80) == 1
    # Three texts and two sounds cannot tell five emotions.
    assert accuracy(parisi.fit_words, steps=80) == 0.6
    assert accuracy(parisi.fit, steps=3) <= 0.4
