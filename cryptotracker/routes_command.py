"""Files of market states in, their routes as lines of JSON out: `cryptotracker routes`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cryptotracker.decode_command import quietly
from cryptotracker.recorded import complain
from cryptotracker.state_answer import answer
from cryptotracker.state_file import StateError, read_state
from market import SettingsError


def routes(
    state: Annotated[
        list[Path] | None,
        typer.Option(help="A state of the markets; docs/ROUTES.md describes the form."),
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(help="More of them.", metavar="FILE")] = None,
) -> None:
    """Print the routes in states of the markets, one JSON object a file, exact to the last digit.

    Exit status 1: some could not be read; the others were answered.
    """
    files = [*(state or ()), *(more or ())]
    if not files:
        raise SettingsError("There is no state to look at: cryptotracker routes --state FILE...")
    is_good = [_answer(file) for file in files]
    raise typer.Exit(0 if all(is_good) else 1)


def _answer(file: Path) -> bool:
    """Print the routes of one state, or complain; tell whether it could be read."""
    try:
        found = answer(read_state(file.read_bytes()))
    except OSError as error:
        complain(f"{file}: {error.strerror}: name a file that can be read")
        return False
    except StateError as error:
        complain(f"{file}: {error}")
        return False
    out = sys.stdout.buffer
    try:
        out.write(msgspec.json.encode(found) + b"\n")
        out.flush()
    except BrokenPipeError:
        quietly()
    return True
