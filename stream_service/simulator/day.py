"""What follows from the trades of a simulated venue: minutes, and a summary of the day."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from msgspec.structs import replace

from market import Summary, Trade, VenueCandle
from market.intervals import start_of

MINUTES_KEPT = 24 * 60


class Day:
    """The last 24 hours of one instrument, by the minutes that had trades."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._minutes: deque[VenueCandle] = deque(maxlen=MINUTES_KEPT)

    def note(self, trade: Trade) -> None:
        """Count a trade into its minute; minutes that are over are left as they are."""
        start_ns = start_of(trade.event_ns, "1m")
        last = self._minutes[-1] if self._minutes else None
        if last is None or start_ns > last.start_ns:
            self._minutes.append(_opened_by(trade, start_ns))
        elif start_ns == last.start_ns:
            self._minutes[-1] = _grown(last, trade)

    @property
    def last(self) -> VenueCandle | None:
        """The minute of the last trade."""
        return self._minutes[-1] if self._minutes else None

    def candles(self) -> Sequence[VenueCandle]:
        """Return the minutes, oldest first; all but the last are closed."""
        over = [_closed(candle) for candle in islice(self._minutes, max(len(self._minutes) - 1, 0))]
        return [*over, *list(self._minutes)[-1:]]

    def summary(self) -> Summary | None:
        """Return the whole of it."""
        if not self._minutes:
            return None
        first, last = self._minutes[0], self._minutes[-1]
        return Summary(
            venue=last.venue,
            instrument=last.instrument,
            symbol=self._symbol,
            last=last.close,
            open=first.open,
            high=max(candle.high for candle in self._minutes),
            low=min(candle.low for candle in self._minutes),
            volume=sum(candle.volume for candle in self._minutes),
            event_ns=last.event_ns,
            received_ns=last.received_ns,
            sequence=last.sequence,
        )


def _opened_by(trade: Trade, start_ns: int) -> VenueCandle:
    return VenueCandle(
        venue=trade.venue,
        instrument=trade.instrument,
        interval="1m",
        start_ns=start_ns,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        close=trade.price,
        volume=trade.size,
        trades=1,
        event_ns=trade.event_ns,
        received_ns=trade.received_ns,
        sequence=trade.sequence,
    )


def _grown(candle: VenueCandle, trade: Trade) -> VenueCandle:
    return replace(
        candle,
        high=max(candle.high, trade.price),
        low=min(candle.low, trade.price),
        close=trade.price,
        volume=candle.volume + trade.size,
        trades=(candle.trades or 0) + 1,
        event_ns=trade.event_ns,
        received_ns=trade.received_ns,
        sequence=trade.sequence,
    )


def _closed(candle: VenueCandle) -> VenueCandle:
    return replace(candle, closed=True)
