"""Channels of which the latest is told: the states of their keys, out of the view, and their rows.

A key is told again when its state is another one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import ClassVar, Generic, TypeAlias, TypeVar

from api_service.route_rows import PREMIUM_STALE_AFTER_NS, premium_row, route_row
from api_service.rows import (
    actor_row,
    book_row,
    candle_row,
    decimal,
    gap_row,
    quote_row,
    summary_row,
    symbol_of,
)
from api_service.schemas import StatusSubject
from api_service.selection import Filter, FoundRoute, count_suspicious, find_routes
from api_service.signal_rows import signal_row
from api_service.view import LatestView
from market import (
    ActorStatus,
    Book,
    Candle,
    Event,
    Gap,
    Instrument,
    Premium,
    Quote,
    Routes,
    Signal,
    Summary,
    VenueStatus,
)

State = TypeVar("State")


class LatestChannel(ABC, Generic[State]):
    """States by key; a client that is slow misses what lies between."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[type[Event], ...]]
    max_hz: ClassVar[int] = 4

    def __init__(self, view: LatestView) -> None:
        self.view = view

    @abstractmethod
    def current(self, wanted: Filter, now_ns: int) -> dict[str, State]:
        """Return the state of each key that is wanted."""

    @abstractmethod
    def row(self, state: State, now_ns: int) -> object:
        """Return the public form of a state."""

    def about(self, _wanted: Filter) -> Mapping[str, object]:
        """Return what is said of the rows as a whole."""
        return {}

    def opens_with(self, _state: State) -> bool:
        """Tell whether a snapshot holds it."""
        return True

    def forgets(self, _state: State) -> bool:
        """Tell whether it is told as gone once it is no longer there."""
        return True


QuoteState: TypeAlias = tuple[Quote, str | None]
"""A quote, and why it is stale."""


class QuotesChannel(LatestChannel[QuoteState]):
    """The best bid and ask of each venue and instrument; venue statuses make them stale."""

    name = "quotes"
    kinds = (Quote, VenueStatus)

    def current(self, wanted: Filter, now_ns: int) -> dict[str, QuoteState]:
        """See `LatestChannel.current`."""
        why_stale = self.view.why_stale
        return {
            market_key(*key): (quote, why_stale(quote, now_ns))
            for key, quote in wanted.of(self.view.quotes)
        }

    def row(self, state: QuoteState, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        quote, reason = state
        return quote_row(quote, stale_reason=reason, now_ns=now_ns, number=decimal)


SummaryState: TypeAlias = tuple[Summary, str | None]
"""A summary, and why it is stale."""


class SummariesChannel(LatestChannel[SummaryState]):
    """The last 24 hours of each instrument; venue statuses make them stale."""

    name = "summaries"
    kinds = (Summary, VenueStatus)
    max_hz = 2

    def current(self, wanted: Filter, now_ns: int) -> dict[str, SummaryState]:
        """See `LatestChannel.current`."""
        why_troubled = self.view.venues.why_troubled
        return {
            market_key(*key): (summary, why_troubled(*key, now_ns))
            for key, summary in wanted.of(self.view.summaries)
        }

    def row(self, state: SummaryState, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        summary, reason = state
        return summary_row(summary, stale_reason=reason, now_ns=now_ns, number=decimal)


class BooksChannel(LatestChannel[Book]):
    """The best levels; gone while a book is rebuilt."""

    name = "books"
    kinds = (Book, VenueStatus)

    def current(self, wanted: Filter, now_ns: int) -> dict[str, Book]:
        """See `LatestChannel.current`."""
        del now_ns
        return {market_key(*key): book for key, book in wanted.of(self.view.books)}

    def row(self, state: Book, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        del now_ns
        return book_row(state, decimal)


RouteState: TypeAlias = tuple[FoundRoute, bool]
"""A route, and whether it is told with all its parts."""


class RoutesChannel(LatestChannel[RouteState]):
    """The best routes; how many are hidden as suspicious is said beside them."""

    name = "routes"
    kinds = (Routes, VenueStatus)

    def current(self, wanted: Filter, now_ns: int) -> dict[str, RouteState]:
        """See `LatestChannel.current`."""
        return {
            found.route.id: (found, wanted.detail)
            for found in find_routes(self.view, wanted, now_ns)
        }

    def row(self, state: RouteState, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        found, detail = state
        return route_row(found, now_ns=now_ns, number=decimal, detail=detail)

    def about(self, wanted: Filter) -> Mapping[str, object]:
        """See `LatestChannel.about`."""
        hidden = 0 if wanted.terms.suspicious else count_suspicious(self.view, wanted)
        return {"suspicious": hidden}


PremiumState: TypeAlias = tuple[Premium, bool]
"""A premium, and whether it was not told again for too long."""


class PremiumsChannel(LatestChannel[PremiumState]):
    """How much dearer assets are at one venue than at another."""

    name = "premiums"
    kinds = (Premium,)
    max_hz = 2

    def current(self, wanted: Filter, now_ns: int) -> dict[str, PremiumState]:
        """See `LatestChannel.current`."""
        return {
            f"{market_key(venue, instrument)}>{market_key(other, reference)}:{basis}": (
                premium,
                now_ns - premium.received_ns > PREMIUM_STALE_AFTER_NS,
            )
            for (venue, instrument, other, reference, basis), premium in self.view.current_premiums(
                now_ns
            )
            if wanted.covers((venue, instrument))
        }

    def row(self, state: PremiumState, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        return premium_row(state[0], now_ns=now_ns, number=decimal)


class SignalsChannel(LatestChannel[Signal]):
    """The last thing that each strategy said of each market, also that nothing changes."""

    name = "signals"
    kinds = (Signal,)

    def current(self, wanted: Filter, now_ns: int) -> dict[str, Signal]:
        """See `LatestChannel.current`."""
        del now_ns
        return {
            f"{market_key(one.venue, one.instrument)}:{one.strategy} {one.parameters}"
            f"@{one.interval}": one
            for one in self.view.signals.latest()
            if wanted.covers((one.venue, one.instrument))
        }

    def row(self, state: Signal, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        del now_ns
        return signal_row(state, decimal)


class CandlesChannel(LatestChannel[Candle]):
    """The open candle as it grows; each closed one is told, however many close at once."""

    name = "candles"
    kinds = (Candle,)
    max_hz = 2

    def current(self, wanted: Filter, now_ns: int) -> dict[str, Candle]:
        """See `LatestChannel.current`."""
        del now_ns
        return {
            f"{market_key(venue, instrument)}:{interval}:{start_ns}": kept[start_ns]
            for (venue, instrument, interval), kept in self.view.candles.items()
            if interval == wanted.interval and wanted.covers((venue, instrument))
            for start_ns in sorted(kept)[-wanted.limit :]
        }

    def row(self, state: Candle, now_ns: int) -> object:
        """See `LatestChannel.row`."""
        del now_ns
        return candle_row(state, decimal)

    def forgets(self, _state: Candle) -> bool:
        """See `LatestChannel.forgets`; an old candle stays true."""
        return False


VenueCondition: TypeAlias = tuple[VenueStatus, bool, tuple[VenueStatus, ...]]
"""As `VenueBoard.state` returns it."""

Subject: TypeAlias = VenueCondition | ActorStatus | Gap


class StatusChannel(LatestChannel[Subject]):
    """Venues, our parts, and each gap when it is found."""

    name = "status"
    kinds = (VenueStatus, ActorStatus, Gap)
    max_hz = 1

    def current(self, wanted: Filter, now_ns: int) -> dict[str, Subject]:
        """See `LatestChannel.current`."""
        del wanted
        view = self.view
        states: dict[str, Subject] = {
            f"venue:{name}": view.venues.state(name, now_ns) for name in view.venues.names
        }
        for status, _ in sorted(view.current_actors(now_ns), key=itemgetter(1)):
            states[f"actor:{status.actor}"] = status
        for gap in view.gaps:
            states[f"gap:{market_key(gap.venue, gap.instrument)}:{gap.sequence}"] = gap
        return states

    def row(self, state: Subject, now_ns: int) -> StatusSubject:
        """See `LatestChannel.row`."""
        match state:
            case Gap():
                return {"subject": "gap", "gap": gap_row(state)}
            case ActorStatus():
                row = actor_row(state, heard_ns=state.received_ns, now_ns=now_ns)
                return {"subject": f"actor:{state.actor}", "actor": row}
            case _:
                venue = state[0].venue
                row_of_venue = self.view.venues.row(venue, now_ns)
                return {"subject": f"venue:{venue}", "venue": row_of_venue}

    def opens_with(self, state: Subject) -> bool:
        """See `LatestChannel.opens_with`; old gaps are at ``/v1/gaps``."""
        return not isinstance(state, Gap)

    def forgets(self, state: Subject) -> bool:
        """See `LatestChannel.forgets`."""
        return not isinstance(state, Gap)


@lru_cache(maxsize=10_000)
def market_key(venue: str, instrument: Instrument) -> str:
    """Return the name of an instrument at a venue, as ``gone`` has it."""
    return f"{venue}:{symbol_of(instrument)}"
