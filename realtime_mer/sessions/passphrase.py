"""Where the passphrase of an encrypted session comes from; never from an argument, which any user
of the machine could read in its list of processes."""

import os
import sys
from getpass import getpass
from pathlib import Path

from realtime_mer.errors import InputError

PASSPHRASE_VARIABLE = "REALTIME_MER_PASSPHRASE"
"""Environment variable that holds the passphrase."""


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
            return file.read_text("utf-8").partition("\n")[0].rstrip("\r")
        except OSError as error:
            raise InputError(
                f"--passphrase-file {file} cannot be read: {error.strerror}."
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"--passphrase-file {file} is no text in UTF-8.") from error
    variable = os.environ.get(PASSPHRASE_VARIABLE)
    if variable:
        return variable
    if not sys.stderr.isatty():
        raise InputError(
            f"{name} needs a passphrase, and there is no terminal to ask for it: give "
            f"--passphrase-file, or set {PASSPHRASE_VARIABLE}."
        )
    passphrase = getpass(f"Passphrase of {name}: ")
    if new and getpass("The same again: ") != passphrase:
        raise InputError("The two passphrases differ; nothing was recorded.")
    return passphrase
