"""What the store holds while dashboards of it are tested: two venues, thirty live trades at one."""

from msgspec.structs import replace

from infrastructure.timeseries.port import Stored
from market import Candle, Gap, Quote, Summary, Trade, VenueStatus
from tests.docker.grafana import START_NS
from tests.making import (
    MINUTE,
    SECOND,
    a_candle,
    a_gap,
    a_quote,
    a_status,
    a_summary,
    a_trade,
)


def everything() -> list[Stored]:
    """Return events of each kind that comes from venues, within two minutes."""
    return [*trades(), *quotes(), *candles(), *gaps(), *summaries(), *statuses()]


def trades() -> list[Trade]:
    live = [a_trade("kraken", number=n, at_ns=START_NS + n * SECOND // 4) for n in range(30)]
    late = a_trade("kraken", number=99, at_ns=START_NS + 61 * SECOND, backfilled=True)
    return [*(replace(one, received_ns=one.event_ns + SECOND // 25) for one in live), late]


def gaps() -> list[Gap]:
    end_ns = START_NS + MINUTE
    return [
        replace(a_gap("binance", start_ns=START_NS, end_ns=end_ns), missing=7),
        replace(
            a_gap("kraken", "ETH-USDT", start_ns=START_NS + MINUTE // 2, end_ns=end_ns),
            channel="book",
        ),
    ]


def statuses() -> list[VenueStatus]:
    first = replace(a_status(at_ns=START_NS), resyncs=2, clock_offset_ms=-10.0, clock_error_ms=4.0)
    last = replace(
        a_status(at_ns=START_NS + MINUTE), resyncs=5, troubled=2, clock_offset_ms=-12.5, refused=4
    )
    return [first, replace(last, clock_error_ms=4.0)]


def summaries() -> list[Summary]:
    return [
        a_summary("binance", last=101.0, at_ns=START_NS),
        a_summary("binance", last=102.0, at_ns=START_NS + MINUTE),
        replace(a_summary("upbit", "BTC-KRW", last=139_000.0, at_ns=START_NS), open=None),
    ]


def quotes() -> list[Quote]:
    return [
        a_quote(venue, bid=99.0, ask=101.0, at_ns=START_NS + SECOND)
        for venue in ("binance", "kraken")
    ]


def candles() -> list[Candle]:
    return [
        a_candle(venue, start_ns=START_NS + n * MINUTE, close=105.0 + n)
        for venue in ("binance", "kraken")
        for n in range(2)
    ]
