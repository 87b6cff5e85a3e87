"""From a client's subscribe message to the key of a stream, or a problem that names every fault."""

from collections.abc import Iterable, Iterator

import msgspec

from api_service.indicator_line import ROWS_KEPT
from api_service.indicator_terms import Markets, Question, indicator_named, question_of
from api_service.live_protocol import IndicatorTerms, Subscribe, names
from api_service.live_words import Delivery
from api_service.names import read_assets, read_instruments, read_venue, read_venues
from api_service.problems import ProblemError, fault
from api_service.schemas import Fault
from api_service.selection import Filter, RouteTerms
from api_service.signal_board import TOLD_KEPT
from api_service.streams import StreamKey
from api_service.view import CANDLES_KEPT, EPISODES_KEPT, TRADES_KEPT, LatestView
from market.intervals import INTERVALS

RATES_HZ = (20, 10, 4, 2, 1)
"""Updates a second that a client can choose of; others are rounded down to one of them."""

AT_ONCE_HZ = 200
"""Lossless streams, unless asked otherwise: what gathers in five milliseconds is one frame."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel can be asked: ``takes`` names fields beyond channel, id and max_hz."""

    takes: frozenset[str]
    deliveries: tuple[Delivery, ...] = ("latest",)
    max_hz: int = 4
    limits: range = range(1)
    limit: int = 0


FIELDS = (
    "symbol",
    "venue",
    "asset",
    "interval",
    "filter",
    "indicator",
    "sort",
    "detail",
    "limit",
)
"""What some channels take and others do not."""

_MARKETS = frozenset({"symbol", "venue", "asset", "delivery"})

CHANNELS: dict[str, Rules] = {
    "quotes": Rules(takes=_MARKETS, deliveries=("latest", "all")),
    "summaries": Rules(takes=_MARKETS, max_hz=2),
    "books": Rules(takes=_MARKETS),
    "routes": Rules(
        takes=frozenset({"asset", "filter", "sort", "detail", "limit", "delivery"}),
        limits=range(1, 1_001),
        limit=50,
    ),
    "premiums": Rules(takes=_MARKETS, max_hz=2),
    "episodes": Rules(
        takes=frozenset({"asset", "limit", "delivery"}),
        deliveries=("all",),
        limits=range(EPISODES_KEPT + 1),
        limit=50,
    ),
    "signals": Rules(
        takes=_MARKETS | {"limit"},
        deliveries=("latest", "all"),
        limits=range(TOLD_KEPT + 1),
        limit=50,
    ),
    "candles": Rules(
        takes=_MARKETS | {"interval", "limit"},
        max_hz=2,
        limits=range(1, CANDLES_KEPT + 1),
        limit=CANDLES_KEPT,
    ),
    "indicators": Rules(
        takes=frozenset({"symbol", "venue", "interval", "indicator", "limit", "delivery"}),
        max_hz=2,
        limits=range(1, ROWS_KEPT + 1),
        limit=ROWS_KEPT,
    ),
    "trades": Rules(
        takes=_MARKETS | {"limit"},
        deliveries=("all",),
        limits=range(TRADES_KEPT + 1),
        limit=50,
    ),
    "status": Rules(takes=frozenset({"delivery"}), max_hz=1),
}


def stream_key(asked: Subscribe, view: LatestView) -> StreamKey:
    """Return what a client asks for.

    Raises:
        ProblemError: it makes no sense, or nobody knows a symbol or venue in it.

    """
    if faults := list(_faults(asked)):
        named = ", ".join(found["parameter"] for found in faults)
        raise ProblemError("invalid-parameter", f"Cannot be understood: {named}.", faults)
    rules = CHANNELS[asked.channel]
    delivery = asked.delivery or rules.deliveries[0]
    rate = _rate(asked.max_hz, rules, delivery)
    limit = rules.limit if asked.limit is None else asked.limit
    if asked.indicator is not None:
        wanted = Filter(indicator=_question(asked, asked.indicator, view), limit=limit)
        return StreamKey(asked.channel, wanted, rate, delivery)
    wanted = Filter(
        instruments=read_instruments(names(asked.symbol), view),
        venues=read_venues(names(asked.venue), view),
        assets=read_assets(names(asked.asset)),
        interval=(asked.interval or "1m") if "interval" in rules.takes else "",
        limit=limit,
        terms=_terms(asked.filter or RouteTerms(), view),
        sort=asked.sort or "best",
        detail=asked.detail or False,
    )
    return StreamKey(asked.channel, wanted, rate, delivery)


def _question(asked: Subscribe, terms: IndicatorTerms, view: LatestView) -> Question:
    [venue], [symbol] = names(asked.venue), names(asked.symbol)
    markets = Markets(
        venue=venue,
        symbol=symbol,
        reference_venue=terms.reference_venue,
        reference_symbol=terms.reference_symbol,
        rate_venue=terms.rate_venue,
    )
    kind = indicator_named(terms.name)
    return question_of(kind, terms.parameters, asked.interval or "1m", markets, view)


def _terms(asked: RouteTerms, view: LatestView) -> RouteTerms:
    buy, sell = read_venue(asked.buy, view), read_venue(asked.sell, view)
    return msgspec.structs.replace(asked, buy=buy, sell=sell)


def _rate(asked_hz: float | None, rules: Rules, delivery: Delivery) -> int:
    if asked_hz is None:
        return AT_ONCE_HZ if delivery == "all" else rules.max_hz
    return next((rate for rate in RATES_HZ if rate <= asked_hz), RATES_HZ[-1])


def _faults(asked: Subscribe) -> Iterator[Fault]:
    rules = CHANNELS.get(asked.channel)
    if rules is None:
        yield _unknown("channel", asked.channel, CHANNELS)
        return
    for field in FIELDS:
        value = getattr(asked, field)
        if value not in (None, []) and field not in rules.takes:
            yield fault(
                field, _plain(value), f"the channel {asked.channel} takes none; leave it out"
            )
    if "indicator" in rules.takes:
        yield from _faults_of_indicator(asked)
    yield from _faults_of_choice(asked, rules)


def _faults_of_choice(asked: Subscribe, rules: Rules) -> Iterator[Fault]:
    if asked.interval is not None and asked.interval not in INTERVALS:
        yield _unknown("interval", asked.interval, INTERVALS)
    if asked.limit is not None and rules.limit and asked.limit not in rules.limits:
        least, most = rules.limits[0], rules.limits[-1]
        yield fault("limit", asked.limit, f"between {least} and {most}")
    if asked.max_hz is not None and asked.max_hz < RATES_HZ[-1]:
        yield fault("max_hz", asked.max_hz, f"at least {RATES_HZ[-1]}")
    if asked.delivery is not None and asked.delivery not in rules.deliveries:
        yield _unknown("delivery", asked.delivery, rules.deliveries)


def _faults_of_indicator(asked: Subscribe) -> Iterator[Fault]:
    if asked.indicator is None:
        yield fault("indicator", None, 'an object with a name, such as {"name": "sma"}')
    for field, value in (("venue", names(asked.venue)), ("symbol", names(asked.symbol))):
        if len(value) != 1:
            yield fault(field, value, f"exactly one; subscribe once for each {field}")


def _unknown(parameter: str, value: str, known: Iterable[str]) -> Fault:
    known = list(known)
    return fault(parameter, value, f"one of {', '.join(known)}", close_to=value, known=known)


def _plain(value: object) -> object:
    return msgspec.to_builtins(value)
