"""What is said of an estimate: one mood word, or the two between which it lies.

There is no other source of mood words. They come from where the point is, how uncertain it is and
how likely each quadrant is, all at once, so that what is said agrees with all that is shown beside
it. ``contradictions`` states what that means.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from realtime_mer.emotion import (
    MIDDLE_RADIUS,
    MOOD_WORDS,
    NEUTRAL,
    QUADRANTS,
    quadrant_of,
)

Words = tuple[str, ...]
"""One mood word, or two in the order of ``MOOD_WORDS``; none where nothing is said."""

CLEAR = 0.5
"""A quadrant is clear where its neighbours are each less than that part as likely as it is."""

MAJORITY = 0.5
"""Near the middle a quadrant is named that is at least so likely."""

BETWEEN = "between {} and {}"
"""How two words are said."""

BETWEEN_SHORT = "{} \N{EN DASH} {}"
"""The same where letters are large, in any language."""

_WORDS = {mood.word: mood for mood in MOOD_WORDS}
_ORDER = {word: place for place, word in enumerate(_WORDS)}
_NEIGHBOURS = {
    name: (QUADRANTS[place - 1], QUADRANTS[(place + 1) % len(QUADRANTS)])
    for place, name in enumerate(QUADRANTS)
}
_OF_QUADRANT = {
    name: tuple(mood for mood in MOOD_WORDS if mood.quadrant == name) for name in QUADRANTS
}


def mood_words(
    valence: float,
    arousal: float,
    *,
    valence_sd: float,
    arousal_sd: float,
    quadrants: Mapping[str, float],
) -> Words:
    """Return what is said of a point of the plane.

    Near the middle it is ``neutral``, and with it the nearest word of the quadrant that is likely
    all the same. Elsewhere it is the nearest word of the point's quadrant; with it that of another
    one where the network holds that other one likelier, or where a neighbour is nearly as likely.
    How likely, is the mean of two: the network's own word on the quadrants, and the part of the
    point's normal distribution that lies in each.

    Args:
        valence, arousal: coordinates in [-1, 1].
        valence_sd, arousal_sd: standard deviations of the point, >= 0.
        quadrants: probability of each of ``QUADRANTS``.
    """
    here = quadrant_of(valence, arousal)
    likeliest = _likeliest(quadrants, rather=here)
    if _near_the_middle(valence, arousal):
        if quadrants.get(likeliest, 0.0) < MAJORITY:
            return (NEUTRAL.word,)
        return (NEUTRAL.word, _nearest(valence, arousal, likeliest))
    other = likeliest
    if here == likeliest:
        right, up = above_zero(valence, valence_sd), above_zero(arousal, arousal_sd)
        point = {
            "Q1": right * up,
            "Q2": (1 - right) * up,
            "Q3": (1 - right) * (1 - up),
            "Q4": right * (1 - up),
        }
        likely = {name: (point[name] + quadrants.get(name, 0.0)) / 2 for name in QUADRANTS}
        other = max(_NEIGHBOURS[here], key=likely.__getitem__)
        if likely[other] < CLEAR * likely[here]:
            return (_nearest(valence, arousal, here),)
    both = (_nearest(valence, arousal, here), _nearest(valence, arousal, other))
    return tuple(sorted(both, key=_ORDER.__getitem__))


def mood_text(words: Words, *, own: Mapping[str, str] | None = None, short: bool = False) -> str:
    """Return words as they are said, such as ``calm`` or ``between tired and calm``.

    Args:
        words: as from ``mood_words``; "" where there are none.
        own: what to write for a mood word, where it is not the word itself.
        short: say two with a dash.
    """
    said = [(own or {}).get(word, word) for word in words]
    if len(said) == 2:
        return (BETWEEN_SHORT if short else BETWEEN).format(*said)
    return said[0] if said else ""


def contradictions(
    words: Words, *, valence: float, arousal: float, quadrants: Mapping[str, float]
) -> list[str]:
    """Return in what words contradict the point and the quadrants beside them; nothing is best.

    A word claims its quadrant, ``neutral`` the middle. The words contradict

    - the point, if none claims a quadrant in which it lies (a point on an axis lies in both); near
      the middle the claim of the middle will do as well;
    - the quadrants, if none claims the likeliest (of equals, any); where that one is less likely
      than ``MAJORITY``, the claim of the middle will do as well.

    Args:
        words: as from ``mood_words``, of this estimate or of an earlier one; not empty.
        valence, arousal, quadrants: of this estimate.
    """
    claims = {_WORDS[word].quadrant for word in words}
    middle = NEUTRAL.quadrant in claims
    found = []
    here = {
        name
        for name in QUADRANTS
        if (valence >= 0 if name in {"Q1", "Q4"} else valence <= 0)
        and (arousal >= 0 if name in {"Q1", "Q2"} else arousal <= 0)
    }
    if not (claims & here or (middle and _near_the_middle(valence, arousal))):
        found.append(f"the point lies in {' and '.join(sorted(here))}")
    most = max(quadrants.values(), default=0.0)
    likeliest = {name for name, probability in quadrants.items() if probability == most}
    if not (claims & likeliest or (middle and most < MAJORITY)):
        found.append(f"{' and '.join(sorted(likeliest))} has {most:.0%}")
    return found


class HasWords(Protocol):
    """What has words and what they are said of, such as an estimate."""

    @property
    def words(self) -> Words: ...
    @property
    def valence(self) -> float: ...
    @property
    def arousal(self) -> float: ...
    @property
    def quadrants(self) -> Mapping[str, float]: ...


class Held:
    """What is said live: words change once their successors have stood for a while.

    Words that would contradict what is shown beside them give way at once.

    Args:
        seconds: how long.

    Attributes:
        words: what is said now; none before the first.
    """

    def __init__(self, seconds: float) -> None:
        self.words: Words = ()
        self._seconds = seconds
        self._next: Words = ()
        self._since = 0.0

    def offer(
        self,
        estimate: HasWords,
        *,
        now: float,
    ) -> Words:
        """Take an estimate and return what is said.

        Args:
            estimate: the latest.
            now: seconds on any steady clock; one that has begun anew holds nothing.
        """
        if estimate.words != self._next:
            self._next, self._since = estimate.words, now
        elapsed = now - self._since
        if not self.words or not 0 <= elapsed < self._seconds or self._contradicts(estimate):
            self.words = estimate.words
        return self.words

    def _contradicts(self, estimate: HasWords) -> bool:
        return bool(
            contradictions(
                self.words,
                valence=estimate.valence,
                arousal=estimate.arousal,
                quadrants=estimate.quadrants,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Most:
    """What was said most over a time.

    Attributes:
        quadrant: what the words claim that were said most; None for the middle.
        part: of the time, in [0, 1].
        word: the most frequent of these words.
        word_part: of the whole time, in [0, part].
    """

    quadrant: str | None
    part: float
    word: str
    word_part: float


class Said:
    """How much of each mood word was said; two words at once count half each."""

    def __init__(self) -> None:
        self._amounts: dict[str, float] = {}

    def add(self, words: Words, *, amount: float = 1.0) -> None:
        """Count what was said, for so many hops or seconds."""
        for word in words:
            self._amounts[word] = self._amounts.get(word, 0.0) + amount / len(words)

    @property
    def words(self) -> Mapping[str, float]:
        """Return the amount of each word that was said, the largest first."""
        return dict(sorted(self._amounts.items(), key=lambda item: -item[1]))

    @property
    def quadrants(self) -> Mapping[str | None, float]:
        """Return the amount of each quadrant, and under None that of the middle."""
        sums: dict[str | None, float] = dict.fromkeys((*QUADRANTS, None), 0.0)
        for word, amount in self._amounts.items():
            sums[_WORDS[word].quadrant] += amount
        return sums

    def ranked(self) -> list[Most]:
        """Return the claims that were made, the most frequent first, each with its first word.

        The word is one of the claim, so that the two never contradict each other.
        """
        whole = sum(self._amounts.values())
        words, quadrants = self.words, self.quadrants
        made = [quadrant for quadrant, amount in quadrants.items() if amount]
        made.sort(key=lambda quadrant: -quadrants[quadrant])
        first = {
            quadrant: next(w for w in words if _WORDS[w].quadrant == quadrant) for quadrant in made
        }
        return [
            Most(
                quadrant=quadrant,
                part=quadrants[quadrant] / whole,
                word=first[quadrant],
                word_part=words[first[quadrant]] / whole,
            )
            for quadrant in made
        ]

    def most(self) -> Most | None:
        """Return the claim that was made most; None where nothing was said."""
        return next(iter(self.ranked()), None)


def _near_the_middle(valence: float, arousal: float) -> bool:
    return math.hypot(valence, arousal) < MIDDLE_RADIUS


def _likeliest(quadrants: Mapping[str, float], *, rather: str) -> str:
    # A plain loop, as below: it is asked at every hop of every stream.
    found, highest = rather, quadrants.get(rather, 0.0)
    for name in QUADRANTS:
        if (probability := quadrants.get(name, 0.0)) > highest:
            found, highest = name, probability
    return found


def above_zero(mean: float, sd: float) -> float:
    """Return the part of a normal distribution that lies above zero."""
    if sd <= 0:  # of a service that is sure
        return float(mean >= 0)
    return (1 + math.erf(mean / sd / math.sqrt(2))) / 2


def _nearest(valence: float, arousal: float, quadrant: str) -> str:
    # A plain loop, for it is asked a few times at every hop of every stream.
    found, least = _OF_QUADRANT[quadrant][0].word, math.inf
    for mood in _OF_QUADRANT[quadrant]:
        distance = math.hypot(mood.valence - valence, mood.arousal - arousal)
        if distance < least:
            found, least = mood.word, distance
    return found
