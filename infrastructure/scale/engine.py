"""What an engine promises, and the question that both are asked in one text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, NDArray[Any]]
Work: TypeAlias = Callable[[Columns], bytes]
"""Candles of one market in order of time, in; what came of them, out.

It is sent to other processes, so it is a function of a module, or a `partial` of one.
"""

COLUMNS = ("start_ns", "open", "high", "low", "close", "volume")

TEXT = """
SELECT venue, base, quote_currency, start_ns, open, high, low, close, volume
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY venue, base, quote_currency, start_ns ORDER BY trades DESC
    ) AS place
    FROM candles
    WHERE "interval" = '{interval}' AND closed AND start_ns >= {start_ns} AND start_ns < {end_ns}
)
WHERE place = 1
"""
"""Each candle once, the one of most trades; DuckDB and Spark understand it alike."""


class Market(NamedTuple):
    """Whose candles they are."""

    venue: str
    base: str
    quote_currency: str


class Engine(Protocol):
    """Does work on each market of some files."""

    def each(
        self, files: Sequence[str], work: Work, *, interval: str, start_ns: int, end_ns: int
    ) -> Iterator[tuple[Market, bytes]]:
        """Yield what came of each market, in order of their names.

        Args:
            files: Parquet files of candles, with the fields of the event as columns.
            work: Done once a market.
            interval: Of the candles.
            start_ns: The first start that is meant.
            end_ns: The first start that is meant no more.

        Raises:
            SettingsError: the engine is not installed, or files cannot be read.

        """

    def asked(self, files: Sequence[str], text: str) -> Columns:
        """Return what SQL says of the view ``candles``, as columns.

        Raises:
            SettingsError: as `each`.

        """

    def write(self, files: Sequence[str], text: str, to: Path) -> None:
        """Write what SQL says of the view ``candles`` as CSV or Parquet, as the name ends.

        Spark writes a folder of that name, with a file for each part.

        Raises:
            SettingsError: as `each`, or it cannot be written.

        """


def text_of(*, interval: str, start_ns: int, end_ns: int) -> str:
    """Return the question, for an interval that is one of ours."""
    return TEXT.format(interval=interval, start_ns=int(start_ns), end_ns=int(end_ns))
