"""All that is known of routes now: quotes, books, listings and statuses in, ranked routes out.

A quote or book is put by until the routes of its base currency are asked for; then the newest of
each market goes into the search, which may change those of others too. What ends a market's life
goes in at once. Books that grow too old, and venues that fall silent, change routes although no
event says so: `changed` looks at the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from analytics.latest import LatestQuotes, Trouble
from analytics.rates import Rates, bank_rate
from analytics.routes.comparison import Comparisons, Offer
from analytics.routes.costs import Costs
from analytics.routes.judging import Judging
from analytics.routes.latest_depths import Held, LatestDepths, Place
from analytics.routes.listing import NEVER_NS, RouteList
from analytics.routes.live_state import LiveState
from analytics.routes.lives import Lives
from analytics.routes.premiums import Premiums
from analytics.routes.searching import Searching
from analytics.routes.standing import Standing
from analytics.routes.terms import BoardTerms
from analytics.routes.together import together_usd
from analytics.routes.watch import PriceWatch
from market import Book, Listed, Premium, Quote, Routes, Summary, VenueStatus
from market.intervals import SECOND_NS


class RouteBoard:
    """Keeps the newest of each market and knows which base currencies' routes it changed."""

    def __init__(self, costs: Costs, terms: BoardTerms) -> None:
        self._latest = LatestQuotes(
            max_age_ns=terms.max_age_ns,
            max_silence_ns=terms.max_silence_ns,
            bank_venues=terms.bank_venues,
            bank_age_ns=terms.bank_age_ns,
        )
        rates = Rates(self._latest)
        self.lives = Lives()
        self._depths = LatestDepths(self._latest)
        self._state = LiveState(costs, rates)
        self.standing = Standing(self._state, self._depths, rates)
        self._searching = Searching(self._state, terms.kernel)
        self._watch = PriceWatch()
        judging = Judging(self._state, self._watch.volatility, terms.limits())
        self._routes = RouteList(self._state, self.lives, judging, Comparisons(rates))
        self._premiums = Premiums(rates, reference_venue=terms.reference_venue)
        self._touched: dict[str, dict[Place, None]] = {}
        self._in_trouble: set[Place] = set()
        self._changed: set[str] = set()
        self._until_ns: dict[Place, int] = {}
        self._next_end_ns = NEVER_NS
        self._silent: frozenset[tuple[str, str]] = frozenset()
        self._now_ns = 0
        self._sequence = 0

    def take(self, event: Quote | Book | Listed | Summary | VenueStatus) -> None:
        """Take in what a venue tells."""
        match event:
            case Quote() | Book():
                if self._keep(event):
                    self._touch([(event.venue, event.instrument)])
            case Listed():
                if self._state.take_terms(event):
                    self._relist((event.venue, event.instrument))
            case Summary():
                self._take_bank_rate(event)
            case VenueStatus():
                self._depths.take_status(event)
                if self._latest.take_status(event):
                    self._in_trouble |= self._spoken_of(event)

    def forget(self) -> None:
        """Let go of every quote, book and status, as some were missed; all routes have changed."""
        self._in_trouble |= self._depths.places()
        self._latest.forget()
        self._depths.forget()

    def changed(self, now_ns: int) -> set[str]:
        """Return the base currencies whose routes may differ from their last refresh.

        When the clock was set back all is forgotten: by it, what is held would be new for as long
        as that was.
        """
        if now_ns < self._now_ns - SECOND_NS:
            self.forget()
            self.lives.forget()
        self._now_ns = now_ns
        self._settle(self._ended(now_ns), now_ns)
        self._changed |= self._routes.without_rate(now_ns)
        return self._changed | self._touched.keys()

    def refresh(self, base: str, now_ns: int) -> Routes:
        """Compute every route of a base currency, best first, suspicious ones last."""
        self._settle(self._touched.pop(base, {}), now_ns)
        self._changed.discard(base)
        self._sequence = max(self._sequence + 1, now_ns)
        listed = self._routes.of(base, now_ns)
        return Routes(
            base=base,
            routes=listed.routes,
            count=listed.count,
            suspicious=listed.suspicious,
            unknown_fees=sum(1 for place in self._state.unknown_fees if place[1].base == base),
            together_usd=together_usd(self._routes.at_home(base), self._state),
            truncated=self._searching.is_truncated,
            event_ns=listed.event_ns or now_ns,
            received_ns=now_ns,
            sequence=self._sequence,
        )

    def settle(self, now_ns: int) -> None:
        """Bring all that came into the search without telling routes; `changed` says which may."""
        touched, self._touched = self._touched, {}
        self._settle([place for places in touched.values() for place in places], now_ns)
        self._changed |= touched.keys()

    @property
    def until_ns(self) -> int:
        """When the first of what is settled grows too old, or before."""
        return self._next_end_ns

    def offered(self) -> Collection[Place]:
        """Return the markets that can be used, as far as is settled."""
        return self._until_ns.keys()

    def finds(self, route_id: str) -> bool:
        """Tell whether the search knows a cycle by this name that pays."""
        return route_id in self._searching.found

    def touch_all(self) -> None:
        """Have every base currency's routes told again."""
        self._changed |= self._routes.bases()

    def premiums(self, now_ns: int) -> list[Premium]:
        """Return how much dearer each asset is on its markets than on the reference one."""
        return [
            premium
            for base in sorted(self._routes.bases())
            for premium in self._premiums.of(_with_both_sides(self._routes.offers_of(base)), now_ns)
        ]

    def _keep(self, event: Quote | Book) -> bool:
        if isinstance(event, Book):
            return self._depths.take_book(event)
        is_news = self._latest.take_quote(event)
        if is_news:
            self._depths.take_quote(event)
        return is_news

    def _touch(self, places: Iterable[Place]) -> None:
        for place in places:
            self._touched.setdefault(place[1].base, {})[place] = None

    def _ended(self, now_ns: int) -> set[Place]:
        """Return the markets that something ended for: a life, or the time that they hold for."""
        ended, self._in_trouble = self._in_trouble, set()
        self._changed |= self._routes.resting_on(ended)
        silent = self._latest.silent(now_ns)
        if silent != self._silent:
            differ = {venue for venue, _ in silent ^ self._silent}
            touched = {place for place in self._depths.places() if place[0] in differ}
            self._silent = silent
            self._changed |= self._routes.resting_on(touched)
            ended |= touched
        if now_ns > self._next_end_ns:
            ended |= {place for place, end_ns in self._until_ns.items() if end_ns < now_ns}
            self._next_end_ns = min(
                (end_ns for end_ns in self._until_ns.values() if end_ns >= now_ns), default=NEVER_NS
            )
        return ended

    def _settle(self, places: Collection[Place], now_ns: int) -> None:
        """Bring markets into the search; of many events of a market only the newest."""
        for place in places:
            self._set_depth(place, now_ns)
        if places:
            changed = self._searching.changed()
            self._changed |= self._routes.take_found(changed, self._searching.found)
        if self._state.value(now_ns):
            self._changed |= self._routes.judge_again()
        if self._watch.look(self._routes.offers(), self._state, now_ns):
            self._changed |= self._routes.suspect(self._watch.odd)

    def _set_depth(self, place: Place, now_ns: int) -> None:
        held = self._depths.of(place, now_ns)
        if place not in self._state.markets and (
            place[0] in self._latest.bank_venues or not self._searching.list_market(place)
        ):
            return
        if isinstance(held, Held):
            self._until_ns[place] = held.until_ns
            self._next_end_ns = min(self._next_end_ns, held.until_ns)
            self._state.depths[place] = held.depth
        else:
            self._until_ns.pop(place, None)
            self._state.depths.pop(place, None)
        market = self._state.markets[place]
        usable = held.depth if isinstance(held, Held) else None
        trouble = held if isinstance(held, Trouble) else None
        self._searching.set_depth(place, None if place in self._state.halted else usable)
        offer = Offer(market, usable) if usable else None
        self._changed |= self._routes.set_offer(place, offer, trouble)

    def _relist(self, place: Place) -> None:
        if place in self._state.markets:
            self._searching.list_market(place)
            self._in_trouble.add(place)

    def _take_bank_rate(self, summary: Summary) -> None:
        """Read a rate that a bank's service told without bid and ask."""
        if summary.venue in self._latest.bank_venues:
            self._latest.take_quote(bank_rate(summary))

    def _spoken_of(self, status: VenueStatus) -> set[Place]:
        if status.instrument is not None:
            place = status.venue, status.instrument
            return {place} & self._depths.places()
        return {place for place in self._depths.places() if status.speaks_of(*place)}


def _with_both_sides(offers: Iterable[Offer]) -> list[Offer]:
    return [offer for offer in offers if offer.depth.bids and offer.depth.asks]
