"""The dashboard of routes and premiums: episodes that paid, and what a venue is dearer by."""

from infrastructure.grafana.dashboard import Dashboard
from infrastructure.grafana.panel import Columns, Look, Size, chart, table
from infrastructure.grafana.query import INFLUXDB, Variable, influx, influx_rows

_PREMIUM = 'SHOW TAG VALUES FROM "candles"."premium" WITH KEY ='
_CHOSEN = "\"base\" = '$base' AND \"venue\" = '$venue'"
_EPISODES = '"candles"."episode" WHERE $timeFilter'
_BY_TYPE = 'GROUP BY time($__interval), "type" fill(none)'

VARIABLES = (
    Variable("base", "Asset", INFLUXDB, f'{_PREMIUM} "base"', "BTC"),
    Variable(
        "venue", "Dearer at", INFLUXDB, f'{_PREMIUM} "venue" WHERE "base" = \'$base\'', "upbit"
    ),
)

EPISODES = (
    chart(
        "Episodes per hour",
        "Routes that were profitable for a while, by when that ended.",
        influx(
            f'SELECT count("updates") FROM {_EPISODES} GROUP BY time(1h), "type" fill(0)',
            "$tag_type",
        ),
        look=Look(draw="bars", step="1h"),
    ),
    chart(
        "Peak profit in dollars",
        "The best that an episode would have earned at its best size, by what its first leg gets; "
        "where it is known in dollars.",
        influx(
            f'SELECT max("peak_profit_usd") FROM {_EPISODES} '
            'GROUP BY time($__interval), "base" fill(none)',
            "$tag_base",
        ),
        look=Look(unit="currencyUSD", draw="points", step="1m"),
    ),
    chart(
        "Peak net return",
        "Best return at the best prices after taker fees, in hundredths of a percent, by kind.",
        influx(f'SELECT max("peak_net_bps") FROM {_EPISODES} {_BY_TYPE}', "$tag_type"),
        look=Look(draw="points", step="1m"),
    ),
    chart(
        "How long episodes lasted",
        "Half of them were shorter.",
        influx(
            'SELECT median("lasted_s") FROM '
            f'(SELECT ("closed_ns" - "opened_ns") / 1000000000 AS "lasted_s" FROM {_EPISODES} '
            f'GROUP BY "type") WHERE $timeFilter {_BY_TYPE}',
            "$tag_type",
        ),
        look=Look(unit="s", draw="points", step="1m"),
    ),
)

PREMIUMS = (
    chart(
        "Premium of $base at $venue",
        "In percent of the price elsewhere; bank: at an exchange rate of money, stable: at the "
        "price of a stablecoin, same: in one currency.",
        influx(
            f'SELECT 100 * mean("premium") FROM "candles"."premium" WHERE {_CHOSEN} '
            'AND $timeFilter GROUP BY time($__interval), "basis", "reference_venue" fill(none)',
            "over $tag_reference_venue, $tag_basis",
        ),
        look=Look(unit="percent", step="1m"),
        size=Size(24, 9),
    ),
    chart(
        "Age of the rates",
        "How old the rate was that a premium of $base at $venue rests on.",
        influx(
            f'SELECT max("rate_age_ns") / 1000000000 FROM "candles"."premium" WHERE {_CHOSEN} '
            "AND $timeFilter AND \"basis\" != 'same' "
            'GROUP BY time($__interval), "basis" fill(none)',
            "$tag_basis",
        ),
        look=Look(unit="s", step="1m"),
    ),
    chart(
        "Premium on either rate",
        "Of $base at $venue over all others, in percent: the two can differ in sign.",
        influx(
            f'SELECT 100 * median("premium") FROM "candles"."premium" WHERE {_CHOSEN} '
            'AND $timeFilter GROUP BY time($__interval), "basis" fill(none)',
            "$tag_basis",
        ),
        look=Look(unit="percent", step="1m"),
    ),
)

LAST = table(
    "Last episodes",
    "Every kind, newest first.",
    influx_rows(
        'SELECT "route_id", "type", "mode", "opened_ns" / 1000000 AS "opened", '
        '("closed_ns" - "opened_ns") / 1000000000 AS "lasted", "peak_net_bps", '
        f'"peak_profit_usd", "updates", "reason" FROM {_EPISODES} ORDER BY time DESC LIMIT 200'
    ),
    columns=Columns(
        units={"opened": "dateTimeAsIso", "lasted": "s", "peak_profit_usd": "currencyUSD"}
    ),
    size=Size(24, 10),
)

DASHBOARD = Dashboard(
    uid="routes",
    title="Routes and premium",
    panels=(*EPISODES, *PREMIUMS, LAST),
    variables=VARIABLES,
    since="24h",
    refresh="30s",
)
