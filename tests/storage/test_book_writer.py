"""Which books are stored, and what of them."""

import math
from collections.abc import Sequence

from msgspec.structs import replace

from infrastructure.bus.local import LocalBus
from market import Book
from storage_service.book_writer import BookWriter
from tests.making import SECOND, a_book
from tests.storage.running import BTC, EVER, WatchedStore, running
from tests.waiting import eventually


async def told(bus: LocalBus, writer: BookWriter, books: Sequence[Book]) -> None:
    """Have the writer deal with the books."""
    async with running(writer):
        await bus.publish(books)
        await eventually(lambda: writer.handled == len(books))


def at(*seconds: float, instrument: str = "BTC-USDT") -> list[Book]:
    return [
        a_book(instrument=instrument, at_ns=int(second * SECOND), sequence=number)
        for number, second in enumerate(seconds)
    ]


async def test_first_book_of_each_stretch_of_an_instrument_is_stored(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    books, others = at(11, 12, 19.999, 20, 35, 36), at(12, instrument="ETH-USDT")
    writer = BookWriter(local_bus, embedded, every_s=10)

    await told(local_bus, writer, [*books, *others])

    assert await embedded.books("kraken", BTC, **EVER) == [books[0], books[3], books[4]]
    assert await embedded.books("kraken", others[0].instrument, **EVER) == others
    assert (writer.counts["stored"], writer.counts["skipped"]) == (4, 3)


async def test_late_book_stores_neither_its_stretch_again_nor_the_one_after_it(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    books = at(11, 21, 19.9, 22, 29, 30)

    await told(local_bus, BookWriter(local_bus, embedded, every_s=10), books)

    assert await embedded.books("kraken", BTC, **EVER) == [books[0], books[1], books[5]]


async def test_only_the_best_levels_are_stored(local_bus: LocalBus, embedded: WatchedStore) -> None:
    bids, asks = [(99.0 - n, 1.0) for n in range(10)], [(100.0, 2.0), (101.0, 3.0)]
    whole = a_book(bids=bids, asks=asks)

    await told(local_bus, BookWriter(local_bus, embedded, every_s=1, levels=3), [whole])

    assert await embedded.books("kraken", BTC, **EVER) == [replace(whole, bids=whole.bids[:3])]


async def test_next_process_goes_on_with_the_stretch_where_the_last_one_ended(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    books = at(11, 12, 13, 21)

    first = BookWriter(local_bus, embedded, every_s=10)
    second = BookWriter(local_bus, embedded, every_s=10, clock=lambda: 12 * SECOND)
    await told(local_bus, first, books[:2])
    await told(local_bus, second, books[1:])

    assert await embedded.books("kraken", BTC, **EVER) == [books[0], books[3]]


async def test_two_processes_store_the_same_books(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    books = at(11, 12, 21, 22)
    first, second = (BookWriter(local_bus, embedded, every_s=10) for _ in range(2))

    async with running(first), running(second):
        await local_bus.publish(books)
        await eventually(lambda: first.handled == second.handled == 4)

    assert await embedded.books("kraken", BTC, **EVER) == [books[0], books[2]]


async def test_store_that_was_away_gets_the_same_books(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    books = at(11, 12, 21)
    embedded.away = 1

    await told(local_bus, BookWriter(local_bus, embedded, every_s=10), books)

    assert await embedded.books("kraken", BTC, **EVER) == [books[0], books[2]]
    assert embedded.writes == 2


async def test_book_that_cannot_be_stored_is_put_aside_and_its_neighbours_are_stored(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    first, poison, last = (
        at(11)[0],
        a_book(bids=[(math.nan, 1.0)], at_ns=21 * SECOND),
        at(31)[0],
    )
    writer = BookWriter(local_bus, embedded, every_s=10)

    async with running(writer):
        await local_bus.publish([first, poison, last])
        await eventually(lambda: writer.handled + writer.dead == 3)

    assert await embedded.books("kraken", BTC, **EVER) == [first, last]
    (dead,) = await local_bus.dead_letters(10)
    assert dead.event == poison
