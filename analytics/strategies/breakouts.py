"""Strategies that follow what leaves its range."""

from typing import Annotated, ClassVar

import msgspec

from analytics.indicators import Band, Bollinger
from analytics.strategies.strategy import Bar, Reason


class Width(msgspec.Struct, frozen=True, kw_only=True):
    """Candles that the band is made of, and its half width in standard deviations."""

    period: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 20
    width: Annotated[float, msgspec.Meta(gt=0, le=10)] = 2.0


class BollingerBreakout:
    """In once a close is above the upper bound of its band, until one is below the middle."""

    name: ClassVar[str] = "bollinger-breakout"
    Parameters: ClassVar[type[msgspec.Struct]] = Width

    def __init__(self, parameters: Width, /) -> None:
        self.warm_up = parameters.period
        self._bollinger = Bollinger(parameters.period, parameters.width)
        self._band: Band | None = None
        self._close = 0.0
        self._target = 0.0

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        self._close = close = bar.close
        self._band = band = self._bollinger.update(close)
        if band is None:
            return None
        if close > band.upper:
            self._target = 1.0
        elif close < band.middle:
            self._target = 0.0
        return self._target

    def why(self) -> Reason:
        """See `Strategy.why`."""
        if self._band is None:
            return Reason("the band has too few candles yet", {})
        lower, middle, upper = self._band
        values = {"close": self._close, "lower": lower, "middle": middle, "upper": upper}
        if self._close > upper:
            return Reason("the close is above the band", values)
        if self._close < middle:
            return Reason("the close is below the middle of the band", values)
        return Reason("the close is within the band, and what was said before holds", values)
