"""What the embedded store does with a batch: the rows of its events go in, old rows go out.

Quotes, trades and books are in tables without a key. An index of a day of them would stay in
memory, 80 to 130 bytes a row, and to look each one up in it takes four times as long as to append
it. But a quote or a trade that was received after all that is stored of its series has not been
stored before, nor has a book that is later by the venue's time. So it is appended. Any other, and
what was back-filled, takes the place of the same one if it is there: one whose time is at most a
minute off. Candles of a second are dealt with likewise, by their start.

It is done in turns: a thread that holds the interpreter holds up the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Literal, TypeAlias, cast

import duckdb
import msgspec

from infrastructure.timeseries.batch import Refused, sift
from infrastructure.timeseries.embedded_tables import (
    EXPIRE,
    EXPIRE_SECONDS,
    FRESH_BY,
    INSERTS,
    MERGES,
    NEWEST_BEFORE,
    OUTDONE_SECONDS,
    REPLACES,
)
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import (
    PARTED,
    SecondCandle,
    columns_of,
    kept_as,
    parts_of,
    table_of,
    time_field,
)
from infrastructure.timeseries.turns import TURN, in_turns, let_others
from market import Book, Candle, Instrument, Quote, Trade
from market.intervals import INTERVALS, SECOND_NS

Row: TypeAlias = tuple[object, ...]
Series: TypeAlias = tuple[str, Instrument]
Raw: TypeAlias = Quote | Trade | Book | Candle

OFF_AT_MOST_NS = INTERVALS["1m"]
"""How far apart the times of two may be that are the same trade; venues round them for REST."""

LOOK_EVERY_NS = INTERVALS["1m"]
ROWS_A_SLICE = 200_000
"""Old rows that are removed after one write; that takes a tenth of a second at most."""

SECONDS_KEPT_NS = 4 * INTERVALS["1h"]
"""How long those of venues are kept at most: the index of their candles stays in memory."""

_BEFORE_ALL = -(2**63)
_AFTER_ALL = 2**63 - 1


class Inflow:
    """Writes batches to the tables; knows the newest row of each series that has no key.

    Args:
        connection: Only for what is asked once, now.
        raw_retention_s: How long trades, quotes, books, summaries and statuses are kept; zero: for
            ever.
        clock: The time now, in nanoseconds.

    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        raw_retention_s: int,
        clock: Callable[[], int],
    ) -> None:
        self._retention_ns = raw_retention_s * SECOND_NS
        self._clock = clock
        self.keep_from_ns = _AFTER_ALL
        """What is as new does not expire, however old it is."""

        self._looked_ns = _BEFORE_ALL
        self._newest: dict[type[Stored], dict[Series, int]] = {kind: {} for kind in FRESH_BY}
        self._newest_before = {
            kind: _number(connection, text, _BEFORE_ALL) for kind, text in NEWEST_BEFORE.items()
        }

    def write(self, connection: duckdb.DuckDBPyConnection, events: Sequence[Stored]) -> Refused:
        """Store all events but those that are refused; none, should an error be raised."""
        kept, refused = sift(in_turns(events))
        seen: dict[type[Stored], dict[Series, int]] = {}
        connection.begin()
        try:
            for kind, of_kind in _by_table(kept).items():
                if kind in FRESH_BY:
                    seen[kind] = self._write_raw(connection, kind, cast("list[Raw]", of_kind))
                else:
                    _merge(connection, kind, list(map(row_of, of_kind)))
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        for kind, newest in seen.items():
            self._newest[kind] |= newest
        return refused

    def expire(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove a slice of what is too old, if it is time to; the next call goes on with it."""
        now_ns = self._clock()
        if not self._retention_ns or now_ns - self._looked_ns < LOOK_EVERY_NS:
            return
        of_seconds_ns = min(self._retention_ns, SECONDS_KEPT_NS)
        raw_ns = min(now_ns - self._retention_ns, self.keep_from_ns)
        wanted = [(text, raw_ns) for text in EXPIRE.values()]
        wanted += [(text, now_ns - of_seconds_ns) for text in EXPIRE_SECONDS.values()]
        for text, before_ns in wanted:
            given = {"before_ns": before_ns, "at_most": ROWS_A_SLICE}
            ((removed,),) = connection.execute(text, given).fetchall()
            if removed >= ROWS_A_SLICE:
                return
        self._looked_ns = now_ns

    def _write_raw(
        self,
        connection: duckdb.DuckDBPyConnection,
        kind: type[Stored],
        events: Sequence[Raw],
    ) -> dict[Series, int]:
        """Write events of a kind without a key; return how new the newest of each series is."""
        newest, before_all = self._newest[kind], self._newest_before[kind]
        seen: dict[Series, int] = {}
        fresh: list[Row] = []
        doubtful: list[Raw] = []
        times = map(attrgetter(FRESH_BY[kind]), events)
        for event, time_ns in zip(in_turns(events), times, strict=True):
            series = event.venue, event.instrument
            known_ns = newest.get(series, before_all)
            if time_ns > known_ns and not (isinstance(event, Trade) and event.backfilled):
                fresh.append(_raw_row(event))
            else:
                doubtful.append(event)
            if time_ns > seen.get(series, known_ns):
                seen[series] = time_ns
        if doubtful:
            _replace(connection, kind, doubtful)
        _append(connection, table_of(kind), kind, fresh)
        return seen


def _by_table(kept: Mapping[type[Stored], list[Stored]]) -> dict[type[Stored], list[Stored]]:
    """Return events by kind, candles of a second by the kind that names their table."""
    of_tables = {kind: of_kind for kind, of_kind in kept.items() if kind is not Candle}
    for candle in cast("list[Candle]", kept.get(Candle, [])):
        of_tables.setdefault(kept_as(Candle, candle.interval), []).append(candle)
    return of_tables


def _replace(
    connection: duckdb.DuckDBPyConnection, kind: type[Stored], events: Sequence[Raw]
) -> None:
    times = list(map(attrgetter(time_field(kind)), events))
    given = {"from_ns": min(times) - OFF_AT_MOST_NS, "to_ns": max(times) + OFF_AT_MOST_NS}
    _arrive(connection, kind, list(map(_raw_row, events)))
    if kind is SecondCandle:
        connection.execute(OUTDONE_SECONDS, given)
    connection.execute(REPLACES[kind], given)
    connection.execute(INSERTS[kind])


def _merge(connection: duckdb.DuckDBPyConnection, kind: type[Stored], rows: Sequence[Row]) -> None:
    if not rows:
        return
    if merge := MERGES.get(kind):
        _arrive(connection, kind, rows)
        connection.execute(merge)
    else:
        _append(connection, table_of(kind), kind, rows, action="upsert")


def _arrive(connection: duckdb.DuckDBPyConnection, kind: type[Stored], rows: Sequence[Row]) -> None:
    """Have the rows, and no others, in the table of those that arrive.

    It is made anew: deleted rows would stay in its memory.
    """
    table = table_of(kind)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE arriving_{table} AS FROM {table} LIMIT 0")
    _append(connection, f"arriving_{table}", kind, rows)


def _append(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    kind: type[Stored],
    rows: Sequence[Row],
    action: Literal["insert", "upsert"] = "insert",
) -> None:
    if not rows:
        return
    with connection.appender(table, columns=list(columns_of(kind)), action=action) as appender:
        for start in range(0, len(rows), TURN):
            appender.append_rows(rows[start : start + TURN])
            let_others()


def row_of(event: Stored) -> Row:
    """Return the columns of the event in the order of its fields."""
    row: list[object] = []
    for name in event.__struct_fields__:
        value = getattr(event, name)
        row += parts_of(value) if name in PARTED else (_cell(value),)
    return tuple(row)


def _cell(value: object) -> object:
    """Return what a column keeps: of numbers by name, their JSON."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value


def _raw_row(event: Raw) -> Row:
    """As `row_of`, of all but books in a quarter of the time."""
    if isinstance(event, Book):
        return row_of(event)
    venue, instrument, *others = msgspec.structs.astuple(event)
    return venue, instrument.base, instrument.quote_currency, *others


def _number(connection: duckdb.DuckDBPyConnection, text: str, otherwise: int) -> int:
    """Return the one number that is asked for; NULL is the other one."""
    ((number,),) = connection.execute(text).fetchall()
    return otherwise if number is None else int(number)
