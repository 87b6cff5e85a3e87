"""The indicators that can be asked for by name."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from analytics.indicators import history
from analytics.indicators.arbitrage import BETWEEN_MARKETS
from analytics.indicators.averages import Ema, Sma
from analytics.indicators.momentum import Macd, Rsi
from analytics.indicators.named import Indicator, NoTerms, Values
from analytics.indicators.ranges import Atr, Bollinger
from analytics.indicators.vwap import Vwap

FADED_EMA, FADED_WILDER = 20, 40
"""Periods until what a mean began with is less than the last bit: each is e to the -40."""

QUOTED = "In the quote currency"

Few: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=250)]
FewOfTwo: TypeAlias = Annotated[int, msgspec.Meta(ge=2, le=250)]
Many: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
ManyOfTwo: TypeAlias = Annotated[int, msgspec.Meta(ge=2, le=1_000)]


class OfPlainMean(msgspec.Struct, frozen=True, kw_only=True):
    """How many closes the mean is of."""

    period: Many = 20


class OfFadingMean(msgspec.Struct, frozen=True, kw_only=True):
    """How many closes the mean begins with, and how slowly it forgets."""

    period: Annotated[int, msgspec.Meta(ge=1, le=500)] = 20


class OfWilder(msgspec.Struct, frozen=True, kw_only=True):
    """As `OfFadingMean`; Wilder's forgets half as fast."""

    period: FewOfTwo = 14


class OfMacd(msgspec.Struct, frozen=True, kw_only=True):
    """Periods of both means, and of the mean of their difference."""

    fast: FewOfTwo = 12
    slow: FewOfTwo = 26
    signal: Few = 9

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be less than slow ({self.slow})")


class OfBands(msgspec.Struct, frozen=True, kw_only=True):
    """How many closes the mean is of, and how many deviations wide each half is."""

    period: ManyOfTwo = 20
    width: Annotated[float, msgspec.Meta(gt=0, le=100)] = 2.0


def _single(value: float | None) -> Values | None:
    return None if value is None else (value,)


_ALL = (
    Indicator(
        name="sma",
        about="The mean of the last `period` closes.",
        tells={"sma": QUOTED},
        terms=OfPlainMean,
        begin=lambda terms: Sma(terms.period),
        update=lambda mean, point: _single(mean.update(point.close)),
        over=lambda terms, points: (history.sma(points.close, terms.period),),
        reach=lambda terms: terms.period - 1,
    ),
    Indicator(
        name="ema",
        about="The mean of all closes, each with 1 - 2 / (`period` + 1) of the weight of the next; "
        "it begins with the plain mean of `period` closes.",
        tells={"ema": QUOTED},
        terms=OfFadingMean,
        begin=lambda terms: Ema(terms.period),
        update=lambda mean, point: _single(mean.update(point.close)),
        over=lambda terms, points: (history.ema(points.close, terms.period),),
        reach=lambda terms: FADED_EMA * terms.period,
    ),
    Indicator(
        name="rsi",
        about="Wilder's relative strength index: the share of gains in all movement of the closes, "
        "both averaged with weights that fade by 1 / `period`.",
        tells={"rsi": "From 0 to 100; 0 where nothing moved"},
        terms=OfWilder,
        begin=lambda terms: Rsi(terms.period),
        update=lambda strength, point: _single(strength.update(point.close)),
        over=lambda terms, points: (history.rsi(points.close, terms.period),),
        reach=lambda terms: FADED_WILDER * terms.period,
    ),
    Indicator(
        name="macd",
        about="Moving average convergence and divergence: the exponential mean with period `fast` "
        "less that with `slow`, and the exponential mean of that difference with `signal`.",
        tells={
            "macd": f"The difference. {QUOTED}",
            "signal": "Its mean",
            "histogram": "The difference less its mean",
        },
        terms=OfMacd,
        begin=lambda terms: Macd(terms.fast, terms.slow, terms.signal),
        update=lambda macd, point: macd.update(point.close),
        over=lambda terms, points: history.macd(points.close, terms.fast, terms.slow, terms.signal),
        reach=lambda terms: FADED_EMA * (terms.slow + terms.signal),
    ),
    Indicator(
        name="bollinger",
        about="The mean of the last `period` closes, and bounds `width` of their standard "
        "deviations (of the population) below and above it.",
        tells={"lower": f"The lower bound. {QUOTED}", "middle": "The mean", "upper": "The upper"},
        terms=OfBands,
        begin=lambda terms: Bollinger(terms.period, terms.width),
        update=lambda band, point: band.update(point.close),
        over=lambda terms, points: history.bollinger(points.close, terms.period, terms.width),
        reach=lambda terms: terms.period - 1,
    ),
    Indicator(
        name="atr",
        about="Wilder's average true range: how far prices go within a candle and from the close "
        "before it, averaged with weights that fade by 1 / `period`.",
        tells={"atr": QUOTED},
        terms=OfWilder,
        begin=lambda terms: Atr(terms.period),
        update=lambda reach, one: _single(reach.update(one.high, one.low, one.close)),
        over=lambda terms, all_: (history.atr(all_.high, all_.low, all_.close, terms.period),),
        reach=lambda terms: FADED_WILDER * terms.period,
    ),
    Indicator(
        name="vwap",
        about="What a unit cost on average since midnight (UTC): the means of high, low and close, "
        "weighted by volume.",
        tells={"vwap": QUOTED},
        terms=NoTerms,
        begin=lambda _: Vwap(),
        update=lambda mean, one: _single(
            mean.update(one.start_ns, one.high, one.low, one.close, one.volume)
        ),
        over=lambda _, all_: (
            history.vwap(all_.start_ns, all_.high, all_.low, all_.close, all_.volume),
        ),
        reach=lambda _: 1,  # a candle of the day before: so the day is known from its start
        of_a_day=True,
    ),
    *BETWEEN_MARKETS,
)

INDICATORS: Mapping[str, Indicator] = {one.name: one for one in _ALL}
"""By name."""
