"""Upbit: one request for all, quotes from books, and what it refuses."""

import msgspec
import pytest

from market import Book, Event, FrameError, Gap, Quote, VenueRefusedError, VenueStatus
from stream_service.venues.upbit import VENUE, UpbitSession
from stream_service.wire import MS
from tests.making import a_book, a_listing, a_quote
from tests.venues.cases import AT
from tests.venues.playing import NOW, ToldMarket, Wire

BTC = a_listing("BTC-KRW", "KRW-BTC")


def a_wire() -> Wire:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("upbit", "BTC-KRW", at_ns=AT)]))
    wire.settle()
    return wire


def receive_book(session: UpbitSession, *units: tuple[float, float]) -> list[Event]:
    """Read a book of bid and ask prices; sizes are 1."""
    rows = [
        {"bid_price": bid, "ask_price": ask, "bid_size": 1, "ask_size": 1} for bid, ask in units
    ]
    frame = {"type": "orderbook", "code": "KRW-BTC", "timestamp": AT // MS, "orderbook_units": rows}
    return list(session.receive(msgspec.json.encode(frame), NOW))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_everything_is_subscribed_to_in_one_request() -> None:
    session = UpbitSession([BTC, a_listing("ETH-KRW", "KRW-ETH")])

    session.opened()

    request, ping = session.outgoing()
    assert ping == b"PING"
    assert [part.get("codes") for part in msgspec.json.decode(request)] == [
        None,
        ["KRW-BTC", "KRW-ETH"],
        ["KRW-BTC", "KRW-ETH"],
        None,
    ]


def test_a_book_gives_its_first_levels_as_a_quote() -> None:
    events = receive_book(UpbitSession([BTC]), (99.0, 100.0), (98.0, 101.0))

    book, quote = events
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (99.0, 100.0)
    assert isinstance(book, Book)
    assert len(book.bids) == len(book.asks) == 2


def test_a_book_of_one_side_gives_no_quote() -> None:
    assert kinds(receive_book(UpbitSession([BTC]), (0, 100.0))) == [Book]


def test_at_most_ten_levels_are_passed_on() -> None:
    units = [(99.0 - step, 100.0 + step) for step in range(30)]

    book, _ = receive_book(UpbitSession([BTC]), *units)

    assert isinstance(book, Book)
    assert len(book.bids) == len(book.asks) == 10


def test_a_crossed_book_is_kept_back_until_the_next_one() -> None:
    session = UpbitSession([BTC])
    receive_book(session, (99.0, 100.0))

    crossed = receive_book(session, (100.0, 100.0))
    healed = receive_book(session, (98.0, 100.0))

    assert kinds(crossed) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book, Quote]


def test_levels_out_of_order_are_refused() -> None:
    with pytest.raises(FrameError, match="not in order"):
        receive_book(UpbitSession([BTC]), (98.0, 100.0), (99.0, 101.0))


def test_an_error_ends_the_connection() -> None:
    frame = '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않습니다."}}'.encode()

    with pytest.raises(VenueRefusedError, match="NO_TICKET"):
        list(UpbitSession([BTC]).receive(frame, NOW))


@pytest.mark.parametrize("time", [0, 10**14, 10**14 + 1, 4_070_908_800_000, 1])
def test_a_book_of_no_plausible_time_is_refused(time: int) -> None:
    frame = {"type": "orderbook", "code": "KRW-BTC", "timestamp": time, "orderbook_units": []}

    with pytest.raises(FrameError, match="not within 2009 to 2098"):
        list(UpbitSession([BTC]).receive(msgspec.json.encode(frame), NOW))


def test_won_markets_cost_less_than_the_others() -> None:
    assert VENUE.fee_bps(BTC.instrument) == 5.0
    assert VENUE.fee_bps(a_listing("BTC-USDT").instrument) == 25.0


def test_the_exchange_tells_no_quote_but_its_book() -> None:
    wire = a_wire()

    assert wire.tell(a_quote("upbit", "BTC-KRW", at_ns=AT)) == []


def test_a_second_subscription_replaces_the_first() -> None:
    wire = a_wire()
    wire.exchange.receive(b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]')

    assert wire.tell(a_book("upbit", "BTC-KRW", at_ns=AT)) == []


@pytest.mark.parametrize(
    ("request_frame", "name"),
    [
        (b"{", "WRONG_FORMAT"),
        (b'[{"type":"trade","codes":["KRW-BTC"]}]', "NO_TICKET"),
        (b'[{"ticket":"t"}]', "NO_TYPE"),
        (b'[{"ticket":"t"},{"type":"trade"}]', "NO_CODES"),
    ],
)
def test_the_exchange_refuses_what_it_does_not_understand(request_frame: bytes, name: str) -> None:
    exchange = a_wire().exchange

    exchange.receive(request_frame)

    [reply] = [msgspec.json.decode(frame) for frame in exchange.outgoing()]
    assert reply["error"]["name"] == name


def test_after_a_ping_the_exchange_says_that_it_is_up_every_ten_seconds() -> None:
    exchange = a_wire().exchange

    for _ in range(21):
        exchange.beat()

    assert exchange.outgoing() == [b'{"status":"UP"}'] * 3
