"""``realtime-mer sessions``: what ``live --record`` kept."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime_mer.commands.arguments import Host, Lsl, MapFiles, Midi, Mqtt, Osc, OscRate
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output, read_plans
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import complain, line, notice
from realtime_mer.writing.replacing import replacing

if TYPE_CHECKING:
    from realtime_mer.sessions.deleting import Remains
    from realtime_mer.sessions.store import AnySession, Session

app = typer.Typer(
    help="Look at the sessions that you kept: list, replay, export, report or delete them.\n\n"
    "`realtime-mer live --record friday` keeps one; `realtime-mer sessions list` names them all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


class ExportFormat(StrEnum):
    """How a session is exported."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    VTT = "vtt"
    AUDACITY = "audacity"
    FLAC = "flac"


class ReportFormat(StrEnum):
    """How a report is written."""

    HTML = "html"
    PDF = "pdf"


Name = Annotated[
    str,
    typer.Argument(metavar="SESSION", help="Its name, or as much of it as no other begins with."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Whose first line opens an encrypted session; else REALTIME_MER_PASSPHRASE is taken, "
        "else you are asked.",
    ),
]


@contextmanager
def _opened(name: str, passphrase_file: Path | None) -> Iterator["Session"]:
    """Find a session, unlock it, and say at the end what of it could not be read."""
    from realtime_mer.sessions.passphrase import take_passphrase
    from realtime_mer.sessions.store import open_session

    session = open_session(
        name, passphrase=lambda full: take_passphrase(full, file=passphrase_file)
    )
    yield session
    for problem in session.problems():
        notice(problem)


@app.command("list")
def list_() -> None:
    """See which sessions you kept, oldest first.

    `realtime-mer sessions list | grep audio` finds those whose sound was kept.

    Off a terminal there is one a line, columns separated by blanks, under a line with their names:
    `name`, `seconds`, `estimates`, `markers`, `sound` (`audio` or `no-audio`), `state`, `begun`,
    `model`. The state is `ended`, `recording` (now) or `cut-off` (its recorder is gone). Of one
    that is encrypted only its name and start are known: it is `locked`, and the others are `-`. So
    they are of what cannot be opened: it is `deleting` (not all could be removed yet),
    `unfinished` (without a manifest), `damaged` or a `link`, and standard error says more.
    """
    say("Reading the sessions")

    from rich.table import Column, Table

    from realtime_mer.printing.console import console
    from realtime_mer.sessions.deleting import Remains, State
    from realtime_mer.sessions.lock import is_recorded
    from realtime_mer.sessions.manifest import Manifest
    from realtime_mer.sessions.store import (
        LockedSession,
        find_session,
        list_sessions,
        sessions_folder,
    )
    from realtime_mer.wording import clock

    sessions, remains = list_sessions()
    shown = console(wrap=True)
    name = Column("name", overflow="fold")  # cut off it would be of no use to type
    table = Table(name, "length", "estimates", "markers", "sound", "begun", "person", box=None)
    rows: list[tuple[str, ...]] = [
        ("name", "seconds", "estimates", "markers", "sound", "state", "begun", "model")
    ]
    for session in sessions:
        if isinstance(session, LockedSession):
            begun = session.manifest.started_at
            table.add_row(session.name, "locked", "", "", "", _minute(begun), "")
            rows.append((session.name, "-", "-", "-", "-", "locked", begun, "-"))
            continue
        manifest = session.manifest
        try:
            totals = session.totals()
        except InputError as error:
            remains.append(Remains(folder=session.folder, state=State.DAMAGED, problem=str(error)))
            continue
        state = "ended" if manifest.ended_at else "recording"
        if not manifest.ended_at and not is_recorded(session.folder):
            # It may have ended since its manifest was read.
            now = find_session(session.name).manifest
            state = "ended" if isinstance(now, Manifest) and now.ended_at else "cut off"
        numbers = (str(totals.estimates), str(totals.markers))
        table.add_row(
            session.name,
            clock(totals.seconds) + ("" if state == "ended" else f", {state}"),
            *numbers,
            "kept" if manifest.audio else "no",
            _minute(manifest.started_at),
            manifest.pseudonym or "",
        )
        sound = "audio" if manifest.audio else "no-audio"
        model = "-".join(manifest.hello.model.split())
        rows.append(
            (
                session.name,
                f"{totals.seconds:.1f}",
                *numbers,
                sound,
                state.replace(" ", "-"),
                manifest.started_at,
                model,
            )
        )
    for left in remains:
        table.add_row(left.name, left.state.value, "", "", "", "", "")
        rows.append((left.name, "-", "-", "-", "-", left.state.value, "-", "-"))
    if shown.is_terminal:
        shown.print(table if sessions or remains else f"No session in {sessions_folder()}.")
    elif len(rows) > 1:
        for row in rows:
            line(" ".join(row))
    for left in remains:
        notice(left.problem)


def _minute(moment: str) -> str:
    """Return a time of a manifest to the minute, for people."""
    return moment[:16].replace("T", " ")


@app.command()
def show(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """See what a session holds: when, of what, with which model and settings.

    `realtime-mer sessions show friday` finds it by the beginning of its name.
    """
    say(f"Reading {name}")
    with _opened(name, passphrase_file) as session:
        manifest, totals = session.manifest, session.totals(read=True)
    if as_json:
        whole = {
            **manifest.model_dump(mode="json"),
            **asdict(totals),
            "encrypted": session.encrypted,
            "folder": str(session.folder),
        }
        print(json.dumps(whole, indent=2, allow_nan=False))
        return
    facts = {
        "name": session.name,
        "folder": session.folder,
        "person": manifest.pseudonym or "not stated",
        "begun": manifest.started_at,
        "ended": manifest.ended_at or "not noted: it is still recorded, or was cut off",
        "source": manifest.source,
        "model": f"{manifest.hello.model}, on {manifest.compute}",
        "sound": "not kept"
        if session.sound_start is None
        else f"{manifest.audio}, from {session.sound_start:.3f} s of the stream on",
        "encrypted": "yes" if session.encrypted else "no",
        "length": f"{totals.seconds:.1f} s, from {totals.start:.1f} s of the stream on",
        "estimates": totals.estimates,
        "markers": totals.markers,
        "could not be recorded": manifest.lost,
        "cannot be read": totals.damaged,
        "settings": json.dumps(manifest.settings),
    }
    for key, value in facts.items():
        line(f"{key}: {value}")
    for failure in manifest.failures:
        line(f"failure: {failure}")


@app.command()
def replay(
    name: Name,
    speed: Annotated[
        str, typer.Option(help="Seconds of sound per second, such as 1 or 8.5; or max.")
    ] = "1",
    start: Annotated[
        str, typer.Option(metavar="TIME", help="Where to begin: seconds, 1:30 or 1:02:03.")
    ] = "0",
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the service; 0 for any free one.")] = 8765,
    token: Annotated[
        str | None, typer.Option(envvar="REALTIME_MER_TOKEN", help="What subscribers must show.")
    ] = None,
    weak_token: Annotated[
        bool,
        typer.Option("--weak-token", help="Let a --token that could be guessed do for a network."),
    ] = False,
    osc: Osc = None,
    osc_rate: OscRate = None,
    mqtt: Mqtt = None,
    lsl: Lsl = None,
    midi: Midi = None,
    maps: MapFiles = None,
    server: Annotated[bool, typer.Option("--server/--no-server", help="WebSocket service.")] = True,
    window: Annotated[
        bool, typer.Option("--window/--no-window", help="Window, where there is a screen.")
    ] = True,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print every estimate as a JSON line.")
    ] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Play a session again, with the numbers that were recorded.

    `realtime-mer sessions replay friday --start 1:30` begins at a minute and a half. On a terminal
    you can type a time and Enter to go there: `1:30`, `+20`, `-5`.

    `realtime-mer sessions replay friday --map show.toml` sends what the mapping says, as then.
    """
    from realtime_mer.service.listening import check_free, check_token

    pace = None if speed == "max" else _speed(speed)
    plans = read_plans(
        osc=osc,
        osc_rate=osc_rate,
        mqtt=mqtt,
        lsl=lsl,
        midi=midi,
        maps=maps or (),
        slower="a --speed that is no max" if pace is None else None,
    )
    if lsl is not None and pace != 1:
        raise InputError(f"--lsl {lsl} needs --speed 1: its stamps are those of the sound.")
    if server and pace is not None:
        check_free(host, port)
        if token is not None:
            check_token(token, host=host, weak=weak_token)
    say(f"Replaying {name}")

    with _opened(name, passphrase_file) as session:
        from realtime_mer.live.outlets import ServiceOptions
        from realtime_mer.live.replay import ReplayOptions, parse_clock, run_replay

        service = ServiceOptions(host=host, port=port, token=token, weak_token=weak_token)
        options = ReplayOptions(
            speed=pace,
            start=parse_clock(start),
            # As live: at full speed it is over before anybody could follow.
            service=service if server and pace is not None else None,
            window=window and pace is not None,
            plans=tuple(plans),
            maps=tuple(maps or ()),
            jsonl=jsonl,
        )
        run_replay(session, options)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1000:
        raise InputError(f"--speed {text!r}: give a number from 0.01 to 1000, or max.")
    return speed


@app.command()
def export(
    name: Name,
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="csv, jsonl, parquet: a row per estimate. vtt (captions), audacity (labels): "
            "markers and segments. flac: the sound, where it was kept."
        ),
    ] = ExportFormat.CSV,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write there, not to standard output.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Take a session to other programs: a table, captions, labels or its sound.

    `realtime-mer sessions export friday --format csv --out friday.csv` writes a row per estimate.
    What is written is not encrypted.
    """
    if out is not None:
        check_output(out, option="--out")
    say(f"Exporting {name}")

    with _opened(name, passphrase_file) as session:
        from realtime_mer.sessions.export import export as write

        write(session, format=format.value, out=out)


@app.command()
def report(
    name: Name,
    compare: Annotated[
        str | None, typer.Option(metavar="SESSION", help="Another session, to compare with.")
    ] = None,
    format: Annotated[
        ReportFormat | None,
        typer.Option(
            help="Without it what --out ends with says so; else html.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where to write; else SESSION.html or .pdf here."),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What stands at its head.", show_default="the session's"),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write a page about a session: course, moods, segments, markers, signal quality and limits.

    `realtime-mer sessions report friday --out friday.pdf` writes a PDF; without `--out` you get a
    page for a browser. It is one file that loads nothing, and is not encrypted.
    """
    if out is not None:
        check_output(out, option="--out")
    say(f"Writing a report of {name}")

    wanted = format or _format_of(out)
    with ExitStack() as stack:
        names = [one for one in (name, compare) if one is not None]
        sessions = [stack.enter_context(_opened(one, passphrase_file)) for one in names]

        from realtime_mer.sessions.html import to_html
        from realtime_mer.sessions.pdf import to_pdf
        from realtime_mer.sessions.report import report as write

        document = write(sessions, title=title)
        page = to_html(document).encode() if wanted is ReportFormat.HTML else to_pdf(document)
        path = out or Path(f"{sessions[0].name}.{wanted.value}")
        try:
            with replacing(path) as file:
                file.write(page)
        except OSError as error:
            raise InputError(f"--out {path} cannot be written: {error.strerror}.") from error
    line(path)


def _format_of(path: Path | None) -> ReportFormat:
    return ReportFormat.PDF if path and path.suffix.lower() == ".pdf" else ReportFormat.HTML


@app.command()
def delete(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SESSION]...", help="Full names.")
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(metavar="DAYS", min=0.0, help="Delete every session begun before that."),
    ] = None,
) -> None:
    """Delete sessions with all their files, at once and for good.

    `realtime-mer sessions delete --older-than 90` deletes those begun more than 90 days ago, and
    what earlier deletions left. What is not wholly gone is named, stays in the list, and the exit
    status is 1.
    """
    if not names and older_than is None:
        raise InputError("Nothing to delete: give names, or --older-than DAYS.")
    say("Reading the sessions")

    from realtime_mer.sessions.store import find_to_delete, list_sessions

    chosen = {name: find_to_delete(name) for name in names or []}
    problems = []
    if older_than is not None:
        limit = _days_ago(older_than)
        sessions, remains = list_sessions()
        for thing in (*sessions, *remains):
            old = _begun_before(thing, limit)
            if old:
                chosen.setdefault(thing.name, thing)
            elif old is None and thing.name not in chosen:
                problems.append(
                    f"{thing.name} was kept, as nothing tells when it began; delete it by its name."
                )
    for name, thing in chosen.items():
        try:
            thing.delete()
        except InputError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(
                f"{name} is not wholly deleted: {error}; `realtime-mer sessions list` shows it "
                "until it is, and deleting it again goes on."
            )
        else:
            line(f"deleted {name}")
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(1)


def _days_ago(days: float) -> datetime:
    """Return the moment so many days ago; the first there is where they lead beyond that."""
    first = datetime.min.replace(tzinfo=UTC)
    try:
        return max(first, datetime.now(UTC) - timedelta(days=days))
    except OverflowError:
        return first


def _begun_before(thing: "AnySession | Remains", limit: datetime) -> bool | None:
    """Return whether a session is to be deleted by its age; None where that is not known."""
    from realtime_mer.sessions.deleting import Remains, State

    if not isinstance(thing, Remains):
        return datetime.fromisoformat(thing.manifest.started_at) < limit
    if thing.state is State.DELETING:  # that was asked for already
        return True
    return None if thing.begun is None else thing.begun < limit
