"""Statistics of many bootstrap draws at once: a draw only says how often each row counts.

To call a library's metric on every draw takes minutes where these take a second.

Dimensions: n rows, R draws. Weights are ``(R, n)``, how often each row was drawn, whole numbers in
float64; results are ``(R,)``, no number where a draw does not define one.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def total(values: NDArray[np.generic], weights: Floats) -> Floats:
    """Return the sum of values ``(n,)``."""
    found: Floats = weights @ values.astype(np.float64)
    return found


def mean(values: NDArray[np.generic], weights: Floats) -> Floats:
    """Return the mean of values ``(n,)``."""
    return ratio(total(values, weights), weights.sum(1))


def ratio(above: Floats, below: Floats) -> Floats:
    """Return a quotient, no number where its divisor is 0."""
    found: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
    return found


def variance(values: Floats, weights: Floats, *, ddof: int = 0) -> Floats:
    """Return the variance of values ``(n,)`` over a draw's rows less ``ddof``."""
    apart = _apart(values, weights)
    count = weights.sum(1) - ddof
    return ratio(np.einsum("rn,rn,rn->r", weights, apart, apart), np.maximum(count, 0))


def quantile(values: Floats, weights: Floats, share: float) -> Floats:
    """Return the quantile of values ``(n,)`` at a share in [0, 1], between two values a mixture."""
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values)
    until = np.cumsum(weights[:, order], axis=1)  # rows of a draw up to each value
    place = np.maximum(until[:, -1] - 1, 0) * share
    below = np.floor(place)
    low, high = (
        values[order[np.argmax(until > at[:, None], axis=1)]] for at in (below, np.ceil(place))
    )
    found: Floats = np.where(until[:, -1] > 0, low + (high - low) * (place - below), np.nan)
    return found


def pearson(predicted: Floats, true: Floats, weights: Floats) -> Floats:
    """Return Pearson's r of columns ``(n,)``, no number where a draw has one of them constant."""
    a, b = _apart(predicted, weights), _apart(true, weights)
    shared = np.einsum("rn,rn,rn->r", weights, a, b)
    powers = [np.einsum("rn,rn,rn->r", weights, each, each) for each in (a, b)]
    varied = ~(_constant(predicted, weights) | _constant(true, weights))
    r = ratio(shared, np.where(varied, np.sqrt(powers[0]) * np.sqrt(powers[1]), 0.0))
    return np.clip(r, -1.0, 1.0)


def r2(true: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Return R²; of constant ratings 1 where all are met and else 0; of a single row no number."""
    left = total((true - predicted) ** 2, weights)
    apart = _apart(true, weights)
    spread = np.einsum("rn,rn,rn->r", weights, apart, apart)
    constant = _constant(true, weights)
    found = 1 - ratio(left, np.where(constant, 0.0, spread))
    found = np.where(constant, (left == 0).astype(np.float64), found)
    return np.where(weights.sum(1) < 2, np.nan, found)


def ccc(true: Floats, predicted: Floats, weights: Floats) -> Floats:
    """Return Lin's (1989) coefficient of concordance, with moments over all rows of a draw."""
    a, b = _apart(true, weights), _apart(predicted, weights)
    shared = ratio(np.einsum("rn,rn,rn->r", weights, a, b), weights.sum(1))
    gap = (mean(true, weights) - mean(predicted, weights)) ** 2
    return ratio(2 * shared, variance(true, weights) + variance(predicted, weights) + gap)


def macro_f1(
    true: NDArray[np.int64],
    answer: NDArray[np.int64],
    weights: Floats,
    *,
    classes: int,
    occurring: bool = False,
) -> Floats:
    """Return the mean F1 over classes, 0 for one that is neither there nor answered.

    Args:
        true, answer: ``(n,)``, each below ``classes``.
        weights: ``(R, n)``.
        classes: how many.
        occurring: whether only those that are among a draw's labels count.
    """
    scores, there = [], []
    for one in range(classes):
        right = total((true == one) & (answer == one), weights)
        labelled = total(true == one, weights)
        f1 = ratio(2 * right, labelled + total(answer == one, weights))
        scores.append(np.nan_to_num(f1))
        there.append(labelled > 0 if occurring else np.ones(len(weights), bool))
    return ratio(np.sum(np.multiply(scores, there), axis=0), np.sum(there, axis=0, dtype=float))


def auc(positive: Flags, score: Floats, weights: Floats) -> Floats:
    """Return the area under the ROC curve: how often a positive row scores above a negative one.

    Equal scores count half; no number where a draw has rows of one kind alone.
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    there = np.add.reduceat((weights * positive)[:, order], starts, axis=1)
    not_there = np.add.reduceat((weights * ~positive)[:, order], starts, axis=1)
    below = np.cumsum(not_there, axis=1) - not_there
    pairs = there.sum(1) * not_there.sum(1)
    return ratio((there * (below + not_there / 2)).sum(1), pairs)


def calibration_error(said: Floats, right: Floats, weights: Floats, *, bins: int) -> Floats:
    """Return the expected calibration error over bins of equally many rows of a draw.

    Args:
        said, right: ``(n,)``, the probability of what was answered, and whether it was right.
        weights: ``(R, n)``.
        bins: how many.
    """
    order = np.argsort(said, kind="stable")
    weights = weights[:, order]
    # Sums up to any row of a draw: a row that counts often adds the same again and again.
    rows = np.cumsum(weights, axis=1)
    sums = np.cumsum(weights * (said - right)[order], axis=1)
    found = []
    for row, gap in zip(rows, sums, strict=True):
        count = int(row[-1])
        short, longer = divmod(count, bins)
        ends = np.cumsum([0] + [short + 1] * longer + [short] * (bins - longer))
        at = np.interp(ends, np.append(0, row), np.append(0.0, gap))
        found.append(np.abs(np.diff(at)).sum() / max(count, 1))
    return np.array(found)


def _apart(values: Floats, weights: Floats) -> Floats:
    """Return how far each value lies from each draw's mean, ``(R, n)``."""
    return values - mean(values, weights)[:, None]


def _constant(values: Floats, weights: Floats) -> Flags:
    """Return which draws have one value alone, ``(R,)``; sums of squares only come near to 0."""
    drawn = weights > 0
    low = np.where(drawn, values, np.inf).min(1, initial=np.inf)
    high = np.where(drawn, values, -np.inf).max(1, initial=-np.inf)
    found: Flags = low >= high
    return found
