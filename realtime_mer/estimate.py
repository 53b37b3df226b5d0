"""The values that come out: an estimate for every hop, a summary for every clip.

One vocabulary everywhere: these attributes are the keys of the JSON lines and of the WebSocket
``estimate`` message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Self

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.mood import Words, mood_text, mood_words

DECIMALS = 6
"""Of the numbers of an estimate in JSON: finer than float32 guarantees, and half its length."""


class Status(StrEnum):
    """What the sound of an estimate's window was."""

    WARMING_UP = "warming_up"
    """Less than a whole window of sound has come since the start or a reset."""
    MUSIC = "music"
    """The window holds sound and the estimate is of it."""
    SILENCE = "silence"
    """The input is silent: the last estimate is held and its uncertainty grows."""
    TOO_QUIET = "too_quiet"
    """There is sound, but too quiet to judge: the last estimate is held as in silence."""
    NO_MUSIC = "no_music"
    """There is sound, but most likely no music: the last one of a whole window of music is
    held as in silence, neutral if there was none."""
    NO_SIGNAL = "no_signal"
    """Exact digital zeros: a denied permission or a paused player rather than a quiet room."""
    GAP = "gap"
    """Samples of this hop were lost and replaced by zeros."""
    RECONNECTING = "reconnecting"
    """The device is gone and is being reopened; the last estimate is held."""
    PAUSED = "paused"
    """Somebody asked for a pause: no estimates come until they let it go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Affect:
    """What the music expresses: of one moment, of a clip or of a track.

    Attributes:
        valence, arousal: perceived rating in [-1, 1], neutral 0.
        valence_sd, arousal_sd: predictive standard deviation of such a rating, > 0.
        quadrants: probability of each of ``QUADRANTS``, summing to 1.
        gems: expected share of listeners who tick each of ``GEMS``, each in [0, 1].
    """

    valence: float
    arousal: float
    valence_sd: float
    arousal_sd: float
    quadrants: Mapping[str, float]
    gems: Mapping[str, float]

    @property
    def words(self) -> Words:
        """The mood word that is said of it, or two; see ``mood_words``."""
        return mood_words(
            self.valence,
            self.arousal,
            valence_sd=self.valence_sd,
            arousal_sd=self.arousal_sd,
            quadrants=self.quadrants,
        )

    @property
    def mood(self) -> str:
        """The same as a text, such as ``calm`` or ``between tired and calm``."""
        return mood_text(self.words)


_NUMBERS = tuple(field.name for field in fields(Affect))

AFFECT = (*_NUMBERS, "mood")
"""Names of the parts of an ``Affect``, in the order in which JSON has them."""


class HasAffect:
    """Lets the parts of a record's affect be read as the record's own."""

    __slots__ = ()

    affect: Affect

    @property
    def valence(self) -> float:
        """See ``Affect``."""
        return self.affect.valence

    @property
    def arousal(self) -> float:
        """See ``Affect``."""
        return self.affect.arousal

    @property
    def valence_sd(self) -> float:
        """See ``Affect``."""
        return self.affect.valence_sd

    @property
    def arousal_sd(self) -> float:
        """See ``Affect``."""
        return self.affect.arousal_sd

    @property
    def quadrants(self) -> Mapping[str, float]:
        """See ``Affect``."""
        return self.affect.quadrants

    @property
    def gems(self) -> Mapping[str, float]:
        """See ``Affect``."""
        return self.affect.gems

    @property
    def words(self) -> Words:
        """See ``Affect``."""
        return self.affect.words

    @property
    def mood(self) -> str:
        """See ``Affect``."""
        return self.affect.mood


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate(HasAffect):
    """The emotion of the music at one moment, with its uncertainty and the health of the stream.

    Attributes:
        seq: number of the estimate, from 0; skipped hops leave a hole.
        t: seconds of sound, counted in samples, at the end of the window.
        wall_time: ISO 8601 time with offset when the window's last sample was captured; None for a
            file that is not played in real time.
        valence, arousal: perceived rating in [-1, 1], neutral 0.
        valence_sd, arousal_sd: predictive standard deviation of such a rating, > 0.
        quadrants: probability of each of ``QUADRANTS``, summing to 1.
        gems: expected share of listeners who tick each of ``GEMS``, each in [0, 1].
        mood: what is said of all that, such as ``calm`` or ``between tired and calm``.
        music: probability that music sounds in the window, in [0, 1]; None where the model does not
            tell.
        familiar: how near the sound is to what the model learnt from, in [0, 1]; None likewise.
        changed: how much the music of the last 5 s differs from that of the minute before, in
            [0, 1): at 0.5 it has turned, and is compared anew; None where nobody compared.
        turns: how often the music has turned since the start, to a new section or song.
        status: what the sound was, a ``Status``.
        level_dbfs: root mean square of the hop in dB relative to full scale, >= -120.
        latency_ms: milliseconds from the capture of the window's last sample to this estimate; None
            without a clock.
        state_age_s: seconds of sound since the recurrent state was last reset.
        xruns: input overflows since the start.
        skipped: hops left out since the start because inference fell behind.
        smoothing_s: time constant in seconds of the smoothing applied, 0 for none.
        delay_s: seconds by which the estimate was held back on purpose, 0 for none.
    """

    seq: int
    t: float
    wall_time: str | None
    affect: Affect
    """What the network said; in JSON its parts stand here, among what the stream knows."""
    music: float | None = None
    familiar: float | None = None
    changed: float | None = None
    turns: int = 0
    status: Status
    level_dbfs: float
    latency_ms: float | None
    state_age_s: float
    xruns: int = 0
    skipped: int = 0
    smoothing_s: float = 0.0
    delay_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping with every attribute, numbers to ``DECIMALS`` decimals."""
        values: dict[str, Any] = dict.fromkeys(ESTIMATE)
        for name, value in zip(_WRITTEN, _PARTS(self), strict=True):
            values[name] = _rounded(value)
        affect = Affect(**{name: values[name] for name in _NUMBERS})
        values["mood"] = affect.mood  # that of the numbers as they are written
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the estimate with these attributes, flat as in ``to_dict``.

        A ``mood`` among them is left out: what is said follows from the numbers.
        """
        rest = dict(values)
        rest.pop("mood", None)
        pop = rest.pop
        return cls(
            affect=Affect(
                valence=pop("valence"),
                arousal=pop("arousal"),
                valence_sd=pop("valence_sd"),
                arousal_sd=pop("arousal_sd"),
                quadrants=pop("quadrants"),
                gems=pop("gems"),
            ),
            **rest,
        )


ESTIMATE = tuple(
    name
    for field in fields(Estimate)
    for name in (AFFECT if field.name == "affect" else (field.name,))
)
"""Names of the attributes of an ``Estimate``, flat, in the order in which JSON has them."""

_WRITTEN = tuple(name for name in ESTIMATE if name != "mood")  # which follows from the others
_PARTS = attrgetter(*(f"affect.{name}" if name in AFFECT else name for name in _WRITTEN))


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The emotion of a whole clip.

    Attributes:
        path: the clip as the caller named it.
        seconds: duration of its sound.
        affect: of the clip as a whole; None where the clip is too short for a single hop.
        music_share: how much of the clip's sound is music, in [0, 1]: of the hops after warm-up
            that are ``music`` or ``no_music``, those that are ``music``; None where the model does
            not tell music from other sound, or there was no such hop.
        valence, arousal, valence_sd, arousal_sd, quadrants, gems, mood: its parts; each of them is
            None without an affect.
    """

    path: str
    seconds: float
    affect: Affect | None
    music_share: float | None = None

    @property
    def valence(self) -> float | None:
        """See ``Affect``."""
        return None if self.affect is None else self.affect.valence

    @property
    def arousal(self) -> float | None:
        """See ``Affect``."""
        return None if self.affect is None else self.affect.arousal

    @property
    def valence_sd(self) -> float | None:
        """See ``Affect``."""
        return None if self.affect is None else self.affect.valence_sd

    @property
    def arousal_sd(self) -> float | None:
        """See ``Affect``."""
        return None if self.affect is None else self.affect.arousal_sd

    @property
    def quadrants(self) -> Mapping[str, float | None]:
        """See ``Affect``; every value is None without one."""
        return dict.fromkeys(QUADRANTS) if self.affect is None else self.affect.quadrants

    @property
    def gems(self) -> Mapping[str, float | None]:
        """See ``Affect``; every value is None without one."""
        return dict.fromkeys(GEMS) if self.affect is None else self.affect.gems

    @property
    def mood(self) -> str | None:
        """See ``Affect``."""
        return None if self.affect is None else self.affect.mood

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping with every attribute."""
        return {name: getattr(self, name) for name in ("path", "seconds", *AFFECT, "music_share")}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if value is None or isinstance(value, int | str):
        return value
    return {name: round(share, DECIMALS) for name, share in value.items()}


def columns(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the cells of a table's row; nested values are named by their path: ``gems.power``."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value
