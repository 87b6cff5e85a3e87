"""From a question to InfluxQL and back to events: texts are constant, values are bound."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from infrastructure.timeseries.batch import OPTIONAL, SPARSE, identity_of
from infrastructure.timeseries.influx_server import Bucket, InfluxServer, Row, Value
from infrastructure.timeseries.line_protocol import (
    NO_PARAMETERS,
    NOT_KNOWN,
    ROOM_NS,
    millisecond_of,
)
from infrastructure.timeseries.port import GapTerms, SignalTerms, Stored
from infrastructure.timeseries.question import (
    LISTS,
    SERIES_COLUMNS,
    S,
    Series,
    Span,
    by_moment,
    columns_of,
    of_any_series,
    other_fields,
    signal_of,
    table_of,
    time_field,
)
from market import (
    Book,
    Candle,
    Episode,
    Gap,
    Instrument,
    Listed,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

_FIRST_NS, _LAST_NS = -(2**63) + 2, 2**63 - 2
"""The times that InfluxDB can hold."""

_OF_SERIES = '"venue" = $venue AND "base" = $base AND "quote_currency" = $quote_currency'
_OF_EVENT_TIME = ' AND "event_ns" >= $start_ns AND "event_ns" < $end_ns'
_CONDITIONS: dict[type[Stored], str] = {
    Trade: _OF_EVENT_TIME,
    Quote: _OF_EVENT_TIME,
    Book: "",
    Candle: ' AND "interval" = $interval AND "closed" = true',
    VenueCandle: ' AND "interval" = $interval',
    Summary: "",
    VenueStatus: "",
    Gap: "",
    Premium: "",
}
_SHIFTED = (Trade, Quote)
"""Kinds whose time key is not their time, see `line_protocol`."""

_CROWDED = (*_SHIFTED, Premium)
"""Kinds of which a series has several at one time, so that a limit may cut through them."""


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names if name != "start_ns")


def _newest_text(kind: type[Stored]) -> str:
    return (
        f'SELECT {_columns(other_fields(kind))} FROM "{table_of(kind)}" '  # noqa: S608  # all of it from here
        f"WHERE {_OF_SERIES}{_CONDITIONS[kind]} AND time >= $from_ns AND time < $to_ns "
        "ORDER BY time DESC LIMIT $at_most"
    )


_NEWEST = {kind: _newest_text(kind) for kind in _CONDITIONS}
_ALL_GAPS = (
    f'SELECT {_columns((*SERIES_COLUMNS, *other_fields(Gap)))} FROM "gap" '  # noqa: S608  # as above
    "WHERE time >= $from_ns AND time < $to_ns"
)
_OF_CHANNEL = '"channel" = $channel'
_OF_PARAMETERS = '"parameters" = $parameters'
_IS_VENUE = '"venue" = ${}'
_IS_INSTRUMENT = '("base" = ${} AND "quote_currency" = ${})'
_NEWEST_FIRST = " ORDER BY time DESC LIMIT $at_most"
_EPISODES = (
    f'SELECT {_columns(columns_of(Episode))} FROM "episode" '  # noqa: S608  # as above
    f"WHERE time >= $from_ns AND time < $to_ns{_OF_EVENT_TIME}"
)
_OF_A_SIGNAL = ", ".join(f'"{name}"' for name in columns_of(Signal))
_SIGNALS = f'SELECT {_OF_A_SIGNAL} FROM "signal" WHERE time >= $from_ns AND time < $to_ns'  # noqa: S608  # as above
_MARK = 'SELECT "at_ns" FROM "probe" WHERE time = $at_ns'
_OF_BASE = ' AND "base" = $base'
_LISTINGS = (
    f'SELECT {_columns((*SERIES_COLUMNS, *other_fields(Listed)))} FROM "listed" '  # noqa: S608  # as above
    "WHERE time = 0"
)


async def newest(
    server: InfluxServer, bucket: Bucket, series: Series[S], span: Span
) -> Sequence[S]:
    """Return the newest events of the span, oldest first.

    InfluxDB shows a point field by field while it is written; a row with holes is left out.
    """
    rows = await _ask(server, bucket, series, span)
    if len(rows) == span.limit and series.kind in _CROWDED:
        rows += await _ask(server, bucket, series, _oldest_millisecond(rows, span))
    whole = (row for row in rows if _is_whole(series.kind, row))
    events = {identity_of(event): event for event in (_event(series, row) for row in whole)}
    time = time_field(series.kind)
    ordered = sorted(events.values(), key=lambda event: (getattr(event, time), event.sequence))
    return ordered[-span.limit :]


async def all_gaps(
    server: InfluxServer, bucket: Bucket, terms: GapTerms, span: Span
) -> Sequence[Gap]:
    """Return the newest gaps that meet the terms, oldest first.

    Of those that start together the server returns any; so the oldest moment is asked for whole.
    """
    if _is_none(terms.venues) or _is_none(terms.instruments) or span.start_ns >= span.end_ns:
        return []
    rows = await _ask_for_gaps(server, bucket, terms, span)
    if len(rows) == span.limit:
        oldest_ns = min(int(row["time"] or 0) for row in rows)
        rows += await _ask_for_gaps(server, bucket, terms, Span(oldest_ns, oldest_ns + 1, ROOM_NS))
    whole = (told(Gap, row) for row in rows if None not in row.values())
    gaps = {identity_of(gap): gap for gap in (of_any_series(Gap, row) for row in whole)}
    return sorted(gaps.values(), key=_by_start)[-span.limit :]


async def episodes(
    server: InfluxServer, bucket: Bucket, base: str | None, span: Span
) -> Sequence[Episode]:
    """Return the newest episodes that ended in the span, oldest first."""
    rows = await _ask_for_episodes(server, bucket, base, span)
    if len(rows) == span.limit:
        rows += await _ask_for_episodes(server, bucket, base, _oldest_millisecond(rows, span))
    whole = (told(Episode, row) for row in rows if _is_whole(Episode, row))
    known = {identity_of(one): one for one in (msgspec.convert(row, Episode) for row in whole)}
    return sorted(known.values(), key=lambda one: (one.event_ns, one.route_id))[-span.limit :]


async def signals(
    server: InfluxServer, bucket: Bucket, terms: SignalTerms, span: Span
) -> Sequence[Signal]:
    """Return the newest signals that meet the terms, oldest first; see `all_gaps`."""
    meant = (terms.venues, terms.instruments, terms.strategies, terms.intervals, terms.sides)
    if any(map(_is_none, meant)) or span.start_ns >= span.end_ns:
        return []
    rows = await _ask_for_signals(server, bucket, terms, span)
    if len(rows) == span.limit:
        oldest_ns = min(int(row["time"] or 0) for row in rows)
        rows += await _ask_for_signals(
            server, bucket, terms, Span(oldest_ns, oldest_ns + 1, ROOM_NS)
        )
    whole = (with_parameters(row) for row in rows if None not in row.values())
    found = {identity_of(signal): signal for signal in map(signal_of, whole)}
    return sorted(found.values(), key=by_moment)[-span.limit :]


async def listings(server: InfluxServer, bucket: Bucket) -> Sequence[Listed]:
    """Return the last terms of each venue and instrument, by venue and instrument."""
    rows = await server.query(bucket, _LISTINGS, {})
    found = [of_any_series(Listed, told(Listed, row)) for row in rows if None not in row.values()]
    return sorted(found, key=lambda one: (one.venue, one.instrument))


async def is_marked(server: InfluxServer, bucket: Bucket, at_ns: int) -> bool:
    """Tell whether the bucket has the mark of that time."""
    return bool(await server.query(bucket, _MARK, {"at_ns": at_ns}))


async def _ask_for_gaps(
    server: InfluxServer, bucket: Bucket, terms: GapTerms, span: Span
) -> list[Row]:
    given: dict[str, Value] = {
        "channel": terms.channel,
        "from_ns": _in_64_bits(span.start_ns),
        "to_ns": _in_64_bits(span.end_ns),
        "at_most": span.limit,
    }
    meant = [_OF_CHANNEL] if terms.channel is not None else []
    if terms.venues is not None:
        meant.append(_any_of(_IS_VENUE, ((venue,) for venue in terms.venues), given))
    if terms.instruments is not None:
        codes = ((one.base, one.quote_currency) for one in terms.instruments)
        meant.append(_any_of(_IS_INSTRUMENT, codes, given))
    return await server.query(bucket, " AND ".join([_ALL_GAPS, *meant]) + _NEWEST_FIRST, given)


async def _ask_for_signals(
    server: InfluxServer, bucket: Bucket, terms: SignalTerms, span: Span
) -> list[Row]:
    given: dict[str, Value] = {
        "parameters": terms.parameters or NO_PARAMETERS,
        "from_ns": _in_64_bits(span.start_ns),
        "to_ns": _in_64_bits(span.end_ns),
        "at_most": span.limit,
    }
    meant = [_OF_PARAMETERS] if terms.parameters is not None else []
    chosen = {
        "venue": terms.venues,
        "strategy": terms.strategies,
        "interval": terms.intervals,
        "side": terms.sides,
    }
    for column, names in chosen.items():
        if names is not None:
            meant.append(_any_of(f'"{column}" = ${{}}', ((name,) for name in names), given))
    if terms.instruments is not None:
        codes = ((one.base, one.quote_currency) for one in terms.instruments)
        meant.append(_any_of(_IS_INSTRUMENT, codes, given))
    return await server.query(bucket, " AND ".join([_SIGNALS, *meant]) + _NEWEST_FIRST, given)


def with_parameters(row: Row) -> Row:
    """Return the row with the parameters as they were told."""
    return row if row["parameters"] != NO_PARAMETERS else {**row, "parameters": ""}


async def _ask_for_episodes(
    server: InfluxServer, bucket: Bucket, base: str | None, span: Span
) -> list[Row]:
    given: dict[str, Value] = {
        "base": base,
        "start_ns": _in_64_bits(span.start_ns),
        "end_ns": _in_64_bits(span.end_ns),
        "from_ns": _in_64_bits(millisecond_of(span.start_ns)),
        "to_ns": _in_64_bits(millisecond_of(span.end_ns - 1) + ROOM_NS),
        "at_most": span.limit,
    }
    text = _EPISODES if base is None else _EPISODES + _OF_BASE
    return await server.query(bucket, text + _NEWEST_FIRST, given)


def _is_none(names: Collection[object] | None) -> bool:
    return names is not None and not names


def _any_of(text: str, choices: Iterable[tuple[str, ...]], given: dict[str, Value]) -> str:
    """Return the condition that one of the choices holds; their values are added to ``given``."""
    conditions = []
    for choice in choices:
        names = [f"choice{len(given) + number}" for number in range(len(choice))]
        given |= dict(zip(names, choice, strict=True))
        conditions.append(text.format(*names))
    return f"({' OR '.join(conditions)})"


def _by_start(gap: Gap) -> tuple[int, str, Instrument, str]:
    return gap.start_ns, gap.venue, gap.instrument, gap.channel


async def _ask(server: InfluxServer, bucket: Bucket, series: Series[S], span: Span) -> list[Row]:
    from_ns, to_ns = span.start_ns, span.end_ns
    if series.kind in _SHIFTED:
        from_ns, to_ns = millisecond_of(from_ns), millisecond_of(to_ns - 1) + ROOM_NS
    given: dict[str, Value] = {
        **series.codes,
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
    return series.event(told(series.kind, row))


def _is_whole(kind: type[Stored], row: Row) -> bool:
    sparse = SPARSE.get(kind, frozenset())
    return all(value is not None or name in sparse for name, value in row.items())


def told(kind: type[Stored], row: Row) -> dict[str, object]:
    """Return the row with the time it starts at, and None for numbers that are not known.

    What may not be there and is not is left out; lists are read from their texts.
    """
    optional, sparse = OPTIONAL.get(kind, frozenset()), SPARSE.get(kind, frozenset())
    told: dict[str, object] = {
        name: None if name in optional and value == NOT_KNOWN else _plain(name, value)
        for name, value in row.items()
        if value is not None or name not in sparse
    }
    return {**told, "start_ns": row["time"]}


def _plain(name: str, value: Value) -> object:
    return msgspec.json.decode(str(value)) if name in LISTS else value


def _in_64_bits(time_ns: int) -> int:
    return min(max(time_ns, _FIRST_NS), _LAST_NS)
