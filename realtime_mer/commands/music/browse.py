"""``realtime-mer library browse``: a page that shows a library on the plane."""

import secrets
from contextlib import suppress
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Table, Token
from realtime_mer.commands.first_words import say
from realtime_mer.printing.lines import line

DEFAULT_BROWSE_PORT = 8767


def browse(
    table: Table,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 for any free one.")] = DEFAULT_BROWSE_PORT,
    token: Token = None,
) -> None:
    """Show a library in your browser: every track on the plane, to hear, filter and take along.

    `realtime-mer library browse music.sqlite`, and open the address that it prints.

    Your files are only read. The page follows the table when it changes.
    """
    from realtime_mer.library.tables import check_table
    from realtime_mer.service.listening import check_free
    from realtime_mer.wire import access

    check_table(table)
    check_free(host, port)
    say(f"Reading {table}")

    from realtime_mer.library.browsing.serve import LibraryServer
    from realtime_mer.library.browsing.shelf import Shelf
    from realtime_mer.service.links import links

    if token is None and not access.is_loopback(host):
        token = secrets.token_urlsafe()
    shelf = Shelf(table)
    with LibraryServer(shelf, host=host, port=port, token=token) as server:
        count = len(shelf.edition.catalogue.paths)
        (first, *_) = links(host, server.server_address[1], token=token, tls=False)
        line(f"{count} tracks at {first}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
