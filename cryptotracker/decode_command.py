"""A file or a pipe of frames in, events as lines of JSON out: what `cryptotracker decode` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cryptotracker.decoding import Line, Reader, Recorded, line_of, reader_of
from cryptotracker.known import venue_named
from cryptotracker.recorded import STANDARD_INPUT, complain, recorded
from market import FrameError, VenueRefusedError

SHOWN = 100
"""Bytes of a frame that a complaint shows."""


def decode(
    venue: Annotated[str, typer.Argument(help="Whose frames; `cryptotracker venues` lists them.")],
    file: Annotated[
        str, typer.Argument(help="Frames or answers, one a line, or a recording; -: a pipe.")
    ] = STANDARD_INPUT,
    meta: Annotated[
        Path | None,
        typer.Option(
            help="When each line came and its symbol: a table with the columns line, recv_ts and "
            "key and tabs between. Default: the file of that name with .meta.tsv, if it is there."
        ),
    ] = None,
    symbol: Annotated[
        str, typer.Option(help="The venue's symbol for answers that do not name theirs.")
    ] = "",
) -> None:
    """Print what frames of a venue say: events, one JSON object a line.

    Exit status 1: some could not be read; the others were printed.
    """
    known = venue_named(venue)
    reader = reader_of(known)
    with recorded(file, meta, symbol, known.name, reader) as found:
        is_good = _print_all(known.name, reader, found, at_once=file == STANDARD_INPUT)
    raise typer.Exit(0 if is_good else 1)


def quietly() -> None:
    """Let nothing more be written to a pipe whose reader went away."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_all(venue: str, reader: Reader, found: Iterable[Recorded], *, at_once: bool) -> bool:
    """Print, at once or whenever much waits; tell whether all could be read."""
    out = sys.stdout.buffer
    refused: list[Recorded] = []
    try:
        for one in found:
            lines = _lines(venue, reader, one, refused)
            out.writelines(line_of(venue, line) for line in lines)
            if at_once and lines:
                out.flush()
        out.flush()
    except BrokenPipeError:
        quietly()
    if any(not one.hint and one.request is None and not one.link for one in refused):
        complain("An answer over REST may not name its symbol: --symbol or --meta gives it.")
    return not refused


def _lines(venue: str, reader: Reader, one: Recorded, refused: list[Recorded]) -> Sequence[Line]:
    """Return what is in a frame, or complain."""
    try:
        return reader.read(one)
    except FrameError as error:
        refused.append(one)
        complain(f"{one.place}: {error.reason}: {one.body[:SHOWN]!r}")
    except VenueRefusedError as error:
        complain(f"{one.place}: {venue} said: {error}")
    return ()
