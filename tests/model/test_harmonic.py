"""The harmonic branch: the same music in another key is the same music."""

import pytest
import torch
from torch import Tensor

from realtime_mer.features.config import PitchConfig
from realtime_mer.model.harmonic import HarmonicBranch

THIRDS = 3  # bins of a semitone


@pytest.fixture(scope="module")
def branch() -> HarmonicBranch:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = HarmonicBranch(semitone=4, chord=3, window=5).eval()
        for norm in (made.semitone_norm, made.chord_norm, made.pattern_norm):
            norm.bias.data.normal_()
    return made.requires_grad_(False)


def music() -> Tensor:
    """Two streams of four hops that sound in the middle octave alone, ``(2, 4, P)``."""
    rows = torch.zeros(2, 4, PitchConfig.bins)
    middle = slice(2 * PitchConfig.octave_bins, 3 * PitchConfig.octave_bins)
    rows[..., middle].uniform_(generator=torch.Generator().manual_seed(1))
    return rows


@pytest.mark.parametrize("semitones", [1, 5, 7, 11])
def test_music_in_a_higher_key_has_its_chords_as_much_higher(
    branch: HarmonicBranch, semitones: int
) -> None:
    roots = branch.on_roots(music())
    higher = branch.on_roots(music().roll(semitones * THIRDS, dims=2))
    assert roots.std() > 0.01
    torch.testing.assert_close(higher[..., semitones:], roots[..., :-semitones])


def test_a_pitch_class_has_the_greatest_of_its_octaves(branch: HarmonicBranch) -> None:
    octaves = branch.on_roots(music()).split(12, dim=3)
    assert len(octaves) == 3
    expected = torch.stack(octaves).amax(0).transpose(2, 3).flatten(1, 2)
    torch.testing.assert_close(branch(music()), expected)


@pytest.mark.parametrize("semitones", range(1, 12))
def test_patterns_are_the_same_in_every_key(branch: HarmonicBranch, semitones: int) -> None:
    mean, peak = torch.rand(2, 2, 36, 4, generator=torch.Generator().manual_seed(2))

    def higher(chords: Tensor) -> Tensor:
        return chords.unflatten(1, (3, 12)).roll(semitones, dims=2).flatten(1, 2)

    found = branch.pooled(higher(mean), higher(peak))
    assert found.shape == (2, 10, 4)
    torch.testing.assert_close(found, branch.pooled(mean, peak))
    other = branch.pooled(higher(mean), peak)  # not the same music
    assert not torch.allclose(other, branch.pooled(mean, peak), atol=1e-3)
