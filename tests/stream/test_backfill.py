"""Missing trades are asked for page by page, and no more often than is polite."""

import asyncio

import pytest

from market import Gap, Instrument, Trade
from tests.stream.running import VENUES, running_venue

BTC = Instrument("BTC", "USDT")
MORE_THAN_A_PAGE = 1_500


@pytest.mark.parametrize("name", ["binance", "kucoin", "okx"])
async def test_a_hole_of_many_pages_is_filled_or_told(name: str) -> None:
    async with running_venue(VENUES[name], [BTC]) as running:
        with running.connected():
            await running.flows()
            running.told.clear()
            running.served.refusing.add(name)
            await running.served.hang_up(name)
            running.move(2 * MORE_THAN_A_PAGE)
            running.served.refusing.clear()

            await running.live()
            await running.complete()

        assert len(running.told) > MORE_THAN_A_PAGE / 2
        assert not running.twice()
        assert running.of(Gap) or sum(one.backfilled for one in running.of(Trade)) > 1_000


async def test_a_venue_that_sends_garbage_all_the_time_is_not_asked_each_time() -> None:
    async with running_venue(VENUES["upbit"]) as running:
        with running.connected() as connection:
            await running.flows()
            await running.complete()
            before = running.served.asked["upbit"]
            while connection.pulse.refused < 30:
                running.served.send_raw("upbit", b"[[[[")
                running.move(2)
                await asyncio.sleep(0.05)  # so that it takes a while

        assert running.served.asked["upbit"] - before < 4 * len(running.instruments)
        assert not running.missing()
