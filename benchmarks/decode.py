"""From a frame to the event that may be believed: what reading costs, venue by venue.

Frames are made by the venue's own side from varied prices, a thousand of each kind. They go through
``Session.receive``, which checks what it reads. Beside it, in alternating rounds: a loop written
for that venue and kind alone, which decodes with msgspec and makes the normalised struct, and
checks nothing (``floor``), where there is such a loop.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from benchmarks.report import Figure, arguments, report
from market import Book, Event, Instrument, Quote, Trade
from stream_service.simulator.prices import World, simulated_listings
from stream_service.venue import HttpRequest, Options, Session, Venue
from stream_service.venues import load_venues

DISTINCT = 1_000
BASES = ("BTC", "ETH", "SOL", "XRP")
GOAL_OF_BARE = 0.6
MOVES_AT_MOST = 5 * DISTINCT
STREAMED = 0.9
"""Share of the frames that must give an event of the kind; else it is not streamed."""

KINDS: dict[str, type[Event]] = {"trade": Trade, "quote": Quote, "book": Book}

Read: TypeAlias = Callable[[Sequence[bytes]], None]


class BareTrade(msgspec.Struct, frozen=True, gc=False):
    """The least that a trade can be."""

    symbol: str
    trade_id: str
    side: str
    price: float
    size: float
    event_ns: int
    received_ns: int


class BareQuote(msgspec.Struct, frozen=True, gc=False):
    """The least that a quote can be."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    received_ns: int


class BinanceTrade(
    msgspec.Struct,
    rename={"symbol": "s", "number": "t", "price": "p", "size": "q", "time": "T", "sold": "m"},
):
    """``trade``."""

    symbol: str
    number: int
    price: float
    size: float
    time: int
    sold: bool


class BinanceQuote(
    msgspec.Struct, rename={"symbol": "s", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"}
):
    """``bookTicker``."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float


class BinanceTradeFrame(msgspec.Struct):
    """Of the combined stream."""

    data: BinanceTrade


class BinanceQuoteFrame(msgspec.Struct):
    """Of the combined stream."""

    data: BinanceQuote


def binance_trades(frames: Sequence[bytes]) -> None:
    """Read ``trade``."""
    decode = msgspec.json.Decoder(BinanceTradeFrame, strict=False).decode
    for frame in frames:
        row = decode(frame).data
        BareTrade(
            row.symbol,
            str(row.number),
            "sell" if row.sold else "buy",
            row.price,
            row.size,
            row.time * 1_000_000,
            time.time_ns(),
        )


def binance_quotes(frames: Sequence[bytes]) -> None:
    """Read ``bookTicker``."""
    decode = msgspec.json.Decoder(BinanceQuoteFrame, strict=False).decode
    for frame in frames:
        row = decode(frame).data
        BareQuote(row.symbol, row.bid, row.bid_size, row.ask, row.ask_size, time.time_ns())


class UpbitTrade(msgspec.Struct):
    """``trade``."""

    code: str
    sequential_id: int
    ask_bid: str
    trade_price: float
    trade_volume: float
    trade_timestamp: int


def upbit_trades(frames: Sequence[bytes]) -> None:
    """Read ``trade``."""
    decode = msgspec.json.Decoder(UpbitTrade, strict=False).decode
    for frame in frames:
        row = decode(frame)
        BareTrade(
            row.code,
            str(row.sequential_id),
            "sell" if row.ask_bid == "ASK" else "buy",
            row.trade_price,
            row.trade_volume,
            row.trade_timestamp * 1_000_000,
            time.time_ns(),
        )


class OkxTrade(msgspec.Struct):
    """A row of ``trades``."""

    instId: str  # noqa: N815  # theirs
    tradeId: str  # noqa: N815  # theirs
    side: str
    px: float
    sz: float
    ts: int


class OkxTradeFrame(msgspec.Struct):
    """``trades``."""

    data: list[OkxTrade]


def okx_trades(frames: Sequence[bytes]) -> None:
    """Read ``trades``."""
    decode = msgspec.json.Decoder(OkxTradeFrame, strict=False).decode
    for frame in frames:
        for row in decode(frame).data:
            BareTrade(
                row.instId,
                row.tradeId,
                row.side,
                row.px,
                row.sz,
                row.ts * 1_000_000,
                time.time_ns(),
            )


BARE: dict[tuple[str, str], Read] = {
    ("binance", "trade"): binance_trades,
    ("binance", "quote"): binance_quotes,
    ("upbit", "trade"): upbit_trades,
    ("okx", "trade"): okx_trades,
}


class Sample:
    """Frames of one kind from one venue, and what a new session must hear before them."""

    def __init__(self, venue: Venue, kind: str) -> None:
        self.venue = venue
        self.kind = kind
        quote_currency = venue.quote_currencies[0]
        instruments = [Instrument(base, quote_currency) for base in BASES]
        self._listings = simulated_listings(venue, instruments)
        self._world = World({venue.name: self._listings}, seed=3, start_ns=time.time_ns())
        self._market = self._world.markets[venue.name]
        self._market.websocket_url = "ws://127.0.0.1:9/"
        self._side = venue.exchange_side(self._market)
        self._before: list[bytes] = []
        self._answers: dict[HttpRequest, bytes] = {}
        self._begin()
        self.frames = self._told()

    def session(self) -> Session:
        """Return a session that reads the first of the frames next."""
        options = Options(keys=dict.fromkeys(self.venue.credentials, "simulated"))
        session = self.venue.session(self._listings, options)
        session.opened()
        for frame in self._before:
            session.receive(frame, time.time_ns())
        for request in session.requests():
            if body := self._answers.get(request):
                session.answered(request, body, time.time_ns())
        return session

    def count(self) -> int:
        """Return how many of the frames give an event of the kind."""
        session, kind = self.session(), KINDS[self.kind]
        read = [session.receive(frame, time.time_ns()) for frame in self.frames]
        return sum(any(isinstance(event, kind) for event in events) for events in read)

    def _begin(self) -> None:
        """Subscribe; note what the venue says to that, and what it answers."""
        options = Options(keys=dict.fromkeys(self.venue.credentials, "simulated"))
        session = self.venue.session(self._listings, options)
        self._side.opened()
        session.opened()
        while said := self._side.outgoing() + [b""] * session.has_outgoing:
            for frame in filter(None, said):
                self._before.append(frame)
                session.receive(frame, time.time_ns())
            for frame in session.outgoing():
                self._side.receive(frame)
        for request in session.requests():
            self._answers[request] = self.venue.answer(request.path, self._market)

    def _told(self) -> list[bytes]:
        frames: list[bytes] = []
        for _ in range(MOVES_AT_MOST):
            for event in self._world.step(time.time_ns(), 1):
                if isinstance(event, KINDS[self.kind]):
                    self._side.tell(event)
            frames += self._side.outgoing()
            if len(frames) >= DISTINCT:
                break
        return frames[:DISTINCT]


def measure(*, quick: bool) -> list[Figure]:
    """Run the rounds; return microseconds a frame, and what they are of the bare loop's."""
    rounds = 5 if quick else 25
    every = [Sample(venue, kind) for venue in load_venues().values() for kind in KINDS]
    samples = [one for one in every if one.count() > DISTINCT * STREAMED]
    ours: dict[int, list[float]] = {at: [] for at in range(len(samples))}
    bare: dict[int, list[float]] = {at: [] for at in range(len(samples))}
    for _ in range(rounds):
        for at, sample in enumerate(samples):
            ours[at].append(_timed(_reader(sample.session()), sample.frames))
            if loop := BARE.get((sample.venue.name, sample.kind)):
                bare[at].append(_timed(loop, sample.frames))
    return [
        figure
        for at, sample in enumerate(samples)
        for figure in _figures(sample, ours[at], bare[at])
    ]


def _reader(session: Session) -> Read:
    def read(frames: Sequence[bytes]) -> None:
        for frame in frames:
            session.receive(frame, time.time_ns())

    return read


def _timed(read: Read, frames: Sequence[bytes]) -> float:
    """Return the microseconds that reading takes a frame."""
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    read(frames)
    elapsed_s = time.perf_counter() - started
    gc.enable()
    return elapsed_s / len(frames) * 1e6


def _figures(sample: Sample, ours: Sequence[float], bare: Sequence[float]) -> Iterator[Figure]:
    name, value = f"{sample.venue.name}: {sample.kind}", statistics.median(ours)
    floor = statistics.median(bare) if bare else None
    yield Figure(name=name, value=value, unit="µs", floor=floor)
    if floor is not None:
        yield Figure(
            name=f"{name}, speed against the bare loop",
            value=floor / value,
            unit="times",
            goal=GOAL_OF_BARE,
            better="higher",
        )


def main() -> None:
    """Measure and report."""
    given = arguments(__doc__ or "")
    report("decode", measure(quick=given.quick), as_json=given.json)


if __name__ == "__main__":
    main()
