"""What is known of a recogniser that others run: its card tells, and no network is loaded."""

from dataclasses import dataclass
from pathlib import Path

from realtime_mer.model.card import CNN_LSTM, BaseCard, Card, CardKind, check_card, load_card
from realtime_mer.model.committee import COMMITTEE, CommitteeCard
from realtime_mer.model.files import card_path, find_checkpoint
from realtime_mer.recognizer.loading import load_recognizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A recogniser of rooms that workers run (``computer.Model``).

    Attributes:
        card: what it is and learnt from.
        sample_rate: Hz of the samples that it hears.
        hop_samples: samples from one estimate to the next.
        window_samples: samples that an estimate looks at.
        compute: what it computes with, as far as is known here.
    """

    card: BaseCard
    sample_rate: int
    hop_samples: int
    window_samples: int
    compute: str = "workers"


def described(name_or_path: str | Path) -> Described:
    """Return what a checkpoint says of itself.

    Args:
        name_or_path: as for ``load_recognizer``.

    Raises:
        CheckpointError: there is no such checkpoint, or its card does not fit.
    """
    stem = find_checkpoint(name_or_path)
    kind = load_card(stem, CardKind).architecture
    if kind not in (CNN_LSTM, COMMITTEE):  # of another package, which alone knows
        other = load_recognizer(name_or_path)
        return Described(
            card=other.card,
            sample_rate=other.sample_rate,
            hop_samples=other.hop_samples,
            window_samples=other.window_samples,
        )
    card: Card | CommitteeCard
    if kind == CNN_LSTM:
        card = load_card(stem, Card)
        check_card(card, card_path(stem))
    else:
        card = load_card(stem, CommitteeCard)
    return Described(
        card=card,
        sample_rate=card.features.sample_rate,
        hop_samples=card.hop_samples,
        window_samples=card.window_samples,
    )
