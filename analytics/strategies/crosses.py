"""Strategies that follow a trend: in the coin while a fast line is above a slow one."""

from collections import deque
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from analytics.indicators import Ema, Macd
from analytics.strategies.strategy import Bar, Reason

Period: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000)]

ABOVE = 1.0 + 1e-9
"""A mean that is above another by less than a billionth is not: rounding is no crossing."""

FADED = 8
"""Exponential means forget what they began with after so many periods."""


class Periods(msgspec.Struct, frozen=True, kw_only=True):
    """How many candles each mean is taken of."""

    fast: Period = 50
    slow: Period = 200

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")


class SmaCross:
    """In while the plain mean of the last few closes is above that of more of them.

    Both means are read off one window: to the last bit what two `analytics.indicators.Sma` tell, at
    four fifths of the time.
    """

    name: ClassVar[str] = "sma-cross"
    Parameters: ClassVar[type[msgspec.Struct]] = Periods

    def __init__(self, parameters: Periods, /) -> None:
        self.warm_up = self._missing = self._slow = parameters.slow
        self._fast = parameters.fast
        self._first_of_fast = -parameters.fast
        self._closes = deque([0.0] * parameters.slow, parameters.slow)
        self._fast_sum = self._slow_sum = 0.0

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        close = bar.close
        closes = self._closes
        self._fast_sum = fast = self._fast_sum + (close - closes[self._first_of_fast])
        self._slow_sum = slow = self._slow_sum + (close - closes[0])
        closes.append(close)
        if self._missing:
            self._missing -= 1
            if self._missing:
                return None
        return 1.0 if fast / self._fast > slow / self._slow * ABOVE else 0.0

    def why(self) -> Reason:
        """See `Strategy.why`."""
        if self._missing:
            return _too_few()
        return _which_is_above(self._fast_sum / self._fast, self._slow_sum / self._slow)


class EmaPeriods(Periods, frozen=True, kw_only=True):
    """How many candles each mean is taken of, in the main."""

    fast: Period = 12
    slow: Period = 26


class EmaCross:
    """In while the fast exponential mean of closes is above the slow one."""

    name: ClassVar[str] = "ema-cross"
    Parameters: ClassVar[type[msgspec.Struct]] = EmaPeriods

    def __init__(self, parameters: EmaPeriods, /) -> None:
        self.warm_up = parameters.slow * FADED
        self._fast, self._slow = Ema(parameters.fast), Ema(parameters.slow)
        self._fast_value: float | None = None
        self._slow_value: float | None = None

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        close = bar.close
        self._fast_value = fast = self._fast.update(close)
        self._slow_value = slow = self._slow.update(close)
        if fast is None or slow is None:
            return None
        return 1.0 if fast > slow * ABOVE else 0.0

    def why(self) -> Reason:
        """See `Strategy.why`."""
        fast, slow = self._fast_value, self._slow_value
        if fast is None or slow is None:
            return _too_few()
        return _which_is_above(fast, slow)


class MacdPeriods(EmaPeriods, frozen=True, kw_only=True):
    """Those of the two means, and of the mean of their difference."""

    signal: Period = 9


class MacdCross:
    """In while the difference of two exponential means is above its own mean."""

    name: ClassVar[str] = "macd"
    Parameters: ClassVar[type[msgspec.Struct]] = MacdPeriods

    def __init__(self, parameters: MacdPeriods, /) -> None:
        self.warm_up = parameters.slow * FADED + parameters.signal
        self._macd = Macd(parameters.fast, parameters.slow, parameters.signal)
        self._value: tuple[float, float, float] | None = None

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        self._value = value = self._macd.update(bar.close)
        if value is None:
            return None
        return 1.0 if value.histogram > 0.0 else 0.0

    def why(self) -> Reason:
        """See `Strategy.why`."""
        if self._value is None:
            return Reason("the means have too few candles yet", {})
        macd, signal, histogram = self._value
        side = "above" if histogram > 0.0 else "not above"
        values = {"macd": macd, "signal": signal, "histogram": histogram}
        return Reason(f"the difference of the means is {side} its own mean", values)


def _too_few() -> Reason:
    return Reason("the slow mean has too few candles yet", {})


def _which_is_above(fast: float, slow: float) -> Reason:
    side = "above" if fast > slow * ABOVE else "not above"
    return Reason(f"the fast mean is {side} the slow one", {"fast": fast, "slow": slow})
