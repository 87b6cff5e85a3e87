"""Rows to Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb

from infrastructure.archive.kinds import listed, order_in_file
from infrastructure.timeseries.embedded_tables import TABLES
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import columns_of, table_of
from infrastructure.timeseries.turns import TURN, let_others

Row: TypeAlias = tuple[object, ...]
"""The columns of an event, in the order of `columns_of`."""

ROWS_A_GROUP = 100_000
"""Rows that a reader skips or reads together: a tenth of the minutes of a year."""


class Sheet:
    """A table of rows of one kind, on its way to a file.

    Args:
        connection: Made by the files that the rows go to; has nothing of this kind open.
        kind: What the rows are.

    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, kind: type[Stored]) -> None:
        self._connection = connection
        self._kind = kind
        self._table = table_of(kind)
        connection.execute(TABLES)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE sheet AS FROM {self._table} LIMIT 0"  # no key
        )

    def add(self, rows: Sequence[Row]) -> None:
        """Take more rows in."""
        names = list(columns_of(self._kind))
        with self._connection.appender("sheet", columns=names) as appender:
            for start in range(0, len(rows), TURN):
                appender.append_rows(rows[start : start + TURN])
                let_others()

    def save(self, path: Path) -> None:
        """Write the rows in order."""
        copy_to(self._connection, self._kind, "FROM sheet", {}, path)


def copy_to(
    connection: duckdb.DuckDBPyConnection,
    kind: type[Stored],
    query: str,
    given: dict[str, object],
    path: Path,
) -> None:
    """Write what a query answers to a Parquet file, in order; the same rows, the same bytes."""
    connection.execute(
        f"COPY (SELECT * FROM ({query}) ORDER BY {listed(order_in_file(kind))}) "  # noqa: S608  # all of it from here
        f"TO $path (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_A_GROUP})",
        {**given, "path": str(path)},
    )


def write_file(path: Path, kind: type[Stored], rows: Iterable[Row]) -> None:
    """Write rows to a file of their own."""
    connection = duckdb.connect()
    sheet = Sheet(connection, kind)
    sheet.add(list(rows))
    sheet.save(path)
    connection.close()
