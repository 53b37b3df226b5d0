"""Where the passphrase of an encrypted session comes from; never from an argument, which any user
of the machine could read in its list of processes."""

import os
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.wire.access import is_famous_number

PASSPHRASE_VARIABLE = "REALTIME_MER_PASSPHRASE"
"""Environment variable that holds the passphrase."""

_LONGEST = 4096  # bytes
_JUDGED = 72  # characters; the library takes no more, and a whole is no weaker than its parts

FEWEST_GUESSES = 10**10
"""After so many guesses, half a second each of one core, a new passphrase may be found: what zxcvbn
calls very unguessable."""


def check_strength(passphrase: str, *, known: Sequence[str] = ()) -> None:
    """Refuse a passphrase that is guessed too soon, by an estimate that knows English words.

    Args:
        known: what anybody would try first, such as the session's name.

    Raises:
        InputError: it is weak; the message says why and how to insist.
    """
    from zxcvbn import zxcvbn  # a tenth of a second, for its lists of words

    if not passphrase:
        raise InputError("The passphrase is empty: take some words that nobody would put together.")
    if is_famous_number(passphrase):
        raise InputError(
            "This passphrase is a number that anybody can look up: take some words that nobody "
            "would put together, or insist with --weak-passphrase."
        )
    parts = (passphrase[:_JUDGED], passphrase[-_JUDGED:])
    judged = [zxcvbn(part, user_inputs=list(known)) for part in parts]
    found = max(judged, key=lambda one: one["guesses"])
    if found["guesses"] >= FEWEST_GUESSES:
        return
    why = " ".join(filter(None, [found["feedback"]["warning"], *found["feedback"]["suggestions"]]))
    raise InputError(
        f"This passphrase is found after about {float(found['guesses']):.0e} guesses, and "
        f"{FEWEST_GUESSES:.0e} are wanted: take some words that nobody would put together, or "
        f"insist with --weak-passphrase. {why}".rstrip()
    )


def new_passphrase(name: str, *, file: Path | None, weak: bool, known: Sequence[str]) -> str:
    """Return a passphrase that is chosen now, as ``take_passphrase`` does.

    Args:
        name, file: as there.
        weak: whether one that is guessed soon will do.
        known: words that whoever guesses would try first, besides the program's name.

    Raises:
        InputError: as there, or it is guessed soon.
    """
    passphrase = take_passphrase(name, file=file, new=True)
    if not weak:
        check_strength(passphrase, known=[*known, "realtime-mer"])
    return passphrase


def take_passphrase(name: str, *, file: Path | None = None, new: bool = False) -> str:
    """Return the passphrase from a file's first line, else the environment, else a prompt.

    Args:
        name: of the session, for the prompt.
        file: None for none.
        new: whether it is chosen now; a prompt then asks for it twice.

    Raises:
        InputError: there is none, the file cannot be read, or the two differ.
    """
    if file is not None:
        try:
            with file.open("rb") as stream:
                line = stream.readline(_LONGEST + 1)
            # With the mark that editors put before UTF-8, or without.
            passphrase = line.decode("utf-8-sig").rstrip("\r\n")
        except OSError as error:
            raise InputError(
                f"--passphrase-file {file} cannot be read: {error.strerror}."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"--passphrase-file {file} is no text in UTF-8.") from error
        if len(line) > _LONGEST:
            raise InputError(
                f"--passphrase-file {file}: its first line is longer than {_LONGEST} bytes; is it "
                "another file?"
            )
        return passphrase
    variable = os.environ.get(PASSPHRASE_VARIABLE)
    if variable:
        try:
            variable.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{PASSPHRASE_VARIABLE} is no text in UTF-8.") from error
        return variable
    if not sys.stderr.isatty():
        raise InputError(
            f"{name} needs a passphrase, and there is no terminal to ask for it: give "
            f"--passphrase-file, or set {PASSPHRASE_VARIABLE}."
        )
    try:
        passphrase = getpass(f"Passphrase of {name}: ")
        again = getpass("The same again: ") if new else passphrase
    except UnicodeDecodeError as error:
        raise InputError("What was typed is no text in this terminal's encoding.") from error
    if again != passphrase:
        raise InputError("The two passphrases differ; nothing was recorded.")
    return passphrase
