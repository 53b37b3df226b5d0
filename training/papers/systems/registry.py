"""Every system of the papers, in the order of the table."""

from realtime_mer.errors import InputError

from . import (
    grekow,
    hizlisoy,
    kerhalkar,
    nearest,
    orjesek,
    parisi,
    yakovyna,
    yang,
)
from .system import System

SYSTEMS: tuple[System, ...] = (
    *nearest.SYSTEMS,
    *yakovyna.SYSTEMS,
    *kerhalkar.SYSTEMS,
    *yang.SYSTEMS,
    *grekow.SYSTEMS,
    *orjesek.SYSTEMS,
    *hizlisoy.SYSTEMS,
    *parisi.SYSTEMS,
)
"""Their names are unique. The first is a demonstration, not a paper's."""


def find_system(name: str) -> System:
    """Return a system by its name.

    Raises:
        InputError: there is none of that name.
    """
    for system in SYSTEMS:
        if system.name == name:
            return system
    known = ", ".join(system.name for system in SYSTEMS)
    raise InputError(f"no system {name!r} among the papers'; there are: {known}")
