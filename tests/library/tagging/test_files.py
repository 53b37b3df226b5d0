"""Tags in files of every format: what is written is read by others, and nothing else changes."""

import os
import shutil
import stat
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging import files, id3
from realtime_mer.library.tagging.families import family_of
from realtime_mer.library.tagging.fields import Fields, Wish, taken_back, written
from realtime_mer.library.tagging.files import Plan, planned, write
from realtime_mer.writing.replacing import PART
from tests.library.made import made_track
from tests.library.tagging.made_files import (
    FORMATS,
    RATE,
    encoded_sound,
    make,
    probed,
    seen,
    tag_of_others,
)

TRACK = made_track(valence=0.4124, arousal=-0.3)
OURS = ("MER_", "MOOD", "TMOO", "TXXX:MER_", "TXXX:MOOD", "COMM:", "COMMENT", "\xa9CMT")
FREEFORM = "----:com.apple.iTunes:"


@pytest.fixture(params=FORMATS)
def path(request, tmp_path: Path) -> Path:
    return make(tmp_path / f"a.{request.param}")


@pytest.fixture(params=FORMATS)
def commented(request, tmp_path: Path) -> Path:
    return make(tmp_path / f"a.{request.param}", comment="for Änne")


def tag(path: Path, *, keep_times: bool = False, **wish: bool) -> Plan:
    """Write ``TRACK`` into a file, and return what was planned."""
    plan = planned(path, lambda now: written(now, track=TRACK, wish=Wish(**wish)))
    if plan.changes:
        write(plan, keep_times=keep_times)
    return plan


def remove(path: Path) -> Plan:
    plan = planned(path, taken_back)
    write(plan, keep_times=False)
    return plan


def fields(path: Path) -> Fields:
    with path.open("rb") as file:
        return family_of(file).read(file)


def others(path: Path) -> tuple[dict[str, str], bytes]:
    """Return what of a file must never change, as others see it."""
    tags, sound = seen(path)
    theirs = {
        name: value
        for name, value in tags.items()
        if not name.removeprefix(FREEFORM).upper().startswith(OURS) or "iTunNORM" in name
    }
    assert len(theirs) >= 3
    return theirs, sound


def test_what_is_written_is_there_and_all_else_stays(commented: Path) -> None:
    before = others(commented)
    tag(commented, energy=True)
    assert fields(commented) | {"MER_WRITTEN": ()} == {
        "MER_VALENCE": ("0.412",),
        "MER_AROUSAL": ("-0.300",),
        "MOOD": ("serene",),
        "COMMENT": ("Energy 3 - for Änne",),
        "MER_WRITTEN": (),
    }
    assert others(commented) == before


def test_what_is_taken_back_is_all_that_was_written(path: Path) -> None:
    before = seen(path)
    tag(path, energy=True)
    assert seen(path) != before
    remove(path)
    assert seen(path) == before


def test_a_comment_stands_again_as_it_was(commented: Path) -> None:
    before = seen(commented)
    tag(commented, energy=True)
    remove(commented)
    assert seen(commented) == before


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_what_is_written_is_read_by_ffprobe_and_the_encoded_sound_stays(commented: Path) -> None:
    before, sound = probed(commented), encoded_sound(commented)
    tag(commented, energy=True)
    after = {name.upper(): value for name, value in probed(commented).items()}
    assert (after["MER_VALENCE"], after["MER_AROUSAL"]) == ("0.412", "-0.300")
    assert (after.get("MOOD") or after["TMOO"]) == "serene"
    assert after["COMMENT"] == "Energy 3 - for Änne"
    assert after["TITLE"] == "Tïtle"
    assert encoded_sound(commented) == sound
    remove(commented)
    assert (probed(commented), encoded_sound(commented)) == (before, sound)


@pytest.mark.parametrize("kind", ["mp3", "aiff", "wav"])
def test_a_tag_with_room_for_it_is_the_very_bytes_of_before_when_it_is_taken_back(
    kind: str, tmp_path: Path
) -> None:
    path = make(tmp_path / f"a.{kind}", comment="for Änne")
    before = path.read_bytes()
    tag(path, energy=True)
    assert len(path.read_bytes()) == len(before)
    remove(path)
    assert path.read_bytes() == before


def test_a_file_is_written_once_where_nothing_is_new(path: Path) -> None:
    tag(path, energy=True)
    before = path.stat()
    assert tag(path, energy=True).changes == {}
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_what_another_model_says_takes_the_place_of_what_was_said(path: Path) -> None:
    tag(path, energy=True)
    other = made_track(valence=-0.5, arousal=0.5, model="other")
    write(planned(path, lambda now: written(now, track=other, wish=Wish())), keep_times=False)
    assert fields(path)["MER_VALENCE"] == ("-0.500",)
    remove(path)
    assert fields(path) == {}


def test_a_file_keeps_its_time_if_you_wish_and_its_rights_always(path: Path) -> None:
    os.utime(path, ns=(10**18, 10**18 + 1))
    path.chmod(0o640)
    tag(path, keep_times=True)
    state = path.stat()
    assert (state.st_mtime_ns, stat.S_IMODE(state.st_mode)) == (10**18 + 1, 0o640)
    remove(path)
    assert path.stat().st_mtime_ns != 10**18 + 1


def test_what_is_only_planned_is_not_written(path: Path) -> None:
    before, state = path.read_bytes(), path.stat()
    planned(path, lambda now: written(now, track=TRACK, wish=Wish(energy=True)))
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == state.st_mtime_ns


# -- what must not be written ----------------------------------------------------------------------


def left(path: Path, match: str) -> None:
    """Fail unless tagging is refused so, and leaves the file, and nothing beside it."""
    before = path.read_bytes()
    with pytest.raises(AudioFileError, match=match) as refused:
        tag(path)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == before
    assert not path.with_name(path.name + PART).exists()


def test_a_file_that_is_read_only_is_left(path: Path) -> None:
    path.chmod(0o444)  # which does not keep root from writing
    left(path, "is left as it is: it is read-only: allow writing first")


def test_a_file_in_a_folder_that_is_read_only_is_left(tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac")
    tmp_path.chmod(0o555)
    try:
        left(path, "its folder .* is read-only")
    finally:
        tmp_path.chmod(0o755)


def test_a_file_that_another_program_writes_meanwhile_is_left_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(path, lambda now: written(now, track=TRACK, wish=Wish()))
    inherit = files._inherit

    def write_meanwhile(*args: object) -> None:
        inherit(*args)
        with path.open("ab") as other:
            other.write(b"more")

    monkeypatch.setattr(files, "_inherit", write_meanwhile)
    before = path.read_bytes()
    with pytest.raises(AudioFileError, match="another program is writing it"):
        write(plan, keep_times=False)
    assert path.read_bytes() == before + b"more"


def test_a_file_of_which_more_would_change_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "a.m4a")
    whole = path.read_bytes()
    at = whole.index(b"covr")
    size = int.from_bytes(whole[at - 4 : at], "big")
    named = whole[at : at + size - 4] + b"\0\0\0\x0cnamecovr"  # which mutagen drops
    whole = whole[: at - 4] + (size + 12).to_bytes(4, "big") + named + whole[at + size - 4 :]
    for parent in (b"ilst", b"meta", b"udta", b"moov"):
        place = whole.index(parent) - 4
        grown = int.from_bytes(whole[place : place + 4], "big") + 12
        whole = whole[:place] + grown.to_bytes(4, "big") + whole[place + 4 :]
    path.write_bytes(whole)
    left(path, "not all of its other tags would stay")


def test_a_file_whose_sound_would_change_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with path.open("rb") as file:
        family = family_of(file)
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[len(whole) * 3 // 4] ^= 1
    other = path.with_name(f"spoilt{path.suffix}")
    other.write_bytes(spoilt)
    with path.open("rb") as one, other.open("rb") as two:
        assert family.rest(one).sound != family.rest(two).sound


def test_a_genre_by_number_stays_one(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a")
    file = mutagen.File(path)
    file.tags["\xa9gen"] = "18"
    file.save()
    whole = path.read_bytes()
    at = whole.index(b"\xa9gen")
    number = b"gnre\0\0\0\x1adata\0\0\0\0\0\0\0\0\0\x12"
    text = whole[at : at + 4 + 16 + 2]
    path.write_bytes(whole.replace(text, number[:7] + b"\x12" + number[8:]))
    tag(path)
    assert b"gnre" in path.read_bytes()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "it is none of MP3"),
        (b"RIFX    WAVE", "it is none of"),
        (b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xffxx", "is cut off"),
        (b"ID3\3\0\0\0\0\7\x7fxx", "cut off"),
        (b"ID3\4\0\x10\0\0\0\4xxxx" + b"\xff\xfb" * 100, "of a kind that is not written"),
        (b"ID3\3\0\0\0\0\0\x14xx\1\2" + b"\xff" * 100, "frame by frame"),
        (b"fLaC\0\0\0\x22", "mend the file"),
        (b"\0\0\0\x08ftyp\0\0\0\x20moov", "mend the file"),
    ],
)
def test_what_cannot_be_understood_is_left_with_one_line(
    content: bytes, match: str, tmp_path: Path
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    left(path, match)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    real = make(tmp_path / "real.flac")
    link = tmp_path / "link.flac"
    link.symlink_to(real)
    tag(link)
    assert link.is_symlink()
    assert fields(real)["MOOD"] == ("serene",)


@pytest.mark.parametrize("kind", ["mp3", "aiff", "wav"])
def test_a_file_without_any_tag_is_the_very_bytes_of_before_in_the_end(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, np.zeros(RATE), RATE)
    before = path.read_bytes()
    if kind == "mp3":
        before = before[id3.tag_size(before) :]
        path.write_bytes(before)
    tag(path)
    assert seen(path)[0]["TMOO"] == "TMOO(encoding=<Encoding.UTF8: 3>, text=['serene'])"
    remove(path)
    assert path.read_bytes() == before


def test_a_flac_with_an_id3_tag_before_it_keeps_it(tmp_path: Path) -> None:
    path = make(tmp_path / "a.flac")
    front = tag_of_others()
    path.write_bytes(front + path.read_bytes())
    tag(path)
    assert path.read_bytes().startswith(front + b"fLaC")
    assert fields(path)["MOOD"] == ("serene",)


def test_extended_attributes_go_along(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3")
    try:
        os.setxattr(path, "user.rating", b"5")
    except (AttributeError, OSError):
        pytest.skip("there are no extended attributes here")
    tag(path)
    assert os.getxattr(path, "user.rating") == b"5"
