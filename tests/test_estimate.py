"""An estimate is what the network said and what the stream knows, flat where it is written."""

from dataclasses import fields, replace

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import AFFECT, Affect, Estimate, Summary
from tests.samples import sample_estimate


def test_the_parts_of_an_affect_are_read_as_those_of_its_estimate() -> None:
    estimate = sample_estimate(valence=0.5, arousal=0.1)
    assert {name: getattr(estimate, name) for name in AFFECT} == {
        name: getattr(estimate.affect, name) for name in AFFECT
    }
    assert (estimate.valence, estimate.mood) == (0.5, "happy")


def test_an_estimate_is_written_flat_its_affect_among_what_the_stream_knows() -> None:
    written = list(sample_estimate().to_dict())
    own = [field.name for field in fields(Estimate)]
    place = own.index("affect")
    assert written == [*own[:place], *AFFECT, *own[place + 1 :]]


def test_an_estimate_comes_back_from_what_was_written() -> None:
    estimate = sample_estimate(seq=7, valence=0.123456, skipped=3)
    assert Estimate.from_dict(estimate.to_dict()) == estimate


def test_what_a_model_does_not_tell_is_null_and_reads_so_where_it_is_left_out() -> None:
    written = sample_estimate().to_dict()
    assert (written["music"], written["familiar"]) == (None, None)
    told = sample_estimate(music=0.1234567, familiar=1.0)
    assert (told.to_dict()["music"], told.to_dict()["familiar"]) == (0.123457, 1.0)
    older = {key: value for key, value in written.items() if key not in ("music", "familiar")}
    assert Estimate.from_dict(older) == sample_estimate()


def test_what_is_said_follows_from_the_numbers_whatever_a_file_or_service_says() -> None:
    values = sample_estimate(mood="sad").to_dict()
    assert Estimate.from_dict({**values, "mood": "happy"}).mood == "sad"
    without = {name: value for name, value in values.items() if name != "mood"}
    assert Estimate.from_dict(without).mood == "sad"


def test_numbers_are_written_to_six_decimals() -> None:
    written = sample_estimate(
        valence=1 / 3, quadrants=dict.fromkeys(QUADRANTS, 1 / 3), gems=dict.fromkeys(GEMS, 2 / 3)
    ).to_dict()
    assert written["valence"] == 0.333333
    assert set(written["quadrants"].values()) == {0.333333}
    assert set(written["gems"].values()) == {0.666667}


def test_a_summary_has_the_parts_of_its_affect_or_none_of_them() -> None:
    affect: Affect = sample_estimate().affect
    whole = Summary(path="a.wav", seconds=3.0, affect=affect)
    assert whole.to_dict() == {
        "path": "a.wav",
        "seconds": 3.0,
        **{name: getattr(affect, name) for name in AFFECT},
        "music_share": None,
    }
    assert replace(whole, music_share=0.5).to_dict()["music_share"] == 0.5
    nothing = replace(whole, affect=None)
    assert nothing.to_dict() == {
        "path": "a.wav",
        "seconds": 3.0,
        **dict.fromkeys(AFFECT),
        "quadrants": dict.fromkeys(QUADRANTS),
        "gems": dict.fromkeys(GEMS),
        "music_share": None,
    }
