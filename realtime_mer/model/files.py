"""Where the files of a checkpoint are, and whether they are whole.

A checkpoint is a card, ``NAME.json``, and beside it weights for PyTorch, ``NAME.safetensors``, a
network that runs without it, ``NAME.onnx``, or both.

Little is imported here, so that a mistyped name or a damaged file is answered at once.
"""

import errno
import hashlib
import json
import stat
from pathlib import Path

from safetensors import SafetensorError, deserialize

from realtime_mer.errors import CheckpointError
from realtime_mer.wording import nearest

MOST_CARD = 1 << 24
"""Bytes of a card; those that ship have thousands."""

MOST_NETWORK = 1 << 30
"""Bytes of weights, and of an ``.onnx`` file; those that ship have millions."""


def find_checkpoint(name_or_path: str | Path) -> Path:
    """Return the stem of a checkpoint's files.

    Args:
        name_or_path: a shipped checkpoint's name, or the path of one of its files.

    Raises:
        CheckpointError: a file is missing.
    """
    path = Path(name_or_path)
    stem = path.with_suffix("") if path.suffix in {".safetensors", ".json", ".onnx"} else path
    candidates = [stem]
    if stem.name == str(stem):
        candidates.append(_models_folder() / stem)
    for candidate in candidates:
        card, learnt = card_path(candidate), _learnt(candidate)
        if card.is_file() and learnt is not None:
            return candidate
        if card.is_file() or learnt is not None:
            missing = weights_path(candidate) if card.is_file() else card
            raise CheckpointError(
                f"Checkpoint {name_or_path!s}: {missing} is missing. A checkpoint is a .json card "
                "and a .safetensors or .onnx file beside it."
            )
    names = [stem.name for stem in shipped_checkpoints()]
    near = nearest(str(name_or_path), names)
    raise CheckpointError(
        f"No checkpoint {str(name_or_path)!r}. Give the path of one of its files, or one of "
        f"those that ship: {', '.join(names) or 'none'}."
        + ("" if near is None else f" Did you mean {near}?")
    )


def checkpoint_files(name_or_path: str | Path) -> tuple[Path, Path]:
    """Return the card of a checkpoint, as ``find_checkpoint`` finds it, and what it learnt.

    The latter are its weights, or its ``.onnx`` file where that is all there is.
    """
    stem = find_checkpoint(name_or_path)
    return card_path(stem), _learnt(stem) or weights_path(stem)


def checkpoint_sha256(name_or_path: str | Path) -> str:
    """Return the SHA-256, in hexadecimal, of a checkpoint's card and of what it learnt.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
    """
    digest = hashlib.sha256()
    for path in checkpoint_files(name_or_path):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    return digest.hexdigest()


def shipped_checkpoints() -> list[Path]:
    """Return the stems of the checkpoints that come with the package."""
    stems = {path.with_suffix("") for path in _models_folder().glob("*.json")}
    return sorted(stem for stem in stems if _learnt(stem) is not None)


def check_checkpoint(name_or_path: str | Path) -> None:
    """Refuse a checkpoint whose files are missing or damaged, as far as can be told unloaded.

    Raises:
        CheckpointError: a file is missing, the card is no JSON, or the weights are no safetensors
            file or shorter than they say. An ``.onnx`` file is held to its card when it is loaded.
    """
    card, learnt = checkpoint_files(name_or_path)
    try:
        json.loads(read_plain(card, most=MOST_CARD))
    except OSError as error:
        raise CheckpointError(f"{card} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:  # the latter of ten thousand brackets
        raise CheckpointError(
            f"{card} is no JSON ({error}). Fetch the checkpoint again."
        ) from error
    if learnt.suffix == ".onnx":
        return
    try:
        # Not safe_open, which imports torch or numpy.
        deserialize(read_plain(learnt, most=MOST_NETWORK))  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise unreadable(learnt, error) from error


def read_plain(path: Path, *, most: int) -> bytes:
    """Return what a plain file holds: no pipe is waited for, and nothing of any length is held.

    Raises:
        OSError: it cannot be read, is no plain file, or has more than ``most`` bytes.
    """
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    if status.st_size > most:
        told = f"it has {status.st_size} bytes, and at most {most} are taken"
        raise OSError(errno.EFBIG, told, str(path))
    return path.read_bytes()


def unreadable(weights: Path, error: OSError | SafetensorError) -> CheckpointError:
    """Return what is said of weights that cannot be read."""
    why = error.strerror if isinstance(error, OSError) else error
    return CheckpointError(
        f"{weights} cannot be read as safetensors ({why}). Fetch the checkpoint again."
    )


# Not with_suffix: a name may hold a dot, as "large-1.5" does.
def weights_path(stem: Path) -> Path:
    """Return where the weights of a checkpoint are."""
    return Path(f"{stem}.safetensors")


def network_path(stem: Path) -> Path:
    """Return where the network is that runs without PyTorch, if the checkpoint has one."""
    return Path(f"{stem}.onnx")


def card_path(stem: Path) -> Path:
    """Return where the card of a checkpoint is."""
    return Path(f"{stem}.json")


def _learnt(stem: Path) -> Path | None:
    """Return the file with what a checkpoint learnt; None where there is none."""
    files = (weights_path(stem), network_path(stem))
    return next((file for file in files if file.is_file()), None)


def _models_folder() -> Path:
    # A wheel carries them inside the package; a source checkout has them beside it.
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"
