"""Checkpoints: what is written comes back, and what does not fit is refused by name."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from realtime_mer.errors import CheckpointError
from realtime_mer.model.card import Calibration, Card
from realtime_mer.model.checkpoint import load_checkpoint, save_checkpoint
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.files import (
    check_checkpoint,
    checkpoint_files,
    find_checkpoint,
    shipped_checkpoints,
)
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.recognizer.reference import Recognizer
from tests.command_line import noise, write_model
from tests.networks import HARMONIC, SMALL, random_checkpoint

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path)


def change_card(model: Path, field: str, value: Any) -> None:
    """Set a field of the card, named by its path; None takes it out."""
    path = model.with_suffix(".json")
    card = json.loads(path.read_text())
    *parents, last = field.split(".")
    place = card
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    path.write_text(json.dumps(card))


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    saved = random_checkpoint()
    save_checkpoint(tmp_path / "some", saved.network, saved.card)
    loaded = load_checkpoint(tmp_path / "some.safetensors")
    assert loaded.card == saved.card
    weights = saved.network.state_dict()
    assert weights.keys() == loaded.network.state_dict().keys()
    for name, tensor in loaded.network.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    assert not loaded.network.training


@pytest.mark.parametrize("name", ["some", "some-1.5", "some.v2.1"])
@pytest.mark.parametrize("suffix", ["", ".safetensors", ".json"])
def test_a_checkpoint_is_named_by_either_of_its_files_or_neither(
    tmp_path: Path, name: str, suffix: str
) -> None:
    saved = random_checkpoint()
    save_checkpoint(tmp_path / name, saved.network, saved.card)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.safetensors", f"{name}.json"}
    assert load_checkpoint(tmp_path / f"{name}{suffix}").card == saved.card


def test_the_recogniser_runs_with_the_settings_of_the_card(tmp_path: Path) -> None:
    saved = random_checkpoint()
    doubled = saved.card.model_copy(update={"calibration": Calibration(hop_valence=2.0)})
    save_checkpoint(tmp_path / "plain", saved.network, saved.card)
    save_checkpoint(tmp_path / "doubled", saved.network, doubled)
    sound = torch.from_numpy(noise(1).T.copy())
    plain = Recognizer.load(tmp_path / "plain", device="cpu").run(sound)
    wider = Recognizer.load(tmp_path / "doubled", device="cpu").run(sound)
    torch.testing.assert_close(wider.valence_sd, 2 * plain.valence_sd)
    torch.testing.assert_close(wider.arousal_sd, plain.arousal_sd)


def test_a_feature_setting_of_the_card_changes_the_numbers(model: Path) -> None:
    sound = torch.from_numpy(noise(1).T.copy())
    before = Recognizer.load(model, device="cpu").run(sound)
    change_card(model, "features.log_gain", 100.0)
    after = Recognizer.load(model, device="cpu").run(sound)
    assert (before.valence - after.valence).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("name", 3),
        ("format_version", 2),
        ("architecture", "transformer"),
        ("flavour", "sweet"),
        ("window_s", 2.5),
        ("hop_s", 0.2),
        ("labels.gems", ["tension", "sadness"]),
        ("labels.quadrants", ["Q4", "Q3", "Q2", "Q1"]),
        ("features.window", "hann"),
        ("features.mel_scale", "htk"),
        ("features.log_gain", math.nan),
        ("features.n_mels", 32),
        ("network.channels", [4, 6]),
        ("network.layers", 3),
        ("calibration.hop_valence", 0),
        ("calibration.clip_arousal.scale", -1),
        ("calibration.prior_gems", [0.1]),
    ],
)
def test_a_card_that_says_the_impossible_is_refused_by_the_field(
    model: Path, field: str, value: Any
) -> None:
    change_card(model, field, value)
    # The bands are told twice, for the features and for the network, and either may be wrong.
    named = "network.n_mels" if field == "features.n_mels" else field
    with pytest.raises(CheckpointError, match=rf"random\.json: field {named}\b"):
        load_checkpoint(model)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("features.hop_length", 0, "features"),
        ("features.f_max", 20_000, "features"),
        ("features.log_gain", -1.0, "features"),
        ("network.embedding", -3, "network"),
        ("network.dropout", 2.0, "network"),
        ("network.harmonic", [4, -3, 5], "network"),
        ("features.pitch.f_min", 400.0, "features"),
        ("features.pitch.log_gain", 0.0, "features"),
    ],
)
def test_a_size_that_cannot_be_is_refused_by_its_part_of_the_card(
    tmp_path: Path, field: str, value: Any, named: str
) -> None:
    model = write_model(tmp_path, config=HARMONIC)
    change_card(model, field, value)
    with pytest.raises(CheckpointError, match=rf"random\.json: field {named}: .+"):
        load_checkpoint(model)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("features.pitch", None, "features.pitch"),
        ("network.harmonic", None, "network.harmonic"),
        ("network.harmonic", [4, 3], "network.harmonic"),
        ("features.pitch.n_fft", 2399, "features.pitch.n_fft"),
        ("features.pitch.n_fft", 14_401, "features.pitch.n_fft"),
        ("features.pitch.window", "hann", "features.pitch.window"),
    ],
)
def test_a_harmonic_branch_that_cannot_hear_is_refused_by_the_field(
    tmp_path: Path, field: str, value: Any, named: str
) -> None:
    model = write_model(tmp_path, config=HARMONIC)
    assert load_checkpoint(model).card.features.pitch is not None
    change_card(model, field, value)
    with pytest.raises(CheckpointError, match=rf"random\.json: field {named}\b"):
        load_checkpoint(model)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0\1\2"])
def test_a_card_that_is_no_card_is_refused(model: Path, text: str) -> None:
    model.with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError, match=r"random\.json"):
        load_checkpoint(model)


def drop(tensors: Tensors) -> None:
    del tensors["conv4.weight"]


def reshape(tensors: Tensors) -> None:
    tensors["conv4.weight"] = tensors["conv4.weight"].flatten()


def poison(tensors: Tensors) -> None:
    tensors["conv4.weight"][0, 0, 0] = math.nan


def overflow(tensors: Tensors) -> None:
    tensors["conv4.weight"][0, 0, 0] = math.inf


def rename(tensors: Tensors) -> None:
    tensors["conv9.weight"] = tensors["conv4.weight"].clone()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop, "lacks the tensor 'conv4.weight'"),
        (reshape, "tensor 'conv4.weight' has shape"),
        (poison, "tensor 'conv4.weight' holds NaN"),
        (overflow, "tensor 'conv4.weight' holds NaN or infinity"),
        (rename, "has a tensor 'conv9.weight'"),
    ],
)
def test_weights_that_do_not_fit_their_card_are_refused_by_the_tensor(
    model: Path, change: Callable[[Tensors], None], says: str
) -> None:
    tensors = load_file(model)
    change(tensors)
    save_file(tensors, model)
    with pytest.raises(CheckpointError, match=says):
        load_checkpoint(model)


def test_weights_of_another_size_are_refused(model: Path) -> None:
    change_card(model, "network.embedding", 13)
    with pytest.raises(CheckpointError, match=r"tensor '\S+' has shape .+ settings give"):
        load_checkpoint(model)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"\xff" * 100])
def test_a_damaged_file_of_weights_is_refused(model: Path, content: bytes) -> None:
    model.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"random\.safetensors cannot be read"):
        load_checkpoint(model)


def test_a_pickle_is_never_opened(model: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, model)
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        load_checkpoint(model)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
@pytest.mark.parametrize("light", [True, False])
def test_half_a_checkpoint_is_refused_by_the_file_that_is_missing(
    tmp_path: Path, suffix: str, *, light: bool
) -> None:
    model = write_model(tmp_path, light=light)
    model.with_suffix(suffix).unlink()
    with pytest.raises(CheckpointError, match=rf"random\{suffix} is missing"):
        load_checkpoint(model)


@pytest.mark.parametrize("suffix", ["", ".onnx", ".json"])
def test_a_network_that_runs_without_pytorch_needs_no_weights_beside_it(
    model: Path, suffix: str
) -> None:
    model.unlink()
    stem = model.with_suffix("")
    assert find_checkpoint(f"{stem}{suffix}") == stem
    assert checkpoint_files(stem) == (model.with_suffix(".json"), model.with_suffix(".onnx"))
    check_checkpoint(stem)
    assert LightRecognizer.load(stem).card.name == "random"
    model.with_suffix(".onnx").unlink()
    with pytest.raises(CheckpointError, match=r"random\.safetensors is missing"):
        check_checkpoint(stem)


@pytest.mark.parametrize("name", ["no-such-model", "", ".", "/"])
def test_an_unknown_checkpoint_is_answered_with_those_that_ship(name: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(name)
    message = str(raised.value)
    assert repr(name) in message
    for stem in shipped_checkpoints():
        assert stem.name in message


def test_a_network_is_not_saved_under_the_card_of_another(tmp_path: Path) -> None:
    network = random_checkpoint(config=SMALL).network
    with pytest.raises(CheckpointError, match="network: the weights were built with"):
        save_checkpoint(tmp_path / "some", network, Card(name="some", network=NetworkConfig()))
    assert not list(tmp_path.iterdir())


def test_every_checkpoint_that_ships_fits_its_card() -> None:
    assert [stem.name for stem in shipped_checkpoints()] == ["default", "library"]
    for stem in shipped_checkpoints():
        assert load_recognizer(stem.name, "light").window_samples == 72_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network.embedding", 300_000),
        ("network.column_channels", 10**12),
        ("network.channels", [10**6, 10**6, 10**6]),
        ("network.channels", [10**30, 8, 8]),
        ("network.embedding", -5),
        ("features.n_fft", 10**9),
        ("features.sample_rate", 10**9),
    ],
)
def test_a_card_cannot_ask_for_more_memory_than_its_weights_bear_out(
    model: Path, field: str, value: Any
) -> None:
    """The first of these would allocate hundreds of gigabytes."""
    change_card(model, field, value)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(model)
    assert "\n" not in str(caught.value)


def test_a_card_of_many_megabytes_is_not_read(model: Path) -> None:
    with model.with_suffix(".json").open("ab") as card:
        card.truncate(1 << 30)  # sparse
    with pytest.raises(CheckpointError, match="1073741824 bytes"):
        load_checkpoint(model)
