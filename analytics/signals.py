"""From candles or quotes to signals: the same code live and in a backtest.

A `Run` is one strategy at one instrument. It knows what the strategy said last, and so whether what
it says now is a purchase, a sale or neither. It begins with nothing in the coin.
"""

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Literal

from analytics.strategies import Bar, Moment, QuoteStrategy, Strategy
from analytics.strategies.choice import Choice
from market import Instrument, Signal
from market.intervals import INTERVALS


class Run:
    """Candles or quotes in, in order of time, each once; a signal out for each answer.

    Args:
        choice: The strategy.
        venue: Where it is.
        instrument: What it is about.

    """

    def __init__(self, choice: Choice, venue: str, instrument: Instrument) -> None:
        self.choice = choice
        self.held = 0.0
        self._venue = venue
        self._instrument = instrument
        self._strategy = strategy = choice.made()
        self._on_candle = strategy.on_candle if isinstance(strategy, Strategy) else None
        self._on_quote = strategy.on_quote if isinstance(strategy, QuoteStrategy) else None

    def on_candle(self, bar: Bar, *, received_ns: int | None = None) -> Signal | None:
        """Tell the strategy of the next closed candle; None: it knows too little yet.

        Args:
            bar: The candle.
            received_ns: When it was known to us; where nobody knows, when it ended.

        Raises:
            ValueError: what the strategy says is no share of its capital.
            TypeError: it is none for candles.

        """
        if self._on_candle is None:
            raise TypeError(f"{self.choice.strategy.name} has no on_candle")
        target = self._on_candle(bar)
        if target is None:
            return None
        end_ns = bar.start_ns + INTERVALS[self.choice.interval]
        told_ns = end_ns if received_ns is None else received_ns
        return self._signal(target, bar.close, (bar.start_ns, end_ns, told_ns))

    def learn(self, bar: Bar) -> None:
        """Tell the strategy of a candle of long ago: as `on_candle`, but nothing is said of it."""
        if self._on_candle is None:
            raise TypeError(f"{self.choice.strategy.name} has no on_candle")
        target = self._on_candle(bar)
        if target is not None:
            self.held = target

    def on_quote(self, moment: Moment) -> Signal | None:
        """Tell the strategy of the next quote; None: it knows too little yet.

        Raises:
            ValueError: as `on_candle`.

        """
        if self._on_quote is None:
            raise TypeError(f"{self.choice.strategy.name} has no on_quote")
        target = self._on_quote(moment)
        if target is None:
            return None
        times = moment.at_ns, moment.at_ns, moment.at_ns
        return self._signal(target, (moment.bid + moment.ask) / 2.0, times)

    def _signal(self, target: float, price: float, times: tuple[int, int, int]) -> Signal:
        name, parameters, interval = self.choice.key
        if not 0.0 <= target <= 1.0:
            raise ValueError(
                f"{name} wants {target:g} of its capital in the coin; 0 is none of it, 1 is all"
            )
        side, self.held = _side(target, self.held), target
        reason = self._strategy.why()
        start_ns, event_ns, received_ns = times
        return Signal(
            venue=self._venue,
            instrument=self._instrument,
            strategy=name,
            parameters=parameters,
            interval=interval,
            start_ns=start_ns,
            side=side,
            target=float(target),
            price=price,
            reason=reason.text,
            values={key: float(value) for key, value in reason.values.items() if isfinite(value)},
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=event_ns,
        )


def signals_of(
    choice: Choice, venue: str, instrument: Instrument, bars: Iterable[Bar]
) -> Iterator[Signal]:
    """Yield what a new run says of each of these candles, as it would have said it live."""
    run = Run(choice, venue, instrument)
    for bar in bars:
        signal = run.on_candle(bar)
        if signal is not None:
            yield signal


def _side(target: float, held: float) -> Literal["buy", "sell", "hold"]:
    if target == held:
        return "hold"
    return "buy" if target > held else "sell"
