"""Bitstamp as it was recorded: of 2022 byte for byte, of 2026 single frames.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``<venue>/<source>-<kind>.jsonl``; a ``.meta.tsv`` beside it gives the time of receipt and the
symbol of each line.
"""

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from market import Book, Event, Instrument, Level, Listing, Quote, Trade, VenueRefusedError
from stream_service.venue import HttpRequest, Options, Session
from stream_service.venues.bitstamp import VENUE, instrument_of

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)

NOW = 1_641_343_700_000_000_000
CHANGES = "cryptofeed-diff_order_book"
SEEDS = "cryptofeed-rest_order_book"
MARKETS = ("ethusd", "xrpeur", "adaeur", "batbtc", "galaeur")


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "bitstamp" / f"{name}.jsonl").read_bytes().splitlines()


def stamps(name: str) -> list[tuple[float, str]]:
    path = Path(FOLDER or "") / "bitstamp" / f"{name}.meta.tsv"
    return [(float(at), key) for _, at, key in map(str.split, path.read_text().splitlines()[1:])]


def guessed(symbol: str) -> Listing:
    return Listing(instrument=instrument_of(symbol), symbol=symbol)


def a_session() -> Session:
    """Open a session that knows nothing of what was subscribed to."""
    return VENUE.session([], Options(guess=guessed))


def decode(session: Session, body: bytes, hint: str = "") -> Sequence[Event]:
    request = session.recognise(body, hint)
    if request is None:
        return session.receive(body, NOW)
    return session.answered(request, body, NOW)


def decode_all(name: str, hint: str = "") -> list[Event]:
    session = a_session()
    return [event for body in lines(name) for event in decode(session, body, hint)]


def books_of(events: Sequence[Event], symbol: str) -> list[Book]:
    instrument = instrument_of(symbol)
    found = [event for event in events if isinstance(event, Book)]
    return [book for book in found if book.instrument == instrument]


def arrivals() -> list[tuple[float, str, bytes]]:
    """Return snapshots and changes in the order in which they were received."""
    found = [
        (at, symbol, body)
        for name in (SEEDS, CHANGES)
        for (at, symbol), body in zip(stamps(name), lines(name), strict=True)
    ]
    return sorted(found, key=lambda arrival: arrival[0])


def plain_books(symbol: str) -> list[tuple[int, list[Level], list[Level]]]:
    """Keep a book the plain way: the snapshot, then every later change on top of it."""
    keys = [key for _, key in stamps(SEEDS)]
    seed = json.loads(lines(SEEDS)[keys.index(symbol)])
    changes = [json.loads(body) for body in lines(CHANGES)]
    mine = [one["data"] for one in changes if one["channel"] == f"diff_order_book_{symbol}"]
    later = [one for one in mine if int(one["microtimestamp"]) > int(seed["microtimestamp"])]
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    found = []
    for one in (seed, *later):
        for side, rows in ((bids, one["bids"]), (asks, one["asks"])):
            side.update({Decimal(price): Decimal(size) for price, size in rows})
        found.append(
            (int(one["microtimestamp"]) * 1_000, plain_best(bids, -1), plain_best(asks, 1))
        )
    return found


def plain_best(side: dict[Decimal, Decimal], sign: int) -> list[Level]:
    there = sorted((sign * price, price, size) for price, size in side.items() if size)
    return [Level(float(price), float(size)) for _, price, size in there[:10]]


@pytest.mark.parametrize("symbol", MARKETS)
def test_books_of_changes_are_those_of_a_plain_reading(symbol: str) -> None:
    session = a_session()

    events = [event for _, key, body in arrivals() for event in decode(session, body, key)]

    assert {type(event) for event in events} == {Book, Quote}
    shown = books_of(events, symbol)
    assert [(book.event_ns, list(book.bids), list(book.asks)) for book in shown] == plain_books(
        symbol
    )
    assert len(shown) > 1
    assert all(book.bids[0].price < book.asks[0].price for book in shown)


def test_changes_that_came_before_their_snapshot_lead_to_the_same_book() -> None:
    session = a_session()
    for body in lines(CHANGES):
        assert decode(session, body) == []

    bodies = zip(stamps(SEEDS), lines(SEEDS), strict=True)
    events = [event for (_, key), body in bodies for event in decode(session, body, key)]

    for symbol in MARKETS:
        [book] = books_of(events, symbol)
        assert (book.event_ns, list(book.bids), list(book.asks)) == plain_books(symbol)[-1]


def test_a_lost_change_is_healed_by_the_next_snapshot_and_harms_no_other_book() -> None:
    session = a_session()
    [lost, *_] = [body for _, key, body in arrivals()[100:] if key == "ethusd"]
    kept = [(key, body) for _, key, body in arrivals() if body != lost]
    events = [event for key, body in kept for event in decode(session, body, key)]
    unharmed = [symbol for symbol in MARKETS if symbol != "ethusd"]

    _, bids, asks = plain_books("ethusd")[-1]
    [book, _] = decode(session, _body("1641343800000000", bids, asks), "ethusd")

    for symbol in unharmed:
        last = books_of(events, symbol)[-1]
        assert (last.event_ns, list(last.bids), list(last.asks)) == plain_books(symbol)[-1]
    assert isinstance(book, Book)
    assert (list(book.bids), list(book.asks)) == (bids, asks)


@pytest.mark.parametrize("name", ["cryptofeed-trade", "probe202609-trade"])
def test_trades_are_those_of_a_plain_reading(name: str) -> None:
    frames = [json.loads(body) for body in lines(name)]

    trades = [event for event in decode_all(name) if isinstance(event, Trade)]

    assert len(trades) == len(frames)
    for trade, told in zip(trades, frames, strict=True):
        row = told["data"]
        assert trade.instrument == instrument_of(told["channel"].removeprefix("live_trades_"))
        assert trade.trade_id == str(row["id"])
        assert (trade.price, trade.size) == (
            float(Decimal(row["price_str"])),
            float(Decimal(row["amount_str"])),
        )
        assert trade.side == {0: "buy", 1: "sell"}[row["type"]]
        assert trade.event_ns == int(row["microtimestamp"]) * 1_000
        assert not trade.backfilled


@pytest.mark.parametrize("name", ["probe202609-order_book", "cryptomsgparser-ws_order_book"])
def test_whole_books_give_books_and_quotes(name: str) -> None:
    [told] = [json.loads(body)["data"] for body in lines(name)]

    [book, quote] = decode_all(name)

    assert isinstance(book, Book)
    assert isinstance(quote, Quote)
    assert [list(map(str, level)) for level in _numbers(told["bids"])] == [
        [str(level.price), str(level.size)] for level in book.bids
    ]
    assert (quote.bid, quote.ask) == (float(told["bids"][0][0]), float(told["asks"][0][0]))
    assert book.event_ns == quote.event_ns == int(told["microtimestamp"]) * 1_000


@pytest.mark.parametrize("name", ["jkorf-diff_order_book_2026", "probe202609-diff_order_book"])
def test_changes_without_a_snapshot_wait(name: str) -> None:
    assert decode_all(name) == []


def test_a_snapshot_that_is_crossed_is_not_shown() -> None:
    assert decode_all("jkorf-rest_order_book", hint="ethusd") == []


@pytest.mark.parametrize(
    "name",
    [
        "cryptofeed-subscription_succeeded",
        "cryptomsgparser-ws_live_orders",
        "probe202609-heartbeat",
        "docs-request_reconnect",
    ],
)
def test_what_is_no_market_event_has_no_effect(name: str) -> None:
    assert decode_all(name) == []


@pytest.mark.parametrize("line", [0, 1])
def test_errors_end_the_connection(line: int) -> None:
    with pytest.raises(VenueRefusedError, match=r"bitstamp says: (Incorrect|Bad)"):
        decode(a_session(), lines("probe202609-error")[line])


def test_the_listing_of_2022_is_read() -> None:
    [body] = lines("cryptofeed-rest_trading_pairs_info_old")
    told = {row["url_symbol"]: row for row in json.loads(body)}
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    request = a_session().recognise(body, "")
    with pytest.raises(StopIteration) as done:
        asking.send(body)

    assert request == HttpRequest("/api/v2/markets/", about=("instruments", None))
    listings: list[Listing] = done.value.value
    assert len(listings) == len(told) == 140
    for listing in listings:
        row = told[listing.symbol]
        assert listing.instrument == Instrument(*row["name"].split("/"))
        assert listing.instrument == instrument_of(listing.symbol)
        assert listing.tick_size == float(Decimal(10) ** -row["counter_decimals"])
        assert listing.minimum_notional == float(row["minimum_order"].split()[0])


def _numbers(rows: Sequence[Sequence[str]]) -> list[tuple[float, float]]:
    return [(float(price), float(size)) for price, size in rows]


def _body(time: str, bids: Sequence[Level], asks: Sequence[Level]) -> bytes:
    rows = [[(f"{one.price:.8f}", f"{one.size:.8f}") for one in side] for side in (bids, asks)]
    return json.dumps({"microtimestamp": time, "bids": rows[0], "asks": rows[1]}).encode()
