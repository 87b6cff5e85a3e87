"""The dashboard of the venues: how each does, how late it is, what it left out or got wrong."""

from infrastructure.grafana.dashboard import Dashboard
from infrastructure.grafana.panel import THIRD, Columns, Heading, Look, chart, table
from infrastructure.grafana.promql import per_second, rise
from infrastructure.grafana.query import influx, influx_rows, prom

_STATUS = '"raw"."venue_status" WHERE $timeFilter'
_STEPS = 'GROUP BY time($__interval), "venue"'
_SAID = {
    "state": "state",
    "troubled": "not live",
    "clock_offset_ms": "clock ahead, ms",
    "clock_error_ms": "give or take, ms",
    "latency_ms": "latency, ms",
    "resyncs": "resyncs",
    "backfilled": "back-filled",
    "gaps": "gaps",
    "refused": "refused",
    "reason": "reason",
}
"""Fields of a status, and the columns that they are shown in."""

STORED = (
    table(
        "How the venues do",
        "What each last said of itself, once a minute; resyncs, back-filled trades and gaps "
        "since its connector started.",
        influx_rows(
            "SELECT "
            + ", ".join(f'last("{field}") AS "{column}"' for field, column in _SAID.items())
            + f' FROM {_STATUS} GROUP BY "venue"'
        ),
        columns=Columns(hidden=("Time",)),
    ),
    chart(
        "Receipt less event time",
        "Median of the live trades, by our clock and the venue's: the way here, and what the "
        "clocks differ.",
        influx(
            'SELECT median("late_ms") FROM '
            '(SELECT ("received_ns" - "event_ns") / 1000000 AS "late_ms" FROM "raw"."trade" '
            'WHERE "backfilled" = false AND $timeFilter GROUP BY "venue") '
            f"WHERE $timeFilter {_STEPS} fill(none)",
            "$tag_venue",
        ),
        look=Look(unit="ms", step="10s"),
    ),
    chart(
        "Clocks of the venues",
        "How far each is ahead of ours.",
        influx(f'SELECT last("clock_offset_ms") FROM {_STATUS} {_STEPS} fill(none)', "$tag_venue"),
        look=Look(unit="ms", step="1m"),
    ),
    chart(
        "Gaps by venue",
        "Gaps that began in each step, every instrument.",
        influx(
            f'SELECT count("end_ns") FROM "candles"."gap" WHERE $timeFilter {_STEPS} fill(0)',
            "$tag_venue",
        ),
        look=Look(unit="short", draw="bars", step="1m"),
    ),
    chart(
        "Trades read after the fact",
        "Back-filled over REST in each step, every instrument.",
        influx(
            'SELECT count("price") FROM "raw"."trade" WHERE "backfilled" = true '
            f"AND $timeFilter {_STEPS} fill(0)",
            "$tag_venue",
        ),
        look=Look(unit="short", draw="bars", step="1m"),
    ),
    chart(
        "Books that had to start anew",
        "In each step; a connector that is started counts from zero.",
        influx(
            f'SELECT non_negative_difference(max("resyncs")) FROM {_STATUS} {_STEPS} fill(none)',
            "$tag_venue",
        ),
        look=Look(unit="short", draw="bars", step="1m"),
    ),
    chart(
        "Frames refused",
        "In each step; what they held is in `cryptotracker quarantine list`.",
        influx(
            f'SELECT non_negative_difference(max("refused")) FROM {_STATUS} {_STEPS} fill(none)',
            "$tag_venue",
        ),
        look=Look(unit="short", draw="bars", step="1m"),
    ),
)

NOW = (
    Heading("As the connectors tell it, every few seconds"),
    chart(
        "Live",
        "1: the connection is up and its quotes are used.",
        prom('max by (venue) (cryptotracker_venue_state{state="live"})', "{{venue}}"),
        size=THIRD,
    ),
    chart(
        "Instruments that are not live",
        "Silent, refused, halted, or their book is made anew.",
        prom("sum by (venue) (cryptotracker_venue_troubled)", "{{venue}}"),
        look=Look(unit="short", draw="stacked"),
        size=THIRD,
    ),
    chart(
        "Latency",
        "Median of live trades from the venue's time to their receipt.",
        prom("max by (venue) (cryptotracker_venue_latency_seconds)", "{{venue}}"),
        look=Look(unit="s"),
        size=THIRD,
    ),
    chart(
        "Frames",
        "And answers, a second.",
        prom(per_second("cryptotracker_venue_frames_total", "venue"), "{{venue}}"),
        look=Look(unit="short", draw="stacked"),
        size=THIRD,
    ),
    chart(
        "Connections lost",
        "In each step.",
        prom(rise("cryptotracker_venue_reconnects_total", "venue"), "{{venue}}"),
        look=Look(unit="short", draw="bars"),
        size=THIRD,
    ),
    chart(
        "Seconds missing for good",
        "Trades that the venue does not tell any more, in each step.",
        prom(rise("cryptotracker_venue_gap_seconds_total", "venue"), "{{venue}}"),
        look=Look(unit="s", draw="bars"),
        size=THIRD,
    ),
)

DASHBOARD = Dashboard(
    uid="venues", title="Venues", panels=(*STORED, *NOW), since="1h", refresh="30s"
)
