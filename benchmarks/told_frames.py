"""Native frames at a steady rate, made beforehand by the venues' own sides.

What a frame costs to make must take nothing from the system that is measured, so a second's worth
of quotes and trades is written by each venue's `ExchangeSide` once, with gaps where ids and times
stand. Told over and over, each frame gets a new id and the time of its telling.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from market import Event, Instrument, Quote, Trade
from stream_service import wire
from stream_service.simulator.prices import World
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import ExchangeSide, Venue

TICK_S = 0.002
FRAMES = 20_000
"""Different ones; then they begin anew."""

ANY_ID = 7_777_777_777_777_777
ANY_NS = 1_777_777_777_777_000_000
IDS_A_MARKET = 10**9


class _Form(msgspec.Struct):
    """A frame with gaps, and the numbers of its market's trades; None: it is a quote."""

    venue: str
    text: bytes
    trade_ids: Iterator[int] | None


class FramePlayer:
    """Tells frames at a steady rate and remembers when each trade left, by its id.

    Args:
        served: Who tells them.
        world: What they are made of.
        first_id: Of the trades; those of a market follow one another, and no two markets share any.

    """

    def __init__(
        self, served: SimulatedVenues, venues: Sequence[Venue], world: World, *, first_id: int
    ) -> None:
        self.left: dict[int, float] = {}
        self._served = served
        self._forms = itertools.cycle(_forms(venues, world, first_id))

    @property
    def address(self) -> str:
        """Where the venues are served."""
        return self._served.address

    async def play(self, seconds: float, rate: float) -> float:
        """Tell so many events a second, two quotes to a trade; return the rate that was reached."""
        started, told = time.perf_counter(), 0
        while told < seconds * rate:
            due = min(int(seconds * rate), int((time.perf_counter() - started) * rate))
            self._tell(itertools.islice(self._forms, due - told))
            told = due
            await asyncio.sleep(TICK_S)
        return told / (time.perf_counter() - started)

    def _tell(self, forms: Iterator[_Form]) -> None:
        now_ns = time.time_ns() // wire.MS * wire.MS
        gaps = {b"ms": now_ns // wire.MS, b"time": wire.rfc3339_of_ns(now_ns).encode()}
        now = time.perf_counter()
        frames: dict[str, list[bytes]] = {}
        for form in forms:
            if form.trade_ids is not None:
                gaps[b"id"] = trade_id = next(form.trade_ids)
                self.left[trade_id] = now
            frames.setdefault(form.venue, []).append(form.text % gaps)
        for venue, told in frames.items():
            self._served.send_raw(venue, *told)


def _forms(venues: Sequence[Venue], world: World, first_id: int) -> list[_Form]:
    sides = {venue.name: _subscribed(venue, world) for venue in venues}
    ids: dict[tuple[str, Instrument], Iterator[int]] = {}
    forms: list[_Form] = []
    while len(forms) < FRAMES:
        for event in world.step(time.time_ns(), 100):
            if not isinstance(event, Quote | Trade):
                continue
            place = event.venue, event.instrument
            numbers = ids.setdefault(place, itertools.count(first_id + len(ids) * IDS_A_MARKET))
            is_trade = isinstance(event, Trade)
            text = _text(sides[event.venue], event)
            forms.append(_Form(event.venue, text, numbers if is_trade else None))
    for market in world.markets.values():
        market.forget_trades()  # nobody is told those
    return forms


def _subscribed(venue: Venue, world: World) -> ExchangeSide:
    """Return a side of the venue to which somebody subscribed everything."""
    market = world.markets[venue.name]
    side, session = venue.exchange_side(market), venue.session(market.listings)
    session.opened()
    for frame in session.outgoing():
        side.receive(frame)
    side.outgoing()
    return side


def _text(side: ExchangeSide, event: Event) -> bytes:
    changes: Mapping[str, object] = {"event_ns": ANY_NS}
    if isinstance(event, Trade):
        changes = {**changes, "trade_id": str(ANY_ID), "sequence": ANY_ID}
    side.tell(replace(event, **changes))
    (frame,) = side.outgoing()
    return (
        frame.replace(b"%", b"%%")
        .replace(b"%d" % ANY_ID, b"%(id)d")
        .replace(b"%d" % (ANY_NS // wire.MS), b"%(ms)d")
        .replace(wire.rfc3339_of_ns(ANY_NS).encode(), b"%(time)s")
    )
