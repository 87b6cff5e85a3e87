"""From what a client asks of an indicator to a question that can be answered, or a problem."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from analytics.indicators.named import Asked, Indicator
from analytics.indicators.shipped import INDICATORS
from analytics.strategies import parameters_from
from api_service.names import read_instruments, read_venue
from api_service.problems import ProblemError, fault
from api_service.rows import symbol_of
from api_service.view import Key, LatestView
from market import Instrument

_BESIDE = ("reference_venue", "reference_symbol", "rate_venue")


class Question(msgspec.Struct, frozen=True):
    """An indicator and its markets: its own, the reference, the one of the rate."""

    asked: Asked
    markets: tuple[Key, ...]

    @property
    def own(self) -> Key:
        """The market that it is of."""
        return self.markets[0]


class Markets(msgspec.Struct, frozen=True, kw_only=True):
    """The markets of a question as a client names them; None: left out."""

    venue: str
    symbol: str
    reference_venue: str | None = None
    reference_symbol: str | None = None
    rate_venue: str | None = None


def question_of(
    kind: Indicator,
    parameters: Mapping[str, object],
    interval: str,
    markets: Markets,
    view: LatestView,
) -> Question:
    """Read a question.

    Raises:
        ProblemError: it makes no sense; every fault says what would.

    """
    terms = _terms(kind, parameters)
    own = _market(markets.venue, markets.symbol, view)
    return Question(Asked(kind, terms, interval), (own, *_beside(kind, own, markets, view)))


def indicator_named(name: str) -> Indicator:
    """Return the indicator of that name.

    Raises:
        ProblemError: there is none.

    """
    if name not in INDICATORS:
        known = ", ".join(INDICATORS)
        found = fault("indicator.name", name, f"one of {known}", close_to=name, known=INDICATORS)
        raise ProblemError("invalid-parameter", f"There is no indicator {name}.", [found])
    return INDICATORS[name]


def _terms(kind: Indicator, given: Mapping[str, object]) -> msgspec.Struct:
    known = [field.name for field in msgspec.structs.fields(kind.terms)]
    if strange := [name for name in given if name not in known]:
        reason = f"{kind.name} has no such parameter; it has {', '.join(known) or 'none'}"
        raise _wrong([(name, given[name], reason) for name in strange])
    try:
        return parameters_from(kind.name, kind.terms, given)
    except ValueError as error:
        named = [name for name in given if re.search(rf"\b{name}\b", str(error))]
        raise _wrong([(name, given[name], str(error)) for name in named]) from error


def _beside(kind: Indicator, own: Key, markets: Markets, view: LatestView) -> Sequence[Key]:
    named = {name: value for name in _BESIDE if (value := getattr(markets, name)) is not None}
    unused = [name for name in named if name.partition("_")[0] not in kind.beside]
    if unused:
        reason = f"{kind.name} looks at no such market; leave it out"
        raise _wrong([(name, named[name], reason) for name in unused])
    if "reference" not in kind.beside:
        return ()
    reference = _reference(kind, own, markets, view)
    if "rate" not in kind.beside:
        return (reference,)
    currencies = Instrument(reference[1].quote_currency, own[1].quote_currency)
    return reference, _market(markets.rate_venue or own[0], symbol_of(currencies), view)


def _reference(kind: Indicator, own: Key, markets: Markets, view: LatestView) -> Key:
    """Return the market that the own one is held against; its symbol may be left out."""
    if markets.reference_venue is None:
        reason = f"{kind.name} needs the venue of the market that {own[0]} is held against"
        raise _wrong([("reference_venue", None, reason)])
    symbol = markets.reference_symbol or symbol_of(own[1])
    reference = _market(markets.reference_venue, symbol, view)
    if reference == own:
        reason = "a market other than the own one; name another venue or symbol"
        raise _wrong([("reference_venue", markets.reference_venue, reason)])
    are_same = reference[1].quote_currency == own[1].quote_currency
    if are_same == ("rate" in kind.beside):
        word = "the same currency" if are_same else "different currencies"
        other = kind.name.replace(*(("premium", "spread") if are_same else ("spread", "premium")))
        reason = f"{symbol_of(own[1])} and {symbol} are in {word}; ask for {other}"
        raise _wrong([("reference_symbol", symbol, reason)])
    return reference


def _market(venue: str, symbol: str, view: LatestView) -> Key:
    found = read_instruments([symbol], view, be_strict=False) or ()
    return read_venue(venue, view) or venue.lower(), next(iter(found))


def _wrong(faults: Sequence[tuple[str, object, str]]) -> ProblemError:
    named = ", ".join(name for name, _, _ in faults)
    found = [fault(name, value, reason) for name, value, reason in faults]
    return ProblemError("invalid-parameter", f"Cannot be understood: {named}.", found)
