"""The made-up market: the same for the same seed, and such as a real one could be."""

import pytest

from market import Book, Event, Instrument, Quote, Trade
from stream_service.simulator.prices import World, simulated_listings
from stream_service.venues import load_venues
from tests.making import SECOND

START = 1_790_000_000 * SECOND
INSTRUMENTS = [
    Instrument(base, quote)
    for base in ("BTC", "XRP", "USDT")
    for quote in ("USDT", "USD", "KRW")
    if base != quote
]


def a_world(seed: int) -> World:
    venues = load_venues().values()
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    return World(listings, seed=seed, start_ns=START)


def ten_seconds(world: World) -> list[Event]:
    times = range(START, START + 10 * SECOND, SECOND // 50)
    return [event for at_ns in times for event in world.step(at_ns, 5)]


def test_the_same_seed_gives_the_same_events() -> None:
    assert ten_seconds(a_world(3)) == ten_seconds(a_world(3))
    assert ten_seconds(a_world(3)) != ten_seconds(a_world(4))


def test_books_never_cross_and_levels_fall_away_from_the_middle() -> None:
    books = [event for event in ten_seconds(a_world(3)) if isinstance(event, Book)]

    assert books
    for book in books:
        bids = [level.price for level in book.bids]
        asks = [level.price for level in book.asks]
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert 0 < bids[0] < asks[0]


def test_every_venue_tells_quotes_and_trades() -> None:
    events = ten_seconds(a_world(3))

    venues = set(load_venues())
    assert {event.venue for event in events if isinstance(event, Quote)} == venues
    assert {event.venue for event in events if isinstance(event, Trade)} == venues


def test_trade_ids_count_up_without_a_jump() -> None:
    trades = [event for event in ten_seconds(a_world(3)) if isinstance(event, Trade)]
    for place in {(trade.venue, trade.instrument) for trade in trades}:
        numbers = [t.sequence for t in trades if (t.venue, t.instrument) == place]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_korean_prices_carry_a_premium() -> None:
    world = a_world(3)
    ten_seconds(world)
    btc = Instrument("BTC", "KRW")

    won = world.markets["upbit"].book(btc).bids[0].price / 1_378.0
    dollars = world.markets["kraken"].book(Instrument("BTC", "USD")).bids[0].price

    assert won / dollars == pytest.approx(1.018, abs=0.02)


def test_gaps_open_and_close() -> None:
    world = a_world(3)
    ten_seconds(world)

    assert world.gaps
    assert all(START < gap.start_ns < gap.end_ns for gap in world.gaps)
