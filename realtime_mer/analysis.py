"""Whole files, as fast as they can be read, through the very stream that runs live."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from realtime_mer.audio.ahead import ReadAhead
from realtime_mer.audio.block import Source
from realtime_mer.audio.files import FileSource
from realtime_mer.engine import Engine
from realtime_mer.estimate import Estimate, Status, Summary
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.summary import Summarizer

TOO_QUIET = "hops that were too quiet to judge"
NO_MUSIC = "hops of other sound and none of music, so its values say nothing"
SILENT = "hops of silence and none that could be judged, so its values say nothing"


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was found in a file.

    Attributes:
        path: as it was given.
        seconds: duration of its sound.
        estimates: one for every hop, in order.
        summary: of the clip as a whole.
    """

    path: str
    seconds: float
    estimates: list[Estimate]
    summary: Summary


class FileAnalysis:
    """The estimates of one file as they are made, and the summary of those made so far.

    Args:
        path: any file that ``load_audio`` reads.
        recognizer: shared or not.
        shaper: smoothing and delay; none if None.
        channels: which to hear, counted from 0; None for those that carry signal.
        source: what the file was decoded to already; None to decode it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        recognizer: StreamingRecognizer,
        shaper: Shaper | None = None,
        channels: tuple[int, ...] | None = None,
        source: Source | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self._summarizer = Summarizer(recognizer.card.calibration)
        self._too_quiet = self._no_music = self._silent = self._judged = 0
        self._engine = Engine(
            source=_decoding(path, channels) if source is None else source,
            stream=EmotionStream(recognizer),
            shaper=shaper,
        )

    @property
    def seconds(self) -> float:
        """Seconds of sound taken so far."""
        stream = self._engine.stream
        return round(stream.position / stream.recognizer.sample_rate, 6)

    def faults(self) -> dict[str, int]:
        """Return in words what was wrong with the sound taken so far, and how often."""
        no_music = 0 if self._judged else self._no_music
        silent = 0 if self._judged or self._too_quiet or self._no_music else self._silent
        return {
            **self._engine.intake.faults(),
            TOO_QUIET: self._too_quiet,
            NO_MUSIC: no_music,
            SILENT: silent,
        }

    def estimates(self) -> Iterator[Estimate]:
        """Yield the file's estimates; may be iterated once.

        Raises:
            AudioFileError: the file is broken; what came before the break has been yielded.
        """
        for event in self._engine.events():
            if isinstance(event, Estimate):
                self._summarizer.add([event])
                self._too_quiet += event.status is Status.TOO_QUIET
                self._no_music += event.status is Status.NO_MUSIC
                self._silent += event.status in {Status.SILENCE, Status.NO_SIGNAL}
                self._judged += event.status is Status.MUSIC
                yield event

    def summary(self) -> Summary:
        """Return the summary of the estimates yielded so far."""
        return self._summarizer.summary(path=self.path, seconds=self.seconds)


def _decoding(path: str | os.PathLike[str], channels: tuple[int, ...] | None) -> Source:
    source = FileSource(path, paced=False)
    if channels is not None:
        source.pick(channels)
    return ReadAhead(source)


def analyze(
    path: str | os.PathLike[str], *, recognizer: StreamingRecognizer | None = None
) -> Analysis:
    """Recognise the emotion of a whole file.

    All estimates are held, a kilobyte each, 40 MB an hour; ``FileAnalysis`` yields them one by one.

    Args:
        path: any file that ``load_audio`` reads.
        recognizer: the default checkpoint on the CPU if None.

    Raises:
        AudioFileError: the file is missing, broken or empty.
    """
    analysis = FileAnalysis(path, recognizer=recognizer or load_recognizer(compute="cpu"))
    estimates = list(analysis.estimates())
    return Analysis(
        path=analysis.path,
        seconds=analysis.seconds,
        estimates=estimates,
        summary=analysis.summary(),
    )
