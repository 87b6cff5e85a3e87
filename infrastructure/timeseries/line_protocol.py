r"""Events to InfluxDB's line protocol.

One point an event: ``measurement,tags fields time``, time in nanoseconds. The type of a field never
changes: prices and sizes are floats, whole numbers carry an ``i``. See
https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ for the escapes.

InfluxDB knows a point by its tags and time: two trades of one instant would become one. So the time
of trades, quotes and episodes is shifted within their millisecond, always by the same amount for
the same event, and the true time is a field:

    time = event_ns rounded down to the millisecond + number mod 1,000,000

The number of a quote is its sequence, that of a trade its trade id, or the CRC-32 of an id that is
no number, that of an episode the CRC-32 of its route's id. Two numbers that count up cannot meet
unless a venue makes a million events of one instrument in one millisecond. Numbers without any
order meet with a probability of n² / 2,000,000 for n events of one instrument in one millisecond;
then the later one replaces the earlier.

A side of a book is two texts, the JSON of its prices and that of its sizes, best level first.

What a venue lists has one point an instrument, at the epoch, which the last terms replace.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar
from zlib import crc32

import msgspec

from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import PARTED, parts_of, table_of
from market import (
    Book,
    Candle,
    Episode,
    Gap,
    Instrument,
    Level,
    Listed,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

ROOM_NS = 1_000_000
"""The time key of a trade or quote lies in its own millisecond, at most this far from its time."""

NOT_KNOWN = -1
"""Stands for a number that is None: a point whose fields are not all there is half written.

No number that may be None is below zero, see `batch.fault_of`.
"""

NO_PARAMETERS = "-"
"""Stands for no parameters: a tag cannot be empty."""

T = TypeVar("T", int, float)

_TAG_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_TEXT_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})


def line_of(event: Stored) -> bytes:
    """Write an event as one line, without its end.

    The event has passed `batch.fault_of`: codes are neither empty nor hold line breaks.
    """
    return f"{_point(event)} {_fields(event)},{_clock(event)} {time_key(event)}".encode()


def mark_line(at_ns: int) -> bytes:
    """Write the mark that a store is tried with."""
    return b"probe at_ns=%di %d" % (at_ns, at_ns)


def time_key(event: Stored) -> int:
    """Return the time that an event is stored under."""
    match event:
        case Trade():
            return millisecond_of(event.event_ns) + number_of(event.trade_id) % ROOM_NS
        case Quote():
            return millisecond_of(event.event_ns) + event.sequence % ROOM_NS
        case Candle() | VenueCandle() | Gap():
            return event.start_ns
        case Book() | Summary() | VenueStatus() | Premium() | Signal():
            return event.event_ns
        case Episode():
            return millisecond_of(event.event_ns) + crc32(event.route_id.encode()) % ROOM_NS
        case Listed():
            return 0


def number_of(trade_id: str) -> int:
    """Return what the time of a trade is shifted by, but for the modulo."""
    if trade_id.isascii() and trade_id.isdecimal():
        return int(trade_id[-6:])  # the modulo leaves no more of it
    return crc32(trade_id.encode())


def millisecond_of(time_ns: int) -> int:
    """Return the start of the millisecond that a time or a time key lies in."""
    return time_ns - time_ns % ROOM_NS


def _point(event: Stored) -> str:
    if isinstance(event, Episode):
        return f"episode,base={_tag(event.base)},type={event.type},mode={event.mode}"
    point = f"{table_of(type(event))},{_series(event.venue, event.instrument)}"
    match event:
        case Candle() | VenueCandle():
            return f"{point},interval={_tag(event.interval)}"
        case Gap():
            return f"{point},channel={_tag(event.channel)}"
        case Premium():
            return f"{point},{_reference(event)},basis={event.basis}"
        case Signal():
            parameters = _tag(event.parameters or NO_PARAMETERS)
            strategy, interval = _tag(event.strategy), _tag(event.interval)
            return f"{point},strategy={strategy},parameters={parameters},interval={interval}"
        case _:
            return point


def _fields(event: Stored) -> str:
    match event:
        case Trade():
            fields = (
                f"trade_id={_text(event.trade_id)},side={_text(event.side)},"
                f"price={float(event.price)!r},size={float(event.size)!r},"
                f"backfilled={_flag(event.backfilled)}"
            )
        case Quote():
            fields = (
                f"bid={float(event.bid)!r},bid_size={float(event.bid_size)!r},"
                f"ask={float(event.ask)!r},ask_size={float(event.ask_size)!r}"
            )
        case Candle() | VenueCandle():
            fields = (
                f"open={float(event.open)!r},high={float(event.high)!r},"
                f"low={float(event.low)!r},close={float(event.close)!r},"
                f"volume={float(event.volume)!r},trades={_known(event.trades)}i,"
                f"closed={_flag(event.closed)}{_completeness(event)}"
            )
        case Summary():
            fields = (
                f"symbol={_text(event.symbol)},name={_text(event.name)},"
                f"last={float(event.last)!r},{_numbers(event, _OF_A_DAY)}"
            )
        case Listed():
            fields = (
                f"symbol={_text(event.symbol)},trading={_flag(event.trading)},"
                f"{_numbers(event, _OF_THE_TERMS)}"
            )
        case _:
            fields = _report_fields(event)
    return fields


def _completeness(candle: Candle | VenueCandle) -> str:
    return f",complete={_flag(candle.complete)}" if isinstance(candle, Candle) else ""


def _report_fields(event: Book | VenueStatus | Episode | Premium | Gap | Signal) -> str:
    match event:
        case VenueStatus():
            return _status_fields(event)
        case Book():
            return ",".join((*_side_fields("bids", event.bids), *_side_fields("asks", event.asks)))
        case Signal():
            return _signal_fields(event)
        case Episode():
            return _episode_fields(event)
        case Premium():
            return (
                f"premium={float(event.premium)!r},rate={float(event.rate)!r},"
                f"rate_source={_text(event.rate_source)},"
                f"rate_age_ns={event.rate_age_ns}i,age_ns={event.age_ns}i"
            )
        case Gap():
            missing = _known(event.missing)
            return f"end_ns={event.end_ns}i,reason={_text(event.reason)},missing={missing}i"


_OF_A_DAY = ("open", "high", "low", "volume", "bid", "ask")
_OF_THE_TERMS = ("tick_size", "lot_size", "minimum_notional")


_COUNTS = (
    *("instruments", "frames", "events", "refused", "reconnects"),
    *("resyncs", "backfilled", "gaps", "troubled"),
)
_CLOCKS = ("latency_ms", "clock_offset_ms", "clock_error_ms")


def _status_fields(status: VenueStatus) -> str:
    """Write a status; what is not known of its clock is left out."""
    clocks = ((name, getattr(status, name)) for name in _CLOCKS)
    return ",".join(
        (
            f"state={_text(status.state)},reason={_text(status.reason)},shard={_text(status.shard)}",
            *(f"{name}={getattr(status, name)}i" for name in _COUNTS),
            *(f"{name}={float(value)!r}" for name, value in clocks if value is not None),
        )
    )


def _episode_fields(episode: Episode) -> str:
    """Write an episode; a peak in dollars that is not known is left out."""
    fields = (
        f"route_id={_text(episode.route_id)},opened_ns={episode.opened_ns}i,"
        f"closed_ns={episode.closed_ns}i,reason={_text(episode.reason)},"
        f"peak_net_bps={float(episode.peak_net_bps)!r},peak_ns={episode.peak_ns}i,"
        f"updates={episode.updates}i"
    )
    if episode.peak_profit_usd is None:
        return fields
    return f"{fields},peak_profit_usd={float(episode.peak_profit_usd)!r}"


def _side_fields(side: str, levels: tuple[Level, ...]) -> Iterator[str]:
    """Write the columns of a side of a book as texts."""
    for name, numbers in zip(PARTED[side], parts_of(levels), strict=True):
        yield f'{name}="{msgspec.json.encode(numbers).decode()}"'


def _signal_fields(signal: Signal) -> str:
    return (
        f"start_ns={signal.start_ns}i,side={_text(signal.side)},target={float(signal.target)!r},"
        f"price={float(signal.price)!r},reason={_text(signal.reason)},"
        f"values={_text(msgspec.json.encode(signal.values).decode())},"
        f"corrected={_flag(signal.corrected)}"
    )


def _numbers(event: Summary | Listed, names: Sequence[str]) -> str:
    return ",".join(f"{name}={float(_known(getattr(event, name)))!r}" for name in names)


def _known(number: T | None) -> T | int:
    return NOT_KNOWN if number is None else number


def _clock(event: Stored) -> str:
    return f"event_ns={event.event_ns}i,received_ns={event.received_ns}i,sequence={event.sequence}i"


@lru_cache(maxsize=65_536)
def _series(venue: str, instrument: Instrument | None) -> str:
    if instrument is None:
        return f"venue={_tag(venue)}"
    return (
        f"venue={_tag(venue)},base={_tag(instrument.base)},"
        f"quote_currency={_tag(instrument.quote_currency)}"
    )


def _reference(premium: Premium) -> str:
    """Write the market that a premium is over."""
    return (
        f"reference_venue={_tag(premium.reference_venue)},"
        f"reference_base={_tag(premium.reference.base)},"
        f"reference_quote_currency={_tag(premium.reference.quote_currency)}"
    )


def _tag(value: str) -> str:
    return value.translate(_TAG_ESCAPES)


def _text(value: str) -> str:
    return f'"{value.translate(_TEXT_ESCAPES)}"'


def _flag(value: bool) -> str:  # noqa: FBT001  # the value to write
    return "true" if value else "false"
