"""What is said of a check: how far both agree, what so few tracks can tell, and the scale."""

from collections.abc import Iterator
from pathlib import Path

from realtime_mer.library.checking.agreement import FEWEST, SURE, Agreement, Measured, agreement
from realtime_mer.library.checking.answers import Answers
from realtime_mer.library.checking.own_scale import Axis, Line, scale_of
from realtime_mer.library.tracks import INTERVAL
from realtime_mer.wording import counted, legible, signed

_FARTHEST = 3  # tracks that are named
_NAMES = ("valence", "arousal")


def told(answers: Answers, *, kept_in: Path) -> Iterator[str]:
    """Yield what is said of answers, line by line."""
    pairs = [
        ((placed.valence, placed.arousal), (said.valence, said.arousal))
        for placed, said in answers.both
    ]
    waiting = sum(one.waits for one in answers.drawn)
    skipped = sum(one.skipped for one in answers.drawn)
    yield (
        f"{counted(len(pairs), 'track')} placed, {skipped} skipped, {waiting} to go; kept in "
        f"{kept_in}"
    )
    if len(pairs) < FEWEST:
        yield f"Place {FEWEST} tracks or more to see how far you and the model agree."
        return
    yield f"Intervals hold the value in {SURE:.0%} of cases, were other tracks drawn."
    for axis, name in enumerate(_NAMES):
        yield from _of_axis(
            name,
            agreement(
                [own[axis] for own, _ in pairs],
                [model[axis] for _, model in pairs],
                [(said.valence_interval, said.arousal_interval)[axis] for _, said in answers.both],
            ),
        )
    yield from _limits(len(pairs))
    yield from _farthest(answers)
    yield from _scale(pairs, answers, kept_in)


def _of_axis(name: str, found: Agreement) -> Iterator[str]:
    yield f"{name}, n = {found.count}:"
    rows = (
        ("correlation r", _correlation(found.r)),
        ("concordance CCC", _correlation(found.ccc)),
        ("mean absolute difference", _spread(found.difference)),
        ("you less the model", _spread(found.shift, sign=True)),
        (
            f"within the model's {INTERVAL:.0%} interval",
            f"{found.inside.value:.0%} ({found.inside.low:.0%} to {found.inside.high:.0%})",
        ),
    )
    yield from (f"  {what:<34} {value}" for what, value in rows)


def _correlation(found: Measured | None) -> str:
    return "none: one of you gives all the same" if found is None else _spread(found, sign=True)


def _spread(found: Measured, *, sign: bool = False) -> str:
    say = signed if sign else "{:.2f}".format
    return f"{say(found.value)} ({say(found.low)} to {say(found.high)})"


def _limits(count: int) -> Iterator[str]:
    yield (
        f"What {count} tracks can tell: whether the model goes your way at all, and whether it is "
        "far off on the whole. What they cannot: which of two models is better, how good it is "
        "for one genre, or whether one number is right. The intervals say how little is certain."
    )
    yield (
        "The tracks were drawn from all parts of the plane, rare moods as often as common ones: "
        "on tracks as they come, r and CCC would be lower."
    )
    yield (
        f"The model's interval is of a panel's mean. One person scatters more, so fewer than "
        f"{INTERVAL:.0%} within it is no fault by itself."
    )


def _farthest(answers: Answers) -> Iterator[str]:
    apart = []
    for one in answers.drawn:
        if (placed := one.placed) is None or (said := one.said) is None:
            continue
        distance = (placed.valence - said.valence) ** 2 + (placed.arousal - said.arousal) ** 2
        apart.append(
            (
                distance,
                f"  {legible(one.path)}: you {signed(placed.valence)} {signed(placed.arousal)}, "
                f"the model {signed(said.valence)} {signed(said.arousal)}",
            )
        )
    yield "You differ most on:"
    yield from (text for _, text in sorted(apart, reverse=True)[:_FARTHEST])


def _scale(
    pairs: list[tuple[tuple[float, float], tuple[float, float]]], answers: Answers, kept_in: Path
) -> Iterator[str]:
    scale = scale_of(pairs, models=answers.models)
    yield "Your scale, where m is the model's number:"
    for name, axis in zip(_NAMES, (scale.valence, scale.arousal), strict=True):
        yield f"  {name}: {_line(axis)}"
    if scale.means_something:
        yield f"See numbers on it with `--my-scale {kept_in}`; what is stored stays as it is."
    else:
        yield "So there is no scale of your own to show numbers on."


def _line(axis: Axis) -> str:
    if axis.line is None:
        return f"not told: {axis.refused}"
    text = _formula(axis.line)
    return f"{text}; not used: {axis.refused}" if axis.refused else text


def _formula(line: Line) -> str:
    offset, slope = _spread(line.offset, sign=True), _spread(line.slope)
    text = f"{signed(line.offset.value)} + {line.slope.value:.2f} m"
    return f"{text} (offset {offset}, slope {slope})"
