"""An SMA cross and what it is worth as one text of SQL, for DuckDB and Spark alike.

Means are differences of prefix sums, which both engines make in one pass; frames of rows as wide as
a mean would take Spark six times as long. Sums are of decimals, hence exact.
"""

EQUAL = 1e-9
"""Means that differ by less, as a share, are equal: see `analytics.strategies.crosses`."""

TEXT = """
WITH meant AS ({meant}),
summed AS (
    SELECT *, row_number() OVER w AS place, sum(CAST(close AS DECIMAL(22, 12))) OVER w AS total
    FROM meant WINDOW w AS (PARTITION BY venue, base, quote_currency ORDER BY start_ns
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
averaged AS (
    SELECT *, lag(close) OVER w AS previous,
        CAST(total - coalesce(lag(total, {fast}) OVER w, 0) AS DOUBLE) / {fast} AS quick,
        CAST(total - coalesce(lag(total, {slow}) OVER w, 0) AS DOUBLE) / {slow} AS lazy
    FROM summed WINDOW w AS (PARTITION BY venue, base, quote_currency ORDER BY start_ns)
),
decided AS (
    SELECT *, CASE WHEN place >= {slow} AND quick > lazy * (1 + {equal}) THEN 1 ELSE 0 END AS target
    FROM averaged
),
held AS (
    SELECT *, coalesce(lag(target, 1) OVER w, 0) AS share,
        coalesce(lag(target, 2) OVER w, 0) AS share_before
    FROM decided WINDOW w AS (PARTITION BY venue, base, quote_currency ORDER BY start_ns)
),
grown AS (
    SELECT *, CASE
        WHEN share = 1 AND share_before = 1 THEN ln(close / previous)
        WHEN share = 1 THEN ln((1 - {rate}) * close / (open * (1 + {slippage})))
        WHEN share_before = 1 THEN ln((1 - {rate}) * open * (1 - {slippage}) / previous)
        ELSE CAST(0 AS DOUBLE)
    END AS growth
    FROM held
)
SELECT venue, base, quote_currency, start_ns, open, share - share_before AS traded,
    {capital} * exp(sum(growth) OVER (
        PARTITION BY venue, base, quote_currency ORDER BY start_ns
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS equity
FROM grown ORDER BY venue, base, quote_currency, start_ns
"""


def crossing_text(
    *,
    candles: str,
    fast: int,
    slow: int,
    capital: float,
    rate: float,
    slippage: float = 0.0,
) -> str:
    """Return the question: a row a candle, 1 or -1 where it is bought or sold, and the equity.

    Args:
        candles: The question for the candles, see `text_of`.
        fast: Candles of the shorter mean.
        slow: Candles of the longer one.
        capital: What there is at first.
        rate: The fee of a fill, as a share.
        slippage: How much worse than the open, as a share.

    """
    numbers = {"capital": capital, "rate": rate, "slippage": slippage, "equal": EQUAL}
    return TEXT.format(
        meant=candles,
        fast=int(fast),
        slow=int(slow),
        **{name: f"CAST({value!r} AS DOUBLE)" for name, value in numbers.items()},
    )
