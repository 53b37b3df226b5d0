"""``realtime-mer rooms forget``: remove what is kept of a room."""

from typing import Annotated

import typer

from realtime_mer.commands.rooms.places import Folder, Nats, NatsCa, folder_of
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import line, notice


def forget(
    room: Annotated[str, typer.Argument(metavar="NAME", help="Name of the room.")],
    nats: Nats = None,
    nats_ca: NatsCa = None,
    folder: Folder = None,
) -> None:
    """Forget a room: remove what is kept of it, so that it begins anew and is not listed any more.

    `realtime-mer rooms forget stage-1` removes its state from the folder of a service that has
    ended. With `--nats` nodes and workers run on, and nobody may feed the room.

    What was recorded of a room are sessions, and stays: `realtime-mer sessions delete`. So do
    tokens: `realtime-mer rooms token revoke`.
    """
    from realtime_mer.rooms.names import check_room

    check_room(room)
    if nats is not None:
        from realtime_mer.rooms.machines.address import nats_address
        from realtime_mer.rooms.nodes.forgetting import forget_room

        removed = forget_room(nats_address(nats, ca=nats_ca), room)
        where = "NATS"
    elif nats_ca is not None:
        raise InputError(f"--nats-ca {nats_ca} is of no use without --nats.")
    else:
        from realtime_mer.rooms.checkpoints import STATES, forget_state

        path = folder_of(folder) / STATES
        removed = ["its state"] if forget_state(path, room) else []
        where = str(path)
    if not removed:
        raise InputError(f"nothing is kept of room {room} in {where}: see the name")
    line(f"Room {room} is forgotten. Removed from {where}: {', '.join(removed)}.")
    notice(
        "What was recorded of it are sessions, which stay (realtime-mer sessions), and so do its "
        "tokens (realtime-mer rooms token)."
    )
