"""The file of a checkpoint that runs without torch: what it needs, and what is refused."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from typer.testing import CliRunner

from realtime_mer.errors import CheckpointError
from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch, pitch_filters
from realtime_mer.model.card import Calibration
from realtime_mer.model.committee import read_committee
from realtime_mer.model.files import check_checkpoint, find_checkpoint
from realtime_mer.model.network_file import read_network_file, settings_of, sha256
from realtime_mer.recognizer.light import LightRecognizer
from tests.command_line import write_model
from tests.networks import HARMONIC, HEARING, SMALL, random_checkpoint
from training.__main__ import app
from training.export.network import network_file
from training.export.nodes import OPSET, Graph
from training.export.onnx_file import add_network_file, save_all
from training.export.spectrum import log_pitch_power, log_power

SHIPPED = find_checkpoint("default")


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    """The files of an untrained checkpoint."""
    return write_model(tmp_path).with_suffix("")


def change_card(stem: Path, **fields: Any) -> None:
    card = Path(f"{stem}.json")
    told = json.loads(card.read_text())
    for path, value in fields.items():
        *parents, name = path.split("__")
        place = told
        for parent in parents:
            place = place[parent]
        place[name] = value
    card.write_text(json.dumps(told))


def rewrite(stem: Path, network: bytes) -> None:
    """Put another network into the file, and its hash into the card."""
    Path(f"{stem}.onnx").write_bytes(network)
    change_card(stem, onnx_sha256=sha256(network))


def refusal(stem: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        LightRecognizer.load(stem)
    return str(caught.value)


# -- what ships ------------------------------------------------------------------------------------


def test_the_shipped_file_fits_its_card_and_the_standard() -> None:
    card, network = read_network_file(SHIPPED)
    assert card.onnx_sha256 == sha256(network)
    model = onnx.load_from_string(network)
    assert {(entry.domain, entry.version) for entry in model.opset_import} == {("", OPSET)}
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("checkpoint", [SHIPPED, None])
def test_a_file_needs_nothing_but_standard_operators_and_leaves_streams_and_hops_free(
    checkpoint: Path | None,
) -> None:
    network = network_file(random_checkpoint(config=HARMONIC))
    if checkpoint:
        _, network = read_network_file(checkpoint)
    graph = onnx.load_from_string(network).graph
    assert {node.domain for node in graph.node} == {""}
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "B", value.name
    assert graph.input[0].type.tensor_type.shape.dim[1].dim_param == "n"


def test_the_same_checkpoint_gives_the_same_bytes() -> None:
    assert network_file(random_checkpoint()) == network_file(random_checkpoint())


def test_a_file_is_added_to_a_checkpoint_that_lacks_it(tmp_path: Path) -> None:
    model = write_model(tmp_path, light=False)
    written = add_network_file(model)
    assert written == model.with_suffix(".onnx")
    assert LightRecognizer.load(model.with_suffix("")).card.onnx_sha256 == sha256(
        written.read_bytes()
    )


# -- features --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_fft", "hop"), [(960, 480), (1024, 480), (600, 100), (14, 5), (97, 97), (480, 400)]
)
def test_frames_are_those_of_the_features_whatever_their_lengths(n_fft: int, hop: int) -> None:
    config = FeatureConfig(n_fft=n_fft, hop_length=hop, n_mels=8, f_min=0.0)
    graph = Graph()
    samples = graph.input("samples", ("B", "n"), "")
    graph.output("frames", log_power(graph, samples, config), ("B", "T", 8), "")
    network = graph.model(told="", metadata={}).SerializeToString()
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((2, n_fft - hop + 5 * hop))).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(network).run(None, {"samples": sound})
    expected = LogMel(config)(torch.from_numpy(sound)).numpy()
    np.testing.assert_allclose(found / np.log(10), expected, atol=1e-5, rtol=0)


def test_log_pitch_rows_are_those_of_the_features() -> None:
    config, hop = PitchConfig(n_fft=4096, f_min=110.0), 2400
    graph = Graph()
    samples = graph.input("samples", ("B", "n"), "")
    rows = log_pitch_power(graph, samples, config, sample_rate=24_000, hop=hop)
    graph.output("rows", rows, ("B", "H", config.bins), "")
    network = graph.model(told="", metadata={}).SerializeToString()
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((2, 4096 + 4 * hop))).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(network).run(None, {"samples": sound})
    expected = LogPitch(config, sample_rate=24_000, hop=hop)(torch.from_numpy(sound)).numpy()
    assert expected.shape == (2, 5, 180)
    np.testing.assert_allclose(found / np.log(10), expected, atol=1e-4, rtol=0)


def test_what_lies_far_above_the_log_pitch_bins_adds_nothing_to_them() -> None:
    """Low lines are told apart by fewer numbers than there are samples: none of them hears more."""
    config, hop = PitchConfig(), 2400
    graph = Graph()
    samples = graph.input("samples", ("B", "n"), "")
    rows = log_pitch_power(graph, samples, config, sample_rate=24_000, hop=hop)
    graph.output("rows", rows, ("B", "H", config.bins), "")
    network = graph.model(told="", metadata={}).SerializeToString()
    t = np.arange(config.n_fft) / 24_000
    quiet = 1e-3 * (np.sin(2 * np.pi * 220 * t) + np.sin(2 * np.pi * 1900 * t))
    # Blocks of 128 samples would take a line that is a multiple of 64 above another for that one.
    highest = 700 * 24_000 / config.n_fft
    above = highest + 30 * 24_000 / 128
    sound = (quiet + 0.9 * np.sin(2 * np.pi * above * t)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(network).run(None, {"samples": sound[np.newaxis]})
    window = np.hanning(config.n_fft + 1)[:-1]
    power = np.abs(np.fft.rfft(sound.astype(np.float64) * window) / window.sum() * 2) ** 2
    expected = np.log10(1 + config.log_gain * (power @ pitch_filters(config, 24_000)))
    np.testing.assert_allclose(found[0, 0] / np.log(10), expected, atol=1e-5, rtol=0)


# -- what is refused -------------------------------------------------------------------------------


def test_a_file_that_is_missing_is_refused(stem: Path) -> None:
    Path(f"{stem}.onnx").unlink()
    assert "random.onnx cannot be read" in refusal(stem)
    assert "field onnx_sha256" in refusal(stem)


def test_a_file_that_was_changed_is_refused(stem: Path) -> None:
    path = Path(f"{stem}.onnx")
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    assert "does not fit its card: field onnx_sha256 is" in refusal(stem)


@pytest.mark.parametrize("value", ["abc", "A" * 64, None])
def test_a_hash_that_is_none_is_refused(stem: Path, value: str | None) -> None:
    change_card(stem, onnx_sha256=value)
    assert "field onnx_sha256" in refusal(stem)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("calibration__hop_valence", 2.0),
        ("calibration__hop_arousal", 2.0),
        ("calibration__quadrant_temperature", 3.0),
        ("features__log_gain", 100.0),
        ("network__embedding", 16),
        ("network__music", True),
        ("network__familiar", True),
        ("network__tied", True),
    ],
)
def test_a_card_whose_settings_are_not_those_of_the_file_is_refused_by_the_field(
    stem: Path, field: str, value: float
) -> None:
    change_card(stem, **{field: value})
    assert f"field {field.replace('__', '.')} is {value!r}" in refusal(stem)


def test_what_is_not_worked_into_the_file_may_be_told_otherwise(stem: Path) -> None:
    change_card(stem, calibration__prior_valence_sd=0.25, description="another")
    assert LightRecognizer.load(stem).card.calibration.prior_valence_sd == 0.25


@pytest.mark.parametrize("network", [b"", b"not a network"])
def test_what_is_no_network_is_refused(stem: Path, network: bytes) -> None:
    rewrite(stem, network)
    assert "cannot be run" in refusal(stem) or "does not say" in refusal(stem)


@pytest.mark.parametrize("metadata", [{}, {"settings": "{"}, {"settings": "3"}])
def test_a_network_that_does_not_say_what_it_was_made_with_is_refused(
    stem: Path, metadata: dict[str, str]
) -> None:
    model = onnx.load(f"{stem}.onnx")
    del model.metadata_props[:]
    helper.set_model_props(model, metadata)
    rewrite(stem, model.SerializeToString())
    assert "does not say in its metadata what it was made with" in refusal(stem)


def rename_input(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = "other" if name == "tail" else name
    model.graph.input[1].name = "other"


def drop_output(model: onnx.ModelProto) -> None:
    del model.graph.output[0]


def repeat_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


def swap_outputs(model: onnx.ModelProto) -> None:
    first, second, *others = model.graph.output
    del model.graph.output[:]
    model.graph.output.extend([second, first, *others])


def swap_names(model: onnx.ModelProto) -> None:
    """Let each of two outputs say that it is the other."""
    other = {"affect": "gems", "gems": "affect"}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [other.get(name, name) for name in names]
    for value in model.graph.output[0], model.graph.output[3]:
        size = value.type.tensor_type.shape.dim[-1]
        size.dim_value = 11 - size.dim_value


def set_size(name: str, size: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        (value,) = (one for one in model.graph.input if one.name == name)
        value.type.tensor_type.shape.dim[-1].dim_value = size

    return change


def fill_with_nan(model: onnx.ModelProto) -> None:
    largest = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    values = np.full_like(numpy_helper.to_array(largest), np.nan)
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (rename_input, "its inputs are samples, other, frames"),
        (drop_output, "its outputs are affect_sd, quadrants"),
        (repeat_output, "its outputs are"),
        (swap_outputs, "its outputs are affect_sd, affect"),
        (swap_names, "affect is float32 (1, 30, 9) where float32 (1, 30, 2) is wanted"),
        (set_size("hidden", 5), "cannot be run"),
        (set_size("cell", 1 << 40), "its input cell has the shape"),
        (fill_with_nan, "of silence is NaN or infinite"),
    ],
)
def test_another_network_is_refused_though_card_and_hash_fit_it(
    stem: Path, change: Callable[[onnx.ModelProto], None], told: str
) -> None:
    model = onnx.load(f"{stem}.onnx")
    change(model)
    rewrite(stem, model.SerializeToString())
    assert told in refusal(stem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(stem: Path) -> None:
    Path(f"{stem}.onnx").unlink()
    os.mkfifo(f"{stem}.onnx")
    assert "it is no plain file" in refusal(stem)


@pytest.mark.parametrize("suffix", ["onnx", "json"])
def test_a_file_of_any_length_is_refused_before_it_is_read(stem: Path, suffix: str) -> None:
    os.truncate(f"{stem}.{suffix}", 1 << 40)  # sparse: it takes no room
    assert "it has 1099511627776 bytes" in refusal(stem)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_so_it_is_before_anything_is_loaded(stem: Path, suffix: str) -> None:
    os.truncate(f"{stem}.{suffix}", 1 << 40)
    with pytest.raises(CheckpointError, match="it has 1099511627776 bytes"):
        check_checkpoint(stem)


def test_a_card_of_nothing_but_brackets_is_refused(stem: Path) -> None:
    Path(f"{stem}.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match="is no JSON"):
        check_checkpoint(stem)


def test_every_setting_that_the_file_depends_on_is_compared() -> None:
    card = random_checkpoint().card
    told = settings_of(card)
    assert {name.partition(".")[0] for name in told} == {"features", "network", "calibration"}
    assert len(told) == 9 + 6 + 3
    hearing = settings_of(random_checkpoint(config=HEARING).card)
    assert hearing == told | {"network.music": True, "network.familiar": True}
    tied = random_checkpoint(config=replace(HEARING, tied=True)).card
    wide = tied.model_copy(update={"calibration": Calibration(unfamiliar_arousal=0.5)})
    assert settings_of(wide) == hearing | {
        "network.tied": True,
        "calibration.unfamiliar_arousal": 0.5,
    }


@pytest.mark.parametrize("head", ["music", "familiar"])
def test_a_card_that_does_not_know_a_head_of_the_file_is_refused(tmp_path: Path, head: str) -> None:
    stem = tmp_path / "hearing"
    save_all(stem, random_checkpoint(config=replace(SMALL, **{head: True})))
    assert getattr(LightRecognizer.load(stem).card.network, head)
    change_card(stem, **{f"network__{head}": False})
    assert f"field network.{head} is None, the file was made with True" in refusal(stem)


# -- what is written of it -------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "model-file.md").read_text(encoding="utf-8")


def test_the_page_tells_every_input_and_output_with_its_shape() -> None:
    graph = onnx.load_from_string(read_network_file(SHIPPED)[1]).graph
    every_head = onnx.load_from_string(network_file(random_checkpoint(config=HEARING))).graph
    there = {value.name for value in graph.output}
    further = [value for value in every_head.output if value.name not in there]
    told = dict(re.findall(r"^\| `(\w+)` \| (\([^|]+\)) \|", PAGE, re.MULTILINE))
    for value in (*graph.input, *graph.output, *further):
        if not value.name.startswith("next_"):
            sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
            assert told.pop(value.name) == f"({', '.join(map(str, sizes))})"
    assert told == {}
    states = [value.name for value in graph.input][1:]
    assert [value.name for value in graph.output][-len(states) :] == [f"next_{s}" for s in states]


def test_the_page_tells_what_a_committee_takes_and_gives() -> None:
    model = onnx.load_from_string(read_committee(find_checkpoint("library"))[1])
    _, _, section = PAGE.partition("\n## The file of `library`\n")
    section = section.partition("\n## ")[0]
    told = dict(re.findall(r"^\| (\w+) \| (\([^|]+\)) \|", section, re.MULTILINE))
    shapes = {}
    for value in (*model.graph.input, *model.graph.output):
        sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        shapes[value.name] = f"({', '.join(map(str, sizes))})"
    assert told == shapes
    (further,) = re.findall(r"it needs ([\w,\s]+)\.", section)
    (besides,) = re.findall(r"needs these operators: ([\w,\s]+)\.", PAGE)
    used = {node.op_type for node in model.graph.node}
    assert re.split(r",\s+", further) == sorted(used - set(re.split(r",\s+", besides)))
    assert {node.domain for node in model.graph.node} == {""}


def test_the_page_tells_every_operator_that_an_engine_needs() -> None:
    (told,) = re.findall(r"needs these operators: ([\w,\s]+)\.", PAGE)
    used = {
        node.op_type for node in onnx.load_from_string(read_network_file(SHIPPED)[1]).graph.node
    }
    assert re.split(r",\s+", told) == sorted(used)
    plain = onnx.load_from_string(network_file(random_checkpoint()))
    assert {node.op_type for node in plain.graph.node} <= used


def test_the_page_tells_what_the_file_says_of_silence() -> None:
    (valence, arousal), *more = re.findall(r"says valence −(\.\d\d) and arousal −(\.\d\d)", PAGE)
    said = LightRecognizer.load(SHIPPED).run(np.zeros((1, 240_000), np.float32))
    assert more == []
    assert said.valence[0, -1] == pytest.approx(-float(valence), abs=0.01)
    assert said.arousal[0, -1] == pytest.approx(-float(arousal), abs=0.01)


def test_the_program_on_the_page_says_what_the_light_recogniser_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(SHIPPED.parent.parent)
    names: dict[str, Any] = {}
    exec(program, names)
    light = LightRecognizer.load(SHIPPED)
    silence, rng = np.zeros((1, 2400), np.float32), np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal((1, 24_000))).astype(np.float32)
    found, _ = names["step"](sound, names["state"])
    expected = light.run(np.concatenate((silence, sound), axis=1))
    np.testing.assert_allclose(found["affect"][..., 0], expected.valence[:, 1:], atol=1e-6)
    np.testing.assert_allclose(found["gems"], expected.gems[:, 1:], atol=1e-6)


def test_the_command_writes_the_file_and_says_where(tmp_path: Path) -> None:
    model = write_model(tmp_path, light=False)
    done = CliRunner().invoke(app, ["onnx", str(model)])
    assert (done.exit_code, done.output.split()[:1]) == (0, ["wrote"])
    assert LightRecognizer.load(model.with_suffix("")).compute == "light"
