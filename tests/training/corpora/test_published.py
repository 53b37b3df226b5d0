"""The layouts that researchers download, each on the smallest folder that looks like it."""

from pathlib import Path

import numpy as np
import pytest

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError
from tests.training.made_corpora import samples, sound, table
from training.corpora import Clip, find_corpora, read_clips, without_repeats
from training.corpora.deam import columns_exchanged
from training.corpora.splits import draw_split, joined_groups

DEAM_SONGS = [2, 3, 4, 7, 10, 998, 999, 1000, 1001, 1500]


def _affect(song: int) -> tuple[float, float]:
    """Return a song's true valence and arousal on [-1, 1], unrelated to one another."""
    return float(np.sin(song)), float(np.cos(2.7 * song))


def _deam(
    folder: Path, *, exchanged: bool, inner: str = "annotations", underscores: bool = False
) -> None:
    name = "annotations averaged per song"
    averaged = folder / inner / (name.replace(" ", "_") if underscores else name)
    rows = []
    for song in DEAM_SONGS:
        valence, arousal = (5 + 4 * value for value in _affect(song))
        if exchanged and song <= 1000:
            valence, arousal = arousal, valence
        spread = (2.0, 1.0) if exchanged and song <= 1000 else (1.0, 2.0)
        rows.append(
            {
                "song_id": song,
                " valence_mean": valence,
                " valence_std": spread[0],
                " arousal_mean": arousal,
                " arousal_std": spread[1],
            }
        )
    table(averaged / "song_level" / "static_annotations_averaged_songs_1_2000.csv", rows)
    table(
        averaged / "song_level" / "static_annotations_averaged_songs_2000_2058.csv",
        [
            {
                "song_id": 2001,
                " valence_mean": 7,
                " valence_std": 1,
                " valence_ max mean": 8,
                " arousal_mean": 3,
                " arousal_std": 2,
            }
        ],
    )
    for index, axis in enumerate(("valence", "arousal")):
        curves = {
            str(song): [_affect(song)[index] + 0.1, _affect(song)[index] - 0.1, ""]
            for song in DEAM_SONGS
        }
        table(averaged / "dynamic (per second annotations)" / f"{axis}.csv", samples(curves))
    for song in (*DEAM_SONGS, 2001):
        sound(folder / "MEMD_audio" / f"{song}.mp3")
    table(
        folder / "metadata" / "metadata_2013.csv",
        [
            {"song_id": song, "file_name": f"{song}.mp3", "Artist": artist, "Song title": "x"}
            for song, artist in ((2, "The Band"), (3, "Band"), (4, ""))
        ],
    )
    (folder / "metadata" / "metadata_2014.csv").write_text(
        "Id, Artist, Album, Track\n1001,Solo,Live,One,with,more,cells,than,names\n"
    )


def _emomusic(folder: Path, *, exchanged: bool = False) -> None:
    songs = [song for song in DEAM_SONGS if song <= 1000]
    for index, axis in enumerate(("valence", "arousal")):
        means = {
            str(song): [_affect(song)[index] + 0.1, _affect(song)[index] - 0.1] for song in songs
        }
        table(folder / "annotations" / f"{axis}_cont_average.csv", samples(means))
        spreads = {str(song): [0.3, 0.4] for song in songs}
        table(folder / "annotations" / f"{axis}_cont_std.csv", samples(spreads))
    rows = []
    for song in songs:
        valence, arousal = (5 + 4 * value for value in _affect(song))
        if exchanged:
            valence, arousal = arousal, valence
        rows.append(
            {
                "song_id": song,
                "mean_arousal": arousal,
                "std_arousal": 2,
                "mean_valence": valence,
                "std_valence": 1,
            }
        )
    table(folder / "annotations" / "static_annotations.csv", rows)
    table(
        folder / "annotations" / "songs_info.csv",
        [{"song_id": 7, "file_name": "7.mp3", "Artist": "Seven", "Song title": "x"}],
    )
    for song in songs:
        sound(folder / "clips_45sec" / f"{song}.mp3")


def _by_key(clips: list[Clip]) -> dict[str, Clip]:
    return {clip.key: clip for clip in clips}


@pytest.mark.parametrize("exchanged", [False, True])
def test_deam_gives_the_same_ratings_whether_or_not_its_columns_were_exchanged(
    tmp_path: Path, exchanged: bool
) -> None:
    _deam(tmp_path / "DEAM", exchanged=exchanged)
    clips = _by_key(read_clips(tmp_path))
    assert len(clips) == 11
    for song in DEAM_SONGS:
        clip = clips[f"deam/{song}"]
        assert (clip.valence, clip.arousal) == pytest.approx(_affect(song))
        assert (clip.valence_sd, clip.arousal_sd) == (0.25, 0.5)
    assert clips["deam/2001"].valence == 0.5


def test_deams_curves_end_where_its_cells_are_empty(tmp_path: Path) -> None:
    _deam(tmp_path / "DEAM", exchanged=False)
    curve = _by_key(read_clips(tmp_path))["deam/10"].curve
    assert curve is not None
    assert curve.times == (15.0, 15.5)
    assert curve.valence == pytest.approx((_affect(10)[0] + 0.1, _affect(10)[0] - 0.1))
    assert curve.valence_sd is None


def test_deam_is_found_as_its_archives_unpack_and_with_underscores(tmp_path: Path) -> None:
    _deam(tmp_path / "a", exchanged=False, inner="DEAM_Annotations/annotations")
    _deam(tmp_path / "b", exchanged=False, underscores=True)
    assert len(read_clips(tmp_path / "a")) == 11
    assert len(read_clips(tmp_path / "b")) == 11


def test_deams_songs_are_grouped_by_artist_however_it_is_spelt(tmp_path: Path) -> None:
    _deam(tmp_path / "DEAM", exchanged=False)
    clips = _by_key(read_clips(tmp_path))
    assert clips["deam/2"].group == clips["deam/3"].group == "artist:band"
    assert clips["deam/4"].group == "deam:4"
    assert clips["deam/1001"].group == "artist:solo"


def test_deam_without_curves_to_check_its_columns_by_is_refused(tmp_path: Path) -> None:
    _deam(tmp_path / "DEAM", exchanged=False)
    for path in (tmp_path / "DEAM").rglob("dynamic*/*.csv"):
        path.unlink()
    with pytest.raises(InputError, match="unpack all"):
        read_clips(tmp_path)


def test_columns_are_not_judged_by_a_handful_of_songs() -> None:
    few = {str(n): _affect(n) for n in range(7)}
    with pytest.raises(InputError, match="only 7 songs"):
        columns_exchanged(few, few)


def test_columns_are_told_although_valence_and_arousal_go_together() -> None:
    random = np.random.default_rng(0)
    common = random.normal(size=200)
    moving = {
        str(n): (common[n] + random.normal(), common[n] + random.normal()) for n in range(200)
    }
    right = {
        song: (5 + v + random.normal(), 5 + a + random.normal()) for song, (v, a) in moving.items()
    }
    assert not columns_exchanged(right, moving)
    assert columns_exchanged({song: (a, v) for song, (v, a) in right.items()}, moving)


@pytest.mark.parametrize("exchanged", [False, True])
def test_emomusic_is_read_with_its_curves_and_spreads(tmp_path: Path, exchanged: bool) -> None:
    _emomusic(tmp_path / "1000songs", exchanged=exchanged)
    clip = _by_key(read_clips(tmp_path))["emomusic/7"]
    assert (clip.valence, clip.arousal) == pytest.approx(_affect(7))
    assert clip.curve is not None
    assert clip.curve.arousal_sd == (0.3, 0.4)
    assert clip.group == "artist:seven"
    assert clip.seconds == pytest.approx(0.5, abs=0.1)


def test_songs_of_emomusic_are_those_of_deam_and_never_on_the_other_side(tmp_path: Path) -> None:
    _deam(tmp_path / "DEAM", exchanged=True)
    _emomusic(tmp_path / "emomusic")
    clips = read_clips(tmp_path)
    assert len(clips) == 11 + 8
    assert {clip.corpus for clip in without_repeats(clips)} == {"deam"}
    # 7 is known by its artist in one corpus alone, 2 and 3 share one in the other.
    groups = dict(zip((clip.key for clip in clips), joined_groups(clips), strict=True))
    assert groups["emomusic/7"] == groups["deam/7"]
    assert groups["emomusic/2"] == groups["deam/3"]
    split = draw_split(clips, folds=4, seed=0)
    for song in (2, 3, 4, 7, 10, 998):
        assert split.fold_of[f"emomusic/{song}"] == split.fold_of[f"deam/{song}"]


def _pmemo(folder: Path) -> None:
    notes = folder / "annotations"
    table(
        notes / "static_annotations.csv",
        [
            {"musicId": 1, "Arousal(mean)": 0.4, "Valence(mean)": 0.575},
            {"musicId": 4, "Arousal(mean)": 0.25, "Valence(mean)": 0.3},
        ],
    )
    table(
        notes / "static_annotations_std.csv",
        [{"musicId": 1, "Arousal(std)": 0.1, "Valence(std)": 0.2}],
    )
    for name, kind, value in (("", "mean", 0.5), ("_std", "std", 0.2)):
        table(
            notes / f"dynamic_annotations{name}.csv",
            [
                {
                    "musicId": 1,
                    "frameTime": time,
                    f"Arousal({kind})": value,
                    f"Valence({kind})": value,
                }
                for time in (15.0, 15.5)
            ],
        )
    table(
        folder / "metadata.csv",
        [
            {"musicId": 1, "fileName": "1.mp3", "title": "x", "artist": "The Singer"},
            {"musicId": 4, "fileName": "4.mp3", "title": "y", "artist": "Other"},
        ],
    )
    for song in (1, 4):
        sound(folder / "chorus" / f"{song}.mp3")


def test_pmemo_is_brought_from_zero_to_one_onto_minus_one_to_one(tmp_path: Path) -> None:
    _pmemo(tmp_path / "PMEmo2019")
    clips = _by_key(read_clips(tmp_path))
    first = clips["pmemo/1"]
    assert (first.valence, first.arousal) == pytest.approx((0.15, -0.2))
    assert (first.valence_sd, first.arousal_sd) == pytest.approx((0.4, 0.2))
    assert first.curve is not None
    assert first.curve.times == (15.0, 15.5)
    assert first.curve.valence == (0.0, 0.0)
    assert first.curve.valence_sd == (0.4, 0.4)
    assert first.group == "artist:singer"
    assert clips["pmemo/4"].curve is None
    assert clips["pmemo/4"].valence_sd is None


def _emotify(folder: Path, music: Path) -> None:
    names = {item: f" {item}" for item in GEMS}
    rows = []
    for track, genre, item in (
        (1, "classical", "calmness"),
        (1, "classical", "sadness"),
        (101, "rock", "power"),
        (201, "electronic", "tension"),
        (301, "pop", "nostalgia"),
    ):
        ticks = {names[each]: int(each == item) for each in GEMS}
        rows.append(
            {"track id": track, " genre": genre, **ticks, " mood": 3, " mother tongue": "nl"}
        )
    table(folder / "data.csv", rows)
    for seconds, genre in enumerate(("classical", "rock", "electronic", "pop"), start=1):
        artist = "Ensemble" if genre in ("classical", "pop") else ""
        sound(music / genre / "1.mp3", seconds=seconds, artist=artist)


@pytest.mark.parametrize("inside", [True, False])
def test_emotifys_tracks_are_found_by_number_within_the_genre(tmp_path: Path, inside: bool) -> None:
    folder = tmp_path / "Emotify"
    _emotify(folder, folder if inside else folder / "emotifymusic")
    clips = _by_key(read_clips(tmp_path))
    lengths = {key: round(clip.seconds) for key, clip in clips.items()}
    assert lengths == {"emotify/001": 1, "emotify/101": 2, "emotify/201": 3, "emotify/301": 4}
    first = clips["emotify/001"]
    assert first.answers == 2
    assert first.gems is not None
    assert dict(zip(GEMS, first.gems, strict=True))["calmness"] == 0.5
    assert first.group == clips["emotify/301"].group == "artist:ensemble"
    assert clips["emotify/101"].group == "emotify:101"


def test_a_track_of_emotify_outside_its_genres_hundred_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "Emotify"
    _emotify(folder, folder)
    path = folder / "data.csv"
    path.write_text(path.read_text().replace("201,electronic", "101,electronic"))
    path.write_text(path.read_text().replace("101,rock", "102,rock"))
    with pytest.raises(InputError, match="track 101 in electronic"):
        read_clips(tmp_path)


def _panda4q(folder: Path) -> None:
    rows = [("MT0000000001", "Q1", "The Band"), ("MT0000000002", "Q3", "")]
    table(
        folder / "panda_dataset_taffc_annotations.csv",
        [{'"Song"': f'"{song}"', '"Quadrant"': f'"{place}"'} for song, place, _ in rows],
    )
    table(
        folder / "panda_dataset_taffc_metadata.csv",
        [{"Song": song, "Artist": artist, "Title": "x"} for song, _, artist in rows],
    )
    for song, place, _ in rows:
        sound(folder / place / f"{song}.mp3")


def _merge(folder: Path) -> None:
    rows = [("A001", "Q1", "Band", "MT0000000001"), ("A002", "Q4", "Other", "MT0000000009")]
    table(
        folder / "merge_audio_complete_metadata.csv",
        [
            {"Song": song, "Quadrant": place, "AllMusic Id": known, "Artist": artist}
            for song, place, artist, known in rows
        ],
    )
    table(
        folder / "merge_audio_complete_av_values.csv",
        [{"Song": "A001", "Arousal": 0.75, "Valence": 0.6}],
    )
    split = folder / "tvt_dataframes" / "tvt_70_15_15"
    table(split / "tvt_70_15_15_train_audio_complete.csv", [{"Song": "A001", "Quadrant": "Q1"}])
    table(split / "tvt_70_15_15_validate_audio_complete.csv", [{"Song": "A002", "Quadrant": "Q4"}])
    for song, place, *_ in rows:
        sound(folder / place / f"{song}.mp3")


def test_4q_as_published_gives_quadrants_and_artists(tmp_path: Path) -> None:
    _panda4q(tmp_path / "4Q")
    clips = _by_key(read_clips(tmp_path))
    assert [clip.quadrant for clip in clips.values()] == [0, 2]
    assert clips["panda4q/MT0000000001"].group == "artist:band"
    assert clips["panda4q/MT0000000002"].group == "panda4q:MT0000000002"
    assert clips["panda4q/MT0000000001"].valence is None


def test_merge_is_read_with_its_official_split_and_meets_4q(tmp_path: Path) -> None:
    _panda4q(tmp_path / "4Q")
    _merge(tmp_path / "MERGE_Audio_Complete")
    clips = read_clips(tmp_path)
    by_key = _by_key(clips)
    first, second = by_key["merge/A001"], by_key["merge/A002"]
    assert (first.valence, first.arousal) == pytest.approx((0.2, 0.5))
    assert (first.official, second.official) == ("train", "val")
    assert second.valence is None
    assert second.quadrant == 3
    kept = {clip.key for clip in without_repeats(clips)}
    assert kept == {"panda4q/MT0000000001", "panda4q/MT0000000002", "merge/A002"}


def test_each_layout_is_told_by_what_lies_in_it(tmp_path: Path) -> None:
    _deam(tmp_path / "one", exchanged=False)
    _emomusic(tmp_path / "two")
    _pmemo(tmp_path / "three")
    _emotify(tmp_path / "four", tmp_path / "four" / "emotifymusic")
    _panda4q(tmp_path / "five")
    _merge(tmp_path / "six")
    found = {each.folder.name: each.corpus.name for each in find_corpora(tmp_path)}
    assert found == {
        "one": "deam",
        "two": "emomusic",
        "three": "pmemo",
        "four": "emotify",
        "five": "panda4q",
        "six": "merge",
    }
    for folder, name in found.items():
        assert [each.corpus.name for each in find_corpora(tmp_path / folder)] == [name]


def test_a_corpus_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    _pmemo(tmp_path / "PMEmo2019")
    _pmemo(tmp_path / "copy")
    with pytest.raises(InputError, match="pmemo/1 is there twice"):
        read_clips(tmp_path)


def test_missing_audio_of_a_published_corpus_is_refused_by_name(tmp_path: Path) -> None:
    _pmemo(tmp_path / "PMEmo2019")
    (tmp_path / "PMEmo2019" / "chorus" / "4.mp3").unlink()
    with pytest.raises(InputError, match=r"pmemo/4 .*4\.mp3"):
        read_clips(tmp_path)


def test_a_cell_that_is_no_number_is_refused_with_its_table(tmp_path: Path) -> None:
    _pmemo(tmp_path / "PMEmo2019")
    path = tmp_path / "PMEmo2019" / "annotations" / "static_annotations.csv"
    path.write_text(path.read_text().replace("0.575", "high"))
    with pytest.raises(InputError, match=r"static_annotations\.csv holds 'high'"):
        read_clips(tmp_path)
