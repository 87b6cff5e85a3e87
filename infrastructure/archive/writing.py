"""Rows to Parquet files, and what a file is found to hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import msgspec

from infrastructure.archive.files import Files
from infrastructure.archive.kinds import identity_columns, listed, order_in_file, rank_columns
from infrastructure.archive.sources import Given
from infrastructure.timeseries.embedded_tables import TABLES
from infrastructure.timeseries.past import Row
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import columns_of, table_of
from infrastructure.timeseries.turns import TURN, let_others
from market import ArchiveError

ROWS_A_GROUP = 100_000
"""Rows that a reader skips or reads together: some fifth of the minutes of a year."""

MEMORY = "1GB"
"""What writing takes at most; what does not fit waits on the disk."""

SERIES = ("venue", "base", "quote_currency", "interval")


class Series(msgspec.Struct, frozen=True, order=True):
    """How many rows there are of a series; what a kind lacks is empty."""

    venue: str
    base: str
    quote_currency: str
    interval: str
    rows: int


class Found(msgspec.Struct, frozen=True):
    """What a table or a file holds."""

    series: list[Series]
    received_ns: int

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(one.rows for one in self.series)


@contextmanager
def desk_connection(files: Files, desk: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Have a connection for one `Sheet` after another, that leaves the others room to work."""
    with closing(files.connect()) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        ((threads,),) = connection.execute("SELECT current_setting('threads')").fetchall()
        connection.execute(f"SET threads = {max(1, int(threads) // 2)}")
        connection.execute("SET temp_directory = $desk", {"desk": str(desk / "spilt")})
        connection.execute(TABLES)
        yield connection


class Sheet:
    """A table of rows of one kind, on its way to a file; there is one at a time to a connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kind: type[Stored]) -> None:
        self._connection = connection
        self._columns = columns_of(kind)
        table = table_of(kind)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE sheet AS FROM {table} LIMIT 0")  # no key

    def add(self, rows: Sequence[Row]) -> None:
        """Take more rows in."""
        with self._connection.appender("sheet", columns=list(self._columns)) as appender:
            for start in range(0, len(rows), TURN):
                appender.append_rows(rows[start : start + TURN])
                let_others()


def found_in(
    connection: duckdb.DuckDBPyConnection,
    kind: type[Stored],
    query: str,
    given: Given,
    *,
    once: bool = False,
) -> Found:
    """Return what a query answers; ``once``: rows of the same identity are counted as one."""
    known = columns_of(kind) if "venue" in columns_of(kind) else ()
    series = [f'"{name}"' if name in known else "''" for name in SERIES]
    number = f"count(DISTINCT ({listed(identity_columns(kind))}))" if once else "count(*)"
    rows = connection.execute(
        f"SELECT {', '.join(series)}, {number}, max(received_ns) FROM ({query}) "  # noqa: S608  # all of it from here
        "GROUP BY ALL HAVING count(*) > 0 ORDER BY ALL",
        given,
    ).fetchall()
    return Found([Series(*row[:5]) for row in rows], max((row[5] for row in rows), default=0))


def has_doubles(
    connection: duckdb.DuckDBPyConnection, kind: type[Stored], query: str, given: Given
) -> bool:
    """Tell whether two rows may have the same identity; of hashes, which take less room."""
    ((rows, different),) = connection.execute(
        f"SELECT count(*), count(DISTINCT hash({listed(identity_columns(kind))})) FROM ({query})",  # noqa: S608  # as above
        given,
    ).fetchall()
    return bool(rows != different)


def save(
    connection: duckdb.DuckDBPyConnection,
    kind: type[Stored],
    query: str,
    given: Given,
    path: Path,
) -> Found:
    """Write what a query answers to a file, each identity once; return what the file holds.

    The same rows make the same bytes. Of two with the same identity the one stays that a store
    would have kept.

    Raises:
        ArchiveError: what is read back is not what was written.

    """
    wanted = found_in(connection, kind, query, given)
    is_double = has_doubles(connection, kind, query, given)
    if is_double:
        wanted = found_in(connection, kind, query, given, once=True)
    _take_once(connection, kind, _ranked(kind, query) if is_double else query, given)
    connection.execute(
        f"COPY (FROM once ORDER BY {listed(order_in_file(kind))}) "
        f"TO $path (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_A_GROUP})",
        {"path": str(path)},
    )
    written, file = "FROM read_parquet($path, hive_partitioning = false)", {"path": str(path)}
    found = found_in(connection, kind, written, dict(file))
    if found.series != wanted.series or has_doubles(connection, kind, written, dict(file)):
        raise ArchiveError(
            f"{path.name} of {table_of(kind)} holds {found.rows} rows in {len(found.series)} "
            f"series after it was written, of {wanted.rows} in {len(wanted.series)}; nothing was "
            "changed: look at the disk, and run `cryptotracker archive` again"
        )
    return found


def write_file(path: Path, kind: type[Stored], rows: Iterable[Row]) -> None:
    """Write rows to a file of their own."""
    with closing(duckdb.connect()) as connection:
        connection.execute(TABLES)
        sheet = Sheet(connection, kind)
        sheet.add(list(rows))
        save(connection, kind, "FROM sheet", {}, path)


def sha256_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _take_once(
    connection: duckdb.DuckDBPyConnection, kind: type[Stored], query: str, given: Given
) -> None:
    """Have the rows in one table, wherever they are from: only so are the bytes always the same."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE once AS FROM {table_of(kind)} LIMIT 0")
    connection.execute(f"INSERT INTO once BY NAME SELECT * FROM ({query})", given)  # noqa: S608  # as above


def _ranked(kind: type[Stored], query: str) -> str:
    """Return a query of the rows of which a store would keep one of each identity."""
    ranks = ", ".join(f'"{name}" DESC' for name in rank_columns(kind))
    return (
        f"SELECT * FROM ({query}) QUALIFY row_number() OVER "  # noqa: S608  # as above
        f"(PARTITION BY {listed(identity_columns(kind))} ORDER BY {ranks}) = 1"
    )
