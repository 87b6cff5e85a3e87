"""Tables over all markets, as one text of SQL each, for DuckDB and Spark alike.

Both give the same bits. A sum of floats depends on the order of its addends, which neither engine
promises: so sums are of whole numbers, of what is before the point, of 2^-40ths behind it and of
2^-80ths behind those. Of the rest there is only what IEEE 754 defines to the bit.
"""

from __future__ import annotations

from infrastructure.scale.crossing import crossing_text
from infrastructure.scale.engine import text_of
from market.intervals import INTERVALS

CANDLES = """
WITH meant AS ({meant}),
begun AS (
    SELECT *, start_ns - start_ns % {length_ns} AS begins_ns,
        (high + low + close) / CAST(3 AS DOUBLE) * volume AS notional
    FROM meant
),
summed AS (
    SELECT venue, base, quote_currency, begins_ns, min_by(open, start_ns) AS open,
        max(high) AS high, min(low) AS low, max_by(close, start_ns) AS close,
        {volume} AS volume, {notional} AS notional, count(*) AS pieces
    FROM begun GROUP BY venue, base, quote_currency, begins_ns
)
SELECT venue, base, quote_currency, begins_ns AS start_ns, open, high, low, close, volume,
    coalesce(notional / nullif(volume, 0), close) AS vwap, pieces
FROM summed ORDER BY venue, base, quote_currency, begins_ns
"""
"""Longer candles; ``vwap`` is the mean of (high + low + close) / 3 of the pieces, by volume."""

RETURNS = """
WITH meant AS ({meant}),
begun AS (
    SELECT *, start_ns - start_ns % {length_ns} AS begins_ns,
        (high + low + close) / CAST(3 AS DOUBLE) * volume AS notional
    FROM meant
),
daily AS (
    SELECT venue, base, quote_currency, begins_ns, min_by(open, start_ns) AS open,
        max_by(close, start_ns) AS close, {notional} AS notional, count(*) AS candles
    FROM begun GROUP BY venue, base, quote_currency, begins_ns
),
compared AS (
    SELECT *, close / max(close) OVER (PARTITION BY venue, base, quote_currency
            ORDER BY begins_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 1 AS fall,
        close / lag(close) OVER (PARTITION BY venue, base, quote_currency ORDER BY begins_ns) - 1
            AS change
    FROM daily
),
squared AS (SELECT *, change * change AS square FROM compared),
summed AS (
    SELECT venue, base, quote_currency, min(begins_ns) AS first_ns, max(begins_ns) AS last_ns,
        sum(candles) AS candles, min_by(open, begins_ns) AS open,
        max_by(close, begins_ns) AS close, min(fall) AS fall, count(change) AS changes,
        {change} AS change, {square} AS square, {sum_of_notional} AS notional
    FROM squared GROUP BY venue, base, quote_currency
)
SELECT venue, base, quote_currency, first_ns, last_ns, CAST(candles AS BIGINT) AS candles,
    close / open - 1 AS total_return, fall AS max_drawdown,
    sqrt(greatest(square - change * change / nullif(changes, 0), CAST(0 AS DOUBLE))
        / nullif(changes - 1, 0)) * sqrt(CAST(365 AS DOUBLE)) AS volatility,
    notional
FROM summed ORDER BY venue, base, quote_currency
"""
"""What each market did: from the first open to the last close; drawdown and volatility (a year's)
are of the last closes of days, UTC; ``notional`` is what was traded in the quote currency.
"""

CROSSINGS = """
SELECT venue, base, quote_currency, start_ns,
    CASE WHEN traded = 1 THEN 'buy' ELSE 'sell' END AS side, open AS price
FROM ({crossed}) AS crossed WHERE traded <> 0
ORDER BY venue, base, quote_currency, start_ns
"""
"""Where a strategy of two means buys and sells: at the open after they crossed."""


def candles_text(*, interval: str, start_ns: int, end_ns: int, source: str = "1m") -> str:
    """Return the question for candles of an interval, made of shorter ones."""
    return CANDLES.format(
        meant=text_of(interval=source, start_ns=start_ns, end_ns=end_ns),
        length_ns=INTERVALS[interval],
        volume=_sum("volume"),
        notional=_sum("notional"),
    )


def returns_text(*, start_ns: int, end_ns: int, source: str = "1m") -> str:
    """Return the question for what each market did."""
    return RETURNS.format(
        meant=text_of(interval=source, start_ns=start_ns, end_ns=end_ns),
        length_ns=INTERVALS["1d"],
        sum_of_notional=_sum("notional"),
        **{name: _sum(name) for name in ("change", "square", "notional")},
    )


def crossings_text(*, interval: str, fast: int, slow: int, start_ns: int, end_ns: int) -> str:
    """Return the question for the trades of `crossing_text` on candles of `candles_text`."""
    candles = candles_text(interval=interval, start_ns=start_ns, end_ns=end_ns)
    crossed = crossing_text(candles=candles, fast=fast, slow=slow, capital=1.0, rate=0.0)
    return CROSSINGS.format(crossed=crossed)


def _sum(name: str) -> str:
    """Return a sum that is the same in whatever order, to 2^-80; see the module."""
    point = "CAST(1099511627776 AS DOUBLE)"
    whole = f"floor({name})"
    behind = f"({name} - {whole}) * {point}"
    far_behind = f"({behind} - floor({behind})) * {point}"
    first, second, third = (
        f"CAST(sum(CAST(floor({one}) AS BIGINT)) AS DOUBLE)" for one in (name, behind, far_behind)
    )
    return f"{first} + ({second} + {third} / {point}) / {point}"
