"""A venue's minutes in, its candles of a longer interval out: what simulated venues tell."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from market import VenueCandle
from market.intervals import start_of


def of_interval(minutes: Sequence[VenueCandle], interval: str) -> Sequence[VenueCandle]:
    """Return the candles of an interval that minutes make, oldest first as they are.

    The last one is closed no sooner than a candle follows it.

    Raises:
        LookupError: minutes make none of that interval.

    """
    if interval == "1m":
        return minutes
    if interval == "1s":
        raise LookupError("the simulator makes no candles of a second")
    longer: list[VenueCandle] = []
    for minute in minutes:
        start_ns = start_of(minute.start_ns, interval)
        if longer and longer[-1].start_ns == start_ns:
            longer[-1] = _joined(longer[-1], minute)
        else:
            longer.append(replace(minute, interval=interval, start_ns=start_ns))
    return [*_closed(longer[:-1]), *(replace(one, closed=False) for one in longer[-1:])]


def _joined(candle: VenueCandle, minute: VenueCandle) -> VenueCandle:
    return replace(
        candle,
        high=max(candle.high, minute.high),
        low=min(candle.low, minute.low),
        close=minute.close,
        volume=candle.volume + minute.volume,
        trades=(candle.trades or 0) + (minute.trades or 0),
        event_ns=minute.event_ns,
        received_ns=minute.received_ns,
        sequence=minute.sequence,
    )


def _closed(candles: Iterable[VenueCandle]) -> Iterable[VenueCandle]:
    return (replace(candle, closed=True) for candle in candles)
