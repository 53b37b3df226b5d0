"""A committee in its own size, of made teachers, that learnt made labels of made sounds."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from realtime_mer.model.card import Calibration
from realtime_mer.model.checkpoint import save_card
from realtime_mer.model.committee import CommitteeCard
from realtime_mer.model.network_file import sha256
from tests.networks import HARMONIC, random_checkpoint
from tests.training.made_teacher import tagger_arrays, teacher_arrays
from training.corpora import Clip
from training.export.committee import Student, committee_file, heard_row
from training.export.nodes import Graph
from training.features.cache import FeatureStore
from training.features.tagger import CLASSES, Tagger
from training.features.teacher import MusiCNN
from training.features.teachers import COMMITTEE
from training.judge.committee import Turn
from training.learn.committee import Committee, fit_committee

RATE = 24_000
WINDOW = 3 * RATE
HEARD = 712
TURN = Turn(tagger=0.7, shift=0.4)
TOGETHER = Turn(tagger=0.7, network=1.3, shift=0.2)
CALIBRATION = Calibration(hop_valence=0.3, hop_arousal=0.25, quadrant_temperature=0.8)

_SOUNDS = 45
_LOUDER = 1.6  # so that the tagger's many layers do not lose what is put in


def clips() -> list[Clip]:
    """Rated clips of three corpora, whose labels all follow from how far along they are."""
    made = []
    for n in range(_SOUNDS):
        far = n / _SOUNDS
        labels: tuple[tuple[str, dict[str, object]], ...] = (
            ("grekow", {"valence": 0.8 * (far - 0.5), "arousal": 0.4 - 0.8 * far}),
            ("panda4q", {"quadrant": int(4 * far)}),
            ("emotify", {"gems": (far, 1 - far) * 4 + (far,)}),
        )
        corpus, label = labels[n % 3]
        clip = Clip(
            corpus=corpus, id=str(n), path=Path(), seconds=9.0, group=f"group {n * 7 % _SOUNDS}"
        )
        made.append(replace(clip, **label))  # type: ignore[arg-type]
    return made


def fitted(clips: list[Clip], rows: NDArray[np.floating]) -> Committee:
    """Return a committee that learnt from a row of the teachers for each clip."""
    store = FeatureStore(
        (rows.astype(np.float16),), {clip.key: (0, n, n + 1) for n, clip in enumerate(clips)}, {}
    )
    return fit_committee(clips, store, teachers=COMMITTEE, reference="grekow")


@cache
def networks() -> Mapping[str, MusiCNN | Tagger]:
    """Return made teachers by the names of the committee's."""
    arrays = {
        name: _LOUDER * array if name.startswith("block") and name.endswith("weight") else array
        for name, array in tagger_arrays().items()
    }
    return {"musicnn": MusiCNN(teacher_arrays()).eval(), "tagger": Tagger(arrays).eval()}


@cache
def committee() -> Committee:
    """Return a committee that learnt from what made teachers hear of made sounds."""
    graph = Graph()
    samples = graph.input("samples", ("B", WINDOW), "sound")
    heard = [networks()[name] for name in COMMITTEE]
    graph.output("row", heard_row(graph, samples, heard, rate=RATE), ("B", HEARD), "row")
    session = onnxruntime.InferenceSession(graph.model(told="", metadata={}).SerializeToString())
    rows = np.zeros((_SOUNDS, HEARD + CLASSES))
    for n in range(_SOUNDS):
        rows[n, :HEARD] = session.run(None, {"samples": _sound(n)})[0][0]
    return fitted(clips(), rows)


@cache
def network() -> tuple[CommitteeCard, bytes]:
    """Return the card and the file of ``committee``."""
    card = CommitteeCard(name="made", calibration=CALIBRATION)
    file = committee_file(committee(), networks(), card, turn=TURN)
    return card.model_copy(update={"onnx_sha256": sha256(file)}), file


@cache
def student() -> Student:
    """Return an untrained network that sits in ``seated``."""
    whole = random_checkpoint(config=replace(HARMONIC, music=True, familiar=True))
    return Student(checkpoint=whole, rescaling={"valence": 1.3, "arousal": 0.8, "lean": 1.5})


@cache
def seated() -> tuple[CommitteeCard, bytes]:
    """Return the card and the file of ``committee`` with a network in it."""
    card = CommitteeCard(name="seated", calibration=CALIBRATION)
    file = committee_file(committee(), networks(), card, turn=TOGETHER, student=student())
    return card.model_copy(update={"onnx_sha256": sha256(file)}), file


def write_committee(folder: Path) -> Path:
    """Write it as a checkpoint and return its stem."""
    card, file = network()
    (folder / "made.onnx").write_bytes(file)
    save_card(folder / "made", card)
    return folder / "made"


def _sound(n: int) -> NDArray[np.float32]:
    far = n / _SOUNDS
    noise = np.random.default_rng(n).standard_normal(WINDOW)
    tone = np.sin(2 * np.pi * (200 + 900 * far) * np.arange(WINDOW) / RATE)
    return ((0.02 + 0.2 * far) * (noise + 2 * tone)).astype(np.float32)[np.newaxis]
