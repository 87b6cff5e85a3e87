"""Shows what was put aside, gives it back, lets go of it: frames and events that were refused."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Annotated, TypeVar

import msgspec
import typer

from api_service.rows import quarantine_row
from api_service.schemas import QuarantineRow
from cryptotracker.adapters import open_bus
from cryptotracker.decode_command import quietly
from cryptotracker.known import known_venues, venue_named
from cryptotracker.quarantine_replay import Outcome, Replay
from cryptotracker.settings import Settings, read_settings
from infrastructure.bus.port import Bus, DeadLetter
from infrastructure.log import configure_logging
from market import SettingsError

LOOKED_AT = 10_000
"""Letters of which the newest are shown."""

PATIENCE_S = 5.0
"""How long the broker may take to answer, where the settings do not give it less."""

SHOWN = 100
"""Characters of a frame in a line."""

EXIT_STAYS = 1
"""What was given back was not taken, or not all of it."""

T = TypeVar("T")

quarantine = typer.Typer(
    invoke_without_command=True,
    help="Frames and events that were put aside: show them, give them back, let go of them.",
)

Live = Annotated[bool, typer.Option("--live", help="Of the real venues.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids, or how they begin, as `quarantine list` has them.")
]
OfVenue = Annotated[str | None, typer.Option(help="Only what came from this venue.")]
OfMailbox = Annotated[
    str | None, typer.Option(help="Only what this mailbox refused, such as storage.writer.")
]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Limit = Annotated[int, typer.Option(min=1, help="The newest so many are shown.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="Frames alone, one a line, for `cryptotracker decode`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@quarantine.callback()
def listed_if_alone(  # the options of `list`
    context: typer.Context,
    venue: OfVenue = None,
    limit: Limit = 50,
    raw: Raw = False,  # noqa: FBT002  # a flag of the command line
    live: Live = False,  # noqa: FBT002  # as above
    as_json: AsJson = False,  # noqa: FBT002  # as above
) -> None:
    """Show what was put aside, and why; alone it is the same as `quarantine list`."""
    if context.invoked_subcommand is None:
        list_letters(venue=venue, limit=limit, raw=raw, live=live, as_json=as_json)


@quarantine.command("list")
def list_letters(
    venue: OfVenue = None,
    limit: Limit = 50,
    raw: Raw = False,  # noqa: FBT002  # as above
    live: Live = False,  # noqa: FBT002  # as above
    as_json: AsJson = False,  # noqa: FBT002  # as above
) -> None:
    """Show the frames and events that were put aside, and why; they stay where they are."""
    wanted = None if venue is None else venue_named(venue).name
    letters = _on_the_bus(_letters, live=live)
    found = [one for one in letters if wanted in (None, one.venue) and (one.body or not raw)]
    if not found:
        typer.echo(f"Nothing{f' of {wanted}' if wanted else ''} is in quarantine.", err=True)
    _print(_lines(found[-limit:], raw=raw, as_json=as_json))


@quarantine.command()
def show(
    ids: Annotated[list[str], typer.Argument(help="Ids, or how they begin.")],
    live: Live = False,  # noqa: FBT002  # as above
    as_json: AsJson = False,  # noqa: FBT002  # as above
) -> None:
    """Show letters whole: where from, why, when, and every byte."""
    letters = _on_the_bus(_letters, live=live)
    found = [_named(one, letters) for one in ids]
    if as_json:
        _print(msgspec.json.encode(quarantine_row(letter)) for letter in found)
        return
    _print(line.encode() for letter in found for line in _whole(letter))


@quarantine.command()
def replay(
    ids: Ids = None,
    every: All = False,  # noqa: FBT002  # as above
    mailbox: OfMailbox = None,
    venue: OfVenue = None,
    live: Live = False,  # noqa: FBT002  # as above
) -> None:
    """Give letters back: an event to the mailbox that refused it, a frame to today's decoder."""

    async def replayed(bus: Bus) -> Sequence[Outcome]:
        chosen = _chosen(await _letters(bus), ids or [], every=every, mailbox=mailbox, venue=venue)
        return await Replay(bus, known_venues()).of([letter.id for letter in chosen])

    outcomes = _on_the_bus(replayed, live=live)
    _print(f"{outcome.letter.id}  {outcome.said}".encode() for outcome in outcomes)
    stay = sum(outcome.stays for outcome in outcomes)
    typer.echo(f"{len(outcomes) - stay} given back, {stay} in quarantine.", err=True)
    if stay:
        raise typer.Exit(EXIT_STAYS)


@quarantine.command()
def drop(  # which, and how sure
    ids: Ids = None,
    every: All = False,  # noqa: FBT002  # as above
    mailbox: OfMailbox = None,
    venue: OfVenue = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002  # as above
    live: Live = False,  # noqa: FBT002  # as above
) -> None:
    """Let go of letters for good."""
    letters = _on_the_bus(_letters, live=live)
    chosen = _chosen(letters, ids or [], every=every, mailbox=mailbox, venue=venue)
    if not chosen:
        typer.echo("Nothing of that is in quarantine.", err=True)
        return
    if not yes:
        typer.confirm(f"Let go of {len(chosen)} for good?", abort=True, err=True)

    async def nothing(_letter: DeadLetter) -> None:
        return

    async def dropped(bus: Bus) -> None:
        await bus.revise({letter.id for letter in chosen}, nothing)

    _on_the_bus(dropped, live=live)
    typer.echo(f"{len(chosen)} dropped.", err=True)


def _on_the_bus(work: Callable[[Bus], Awaitable[T]], *, live: bool) -> T:
    """Do ``work`` on the bus that the settings name.

    Raises:
        BusUnavailableError: the broker does not answer.

    """
    settings = read_settings(mode="live" if live else None)
    configure_logging("error", settings.log_format)
    return asyncio.run(_opened(work, settings))


async def _opened(work: Callable[[Bus], Awaitable[T]], settings: Settings) -> T:
    within_s = min(settings.connect_timeout_s, PATIENCE_S)
    async with open_bus(settings.model_copy(update={"connect_timeout_s": within_s})) as bus:
        return await work(bus)


async def _letters(bus: Bus) -> Sequence[DeadLetter]:
    return await bus.dead_letters(LOOKED_AT)


def _chosen(
    letters: Sequence[DeadLetter],
    ids: Sequence[str],
    *,
    every: bool,
    mailbox: str | None,
    venue: str | None,
) -> Sequence[DeadLetter]:
    """Return the letters that are meant.

    Raises:
        SettingsError: it does not say which, or an id is of none or of several.

    """
    if not (ids or every or mailbox or venue):
        raise SettingsError("Say which: ids, --mailbox NAME, --venue NAME, or --all.")
    if ids:
        return list({(one := _named(text, letters)).id: one for text in ids}.values())
    wanted = None if venue is None else venue_named(venue).name
    return [
        one for one in letters if mailbox in (None, one.mailbox) and wanted in (None, one.venue)
    ]


def _named(text: str, letters: Sequence[DeadLetter]) -> DeadLetter:
    found = {one.id: one for one in letters if one.id.startswith(text.lower())}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise SettingsError(f"{text} begins the ids {', '.join(sorted(found))}: say more of it.")
    raise SettingsError(f"There is no {text} in quarantine: `cryptotracker quarantine` lists them.")


def _lines(letters: Sequence[DeadLetter], *, raw: bool, as_json: bool) -> Iterator[bytes]:
    for letter in letters:
        if raw:
            yield b" ".join(letter.body.splitlines())
            continue
        row = quarantine_row(letter)
        yield msgspec.json.encode(row) if as_json else _line(row).encode()


def _print(lines: Iterable[bytes]) -> None:
    """Print the lines; whoever reads them may have enough."""
    out = sys.stdout.buffer
    try:
        out.writelines(line + b"\n" for line in lines)
        out.flush()
    except BrokenPipeError:
        quietly()


def _line(row: QuarantineRow) -> str:
    start = row["body_base64"] if row["body"] is None else " ".join(row["body"].split())
    source = row["venue"] or row["mailbox"]
    said = f"{row['id']}  {row['time'] or '-'}  {source}  {row['reason']}"
    return f"{said}\n    {(start or '')[:SHOWN]}"


def _whole(letter: DeadLetter) -> Iterator[str]:
    """Return all there is of a letter; bytes that are no text also as such."""
    row = quarantine_row(letter)
    for name in ("id", "time", "venue", "mailbox", "reason"):
        yield f"{name:8} {row[name] or '-'}"
    if letter.event is not None:
        yield msgspec.json.format(msgspec.json.encode(letter.event), indent=2).decode()
        return
    yield row["body"] if row["body"] is not None else _hex(letter.body)


def _hex(body: bytes) -> str:
    return "\n".join(
        f"{at:06x}  {body[at : at + 16].hex(' '):47}  {_text(body[at : at + 16])}"
        for at in range(0, len(body), 16)
    )


def _text(body: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in body)  # noqa: PLR2004  # ASCII
