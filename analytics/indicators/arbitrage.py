"""Indicators between markets, by name: spreads, premiums, and how rare each is."""

from typing import Annotated

import msgspec

from analytics.indicators import history
from analytics.indicators.history import Series
from analytics.indicators.named import Indicator, NoTerms, Point, Points, Values
from analytics.indicators.ranges import ZScore
from analytics.indicators.spreads import BPS, premium_bps, spread_bps

OF_BPS = "In hundredths of a percent of the reference"


class OfScore(msgspec.Struct, frozen=True, kw_only=True):
    """How many values the mean and the deviation are of."""

    period: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 60


def _spread(point: Point) -> float:
    return spread_bps(point.close, point.reference)


def _spreads(points: Points) -> Series:
    return (points.close / points.reference - 1.0) * BPS


def _premium(point: Point) -> float:
    return premium_bps(point.close, point.reference, point.rate)


def _premiums(points: Points) -> Series:
    return (points.close / (points.reference * points.rate) - 1.0) * BPS


def _scored(score: ZScore, value: float) -> Values | None:
    found = score.update(value)
    return None if found is None else (found, value)


def _all_scored(period: int, values: Series) -> tuple[Series, ...]:
    return history.z_score(values, period), values


BETWEEN_MARKETS = (
    Indicator(
        name="spread",
        about="How far the close is above that of the reference, in one currency.",
        tells={"spread_bps": OF_BPS},
        terms=NoTerms,
        begin=lambda _: None,
        update=lambda _, point: (_spread(point),),
        over=lambda _, points: (_spreads(points),),
        reach=lambda _: 0,
        beside=("reference",),
    ),
    Indicator(
        name="spread-z-score",
        about="How many standard deviations (of the population) the spread is above the mean of "
        "the last `period` spreads; 0 where all are the same.",
        tells={"z_score": "In standard deviations", "spread_bps": OF_BPS},
        terms=OfScore,
        begin=lambda terms: ZScore(terms.period),
        update=lambda score, point: _scored(score, _spread(point)),
        over=lambda terms, points: _all_scored(terms.period, _spreads(points)),
        reach=lambda terms: terms.period - 1,
        beside=("reference",),
    ),
    Indicator(
        name="premium",
        about="How far the close is above that of the reference in another currency, at the close "
        "of the market on which that currency is traded.",
        tells={"premium_bps": OF_BPS},
        terms=NoTerms,
        begin=lambda _: None,
        update=lambda _, point: (_premium(point),),
        over=lambda _, points: (_premiums(points),),
        reach=lambda _: 0,
        beside=("reference", "rate"),
    ),
    Indicator(
        name="premium-z-score",
        about="How many standard deviations (of the population) the premium is above the mean of "
        "the last `period` premiums; 0 where all are the same.",
        tells={"z_score": "In standard deviations", "premium_bps": OF_BPS},
        terms=OfScore,
        begin=lambda terms: ZScore(terms.period),
        update=lambda score, point: _scored(score, _premium(point)),
        over=lambda terms, points: _all_scored(terms.period, _premiums(points)),
        reach=lambda terms: terms.period - 1,
        beside=("reference", "rate"),
    ),
)
