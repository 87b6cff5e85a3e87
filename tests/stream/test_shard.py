"""A part of a venue stays connected, and says when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from market import Listing
from stream_service.intake import Intake
from stream_service.link import Gate, Link
from stream_service.rest import VenueRest
from stream_service.shard import Shard
from stream_service.venue import Options, Venue
from tests.making import a_listing
from tests.stream.running import Running
from tests.waiting import eventually


class Watched:
    """A shard, and what it told."""

    def __init__(self, venue: Venue, rest: VenueRest, listings: list[Listing]) -> None:
        self.links: list[Link] = []
        self.told: list[str] = []
        self._venue = venue
        self._rest = rest
        self._intake = Intake(venue, LocalBus())
        self.shard = Shard(listings, self._connect, on_up=self._up, on_down=self._down)

    def _connect(self, shard: Shard) -> Link:
        link = Link(
            self._venue,
            shard.listings,
            Options(),
            rest=self._rest,
            intake=self._intake,
            gate=Gate(0.0),
        )
        self.links.append(link)
        return link

    async def _up(self, _shard: Shard) -> None:
        self.told.append("up")

    async def _down(self, _shard: Shard, reason: str) -> None:
        self.told.append(f"down: {reason}")


@asynccontextmanager
async def watched(running: Running, **changes: object) -> AsyncIterator[Watched]:
    venue = msgspec.structs.replace(running.served.venue(running.name), **changes)
    listings = list(running.world.markets[running.name].listings)
    async with VenueRest(venue) as rest:
        watched = Watched(venue, rest, listings)
        task = asyncio.create_task(watched.shard.run())
        try:
            yield watched
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_a_connection_that_is_lost_is_told_and_made_again(kraken: Running) -> None:
    async with watched(kraken) as one:
        await eventually(lambda: one.told == ["up"])

        await kraken.served.hang_up("kraken")

        await eventually(lambda: len(one.told) == 3)
    assert one.told[1].startswith("down: ")
    assert one.told[2] == "up"


async def test_one_that_takes_over_tells_no_loss(kraken: Running) -> None:
    async with watched(kraken) as one:
        await eventually(lambda: one.told == ["up"])

        one.links[0].renew("the venue asks for it")

        await eventually(lambda: one.told == ["up", "up"])
        await eventually(one.links[0].ended.is_set)
    assert one.shard.link is one.links[1] or one.shard.link is None


async def test_what_is_followed_changes_on_a_new_connection(kraken: Running) -> None:
    async with watched(kraken) as one:
        await eventually(lambda: one.told == ["up"])

        one.shard.follow(one.shard.listings[:1])

        await eventually(lambda: one.told == ["up", "up"])
        assert len(one.links[1].instruments) == 1


async def test_it_ends_when_there_is_nothing_to_follow(kraken: Running) -> None:
    async with watched(kraken) as one:
        await eventually(lambda: one.told == ["up"])

        one.shard.follow([])

        await eventually(lambda: not kraken.served.clients("kraken"))
    assert one.told == ["up"]


async def test_the_loss_of_the_old_is_told_though_the_new_does_not_stand(kraken: Running) -> None:
    async with watched(kraken) as one:
        await eventually(lambda: one.told == ["up"])
        kraken.served.refusing.add("kraken")

        one.links[0].renew("the venue asks for it")
        await eventually(lambda: len(one.links) > 2)
        assert one.told == ["up"]
        await kraken.served.hang_up("kraken")

        await eventually(lambda: one.told[1:2] and one.told[1].startswith("down"))


async def test_one_that_stays_silent_never_counts(kraken: Running) -> None:
    kraken.served.silent.add("kraken")

    async with watched(kraken, max_silence_s=0.3) as one:
        await eventually(lambda: len(one.told) >= 2)

    assert all("nothing heard" in told for told in one.told)


@pytest.mark.parametrize("symbol", ["BTC-USD"])
async def test_a_link_is_for_what_the_shard_follows_now(kraken: Running, symbol: str) -> None:
    async with watched(kraken) as one:
        one.shard.follow([a_listing(symbol, "BTC/USD")])

        await eventually(lambda: one.links and len(one.links[-1].instruments) == 1)
