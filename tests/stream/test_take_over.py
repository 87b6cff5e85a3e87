"""What a connection said of its instruments ends with it, also where another one takes over."""

from __future__ import annotations

from market import Book
from stream_service.simulator.faults import Fault
from tests.stream.running import VENUES, running_venue
from tests.waiting import eventually

LEAVE = b'{"e":"serverShutdown","E":1790000000000}'
LOST: Fault = "lost-frame"


async def test_a_book_that_broke_on_the_old_connection_is_well_on_the_new_one() -> None:
    async with running_venue(VENUES["binance"]) as running:
        with running.connected():
            every = set(running.instruments)
            await running.moved(lambda: {book.instrument for book in running.of(Book)} == every)
            running.served.without_rest.add("binance")  # no snapshot mends the book
            running.served.faults["binance"].hit_next(LOST)
            await running.moved(lambda: running.said("missing"))
            [broken] = [one for one in running.instruments if running.states(one)]
            running.served.send_raw("binance", LEAVE)
            await running.moved(lambda: running.served.accepted["binance"] == 2)
            await running.moved(lambda: running.served.clients("binance") == 1)
            running.served.without_rest.clear()

            await running.moved(lambda: running.states(broken)[-1] == "live")
            await eventually(lambda: running.statuses[-1].troubled == 0)

    assert "down" not in {status.state for status in running.statuses}
