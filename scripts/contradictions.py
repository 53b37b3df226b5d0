#!/usr/bin/env python3
"""Counts where words contradict the point or the quadrants beside them, over music.

Each clip is estimated as a stream, one after the other until the minutes are full. Of every hop of
music four things are said: the words of its estimate; those held for as long as the window's two
layouts hold them; and, for comparison, the mood word nearest to the point, which takes no notice of
the quadrants. Counted are the hops that ``realtime_mer.mood.contradictions`` finds something in,
and how often within a clip what is said changes. Besides, for each clip its summary, its segments
and what is told of it as a whole. The result goes to `docs/results/contradictions.json`.

    .venv/bin/python scripts/contradictions.py $REALTIME_MER_DATA/*/audio/*.opus
"""

import argparse
import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

from realtime_mer import load_audio
from realtime_mer.emotion import MOOD_WORDS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.mood import Held, Words, contradictions
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.sessions.course import Course, segments
from realtime_mer.stream import EmotionStream
from realtime_mer.summary import Summarizer

HOLDS_S = (0.4, 2.0)  # of the two layouts of the window
CLAIMS = {mood.word: mood.quadrant for mood in MOOD_WORDS}


def main() -> None:
    """Count over the clips that were named and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="of music (default: 60)")
    parser.add_argument("--out", type=Path, default=Path("docs/results/contradictions.json"))
    arguments = parser.parse_args()
    recognizer = load_recognizer(compute="light")
    hop_s = recognizer.hop_samples / recognizer.sample_rate
    wrong, changes, kinds = Counter[str](), Counter[str](), Counter[str]()
    hops = clips = parts = 0
    for path in spread(arguments.clips):
        if hops * hop_s >= arguments.minutes * 60:
            break
        samples = load_audio(path, sample_rate=recognizer.sample_rate)
        estimates = EmotionStream(recognizer).push(samples)
        music = [one for one in estimates if one.status is Status.MUSIC]
        if not music:
            continue
        hops, clips = hops + len(music), clips + 1
        kinds.update(kind(one.words) for one in music)
        for who, said in everything_said(music).items():
            changes[who] += sum(a != b for a, b in pairwise(said))
            wrong[who] += sum(map(contradicted, said, music))
        parts += count_wholes(wrong, recognizer, estimates, hop_s=hop_s)
        print(f"{hops * hop_s / 60:5.1f} min  {path.name}", flush=True)
    minutes = hops * hop_s / 60
    result = {
        "data": f"{clips} clips, {hops} hops of music ({minutes:.1f} min)",
        "model": recognizer.card.name,
        "protocol": "each clip a stream of its own; a contradiction is what "
        "realtime_mer.mood.contradictions finds; changes within clips",
        "said_by": {
            who: {
                "contradictions": wrong[who],
                "changes_a_minute": round(changes[who] / minutes, 1),
            }
            for who in changes
        },
        "of_wholes": {
            f"summaries of {clips} clips": wrong["summaries"],
            f"{parts} segments": wrong["segments"],
            f"what was said most in {clips} clips": wrong["most"],
        },
        "share_of_hops": {name: round(count / hops, 4) for name, count in kinds.most_common()},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def spread(clips: list[Path]) -> list[Path]:
    """Return the clips so that the first ones are from everywhere in the list."""
    step = round(len(clips) * 0.618)
    while math.gcd(step, len(clips)) != 1:
        step += 1
    return [clips[number * step % len(clips)] for number in range(len(clips))]


def everything_said(music: list[Estimate]) -> dict[str, list[Words]]:
    """Return what is said of each estimate, by who says it."""
    said = {"the estimate": [one.words for one in music]}
    for seconds in HOLDS_S:
        held = Held(seconds)
        said[f"the estimate, held for {seconds} s"] = [held.offer(one, now=one.t) for one in music]
    return said | {"the nearest word alone": [(nearest(one),) for one in music]}


def nearest(estimate: Estimate) -> str:
    """Return the mood word nearest to the point."""
    place = (estimate.valence, estimate.arousal)
    return min(MOOD_WORDS, key=lambda mood: math.dist((mood.valence, mood.arousal), place)).word


def contradicted(words: Words, estimate: Estimate) -> bool:
    """Return whether words contradict an estimate."""
    return bool(
        contradictions(
            words,
            valence=estimate.valence,
            arousal=estimate.arousal,
            quadrants=estimate.quadrants,
        )
    )


def kind(words: Words) -> str:
    """Return what sort of thing was said."""
    if CLAIMS[words[0]] is None:
        return "near the middle" if len(words) == 1 else "near the middle and a word"
    return "a word" if len(words) == 1 else "between two words"


def count_wholes(
    wrong: Counter[str],
    recognizer: StreamingRecognizer,
    estimates: list[Estimate],
    *,
    hop_s: float,
) -> int:
    """Count what contradicts itself in what is said of a clip as a whole; return its segments."""
    summarizer = Summarizer(recognizer.card.calibration)
    summarizer.add(estimates)
    affect = summarizer.summary(path="", seconds=0.0).affect
    if affect is not None:
        wrong["summaries"] += bool(
            contradictions(
                affect.words,
                valence=affect.valence,
                arousal=affect.arousal,
                quadrants=affect.quadrants,
            )
        )
    course = Course.of(estimates, hop=hop_s)
    most = course.said.most()
    wrong["most"] += most is not None and CLAIMS[most.word] != most.quadrant
    found = [one for one in segments(course) if one.words]
    for one in found:
        wrong["segments"] += bool(
            contradictions(
                one.words,
                valence=one.valence or 0.0,
                arousal=one.arousal or 0.0,
                quadrants=one.quadrants,
            )
        )
    return len(found)


if __name__ == "__main__":
    main()
