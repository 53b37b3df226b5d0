"""A clip's emotion as a whole, from the estimates of its hops."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import Affect, Estimate, Status, Summary
from realtime_mer.mood import Said

if TYPE_CHECKING:  # it brings torch, which a replay has no use for
    from realtime_mer.model.card import Calibration, ClipCalibration


class Averager:
    """Running means over the hops of a stream that count, in constant memory however long it is.

    Those that are ``music`` count, and all of them as long as there is none.

    Args:
        words: note which mood words were said, too, which takes longer than the means.

    Attributes:
        count: estimates that count.
        of_music: whether they are of music.
        valence, arousal, valence_variance, arousal_variance, quadrants, gems: means.
        said: which mood words were said, in hops; none where they are not noted.
    """

    def __init__(self, *, words: bool = False) -> None:
        self._words = words
        self._begin(of_music=False)

    def _begin(self, *, of_music: bool) -> None:
        self.of_music = of_music
        self.count = 0
        self.valence = 0.0
        self.arousal = 0.0
        self.valence_variance = 0.0
        self.arousal_variance = 0.0
        self.quadrants = dict.fromkeys(QUADRANTS, 0.0)
        self.gems = dict.fromkeys(GEMS, 0.0)
        self.said = Said()

    def add(self, estimate: Estimate) -> None:
        """Take the next estimate."""
        music = estimate.status is Status.MUSIC
        if music and not self.of_music:
            self._begin(of_music=True)
        if self.of_music and not music:
            return
        self.count += 1
        if self._words:
            self.said.add(estimate.words)
        self.valence += (estimate.valence - self.valence) / self.count
        self.arousal += (estimate.arousal - self.arousal) / self.count
        self.valence_variance += (estimate.valence_sd**2 - self.valence_variance) / self.count
        self.arousal_variance += (estimate.arousal_sd**2 - self.arousal_variance) / self.count
        for name, value in estimate.quadrants.items():
            self.quadrants[name] += (value - self.quadrants[name]) / self.count
        for name, value in estimate.gems.items():
            self.gems[name] += (value - self.gems[name]) / self.count


class MusicShare:
    """How much of a stream's sound is music, in constant memory however long it is.

    What is silent, too quiet, lost or before the end of the warm-up counts for neither.
    """

    def __init__(self) -> None:
        self._music = self._others = 0

    def add(self, estimate: Estimate) -> None:
        """Take the next estimate."""
        if estimate.music is not None:  # else music is what any sound is taken for
            self._music += estimate.status is Status.MUSIC
            self._others += estimate.status is Status.NO_MUSIC

    @property
    def value(self) -> float | None:
        """Share of the hops that are music, in [0, 1]; None where none says whether it is."""
        judged = self._music + self._others
        return round(self._music / judged, 6) if judged else None


class Summarizer:
    """Collect the estimates of a clip and summarise them.

    A summary averages the hops that count; see ``Averager``.

    Args:
        calibration: of the checkpoint that made the estimates; says how a clip's sd follows.
    """

    def __init__(self, calibration: "Calibration") -> None:
        self._calibration = calibration
        self._mean = Averager()
        self._share = MusicShare()

    def add(self, estimates: Iterable[Estimate]) -> None:
        """Take more estimates, in order."""
        for estimate in estimates:
            self._mean.add(estimate)
            self._share.add(estimate)

    def summary(self, *, path: str, seconds: float) -> Summary:
        """Return the summary of what was added; its affect is None if nothing was."""
        mean = self._mean
        if mean.count == 0:
            return Summary(path=path, seconds=seconds, affect=None)
        affect = Affect(
            valence=round(mean.valence, 6),
            arousal=round(mean.arousal, 6),
            valence_sd=_clip_sd(self._calibration.clip_valence, mean.valence_variance),
            arousal_sd=_clip_sd(self._calibration.clip_arousal, mean.arousal_variance),
            quadrants={name: round(value, 6) for name, value in mean.quadrants.items()},
            gems={name: round(value, 6) for name, value in mean.gems.items()},
        )
        return Summary(path=path, seconds=seconds, affect=affect, music_share=self._share.value)


def _clip_sd(calibration: "ClipCalibration", mean_variance: float) -> float:
    return round(math.hypot(calibration.floor, calibration.scale * math.sqrt(mean_variance)), 6)
