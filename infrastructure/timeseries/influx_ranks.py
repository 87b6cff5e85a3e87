"""Events in, those out that nothing in the bucket outdoes: a server only ever replaces."""

from collections.abc import Hashable, Iterator, Sequence

from infrastructure.timeseries.batch import RANKED_BY, Ranked, rank_of
from infrastructure.timeseries.influx_server import Bucket, InfluxServer, Value
from infrastructure.timeseries.line_protocol import time_key
from infrastructure.timeseries.question import codes_of, table_of
from market import Candle, VenueCandle

_DAY_NS = 86_400 * 10**9


def _ranks_text(kind: type[Ranked]) -> str:
    columns = ", ".join(f'"{name}"' for name in (*RANKED_BY[kind], "base", "quote_currency"))
    return (
        f'SELECT {columns} FROM "{table_of(kind)}" WHERE "venue" = $venue '  # noqa: S608  # all of it from here
        'AND "interval" = $interval AND time >= $from_ns AND time <= $to_ns'
    )


_RANKS = {kind: _ranks_text(kind) for kind in RANKED_BY}
_OF_ONE_INSTRUMENT = ' AND "base" = $base AND "quote_currency" = $quote_currency'


async def not_outdone(
    server: InfluxServer, bucket: Bucket, events: Sequence[Ranked]
) -> list[Ranked]:
    """Return the events, all of one kind, that none in the bucket outdoes, see `rank_of`."""
    stored: dict[Hashable, tuple[Value, ...]] = {}
    for text, given in _rank_questions(events):
        for row in await server.query(bucket, text, given):
            place = (row["base"], row["quote_currency"], given["interval"], row["time"])
            rank = tuple(row[name] for name in RANKED_BY[type(events[0])])
            if None not in rank:
                stored[given["venue"], *place] = rank
    return [event for event in events if rank_of(event) >= stored.get(_place(event), ())]


def _rank_questions(events: Sequence[Ranked]) -> Iterator[tuple[str, dict[str, Value]]]:
    """Ask by series and day or by moment of the venue, whichever takes fewer questions."""
    by_series: dict[Hashable, list[Ranked]] = {}
    by_moment: dict[Hashable, list[Ranked]] = {}
    for event in events:
        both, at_ns = (event.venue, _interval(event)), time_key(event)
        by_series.setdefault((both, event.instrument, at_ns // _DAY_NS), []).append(event)
        by_moment.setdefault((both, at_ns), []).append(event)
    text, groups = _RANKS[type(events[0])], by_moment
    if len(by_series) < len(by_moment):
        text, groups = text + _OF_ONE_INSTRUMENT, by_series
    for group in groups.values():
        yield (
            text,
            {
                "venue": group[0].venue,
                "base": codes_of(group[0].instrument)[0],
                "quote_currency": codes_of(group[0].instrument)[1],
                "interval": _interval(group[0]),
                "from_ns": min(map(time_key, group)),
                "to_ns": max(map(time_key, group)),
            },
        )


def _place(event: Ranked) -> Hashable:
    return event.venue, *codes_of(event.instrument), _interval(event), time_key(event)


def _interval(event: Ranked) -> str:
    return event.interval if isinstance(event, Candle | VenueCandle) else ""
