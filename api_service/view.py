"""The latest of everything, kept by an actor from the bus, read by endpoints and live streams."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import structlog
from msgspec import structs

from analytics.across import ACROSS
from api_service.rows import S
from api_service.signal_board import SignalBoard
from api_service.venues import VenueBoard
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Overflow
from infrastructure.measures import Measure
from market import (
    ActorStatus,
    Book,
    BusUnavailableError,
    Candle,
    Episode,
    Event,
    Gap,
    Instrument,
    Listed,
    Premium,
    Quote,
    Route,
    Routes,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.routing import kind_of

Key: TypeAlias = tuple[str, Instrument]
"""Venue and instrument."""

CandleKey: TypeAlias = tuple[str, Instrument, str]
"""Venue, instrument and interval."""

PremiumKey: TypeAlias = tuple[str, Instrument, str, Instrument, str]
"""Venue and instrument, those they are held against, and the basis."""

K = TypeVar("K")
C = TypeVar("C", Candle, VenueCandle)
E = TypeVar("E", Quote, Book, Summary, Listed, Routes, Premium)
M = TypeVar("M", Quote, Book, Summary, Listed)

Listener: TypeAlias = Callable[[Sequence[Event]], None]

log = structlog.get_logger()

TRADES_KEPT = 500
CANDLES_KEPT = 20
GAPS_KEPT = 1_000
EPISODES_KEPT = 500
ACTOR_SILENT_AFTER_NS = 8 * S
"""An actor tells its state every two seconds; one that has not for so long has no process."""

ACTOR_FORGOTTEN_AFTER_NS = 300 * S
PREMIUM_FORGOTTEN_AFTER_NS = 120 * S
ROUTES_STALE_AFTER_NS = 15 * S
ROUTES_BEHIND_AFTER_NS = 2 * S
"""Routes follow a quote within a tenth of a second; those that a quote outlived by so much are
computed by nobody.
"""


class LatestView(Actor[Event]):
    """What a client that has just arrived is shown.

    Args:
        bus: Where the events come from.
        clock: Nanoseconds since the epoch.
        max_age_s: Older quotes are stale.
        polled_age_s: The same of services that are polled, by name.

    """

    name = "api.view"
    handles = (
        Quote,
        Trade,
        Book,
        Candle,
        VenueCandle,
        Summary,
        Listed,
        Routes,
        VenueStatus,
        ActorStatus,
        Gap,
        Episode,
        Premium,
        Signal,
    )
    overflow = Overflow.DROP_OLDEST
    capacity = 200_000
    pause_s = 0.005
    """Of many messages a second several are shown as one update, which costs every client less."""

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Callable[[], int] = time.time_ns,
        max_age_s: float = 15.0,
        polled_age_s: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(bus)
        self.clock = clock
        self.started_ns = clock()
        polled = {venue: int(age_s * S) for venue, age_s in (polled_age_s or {}).items()}
        self.venues = VenueBoard(int(max_age_s * S), polled)
        self.quotes: dict[Key, Quote] = {}
        self.books: dict[Key, Book] = {}
        self.trades: dict[Key, dict[str, Trade]] = {}
        self.candles: dict[CandleKey, dict[int, Candle]] = {}
        self.venue_candles: dict[CandleKey, dict[int, VenueCandle]] = {}
        self.summaries: dict[Key, Summary] = {}
        self.listings: dict[Key, Listed] = {}
        self.routes: dict[str, Routes] = {}
        self.actors: dict[tuple[str, str], tuple[ActorStatus, int]] = {}
        self.gaps: deque[Gap] = deque(maxlen=GAPS_KEPT)
        self.episodes: dict[tuple[str, int], Episode] = {}
        self.premiums: dict[PremiumKey, Premium] = {}
        self.signals = SignalBoard()
        self.known: dict[Instrument, set[str]] = {}
        self.lag_ns = 0
        self.ours: Callable[[], Iterable[ActorStatus]] = tuple
        """How the parts of this process do; told here also when the bus tells nobody."""
        self._seen: Counter[type[Event]] = Counter()
        self._listeners: list[Listener] = []

    @property
    def seen(self) -> dict[str, int]:
        """How many events were news, by kind."""
        return {kind_of(kind): self._seen[kind] for kind in self.handles}

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from super().measures()
        now_ns = self.clock()
        stale = sum(self.why_stale(quote, now_ns) is not None for quote in self.quotes.values())
        yield Measure("quotes", len(self.quotes) - stale, ("fresh",))
        yield Measure("quotes", stale, ("stale",))
        yield Measure("view_lag_seconds", self.lag_ns / S)

    def tell(self, listener: Listener) -> None:
        """Call ``listener`` with each batch of events that were news, after taking them in."""
        self._listeners.append(listener)

    async def recover(self) -> None:
        """See `Actor.recover`; what seldom changes, such as listings, would be missing for long."""
        try:
            recent = await self.bus.recent(self.patterns)
        except BusUnavailableError as error:
            log.warning("view.begun_without_past", why=str(error))
            return
        if recent:
            await self.receive(recent)

    async def receive(self, events: Sequence[Event]) -> None:
        """Take in the events; what was known already is no news."""
        now_ns = self.clock()
        news = [event for event in events if self._take(event, now_ns)]
        self.lag_ns = max(0, now_ns - events[-1].received_ns)
        self._seen.update(map(type, news))
        for listener in self._listeners:
            listener(news)

    def why_stale(self, quote: Quote, now_ns: int) -> str | None:
        """Return why a quote must not be relied on; None: it is fresh."""
        return self.venues.why_stale(quote, now_ns)

    def why_not(self, route: Route, computed_ns: int, now_ns: int) -> tuple[str, ...]:
        """Return what keeps a route from being taken, its quotes having gone stale included."""
        if "stale" not in route.why_not and (
            now_ns - computed_ns > ROUTES_STALE_AFTER_NS
            or any(
                self.venues.why_not_live(*market, now_ns) or self._is_ahead(market, computed_ns)
                for market in _markets_of(route)
            )
        ):
            return (*route.why_not, "stale")
        return route.why_not

    def current_premiums(self, now_ns: int) -> Iterable[tuple[PremiumKey, Premium]]:
        """Return the premiums that were told not too long ago, by what they compare."""
        for key, premium in sorted(self.premiums.items()):
            if now_ns - premium.received_ns <= PREMIUM_FORGOTTEN_AFTER_NS:
                yield key, premium

    def current_actors(self, now_ns: int) -> Iterable[tuple[ActorStatus, int]]:
        """Return the last status of each actor and when it was heard, by name.

        One that fell silent without a word is told as lost, until it is heard from a new process.
        """
        ours = {(own.actor, own.process): (own, now_ns) for own in self.ours()}
        heard = [told for _, told in sorted({**self.actors, **ours}.items())]
        speaking = {s.actor for s, heard_ns in heard if now_ns - heard_ns <= ACTOR_SILENT_AFTER_NS}
        for status, heard_ns in heard:
            if now_ns - heard_ns <= ACTOR_SILENT_AFTER_NS:
                yield status, heard_ns
            elif status.actor not in speaking and now_ns - heard_ns <= ACTOR_FORGOTTEN_AFTER_NS:
                yield _lost(status), heard_ns

    def _is_ahead(self, market: Key, computed_ns: int) -> bool:
        """Tell whether a quote came so long after the routes that they should know it."""
        quote = self.quotes.get(market)
        return quote is not None and quote.received_ns - computed_ns > ROUTES_BEHIND_AFTER_NS

    def _take(self, event: Event, now_ns: int) -> bool:
        match event:  # what comes most stands first
            case Quote():
                return self._take_latest(self.quotes, event, now_ns)
            case Trade():
                return self._take_trade(event)
            case Book():
                return self._take_latest(self.books, event, now_ns)
            case Summary():
                return self._take_latest(self.summaries, event, now_ns)
            case Listed():
                return self._take_latest(self.listings, event, now_ns)
            case _:
                return self._take_of_series(event, now_ns)

    def _take_of_series(self, event: Event, now_ns: int) -> bool:
        match event:
            case Candle():
                return self._take_candle(self.candles, event)
            case VenueCandle():
                return self._take_candle(self.venue_candles, event)
            case Routes():
                return _put(self.routes, event.base, event, now_ns)
            case Premium():
                return _put(self.premiums, premium_key(event), event, now_ns)
            case _:
                return self._take_report(event, now_ns)

    def _take_latest(self, known: dict[Key, M], event: M, now_ns: int) -> bool:
        key = event.venue, event.instrument
        if key not in known:
            self._meet(key)
        return _put(known, key, event, now_ns)

    def _take_trade(self, trade: Trade) -> bool:
        key = trade.venue, trade.instrument
        kept = self.trades.get(key)
        if kept is None:
            self._meet(key)
            kept = self.trades[key] = {}
        if trade.trade_id in kept:
            return False
        kept[trade.trade_id] = trade
        if len(kept) > TRADES_KEPT:
            del kept[next(iter(kept))]
        return True

    def _take_candle(self, known: dict[CandleKey, dict[int, C]], candle: C) -> bool:
        """Keep the candle, unless a fuller one of its interval is known; tell if it was kept."""
        key = candle.venue, candle.instrument, candle.interval
        kept = known.get(key)
        if kept is None:
            if candle.venue != ACROSS:  # which is no venue, so that who names none is not given it
                self._meet(key[:2])
            kept = known[key] = {}
        before = kept.get(candle.start_ns)
        if before is not None and fullness(before) > fullness(candle):
            return False
        kept[candle.start_ns] = candle
        if len(kept) > CANDLES_KEPT:
            del kept[min(kept)]
        return True

    def _meet(self, market: Key) -> None:
        venue, instrument = market
        self.known.setdefault(instrument, set()).add(venue)

    def _take_report(self, event: Event, now_ns: int) -> bool:
        match event:
            case ActorStatus():
                self.actors[event.actor, event.process] = event, now_ns
            case VenueStatus():
                self._take_status(event, now_ns)
            case Gap() if event not in self.gaps:
                self.gaps.append(event)
            case Episode():
                return self._take_episode(event)
            case Signal():
                return self.signals.take(event)
            case _:
                return False
        return True

    def _take_episode(self, episode: Episode) -> bool:
        life = episode.route_id, episode.event_ns
        if life in self.episodes:
            return False
        self.episodes[life] = episode
        if len(self.episodes) > EPISODES_KEPT:
            del self.episodes[next(iter(self.episodes))]
        return True

    def _take_status(self, status: VenueStatus, now_ns: int) -> None:
        self.venues.hear(status, now_ns)
        if status.state != "live":
            for key in [key for key in self.books if status.speaks_of(*key)]:
                del self.books[key]


def premium_key(premium: Premium) -> PremiumKey:
    """Return what two premiums share of which the newer replaces the older."""
    return (
        premium.venue,
        premium.instrument,
        premium.reference_venue,
        premium.reference,
        premium.basis,
    )


def _markets_of(route: Route) -> Iterable[Key]:
    """Return the markets that a route trades on."""
    if not route.legs:
        yield route.buy_venue, route.buy_instrument
        yield route.sell_venue, route.sell_instrument
    for leg in route.legs:
        if leg.instrument is not None and leg.kind != "convert":
            yield leg.venue, leg.instrument


def _lost(status: ActorStatus) -> ActorStatus:
    if status.state in ("stopped", "gave_up"):
        return status
    return structs.replace(status, state="lost", reason=f"{status.process} fell silent")


def fullness(candle: Candle | VenueCandle) -> tuple[float, ...]:
    """Return what tells which of two candles of one interval is to be believed."""
    if isinstance(candle, Candle):
        return candle.closed, candle.trades
    return candle.closed, candle.received_ns


def _put(known: dict[K, E], key: K, event: E, now_ns: int) -> bool:
    """Keep the newer of two events of one key; tell whether it is ``event``.

    One from the future is no newer: it came before the clock was set back.
    """
    before = known.get(key)
    if before is not None and event.received_ns < before.received_ns <= now_ns + S:
        return False
    known[key] = event
    return True
