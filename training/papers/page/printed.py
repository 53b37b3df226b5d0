"""What the papers print, held against itself: figures that cannot all be true."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.optimize import linprog

from realtime_mer.emotion import GEMS

from ..systems import kerhalkar, yakovyna
from ..systems.registry import SYSTEMS
from ..systems.system import Figure, System

_CALLED = {"deam": "DEAM", "emomusic": "MTurk"}
"""What the papers call corpora that can be read here; MTurk by the article it is cited from."""

_HALF_A_DIGIT = 0.005
"""How far a number printed with two digits may be from the true one."""


def figures_of(system: System, corpus: str) -> dict[str, float]:
    """Return what a paper prints of a corpus, by metric."""
    return {each.metric: each.value for each in system.figures if each.corpus == corpus}


def impossible_f1() -> list[tuple[str, str, float, float, float]]:
    """Return the printed figures whose mean F1 is above what precision and recall allow.

    F1 is the harmonic mean of the two, so the mean over classes is at most the mean of their means.

    Returns:
        System, corpus, precision, recall, F1.
    """
    found = []
    for system in SYSTEMS:
        for corpus in dict.fromkeys(each.corpus for each in system.figures):
            printed = figures_of(system, corpus)
            if "macro-F1" not in printed:
                continue
            f1, precision, recall = (
                printed[name] for name in ("macro-F1", "macro precision", "macro recall")
            )
            # A last digit of 1 in a hundred million is no more than binary arithmetic.
            if f1 - (precision + recall) / 2 > 2 * _HALF_A_DIGIT + 1e-8:
                found.append((system.name, corpus, precision, recall, f1))
    return found


def accuracy_by_f1(f1: Mapping[int, float], counts: tuple[int, ...]) -> tuple[float, float]:
    """Return the least and the greatest accuracy that F1 of each class leave room for.

    With t, s and h the shares of true, of said and of rightly said items of a class, F1 is
    2 h / (t + s); the t are known, the s sum to 1, and the accuracy is the sum of h: a linear
    programme.

    Args:
        f1: by class, each printed with two digits.
        counts: items of each class.
    """
    true = np.array(counts) / sum(counts)
    classes = len(true)
    one = np.eye(classes)
    low, high = (
        np.array([f1[each] for each in range(classes)]) + sign * _HALF_A_DIGIT for sign in (-1, 1)
    )
    # Unknowns: h, then s.
    rows = np.vstack(
        (
            np.hstack((-2 * one, low[:, None] * one)),
            np.hstack((2 * one, -high[:, None] * one)),
            np.hstack((one, -one)),
        )
    )
    limits = np.concatenate((-low * true, high * true, np.zeros(classes)))
    aim = np.concatenate((np.ones(classes), np.zeros(classes)))
    found = [
        linprog(
            sign * aim,
            rows,
            limits,
            [1 - aim],
            [1.0],
            bounds=[*((0, each) for each in true), *((0, 1) for _ in true)],
        ).fun
        for sign in (1, -1)
    ]
    return float(found[0]), float(-found[1])


def impossible_accuracies() -> Iterator[tuple[str, str, float, float, float]]:
    """Yield Kerhalkar's accuracies that their F1 and class counts rule out.

    Yields:
        Model, corpus, printed accuracy, the least and the greatest that the rest allows.
    """
    for system in kerhalkar.SYSTEMS:
        for corpus, counts in kerhalkar.TESTED.items():
            printed = figures_of(system, corpus)
            f1 = {number: printed[f"F1 Q{number + 1}"] for number in range(len(counts))}
            least, greatest = accuracy_by_f1(f1, counts)
            accuracy = printed["accuracy"]
            if not least - _HALF_A_DIGIT <= accuracy <= greatest + _HALF_A_DIGIT:
                yield system.name, corpus, accuracy, least, greatest


def recalls_of_yakovyna() -> Iterator[tuple[str, float, float]]:
    """Yield name, printed accuracy and mean of the printed recalls of the two segment lengths.

    The two are equal where over-sampling has levelled the classes before they are divided.
    """
    for system in yakovyna.SYSTEMS:
        printed = figures_of(system, "emotify")
        recalls = [printed[f"recall {item}"] for item in GEMS]
        yield system.name, printed["accuracy"], float(np.mean(recalls))


def told(figures: Sequence[Figure], corpus: str, metric: str) -> list[tuple[str, str]]:
    """Return what a paper prints in a metric, each figure with the note on it.

    Of this corpus where there is one, else of those it names.
    """
    fitting = [each for each in figures if each.metric == metric]
    own = [each for each in fitting if each.corpus == _CALLED.get(corpus, corpus)]
    return [(f"{each.value:.3g}", each.note) for each in own] or [
        (f"{each.corpus}: {each.value:.3g}", each.note) for each in fitting
    ]
