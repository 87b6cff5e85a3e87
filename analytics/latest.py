"""The latest quote of each venue and instrument: quotes and statuses in, usable quotes out.

A quote is usable while all of this holds:

* its prices are positive and finite, the bid is below the ask, no size is negative;
* it is at most ``max_age_ns`` old by our clock;
* its venue is live and said so within ``max_silence_ns``;
* its instrument is not in trouble at that venue;
* it was received after the last time that either of them was anything but live.

What a bank's service tells every few minutes or hours (``bank_venues``) is a rate and no offer: its
bid may be its ask, it may be ``bank_age_ns`` old, and it holds while the service is away.

Newer replaces older by the time of receipt, then by sequence, so the order in which quotes and
statuses come in does not matter. But what was received far before what is held tells of a clock
that was set back where it was received: then the newcomer counts. What is from the future by more
than ``max_age_ns`` counts for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import inf
from typing import Literal, TypeAlias

import msgspec

from market import Instrument, Quote, VenueStatus
from market.events import VenueState
from market.intervals import SECOND_NS
from market.spread import is_in_shard

_NEVER = -1

SET_BACK_NS = 60 * SECOND_NS
"""A newcomer that was received so long and ``max_age_ns`` earlier is no late one."""


Why: TypeAlias = (
    Literal["unheard", "silent", "future", "stale", "gap", "closed_market"] | VenueState
)
"""Why nothing of a market can be used: its venue was never heard of or fell silent, what is held is
of the future, too old, or from before it was last in trouble; its venue has halted it; or the state
that it is in.
"""


class Trouble(msgspec.Struct, frozen=True):
    """Why a market cannot be used, and since when."""

    why: Why
    since_ns: int


class LatestQuotes:
    """Holds one quote a venue and instrument. ``version`` rises with every change."""

    def __init__(
        self,
        *,
        max_age_ns: int,
        max_silence_ns: int = 5 * SECOND_NS,
        bank_venues: Collection[str] = (),
        bank_age_ns: int = 86_400 * SECOND_NS,
    ) -> None:
        if max_age_ns <= 0:
            raise ValueError(f"the age limit of quotes must be above 0 ns, not {max_age_ns}")
        self.max_age_ns = max_age_ns
        self.max_silence_ns = max_silence_ns
        self.bank_venues = frozenset(bank_venues)
        self.bank_age_ns = bank_age_ns
        self.version = 0
        self._quotes: dict[str, dict[str, dict[str, Quote]]] = {}
        self._venues: dict[str, dict[str, _Life]] = {}
        """By venue and shard."""
        self._instruments: dict[tuple[str, Instrument], _Life] = {}

    def take_quote(self, quote: Quote) -> bool:
        """Keep the quote; False where one as new is held."""
        instrument, venue = quote.instrument, quote.venue
        markets = self._quotes.setdefault(instrument.base, {})
        held = markets.setdefault(instrument.quote_currency, {})
        last = held.get(venue)
        if last is not None and not self._is_newer(quote, last):
            return False
        held[venue] = quote
        self.version += 1
        return True

    def take_status(self, status: VenueStatus) -> bool:
        """Keep how a venue or an instrument there does; False where that ends or begins nothing."""
        if status.instrument is None:
            shards = self._venues.setdefault(status.venue, {})
            before = shards.get(status.shard, _Life())
            after = shards[status.shard] = self._after(before, status)
        else:
            key = status.venue, status.instrument
            before = self._instruments.get(key, _Life(live=True))
            after = self._instruments[key] = self._after(before, status)
        self.version += 1
        return after.live != before.live or (after.live and after.ended_ns > before.ended_ns)

    def forget(self) -> None:
        """Let go of every quote and status."""
        self.version += 1
        self._quotes.clear()
        self._venues.clear()
        self._instruments.clear()

    def bases(self) -> set[str]:
        """Return every base currency that has had a quote."""
        return set(self._quotes)

    def of_base(self, base: str, now_ns: int) -> list[Quote]:
        """Return the usable quotes of a base currency, in whatever it is quoted."""
        markets = self._quotes.get(base, {})
        return [quote for currency in markets for quote in self.of_market(base, currency, now_ns)]

    def of_market(self, base: str, quote_currency: str, now_ns: int) -> Iterator[Quote]:
        """Yield the usable quotes of one instrument, a venue each."""
        for quote in self._quotes.get(base, {}).get(quote_currency, {}).values():
            if self._is_usable(quote, now_ns):
                yield quote

    def age_limit_ns(self, venue: str) -> int:
        """Return how old what a venue tells may be."""
        return self.bank_age_ns if venue in self.bank_venues else self.max_age_ns

    def trouble(
        self, venue: str, instrument: Instrument, received_ns: int, now_ns: int
    ) -> Trouble | None:
        """Return why what was received of a market then cannot be used now; None: it can."""
        if received_ns > now_ns + self.max_age_ns:
            return Trouble("future", received_ns)
        limit_ns = self.age_limit_ns(venue)
        if now_ns - received_ns > limit_ns:
            return Trouble("stale", received_ns + limit_ns)
        if venue in self.bank_venues:  # what a bank said holds while nobody asks it
            return None
        life = self._life_of(venue, instrument)
        return self._trouble_of_venue(life, received_ns, now_ns) or self._trouble_of_instrument(
            venue, instrument, received_ns, now_ns
        )

    def silent(self, now_ns: int) -> frozenset[tuple[str, str]]:
        """Return the venues, and shards of them, that were live when last heard of, long ago."""
        heard_after_ns = now_ns - self.max_silence_ns
        return frozenset(
            (venue, shard)
            for venue, shards in self._venues.items()
            for shard, life in shards.items()
            if life.live and life.heard_ns < heard_after_ns
        )

    def _is_newer(self, quote: Quote, last: Quote) -> bool:
        if quote.received_ns == last.received_ns:
            return quote.sequence > last.sequence
        later_ns = quote.received_ns - last.received_ns
        return later_ns > 0 or later_ns < -SET_BACK_NS - self.max_age_ns

    def _after(self, life: _Life, status: VenueStatus) -> _Life:
        was_set_back = status.received_ns < life.heard_ns - SET_BACK_NS - self.max_age_ns
        return (_Life() if was_set_back else life).then(status)

    def _life_of(self, venue: str, instrument: Instrument) -> _Life | None:
        """Return what speaks for an instrument; where several do, what was heard of last."""
        shards = self._venues.get(venue)
        if shards is None:
            return None
        if (whole := shards.get("")) is not None and len(shards) == 1:
            return whole
        lives = [life for shard, life in shards.items() if is_in_shard(instrument, shard)]
        return max(lives, key=_heard_ns, default=None)

    def _trouble_of_venue(
        self, life: _Life | None, received_ns: int, now_ns: int
    ) -> Trouble | None:
        if life is None:
            return Trouble("unheard", received_ns)
        if not life.live:
            return Trouble(life.state, life.ended_ns)
        if now_ns - life.heard_ns > self.max_silence_ns:
            return Trouble("silent", life.heard_ns + self.max_silence_ns)
        if life.heard_ns > now_ns + self.max_age_ns:
            return Trouble("future", received_ns)
        return Trouble("gap", life.ended_ns) if received_ns <= life.ended_ns else None

    def _trouble_of_instrument(
        self, venue: str, instrument: Instrument, received_ns: int, now_ns: int
    ) -> Trouble | None:
        life = self._instruments.get((venue, instrument))
        of_venue = self._life_of(venue, instrument)
        if life is None or (of_venue is not None and life.heard_ns <= of_venue.ended_ns):
            return None  # trouble ends with its connection
        if not life.live:
            return Trouble(life.state, life.ended_ns)
        if received_ns > life.ended_ns or life.ended_ns > now_ns + self.max_age_ns:
            return None
        return Trouble("gap", life.ended_ns)

    def _is_usable(self, quote: Quote, now_ns: int) -> bool:
        if not (0.0 < quote.bid <= quote.ask < inf and quote.bid_size >= 0 and quote.ask_size >= 0):
            return False
        if quote.bid == quote.ask and quote.venue not in self.bank_venues:
            return False
        return self.trouble(quote.venue, quote.instrument, quote.received_ns, now_ns) is None


class _Life(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something was live when last ``heard`` of, and when it was last not."""

    live: bool = False
    state: VenueState = "live"
    heard_ns: int = _NEVER
    sequence: int = _NEVER
    ended_ns: int = _NEVER

    def then(self, status: VenueStatus) -> _Life:
        """Return the life that goes on with ``status``, which may come late."""
        live = status.state == "live"
        is_news = (status.received_ns, status.sequence) > (self.heard_ns, self.sequence)
        return _Life(
            live=live if is_news else self.live,
            state=status.state if is_news else self.state,
            heard_ns=status.received_ns if is_news else self.heard_ns,
            sequence=status.sequence if is_news else self.sequence,
            ended_ns=self.ended_ns if live else max(self.ended_ns, status.received_ns),
        )


def _heard_ns(life: _Life) -> int:
    return life.heard_ns
