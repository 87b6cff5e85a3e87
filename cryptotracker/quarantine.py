"""Shows what was put aside: frames that no event came of, events that no actor could handle."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec
import typer

from api_service.rows import quarantine_row
from api_service.schemas import QuarantineRow
from cryptotracker.compose import open_bus
from cryptotracker.decode_command import quietly
from cryptotracker.known import venue_named
from cryptotracker.settings import Settings, read_settings
from infrastructure.bus.port import DeadLetter
from infrastructure.log import configure_logging

LOOKED_AT = 10_000
"""Letters of which the newest are shown."""

PATIENCE_S = 5.0
"""How long the broker may take to answer, where the settings do not give it less."""

SHOWN = 100
"""Characters of a frame in a line."""


def quarantine(
    venue: Annotated[str | None, typer.Option(help="Only what came from this venue.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many are shown.")] = 50,
    raw: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--raw", help="Frames alone, one a line, for `cryptotracker decode`.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Of the real venues.")] = False,  # noqa: FBT002  # as above
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002  # as above
) -> None:
    """Show the frames and events that were put aside, and why; they stay where they are."""
    wanted = None if venue is None else venue_named(venue).name
    settings = read_settings(mode="live" if live else None)
    configure_logging("error", settings.log_format)
    letters = asyncio.run(_letters(settings))
    found = [one for one in letters if wanted in (None, one.venue) and (one.body or not raw)]
    if not found:
        typer.echo(f"Nothing{f' of {wanted}' if wanted else ''} is in quarantine.", err=True)
    _print(_lines(found[-limit:], raw=raw, as_json=as_json))


async def _letters(settings: Settings) -> Sequence[DeadLetter]:
    """Read the dead letters, oldest first.

    Raises:
        BusUnavailableError: the broker does not answer.

    """
    within_s = min(settings.connect_timeout_s, PATIENCE_S)
    async with open_bus(settings.model_copy(update={"connect_timeout_s": within_s})) as bus:
        return await bus.dead_letters(LOOKED_AT)


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
    return f"{row['time'] or '-'}  {source}  {row['reason']}\n    {(start or '')[:SHOWN]}"
