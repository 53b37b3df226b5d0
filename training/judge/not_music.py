"""What is said of sound that is not music: how well a network tells it, and its false emotions.

A clip is judged by the network of the fold that holds out everything heard in it. What the refit
says of clips that it learnt from is a training result, and is told as such.
"""

import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.features.log_mel import LogMel
from realtime_mer.hops import StreamPolicy
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.presence import MusicGate
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from realtime_mer.summary import Summarizer

from ..corpora import Clip
from ..corpora.not_music import Sound
from ..features.cache import FeatureStore, Heard, log_mel, log_pitch, pitch_transform
from ..learn.augment import power_of
from ..learn.run import REFIT, Run
from ..learn.sequences import frames_per_s, hop_s, music_by_hop
from .evaluate import fingerprint, load_network, run_network, whole_hops
from .music_prior import Verdict, fit_priors, keep_priors, prior_file

SECONDS = 30
LEVEL_DBFS = -20.0

# How far from neutral an estimate must lie to count as an emotion: half way to the mood words.
FALSE_EMOTION = 0.3

_VOICES = ("en-us", "en-gb+f3", "de+m3")
_TEXT = (
    "The next train to the harbour leaves from platform four at ten past nine. Please mind the "
    "gap between the train and the platform. We are sorry for the delay this morning, which is "
    "due to works on the line. Tickets can be bought from the machines in the hall, or from the "
    "conductor, who takes cards and cash. "
)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was said of one sound.

    Attributes:
        sound: its name.
        valence, arousal: means over the hops after the first 3 s.
        false_emotions: share of these hops further than ``FALSE_EMOTION`` from neutral.
        quadrant: the likeliest, with its mean probability.
    """

    sound: str
    valence: float
    arousal: float
    false_emotions: float
    quadrant: tuple[str, float]


def judge(recognizer: Recognizer, sound: str, samples: NDArray[np.float32]) -> Judgement:
    """Run a sound as live and summarise what was said of it.

    Args:
        recognizer: the checkpoint.
        sound: name for the table.
        samples: float32 ``(n,)``, more than 3 s at the recogniser's rate.
    """
    estimates = [
        estimate
        for estimate in EmotionStream(recognizer).push(samples)
        if estimate.status is not Status.WARMING_UP
    ]
    summarizer = Summarizer(recognizer.card.calibration)
    summarizer.add(estimates)
    summary = summarizer.summary(path=sound, seconds=len(samples) / recognizer.sample_rate)
    quadrants = {name: p for name, p in summary.quadrants.items() if p is not None}
    likeliest = max(quadrants, key=quadrants.__getitem__)
    return Judgement(
        sound=sound,
        valence=summary.valence or 0.0,
        arousal=summary.arousal or 0.0,
        false_emotions=sum(map(_is_emotion, estimates)) / len(estimates),
        quadrant=(likeliest, quadrants[likeliest]),
    )


def sounds(rate: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield noises, and speech where espeak-ng is installed, each ``SECONDS`` at ``LEVEL_DBFS``."""
    generator = np.random.default_rng(0)
    count = SECONDS * rate
    t = np.arange(count) / rate
    white = generator.standard_normal(count)
    yield "white noise", _levelled(white)
    spectrum = np.fft.rfft(white)
    slope = np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    yield "pink noise", _levelled(np.fft.irfft(spectrum / slope, count))
    yield "brown noise (traffic far off)", _levelled(np.fft.irfft(spectrum / slope**2, count))
    overtones = np.arange(1, 8)[:, None]
    hum = (np.sin(2 * np.pi * 50 * overtones * t) / overtones).sum(axis=0)
    yield "mains hum", _levelled(hum)
    claps = np.zeros(count)
    # Some 40 hands, three claps a second each: short decaying bursts at random moments.
    for start in generator.integers(0, count - rate // 20, 120 * SECONDS):
        length = rate // 20
        decay = np.exp(-np.arange(length) / (0.006 * rate))
        claps[start : start + length] += generator.standard_normal(length) * decay
    yield "applause (made)", _levelled(claps)
    if shutil.which("espeak-ng") is None:
        return
    for voice in _VOICES:
        yield f"speech (espeak-ng {voice})", _levelled(_speech(voice, rate)[:count])


def false_emotions(recognizer: Recognizer) -> list[dict[str, Any]]:
    """Return a row for every sound of ``sounds`` as a report keeps them."""
    return [
        {**asdict(judge(recognizer, sound, samples)), "seconds": SECONDS}
        for sound, samples in sounds(recognizer.sample_rate)
    ]


def _levelled(samples: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    power = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64))))
    return (samples * (10 ** (LEVEL_DBFS / 20) / power)).astype(np.float32)


def _speech(voice: str, rate: int) -> NDArray[np.float32]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = ["espeak-ng", "-v", voice, "-w", str(path), _TEXT * 3]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip() or f"status {error.returncode}"
            raise InputError(f"espeak-ng cannot speak as {voice}: {said}") from error
        return load_audio(path, sample_rate=rate)


def _is_emotion(estimate: Estimate) -> bool:
    return math.hypot(estimate.valence, estimate.arousal) > FALSE_EMOTION


# -- how well a network tells it -------------------------------------------------------------------

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_OVER_DB = 5.0
_WORST = 5  # clips that are named of each kind


def judge_run(
    run: Run, features: FeatureStore, sounds: Sequence[Sound], folds: Sequence[int]
) -> dict[str, Any]:
    """Return the figures of folds, out of fold, and of the refit, where there is one.

    What networks say of music is moved first to where one half means as likely as not, see
    ``music_prior``, which is kept in the run's folder.

    Args:
        run: a trained run, with its besides.
        features: log-mel frames of its clips and of the sounds.
        sounds: those of its besides that are no music.
        folds: which folds.

    Raises:
        InputError: the network has no head for music, or a fold is not trained.
    """
    if not run.config.network.music:
        raise InputError(f"{run.folder}: its networks do not tell music; see network.music")
    by_key = {sound.clip.key: sound for sound in sounds}
    prior_file(run).unlink(missing_ok=True)  # what is moved is what was learnt
    clips = {
        f"fold-{n}": (run.held_out_clips(f"fold-{n}"), run.unheard(f"fold-{n}")) for n in folds
    }
    learnt = {
        part: _heard(run, load_network(run, part), features, [*music, *others], by_key)
        for part, (music, others) in clips.items()
    }
    shifts = fit_priors(learnt)
    keep_priors(run, shifts)
    heard = [each.moved(shifts[part]) for part, own in learnt.items() for each in own]
    over: list[dict[str, float]] = []
    for part, (music, others) in clips.items():
        voices = [
            clip
            for clip in others
            if clip.key in by_key and by_key[clip.key].kind == "speech" and clip.music is not None
        ]
        over += speech_over_music(run, load_network(run, part), music, voices)
    report = {
        "run": fingerprint(run),
        "folds": sorted(folds),
        "protocol": f"out of fold ({len(folds)} of {run.split.folds} folds): no speaker, source or "
        "artist that is heard in a clip was learnt from; hops whose window holds 3 s of the clip; "
        "logits moved by what the other folds want",
        "moved": {part: round(shift, 4) for part, shift in shifts.items()},
        **figures(heard),
        "told": told(heard, StreamPolicy(), hop_s=hop_s(run.config.features)),
        "left_out": sorted(key for key in by_key if key not in {each.key for each in heard}),
        "speech_over_music": _moves(over),
    }
    if run.weights(REFIT).is_file():
        every = [*run.clips, *(clip for clip in run.also if clip.key in by_key)]
        report["refit"] = {"protocol": "TRAINING result: the refit learnt from these clips"}
        heard = _heard(run, load_network(run, REFIT), features, every, by_key)
        report["refit"] |= figures(heard)
        report["refit"]["told"] = told(heard, StreamPolicy(), hop_s=hop_s(run.config.features))
    return report


def verdict_file(run: Run) -> Path:
    """Return where what ``judge_run`` returned is kept."""
    return run.folder / "not_music.json"


def _heard(
    run: Run,
    network: EmotionNetwork,
    features: FeatureStore,
    clips: Sequence[Clip],
    sounds: Mapping[str, Sound],
) -> list[Verdict]:
    rate, log_gain = frames_per_s(run.config.features), run.config.features.log_gain
    heard = []
    for clip in clips:
        frames = np.asarray(features[clip.key], np.float32)
        truth = music_by_hop(clip, power_of(frames, log_gain).max(1), rate)
        truth[: len(truth) - len(whole_hops(truth))] = np.nan
        if not np.isnan(truth).all():
            said = _said(network, features.heard(clip.key))["music"]
            heard.append(Verdict.of(clip, sounds.get(clip.key), truth=truth, stream=said))
    return heard


def _said(network: EmotionNetwork, clip: Heard) -> dict[str, NDArray[np.float32]]:
    """Return a clip's music, valence and arousal, (H,) each, heard as live from a fresh state."""
    output = run_network(network, *clip)
    return {
        "music": output.music_logits[0].sigmoid().numpy(),
        "valence": output.valence[0].numpy(),
        "arousal": output.arousal[0].numpy(),
    }


def figures(heard: Sequence[Verdict]) -> dict[str, Any]:
    """Return how well music is told from what is none, over clips and over hops.

    ``right`` is the share of hops on the right side of 0.5, the mean over clips; ``auc`` is over
    clips that are wholly one or the other, by their mean over hops.
    """
    whole = [each for each in heard if each.music.all() or not each.music.any()]
    truth = [bool(each.music[0]) for each in whole]
    both = len(set(truth)) == 2
    return {
        "clips": len(heard),
        "auc": _rounded(roc_auc_score(truth, [each.said.mean() for each in whole]))
        if both
        else None,
        "thresholds": [_at(heard, threshold) for threshold in THRESHOLDS],
        "kinds": [
            _of_kind(kind, synthetic, own)
            for kind, synthetic in sorted({(each.kind, each.synthetic) for each in heard})
            if (own := [e for e in heard if (e.kind, e.synthetic) == (kind, synthetic)])
        ],
    }


def _at(heard: Sequence[Verdict], threshold: float) -> dict[str, Any]:
    """Return what a status that begins below a probability would do to every hop by itself."""
    return {"threshold": threshold, **_shares(heard, [each.said < threshold for each in heard])}


def _shares(heard: Sequence[Verdict], called: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    """Return which hops are called no music, rightly and not, of those that count, (n,) each."""
    right = np.concatenate([own[~each.music] for own, each in zip(called, heard, strict=True)])
    songs = _mistaken(heard, called)
    wrong = np.concatenate([own[each.music] for own, each in zip(called, heard, strict=True)])
    return {
        "not_music_told": _rounded(right.mean()) if len(right) else None,
        "music_mistaken": _rounded(wrong.mean()) if len(wrong) else None,
        "songs_mistaken_by_a_tenth": sum(share > 0.1 for share in songs.values()),
        "songs": len(songs),
    }


def _mistaken(heard: Sequence[Verdict], called: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Return which share of the hops of music of each clip that has any is called no music."""
    return {
        each.key: float(own[each.music].mean())
        for own, each in zip(called, heard, strict=True)
        if each.music.any()
    }


def told(heard: Sequence[Verdict], policy: StreamPolicy, *, hop_s: float) -> dict[str, Any]:
    """Return how often the status is ``no_music``, by the gate of live sessions over every clip.

    Of silence and what is too quiet the gate is not asked, live; here it is of every hop.

    Args:
        heard: what was said, from each clip's first hop on.
        policy: thresholds and times.
        hop_s: seconds of a hop.

    Returns:
        The policy, shares of hops, and of how many songs more than a tenth is mistaken. ``songs``
        and ``sounds`` are the clips with hops of music, and with hops of something else.
    """
    gate = MusicGate(policy, hop_s=hop_s)
    said = np.full((max(len(each.stream) for each in heard), len(heard)), np.nan)
    for n, each in enumerate(heard):
        said[: len(each.stream), n] = each.stream
    closed = np.zeros(said.shape, bool)
    for row, likely in zip(closed, said, strict=True):
        gate.take(likely, np.ones(len(heard), bool))
        row[:] = gate.closed
    called = [closed[: len(each.stream), n][each.known] for n, each in enumerate(heard)]
    mistaken = _mistaken(heard, called)
    return {
        "no_music_below": policy.no_music_below,
        "no_music_after_s": policy.no_music_after_s,
        "music_above": policy.music_above,
        "music_after_s": policy.music_after_s,
        **_shares(heard, called),
        "sounds": sum(not each.music.all() for each in heard),
        "worst": [
            {"clip": key, "mistaken": _rounded(mistaken[key])}
            for key in sorted(mistaken, key=mistaken.__getitem__, reverse=True)[:_WORST]
        ],
    }


def _of_kind(kind: str, synthetic: bool, heard: Sequence[Verdict]) -> dict[str, Any]:
    right = {each.key: float(((each.said >= 0.5) == each.music).mean()) for each in heard}
    worst = sorted(right, key=right.__getitem__)[:_WORST]
    return {
        "kind": kind,
        "made": "synthetic" if synthetic else "recorded",
        "clips": len(heard),
        "right": _rounded(np.mean(list(right.values()))),
        "worst": [{"clip": key, "right": _rounded(right[key])} for key in worst],
    }


def speech_over_music(
    run: Run, network: EmotionNetwork, music: Sequence[Clip], speech: Sequence[Clip]
) -> list[dict[str, float]]:
    """Return how far what is said of music moves where somebody speaks over it, clip by clip.

    The music is 5 dB stronger than the speech, which goes on all through; every tenth clip of music
    meets the next clip of speech.
    """
    rate = run.config.features.sample_rate
    mel, pitch = LogMel(run.config.features).eval(), pitch_transform(run.config.features)

    def heard(samples: NDArray[np.float32]) -> Heard:
        rows = np.empty((0, 0), np.float32) if pitch is None else log_pitch(pitch, samples)
        return Heard(log_mel(mel, samples), rows)

    moves = []
    for clip, voice in zip(music[::10], _again(speech), strict=False):
        sound = load_audio(clip.path, sample_rate=rate)
        spoken = np.resize(load_audio(voice.path, sample_rate=rate), len(sound))
        ratio = 10 ** (-_OVER_DB / 20) * _active(sound, rate) / max(_active(spoken, rate), 1e-9)
        alone, together = (
            _said(network, heard(samples))
            for samples in (sound, (sound + ratio * spoken).astype(np.float32))
        )
        moved = {
            axis: float(np.abs(whole_hops(together[axis]) - whole_hops(alone[axis])).mean())
            for axis in ("valence", "arousal")
        }
        moves.append(moved | {"music": float(whole_hops(together["music"]).mean())})
    return moves


def _again(clips: Sequence[Clip]) -> Iterator[Clip]:
    while clips:
        yield from clips


def _active(samples: NDArray[np.float32], rate: int) -> float:
    """Return the effective value of the tenths of a second that are not pauses."""
    parts = np.array_split(samples.astype(np.float64), max(len(samples) * 10 // rate, 1))
    power = np.array([np.mean(part**2) for part in parts])
    return math.sqrt(float(power[power >= 0.1 * power.mean()].mean()))


def _moves(moves: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return means, and the share of clips whose mean over hops moves by less than .15."""
    if not moves:
        return {"clips": 0}
    named = {name: np.array([each[name] for each in moves]) for name in moves[0]}
    still = (named["valence"] < 0.15) & (named["arousal"] < 0.15)
    means = {name: _rounded(values.mean()) for name, values in named.items()}
    return {"clips": len(moves), "over_db": _OVER_DB, "still": _rounded(still.mean()), **means}


def _rounded(value: Any) -> float:
    return round(float(value), 4)
