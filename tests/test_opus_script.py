"""What is measured of Opus is what two ways of sending do to the same music."""

import numpy as np
import opus
import pytest

from tests.tones import RATE, ToneRecognizer, tones


def test_both_ways_hear_what_was_sent() -> None:
    pytest.importorskip("av")
    sound = tones(2.0, music=0.9)
    raw, packed = (opus.heard(sound, form, rate=RATE) for form in ("s16le", "opus"))
    assert len(raw) == len(sound)
    assert 0 <= len(packed) - len(sound) < 0.02 * RATE + 2  # the last packet is filled up
    np.testing.assert_allclose(raw, sound, atol=1e-3)
    power = [float(np.mean(part[RATE:] ** 2)) for part in (raw, packed[: len(raw)])]
    assert power[1] == pytest.approx(power[0], rel=0.05)


def test_what_lies_apart_is_counted_hop_by_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tones(10.0, music=0.9), tones(10.0, music=0.8)
    second[-3 * RATE :] = 0  # which is silence by the other way
    monkeypatch.setattr(
        opus, "heard", lambda samples, form, *, rate: second if form == "opus" else first
    )
    apart = opus.Apart()
    apart.add(ToneRecognizer(), first)
    row = apart.row()
    assert (row["clips"], row["hops"]) == (1, 100)
    assert row["share_of_hops_with_another_status"] > 0.2
    assert row["valence"]["median"] == pytest.approx(0.1, abs=1e-3)
    assert row["valence"]["shift"] < 0
    assert row["arousal"]["p99"] == 0
    assert row["share_with_the_same_quadrant"] == 1
