"""``realtime-mer rooms token``: who may feed, watch or manage which room."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime_mer.commands.arguments import AsJson
from realtime_mer.commands.rooms.places import Folder, Nats, NatsCa, folder_of
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import line, notice
from realtime_mer.rooms.names import Right

if TYPE_CHECKING:
    from realtime_mer.rooms.tokens.grants import TokenStore

app = typer.Typer(
    help="Make, list and revoke tokens: who may feed, watch or manage which room.\n\n"
    "With `--nats` they are of all nodes at that NATS; else of the service of this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.command()
def make(
    room: Annotated[
        str, typer.Argument(metavar="ROOM|*", help="Name of the room; '*' for every room.")
    ],
    right: Annotated[
        Right,
        typer.Argument(help="feed sends sound, watch sees what is estimated, manage does both."),
    ],
    note: Annotated[str, typer.Option(help="For whom it is, as only you need to know.")] = "",
    nats: Nats = None,
    nats_ca: NatsCa = None,
    folder: Folder = None,
) -> None:
    """Make a token and print it, once: only a digest of it is kept.

    `realtime-mer rooms token make stage-1 feed --note "FOH desk"`

    A running service knows it within half a second, with `--nats` every node.
    """
    from realtime_mer.wording import legible

    store = _store(folder, nats, nats_ca)
    grant, token = store.make(room, right, note=legible(note))
    notice(f"Token {grant.id} lets {right.value} {_of(room)}; nobody can show it to you again:")
    line(token)


@app.command("list")
def list_tokens(
    nats: Nats = None, nats_ca: NatsCa = None, folder: Folder = None, as_json: AsJson = False
) -> None:
    """List the tokens: what each lets do, and when it was made."""
    import json

    grants = _store(folder, nats, nats_ca).grants()
    if as_json:
        kept = ("id", "room", "right", "made_at", "note")
        line(json.dumps([{name: getattr(grant, name) for name in kept} for grant in grants]))
        return
    for grant in grants:
        line(f"{grant.id}  {grant.right.value:<6}  {grant.room}  {grant.made_at}  {grant.note}")
    if not grants:
        notice("There is no token: realtime-mer rooms token make NAME feed|watch|manage")


@app.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As the list names them.")],
    nats: Nats = None,
    nats_ca: NatsCa = None,
    folder: Folder = None,
) -> None:
    """Revoke tokens: a running service ends their connections within half a second.

    With `--nats` every node does that reaches NATS then; one that does not, when it is back.
    """
    for grant in _store(folder, nats, nats_ca).revoke(ids):
        line(f"Token {grant.id} ({grant.right.value}, {_of(grant.room)}) is revoked.")


def _store(folder: Path | None, nats: str | None, nats_ca: str | None) -> "TokenStore":
    if nats is not None:
        from realtime_mer.rooms.machines.address import nats_address
        from realtime_mer.rooms.tokens.bucket import TokenBucket

        return TokenBucket(nats_address(nats, ca=nats_ca))
    if nats_ca is not None:
        raise InputError(f"--nats-ca {nats_ca} is of no use without --nats.")
    from realtime_mer.rooms.tokens.file import TOKENS, TokenFile

    return TokenFile(folder_of(folder) / TOKENS)


def _of(room: str) -> str:
    from realtime_mer.rooms.tokens.grants import EVERY_ROOM

    return "every room" if room == EVERY_ROOM else f"room {room}"
