"""From a question to InfluxQL and back to events: texts are constant, values are bound."""

from collections.abc import Hashable, Iterator, Sequence

from infrastructure.timeseries.batch import identity_of
from infrastructure.timeseries.influx_server import Bucket, InfluxServer, Row, Value
from infrastructure.timeseries.line_protocol import NOT_KNOWN, ROOM_NS, millisecond_of
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import S, Series, Span, other_fields, time_field
from market import Candle, Gap, Quote, Trade

_FIRST_NS, _LAST_NS = -(2**63) + 2, 2**63 - 2
"""The times that InfluxDB can hold."""

_DAY_NS = 86_400 * 10**9

_OF_SERIES = '"venue" = $venue AND "base" = $base AND "quote_currency" = $quote_currency'
_CONDITIONS: dict[type[Stored], str] = {
    Trade: ' AND "event_ns" >= $start_ns AND "event_ns" < $end_ns',
    Quote: ' AND "event_ns" >= $start_ns AND "event_ns" < $end_ns',
    Candle: ' AND "interval" = $interval AND "closed" = true',
    Gap: "",
}


def _newest_text(kind: type[Stored]) -> str:
    columns = ", ".join(f'"{name}"' for name in other_fields(kind) if name != "start_ns")
    return (
        f'SELECT {columns} FROM "{kind.__name__.lower()}" '  # noqa: S608  # all of it from here
        f"WHERE {_OF_SERIES}{_CONDITIONS[kind]} AND time >= $from_ns AND time < $to_ns "
        "ORDER BY time DESC LIMIT $at_most"
    )


_NEWEST = {kind: _newest_text(kind) for kind in _CONDITIONS}
_COUNTS = (
    'SELECT "trades", "base", "quote_currency" FROM "candle" '
    'WHERE "venue" = $venue AND "interval" = $interval AND time >= $from_ns AND time <= $to_ns'
)
_COUNTS_OF_SERIES = f'{_COUNTS} AND "base" = $base AND "quote_currency" = $quote_currency'


async def newest(
    server: InfluxServer, bucket: Bucket, series: Series[S], span: Span
) -> Sequence[S]:
    """Return the newest events of the span, oldest first.

    InfluxDB shows a point field by field while it is written; a row with holes is left out.
    """
    rows = await _ask(server, bucket, series, span)
    if len(rows) == span.limit and series.kind in (Trade, Quote):
        rows += await _ask(server, bucket, series, _oldest_millisecond(rows, span))
    whole = (row for row in rows if None not in row.values())
    events = {identity_of(event): event for event in (_event(series, row) for row in whole)}
    time = time_field(series.kind)
    ordered = sorted(events.values(), key=lambda event: (getattr(event, time), event.sequence))
    return ordered[-span.limit :]


async def not_outdone(
    server: InfluxServer, bucket: Bucket, candles: Sequence[Candle]
) -> list[Candle]:
    """Return the candles that are not in the bucket yet with more trades."""
    stored: dict[Hashable, Value] = {}
    for text, given in _count_questions(candles):
        for row in await server.query(bucket, text, given):
            place = (row["base"], row["quote_currency"], given["interval"], row["time"])
            stored[given["venue"], *place] = row["trades"]
    return [candle for candle in candles if candle.trades >= int(stored.get(_place(candle)) or 0)]


async def _ask(server: InfluxServer, bucket: Bucket, series: Series[S], span: Span) -> list[Row]:
    from_ns, to_ns = span.start_ns, span.end_ns
    if series.kind in (Trade, Quote):
        from_ns, to_ns = millisecond_of(from_ns), millisecond_of(to_ns - 1) + ROOM_NS
    given: dict[str, Value] = {
        "venue": series.venue,
        "base": series.instrument.base,
        "quote_currency": series.instrument.quote_currency,
        "interval": series.interval,
        "start_ns": _in_64_bits(span.start_ns),
        "end_ns": _in_64_bits(span.end_ns),
        "from_ns": _in_64_bits(from_ns),
        "to_ns": _in_64_bits(to_ns),
        "at_most": span.limit,
    }
    return await server.query(bucket, _NEWEST[series.kind], given)


def _oldest_millisecond(rows: Sequence[Row], span: Span) -> Span:
    """Return the part of the span that the limit may have cut through.

    Within a millisecond the order of the time keys is not that of the events.
    """
    start_ns = millisecond_of(min(int(row["time"] or 0) for row in rows))
    return Span(
        start_ns=max(start_ns, span.start_ns),
        end_ns=min(start_ns + ROOM_NS, span.end_ns),
        limit=ROOM_NS,
    )


def _event(series: Series[S], row: Row) -> S:
    known = {name: None if value == NOT_KNOWN else value for name, value in row.items()}
    return series.event({**row, "start_ns": row["time"], "missing": known.get("missing")})


def _count_questions(candles: Sequence[Candle]) -> Iterator[tuple[str, dict[str, Value]]]:
    """Ask by series and day or by moment of the venue, whichever takes fewer questions."""
    by_series: dict[Hashable, list[Candle]] = {}
    by_moment: dict[Hashable, list[Candle]] = {}
    for candle in candles:
        both = (candle.venue, candle.interval)
        day = candle.start_ns // _DAY_NS
        by_series.setdefault((both, candle.instrument, day), []).append(candle)
        by_moment.setdefault((both, candle.start_ns), []).append(candle)
    text, groups = _COUNTS, by_moment
    if len(by_series) < len(by_moment):
        text, groups = _COUNTS_OF_SERIES, by_series
    for group in groups.values():
        yield (
            text,
            {
                "venue": group[0].venue,
                "base": group[0].instrument.base,
                "quote_currency": group[0].instrument.quote_currency,
                "interval": group[0].interval,
                "from_ns": min(candle.start_ns for candle in group),
                "to_ns": max(candle.start_ns for candle in group),
            },
        )


def _place(candle: Candle) -> Hashable:
    base, quote_currency = candle.instrument.base, candle.instrument.quote_currency
    return candle.venue, base, quote_currency, candle.interval, candle.start_ns


def _in_64_bits(time_ns: int) -> int:
    return min(max(time_ns, _FIRST_NS), _LAST_NS)
