"""Missing trades are asked for page by page, and no more often than is polite."""

import asyncio

import pytest

from market import Gap, Instrument, Trade
from stream_service.venue import HttpRequest
from tests.making import SECOND
from tests.stream.running import VENUES, running_venue
from tests.waiting import eventually

BTC = Instrument("BTC", "USDT")
MORE_THAN_A_PAGE = 1_500
REST_BEHIND_S = 1.5


class Asked:
    """Notes when pages of trades came."""

    def __init__(self) -> None:
        self.at_ns: list[int] = []

    def frame(self, venue: str, link: int, body: bytes, received_ns: int) -> None:
        del venue, link, body, received_ns

    def answer(self, venue: str, request: HttpRequest, body: bytes, received_ns: int) -> None:
        del venue, body
        if request.about and request.about[0] == "trades":
            self.at_ns.append(received_ns)


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


async def test_of_a_quiet_instrument_rest_is_asked_once_it_tells_what_the_stream_did_not() -> None:
    async with running_venue(VENUES["okx"], [BTC]) as running:
        with running.connected(rest_behind_s=REST_BEHIND_S) as connection:
            await running.flows()
            await running.complete()
            asked = connection.intake.tap = Asked()

            await running.served.hang_up("okx")
            await eventually(lambda: running.state == "down")
            await eventually(lambda: running.state == "live")
            lives_since_ns = running.statuses[-1].event_ns
            await running.quoted(lambda: asked.at_ns and not connection.intake.ledger.recalls())

        assert asked.at_ns[0] - lives_since_ns > REST_BEHIND_S / 2 * SECOND
        assert not running.of(Gap)


async def test_of_an_instrument_that_trades_rest_is_asked_at_once() -> None:
    async with running_venue(VENUES["okx"], [BTC]) as running:
        with running.connected(rest_behind_s=60.0) as connection:
            await running.flows()

            await running.served.hang_up("okx")
            await running.moved(lambda: any(one.backfilled for one in running.of(Trade)))
            await running.moved(lambda: not connection.intake.ledger.recalls())

        assert not running.of(Gap)
        assert not running.twice()


async def test_garbage_does_not_prove_that_the_stream_tells_trades_again() -> None:
    async with running_venue(VENUES["okx"], [BTC]) as running:
        with running.connected() as connection:
            await running.flows()
            await running.complete()
            asked = connection.intake.tap = Asked()
            running.served.silent.add("okx")
            await running.served.hang_up("okx")
            await eventually(lambda: running.state == "down")
            await eventually(lambda: running.served.clients("okx"))
            running.served.send_raw("okx", b"[[[[")
            await eventually(lambda: asked.at_ns)

            running.move(20)
            running.served.silent.clear()

            await running.complete()
