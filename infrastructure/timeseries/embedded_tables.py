"""The texts of the embedded store: what its tables are made of, what they are asked.

A table has the fields of its events as columns, the instrument parted in two.
"""

from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import (
    EXPIRING,
    SERIES_COLUMNS,
    SecondCandle,
    other_fields,
    table_of,
    time_field,
)
from market import (
    Book,
    Candle,
    Gap,
    Listed,
    Premium,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

TABLES = """
CREATE TABLE IF NOT EXISTS trade (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, trade_id VARCHAR,
    side VARCHAR, price DOUBLE, size DOUBLE, backfilled BOOLEAN,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT
);
CREATE TABLE IF NOT EXISTS quote (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR,
    bid DOUBLE, bid_size DOUBLE, ask DOUBLE, ask_size DOUBLE,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT
);
CREATE TABLE IF NOT EXISTS book (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR,
    bid_prices DOUBLE[], bid_sizes DOUBLE[], ask_prices DOUBLE[], ask_sizes DOUBLE[],
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT
);
CREATE TABLE IF NOT EXISTS candle (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    trades BIGINT, closed BOOLEAN, complete BOOLEAN DEFAULT true,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, "interval", start_ns)
);
CREATE TABLE IF NOT EXISTS candle_second (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    trades BIGINT, closed BOOLEAN, complete BOOLEAN,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT
);
CREATE TABLE IF NOT EXISTS venue_candle (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    trades BIGINT, closed BOOLEAN, event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, "interval", start_ns)
);
CREATE TABLE IF NOT EXISTS summary (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, symbol VARCHAR, last DOUBLE, name VARCHAR,
    open DOUBLE, high DOUBLE, low DOUBLE, volume DOUBLE, bid DOUBLE, ask DOUBLE,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, event_ns)
);
CREATE TABLE IF NOT EXISTS listed (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, symbol VARCHAR, trading BOOLEAN,
    tick_size DOUBLE, lot_size DOUBLE, minimum_notional DOUBLE,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency)
);
CREATE TABLE IF NOT EXISTS gap (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, channel VARCHAR, start_ns BIGINT,
    end_ns BIGINT, reason VARCHAR, missing BIGINT,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, channel, start_ns)
);
CREATE TABLE IF NOT EXISTS venue_status (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, state VARCHAR, reason VARCHAR,
    instruments BIGINT, frames BIGINT, events BIGINT, refused BIGINT, reconnects BIGINT,
    resyncs BIGINT, backfilled BIGINT, gaps BIGINT, troubled BIGINT,
    latency_ms DOUBLE, clock_offset_ms DOUBLE, clock_error_ms DOUBLE, shard VARCHAR DEFAULT '',
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, event_ns)
);
CREATE TABLE IF NOT EXISTS episode (
    route_id VARCHAR, base VARCHAR, type VARCHAR, mode VARCHAR,
    opened_ns BIGINT, closed_ns BIGINT, reason VARCHAR,
    peak_net_bps DOUBLE, peak_profit_usd DOUBLE, peak_ns BIGINT, updates BIGINT,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (route_id, event_ns)
);
CREATE TABLE IF NOT EXISTS premium (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR,
    reference_venue VARCHAR, reference_base VARCHAR, reference_quote_currency VARCHAR,
    basis VARCHAR, premium DOUBLE, rate DOUBLE, rate_source VARCHAR, rate_age_ns BIGINT,
    age_ns BIGINT, event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (
        venue, base, quote_currency,
        reference_venue, reference_base, reference_quote_currency, basis, event_ns
    )
);
CREATE TABLE IF NOT EXISTS signal (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR,
    strategy VARCHAR, parameters VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    side VARCHAR, target DOUBLE, price DOUBLE, reason VARCHAR, "values" VARCHAR, corrected BOOLEAN,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, strategy, parameters, "interval", start_ns)
);
CREATE TABLE IF NOT EXISTS probe (at_ns BIGINT);
INSERT INTO probe SELECT 0 WHERE NOT EXISTS (FROM probe);
ALTER TABLE gap ADD COLUMN IF NOT EXISTS missing BIGINT;
ALTER TABLE candle ADD COLUMN IF NOT EXISTS complete BOOLEAN DEFAULT true;
ALTER TABLE venue_status ADD COLUMN IF NOT EXISTS shard VARCHAR DEFAULT '';
"""
"""Makes what is missing. A file of an earlier version gets the columns that it lacks."""

KEYED = (
    "SELECT table_name FROM duckdb_constraints() "
    "WHERE constraint_type = 'PRIMARY KEY' AND table_name IN ('trade', 'quote')"
)
"""Which tables of an earlier version have keys that they are to have no more."""


SECONDS_APART = """
BEGIN;
INSERT INTO candle_second BY NAME SELECT * FROM candle WHERE "interval" = '1s';
DELETE FROM candle WHERE "interval" = '1s';
COMMIT;
"""
"""Move what an earlier version kept among the other candles."""


def without_key(table: str) -> str:
    """Return what takes the key from a table."""
    return (
        f"BEGIN; CREATE TABLE moved AS FROM {table}; DROP TABLE {table}; "
        f"ALTER TABLE moved RENAME TO {table}; COMMIT;"
    )


_OF_A_CANDLE = """
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, trades = excluded.trades, closed = excluded.closed,
    event_ns = excluded.event_ns, received_ns = excluded.received_ns,
    sequence = excluded.sequence
"""
_OF_A_LISTING = """
    symbol = excluded.symbol, trading = excluded.trading, tick_size = excluded.tick_size,
    lot_size = excluded.lot_size, minimum_notional = excluded.minimum_notional,
    event_ns = excluded.event_ns, received_ns = excluded.received_ns,
    sequence = excluded.sequence
"""


def _merge_text(table: str, columns: str, unless_outdone: str) -> str:
    return (
        f"INSERT INTO {table} FROM arriving_{table} "
        f"ON CONFLICT DO UPDATE SET {columns} WHERE {unless_outdone}"
    )


MERGES: dict[type[Stored], str] = {
    Candle: _merge_text(
        "candle",
        f"{_OF_A_CANDLE}, complete = excluded.complete",
        "excluded.trades >= candle.trades",
    ),
    VenueCandle: _merge_text(
        "venue_candle",
        _OF_A_CANDLE,
        "(excluded.closed, excluded.received_ns) >= "
        "(venue_candle.closed, venue_candle.received_ns)",
    ),
    Listed: _merge_text("listed", _OF_A_LISTING, "excluded.received_ns >= listed.received_ns"),
}
"""Kinds of which a row may be outdone by the one that is there; the others replace it."""

FRESH_BY: dict[type[Stored], str] = {
    Trade: "received_ns",
    Quote: "received_ns",
    Book: "event_ns",
    SecondCandle: "start_ns",
}
"""Kinds without a key: a row that has more here than all of its series was not stored before."""

NEWEST_BEFORE = {
    kind: f"SELECT max({field}) FROM {table_of(kind)}"  # noqa: S608  # as above
    for kind, field in FRESH_BY.items()
}


def _is_same(kind: type[Stored], key: str) -> str:
    """Return the condition that a row is the one that arrives; the bounds let most be skipped."""
    table = table_of(kind)
    return f"{table}.{time_field(kind)} BETWEEN $from_ns AND $to_ns AND " + " AND ".join(
        f"{table}.{name} = arriving_{table}.{name}" for name in (*SERIES_COLUMNS, key)
    )


REPLACES: dict[type[Stored], str] = {
    kind: (
        f"DELETE FROM {table_of(kind)} USING arriving_{table_of(kind)} "  # noqa: S608  # as above
        f"WHERE {_is_same(kind, key)}"
    )
    for kind, key in (
        (Trade, "trade_id"),
        (Quote, "sequence"),
        (Book, "event_ns"),
        (SecondCandle, "start_ns"),
    )
}
"""Remove, of the kinds that have no key, what is to be replaced by the rows that arrive."""

OUTDONE_SECONDS = (
    "DELETE FROM arriving_candle_second USING candle_second "  # noqa: S608  # as above
    f"WHERE {_is_same(SecondCandle, 'start_ns')} "
    "AND candle_second.trades > arriving_candle_second.trades"
)
"""Remove, of candles of a second that arrive, those that are outdone."""

INSERTS = {
    kind: f"INSERT INTO {table_of(kind)} FROM arriving_{table_of(kind)}" for kind in REPLACES
}
_WANTED = {
    VenueCandle: ' AND "interval" = $interval',
    Candle: ' AND "interval" = $interval AND closed',
    SecondCandle: ' AND "interval" = $interval AND closed',
}
EXPIRE = {
    table: (
        f"DELETE FROM {table} WHERE rowid IN "  # noqa: S608  # as above
        f"(SELECT rowid FROM {table} WHERE event_ns < $before_ns LIMIT $at_most)"
    )
    for table in map(table_of, EXPIRING)
}
EXPIRE_SECONDS = {
    table: (
        f"DELETE FROM {table} WHERE rowid IN "  # noqa: S608  # as above
        f"(SELECT rowid FROM {table} "
        "WHERE \"interval\" = '1s' AND start_ns < $before_ns LIMIT $at_most)"
    )
    for table in ("venue_candle",)
}
ALL_GAPS = (
    "SELECT * FROM gap WHERE start_ns >= $start_ns AND start_ns < $end_ns "
    "AND ($venues IS NULL OR list_contains($venues, venue)) "
    "AND ($instruments IS NULL OR list_contains($instruments, base || '-' || quote_currency)) "
    "AND ($channel IS NULL OR channel = $channel) "
    "ORDER BY start_ns DESC, venue DESC, base DESC, quote_currency DESC, channel DESC "
    "LIMIT $at_most"
)
SIGNALS = (
    "SELECT * FROM signal WHERE event_ns >= $start_ns AND event_ns < $end_ns "
    "AND ($venues IS NULL OR list_contains($venues, venue)) "
    "AND ($instruments IS NULL OR list_contains($instruments, base || '-' || quote_currency)) "
    "AND ($strategies IS NULL OR list_contains($strategies, strategy)) "
    'AND ($intervals IS NULL OR list_contains($intervals, "interval")) '
    "AND ($sides IS NULL OR list_contains($sides, side)) "
    "AND ($parameters IS NULL OR parameters = $parameters) "
    "ORDER BY event_ns DESC, venue DESC, base DESC, quote_currency DESC, strategy DESC, "
    'parameters DESC, "interval" DESC LIMIT $at_most'
)
EPISODES = (
    "SELECT * FROM episode WHERE event_ns >= $start_ns AND event_ns < $end_ns "
    "AND ($base IS NULL OR base = $base) ORDER BY event_ns DESC, route_id DESC LIMIT $at_most"
)
MARK = "UPDATE probe SET at_ns = $at_ns"
MARKED = "SELECT at_ns FROM probe WHERE at_ns >= $at_ns"
LISTINGS = "SELECT * FROM listed ORDER BY venue, base, quote_currency"


def _newest_text(kind: type[Stored]) -> str:
    time = time_field(kind)
    columns = ", ".join(f'"{name}"' for name in other_fields(kind))
    return (
        f"SELECT {columns} FROM {table_of(kind)} "  # noqa: S608  # nothing in it is from outside
        "WHERE venue = $venue AND base = $base AND quote_currency = $quote_currency"
        f"{_WANTED.get(kind, '')} AND {time} >= $start_ns AND {time} < $end_ns "
        f"ORDER BY {time} DESC, sequence DESC LIMIT $at_most"
    )


NEWEST: dict[type[Stored], str] = {
    kind: _newest_text(kind)
    for kind in (
        Trade,
        Quote,
        Book,
        Candle,
        SecondCandle,
        VenueCandle,
        Summary,
        Gap,
        VenueStatus,
        Premium,
    )
}
