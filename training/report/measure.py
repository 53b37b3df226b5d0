"""The parts of a report: what is measured of a run, each kept as JSON beside the report.

A part is measured once. What lies there is taken as it is while it is of the same weights, folds,
settings and labels; anything else is measured again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from realtime_mer.errors import InputError
from realtime_mer.recognizer.light import LightRecognizer
from realtime_mer.recognizer.reference import Recognizer

from ..corpora import find_corpora
from ..corpora.clip import Clip
from ..corpora.emotify import read_answers
from ..corpora.midi import rendered
from ..export.network import network_file
from ..export.shipping import checkpoint
from ..features import cache
from ..features.teachers import COMMITTEE, TEACHERS, arrays_of, committee_store
from ..files import read_json, write_json
from ..judge.committee import HEARING, predict_together, window_store
from ..judge.compare import leads
from ..judge.cost import cost, cost_beside_teacher
from ..judge.curves import curve_agreement
from ..judge.endurance import endurance
from ..judge.evaluate import AS_LIVE, fingerprint, judge, load_predictions
from ..judge.level import level
from ..judge.metrics import (
    AFFECT,
    affect_metrics,
    interval_note,
    quadrant_metrics,
    sign_metrics,
)
from ..judge.not_music import false_emotions
from ..judge.robustness import robustness
from ..judge.splices import splices
from ..judge.transfer import keep_widenings, transfer
from ..judge.unseen_corpora import judge_unseen
from ..judge.yardsticks.baselines import (
    AFFECT_HEAD,
    HEADS,
    MODELS,
    MOOD_HEADS,
    clip_rows,
    predict_baseline,
    predict_heads,
)
from ..judge.yardsticks.ceilings import repeat_ceilings, share_ceilings
from ..judge.yardsticks.committee import hearing, predict_committee, told_figures
from ..judge.yardsticks.heads import LEARNT_FROM, load_heads
from ..learn.run import Run
from ..learn.sequences import hop_s
from .intervals import heard_corpora, never_heard
from .kept import Kept, leads_over
from .music import music_rows
from .targets import JUDGED

NETWORK = "network"
LIBRARY = "committee and network, as library"

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What measuring needs besides a run.

    Attributes:
        root: folder of the corpora.
        cache: where what is computed once is kept.
        teachers: folder of the teachers' arrays and of Essentia's heads.
        fonts: sound fonts to render with; None for every one that is installed.
        unseen_s: seconds that are heard of each piece of a corpus never trained on.
        left_out: runs that left corpora out, to be judged by these.
        tried: runs of the same folds that were tried.
        against: what was kept of a run of the same folds, to be compared with.
        jobs: processes that compute features side by side.
        resamples: draws behind an interval.
    """

    root: Path
    cache: Path
    teachers: Path
    fonts: Sequence[Path] | None = None
    unseen_s: int = 60
    left_out: Sequence[Run] = ()
    tried: Sequence[Run] = ()
    against: Kept | None = None
    jobs: int = 1
    resamples: int = 1000

    @property
    def heads(self) -> Path:
        """Where Essentia's heads are looked for."""
        return self.teachers / "essentia_heads.npz"


def measured(run: Run, out: Path, name: str) -> Rows | None:
    """Return a part's rows, None where they are missing or of another run."""
    path = out / f"{name}.json"
    if not path.is_file():
        return None
    content = read_json(path)
    rows: Rows = content.get("rows", [])
    return rows if content.get("run") == fingerprint(run) else None


def measure(run: Run, out: Path, name: str, bench: Bench) -> Rows:
    """Measure one of ``PARTS`` and keep it.

    Raises:
        InputError: what it needs is missing; the message says what.
    """
    rows = PARTS[name](run, bench)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{name}.json", {"run": fingerprint(run), "rows": rows})
    return rows


def _baselines(run: Run, bench: Bench) -> Rows:
    heard = {
        "hand-made features": clip_rows(
            cache.handcrafted_store(run.clips, bench.cache, jobs=bench.jobs), run.clips
        ),
        "MusiCNN embedding": clip_rows(
            cache.teacher_store(run.clips, arrays_of("musicnn", bench.teachers), bench.cache),
            run.clips,
        ),
    }
    models = {NETWORK: (load_predictions(run), AS_LIVE)}
    for name, features in heard.items():
        for kind in MODELS:
            hearing = f"the whole clip at once, {name}, {kind}"
            said = predict_baseline(run, features, model=kind)
            models[f"{name} + {kind}"] = (said, hearing)
    rows = judge(run, models, resamples=bench.resamples)
    return [row for row in rows if row["model"] != NETWORK]


def _committee(run: Run, bench: Bench) -> Rows:
    store = committee_store(COMMITTEE, run.clips, bench.teachers, bench.cache, jobs=bench.jobs)
    said = predict_committee(run, store, teachers=COMMITTEE)
    models = {
        NETWORK: (load_predictions(run), AS_LIVE),
        f"committee of {' and '.join(COMMITTEE)}": (said, hearing(COMMITTEE)),
    }
    corpora = {clip.corpus for clip in run.clips}
    only = {(corpus, name) for corpus in corpora for name in told_figures(said)}
    rows = judge(run, models, resamples=bench.resamples, only=only)
    return [row for row in rows if row["model"] != NETWORK]


def _library(run: Run, bench: Bench) -> Rows:
    store = window_store(run.config, run.clips, bench.teachers, bench.cache, jobs=bench.jobs)
    features = cache.feature_store(run.clips, run.config.features, bench.cache, jobs=bench.jobs)
    _, said = predict_together(run, store, features, teachers=COMMITTEE)
    models = {NETWORK: (load_predictions(run), AS_LIVE), LIBRARY: (said, HEARING)}
    rows = judge(run, models, resamples=bench.resamples)
    return [row for row in rows if row["model"] != NETWORK]


def _heads(run: Run, bench: Bench) -> Rows:
    heads = load_heads(bench.heads)
    embeddings = cache.teacher_store(
        run.clips, arrays_of("musicnn", bench.teachers), bench.cache, jobs=bench.jobs
    )
    network = load_predictions(run)
    corpora = {clip.corpus for clip in run.clips} - LEARNT_FROM
    # Moods say nothing that figures "from valence" and "from arousal" could be of.
    of_quadrants = [name for name in quadrant_metrics() if not name.endswith(AFFECT)]
    asked = {
        AFFECT_HEAD: [*quadrant_metrics(), *affect_metrics(), *sign_metrics()],
        MOOD_HEADS: of_quadrants,
    }
    rows: Rows = []
    for model, said in predict_heads(run, embeddings, heads).items():
        found = judge(
            run,
            {NETWORK: (network, AS_LIVE), model: (said, HEADS[model])},
            resamples=bench.resamples,
            only={(corpus, name) for corpus in corpora for name in asked[model]},
        )
        # The folds are the network's alone, so that judge's own words do not fit.
        protocol = (
            f"{HEADS[model]}; MusiCNN's embedding of the whole clip, outputs averaged over windows "
            "of 3 s; MusiCNN may have met these songs by their tags; the network beside it is out "
            "of fold, but learnt from other songs of these corpora; "
            f"{interval_note(bench.resamples)}"
        )
        rows += [row | {"protocol": protocol} for row in found if row["model"] == model]
    return rows


def _ceilings(run: Run, bench: Bench) -> Rows:
    rows = repeat_ceilings(run.clips, resamples=bench.resamples)
    for found in find_corpora(bench.root):
        if found.corpus.name == "emotify":
            own = [clip for clip in run.clips if clip.corpus == "emotify"]
            rows += share_ceilings(own, read_answers(found.folder), resamples=bench.resamples)
    return rows


def _curves(run: Run, bench: Bench) -> Rows:
    said = load_predictions(run).hops
    rows: Rows = []
    for corpus in sorted({clip.corpus for clip in run.clips if clip.curve is not None}):
        own = [clip for clip in run.clips if clip.corpus == corpus]
        rows += curve_agreement(
            own,
            said,
            hop_s=hop_s(run.config.features),
            protocol=f"out of fold; {AS_LIVE.partition(';')[0]}; at the rated times, means over "
            f"the hops up to the next; {interval_note(bench.resamples)}",
            lag_s=run.config.annotation_lag_s.get(corpus, 0.0),
            resamples=bench.resamples,
        )
    return rows


def _splices(run: Run, bench: Bench) -> Rows:
    features = cache.feature_store(run.clips, run.config.features, bench.cache)
    return splices(run, features, load_predictions(run), resamples=bench.resamples)


def _robustness(run: Run, bench: Bench) -> Rows:
    clean = load_predictions(run)
    return robustness(run, clean, bench.cache, jobs=bench.jobs, resamples=bench.resamples)


def _level(run: Run, bench: Bench) -> Rows:
    features = cache.feature_store(run.clips, run.config.features, bench.cache)
    return level(run, features, resamples=bench.resamples)


def _unseen(run: Run, bench: Bench) -> Rows:
    rows: Rows = []
    for judged in (run, *bench.left_out):
        for clips in never_heard(judged, bench.root):
            found = _judge_clips(judged, clips, bench)
            if judged is not run:
                learnt = ", ".join(sorted({clip.corpus for clip in judged.clips}))
                for row in found:
                    row["protocol"] = f"a network trained on {learnt} alone; {row['protocol']}"
            rows += found
    return rows


def _judge_clips(run: Run, clips: Sequence[Clip], bench: Bench) -> Rows:
    """Return the rows of ``judge_unseen`` for clips or notes that a run never heard."""
    arrays = arrays_of("musicnn", bench.teachers)
    # Read first: a damaged file is told before what takes long.
    heads = load_heads(bench.heads) if bench.heads.is_file() else None
    sounds = rendered(
        clips, folder=bench.cache, fonts=bench.fonts, longest_s=bench.unseen_s, jobs=bench.jobs
    )
    features = run.config.features
    return judge_unseen(
        run,
        sounds,
        features=cache.feature_store(
            sounds, features, bench.cache, longest_s=bench.unseen_s, jobs=bench.jobs
        ),
        own_embeddings=cache.teacher_store(
            sounds, arrays, bench.cache, longest_s=bench.unseen_s, jobs=bench.jobs
        ),
        embeddings=cache.teacher_store(run.clips, arrays, bench.cache, jobs=bench.jobs),
        heads=heads,
        longest_s=bench.unseen_s,
        resamples=bench.resamples,
    )


def _intervals(run: Run, bench: Bench) -> Rows:
    heard = heard_corpora(
        run,
        bench.left_out,
        root=bench.root,
        folder=bench.cache,
        fonts=bench.fonts,
        longest_s=bench.unseen_s,
        jobs=bench.jobs,
    )
    rows = transfer(heard, resamples=bench.resamples)
    keep_widenings(run, heard, rows)
    return rows


def _endurance(run: Run, bench: Bench) -> Rows:
    # The refit learnt from these very clips; that does not matter to whether it drifts.
    return endurance(_recognizer(run), run.clips, resamples=bench.resamples)


def _not_music(run: Run, _bench: Bench) -> Rows:
    return false_emotions(_recognizer(run))


def _music(run: Run, _bench: Bench) -> Rows:
    return music_rows(run)


def _cost(run: Run, bench: Bench) -> Rows:
    made = checkpoint(run)
    rows = cost(made)
    arrays = bench.teachers / TEACHERS["musicnn"].file
    if arrays.is_file():
        light = LightRecognizer(made.card, network_file(made))
        rows += cost_beside_teacher(light, np.load(arrays))
    return rows


def _tried(run: Run, bench: Bench) -> Rows:
    return leads(run, bench.tried, only=JUDGED, resamples=bench.resamples)


def _against(run: Run, bench: Bench) -> Rows:
    if bench.against is None:
        raise InputError(
            "no run was named to compare this one with; name its folder, or the "
            "clip-predictions.npz of its report, by --against"
        )
    return leads_over(run, bench.against, resamples=bench.resamples)


def _recognizer(run: Run) -> Recognizer:
    return Recognizer(checkpoint(run), device="cpu")


PARTS: Mapping[str, Callable[[Run, Bench], Rows]] = {
    "baselines": _baselines,
    "committee": _committee,
    "library": _library,
    "heads": _heads,
    "ceilings": _ceilings,
    "curves": _curves,
    "splices": _splices,
    "unheard": _unseen,
    "intervals": _intervals,
    "robustness": _robustness,
    "level": _level,
    "endurance": _endurance,
    "music": _music,
    "not-music": _not_music,
    "cost": _cost,
    "tried": _tried,
    "against": _against,
}
"""By name, in the order of the report; kept measurements lie under these names."""
