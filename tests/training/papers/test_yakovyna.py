"""The CNN-LSTM of Yakovyna & Korniienko is the one of the paper's table."""

import numpy as np
import pytest
import torch
from torch import nn

from training.papers.systems.system import System
from training.papers.systems.yakovyna import FEATURES, SAMPLE_RATE, SYSTEMS, CnnLstm, features
from training.papers.systems.yakovyna import keras_parameters as counted


def test_ten_outputs_give_the_printed_parameters_and_nine_give_65_less() -> None:
    assert counted(CnnLstm(10)) == 2_507_466
    assert counted(CnnLstm(9)) == 2_507_401


def test_the_layers_have_the_printed_parameters_one_by_one() -> None:
    printed = [
        *(640, 65_664, 512, 131_328, 262_400, 1_024, 524_800, 1_049_088, 2_048),
        *(328_192, 512, 131_584, 512, 8_256, 256, 650),
    ]
    layers = [
        layer
        for layer in CnnLstm(10).modules()
        if isinstance(layer, nn.Conv1d | nn.BatchNorm1d | nn.LSTM | nn.Linear)
    ]
    assert sorted(map(counted, layers)) == sorted(printed)


def test_pytorch_counts_a_second_bias_in_each_lstm_and_no_running_statistics() -> None:
    network = CnnLstm(10)
    own = sum(weights.numel() for weights in network.parameters())
    untrained = 2_432  # printed as non-trainable
    assert own == 2_507_466 - untrained + 2 * 4 * 128


def test_it_answers_each_segment_by_itself() -> None:
    torch.manual_seed(0)
    network = CnnLstm(9).eval()
    rows = torch.randn(5, 28)
    with torch.inference_mode():
        together = network({"features": rows})
        alone = torch.cat([network({"features": row[None]}) for row in rows])
    assert together.shape == (5, 9)
    torch.testing.assert_close(together, alone)


def test_the_28_features_stand_in_the_order_of_the_text() -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    row = features(tone)["features"]
    assert row.shape == (28,)
    named = dict(zip(FEATURES[:-1], row, strict=False))
    assert named["rms"] == pytest.approx(0.5 / 2**0.5, rel=0.05)
    assert named["centroid"] == pytest.approx(1000, rel=0.05)
    assert named["zero_crossing_rate"] == pytest.approx(2 * 1000 / SAMPLE_RATE, rel=0.05)


@pytest.mark.parametrize(("system", "pieces"), list(zip(SYSTEMS, (20, 10), strict=True)))
def test_a_minute_makes_twenty_segments_of_3_s_or_ten_of_6_s(system: System, pieces: int) -> None:
    assert 60 / system.view.hop_s == pieces
    assert system.view.seconds == system.view.hop_s
