"""What the store in InfluxDB tells an archive; see `Past`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from infrastructure.timeseries.influx_questions import told, with_parameters
from infrastructure.timeseries.influx_server import Bucket, InfluxServer, Value
from infrastructure.timeseries.line_protocol import ROOM_NS, millisecond_of
from infrastructure.timeseries.past import Held, Row
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import codes_of, columns_of, table_of, time_field
from market import Candle, Instrument, Signal

ROWS_A_QUESTION = 20_000

_SERIES = ("venue", "base", "quote_currency", "interval")
_OF_THE_PAST: dict[type[Stored], str] = {Candle: ' AND "closed" = true'}
_RANGE = "time >= $start_ns AND time < $end_ns"


async def oldest(
    server: InfluxServer, bucket: Bucket, kind: type[Stored], since_ns: int
) -> int | None:
    """See `Past.oldest`; a point is later than its event, within the same millisecond."""
    text = f'SELECT first("sequence") FROM "{table_of(kind)}" WHERE time >= $since_ns'  # noqa: S608  # all of it from here
    rows = await server.query(bucket, text, {"since_ns": since_ns})
    return max(since_ns, millisecond_of(int(rows[0]["time"] or 0))) if rows else None


async def held(
    server: InfluxServer, bucket: Bucket, kind: type[Stored], start_ns: int, end_ns: int
) -> Sequence[Held]:
    """Return how many points there are of each series in the range."""
    known = columns_of(kind) if "venue" in columns_of(kind) else ()
    tags = [name for name in _SERIES if name in known]
    group = " GROUP BY " + ", ".join(map(_quoted, tags)) if tags else ""
    rows = await server.query(
        bucket,
        'SELECT count("sequence") AS "rows", max("received_ns") AS "received_ns" '  # noqa: S608  # as above
        f'FROM "{table_of(kind)}" WHERE {_RANGE}{_OF_THE_PAST.get(kind, "")}{group}',
        {"start_ns": start_ns, "end_ns": end_ns},
    )
    series = ({name: row.get(name, "") for name in _SERIES} | row for row in rows)
    return sorted(msgspec.convert(one, Held) for one in series)


class Range(NamedTuple):
    """A range of time, half-open."""

    start_ns: int
    end_ns: int


async def rows(
    server: InfluxServer,
    bucket: Bucket,
    kind: type[Stored],
    of: tuple[str, Instrument | None],
    span: Range,
) -> AsyncIterator[Sequence[Row]]:
    """Yield all points of a venue, or of one instrument there, some thousand at a time."""
    venue, instrument = of
    of_venue = await held(server, bucket, kind, *span)
    number = sum(one.rows for one in of_venue if one.venue in ("", venue))
    columns = columns_of(kind)
    time_key = time_field(kind) if time_field(kind) == "start_ns" else ""
    wanted = ", ".join(_quoted(name) for name in columns if name != time_key)
    meant = ' AND "venue" = $venue' if "venue" in columns else ""
    if instrument is not None:
        meant += ' AND "base" = $base AND "quote_currency" = $quote_currency'
    base, quote_currency = codes_of(instrument)
    series: dict[str, Value] = {"venue": venue, "base": base, "quote_currency": quote_currency}
    text = (
        f'SELECT {wanted} FROM "{table_of(kind)}" '  # noqa: S608  # as above
        f"WHERE {_RANGE}{_OF_THE_PAST.get(kind, '')}{meant}"
    )
    for first_ns, last_ns in _parts(span, 1 + number // ROWS_A_QUESTION):
        given: dict[str, Value] = {**series, "start_ns": first_ns, "end_ns": last_ns}
        found = [_told(kind, row) for row in await server.query(bucket, text, given)]
        if found:
            yield [tuple(_plain(name, row.get(name)) for name in columns) for row in found]


def _parts(span: Range, number: int) -> list[tuple[int, int]]:
    """Part a range into so many, at whole milliseconds, as events are shifted within theirs."""
    start_ns, end_ns = span
    step_ns = -(-(end_ns - start_ns) // (number * ROOM_NS)) * ROOM_NS
    return [
        (first_ns, min(first_ns + step_ns, end_ns)) for first_ns in range(start_ns, end_ns, step_ns)
    ]


def _told(kind: type[Stored], row: dict[str, Value]) -> Mapping[str, object]:
    return with_parameters(row) if kind is Signal else told(kind, row)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _plain(name: str, value: object) -> object:
    """Return a market that is none, as the whole venue's is, as empty codes."""
    return "" if value is None and name in ("base", "quote_currency") else value
