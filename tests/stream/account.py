"""What exchanges told held against what was published of it, trade by trade.

Every fault comes at random. Trades that a venue leaves out while its connection stays open show
only where they are numbered one by one, or once the silence is as long as ``Venue.max_silence_s``:
so a silence here lasts longer than that.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import TypeAlias

import msgspec

from market import Book, Event, Gap, Instrument, Quote, Trade, VenueStatus
from stream_service.simulator.faults import FAULTS
from stream_service.simulator.prices import World
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Venue

MAX_SILENCE_S = 2.5
LONGEST_FAULT_S = 6.0

Stream: TypeAlias = tuple[str, Instrument]


class Row(msgspec.Struct, kw_only=True):
    """How one venue did; ``differences`` are sentences, none where all is well."""

    venue: str
    told: int = 0
    published: int = 0
    backfilled: int = 0
    in_gaps: int = 0
    gaps: int = 0
    refused: int = 0
    reconnects: int = 0
    differences: list[str] = msgspec.field(default_factory=list)


class NotedWorld(World):
    """Lets an account know of every trade."""

    account: Account

    def step(self, now_ns: int, count: int) -> Iterator[Event]:
        for event in super().step(now_ns, count):
            if isinstance(event, Trade):
                self.account.tell(event)
            yield event


class Account:
    """Keeps the books: ``begin`` once everything flows, ``end`` while it still does.

    Trades that are told before and after count for nothing, but they show that venues are live.
    """

    def __init__(self) -> None:
        self.statuses: dict[str, VenueStatus] = {}
        self.troubled: set[Stream] = set()
        self._told: defaultdict[Stream, dict[str, Trade]] = defaultdict(dict)
        self._required: defaultdict[Stream, dict[str, Trade]] = defaultdict(dict)
        self._published: defaultdict[Stream, Counter[str]] = defaultdict(Counter)
        self._gaps: defaultdict[Stream, list[Gap]] = defaultdict(list)
        self._backfilled: Counter[str] = Counter()
        self._faults: defaultdict[str, list[str]] = defaultdict(list)
        self._is_required = False

    def tell(self, trade: Trade) -> None:
        """Note a trade that an exchange is about to tell."""
        stream = trade.venue, trade.instrument
        self._told[stream][trade.trade_id] = trade
        if self._is_required:
            self._required[stream][trade.trade_id] = trade

    def hear(self, event: Event) -> None:
        """Note what was published."""
        match event:
            case Trade():
                self._hear_trade(event)
            case Gap():
                self._gaps[event.venue, event.instrument].append(event)
            case VenueStatus():
                self._hear_status(event)
            case Quote() if event.bid > event.ask:
                self._faults[event.venue].append(f"crossed: {event}")
            case Book() if event.bids and event.asks and event.bids[0].price > event.asks[0].price:
                self._faults[event.venue].append(f"crossed: {event}")

    def flows(self, streams: Iterable[Stream]) -> bool:
        """Tell whether a trade of each of these came."""
        return all(self._published[stream] for stream in streams)

    def begin(self) -> None:
        """From now on every trade must be published, or be within a gap."""
        self._is_required = True

    def end(self) -> None:
        """Trades that are told from now on are not asked about."""
        self._is_required = False

    def rows(self) -> list[Row]:
        """Return how each venue did."""
        rows = {venue: Row(venue=venue) for venue in sorted({venue for venue, _ in self._told})}
        for (venue, instrument), required in list(self._required.items()):
            row = rows[venue]
            published, gaps = self._published[venue, instrument], self._gaps[venue, instrument]
            row.told += len(required)
            row.published += sum(name in published for name in required)
            row.gaps += len(gaps)
            missing = [one for name, one in required.items() if name not in published]
            unexplained = [one for one in missing if not any(_covers(gap, one) for gap in gaps)]
            row.in_gaps += len(missing) - len(unexplained)
            row.differences += [f"{instrument}: missing {one}" for one in unexplained]
            twice = [name for name, count in published.items() if count > 1]
            row.differences += [f"{instrument}: {name} was published twice" for name in twice]
        for venue, row in rows.items():
            self._conclude(venue, row)
        return list(rows.values())

    def _conclude(self, venue: str, row: Row) -> None:
        row.backfilled = self._backfilled[venue]
        row.differences += self._faults[venue]
        row.differences += [f"{one}: in trouble" for name, one in self.troubled if name == venue]
        status = self.statuses.get(venue)
        if status is None or status.state != "live":
            row.differences.append(f"not live: {status}")
        else:
            row.refused, row.reconnects = status.refused, status.reconnects

    def _hear_trade(self, trade: Trade) -> None:
        stream = trade.venue, trade.instrument
        self._published[stream][trade.trade_id] += 1
        self._backfilled[trade.venue] += trade.backfilled
        told = self._told[stream].get(trade.trade_id)
        if told is None:
            self._faults[trade.venue].append(f"nobody told {trade}")
        elif (told.price, told.size, told.side) != (trade.price, trade.size, trade.side):
            self._faults[trade.venue].append(f"{trade} where {told} was told")

    def _hear_status(self, status: VenueStatus) -> None:
        if status.instrument is None:
            self.statuses[status.venue] = status
            if status.state != "live":
                self.troubled = {one for one in self.troubled if one[0] != status.venue}
        elif status.state == "live":
            self.troubled.discard((status.venue, status.instrument))
        else:
            self.troubled.add((status.venue, status.instrument))


async def trouble(served: SimulatedVenues, *, every_s: float, seed: int) -> None:
    """Cause faults at random venues until cancelled, one every ``every_s`` seconds on average."""
    random = Random(seed)  # noqa: S311  # no secrets
    names = sorted(served.markets)
    while True:
        await asyncio.sleep(random.expovariate(1 / every_s))
        name, fault = random.choice(names), random.choice(FAULTS)
        shortest_s = 2 * MAX_SILENCE_S if fault == "silence" else 1.0
        await served.cause(name, fault, random.uniform(shortest_s, LONGEST_FAULT_S))


def impatient(venue: Venue) -> Venue:
    """Return ``venue`` with a silence that is noticed while the faults last."""
    return msgspec.structs.replace(venue, max_silence_s=MAX_SILENCE_S)


def _covers(gap: Gap, trade: Trade) -> bool:
    return gap.channel == "trade" and gap.start_ns <= trade.event_ns <= gap.end_ns
