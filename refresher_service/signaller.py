"""From closed candles and quotes to signals: what strategies say, as it would be said of the past.

The store is what is true, the bus says when to look. A market's strategies begin with the past
that the store has (`KnownPast`), so a process that starts goes on where another one ended: what
that one said is in the store, what it did not come to say is said now.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from math import inf, nan

import structlog

from analytics.across import ACROSS
from analytics.premiums_known import PremiumsKnown
from analytics.quote_runs import QuoteRuns
from analytics.signal_runs import SignalRuns, key_of
from analytics.strategies.choice import QUOTES, Choice
from infrastructure.actor import Actor, patterns_of
from infrastructure.bus.port import Bus, Lead, Overflow
from infrastructure.measures import Measure
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Event, Instrument, Premium, Quote, Signal
from market.intervals import INTERVALS
from refresher_service.known_past import KnownPast, Market

PAST, MORE = 10_000, 4
"""Candles of the past that are told at first, and how many times as many where they do not do."""

PAST_MOST = 1_000_000
PAST_QUOTES = 5_000

LOOK_EVERY_S = 30.0
"""How often the store is asked for candles that were missed, of each market."""

CATCH_UP_NS = INTERVALS["1d"]
"""What was to be said in this time and was not is said after a start."""

log = structlog.get_logger()


class Signaller(Actor[Candle | Quote | Premium]):
    """Publishes what strategies say of each closed candle, and what changes of each quote.

    Where a candle comes late or is corrected, new strategies are told of that market's past as it
    is known then, and what they say otherwise of it is published again, marked. Of several replicas
    one leads; the others do nothing.

    Args:
        bus: Where candles, quotes and premiums come from and signals go to.
        store: Where the past is read.
        choices: The strategies, each for every market.

    """

    name = "refresher.signals"
    handles = (Candle, Quote, Premium)
    overflow = Overflow.DROP_OLDEST
    pause_s = 0.02

    def __init__(self, bus: Bus, store: TimeSeries, choices: Sequence[Choice]) -> None:
        super().__init__(bus)
        self.failed: dict[str, str] = {}
        self._choices: dict[str, list[Choice]] = {}
        for choice in choices:
            self._choices.setdefault(choice.interval, []).append(choice)
        self._past = KnownPast(store)
        self._candles: dict[Market, SignalRuns] = {}
        self._quotes: dict[Market, QuoteRuns] = {}
        self._premiums: dict[tuple[str, Instrument], PremiumsKnown] = {}
        self._looked: dict[Market, float] = {}
        self._lead: Lead | None = None

    @property
    def patterns(self) -> list[str]:
        """See `Actor.patterns`; only what the strategies are told of."""
        kinds: list[type[Event]] = []
        if set(self._choices) - {QUOTES}:
            kinds.append(Candle)
        if QUOTES in self._choices:
            kinds.append(Quote)
        if any(choice.reads_premium for chosen in self._choices.values() for choice in chosen):
            kinds.append(Premium)
        return patterns_of(kinds)

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from super().measures()
        yield Measure("lead_held", self._leads, (self.name,))

    @property
    def remark(self) -> str:
        """Which strategies failed, and why; they say no more."""
        return "; ".join(f"{choice} failed: {why}" for choice, why in self.failed.items())

    async def run(self) -> None:
        """See `Actor.run`."""
        async with self.bus.lead(self.name) as self._lead:
            await super().run()

    async def recover(self) -> None:
        """See `Actor.recover`; every market begins with its past."""
        self._forget()

    async def receive(self, events: Sequence[Candle | Quote | Premium]) -> None:
        """Take in the whole batch; what is said of it is published market by market."""
        if not self._leads:
            self._forget()  # whoever leads next begins with what the store has then
            return
        candles: dict[Market, list[Candle]] = {}
        for event in events:
            match event:
                case Candle() if self._is_heard(event):
                    market = Market(event.venue, event.instrument, event.interval)
                    closed = candles.setdefault(market, [])
                    if event.closed:
                        closed.append(event)
                case Premium():
                    self._premiums_of(event.venue, event.instrument).take(event)
                case Quote() if QUOTES in self._choices:
                    await self._take_quote(event)
                case _:
                    pass
        for market, closed in candles.items():
            await self._take_candles(market, closed)

    @property
    def _leads(self) -> bool:
        return self._lead is not None and self._lead.is_held

    def _is_heard(self, candle: Candle) -> bool:
        """Across venues there is no market to trade on, and the past changes with each rate."""
        return candle.interval in self._choices and candle.venue != ACROSS

    def _forget(self) -> None:
        self._candles.clear()
        self._quotes.clear()

    async def _take_candles(self, market: Market, closed: Sequence[Candle]) -> None:
        runs = self._candles.get(market)
        if runs is None:
            runs = await self._begin(market)
        for candle in sorted(closed, key=lambda one: (one.start_ns, one.trades)):
            if runs.is_told(candle):
                continue
            for one in (*await self._missed(market, runs, candle), candle):
                if runs.last_ns is not None and one.start_ns <= runs.last_ns:
                    await self._begin(market, closed, since_ns=one.start_ns)
                    return
                await self._publish(runs.take(one))

    async def _publish(self, said: Sequence[Signal]) -> None:
        if said:
            await self.bus.publish(said)

    async def _missed(self, market: Market, runs: SignalRuns, candle: Candle) -> Sequence[Candle]:
        """Return candles before this one that the store has and nobody told us of.

        Where there was no trade there is no candle, so the store is asked once in a while only.
        """
        runs.note_hole(candle.start_ns)
        hole_ns, now = runs.hole_ns, time.monotonic()
        if hole_ns is None or now - self._looked.get(market, -inf) < LOOK_EVERY_S:
            return ()
        found = await self._past.candles(
            market, limit=PAST, start_ns=hole_ns, end_ns=candle.start_ns
        )
        self._looked[market], runs.hole_ns = now, None
        return [one for one in found if not runs.is_told(one)]

    async def _begin(
        self, market: Market, closed: Sequence[Candle] = (), *, since_ns: int | None = None
    ) -> SignalRuns:
        """Have new strategies, told of the past; publish what was never said of it so.

        Args:
            market: Whose strategies.
            closed: Candles that the store may not have yet.
            since_ns: The first candle that changed; None: nothing was told of the market yet.

        """
        before, limit = self._candles.get(market), PAST
        while True:
            known = await self._all_known(market, before, closed, limit)
            is_all = len(known) < limit or limit >= PAST_MOST
            since = _caught_up_from(known, is_all=is_all) if since_ns is None else since_ns
            stored = await self._past.signals(market, start_ns=since) if known else ()
            said = {key_of(one): one for one in stored} | (before.said if before else {})
            runs = await self._runs_of(market, known)
            news = runs.begin(known, said, since, is_all=is_all)
            if is_all or runs.agrees(said.values(), since):
                break
            limit *= MORE
        self._candles[market] = runs
        await self._publish(news)
        await asyncio.sleep(0)  # between two markets others have their turn
        return runs

    async def _all_known(
        self, market: Market, before: SignalRuns | None, closed: Sequence[Candle], limit: int
    ) -> list[Candle]:
        """Return the candles of the store, of the memory and those that came, oldest first."""
        known = {one.start_ns: one for one in await self._past.candles(market, limit=limit)}
        for candle in (*(before.recent.values() if before else ()), *closed):
            stored = known.get(candle.start_ns)
            if stored is None or stored.trades <= candle.trades:
                known[candle.start_ns] = candle
        return [known[start_ns] for start_ns in sorted(known)]

    async def _runs_of(self, market: Market, known: Sequence[Candle]) -> SignalRuns:
        """Return new runs, with the premiums that were known of the past."""
        choices = self._choices[market.interval]
        reads_premium = any(choice.reads_premium for choice in choices)
        if reads_premium and known:
            await self._learn_premiums(market, known[0].start_ns, known[-1].start_ns)
        return SignalRuns(
            choices,
            market.venue,
            market.instrument,
            premium=partial(self._premium, market) if reads_premium else _none_known,
            failed=self._note_failed,
        )

    async def _learn_premiums(self, market: Market, start_ns: int, end_ns: int) -> None:
        """Have the premiums of the past before those that were heard."""
        known = await self._past.premiums(
            market, start_ns=start_ns, end_ns=end_ns + INTERVALS["1d"]
        )
        known.follow(self._premiums_of(market.venue, market.instrument))
        self._premiums[market.venue, market.instrument] = known

    async def _take_quote(self, quote: Quote) -> None:
        market = Market(quote.venue, quote.instrument, QUOTES)
        runs = self._quotes.get(market)
        if runs is None:
            runs = self._quotes[market] = await self._begun_with_quotes(market, quote.event_ns)
        await self._publish(runs.take(quote, self._premium(market, quote.event_ns)))

    async def _begun_with_quotes(self, market: Market, end_ns: int) -> QuoteRuns:
        runs = QuoteRuns(self._choices[QUOTES], market.venue, market.instrument, self._note_failed)
        past = await self._past.quotes(market, limit=PAST_QUOTES, end_ns=end_ns)
        if past:
            await self._learn_premiums(market, past[0].event_ns, end_ns)
        for one in past:
            runs.take(one, self._premium(market, one.event_ns))
        return runs

    def _premium(self, market: Market, at_ns: int) -> float:
        return self._premiums_of(market.venue, market.instrument).before(at_ns)

    def _premiums_of(self, venue: str, instrument: Instrument) -> PremiumsKnown:
        return self._premiums.setdefault((venue, instrument), PremiumsKnown())

    def _note_failed(self, choice: Choice, error: Exception) -> None:
        if str(choice) not in self.failed:
            log.error("signals.strategy_failed", strategy=str(choice), why=repr(error))
        self.failed[str(choice)] = repr(error)


def _none_known(_: int) -> float:
    return nan


def _caught_up_from(known: Sequence[Candle], *, is_all: bool) -> int:
    """Return the start of the first candle of which may be said what was not said.

    Where there are more candles than are known, strategies are to learn from half of them first.
    """
    if not known:
        return 0
    since_ns = known[-1].start_ns - CATCH_UP_NS
    return since_ns if is_all else max(since_ns, known[len(known) // 2].start_ns)
