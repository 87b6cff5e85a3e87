"""Which minutes of an archived day have no candle, and why not."""

from __future__ import annotations

from datetime import date

import duckdb

from infrastructure.archive.files import Files
from infrastructure.archive.manifest import Holes
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.sources import Given, Span, sources
from market.intervals import INTERVALS

_MINUTE_NS = INTERVALS["1m"]

_NO_TRADES = "SELECT '' AS base, '' AS quote_currency, 0 AS event_ns WHERE false"
_NO_GAPS = (
    "SELECT '' AS base, '' AS quote_currency, '' AS channel, 0 AS start_ns, 0 AS end_ns WHERE false"
)

_HOLES = """
WITH candle AS (
    SELECT base, quote_currency, start_ns FROM ({candles})
    WHERE "interval" = '1m' AND start_ns >= $start_ns AND start_ns < $end_ns
), trade AS (
    SELECT DISTINCT base, quote_currency, event_ns - event_ns % $minute_ns AS start_ns
    FROM ({trades}) WHERE event_ns >= $start_ns AND event_ns < $end_ns
), minute AS (
    SELECT series.*, $start_ns + number * $minute_ns AS start_ns
    FROM (SELECT DISTINCT base, quote_currency FROM candle) AS series,
        range($minutes) AS numbers(number)
), hole AS (
    FROM minute ANTI JOIN candle USING (base, quote_currency, start_ns)
), gap AS (
    SELECT DISTINCT hole.* FROM hole JOIN ({gaps}) AS gap USING (base, quote_currency)
    WHERE channel = 'trade'
        AND gap.start_ns < hole.start_ns + $minute_ns AND gap.end_ns >= hole.start_ns
), unnamed AS (
    FROM hole ANTI JOIN gap USING (base, quote_currency, start_ns)
), told AS (
    SELECT DISTINCT base, quote_currency FROM trade
)
SELECT (SELECT count(*) FROM gap),
    (SELECT count(*) FROM unnamed SEMI JOIN told USING (base, quote_currency)),
    (SELECT count(*) FROM unnamed ANTI JOIN told USING (base, quote_currency)),
    (SELECT count(*) FROM unnamed SEMI JOIN trade USING (base, quote_currency, start_ns))
"""


def holes_of(connection: duckdb.DuckDBPyConnection, files: Files, venue: str, day: date) -> Holes:
    """Return the minutes of a venue's day that have no candle of ours, by why."""
    span = Span(start_of_day(day), start_of_day(day) + DAY_NS)
    before = Span(span.start_ns - DAY_NS, span.end_ns)  # a gap may begin the day before
    given: Given = {
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "minute_ns": _MINUTE_NS,
        "minutes": DAY_NS // _MINUTE_NS,
    }
    candles = _table(files, "candle", "start_ns", venue, span, given)
    trades = _table(files, "trade", "event_ns", venue, span, given) or _NO_TRADES
    gaps = _table(files, "gap", "start_ns", venue, before, given) or _NO_GAPS
    if not candles:
        return Holes()
    text = _HOLES.format(candles=candles, trades=trades, gaps=gaps)
    ((named, told, unknown, unexplained),) = connection.execute(text, given).fetchall()
    return Holes(named=named, quiet=told - unexplained, unknown=unknown, unexplained=unexplained)


def _table(  # what of it, and where its values go
    files: Files, kind: str, time: str, venue: str, span: Span, given: Given
) -> str:
    """Return the SQL of the files' rows, its values named after the kind; empty: no files."""
    held = sources(files, kind, (venue,), span)
    if not held:
        return ""
    text, own = held.text(files, time)
    given |= {f"{kind}_{name}": value for name, value in own.items()}
    return text.replace("$files_", f"${kind}_files_")
