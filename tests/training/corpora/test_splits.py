import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from training.corpora import Clip
from training.corpora.splits import (
    Split,
    check_split,
    draw_split,
    joined_groups,
    read_split,
    too_few,
    write_split,
)


def _clips(groups: list[int]) -> list[Clip]:
    return [
        Clip(corpus="made", id=str(n), path=Path(), seconds=6.0, group=str(group), quadrant=n % 4)
        for n, group in enumerate(groups)
    ]


@given(st.lists(st.integers(0, 30), min_size=40, max_size=80), st.integers(0, 9))
def test_no_group_is_ever_on_both_sides_of_a_fold(groups: list[int], seed: int) -> None:
    clips = _clips([*groups, *range(100, 105)])
    split = draw_split(clips, folds=5, seed=seed)
    for fold in range(5):
        learnt = {clip.group for clip in split.training(clips, fold)}
        held_out = {clip.group for clip in split.held_out(clips, fold)}
        assert not learnt & held_out
    assert sum(len(split.held_out(clips, fold)) for fold in range(5)) == len(clips)


def test_a_quadrant_of_fewer_clips_than_folds_is_spread_and_told_in_our_own_words() -> None:
    clips = _clips(list(range(20)))[:-2]  # of the last two quadrants there are four
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split = draw_split(clips, folds=5, seed=0)
    for quadrant in range(4):
        own = [split.fold_of[clip.key] for clip in clips if clip.quadrant == quadrant]
        assert len(set(own)) == len(own)
    assert too_few(clips, 5) == (
        "fewer clips than the 5 folds, so that some hold none of: made Q3 (4), made Q4 (4)"
    )
    assert too_few(clips, 4) is None


def test_folds_that_no_quadrant_has_clips_enough_for_are_refused() -> None:
    with pytest.raises(InputError, match=r"no quadrant of a corpus has more than 3.*3 folds or"):
        draw_split(_clips(list(range(12))), folds=5, seed=0)


def test_a_split_with_a_group_on_both_sides_is_refused_by_the_groups_name() -> None:
    clips = _clips([7, 7, 8])
    leak = Split(folds=2, seed=0, fold_of={"made/0": 0, "made/1": 1, "made/2": 1})
    with pytest.raises(InputError, match="'7'"):
        check_split(leak, clips)


def test_a_split_of_other_clips_is_refused() -> None:
    split = Split(folds=2, seed=0, fold_of={"made/0": 0})
    with pytest.raises(InputError, match="made/1"):
        check_split(split, _clips([1, 2]))


def test_a_written_split_reads_back_the_same_and_an_edited_one_is_refused(tmp_path: Path) -> None:
    clips = _clips(list(range(20)))
    split = draw_split(clips, folds=4, seed=3)
    path = tmp_path / "split.json"
    write_split(split, path)
    assert read_split(path, clips) == split
    content = json.loads(path.read_text())
    content["fold_of"]["made/0"] = (content["fold_of"]["made/0"] + 1) % 4
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="changed"):
        read_split(path, clips)


def test_the_same_seed_draws_the_same_folds_and_another_seed_others() -> None:
    clips = _clips(list(range(60)))
    assert draw_split(clips, folds=5, seed=1) == draw_split(clips, folds=5, seed=1)
    assert draw_split(clips, folds=5, seed=1).hash != draw_split(clips, folds=5, seed=2).hash


def test_a_recording_that_two_corpora_name_alike_joins_their_groups(tmp_path: Path) -> None:
    def clip(corpus: str, id: str, group: str, recording: str | None) -> Clip:
        return Clip(
            corpus=corpus, id=id, path=tmp_path, seconds=6.0, group=group, recording=recording
        )

    clips = [
        clip("a", "1", "artist:x", "song:1"),
        clip("a", "2", "artist:x", "song:2"),
        clip("b", "1", "b:1", "song:1"),
        clip("b", "2", "b:2", "song:2"),
        clip("c", "3", "c:3", None),
        clip("c", "4", "c:4", None),
    ]
    assert joined_groups(clips) == ["artist:x"] * 4 + ["c:3", "c:4"]
    leak = Split(
        folds=2, seed=0, fold_of={"a/1": 0, "a/2": 0, "b/1": 1, "b/2": 0, "c/3": 1, "c/4": 1}
    )
    with pytest.raises(InputError, match="'artist:x'"):
        check_split(leak, clips)
    with pytest.raises(InputError, match="3 groups cannot make 4 folds"):
        draw_split(clips, folds=4, seed=0)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20)), min_size=2, max_size=60))
def test_joined_groups_are_the_same_in_whatever_order_the_clips_come(
    pairs: list[tuple[int, int]],
) -> None:
    clips = [
        Clip(corpus="made", id=str(n), path=Path(), seconds=1.0, group=f"{g}", recording=f"r{r}")
        for n, (g, r) in enumerate(pairs)
    ]
    forwards = dict(zip((clip.key for clip in clips), joined_groups(clips), strict=True))
    backwards = joined_groups(clips[::-1])
    assert backwards[::-1] == [forwards[clip.key] for clip in clips]
    for one in clips:
        for other in clips:
            if one.group == other.group or one.recording == other.recording:
                assert forwards[one.key] == forwards[other.key]
