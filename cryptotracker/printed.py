"""Rows in, a table for people or a JSON object a line for programs out."""

from collections.abc import Iterable, Sequence

import msgspec
import typer
from rich.console import Console
from rich.table import Table

WIDE = 160
"""Columns where the output is no terminal."""


def print_json(rows: Iterable[object]) -> None:
    """Print each row as a line of JSON."""
    for row in rows:
        typer.echo(msgspec.json.encode(row))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as wide as the terminal."""
    console = Console()
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*row)
    Console(width=None if console.is_terminal else WIDE).print(table)
