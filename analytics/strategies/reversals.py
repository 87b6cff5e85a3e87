"""Strategies that bet on a way back: in after a fall, out once it is made up for."""

from typing import Annotated, ClassVar, TypeAlias

import msgspec

from analytics.indicators import Rsi, ZScore
from analytics.strategies.strategy import Bar, Moment, Reason

Period: TypeAlias = Annotated[int, msgspec.Meta(ge=2, le=10_000)]
Percent: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=100)]
Deviations: TypeAlias = Annotated[float, msgspec.Meta(ge=-10, le=10)]

FADED = 8
"""Wilder's means forget what they began with after so many periods, nearly."""


class Strength(msgspec.Struct, frozen=True, kw_only=True):
    """Period of the index, and the values of it at which to go in and out."""

    period: Period = 14
    oversold: Percent = 30.0
    overbought: Percent = 70.0

    def __post_init__(self) -> None:
        if self.oversold >= self.overbought:
            raise ValueError(
                f"oversold ({self.oversold:g}) must be less than overbought ({self.overbought:g})"
            )


class RsiReversal:
    """In once the relative strength is at or below ``oversold``, until it is ``overbought``."""

    name: ClassVar[str] = "rsi-reversal"
    Parameters: ClassVar[type[msgspec.Struct]] = Strength

    def __init__(self, parameters: Strength, /) -> None:
        self.warm_up = parameters.period * FADED
        self._terms = parameters
        self._rsi = Rsi(parameters.period)
        self._value: float | None = None
        self._target = 0.0

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        self._value = value = self._rsi.update(bar.close)
        if value is None:
            return None
        if value <= self._terms.oversold:
            self._target = 1.0
        elif value >= self._terms.overbought:
            self._target = 0.0
        return self._target

    def why(self) -> Reason:
        """See `Strategy.why`."""
        if self._value is None:
            return Reason("the index has too few candles yet", {})
        if self._value <= self._terms.oversold:
            text = "so much fell that it is oversold"
        elif self._value >= self._terms.overbought:
            text = "so much rose that it is overbought"
        else:
            text = "the index is between its bounds, and what was said before holds"
        return Reason(text, {"rsi": self._value})


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Candles that the premium is held against, and the deviations at which to go in and out."""

    period: Period = 240
    enter: Deviations = -2.0
    leave: Deviations = 0.0

    def __post_init__(self) -> None:
        if self.enter >= self.leave:
            raise ValueError(f"enter ({self.enter:g}) must be less than leave ({self.leave:g})")


class PremiumReversion:
    """In while the premium over the reference venue is unusually low, until it is usual again.

    A candle, or a quote, whose premium nobody knows changes nothing.
    """

    name: ClassVar[str] = "premium-reversion"
    reads_premium: ClassVar[bool] = True
    Parameters: ClassVar[type[msgspec.Struct]] = Scores

    def __init__(self, parameters: Scores, /) -> None:
        self.warm_up = parameters.period
        self._terms = parameters
        self._scores = ZScore(parameters.period)
        self._premium = self._score = self._told = float("nan")
        self._target: float | None = None

    def on_candle(self, bar: Bar, /) -> float | None:
        """See `Strategy.on_candle`."""
        return self._decide(bar.premium_bps)

    def on_quote(self, moment: Moment, /) -> float | None:
        """See `QuoteStrategy.on_quote`; a premium that was told already says nothing more."""
        if moment.premium_bps == self._told:
            return self._target
        self._told = moment.premium_bps
        return self._decide(moment.premium_bps)

    def why(self) -> Reason:
        """See `Strategy.why`."""
        if self._target is None:
            return Reason("too few premiums are known yet", {})
        values = {"premium_bps": self._premium, "z_score": self._score}
        if self._score <= self._terms.enter:
            return Reason("the premium is unusually low", values)
        if self._score >= self._terms.leave:
            return Reason("the premium is usual or above", values)
        return Reason("the premium is on its way, and what was said before holds", values)

    def _decide(self, premium: float) -> float | None:
        if premium != premium:  # noqa: PLR0124  # NaN is the one number that differs from itself
            return self._target
        score = self._scores.update(premium)
        if score is None:
            return None
        self._premium, self._score = premium, score
        if score <= self._terms.enter:
            self._target = 1.0
        elif score >= self._terms.leave or self._target is None:
            self._target = 0.0
        return self._target
