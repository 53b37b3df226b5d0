"""The sizes of the network; whoever reads a card needs them, and no torch."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The sizes of the network; a checkpoint's card carries these numbers.

    What no card changes: a hop has ``hop_frames`` frames; a column sees ``receptive_field`` of
    them; an embedding pools ``columns`` columns and so sees ``window_frames``.

    Attributes:
        n_mels: mel bands of a frame, a multiple of 8.
        channels: channels of the three two-dimensional convolutions.
        column_channels: channels of a column, the fourth convolution's output.
        embedding: size of a hop's embedding and of the recurrent state.
        dropout: probability in training, on the embedding and on the recurrent output.
        music: it says how likely music sounds at all.
        familiar: it says how near the sound is to what it learnt from.
        harmonic: channels of the harmonic branch: of a semitone, of a root's chord, of a window's
            pattern; None for no such branch. It hears what ``FeatureConfig.pitch`` asks for.
        tied: its quadrants follow from its valence and arousal, so that the likeliest is the
            point's wherever both lie further from neutral than ``tied_beyond`` (before ``judge``
            stretches them); nearer, what the quadrants' own head says may decide.
    """

    n_mels: int = 64
    channels: tuple[int, int, int] = (24, 48, 96)
    column_channels: int = 192
    embedding: int = 128
    dropout: float = 0.3
    music: bool = False
    familiar: bool = False
    harmonic: tuple[int, int, int] | None = None
    tied: bool = False

    hop_frames: ClassVar[int] = 5
    receptive_field: ClassVar[int] = (
        29  # 5 + 4 + 2 * 5 + 2 * 5: kernels 5, 5, 3, 3, strides 1 5 1 1
    )
    columns: ClassVar[int] = 25
    window_frames: ClassVar[int] = receptive_field + (columns - 1) * hop_frames
    history_frames: ClassVar[int] = window_frames - hop_frames  # of a window, before its newest hop
    familiarity_directions: ClassVar[int] = 64  # of the embedding, or all where it has fewer
    familiarity_steps: ClassVar[int] = 4
    pitch_classes: ClassVar[int] = 12
    tied_beyond: ClassVar[float] = 0.1
    minimal_sd: ClassVar[float] = 0.03  # under the predicted sd; far below what raters disagree by

    @property
    def column_numbers(self) -> int:
        """Numbers of a column, those of the harmonic branch included."""
        return self.column_channels + self.pitch_classes * (self.harmonic or (0, 0, 0))[1]
