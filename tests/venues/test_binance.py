"""Binance: what is said to it, and how its books are put together."""

import msgspec
import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Instrument,
    Level,
    Quote,
    SettingsError,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venues.binance import VENUE, BinanceSession
from stream_service.wire import MS
from tests.making import a_book, a_listing, a_quote
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire

ETH = "ETH-USDT"
TRADE = {"s": "ETHUSDT", "t": 1, "p": "2.5", "q": "1", "T": AT // MS, "m": True}


def a_session(*, seed: int | None = None) -> BinanceSession:
    """Open a session of one instrument; with ``seed`` its book starts there."""
    session = BinanceSession([a_listing(ETH, "ETHUSDT")])
    session.opened()
    if seed is not None:
        answer_depth(session, seed)
    return session


def answer_depth(
    session: BinanceSession, last: int, *, bid: str = "99", ask: str = "100", levels: int = 1
) -> list[Event]:
    [request] = [one for one in session.requests() if one.about and one.about[0] == "depth"]
    body = {
        "lastUpdateId": last,
        "bids": [[str(float(bid) - step), "1"] for step in range(levels)],
        "asks": [[str(float(ask) + step), "1"] for step in range(levels)],
    }
    return list(session.answered(request, msgspec.json.encode(body), NOW))


def change(
    session: BinanceSession,
    first: int,
    last: int,
    *,
    bids: list[tuple[str, str]] | None = None,
    asks: list[tuple[str, str]] | None = None,
) -> list[Event]:
    fields = {
        "s": "ETHUSDT",
        "E": AT // MS,
        "U": first,
        "u": last,
        "b": bids or [],
        "a": asks or [],
    }
    return receive(session, "ethusdt@depth@100ms", fields)


def receive(session: BinanceSession, stream: str, fields: dict[str, object]) -> list[Event]:
    frame = msgspec.json.encode({"stream": stream, "data": fields})
    return list(session.receive(frame, NOW))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_subscriptions_fit_into_five_frames_a_second() -> None:
    session = BinanceSession([a_listing(f"C{n}-USDT", f"C{n}USDT") for n in range(341)])

    session.opened()

    requests = [msgspec.json.decode(frame) for frame in session.outgoing()]
    streams = [stream for request in requests for stream in request["params"]]
    assert len(requests) <= 5
    assert len(set(streams)) == 3 * 341
    assert len({request["id"] for request in requests}) == len(requests)


def test_more_instruments_than_a_connection_carries_are_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="name at most 341"):
        BinanceSession([a_listing(f"C{n}-USDT", f"C{n}USDT") for n in range(342)])


def test_a_book_is_shown_once_its_snapshot_is_there() -> None:
    session = a_session()

    waiting = change(session, 5, 6, bids=[("98", "2")])
    shown = answer_depth(session, 5)

    assert waiting == []
    [book] = shown
    assert isinstance(book, Book)
    assert book.sequence == 6
    assert book.bids == (Level(99.0, 1.0), Level(98.0, 2.0))


def test_a_snapshot_older_than_the_changes_that_wait_is_asked_for_again() -> None:
    session = a_session()
    change(session, 12, 13)

    assert answer_depth(session, 10) == []
    assert kinds(answer_depth(session, 11)) == [Book]


def test_a_snapshot_that_is_newer_than_the_first_changes_passes_over_them() -> None:
    session = a_session()
    change(session, 5, 6, bids=[("99", "7")])
    change(session, 7, 9, bids=[("98", "7")])

    [book] = answer_depth(session, 8)

    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0), Level(98.0, 7.0))


def test_a_hole_among_the_changes_that_wait_asks_for_a_snapshot_after_it() -> None:
    session = a_session()
    change(session, 5, 6)
    change(session, 9, 9)

    assert answer_depth(session, 6) == []
    assert kinds(answer_depth(session, 8)) == [Book]


def test_a_missing_change_keeps_the_book_back_until_it_is_whole_again() -> None:
    session = a_session(seed=10)
    change(session, 11, 11)

    broken = change(session, 13, 14)
    still_broken = change(session, 15, 15)
    healed = answer_depth(session, 14)

    [resyncing] = broken
    assert isinstance(resyncing, VenueStatus)
    assert (resyncing.state, resyncing.instrument) == ("resyncing", Instrument("ETH", "USDT"))
    assert resyncing.reason == "updates 12 to 12 are missing"
    assert still_broken == []
    live, gap, book = healed
    assert isinstance(live, VenueStatus)
    assert live.state == "live"
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.start_ns, gap.reason) == ("book", AT, resyncing.reason)
    assert isinstance(book, Book)
    assert book.sequence == 15
    assert kinds(change(session, 16, 16)) == [Book]


def test_a_change_that_was_seen_already_changes_nothing() -> None:
    session = a_session(seed=10)

    assert change(session, 9, 10, bids=[("99", "5")]) == []


def test_a_crossed_book_is_never_shown() -> None:
    session = a_session(seed=10)

    [status] = change(session, 11, 11, bids=[("100", "1")])

    assert isinstance(status, VenueStatus)
    assert status.reason == "the bid of 100.0 meets the ask of 100.0"
    assert answer_depth(session, 10) == []  # older than what crossed
    assert kinds(answer_depth(session, 11)) == [VenueStatus, Gap, Book]


def test_a_book_that_ran_out_of_the_levels_of_its_snapshot_starts_anew() -> None:
    session = a_session()
    answer_depth(session, 10, bid="2000", ask="2001", levels=1_000)
    beyond = change(session, 11, 11, bids=[("0.5", "1")])

    gone = change(session, 12, 12, bids=[(str(float(2_000 - step)), "0") for step in range(991)])

    assert kinds(beyond) == [Book]
    [status] = gone
    assert isinstance(status, VenueStatus)
    assert status.reason == "fewer than 10 levels are left of the snapshot"


def test_one_broken_book_leaves_the_others_alone() -> None:
    books = [a_book("binance", name, at_ns=AT) for name in (ETH, "SOL-USDT")]
    listings = [a_listing(ETH, "ETHUSDT"), a_listing("SOL-USDT", "SOLUSDT")]
    wire = Wire(VENUE, ToldMarket(listings, books))
    wire.settle()
    wire.lose(a_book("binance", ETH, bids=[(98.0, 1.0)], at_ns=AT, sequence=2))

    events = wire.tell(
        a_book("binance", ETH, bids=[(97.0, 1.0)], at_ns=AT, sequence=3),
        a_book("binance", "SOL-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=2),
        a_quote("binance", ETH, bid=97.0),
    )

    assert kinds(events) == [VenueStatus, Book, Quote]


@pytest.mark.parametrize(
    "fields",
    [
        {"p": "NaN"},
        {"p": "Infinity"},
        {"p": "0"},
        {"p": "-1"},
        {"p": "1e400"},
        {"p": None},
        {"q": "0.00000000"},
        {"T": 0},
        {"T": AT // 1_000},
        {"T": 4_070_908_800_000},
        {"s": "BTCUSDT"},
        {"t": -1},
        {"m": None},
    ],
    ids=str,
)
def test_a_trade_that_cannot_be_true_is_refused(fields: dict[str, object]) -> None:
    session = a_session()

    with pytest.raises(FrameError):
        receive(session, "ethusdt@trade", TRADE | fields)

    assert kinds(receive(session, "ethusdt@trade", TRADE)) == [Trade]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code": 2, "msg": "Invalid request: unknown variant"}',
        b'{"error": {"code": 3, "msg": "Invalid JSON"}, "id": 1}',
        b'{"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1790134742106}}',
    ],
)
def test_a_refusal_ends_the_connection(frame: bytes) -> None:
    with pytest.raises(VenueRefusedError, match="binance"):
        list(a_session().receive(frame, NOW))


def test_the_listing_carries_the_steps() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    row = {
        "symbol": "BTCUSDT",
        "status": "BREAK",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.00000000"},
            {"filterType": "MIN_NOTIONAL", "minNotional": "5.00000000"},
        ],
    }

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"symbols": [row]}))

    [listing] = done.value.value
    assert (listing.tick_size, listing.lot_size, listing.minimum_notional) == (0.01, 1e-5, 5.0)
    assert not listing.trading


def test_the_exchange_refuses_what_it_does_not_understand() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(b"{")
    exchange.receive(b'{"method": "DANCE", "id": 7}')

    errors = [msgspec.json.decode(frame)["error"]["code"] for frame in exchange.outgoing()]
    assert errors == [3, 2]
