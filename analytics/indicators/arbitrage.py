"""Indicators between markets, by name: spreads, premiums, and how rare each is."""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import msgspec

from analytics.indicators import history
from analytics.indicators.history import Series
from analytics.indicators.named import Beside, Indicator, NoTerms, Values
from analytics.indicators.ranges import ZScore
from analytics.indicators.spreads import premium_bps, spread_bps

OF_BPS = "In hundredths of a percent of the reference"

Told: TypeAlias = Callable[[Any], Any]
"""From a point a number, from points as many."""


class OfScore(msgspec.Struct, frozen=True, kw_only=True):
    """How many values the mean and the deviation are of."""

    period: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 60


def _indicators(
    name: str, about: str, value: Told, beside: tuple[Beside, ...]
) -> tuple[Indicator, Indicator]:
    """Return what a value is, and how rare it is."""
    tells = {f"{name}_bps": OF_BPS}
    return (
        Indicator(
            name=name,
            about=about,
            tells=tells,
            terms=NoTerms,
            begin=lambda _: None,
            update=lambda _, point: (value(point),),
            over=lambda _, points: (value(points),),
            reach=lambda _: 0,
            beside=beside,
        ),
        Indicator(
            name=f"{name}-z-score",
            about=f"How many standard deviations (of the population) the {name} is above the mean "
            f"of the last `period` {name}s; 0 where all are the same.",
            tells={"z_score": "In standard deviations", **tells},
            terms=OfScore,
            begin=lambda terms: ZScore(terms.period),
            update=lambda score, point: _scored(score, value(point)),
            over=lambda terms, points: _all_scored(terms.period, value(points)),
            reach=lambda terms: terms.period - 1,
            beside=beside,
        ),
    )


def _scored(score: ZScore, value: float) -> Values | None:
    found = score.update(value)
    return None if found is None else (found, value)


def _all_scored(period: int, values: Series) -> tuple[Series, ...]:
    return history.z_score(values, period), values


BETWEEN_MARKETS = (
    *_indicators(
        "spread",
        "How far the close is above that of the reference, in one currency.",
        lambda at: spread_bps(at.close, at.reference),
        ("reference",),
    ),
    *_indicators(
        "premium",
        "How far the close is above that of the reference in another currency, at the close of "
        "the market on which that currency is traded.",
        lambda at: premium_bps(at.close, at.reference, at.rate),
        ("reference", "rate"),
    ),
)
