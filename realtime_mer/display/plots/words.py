"""Where the words of the plane stand: none over another, none under the point (no Qt)."""

from collections.abc import Mapping

_RAMP = 30.0  # pixels over which a word at the point's side makes way
_APART = 2.0  # pixels between two words, since places are rounded to whole pixels
_ROUNDS = 60  # of spreading; the last crowded words are then set exactly

Size = tuple[float, float]


class WordPlaces:
    """The places of words that only ever move up and down.

    A word stands at its own place, or as near to it as the words beside it allow. One that the
    point would cover moves above or below it, and pushes on whatever stands there. Of two words
    that share a column the upper one stays the upper one, so nothing jumps over anything.

    Args:
        homes: the middle of each word's own place, in pixels, y downwards.
        sizes: width and height of each word, the largest that it is ever written with.
        radius: pixels that the point keeps free.
    """

    def __init__(
        self, homes: Mapping[str, Size], sizes: Mapping[str, Size], *, radius: float
    ) -> None:
        self._sizes, self._radius = dict(sizes), radius
        self._x = {word: x for word, (x, _) in homes.items()}
        self._order = sorted(homes, key=lambda word: (homes[word][1], self._x[word]))
        self._above = {
            word: [other for other in self._order[:place] if self._share_column(word, other)]
            for place, word in enumerate(self._order)
        }
        self._below: dict[str, list[str]] = {word: [] for word in self._order}
        for word, others in self._above.items():
            for other in others:
                self._below[other].append(word)
        self._homes = self._spread({word: y for word, (_, y) in homes.items()})
        self._sides = dict.fromkeys(self._order, 0)
        self._places = dict(self._homes)

    def place(self, word: str) -> tuple[float, float]:
        """Return where the middle of a word is now, in pixels."""
        return self._x[word], self._places[word]

    def make_way(self, x: float, y: float) -> list[str]:
        """Let words make way for the point; return those that moved.

        Args:
            x, y: the middle of the point in pixels.
        """
        places = dict(self._homes)
        for word in self._order:
            width, height = self._sizes[word]
            shift, self._sides[word] = evasion(
                x - self._x[word],
                y - self._homes[word],
                reach=(width / 2, height / 2),
                radius=self._radius,
                side=self._sides[word],
            )
            places[word] += shift
        near = [word for word in self._order if self._sides[word]]
        sides = [self._sides[word] for word in near]
        if sides != sorted(sides):  # one from below has stayed above one from above
            for word in near:
                self._sides[word] = side = -1 if self._homes[word] <= y else 1
                places[word] = self._clear(word, x, y, side)
        self._push(places)
        moved = [word for word in self._order if abs(places[word] - self._places[word]) >= 0.25]
        for word in moved:
            self._places[word] = places[word]
        return moved

    def _clear(self, word: str, x: float, y: float, side: int) -> float:
        width, height = self._sizes[word]
        home = self._homes[word]
        weight = _weight(x - self._x[word], width / 2, self._radius)
        free = height / 2 + self._radius
        return home + side * weight * max(0.0, side * (y - home) + free)

    def _push(self, places: dict[str, float]) -> None:
        """Let what has moved up push up what is above it, and likewise downwards."""
        for word in reversed(self._order):
            if places[word] < self._homes[word]:
                for other in self._above[word]:
                    places[other] = min(places[other], places[word] - self._need(word, other))
        for word in self._order:
            if places[word] > self._homes[word]:
                for other in self._below[word]:
                    places[other] = max(places[other], places[word] + self._need(word, other))

    def _spread(self, places: dict[str, float]) -> dict[str, float]:
        """Return the places nearest to their own at which no word covers another."""
        pairs = [(upper, word) for word in self._order for upper in self._above[word]]
        for _ in range(_ROUNDS):
            for upper, lower in pairs:
                short = self._need(upper, lower) - (places[lower] - places[upper])
                if short > 0:
                    places[upper] -= short / 2
                    places[lower] += short / 2
        for upper, lower in pairs:  # by the lower one, from the top
            places[lower] = max(places[lower], places[upper] + self._need(upper, lower))
        return places

    def _need(self, one: str, other: str) -> float:
        return (self._sizes[one][1] + self._sizes[other][1]) / 2 + _APART

    def _share_column(self, one: str, other: str) -> bool:
        need = (self._sizes[one][0] + self._sizes[other][0]) / 2 + _APART
        return abs(self._x[one] - self._x[other]) < need


def evasion(
    across: float, down: float, *, reach: Size, radius: float, side: int
) -> tuple[float, int]:
    """Return how far a word moves down so that a point does not cover it, and to which side.

    It moves little by little as the point comes nearer from the side, and stays on the side that it
    chose until the point has gone past, so that it does not flutter.

    Args:
        across, down: where the point is from the middle of the word's own place, in pixels.
        reach: half the width and half the height of the word.
        radius: pixels that the point keeps free.
        side: what this returned last; 0 at first.

    Returns:
        Pixels to move down, negative for up, and the side: -1 above, 1 below, 0 for its own place.
    """
    weight = _weight(across, reach[0], radius)
    free = reach[1] + radius
    if not weight or abs(down) >= 2 * free:
        return 0.0, 0
    if side == 0 or side * down > 0.8 * free:
        side = -1 if down >= 0 else 1
    return side * weight * max(0.0, side * down + free), side


def _weight(across: float, reach: float, radius: float) -> float:
    return min(1.0, max(0.0, 1.0 - (abs(across) - reach - radius) / _RAMP))
