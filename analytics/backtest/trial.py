"""Tries a strategy on invented prices before it is trusted with real ones."""

from collections.abc import Iterable

import numpy as np

from analytics.backtest.bars import Bars
from analytics.backtest.decisions import checked
from analytics.backtest.guard import refuse_look_ahead
from analytics.indicators.history import Series
from analytics.signals import Run
from analytics.strategies import Moment
from analytics.strategies.choice import QUOTES, Choice
from market import Instrument, Signal
from market.intervals import INTERVALS, SECOND_NS

CANDLES, AT_MOST = 500, 5_000
"""Candles that are told beside those of the warm-up, and the most there are in all."""

_ANYWHERE = "trial", Instrument("BTC", "USDT")


def try_out(choice: Choice) -> None:
    """Run a strategy over a random walk, whole and cut off at some thirty places.

    Raises:
        LookAheadError: it looks ahead, or says something else each time.
        Exception: whatever the strategy raises.

    """
    count = min(choice.made().warm_up + CANDLES, AT_MOST)
    name = choice.strategy.name
    refuse_look_ahead(lambda bars: _targets(choice, bars), _walk(count, choice.interval), name=name)


def _targets(choice: Choice, bars: Bars) -> Series:
    run = Run(choice, *_ANYWHERE)
    answers: Iterable[Signal | None]
    if choice.interval == QUOTES:
        answers = (run.on_quote(moment) for moment in _moments(bars))
    else:
        answers = (run.on_candle(bar) for bar in bars)
    targets = [np.nan if answer is None else answer.target for answer in answers]
    return checked(np.array(targets, dtype=np.float64), choice.strategy.name)


def _moments(bars: Bars) -> Iterable[Moment]:
    for bar in bars:
        yield Moment(bar.start_ns, bar.low, 1.0, bar.high, 1.0, bar.premium_bps)


def _walk(count: int, interval: str) -> Bars:
    random = np.random.default_rng(1)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.002, count)))
    opens = np.concatenate(([100.0], closes[:-1]))
    candles = "1s" if interval == QUOTES else interval
    length_ns = INTERVALS[candles]
    began_ns = 1_700_000_000 * SECOND_NS // length_ns * length_ns
    return Bars(
        interval=candles,
        start_ns=began_ns + np.arange(count, dtype=np.int64) * length_ns,
        open=opens,
        high=np.maximum(opens, closes) * 1.0005,
        low=np.minimum(opens, closes) * 0.9995,
        close=closes,
        volume=random.exponential(1.0, count),
        premium_bps=100.0 * np.sin(np.arange(count) / 40.0) + random.normal(0.0, 10.0, count),
    )
