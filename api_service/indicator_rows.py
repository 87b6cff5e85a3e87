"""What is told of indicators, and what the rows of it look like."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import inspect
from pydantic import Field
from typing_extensions import TypedDict

from analytics.indicators.named import Indicator
from analytics.indicators.runs import Told
from analytics.strategies.bounds import bounds_of
from api_service.indicator_terms import Question
from api_service.rows import NumberFormat, rfc3339, symbol_of
from api_service.schemas import Meta, Number, Symbol, Venue
from api_service.view import Key

Parameters = Annotated[dict[str, float], Field(description="All of them, by name")]


class IndicatorRow(TypedDict):
    """What an indicator is at the close of a candle."""

    start: Annotated[str, Field(description="Start of the candle, RFC 3339 UTC")]
    closed: Annotated[bool, Field(description="False while trades of the candle still come in")]
    settled: Annotated[
        bool, Field(description="False: it may depend on candles before the first that is known")
    ]
    values: Annotated[
        dict[str, Number | None], Field(description="By name; null: too few candles come before")
    ]


class MarketRow(TypedDict):
    """A market that an indicator looks at."""

    venue: Venue
    symbol: Symbol


class IndicatorOf(TypedDict):
    """Which indicator, of what."""

    name: Annotated[str, Field(description="Its name")]
    parameters: Parameters
    interval: Annotated[str, Field(description="Length of a candle")]
    market: Annotated[MarketRow, Field(description="The one that it is of")]
    reference: Annotated[MarketRow | None, Field(description="The one that it is held against")]
    rate: Annotated[MarketRow | None, Field(description="The one between their currencies")]


class IndicatorMeta(Meta):
    """What an answer with values says about itself."""

    indicator: Annotated[IndicatorOf, Field(description="What the values are of")]


class IndicatorAnswer(TypedDict):
    """Values, where to go on, and what they are of."""

    data: Annotated[list[IndicatorRow], Field(description="Rows")]
    next: Annotated[str | None, Field(description="Path of the page of older rows; null: none")]
    meta: IndicatorMeta


class IndicatorParameterRow(TypedDict):
    """A parameter of an indicator."""

    name: Annotated[str, Field(description="Its name")]
    type: Annotated[Literal["integer", "number"], Field(description="What it is read as")]
    default: Annotated[float, Field(description="What it is unless another one is given")]
    least: Annotated[float | None, Field(description="The least it may be; null: see `bounds`")]
    most: Annotated[float | None, Field(description="The most it may be")]
    bounds: Annotated[str, Field(description="The same in words, such as whole, from 1 to 500")]


class IndicatorKindRow(TypedDict):
    """An indicator that can be asked for."""

    name: Annotated[str, Field(description="Its name")]
    definition: Annotated[str, Field(description="What it is")]
    values: Annotated[dict[str, str], Field(description="What it tells, and what each value is")]
    parameters: Annotated[list[IndicatorParameterRow], Field(description="What can be chosen")]
    beside: Annotated[
        list[str], Field(description="Markets that it looks at beside its own: reference, rate")
    ]


def kind_row(kind: Indicator) -> IndicatorKindRow:
    """Return the public form of an indicator that there is."""
    return {
        "name": kind.name,
        "definition": kind.about,
        "values": dict(kind.tells),
        "parameters": list(_parameters(kind)),
        "beside": list(kind.beside),
    }


def indicator_row(
    question: Question, told: Told, number: NumberFormat, *, closed: bool
) -> IndicatorRow:
    """Return the public form of what is told of a candle."""
    names = question.asked.kind.tells
    values = told.values
    return {
        "start": rfc3339(told.start_ns),
        "closed": closed,
        "settled": told.settled,
        "values": dict.fromkeys(names)
        if values is None
        else {name: number(value) for name, value in zip(names, values, strict=True)},
    }


def of_row(question: Question) -> IndicatorOf:
    """Return the public form of a question."""
    asked, markets = question.asked, [*map(_market_row, question.markets), None, None]
    return {
        "name": asked.kind.name,
        "parameters": asked.given,
        "interval": asked.interval,
        "market": _market_row(question.own),
        "reference": markets[1],
        "rate": markets[2],
    }


def _market_row(market: Key) -> MarketRow:
    return {"venue": market[0], "symbol": symbol_of(market[1])}


def _parameters(kind: Indicator) -> Iterator[IndicatorParameterRow]:
    terms = inspect.type_info(kind.terms)
    for field in terms.fields if isinstance(terms, inspect.StructType) else ():
        if isinstance(field.type, inspect.IntType | inspect.FloatType):
            yield {
                "name": field.name,
                "type": "integer" if isinstance(field.type, inspect.IntType) else "number",
                "default": field.default,
                "least": field.type.ge,
                "most": field.type.le,
                "bounds": bounds_of(kind.terms, field.name),
            }
