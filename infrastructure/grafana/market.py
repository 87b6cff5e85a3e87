"""The dashboard of the market: candles, trades, spreads and gaps of what is stored."""

from infrastructure.grafana.dashboard import Annotation, Dashboard
from infrastructure.grafana.panel import Columns, Look, Size, candles, chart, table
from infrastructure.grafana.query import INFLUXDB, Variable, influx, influx_rows

_CANDLE = 'SHOW TAG VALUES FROM "candles"."candle" WITH KEY ='
_MARKET = "\"base\" = '$base' AND \"quote_currency\" = '$quote_currency'"
_CHOSEN = f"\"venue\" = '$venue' AND {_MARKET}"
_STEPS = 'GROUP BY time($__interval), "venue"'

VARIABLES = (
    Variable("base", "Base", INFLUXDB, f'{_CANDLE} "base"', "BTC"),
    Variable(
        "quote_currency",
        "Quote currency",
        INFLUXDB,
        f'{_CANDLE} "quote_currency" WHERE "base" = \'$base\'',
        "USDT",
    ),
    Variable("venue", "Venue", INFLUXDB, f'{_CANDLE} "venue" WHERE {_MARKET}', "binance"),
)

GAPS = Annotation(
    name="Gaps in the trades",
    query=influx(
        'SELECT "reason", "venue", "end_ns" / 1000000 AS "end" FROM "candles"."gap" '
        f"WHERE {_CHOSEN} AND \"channel\" = 'trade' AND $timeFilter"
    ),
    text="reason",
    tags="venue",
    end="end",
)

PANELS = (
    candles(
        "$venue $base-$quote_currency, 1m",
        "Closed candles of one minute.",
        influx_rows(
            'SELECT "open", "high", "low", "close", "volume" FROM "candles"."candle" '
            f"WHERE {_CHOSEN} AND \"interval\" = '1m' AND $timeFilter"
        ),
        size=Size(24, 11),
    ),
    chart(
        "Close by venue",
        "Last closed candle of one minute, in $quote_currency.",
        influx(
            'SELECT last("close") FROM "candles"."candle" '
            f"WHERE {_MARKET} AND \"interval\" = '1m' AND $timeFilter {_STEPS} fill(none)",
            "$tag_venue",
        ),
        look=Look(step="1m"),
        size=Size(24, 8),
    ),
    chart(
        "Trades per second",
        "Every instrument, by venue.",
        influx(
            'SELECT 1000 * count("price") / $__interval_ms FROM "raw"."trade" '
            f"WHERE $timeFilter {_STEPS} fill(0)",
            "$tag_venue",
        ),
        look=Look(unit="short", draw="stacked", step="10s"),
    ),
    chart(
        "Spread of the quotes",
        "Best ask less best bid, in basis points of their middle; of the mean prices of each step.",
        influx(
            'SELECT 20000 * (mean("ask") - mean("bid")) / (mean("ask") + mean("bid")) '
            f'FROM "raw"."quote" WHERE {_MARKET} AND $timeFilter {_STEPS} fill(none)',
            "$tag_venue",
        ),
        look=Look(decimals=2, axis="bps", step="10s"),
    ),
    table(
        "Gaps",
        "What is known to be missing, every instrument; \N{EN DASH}: nobody knows how many.",
        influx_rows(
            'SELECT "venue", "base", "quote_currency", "channel", "end_ns" / 1000000 AS "end", '
            '"missing", "reason" FROM "candles"."gap" WHERE $timeFilter '
            "ORDER BY time DESC LIMIT 500"
        ),
        columns=Columns(units={"end": "dateTimeAsIso"}, has_unknown=True),
    ),
    table(
        "Last 24 hours of $base",
        "The last summary of each venue or price service; \N{EN DASH}: not told.",
        influx_rows(
            "SELECT "
            + ", ".join(
                f'last("{name}") AS "{name}"'
                for name in ("last", "open", "high", "low", "volume", "bid", "ask")
            )
            + ' FROM "raw"."summary" WHERE "base" = \'$base\' AND $timeFilter '
            'GROUP BY "venue", "quote_currency"'
        ),
        columns=Columns(hidden=("Time",), has_unknown=True),
    ),
)

DASHBOARD = Dashboard(
    uid="market",
    title="Market",
    panels=PANELS,
    variables=VARIABLES,
    annotations=(GAPS,),
    since="1h",
    refresh="10s",
)
