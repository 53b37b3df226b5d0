from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.features.config import FeatureConfig
from training.corpora import Clip
from training.corpora.clip import NEVER
from training.features.cache import FeatureStore, Heard
from training.learn.augment import AugmentConfig, Augmenter, power_of
from training.learn.config import SequenceConfig
from training.learn.sequences import HISTORY, HOP, WINDOW, Streams, hop_s

CLEAN = AugmentConfig(gain_db=0.0, tilt_db=0.0, peak_db=0.0)
LOG_MEL = FeatureConfig(n_mels=4)
CONFIG = {
    "streams": 4,
    "segment_s": 12.0,
    "piece_s": (4.0, 7.0),
    "mask_bands": 0,
    "shares": {"made": 1.0},
}


def _store(frames_of_clip: list[np.ndarray]) -> tuple[list[Clip], FeatureStore]:
    clips = [
        Clip(corpus="made", id=str(n), path=Path(), seconds=0.0, group=str(n))
        for n in range(len(frames_of_clip))
    ]
    stops = np.cumsum([len(frames) for frames in frames_of_clip])
    spans = {
        clip.key: (0, int(stop) - len(frames), int(stop))
        for clip, stop, frames in zip(clips, stops, frames_of_clip, strict=True)
    }
    return clips, FeatureStore((np.concatenate(frames_of_clip).astype(np.float16),), spans, {})


def _named_clips(count: int = 6) -> tuple[list[Clip], FeatureStore]:
    """Clips whose first band says their number (from 1) and whose second their frame's."""
    frames = []
    for n in range(count):
        own = np.zeros((300 + 50 * n, 4))
        own[:, 0] = (n + 1) / 4
        own[:, 1] = np.arange(len(own)) / 256
        frames.append(own)
    return _store(frames)


def _streams(
    clips: list[Clip],
    store: FeatureStore,
    *,
    rows: dict[str, int] | None = None,
    augment: AugmentConfig = CLEAN,
    changed: list[FeatureStore] | None = None,
    log_mel: FeatureConfig = LOG_MEL,
    **settings,
):
    return Streams(
        clips,
        store,
        SequenceConfig(**(CONFIG | {"augment": augment} | settings)),
        log_mel=log_mel,
        augmenter=Augmenter(augment, log_mel),
        generator=np.random.default_rng(5),
        teacher_rows=rows or {},
        changed=changed or [],
    )


def _windows(frames: np.ndarray):
    for hop in range((len(frames) - HISTORY) // HOP):
        yield hop, frames[hop * HOP : hop * HOP + WINDOW]


def test_a_hop_bears_a_label_exactly_where_its_window_holds_one_song_or_zeros_before_it() -> None:
    clips, store = _named_clips()
    streams = _streams(clips, store)
    labelled = 0
    for _ in range(6):
        segment = streams.segment()
        for row in range(4):
            for hop, window in _windows(segment.frames[row]):
                songs = set(np.round(window[:, 0] * 4).astype(int))
                inside = songs - {0}
                clip = segment.clip[row, hop]
                if clip >= 0:
                    labelled += 1
                    assert inside == {clip + 1}
                    assert segment.weight[row, hop] == (0.25 if 0 in songs else 1.0)
                elif len(inside) == 1:
                    # One song's number, yet masked: two pieces of the same song met.
                    steps = np.diff(window[:, 1] * 256)
                    assert np.any(np.abs(steps - 1) > 0.5)
    assert labelled > 100


def test_a_stream_goes_on_with_what_it_heard_unless_it_starts_cold() -> None:
    clips, store = _named_clips()
    streams = _streams(clips, store, cold_start=0.4)
    last = streams.segment()
    assert last.fresh.all()
    fates = set()
    for _ in range(10):
        segment = streams.segment()
        for row in range(4):
            history = segment.frames[row, :HISTORY]
            fresh = bool(segment.fresh[row])
            fates.add(fresh)
            assert np.array_equal(history, 0 * history if fresh else last.frames[row, -HISTORY:])
        last = segment
    assert fates == {True, False}


def test_the_teachers_row_is_of_the_very_window_of_the_hop() -> None:
    clips, store = _named_clips()
    rows = {clip.key: (300 + 50 * n - 150) // 100 + 1 for n, clip in enumerate(clips)}
    segment = _streams(clips, store, rows=rows).segment()
    assert (segment.teacher >= 0).sum() > 4
    for row, hop in zip(*np.nonzero(segment.teacher >= 0), strict=True):
        window = segment.frames[row, hop * HOP : hop * HOP + WINDOW]
        # The window's 149 frames are the last of 150 that fill the teacher's 3 s.
        assert round(window[0, 1] * 256) == segment.teacher[row, hop] * 100 + 1
        assert segment.nearest[row, hop] == segment.teacher[row, hop]


def test_every_whole_window_has_a_nearest_row_of_the_teacher() -> None:
    clips, store = _named_clips()
    rows = {clip.key: (300 + 50 * n - 150) // 100 + 1 for n, clip in enumerate(clips)}
    segment = _streams(clips, store, rows=rows).segment()
    whole = (segment.clip >= 0) & (segment.weight == 1.0)
    assert np.array_equal(segment.nearest >= 0, whole)
    for row, hop in zip(*np.nonzero(whole), strict=True):
        start = round(segment.frames[row, hop * HOP, 1] * 256) - 1
        last = rows[clips[segment.clip[row, hop]].key] - 1
        assert abs(start - 100 * segment.nearest[row, hop]) <= 50 or (
            segment.nearest[row, hop] == last
        )


def test_every_clip_of_a_corpus_is_drawn_before_one_comes_again() -> None:
    clips, store = _named_clips(count=8)
    streams = _streams(clips, store, streams=1, segment_s=60.0, cold_start=0.0)
    song = np.round(streams.segment().frames[0, HISTORY:, 0] * 4).astype(int)
    pieces = song[np.concatenate(([True], np.diff(song) != 0))]
    assert sorted(pieces[:8]) == list(range(1, 9))


def test_the_same_seed_draws_the_same_segments() -> None:
    clips, store = _named_clips()
    one, other = (
        _streams(clips, store, augment=AugmentConfig(noise=0.5)).segment() for _ in range(2)
    )
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.clip, other.clip)


def test_as_many_pieces_as_asked_for_come_from_changed_sound_at_the_same_places() -> None:
    clips, store = _named_clips()
    stores = []
    for mark in (0.25, 0.5):
        rows = store.rows[0].copy()
        rows[:, 2] = mark
        stores.append(FeatureStore((rows,), store.spans, {}))
    augment = AugmentConfig(
        gain_db=0, tilt_db=0, peak_db=0, changed=0.5, changes=("MP3, 24 kbit/s",)
    )
    streams = _streams(
        clips, store, augment=augment, changed=stores, segment_s=600.0, cold_start=0.0, streams=1
    )
    frames = streams.segment().frames[0, HISTORY:]
    song, place, mark = (
        np.round(frames[:, band] * scale) for band, scale in ((0, 4), (1, 256), (2, 4))
    )
    starts = np.flatnonzero((np.diff(song) != 0) | (np.diff(place) != 1)) + 1
    pieces = np.split(mark, starts)
    assert all(len(set(piece)) == 1 for piece in pieces)
    share = {value: np.mean([piece[0] == value for piece in pieces]) for value in (0, 1, 2)}
    assert share[0] == pytest.approx(0.5, abs=0.15)
    assert share[1] == pytest.approx(0.25, abs=0.12)
    # A song's frames are numbered alike in every store.
    assert all(np.all(np.diff(own) == 1) for own in np.split(place, starts))


def test_a_hop_is_numbered_as_the_clip_counts_its_own() -> None:
    clips, store = _named_clips()
    streams = _streams(clips, store)
    for _ in range(3):
        segment = streams.segment()
        newest = segment.frames[:, HISTORY + HOP - 1 :: HOP]
        heard = segment.clip >= 0
        assert heard.any()
        np.testing.assert_array_equal(
            segment.hop[heard] * HOP + HOP - 1, np.round(newest[..., 1] * 256)[heard]
        )


def test_seconds_become_frames_as_the_features_settings_say() -> None:
    clips, store = _named_clips()
    twice = FeatureConfig(n_mels=4, n_fft=480, hop_length=240)
    rows = {clip.key: 10 for clip in clips}
    usual = _streams(clips, store, rows=rows).segment()
    dense = _streams(clips, store, rows=rows, log_mel=twice).segment()
    assert hop_s(LOG_MEL) == 2 * hop_s(twice) == 0.1
    assert dense.frames.shape[1] - HISTORY == 2 * (usual.frames.shape[1] - HISTORY) == 1200
    # The teacher's windows last 3 s, 300 of these frames, and begin every 2 s.
    there = dense.teacher >= 0
    assert there.any()
    ends = (dense.hop[there] + 1) * HOP
    assert np.array_equal(ends - 300, 200 * dense.teacher[there])


def test_a_row_of_pitch_stands_beside_the_five_frames_of_its_hop() -> None:
    clips, store = _named_clips()
    rows = [store[clip.key][4::5].repeat(45, axis=1) for clip in clips]  # the newest frame of each
    _, pitches = _store(rows)
    streams = _streams(clips, replace(store, pitches=pitches), cold_start=0.4)
    for _ in range(6):
        segment = streams.segment()
        assert segment.pitches.shape == (4, 24 + 120, 180)
        newest = segment.frames[:, WINDOW - 1 - 24 * HOP :: HOP]
        np.testing.assert_allclose(segment.pitches[:, :, ::45], newest, atol=1e-5)
    assert _streams(clips, store).segment().pitches.shape == (4, 144, 0)


# -- what is no music ------------------------------------------------------------------------------


def _with_music(
    music: tuple[float, float] | None, *, level: float = 1.0
) -> tuple[list[Clip], FeatureStore]:
    """Clips of which every second has this music in it, 8 s long each, loud in one band."""
    clips, store = _store([np.full((400, 4), level) for _ in range(4)])
    clips = [replace(clip, music=music) if n % 2 else clip for n, clip in enumerate(clips)]
    return clips, store


def test_music_sounds_in_every_hop_of_a_clip_of_music_and_in_none_of_another_kind() -> None:
    clips, store = _with_music(NEVER)
    segment = _streams(clips, store).segment()
    heard = segment.clip >= 0
    assert np.array_equal(segment.music[heard], 1.0 - segment.clip[heard] % 2)
    # Where two clips meet nobody says what sounds.
    assert np.isnan(segment.music[~heard]).all()
    assert (~heard).any()


def test_nobody_says_whether_a_bell_is_music() -> None:
    clips, store = _with_music(None)
    segment = _streams(clips, store).segment()
    odd = (segment.clip >= 0) & (segment.clip % 2 == 1)
    assert odd.any()
    assert np.isnan(segment.music[odd]).all()


def test_in_a_mixture_it_is_known_of_the_windows_that_lie_on_one_side() -> None:
    clips, store = _with_music((4.0, 8.0))
    streams = _streams(clips, store, piece_s=(8.0, 8.0), cold_start=0.0)
    segment = streams.segment()
    odd = (segment.clip >= 0) & (segment.clip % 2 == 1)
    assert odd.any()
    end = (segment.hop[odd] + 1) * 0.1
    begin = np.maximum(end - WINDOW / 50, 0)
    expected = np.where(end <= 4.001, 0.0, np.where(begin >= 3.999, 1.0, np.nan))
    np.testing.assert_array_equal(segment.music[odd], expected)
    assert set(np.unique(expected[~np.isnan(expected)])) == {0.0, 1.0}


def test_of_music_that_is_silent_for_half_a_window_nobody_says_that_it_sounds() -> None:
    frames = [np.concatenate((np.ones((200, 4)), np.zeros((200, 4)))) for _ in range(2)]
    clips, store = _store(frames)
    segment = _streams(clips, store, piece_s=(8.0, 8.0), cold_start=0.0).segment()
    heard = segment.clip >= 0
    silent_from = (segment.hop[heard] + 1) * HOP - 200  # frames since the music fell silent
    known = segment.music[heard] == 1
    assert known[silent_from <= 0].all()
    assert not known[silent_from >= WINDOW / 2].any()
    assert np.isnan(segment.music[heard][~known]).all()


def test_what_is_louder_hides_all_of_music_but_that_it_sounds() -> None:
    clips, store = _with_music(NEVER)
    rows = {clip.key: 3 for clip in clips}
    for over_db, hidden in (((-10.0, 4.9), True), ((5.0, 20.0), False)):
        augment = replace(CLEAN, over=1.0, over_db=over_db)
        streams = _streams(clips, store, rows=rows, augment=augment, piece_s=(8.0, 8.0))
        segment = streams.segment()
        music = segment.music == 1
        assert music.any()
        assert (segment.clip[music] < 0).any() == hidden
        assert (segment.nearest[music] < 0).all() or not hidden
    assert (segment.nearest[music & (segment.weight == 1)] >= 0).all()


def test_something_lies_over_music_alone_and_at_the_ratio_that_was_drawn() -> None:
    music, sound = (
        Heard(np.full((5 * hops, 4), level, np.float32), np.empty((hops, 0), np.float32))
        for hops, level in ((20, 2.0), (8, 1.0))
    )
    config = replace(CLEAN, over_db=(6.0, 6.0))
    augmenter = Augmenter(config, LOG_MEL)
    over = augmenter.over(music, sound, np.random.default_rng(0))
    assert over.stop - over.start == 40
    assert over.clear
    assert not over.powers[0][: over.start].any()
    assert not over.powers[0][over.stop :].any()
    ratio = power_of(music.frames, LOG_MEL.log_gain)[0] / over.powers[0][over.start]
    np.testing.assert_allclose(10 * np.log10(ratio), 6.0, atol=1e-6)
    heard = augmenter(music, music, np.random.default_rng(0), over=over).frames
    np.testing.assert_allclose(
        heard[over.start], np.log10(1 + (10**2.0 - 1) * (1 + 10**-0.6)), atol=1e-4
    )
    np.testing.assert_allclose(heard[: over.start], 2.0, atol=1e-4)


def test_no_music_sounds_behind_what_is_none() -> None:
    clips, store = _store([np.full((400, 4), 3.0), np.full((400, 4), 0.5)])
    clips[1] = replace(clips[1], music=NEVER)
    augment = replace(CLEAN, noise=1.0, snr_db=(-20.0, -20.0))
    streams = _streams(clips, store, augment=augment)
    # Whatever sounds behind, noise or a clip, has a hundred times the power of the quiet piece, and
    # it is the same in every frame only where it is the quiet clip itself.
    quiet = 10.0**0.5 - 1
    steady = set()
    for _ in range(4):
        segment = streams.segment()
        for row, hop in zip(*np.nonzero(segment.music == 0), strict=True):
            own = segment.frames[row, HISTORY + hop * HOP : HISTORY + (hop + 1) * HOP, 0]
            if np.ptp(own) < 1e-3:
                steady.add(round(float(10.0 ** own[0]) - 1))
    assert steady == {round(quiet * 101)}


def test_a_sound_that_is_made_is_no_music_and_no_clip() -> None:
    clips, store = _named_clips()
    streams = _streams(clips, store, augment=replace(CLEAN, made=0.5), segment_s=60.0)
    segment = streams.segment()
    made = segment.music == 0
    assert 0.2 < made.mean() < 0.6
    assert (segment.clip[made] == -1).all()
    assert (segment.nearest[made] == -1).all()
    assert not segment.fresh[1:].all() or streams.segment().fresh.mean() < 1
