"""What the embedded store tells an archive; see `Past`."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec

from infrastructure.timeseries.past import Held, Row
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import SecondCandle, columns_of, table_of, time_field
from infrastructure.timeseries.turns import TURN, let_others
from market import Candle, VenueCandle

ROWS_A_BATCH = 20_000

_SERIES = ("venue", "base", "quote_currency", "interval")
_OF_THE_PAST: dict[type[Stored], str] = {
    Candle: " AND closed",
    SecondCandle: " AND closed",
    VenueCandle: " AND \"interval\" <> '1s'",
}


def oldest_text(kind: type[Stored]) -> str:
    """Return what asks for the oldest time."""
    time = time_field(kind)
    return f"SELECT min({time}) FROM {table_of(kind)} WHERE {time} >= $since_ns"  # noqa: S608  # nothing in it is from outside


def held_text(kind: type[Stored]) -> str:
    """Return what asks for the series of a range, see `held_of`."""
    series = [f'"{name}"' if name in _known(kind) else "''" for name in _SERIES]
    return (
        f"SELECT {', '.join(series)}, count(*), max(received_ns) FROM {table_of(kind)} "  # noqa: S608  # as above
        f"WHERE {_range(kind)} GROUP BY ALL HAVING count(*) > 0 ORDER BY ALL"
    )


def held_of(rows: Sequence[Row]) -> list[Held]:
    """Return the series of the answer."""
    names = Held.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), Held) for row in rows]


def rows_text(kind: type[Stored], *, of_instrument: bool) -> str:
    """Return what asks for all rows of a venue, or of one instrument there."""
    columns = ", ".join(f'"{name}"' for name in columns_of(kind))
    of_venue = "venue = $venue" if "venue" in columns_of(kind) else "$venue IS NOT NULL"
    if of_instrument:
        of_venue += " AND base = $base AND quote_currency = $quote_currency"
    return f"SELECT {columns} FROM {table_of(kind)} WHERE {of_venue} AND {_range(kind)}"  # noqa: S608  # as above


def next_rows(answer: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return some rows of what is being answered; none: that was all."""
    rows: list[Row] = []
    while len(rows) < ROWS_A_BATCH and (part := answer.fetchmany(TURN)):
        rows += part
        let_others()
    return rows


def _range(kind: type[Stored]) -> str:
    time = time_field(kind)
    return f"{time} >= $start_ns AND {time} < $end_ns{_OF_THE_PAST.get(kind, '')}"


def _known(kind: type[Stored]) -> tuple[str, ...]:
    """Return the columns that make a series; the asset of a route makes none."""
    return columns_of(kind) if "venue" in columns_of(kind) else ()
