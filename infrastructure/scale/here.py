"""DuckDB, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from infrastructure.scale.engine import COLUMNS, Columns, Market, Work, text_of
from market import SettingsError


class DuckDbEngine:
    """See `Engine`: one market after the other."""

    def each(
        self, files: Sequence[str], work: Work, *, interval: str, start_ns: int, end_ns: int
    ) -> Iterator[tuple[Market, bytes]]:
        """See `Engine.each`."""
        text = text_of(interval=interval, start_ns=start_ns, end_ns=end_ns)
        with _over(files) as database:
            database.execute(f"CREATE TABLE meant AS {text}")
            names = ", ".join(Market._fields)
            markets = database.execute(f"SELECT DISTINCT {names} FROM meant ORDER BY ALL")  # noqa: S608  # our names
            for market in [Market(*row) for row in markets.fetchall()]:
                found = database.execute(
                    f"SELECT {', '.join(COLUMNS)} FROM meant WHERE venue = $venue "  # noqa: S608  # as above
                    "AND base = $base AND quote_currency = $quote_currency ORDER BY start_ns",
                    market._asdict(),
                )
                yield market, work(found.fetchnumpy())

    def asked(self, files: Sequence[str], text: str) -> Columns:
        """See `Engine.asked`."""
        with _over(files) as database:
            return database.execute(text).fetchnumpy()

    def write(self, files: Sequence[str], text: str, to: Path) -> None:
        """See `Engine.write`."""
        with _over(files) as database:
            found = database.sql(text)
            if to.suffix == ".csv":
                found.write_csv(str(to))
            else:
                found.write_parquet(str(to), compression="zstd")


@contextmanager
def _over(files: Sequence[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with a view of the files.

    Raises:
        SettingsError: they, or what is asked of them, cannot be read.

    """
    with duckdb.connect(":memory:") as database:
        try:
            database.read_parquet(list(files), union_by_name=True).create_view("candles")
            yield database
        except duckdb.Error as error:
            why = str(error).partition("\n")[0]
            raise SettingsError(f"DuckDB: {why}") from error
