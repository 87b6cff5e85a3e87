"""The volume-weighted average price of a day."""

from market.intervals import start_of


class Vwap:
    """What a unit cost on average since midnight (UTC): typical prices weighted by volume.

    The typical price of a candle is the mean of high, low and close. None: nothing was traded yet.
    """

    warm_up = 1

    __slots__ = ("_day_ns", "_turnover", "_volume")

    def __init__(self) -> None:
        self._day_ns = -1
        self._turnover = 0.0
        self._volume = 0.0

    def update(
        self, start_ns: int, high: float, low: float, close: float, volume: float
    ) -> float | None:
        """Take the next candle, by its start; return the average as it is now."""
        day_ns = start_of(start_ns, "1d")
        if day_ns != self._day_ns:
            self._day_ns, self._turnover, self._volume = day_ns, 0.0, 0.0
        self._turnover += (high + low + close) / 3.0 * volume
        self._volume += volume
        return self._turnover / self._volume if self._volume else None
